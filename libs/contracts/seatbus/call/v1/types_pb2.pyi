import datetime

from buf.validate import validate_pb2 as _validate_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Direction(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    DIRECTION_UNSPECIFIED: _ClassVar[Direction]
    DIRECTION_INBOUND: _ClassVar[Direction]
    DIRECTION_OUTBOUND: _ClassVar[Direction]
    DIRECTION_INTERNAL: _ClassVar[Direction]

class LegRole(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    LEG_ROLE_UNSPECIFIED: _ClassVar[LegRole]
    LEG_ROLE_CALLER: _ClassVar[LegRole]
    LEG_ROLE_AGENT: _ClassVar[LegRole]
    LEG_ROLE_CONSULT: _ClassVar[LegRole]
    LEG_ROLE_SUPERVISOR: _ClassVar[LegRole]
    LEG_ROLE_OUTSIDE: _ClassVar[LegRole]

class LegState(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    LEG_STATE_UNSPECIFIED: _ClassVar[LegState]
    LEG_STATE_TRYING: _ClassVar[LegState]
    LEG_STATE_RINGING: _ClassVar[LegState]
    LEG_STATE_ANSWERED: _ClassVar[LegState]
    LEG_STATE_HELD: _ClassVar[LegState]
    LEG_STATE_ENDED: _ClassVar[LegState]

class CallState(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    CALL_STATE_UNSPECIFIED: _ClassVar[CallState]
    CALL_STATE_ARRIVED: _ClassVar[CallState]
    CALL_STATE_IN_FLOW: _ClassVar[CallState]
    CALL_STATE_QUEUED: _ClassVar[CallState]
    CALL_STATE_RINGING_AGENT: _ClassVar[CallState]
    CALL_STATE_BRIDGED: _ClassVar[CallState]
    CALL_STATE_ENDED: _ClassVar[CallState]
    CALL_STATE_REACHING: _ClassVar[CallState]
    CALL_STATE_CONSULTING: _ClassVar[CallState]
    CALL_STATE_CONFERENCED: _ClassVar[CallState]
    CALL_STATE_PARKED: _ClassVar[CallState]
    CALL_STATE_DIALLING: _ClassVar[CallState]

class HangupCause(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    HANGUP_CAUSE_UNSPECIFIED: _ClassVar[HangupCause]
    HANGUP_CAUSE_CALLER_HUNG_UP: _ClassVar[HangupCause]
    HANGUP_CAUSE_AGENT_HUNG_UP: _ClassVar[HangupCause]
    HANGUP_CAUSE_ABANDONED_IN_FLOW: _ClassVar[HangupCause]
    HANGUP_CAUSE_ABANDONED_IN_QUEUE: _ClassVar[HangupCause]
    HANGUP_CAUSE_FLOW_ENDED: _ClassVar[HangupCause]
    HANGUP_CAUSE_UNKNOWN_NUMBER: _ClassVar[HangupCause]
    HANGUP_CAUSE_BUSY: _ClassVar[HangupCause]
    HANGUP_CAUSE_NO_ANSWER: _ClassVar[HangupCause]
    HANGUP_CAUSE_REJECTED: _ClassVar[HangupCause]
    HANGUP_CAUSE_UNREACHABLE: _ClassVar[HangupCause]
    HANGUP_CAUSE_CANCELLED: _ClassVar[HangupCause]
    HANGUP_CAUSE_MEDIA_FAILED: _ClassVar[HangupCause]
    HANGUP_CAUSE_MEDIA_TIMEOUT: _ClassVar[HangupCause]
    HANGUP_CAUSE_SESSION_EXPIRED: _ClassVar[HangupCause]
    HANGUP_CAUSE_QUOTA: _ClassVar[HangupCause]
    HANGUP_CAUSE_FORBIDDEN: _ClassVar[HangupCause]
    HANGUP_CAUSE_NOT_ACCEPTABLE: _ClassVar[HangupCause]
    HANGUP_CAUSE_SYSTEM: _ClassVar[HangupCause]
    HANGUP_CAUSE_TRANSFERRED: _ClassVar[HangupCause]
    HANGUP_CAUSE_QUEUE_OVERFLOW: _ClassVar[HangupCause]
    HANGUP_CAUSE_API: _ClassVar[HangupCause]
    HANGUP_CAUSE_NO_ACK: _ClassVar[HangupCause]
    HANGUP_CAUSE_DEVICE_LOST: _ClassVar[HangupCause]
    HANGUP_CAUSE_ANSWERED_ELSEWHERE: _ClassVar[HangupCause]
    HANGUP_CAUSE_CALLBACK: _ClassVar[HangupCause]
DIRECTION_UNSPECIFIED: Direction
DIRECTION_INBOUND: Direction
DIRECTION_OUTBOUND: Direction
DIRECTION_INTERNAL: Direction
LEG_ROLE_UNSPECIFIED: LegRole
LEG_ROLE_CALLER: LegRole
LEG_ROLE_AGENT: LegRole
LEG_ROLE_CONSULT: LegRole
LEG_ROLE_SUPERVISOR: LegRole
LEG_ROLE_OUTSIDE: LegRole
LEG_STATE_UNSPECIFIED: LegState
LEG_STATE_TRYING: LegState
LEG_STATE_RINGING: LegState
LEG_STATE_ANSWERED: LegState
LEG_STATE_HELD: LegState
LEG_STATE_ENDED: LegState
CALL_STATE_UNSPECIFIED: CallState
CALL_STATE_ARRIVED: CallState
CALL_STATE_IN_FLOW: CallState
CALL_STATE_QUEUED: CallState
CALL_STATE_RINGING_AGENT: CallState
CALL_STATE_BRIDGED: CallState
CALL_STATE_ENDED: CallState
CALL_STATE_REACHING: CallState
CALL_STATE_CONSULTING: CallState
CALL_STATE_CONFERENCED: CallState
CALL_STATE_PARKED: CallState
CALL_STATE_DIALLING: CallState
HANGUP_CAUSE_UNSPECIFIED: HangupCause
HANGUP_CAUSE_CALLER_HUNG_UP: HangupCause
HANGUP_CAUSE_AGENT_HUNG_UP: HangupCause
HANGUP_CAUSE_ABANDONED_IN_FLOW: HangupCause
HANGUP_CAUSE_ABANDONED_IN_QUEUE: HangupCause
HANGUP_CAUSE_FLOW_ENDED: HangupCause
HANGUP_CAUSE_UNKNOWN_NUMBER: HangupCause
HANGUP_CAUSE_BUSY: HangupCause
HANGUP_CAUSE_NO_ANSWER: HangupCause
HANGUP_CAUSE_REJECTED: HangupCause
HANGUP_CAUSE_UNREACHABLE: HangupCause
HANGUP_CAUSE_CANCELLED: HangupCause
HANGUP_CAUSE_MEDIA_FAILED: HangupCause
HANGUP_CAUSE_MEDIA_TIMEOUT: HangupCause
HANGUP_CAUSE_SESSION_EXPIRED: HangupCause
HANGUP_CAUSE_QUOTA: HangupCause
HANGUP_CAUSE_FORBIDDEN: HangupCause
HANGUP_CAUSE_NOT_ACCEPTABLE: HangupCause
HANGUP_CAUSE_SYSTEM: HangupCause
HANGUP_CAUSE_TRANSFERRED: HangupCause
HANGUP_CAUSE_QUEUE_OVERFLOW: HangupCause
HANGUP_CAUSE_API: HangupCause
HANGUP_CAUSE_NO_ACK: HangupCause
HANGUP_CAUSE_DEVICE_LOST: HangupCause
HANGUP_CAUSE_ANSWERED_ELSEWHERE: HangupCause
HANGUP_CAUSE_CALLBACK: HangupCause

class Leg(_message.Message):
    __slots__ = ("leg_id", "role", "state", "sip_call_id", "remote_address", "agent_id", "agent_tenant_id", "device_id", "rid", "created_at", "ringing_at", "answered_at", "ended_at", "cause", "sip_status", "number", "trunk_id", "mode")
    LEG_ID_FIELD_NUMBER: _ClassVar[int]
    ROLE_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    SIP_CALL_ID_FIELD_NUMBER: _ClassVar[int]
    REMOTE_ADDRESS_FIELD_NUMBER: _ClassVar[int]
    AGENT_ID_FIELD_NUMBER: _ClassVar[int]
    AGENT_TENANT_ID_FIELD_NUMBER: _ClassVar[int]
    DEVICE_ID_FIELD_NUMBER: _ClassVar[int]
    RID_FIELD_NUMBER: _ClassVar[int]
    CREATED_AT_FIELD_NUMBER: _ClassVar[int]
    RINGING_AT_FIELD_NUMBER: _ClassVar[int]
    ANSWERED_AT_FIELD_NUMBER: _ClassVar[int]
    ENDED_AT_FIELD_NUMBER: _ClassVar[int]
    CAUSE_FIELD_NUMBER: _ClassVar[int]
    SIP_STATUS_FIELD_NUMBER: _ClassVar[int]
    NUMBER_FIELD_NUMBER: _ClassVar[int]
    TRUNK_ID_FIELD_NUMBER: _ClassVar[int]
    MODE_FIELD_NUMBER: _ClassVar[int]
    leg_id: str
    role: LegRole
    state: LegState
    sip_call_id: str
    remote_address: str
    agent_id: str
    agent_tenant_id: str
    device_id: str
    rid: str
    created_at: _timestamp_pb2.Timestamp
    ringing_at: _timestamp_pb2.Timestamp
    answered_at: _timestamp_pb2.Timestamp
    ended_at: _timestamp_pb2.Timestamp
    cause: HangupCause
    sip_status: int
    number: str
    trunk_id: str
    mode: str
    def __init__(self, leg_id: _Optional[str] = ..., role: _Optional[_Union[LegRole, str]] = ..., state: _Optional[_Union[LegState, str]] = ..., sip_call_id: _Optional[str] = ..., remote_address: _Optional[str] = ..., agent_id: _Optional[str] = ..., agent_tenant_id: _Optional[str] = ..., device_id: _Optional[str] = ..., rid: _Optional[str] = ..., created_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., ringing_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., answered_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., ended_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., cause: _Optional[_Union[HangupCause, str]] = ..., sip_status: _Optional[int] = ..., number: _Optional[str] = ..., trunk_id: _Optional[str] = ..., mode: _Optional[str] = ...) -> None: ...

class Call(_message.Message):
    __slots__ = ("tenant_id", "call_id", "interaction_id", "owner", "epoch", "seq", "direction", "state", "caller", "dialed", "trunk_id", "number_id", "branch_id", "flow_id", "queue_id", "contact_id", "media_instance", "recording_id", "attributes", "legs", "started_at", "answered_at", "ended_at", "cause", "park_slot", "snapshot")
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
    OWNER_FIELD_NUMBER: _ClassVar[int]
    EPOCH_FIELD_NUMBER: _ClassVar[int]
    SEQ_FIELD_NUMBER: _ClassVar[int]
    DIRECTION_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    CALLER_FIELD_NUMBER: _ClassVar[int]
    DIALED_FIELD_NUMBER: _ClassVar[int]
    TRUNK_ID_FIELD_NUMBER: _ClassVar[int]
    NUMBER_ID_FIELD_NUMBER: _ClassVar[int]
    BRANCH_ID_FIELD_NUMBER: _ClassVar[int]
    FLOW_ID_FIELD_NUMBER: _ClassVar[int]
    QUEUE_ID_FIELD_NUMBER: _ClassVar[int]
    CONTACT_ID_FIELD_NUMBER: _ClassVar[int]
    MEDIA_INSTANCE_FIELD_NUMBER: _ClassVar[int]
    RECORDING_ID_FIELD_NUMBER: _ClassVar[int]
    ATTRIBUTES_FIELD_NUMBER: _ClassVar[int]
    LEGS_FIELD_NUMBER: _ClassVar[int]
    STARTED_AT_FIELD_NUMBER: _ClassVar[int]
    ANSWERED_AT_FIELD_NUMBER: _ClassVar[int]
    ENDED_AT_FIELD_NUMBER: _ClassVar[int]
    CAUSE_FIELD_NUMBER: _ClassVar[int]
    PARK_SLOT_FIELD_NUMBER: _ClassVar[int]
    SNAPSHOT_FIELD_NUMBER: _ClassVar[int]
    tenant_id: str
    call_id: str
    interaction_id: str
    owner: str
    epoch: int
    seq: int
    direction: Direction
    state: CallState
    caller: str
    dialed: str
    trunk_id: str
    number_id: str
    branch_id: str
    flow_id: str
    queue_id: str
    contact_id: str
    media_instance: str
    recording_id: str
    attributes: _containers.ScalarMap[str, str]
    legs: _containers.RepeatedCompositeFieldContainer[Leg]
    started_at: _timestamp_pb2.Timestamp
    answered_at: _timestamp_pb2.Timestamp
    ended_at: _timestamp_pb2.Timestamp
    cause: HangupCause
    park_slot: str
    snapshot: bytes
    def __init__(self, tenant_id: _Optional[str] = ..., call_id: _Optional[str] = ..., interaction_id: _Optional[str] = ..., owner: _Optional[str] = ..., epoch: _Optional[int] = ..., seq: _Optional[int] = ..., direction: _Optional[_Union[Direction, str]] = ..., state: _Optional[_Union[CallState, str]] = ..., caller: _Optional[str] = ..., dialed: _Optional[str] = ..., trunk_id: _Optional[str] = ..., number_id: _Optional[str] = ..., branch_id: _Optional[str] = ..., flow_id: _Optional[str] = ..., queue_id: _Optional[str] = ..., contact_id: _Optional[str] = ..., media_instance: _Optional[str] = ..., recording_id: _Optional[str] = ..., attributes: _Optional[_Mapping[str, str]] = ..., legs: _Optional[_Iterable[_Union[Leg, _Mapping]]] = ..., started_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., answered_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., ended_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., cause: _Optional[_Union[HangupCause, str]] = ..., park_slot: _Optional[str] = ..., snapshot: _Optional[bytes] = ...) -> None: ...

class Registration(_message.Message):
    __slots__ = ("username", "tenant_id", "agent_id", "device_id", "contact", "transport", "source", "edge_instance", "flow_token", "expires_at", "user_agent", "q", "call_id", "cseq", "ice", "path")
    USERNAME_FIELD_NUMBER: _ClassVar[int]
    TENANT_ID_FIELD_NUMBER: _ClassVar[int]
    AGENT_ID_FIELD_NUMBER: _ClassVar[int]
    DEVICE_ID_FIELD_NUMBER: _ClassVar[int]
    CONTACT_FIELD_NUMBER: _ClassVar[int]
    TRANSPORT_FIELD_NUMBER: _ClassVar[int]
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    EDGE_INSTANCE_FIELD_NUMBER: _ClassVar[int]
    FLOW_TOKEN_FIELD_NUMBER: _ClassVar[int]
    EXPIRES_AT_FIELD_NUMBER: _ClassVar[int]
    USER_AGENT_FIELD_NUMBER: _ClassVar[int]
    Q_FIELD_NUMBER: _ClassVar[int]
    CALL_ID_FIELD_NUMBER: _ClassVar[int]
    CSEQ_FIELD_NUMBER: _ClassVar[int]
    ICE_FIELD_NUMBER: _ClassVar[int]
    PATH_FIELD_NUMBER: _ClassVar[int]
    username: str
    tenant_id: str
    agent_id: str
    device_id: str
    contact: str
    transport: str
    source: str
    edge_instance: str
    flow_token: str
    expires_at: _timestamp_pb2.Timestamp
    user_agent: str
    q: float
    call_id: str
    cseq: int
    ice: bool
    path: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, username: _Optional[str] = ..., tenant_id: _Optional[str] = ..., agent_id: _Optional[str] = ..., device_id: _Optional[str] = ..., contact: _Optional[str] = ..., transport: _Optional[str] = ..., source: _Optional[str] = ..., edge_instance: _Optional[str] = ..., flow_token: _Optional[str] = ..., expires_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., user_agent: _Optional[str] = ..., q: _Optional[float] = ..., call_id: _Optional[str] = ..., cseq: _Optional[int] = ..., ice: _Optional[bool] = ..., path: _Optional[_Iterable[str]] = ...) -> None: ...

class OutboundTarget(_message.Message):
    __slots__ = ("number", "agent_id", "queue_id", "flow_id")
    NUMBER_FIELD_NUMBER: _ClassVar[int]
    AGENT_ID_FIELD_NUMBER: _ClassVar[int]
    QUEUE_ID_FIELD_NUMBER: _ClassVar[int]
    FLOW_ID_FIELD_NUMBER: _ClassVar[int]
    number: str
    agent_id: str
    queue_id: str
    flow_id: str
    def __init__(self, number: _Optional[str] = ..., agent_id: _Optional[str] = ..., queue_id: _Optional[str] = ..., flow_id: _Optional[str] = ...) -> None: ...
