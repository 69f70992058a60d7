import datetime

from google.protobuf import timestamp_pb2 as _timestamp_pb2
from seatbus.common.v1 import types_pb2 as _types_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Presence(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    PRESENCE_UNSPECIFIED: _ClassVar[Presence]
    PRESENCE_LOGGED_OUT: _ClassVar[Presence]
    PRESENCE_NOT_READY: _ClassVar[Presence]
    PRESENCE_READY: _ClassVar[Presence]

class WorkState(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    WORK_STATE_UNSPECIFIED: _ClassVar[WorkState]
    WORK_STATE_RESERVED: _ClassVar[WorkState]
    WORK_STATE_RINGING: _ClassVar[WorkState]
    WORK_STATE_DIALING: _ClassVar[WorkState]
    WORK_STATE_TALKING: _ClassVar[WorkState]
    WORK_STATE_HELD: _ClassVar[WorkState]
    WORK_STATE_CONSULTING: _ClassVar[WorkState]
    WORK_STATE_CONFERENCED: _ClassVar[WorkState]
    WORK_STATE_WRAP_UP: _ClassVar[WorkState]
    WORK_STATE_DONE: _ClassVar[WorkState]

class Shift(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    SHIFT_UNSPECIFIED: _ClassVar[Shift]
    SHIFT_ON: _ClassVar[Shift]
    SHIFT_OFF: _ClassVar[Shift]
PRESENCE_UNSPECIFIED: Presence
PRESENCE_LOGGED_OUT: Presence
PRESENCE_NOT_READY: Presence
PRESENCE_READY: Presence
WORK_STATE_UNSPECIFIED: WorkState
WORK_STATE_RESERVED: WorkState
WORK_STATE_RINGING: WorkState
WORK_STATE_DIALING: WorkState
WORK_STATE_TALKING: WorkState
WORK_STATE_HELD: WorkState
WORK_STATE_CONSULTING: WorkState
WORK_STATE_CONFERENCED: WorkState
WORK_STATE_WRAP_UP: WorkState
WORK_STATE_DONE: WorkState
SHIFT_UNSPECIFIED: Shift
SHIFT_ON: Shift
SHIFT_OFF: Shift

class WorkItem(_message.Message):
    __slots__ = ("rid", "state", "contact_id", "call_id", "tenant_id", "queue_id", "edge_instance", "channel", "since", "created_at", "ring_timeout_s", "wrap_up_s", "deadline", "acd_epoch_group", "acd_epoch", "kind", "disposition_required", "max_wrap_up_s")
    RID_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    CONTACT_ID_FIELD_NUMBER: _ClassVar[int]
    CALL_ID_FIELD_NUMBER: _ClassVar[int]
    TENANT_ID_FIELD_NUMBER: _ClassVar[int]
    QUEUE_ID_FIELD_NUMBER: _ClassVar[int]
    EDGE_INSTANCE_FIELD_NUMBER: _ClassVar[int]
    CHANNEL_FIELD_NUMBER: _ClassVar[int]
    SINCE_FIELD_NUMBER: _ClassVar[int]
    CREATED_AT_FIELD_NUMBER: _ClassVar[int]
    RING_TIMEOUT_S_FIELD_NUMBER: _ClassVar[int]
    WRAP_UP_S_FIELD_NUMBER: _ClassVar[int]
    DEADLINE_FIELD_NUMBER: _ClassVar[int]
    ACD_EPOCH_GROUP_FIELD_NUMBER: _ClassVar[int]
    ACD_EPOCH_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    DISPOSITION_REQUIRED_FIELD_NUMBER: _ClassVar[int]
    MAX_WRAP_UP_S_FIELD_NUMBER: _ClassVar[int]
    rid: str
    state: WorkState
    contact_id: str
    call_id: str
    tenant_id: str
    queue_id: str
    edge_instance: str
    channel: str
    since: _timestamp_pb2.Timestamp
    created_at: _timestamp_pb2.Timestamp
    ring_timeout_s: int
    wrap_up_s: int
    deadline: _timestamp_pb2.Timestamp
    acd_epoch_group: str
    acd_epoch: int
    kind: str
    disposition_required: bool
    max_wrap_up_s: int
    def __init__(self, rid: _Optional[str] = ..., state: _Optional[_Union[WorkState, str]] = ..., contact_id: _Optional[str] = ..., call_id: _Optional[str] = ..., tenant_id: _Optional[str] = ..., queue_id: _Optional[str] = ..., edge_instance: _Optional[str] = ..., channel: _Optional[str] = ..., since: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., created_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., ring_timeout_s: _Optional[int] = ..., wrap_up_s: _Optional[int] = ..., deadline: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., acd_epoch_group: _Optional[str] = ..., acd_epoch: _Optional[int] = ..., kind: _Optional[str] = ..., disposition_required: _Optional[bool] = ..., max_wrap_up_s: _Optional[int] = ...) -> None: ...

class AgentState(_message.Message):
    __slots__ = ("meta", "tenant_id", "agent_id", "presence", "reason", "presence_since", "deferred_presence", "deferred_reason", "work", "idle_since", "login_id", "seat_id", "device_id", "contacts_handled", "handled_us", "logged_in_at", "break_until", "break_overrun", "deferred_limit_s", "shift")
    META_FIELD_NUMBER: _ClassVar[int]
    TENANT_ID_FIELD_NUMBER: _ClassVar[int]
    AGENT_ID_FIELD_NUMBER: _ClassVar[int]
    PRESENCE_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    PRESENCE_SINCE_FIELD_NUMBER: _ClassVar[int]
    DEFERRED_PRESENCE_FIELD_NUMBER: _ClassVar[int]
    DEFERRED_REASON_FIELD_NUMBER: _ClassVar[int]
    WORK_FIELD_NUMBER: _ClassVar[int]
    IDLE_SINCE_FIELD_NUMBER: _ClassVar[int]
    LOGIN_ID_FIELD_NUMBER: _ClassVar[int]
    SEAT_ID_FIELD_NUMBER: _ClassVar[int]
    DEVICE_ID_FIELD_NUMBER: _ClassVar[int]
    CONTACTS_HANDLED_FIELD_NUMBER: _ClassVar[int]
    HANDLED_US_FIELD_NUMBER: _ClassVar[int]
    LOGGED_IN_AT_FIELD_NUMBER: _ClassVar[int]
    BREAK_UNTIL_FIELD_NUMBER: _ClassVar[int]
    BREAK_OVERRUN_FIELD_NUMBER: _ClassVar[int]
    DEFERRED_LIMIT_S_FIELD_NUMBER: _ClassVar[int]
    SHIFT_FIELD_NUMBER: _ClassVar[int]
    meta: _types_pb2.RecordMeta
    tenant_id: str
    agent_id: str
    presence: Presence
    reason: str
    presence_since: _timestamp_pb2.Timestamp
    deferred_presence: Presence
    deferred_reason: str
    work: _containers.RepeatedCompositeFieldContainer[WorkItem]
    idle_since: _timestamp_pb2.Timestamp
    login_id: str
    seat_id: str
    device_id: str
    contacts_handled: int
    handled_us: int
    logged_in_at: _timestamp_pb2.Timestamp
    break_until: _timestamp_pb2.Timestamp
    break_overrun: bool
    deferred_limit_s: int
    shift: Shift
    def __init__(self, meta: _Optional[_Union[_types_pb2.RecordMeta, _Mapping]] = ..., tenant_id: _Optional[str] = ..., agent_id: _Optional[str] = ..., presence: _Optional[_Union[Presence, str]] = ..., reason: _Optional[str] = ..., presence_since: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., deferred_presence: _Optional[_Union[Presence, str]] = ..., deferred_reason: _Optional[str] = ..., work: _Optional[_Iterable[_Union[WorkItem, _Mapping]]] = ..., idle_since: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., login_id: _Optional[str] = ..., seat_id: _Optional[str] = ..., device_id: _Optional[str] = ..., contacts_handled: _Optional[int] = ..., handled_us: _Optional[int] = ..., logged_in_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., break_until: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., break_overrun: _Optional[bool] = ..., deferred_limit_s: _Optional[int] = ..., shift: _Optional[_Union[Shift, str]] = ...) -> None: ...

class SeatClaim(_message.Message):
    __slots__ = ("meta", "tenant_id", "seat_id", "agent_id", "claimed_at")
    META_FIELD_NUMBER: _ClassVar[int]
    TENANT_ID_FIELD_NUMBER: _ClassVar[int]
    SEAT_ID_FIELD_NUMBER: _ClassVar[int]
    AGENT_ID_FIELD_NUMBER: _ClassVar[int]
    CLAIMED_AT_FIELD_NUMBER: _ClassVar[int]
    meta: _types_pb2.RecordMeta
    tenant_id: str
    seat_id: str
    agent_id: str
    claimed_at: _timestamp_pb2.Timestamp
    def __init__(self, meta: _Optional[_Union[_types_pb2.RecordMeta, _Mapping]] = ..., tenant_id: _Optional[str] = ..., seat_id: _Optional[str] = ..., agent_id: _Optional[str] = ..., claimed_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...
