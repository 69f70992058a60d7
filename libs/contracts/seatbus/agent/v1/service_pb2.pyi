from buf.validate import validate_pb2 as _validate_pb2
from seatbus.agent.v1 import types_pb2 as _types_pb2
from seatbus.common.v1 import types_pb2 as _types_pb2_1
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class WorkEvent(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    WORK_EVENT_UNSPECIFIED: _ClassVar[WorkEvent]
    WORK_EVENT_RINGING: _ClassVar[WorkEvent]
    WORK_EVENT_ANSWERED: _ClassVar[WorkEvent]
    WORK_EVENT_HELD: _ClassVar[WorkEvent]
    WORK_EVENT_RESUMED: _ClassVar[WorkEvent]
    WORK_EVENT_CONSULT_STARTED: _ClassVar[WorkEvent]
    WORK_EVENT_CONSULT_ENDED: _ClassVar[WorkEvent]
    WORK_EVENT_CONFERENCED: _ClassVar[WorkEvent]
    WORK_EVENT_ENDED: _ClassVar[WorkEvent]
    WORK_EVENT_NO_ANSWER: _ClassVar[WorkEvent]
    WORK_EVENT_BUSY: _ClassVar[WorkEvent]
    WORK_EVENT_REJECTED: _ClassVar[WorkEvent]
    WORK_EVENT_UNREACHABLE: _ClassVar[WorkEvent]
    WORK_EVENT_CANCELLED: _ClassVar[WorkEvent]
    WORK_EVENT_DIALING: _ClassVar[WorkEvent]
    WORK_EVENT_DEVICE_LOST: _ClassVar[WorkEvent]
    WORK_EVENT_ANSWERED_ELSEWHERE: _ClassVar[WorkEvent]
WORK_EVENT_UNSPECIFIED: WorkEvent
WORK_EVENT_RINGING: WorkEvent
WORK_EVENT_ANSWERED: WorkEvent
WORK_EVENT_HELD: WorkEvent
WORK_EVENT_RESUMED: WorkEvent
WORK_EVENT_CONSULT_STARTED: WorkEvent
WORK_EVENT_CONSULT_ENDED: WorkEvent
WORK_EVENT_CONFERENCED: WorkEvent
WORK_EVENT_ENDED: WorkEvent
WORK_EVENT_NO_ANSWER: WorkEvent
WORK_EVENT_BUSY: WorkEvent
WORK_EVENT_REJECTED: WorkEvent
WORK_EVENT_UNREACHABLE: WorkEvent
WORK_EVENT_CANCELLED: WorkEvent
WORK_EVENT_DIALING: WorkEvent
WORK_EVENT_DEVICE_LOST: WorkEvent
WORK_EVENT_ANSWERED_ELSEWHERE: WorkEvent

class LoginRequest(_message.Message):
    __slots__ = ("context", "agent_id", "seat_id", "device_id", "take_over", "ready")
    CONTEXT_FIELD_NUMBER: _ClassVar[int]
    AGENT_ID_FIELD_NUMBER: _ClassVar[int]
    SEAT_ID_FIELD_NUMBER: _ClassVar[int]
    DEVICE_ID_FIELD_NUMBER: _ClassVar[int]
    TAKE_OVER_FIELD_NUMBER: _ClassVar[int]
    READY_FIELD_NUMBER: _ClassVar[int]
    context: _types_pb2_1.RequestContext
    agent_id: str
    seat_id: str
    device_id: str
    take_over: bool
    ready: bool
    def __init__(self, context: _Optional[_Union[_types_pb2_1.RequestContext, _Mapping]] = ..., agent_id: _Optional[str] = ..., seat_id: _Optional[str] = ..., device_id: _Optional[str] = ..., take_over: _Optional[bool] = ..., ready: _Optional[bool] = ...) -> None: ...

class LogoutRequest(_message.Message):
    __slots__ = ("context", "agent_id")
    CONTEXT_FIELD_NUMBER: _ClassVar[int]
    AGENT_ID_FIELD_NUMBER: _ClassVar[int]
    context: _types_pb2_1.RequestContext
    agent_id: str
    def __init__(self, context: _Optional[_Union[_types_pb2_1.RequestContext, _Mapping]] = ..., agent_id: _Optional[str] = ...) -> None: ...

class SetPresenceRequest(_message.Message):
    __slots__ = ("context", "agent_id", "presence", "reason")
    CONTEXT_FIELD_NUMBER: _ClassVar[int]
    AGENT_ID_FIELD_NUMBER: _ClassVar[int]
    PRESENCE_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    context: _types_pb2_1.RequestContext
    agent_id: str
    presence: _types_pb2.Presence
    reason: str
    def __init__(self, context: _Optional[_Union[_types_pb2_1.RequestContext, _Mapping]] = ..., agent_id: _Optional[str] = ..., presence: _Optional[_Union[_types_pb2.Presence, str]] = ..., reason: _Optional[str] = ...) -> None: ...

class ForceStateRequest(_message.Message):
    __slots__ = ("context", "agent_id", "presence", "reason")
    CONTEXT_FIELD_NUMBER: _ClassVar[int]
    AGENT_ID_FIELD_NUMBER: _ClassVar[int]
    PRESENCE_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    context: _types_pb2_1.RequestContext
    agent_id: str
    presence: _types_pb2.Presence
    reason: str
    def __init__(self, context: _Optional[_Union[_types_pb2_1.RequestContext, _Mapping]] = ..., agent_id: _Optional[str] = ..., presence: _Optional[_Union[_types_pb2.Presence, str]] = ..., reason: _Optional[str] = ...) -> None: ...

class ReserveRequest(_message.Message):
    __slots__ = ("context", "agent_id", "rid", "contact_id", "contact_tenant_id", "call_id", "queue_id", "edge_instance", "channel", "ring_timeout_s", "wrap_up_s", "group", "epoch")
    CONTEXT_FIELD_NUMBER: _ClassVar[int]
    AGENT_ID_FIELD_NUMBER: _ClassVar[int]
    RID_FIELD_NUMBER: _ClassVar[int]
    CONTACT_ID_FIELD_NUMBER: _ClassVar[int]
    CONTACT_TENANT_ID_FIELD_NUMBER: _ClassVar[int]
    CALL_ID_FIELD_NUMBER: _ClassVar[int]
    QUEUE_ID_FIELD_NUMBER: _ClassVar[int]
    EDGE_INSTANCE_FIELD_NUMBER: _ClassVar[int]
    CHANNEL_FIELD_NUMBER: _ClassVar[int]
    RING_TIMEOUT_S_FIELD_NUMBER: _ClassVar[int]
    WRAP_UP_S_FIELD_NUMBER: _ClassVar[int]
    GROUP_FIELD_NUMBER: _ClassVar[int]
    EPOCH_FIELD_NUMBER: _ClassVar[int]
    context: _types_pb2_1.RequestContext
    agent_id: str
    rid: str
    contact_id: str
    contact_tenant_id: str
    call_id: str
    queue_id: str
    edge_instance: str
    channel: str
    ring_timeout_s: int
    wrap_up_s: int
    group: str
    epoch: int
    def __init__(self, context: _Optional[_Union[_types_pb2_1.RequestContext, _Mapping]] = ..., agent_id: _Optional[str] = ..., rid: _Optional[str] = ..., contact_id: _Optional[str] = ..., contact_tenant_id: _Optional[str] = ..., call_id: _Optional[str] = ..., queue_id: _Optional[str] = ..., edge_instance: _Optional[str] = ..., channel: _Optional[str] = ..., ring_timeout_s: _Optional[int] = ..., wrap_up_s: _Optional[int] = ..., group: _Optional[str] = ..., epoch: _Optional[int] = ...) -> None: ...

class ReserveResponse(_message.Message):
    __slots__ = ("revision", "device_id")
    REVISION_FIELD_NUMBER: _ClassVar[int]
    DEVICE_ID_FIELD_NUMBER: _ClassVar[int]
    revision: int
    device_id: str
    def __init__(self, revision: _Optional[int] = ..., device_id: _Optional[str] = ...) -> None: ...

class BeginWorkRequest(_message.Message):
    __slots__ = ("context", "agent_id", "rid", "kind", "call_tenant_id", "call_id", "edge_instance", "ring_timeout_s", "wrap_up_s")
    CONTEXT_FIELD_NUMBER: _ClassVar[int]
    AGENT_ID_FIELD_NUMBER: _ClassVar[int]
    RID_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    CALL_TENANT_ID_FIELD_NUMBER: _ClassVar[int]
    CALL_ID_FIELD_NUMBER: _ClassVar[int]
    EDGE_INSTANCE_FIELD_NUMBER: _ClassVar[int]
    RING_TIMEOUT_S_FIELD_NUMBER: _ClassVar[int]
    WRAP_UP_S_FIELD_NUMBER: _ClassVar[int]
    context: _types_pb2_1.RequestContext
    agent_id: str
    rid: str
    kind: str
    call_tenant_id: str
    call_id: str
    edge_instance: str
    ring_timeout_s: int
    wrap_up_s: int
    def __init__(self, context: _Optional[_Union[_types_pb2_1.RequestContext, _Mapping]] = ..., agent_id: _Optional[str] = ..., rid: _Optional[str] = ..., kind: _Optional[str] = ..., call_tenant_id: _Optional[str] = ..., call_id: _Optional[str] = ..., edge_instance: _Optional[str] = ..., ring_timeout_s: _Optional[int] = ..., wrap_up_s: _Optional[int] = ...) -> None: ...

class ReportWorkRequest(_message.Message):
    __slots__ = ("context", "agent_id", "rid", "event", "edge_instance")
    CONTEXT_FIELD_NUMBER: _ClassVar[int]
    AGENT_ID_FIELD_NUMBER: _ClassVar[int]
    RID_FIELD_NUMBER: _ClassVar[int]
    EVENT_FIELD_NUMBER: _ClassVar[int]
    EDGE_INSTANCE_FIELD_NUMBER: _ClassVar[int]
    context: _types_pb2_1.RequestContext
    agent_id: str
    rid: str
    event: WorkEvent
    edge_instance: str
    def __init__(self, context: _Optional[_Union[_types_pb2_1.RequestContext, _Mapping]] = ..., agent_id: _Optional[str] = ..., rid: _Optional[str] = ..., event: _Optional[_Union[WorkEvent, str]] = ..., edge_instance: _Optional[str] = ...) -> None: ...

class ReleaseReservationRequest(_message.Message):
    __slots__ = ("context", "agent_id", "rid")
    CONTEXT_FIELD_NUMBER: _ClassVar[int]
    AGENT_ID_FIELD_NUMBER: _ClassVar[int]
    RID_FIELD_NUMBER: _ClassVar[int]
    context: _types_pb2_1.RequestContext
    agent_id: str
    rid: str
    def __init__(self, context: _Optional[_Union[_types_pb2_1.RequestContext, _Mapping]] = ..., agent_id: _Optional[str] = ..., rid: _Optional[str] = ...) -> None: ...

class CompleteWrapUpRequest(_message.Message):
    __slots__ = ("context", "agent_id", "rid", "disposition", "notes")
    CONTEXT_FIELD_NUMBER: _ClassVar[int]
    AGENT_ID_FIELD_NUMBER: _ClassVar[int]
    RID_FIELD_NUMBER: _ClassVar[int]
    DISPOSITION_FIELD_NUMBER: _ClassVar[int]
    NOTES_FIELD_NUMBER: _ClassVar[int]
    context: _types_pb2_1.RequestContext
    agent_id: str
    rid: str
    disposition: str
    notes: str
    def __init__(self, context: _Optional[_Union[_types_pb2_1.RequestContext, _Mapping]] = ..., agent_id: _Optional[str] = ..., rid: _Optional[str] = ..., disposition: _Optional[str] = ..., notes: _Optional[str] = ...) -> None: ...

class ExtendWrapUpRequest(_message.Message):
    __slots__ = ("context", "agent_id", "seconds")
    CONTEXT_FIELD_NUMBER: _ClassVar[int]
    AGENT_ID_FIELD_NUMBER: _ClassVar[int]
    SECONDS_FIELD_NUMBER: _ClassVar[int]
    context: _types_pb2_1.RequestContext
    agent_id: str
    seconds: int
    def __init__(self, context: _Optional[_Union[_types_pb2_1.RequestContext, _Mapping]] = ..., agent_id: _Optional[str] = ..., seconds: _Optional[int] = ...) -> None: ...

class ReportDeviceRequest(_message.Message):
    __slots__ = ("context", "agent_id", "device_id", "registered")
    CONTEXT_FIELD_NUMBER: _ClassVar[int]
    AGENT_ID_FIELD_NUMBER: _ClassVar[int]
    DEVICE_ID_FIELD_NUMBER: _ClassVar[int]
    REGISTERED_FIELD_NUMBER: _ClassVar[int]
    context: _types_pb2_1.RequestContext
    agent_id: str
    device_id: str
    registered: bool
    def __init__(self, context: _Optional[_Union[_types_pb2_1.RequestContext, _Mapping]] = ..., agent_id: _Optional[str] = ..., device_id: _Optional[str] = ..., registered: _Optional[bool] = ...) -> None: ...

class GetAgentRequest(_message.Message):
    __slots__ = ("tenant_id", "agent_id")
    TENANT_ID_FIELD_NUMBER: _ClassVar[int]
    AGENT_ID_FIELD_NUMBER: _ClassVar[int]
    tenant_id: str
    agent_id: str
    def __init__(self, tenant_id: _Optional[str] = ..., agent_id: _Optional[str] = ...) -> None: ...

class ListAgentsRequest(_message.Message):
    __slots__ = ("tenant_id", "page", "filter")
    TENANT_ID_FIELD_NUMBER: _ClassVar[int]
    PAGE_FIELD_NUMBER: _ClassVar[int]
    FILTER_FIELD_NUMBER: _ClassVar[int]
    tenant_id: str
    page: _types_pb2_1.Page
    filter: AgentFilter
    def __init__(self, tenant_id: _Optional[str] = ..., page: _Optional[_Union[_types_pb2_1.Page, _Mapping]] = ..., filter: _Optional[_Union[AgentFilter, _Mapping]] = ...) -> None: ...

class AgentFilter(_message.Message):
    __slots__ = ("presences", "work_states", "team_id", "branch_id", "queue_id", "seat_id", "overrun")
    PRESENCES_FIELD_NUMBER: _ClassVar[int]
    WORK_STATES_FIELD_NUMBER: _ClassVar[int]
    TEAM_ID_FIELD_NUMBER: _ClassVar[int]
    BRANCH_ID_FIELD_NUMBER: _ClassVar[int]
    QUEUE_ID_FIELD_NUMBER: _ClassVar[int]
    SEAT_ID_FIELD_NUMBER: _ClassVar[int]
    OVERRUN_FIELD_NUMBER: _ClassVar[int]
    presences: _containers.RepeatedScalarFieldContainer[_types_pb2.Presence]
    work_states: _containers.RepeatedScalarFieldContainer[_types_pb2.WorkState]
    team_id: str
    branch_id: str
    queue_id: str
    seat_id: str
    overrun: bool
    def __init__(self, presences: _Optional[_Iterable[_Union[_types_pb2.Presence, str]]] = ..., work_states: _Optional[_Iterable[_Union[_types_pb2.WorkState, str]]] = ..., team_id: _Optional[str] = ..., branch_id: _Optional[str] = ..., queue_id: _Optional[str] = ..., seat_id: _Optional[str] = ..., overrun: _Optional[bool] = ...) -> None: ...

class WatchAgentsRequest(_message.Message):
    __slots__ = ("tenant_id", "filter")
    TENANT_ID_FIELD_NUMBER: _ClassVar[int]
    FILTER_FIELD_NUMBER: _ClassVar[int]
    tenant_id: str
    filter: AgentFilter
    def __init__(self, tenant_id: _Optional[str] = ..., filter: _Optional[_Union[AgentFilter, _Mapping]] = ...) -> None: ...

class AgentsUpdate(_message.Message):
    __slots__ = ("snapshot", "agents", "removed")
    SNAPSHOT_FIELD_NUMBER: _ClassVar[int]
    AGENTS_FIELD_NUMBER: _ClassVar[int]
    REMOVED_FIELD_NUMBER: _ClassVar[int]
    snapshot: bool
    agents: _containers.RepeatedCompositeFieldContainer[_types_pb2.AgentState]
    removed: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, snapshot: _Optional[bool] = ..., agents: _Optional[_Iterable[_Union[_types_pb2.AgentState, _Mapping]]] = ..., removed: _Optional[_Iterable[str]] = ...) -> None: ...

class AgentResponse(_message.Message):
    __slots__ = ("agent", "revision")
    AGENT_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    agent: _types_pb2.AgentState
    revision: int
    def __init__(self, agent: _Optional[_Union[_types_pb2.AgentState, _Mapping]] = ..., revision: _Optional[int] = ...) -> None: ...

class ListAgentsResponse(_message.Message):
    __slots__ = ("agents", "next_cursor")
    AGENTS_FIELD_NUMBER: _ClassVar[int]
    NEXT_CURSOR_FIELD_NUMBER: _ClassVar[int]
    agents: _containers.RepeatedCompositeFieldContainer[_types_pb2.AgentState]
    next_cursor: str
    def __init__(self, agents: _Optional[_Iterable[_Union[_types_pb2.AgentState, _Mapping]]] = ..., next_cursor: _Optional[str] = ...) -> None: ...
