import datetime

from google.protobuf import timestamp_pb2 as _timestamp_pb2
from seatbus.agent.v1 import types_pb2 as _types_pb2
from seatbus.common.v1 import types_pb2 as _types_pb2_1
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class AgentPresenceChanged(_message.Message):
    __slots__ = ("to", "reason", "actor", "from_since", "from_reason", "device_id", "seat_id")
    FROM_FIELD_NUMBER: _ClassVar[int]
    TO_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    ACTOR_FIELD_NUMBER: _ClassVar[int]
    FROM_SINCE_FIELD_NUMBER: _ClassVar[int]
    FROM_REASON_FIELD_NUMBER: _ClassVar[int]
    DEVICE_ID_FIELD_NUMBER: _ClassVar[int]
    SEAT_ID_FIELD_NUMBER: _ClassVar[int]
    to: _types_pb2.Presence
    reason: str
    actor: _types_pb2_1.Actor
    from_since: _timestamp_pb2.Timestamp
    from_reason: str
    device_id: str
    seat_id: str
    def __init__(self, to: _Optional[_Union[_types_pb2.Presence, str]] = ..., reason: _Optional[str] = ..., actor: _Optional[_Union[_types_pb2_1.Actor, _Mapping]] = ..., from_since: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., from_reason: _Optional[str] = ..., device_id: _Optional[str] = ..., seat_id: _Optional[str] = ..., **kwargs) -> None: ...

class AgentWorkChanged(_message.Message):
    __slots__ = ("rid", "to", "cause", "actor", "contact_id", "call_id", "contact_tenant_id", "queue_id", "from_since", "presence", "open_items", "disposition", "kind", "disposition_missing", "channel")
    RID_FIELD_NUMBER: _ClassVar[int]
    FROM_FIELD_NUMBER: _ClassVar[int]
    TO_FIELD_NUMBER: _ClassVar[int]
    CAUSE_FIELD_NUMBER: _ClassVar[int]
    ACTOR_FIELD_NUMBER: _ClassVar[int]
    CONTACT_ID_FIELD_NUMBER: _ClassVar[int]
    CALL_ID_FIELD_NUMBER: _ClassVar[int]
    CONTACT_TENANT_ID_FIELD_NUMBER: _ClassVar[int]
    QUEUE_ID_FIELD_NUMBER: _ClassVar[int]
    FROM_SINCE_FIELD_NUMBER: _ClassVar[int]
    PRESENCE_FIELD_NUMBER: _ClassVar[int]
    OPEN_ITEMS_FIELD_NUMBER: _ClassVar[int]
    DISPOSITION_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    DISPOSITION_MISSING_FIELD_NUMBER: _ClassVar[int]
    CHANNEL_FIELD_NUMBER: _ClassVar[int]
    rid: str
    to: _types_pb2.WorkState
    cause: str
    actor: _types_pb2_1.Actor
    contact_id: str
    call_id: str
    contact_tenant_id: str
    queue_id: str
    from_since: _timestamp_pb2.Timestamp
    presence: _types_pb2.Presence
    open_items: int
    disposition: str
    kind: str
    disposition_missing: bool
    channel: str
    def __init__(self, rid: _Optional[str] = ..., to: _Optional[_Union[_types_pb2.WorkState, str]] = ..., cause: _Optional[str] = ..., actor: _Optional[_Union[_types_pb2_1.Actor, _Mapping]] = ..., contact_id: _Optional[str] = ..., call_id: _Optional[str] = ..., contact_tenant_id: _Optional[str] = ..., queue_id: _Optional[str] = ..., from_since: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., presence: _Optional[_Union[_types_pb2.Presence, str]] = ..., open_items: _Optional[int] = ..., disposition: _Optional[str] = ..., kind: _Optional[str] = ..., disposition_missing: _Optional[bool] = ..., channel: _Optional[str] = ..., **kwargs) -> None: ...

class AgentBreakOverrun(_message.Message):
    __slots__ = ("reason", "since", "limit_s")
    REASON_FIELD_NUMBER: _ClassVar[int]
    SINCE_FIELD_NUMBER: _ClassVar[int]
    LIMIT_S_FIELD_NUMBER: _ClassVar[int]
    reason: str
    since: _timestamp_pb2.Timestamp
    limit_s: int
    def __init__(self, reason: _Optional[str] = ..., since: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., limit_s: _Optional[int] = ...) -> None: ...
