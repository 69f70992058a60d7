import datetime

from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Cdr(_message.Message):
    __slots__ = ("tenant_id", "call_id", "interaction_id", "direction", "caller", "dialed", "trunk_id", "number_id", "branch_id", "flow_id", "queue_id", "agent_id", "digits", "cause", "sip_status", "started_at", "answered_at", "queued_at", "bridged_at", "ended_at", "duration_us", "wait_us", "talk_us", "queue_visits", "offers", "recording_id", "recording_ms", "recording_bytes", "last_seq", "final", "caller_mos", "agent_mos", "owner", "segments", "attributes")
    class AttributesEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    TENANT_ID_FIELD_NUMBER: _ClassVar[int]
    CALL_ID_FIELD_NUMBER: _ClassVar[int]
    INTERACTION_ID_FIELD_NUMBER: _ClassVar[int]
    DIRECTION_FIELD_NUMBER: _ClassVar[int]
    CALLER_FIELD_NUMBER: _ClassVar[int]
    DIALED_FIELD_NUMBER: _ClassVar[int]
    TRUNK_ID_FIELD_NUMBER: _ClassVar[int]
    NUMBER_ID_FIELD_NUMBER: _ClassVar[int]
    BRANCH_ID_FIELD_NUMBER: _ClassVar[int]
    FLOW_ID_FIELD_NUMBER: _ClassVar[int]
    QUEUE_ID_FIELD_NUMBER: _ClassVar[int]
    AGENT_ID_FIELD_NUMBER: _ClassVar[int]
    DIGITS_FIELD_NUMBER: _ClassVar[int]
    CAUSE_FIELD_NUMBER: _ClassVar[int]
    SIP_STATUS_FIELD_NUMBER: _ClassVar[int]
    STARTED_AT_FIELD_NUMBER: _ClassVar[int]
    ANSWERED_AT_FIELD_NUMBER: _ClassVar[int]
    QUEUED_AT_FIELD_NUMBER: _ClassVar[int]
    BRIDGED_AT_FIELD_NUMBER: _ClassVar[int]
    ENDED_AT_FIELD_NUMBER: _ClassVar[int]
    DURATION_US_FIELD_NUMBER: _ClassVar[int]
    WAIT_US_FIELD_NUMBER: _ClassVar[int]
    TALK_US_FIELD_NUMBER: _ClassVar[int]
    QUEUE_VISITS_FIELD_NUMBER: _ClassVar[int]
    OFFERS_FIELD_NUMBER: _ClassVar[int]
    RECORDING_ID_FIELD_NUMBER: _ClassVar[int]
    RECORDING_MS_FIELD_NUMBER: _ClassVar[int]
    RECORDING_BYTES_FIELD_NUMBER: _ClassVar[int]
    LAST_SEQ_FIELD_NUMBER: _ClassVar[int]
    FINAL_FIELD_NUMBER: _ClassVar[int]
    CALLER_MOS_FIELD_NUMBER: _ClassVar[int]
    AGENT_MOS_FIELD_NUMBER: _ClassVar[int]
    OWNER_FIELD_NUMBER: _ClassVar[int]
    SEGMENTS_FIELD_NUMBER: _ClassVar[int]
    ATTRIBUTES_FIELD_NUMBER: _ClassVar[int]
    tenant_id: str
    call_id: str
    interaction_id: str
    direction: str
    caller: str
    dialed: str
    trunk_id: str
    number_id: str
    branch_id: str
    flow_id: str
    queue_id: str
    agent_id: str
    digits: str
    cause: str
    sip_status: int
    started_at: _timestamp_pb2.Timestamp
    answered_at: _timestamp_pb2.Timestamp
    queued_at: _timestamp_pb2.Timestamp
    bridged_at: _timestamp_pb2.Timestamp
    ended_at: _timestamp_pb2.Timestamp
    duration_us: int
    wait_us: int
    talk_us: int
    queue_visits: int
    offers: int
    recording_id: str
    recording_ms: int
    recording_bytes: int
    last_seq: int
    final: bool
    caller_mos: float
    agent_mos: float
    owner: str
    segments: _containers.RepeatedCompositeFieldContainer[Segment]
    attributes: _containers.ScalarMap[str, str]
    def __init__(self, tenant_id: _Optional[str] = ..., call_id: _Optional[str] = ..., interaction_id: _Optional[str] = ..., direction: _Optional[str] = ..., caller: _Optional[str] = ..., dialed: _Optional[str] = ..., trunk_id: _Optional[str] = ..., number_id: _Optional[str] = ..., branch_id: _Optional[str] = ..., flow_id: _Optional[str] = ..., queue_id: _Optional[str] = ..., agent_id: _Optional[str] = ..., digits: _Optional[str] = ..., cause: _Optional[str] = ..., sip_status: _Optional[int] = ..., started_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., answered_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., queued_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., bridged_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., ended_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., duration_us: _Optional[int] = ..., wait_us: _Optional[int] = ..., talk_us: _Optional[int] = ..., queue_visits: _Optional[int] = ..., offers: _Optional[int] = ..., recording_id: _Optional[str] = ..., recording_ms: _Optional[int] = ..., recording_bytes: _Optional[int] = ..., last_seq: _Optional[int] = ..., final: _Optional[bool] = ..., caller_mos: _Optional[float] = ..., agent_mos: _Optional[float] = ..., owner: _Optional[str] = ..., segments: _Optional[_Iterable[_Union[Segment, _Mapping]]] = ..., attributes: _Optional[_Mapping[str, str]] = ...) -> None: ...

