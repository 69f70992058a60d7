import datetime

from google.protobuf import timestamp_pb2 as _timestamp_pb2
from seatbus.acd.v1 import types_pb2 as _types_pb2
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class ContactEnqueued(_message.Message):
    __slots__ = ("call_id", "queue_id", "priority", "visit", "interaction_id", "channel", "branch_id", "service_level_s", "short_abandon_s")
    CALL_ID_FIELD_NUMBER: _ClassVar[int]
    QUEUE_ID_FIELD_NUMBER: _ClassVar[int]
    PRIORITY_FIELD_NUMBER: _ClassVar[int]
    VISIT_FIELD_NUMBER: _ClassVar[int]
    INTERACTION_ID_FIELD_NUMBER: _ClassVar[int]
    CHANNEL_FIELD_NUMBER: _ClassVar[int]
    BRANCH_ID_FIELD_NUMBER: _ClassVar[int]
    SERVICE_LEVEL_S_FIELD_NUMBER: _ClassVar[int]
    SHORT_ABANDON_S_FIELD_NUMBER: _ClassVar[int]
    call_id: str
    queue_id: str
    priority: int
    visit: int
    interaction_id: str
    channel: str
    branch_id: str
    service_level_s: int
    short_abandon_s: int
    def __init__(self, call_id: _Optional[str] = ..., queue_id: _Optional[str] = ..., priority: _Optional[int] = ..., visit: _Optional[int] = ..., interaction_id: _Optional[str] = ..., channel: _Optional[str] = ..., branch_id: _Optional[str] = ..., service_level_s: _Optional[int] = ..., short_abandon_s: _Optional[int] = ...) -> None: ...

class ContactCallbackRequested(_message.Message):
    __slots__ = ("call_id", "queue_id", "number", "order", "wait_us")
    CALL_ID_FIELD_NUMBER: _ClassVar[int]
    QUEUE_ID_FIELD_NUMBER: _ClassVar[int]
    NUMBER_FIELD_NUMBER: _ClassVar[int]
    ORDER_FIELD_NUMBER: _ClassVar[int]
    WAIT_US_FIELD_NUMBER: _ClassVar[int]
    call_id: str
    queue_id: str
    number: str
    order: _types_pb2.CallbackOrder
    wait_us: int
    def __init__(self, call_id: _Optional[str] = ..., queue_id: _Optional[str] = ..., number: _Optional[str] = ..., order: _Optional[_Union[_types_pb2.CallbackOrder, str]] = ..., wait_us: _Optional[int] = ...) -> None: ...

class ContactOffered(_message.Message):
    __slots__ = ("rid", "agent_tenant_id", "agent_id", "decision")
    RID_FIELD_NUMBER: _ClassVar[int]
    AGENT_TENANT_ID_FIELD_NUMBER: _ClassVar[int]
    AGENT_ID_FIELD_NUMBER: _ClassVar[int]
    DECISION_FIELD_NUMBER: _ClassVar[int]
    rid: str
    agent_tenant_id: str
    agent_id: str
    decision: _types_pb2.Decision
    def __init__(self, rid: _Optional[str] = ..., agent_tenant_id: _Optional[str] = ..., agent_id: _Optional[str] = ..., decision: _Optional[_Union[_types_pb2.Decision, _Mapping]] = ...) -> None: ...

class ContactReturned(_message.Message):
    __slots__ = ("rid", "agent_id", "reason", "call_id", "attempts", "not_before")
    RID_FIELD_NUMBER: _ClassVar[int]
    AGENT_ID_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    CALL_ID_FIELD_NUMBER: _ClassVar[int]
    ATTEMPTS_FIELD_NUMBER: _ClassVar[int]
    NOT_BEFORE_FIELD_NUMBER: _ClassVar[int]
    rid: str
    agent_id: str
    reason: str
    call_id: str
    attempts: int
    not_before: _timestamp_pb2.Timestamp
    def __init__(self, rid: _Optional[str] = ..., agent_id: _Optional[str] = ..., reason: _Optional[str] = ..., call_id: _Optional[str] = ..., attempts: _Optional[int] = ..., not_before: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class ContactEnded(_message.Message):
    __slots__ = ("outcome", "call_id", "queue_id", "enqueued_at", "wait_us", "agent_id", "agent_tenant_id", "offers", "rid", "service_level_s", "short_abandon_s", "interaction_id", "visit", "cause", "attempts", "next_contact_id")
    OUTCOME_FIELD_NUMBER: _ClassVar[int]
    CALL_ID_FIELD_NUMBER: _ClassVar[int]
    QUEUE_ID_FIELD_NUMBER: _ClassVar[int]
    ENQUEUED_AT_FIELD_NUMBER: _ClassVar[int]
    WAIT_US_FIELD_NUMBER: _ClassVar[int]
    AGENT_ID_FIELD_NUMBER: _ClassVar[int]
    AGENT_TENANT_ID_FIELD_NUMBER: _ClassVar[int]
    OFFERS_FIELD_NUMBER: _ClassVar[int]
    RID_FIELD_NUMBER: _ClassVar[int]
    SERVICE_LEVEL_S_FIELD_NUMBER: _ClassVar[int]
    SHORT_ABANDON_S_FIELD_NUMBER: _ClassVar[int]
    INTERACTION_ID_FIELD_NUMBER: _ClassVar[int]
    VISIT_FIELD_NUMBER: _ClassVar[int]
    CAUSE_FIELD_NUMBER: _ClassVar[int]
    ATTEMPTS_FIELD_NUMBER: _ClassVar[int]
    NEXT_CONTACT_ID_FIELD_NUMBER: _ClassVar[int]
    outcome: _types_pb2.VisitOutcome
    call_id: str
    queue_id: str
    enqueued_at: _timestamp_pb2.Timestamp
    wait_us: int
    agent_id: str
    agent_tenant_id: str
    offers: int
    rid: str
    service_level_s: int
    short_abandon_s: int
    interaction_id: str
    visit: int
    cause: str
    attempts: int
    next_contact_id: str
    def __init__(self, outcome: _Optional[_Union[_types_pb2.VisitOutcome, str]] = ..., call_id: _Optional[str] = ..., queue_id: _Optional[str] = ..., enqueued_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., wait_us: _Optional[int] = ..., agent_id: _Optional[str] = ..., agent_tenant_id: _Optional[str] = ..., offers: _Optional[int] = ..., rid: _Optional[str] = ..., service_level_s: _Optional[int] = ..., short_abandon_s: _Optional[int] = ..., interaction_id: _Optional[str] = ..., visit: _Optional[int] = ..., cause: _Optional[str] = ..., attempts: _Optional[int] = ..., next_contact_id: _Optional[str] = ...) -> None: ...