class Segment(_message.Message):
    __slots__ = ("leg_id", "agent_id", "agent_tenant_id", "queue_id", "cause", "created_at", "answered_at", "ended_at")
    LEG_ID_FIELD_NUMBER: _ClassVar[int]
    AGENT_ID_FIELD_NUMBER: _ClassVar[int]
    AGENT_TENANT_ID_FIELD_NUMBER: _ClassVar[int]
    QUEUE_ID_FIELD_NUMBER: _ClassVar[int]
    CAUSE_FIELD_NUMBER: _ClassVar[int]
    CREATED_AT_FIELD_NUMBER: _ClassVar[int]
    ANSWERED_AT_FIELD_NUMBER: _ClassVar[int]
    ENDED_AT_FIELD_NUMBER: _ClassVar[int]
    leg_id: str
    agent_id: str
    agent_tenant_id: str
    queue_id: str
    cause: str
    created_at: _timestamp_pb2.Timestamp
    answered_at: _timestamp_pb2.Timestamp
    ended_at: _timestamp_pb2.Timestamp
    def __init__(self, leg_id: _Optional[str] = ..., agent_id: _Optional[str] = ..., agent_tenant_id: _Optional[str] = ..., queue_id: _Optional[str] = ..., cause: _Optional[str] = ..., created_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., answered_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., ended_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class QueueVisit(_message.Message):
    __slots__ = ("tenant_id", "contact_id", "call_id", "queue_id", "enqueued_at", "ended_at", "outcome", "wait_us", "agent_id", "offers", "service_level_s")
    TENANT_ID_FIELD_NUMBER: _ClassVar[int]
    CONTACT_ID_FIELD_NUMBER: _ClassVar[int]
    CALL_ID_FIELD_NUMBER: _ClassVar[int]
    QUEUE_ID_FIELD_NUMBER: _ClassVar[int]
    ENQUEUED_AT_FIELD_NUMBER: _ClassVar[int]
    ENDED_AT_FIELD_NUMBER: _ClassVar[int]
    OUTCOME_FIELD_NUMBER: _ClassVar[int]
    WAIT_US_FIELD_NUMBER: _ClassVar[int]
    AGENT_ID_FIELD_NUMBER: _ClassVar[int]
    OFFERS_FIELD_NUMBER: _ClassVar[int]
    SERVICE_LEVEL_S_FIELD_NUMBER: _ClassVar[int]
    tenant_id: str
    contact_id: str
    call_id: str
    queue_id: str
    enqueued_at: _timestamp_pb2.Timestamp
    ended_at: _timestamp_pb2.Timestamp
    outcome: str
    wait_us: int
    agent_id: str
    offers: int
    service_level_s: int
    def __init__(self, tenant_id: _Optional[str] = ..., contact_id: _Optional[str] = ..., call_id: _Optional[str] = ..., queue_id: _Optional[str] = ..., enqueued_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., ended_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., outcome: _Optional[str] = ..., wait_us: _Optional[int] = ..., agent_id: _Optional[str] = ..., offers: _Optional[int] = ..., service_level_s: _Optional[int] = ...) -> None: ...

class AgentInterval(_message.Message):
    __slots__ = ("tenant_id", "agent_id", "seq", "kind", "state", "reason", "until", "call_id", "queue_id", "contact_tenant_id", "next_state", "cause", "disposition", "rid")
    TENANT_ID_FIELD_NUMBER: _ClassVar[int]
    AGENT_ID_FIELD_NUMBER: _ClassVar[int]
    SEQ_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    FROM_FIELD_NUMBER: _ClassVar[int]
    UNTIL_FIELD_NUMBER: _ClassVar[int]
    CALL_ID_FIELD_NUMBER: _ClassVar[int]
    QUEUE_ID_FIELD_NUMBER: _ClassVar[int]
    CONTACT_TENANT_ID_FIELD_NUMBER: _ClassVar[int]
    NEXT_STATE_FIELD_NUMBER: _ClassVar[int]
    CAUSE_FIELD_NUMBER: _ClassVar[int]
    DISPOSITION_FIELD_NUMBER: _ClassVar[int]
    RID_FIELD_NUMBER: _ClassVar[int]
    tenant_id: str
    agent_id: str
    seq: int
    kind: str
    state: str
    reason: str
    until: _timestamp_pb2.Timestamp
    call_id: str
    queue_id: str
    contact_tenant_id: str
    next_state: str
    cause: str
    disposition: str
    rid: str
    def __init__(self, tenant_id: _Optional[str] = ..., agent_id: _Optional[str] = ..., seq: _Optional[int] = ..., kind: _Optional[str] = ..., state: _Optional[str] = ..., reason: _Optional[str] = ..., until: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., call_id: _Optional[str] = ..., queue_id: _Optional[str] = ..., contact_tenant_id: _Optional[str] = ..., next_state: _Optional[str] = ..., cause: _Optional[str] = ..., disposition: _Optional[str] = ..., rid: _Optional[str] = ..., **kwargs) -> None: ...

class QueueBoard(_message.Message):
    __slots__ = ("queue_id", "name", "waiting", "oldest_enqueued_at", "offered", "answered", "abandoned", "short_abandoned", "other", "answered_in_time", "service_level", "service_level_s", "talking", "asa_s")
    QUEUE_ID_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    WAITING_FIELD_NUMBER: _ClassVar[int]
    OLDEST_ENQUEUED_AT_FIELD_NUMBER: _ClassVar[int]
    OFFERED_FIELD_NUMBER: _ClassVar[int]
    ANSWERED_FIELD_NUMBER: _ClassVar[int]
    ABANDONED_FIELD_NUMBER: _ClassVar[int]
    SHORT_ABANDONED_FIELD_NUMBER: _ClassVar[int]
    OTHER_FIELD_NUMBER: _ClassVar[int]
    ANSWERED_IN_TIME_FIELD_NUMBER: _ClassVar[int]
    SERVICE_LEVEL_FIELD_NUMBER: _ClassVar[int]
    SERVICE_LEVEL_S_FIELD_NUMBER: _ClassVar[int]
    TALKING_FIELD_NUMBER: _ClassVar[int]
    ASA_S_FIELD_NUMBER: _ClassVar[int]
    queue_id: str
    name: str
    waiting: int
    oldest_enqueued_at: _timestamp_pb2.Timestamp
    offered: int
    answered: int
    abandoned: int
    short_abandoned: int
    other: int
    answered_in_time: int
    service_level: float
    service_level_s: int
    talking: int
    asa_s: float
    def __init__(self, queue_id: _Optional[str] = ..., name: _Optional[str] = ..., waiting: _Optional[int] = ..., oldest_enqueued_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., offered: _Optional[int] = ..., answered: _Optional[int] = ..., abandoned: _Optional[int] = ..., short_abandoned: _Optional[int] = ..., other: _Optional[int] = ..., answered_in_time: _Optional[int] = ..., service_level: _Optional[float] = ..., service_level_s: _Optional[int] = ..., talking: _Optional[int] = ..., asa_s: _Optional[float] = ...) -> None: ...

class AgentBoard(_message.Message):
    __slots__ = ("agent_id", "agent_tenant_id", "name", "state", "reason", "since", "queue_id", "call_id", "contact_tenant_id")
    AGENT_ID_FIELD_NUMBER: _ClassVar[int]
    AGENT_TENANT_ID_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    SINCE_FIELD_NUMBER: _ClassVar[int]
    QUEUE_ID_FIELD_NUMBER: _ClassVar[int]
    CALL_ID_FIELD_NUMBER: _ClassVar[int]
    CONTACT_TENANT_ID_FIELD_NUMBER: _ClassVar[int]
    agent_id: str
    agent_tenant_id: str
    name: str
    state: str
    reason: str
    since: _timestamp_pb2.Timestamp
    queue_id: str
    call_id: str
    contact_tenant_id: str
    def __init__(self, agent_id: _Optional[str] = ..., agent_tenant_id: _Optional[str] = ..., name: _Optional[str] = ..., state: _Optional[str] = ..., reason: _Optional[str] = ..., since: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., queue_id: _Optional[str] = ..., call_id: _Optional[str] = ..., contact_tenant_id: _Optional[str] = ...) -> None: ...

class EmergencyCall(_message.Message):
    __slots__ = ("call_id", "number", "agent_id", "seat_id", "branch_id", "since")
    CALL_ID_FIELD_NUMBER: _ClassVar[int]
    NUMBER_FIELD_NUMBER: _ClassVar[int]
    AGENT_ID_FIELD_NUMBER: _ClassVar[int]
    SEAT_ID_FIELD_NUMBER: _ClassVar[int]
    BRANCH_ID_FIELD_NUMBER: _ClassVar[int]
    SINCE_FIELD_NUMBER: _ClassVar[int]
    call_id: str
    number: str
    agent_id: str
    seat_id: str
    branch_id: str
    since: _timestamp_pb2.Timestamp
    def __init__(self, call_id: _Optional[str] = ..., number: _Optional[str] = ..., agent_id: _Optional[str] = ..., seat_id: _Optional[str] = ..., branch_id: _Optional[str] = ..., since: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class MinutePoint(_message.Message):
    __slots__ = ("minute", "queue_id", "offered", "answered", "abandoned", "waiting_max")
    MINUTE_FIELD_NUMBER: _ClassVar[int]
    QUEUE_ID_FIELD_NUMBER: _ClassVar[int]
    OFFERED_FIELD_NUMBER: _ClassVar[int]
    ANSWERED_FIELD_NUMBER: _ClassVar[int]
    ABANDONED_FIELD_NUMBER: _ClassVar[int]
    WAITING_MAX_FIELD_NUMBER: _ClassVar[int]
    minute: _timestamp_pb2.Timestamp
    queue_id: str
    offered: int
    answered: int
    abandoned: int
    waiting_max: int
    def __init__(self, minute: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., queue_id: _Optional[str] = ..., offered: _Optional[int] = ..., answered: _Optional[int] = ..., abandoned: _Optional[int] = ..., waiting_max: _Optional[int] = ...) -> None: ...
