import datetime

from google.protobuf import timestamp_pb2 as _timestamp_pb2
from seatbus.call.v1 import types_pb2 as _types_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class CallStarted(_message.Message):
    __slots__ = ("interaction_id", "direction", "caller", "dialed", "trunk_id", "number_id", "branch_id", "owner", "sip_call_id", "source_address")
    INTERACTION_ID_FIELD_NUMBER: _ClassVar[int]
    DIRECTION_FIELD_NUMBER: _ClassVar[int]
    CALLER_FIELD_NUMBER: _ClassVar[int]
    DIALED_FIELD_NUMBER: _ClassVar[int]
    TRUNK_ID_FIELD_NUMBER: _ClassVar[int]
    NUMBER_ID_FIELD_NUMBER: _ClassVar[int]
    BRANCH_ID_FIELD_NUMBER: _ClassVar[int]
    OWNER_FIELD_NUMBER: _ClassVar[int]
    SIP_CALL_ID_FIELD_NUMBER: _ClassVar[int]
    SOURCE_ADDRESS_FIELD_NUMBER: _ClassVar[int]
    interaction_id: str
    direction: _types_pb2.Direction
    caller: str
    dialed: str
    trunk_id: str
    number_id: str
    branch_id: str
    owner: str
    sip_call_id: str
    source_address: str
    def __init__(self, interaction_id: _Optional[str] = ..., direction: _Optional[_Union[_types_pb2.Direction, str]] = ..., caller: _Optional[str] = ..., dialed: _Optional[str] = ..., trunk_id: _Optional[str] = ..., number_id: _Optional[str] = ..., branch_id: _Optional[str] = ..., owner: _Optional[str] = ..., sip_call_id: _Optional[str] = ..., source_address: _Optional[str] = ...) -> None: ...

class CallAnswered(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class CallFlowEntered(_message.Message):
    __slots__ = ("flow_id", "flow_version")
    FLOW_ID_FIELD_NUMBER: _ClassVar[int]
    FLOW_VERSION_FIELD_NUMBER: _ClassVar[int]
    flow_id: str
    flow_version: int
    def __init__(self, flow_id: _Optional[str] = ..., flow_version: _Optional[int] = ...) -> None: ...

class CallNodeEntered(_message.Message):
    __slots__ = ("node_id", "step_seq")
    NODE_ID_FIELD_NUMBER: _ClassVar[int]
    STEP_SEQ_FIELD_NUMBER: _ClassVar[int]
    node_id: str
    step_seq: int
    def __init__(self, node_id: _Optional[str] = ..., step_seq: _Optional[int] = ...) -> None: ...

class CallDigitsCollected(_message.Message):
    __slots__ = ("node_id", "digits", "secret")
    NODE_ID_FIELD_NUMBER: _ClassVar[int]
    DIGITS_FIELD_NUMBER: _ClassVar[int]
    SECRET_FIELD_NUMBER: _ClassVar[int]
    node_id: str
    digits: str
    secret: bool
    def __init__(self, node_id: _Optional[str] = ..., digits: _Optional[str] = ..., secret: _Optional[bool] = ...) -> None: ...

class CallAttributesSet(_message.Message):
    __slots__ = ("attributes",)
    class AttributesEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    ATTRIBUTES_FIELD_NUMBER: _ClassVar[int]
    attributes: _containers.ScalarMap[str, str]
    def __init__(self, attributes: _Optional[_Mapping[str, str]] = ...) -> None: ...

class CallQueued(_message.Message):
    __slots__ = ("contact_id", "queue_id", "visit")
    CONTACT_ID_FIELD_NUMBER: _ClassVar[int]
    QUEUE_ID_FIELD_NUMBER: _ClassVar[int]
    VISIT_FIELD_NUMBER: _ClassVar[int]
    contact_id: str
    queue_id: str
    visit: int
    def __init__(self, contact_id: _Optional[str] = ..., queue_id: _Optional[str] = ..., visit: _Optional[int] = ...) -> None: ...

class CallDequeued(_message.Message):
    __slots__ = ("contact_id", "queue_id", "outcome")
    CONTACT_ID_FIELD_NUMBER: _ClassVar[int]
    QUEUE_ID_FIELD_NUMBER: _ClassVar[int]
    OUTCOME_FIELD_NUMBER: _ClassVar[int]
    contact_id: str
    queue_id: str
    outcome: str
    def __init__(self, contact_id: _Optional[str] = ..., queue_id: _Optional[str] = ..., outcome: _Optional[str] = ...) -> None: ...

class LegCreated(_message.Message):
    __slots__ = ("leg_id", "role", "agent_id", "agent_tenant_id", "device_id", "rid", "remote_address", "number")
    LEG_ID_FIELD_NUMBER: _ClassVar[int]
    ROLE_FIELD_NUMBER: _ClassVar[int]
    AGENT_ID_FIELD_NUMBER: _ClassVar[int]
    AGENT_TENANT_ID_FIELD_NUMBER: _ClassVar[int]
    DEVICE_ID_FIELD_NUMBER: _ClassVar[int]
    RID_FIELD_NUMBER: _ClassVar[int]
    REMOTE_ADDRESS_FIELD_NUMBER: _ClassVar[int]
    NUMBER_FIELD_NUMBER: _ClassVar[int]
    leg_id: str
    role: _types_pb2.LegRole
    agent_id: str
    agent_tenant_id: str
    device_id: str
    rid: str
    remote_address: str
    number: str
    def __init__(self, leg_id: _Optional[str] = ..., role: _Optional[_Union[_types_pb2.LegRole, str]] = ..., agent_id: _Optional[str] = ..., agent_tenant_id: _Optional[str] = ..., device_id: _Optional[str] = ..., rid: _Optional[str] = ..., remote_address: _Optional[str] = ..., number: _Optional[str] = ...) -> None: ...

class LegRinging(_message.Message):
    __slots__ = ("leg_id",)
    LEG_ID_FIELD_NUMBER: _ClassVar[int]
    leg_id: str
    def __init__(self, leg_id: _Optional[str] = ...) -> None: ...

class LegAnswered(_message.Message):
    __slots__ = ("leg_id", "codec")
    LEG_ID_FIELD_NUMBER: _ClassVar[int]
    CODEC_FIELD_NUMBER: _ClassVar[int]
    leg_id: str
    codec: str
    def __init__(self, leg_id: _Optional[str] = ..., codec: _Optional[str] = ...) -> None: ...

class LegEnded(_message.Message):
    __slots__ = ("leg_id", "cause", "sip_status", "agent_id", "agent_tenant_id", "created_at", "ringing_at", "answered_at", "role", "queue_id")
    LEG_ID_FIELD_NUMBER: _ClassVar[int]
    CAUSE_FIELD_NUMBER: _ClassVar[int]
    SIP_STATUS_FIELD_NUMBER: _ClassVar[int]
    AGENT_ID_FIELD_NUMBER: _ClassVar[int]
    AGENT_TENANT_ID_FIELD_NUMBER: _ClassVar[int]
    CREATED_AT_FIELD_NUMBER: _ClassVar[int]
    RINGING_AT_FIELD_NUMBER: _ClassVar[int]
    ANSWERED_AT_FIELD_NUMBER: _ClassVar[int]
    ROLE_FIELD_NUMBER: _ClassVar[int]
    QUEUE_ID_FIELD_NUMBER: _ClassVar[int]
    leg_id: str
    cause: _types_pb2.HangupCause
    sip_status: int
    agent_id: str
    agent_tenant_id: str
    created_at: _timestamp_pb2.Timestamp
    ringing_at: _timestamp_pb2.Timestamp
    answered_at: _timestamp_pb2.Timestamp
    role: _types_pb2.LegRole
    queue_id: str
    def __init__(self, leg_id: _Optional[str] = ..., cause: _Optional[_Union[_types_pb2.HangupCause, str]] = ..., sip_status: _Optional[int] = ..., agent_id: _Optional[str] = ..., agent_tenant_id: _Optional[str] = ..., created_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., ringing_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., answered_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., role: _Optional[_Union[_types_pb2.LegRole, str]] = ..., queue_id: _Optional[str] = ...) -> None: ...

class CallBridged(_message.Message):
    __slots__ = ("caller_leg_id", "agent_leg_id", "agent_id", "agent_tenant_id", "queue_id", "contact_id")
    CALLER_LEG_ID_FIELD_NUMBER: _ClassVar[int]
    AGENT_LEG_ID_FIELD_NUMBER: _ClassVar[int]
    AGENT_ID_FIELD_NUMBER: _ClassVar[int]
    AGENT_TENANT_ID_FIELD_NUMBER: _ClassVar[int]
    QUEUE_ID_FIELD_NUMBER: _ClassVar[int]
    CONTACT_ID_FIELD_NUMBER: _ClassVar[int]
    caller_leg_id: str
    agent_leg_id: str
    agent_id: str
    agent_tenant_id: str
    queue_id: str
    contact_id: str
    def __init__(self, caller_leg_id: _Optional[str] = ..., agent_leg_id: _Optional[str] = ..., agent_id: _Optional[str] = ..., agent_tenant_id: _Optional[str] = ..., queue_id: _Optional[str] = ..., contact_id: _Optional[str] = ...) -> None: ...

class CallUnbridged(_message.Message):
    __slots__ = ("caller_leg_id", "agent_leg_id")
    CALLER_LEG_ID_FIELD_NUMBER: _ClassVar[int]
    AGENT_LEG_ID_FIELD_NUMBER: _ClassVar[int]
    caller_leg_id: str
    agent_leg_id: str
    def __init__(self, caller_leg_id: _Optional[str] = ..., agent_leg_id: _Optional[str] = ...) -> None: ...

class LegHeld(_message.Message):
    __slots__ = ("leg_id",)
    LEG_ID_FIELD_NUMBER: _ClassVar[int]
    leg_id: str
    def __init__(self, leg_id: _Optional[str] = ...) -> None: ...

class LegResumed(_message.Message):
    __slots__ = ("leg_id",)
    LEG_ID_FIELD_NUMBER: _ClassVar[int]
    leg_id: str
    def __init__(self, leg_id: _Optional[str] = ...) -> None: ...

class CallDeviceLost(_message.Message):
    __slots__ = ("leg_id", "agent_id", "agent_tenant_id")
    LEG_ID_FIELD_NUMBER: _ClassVar[int]
    AGENT_ID_FIELD_NUMBER: _ClassVar[int]
    AGENT_TENANT_ID_FIELD_NUMBER: _ClassVar[int]
    leg_id: str
    agent_id: str
    agent_tenant_id: str
    def __init__(self, leg_id: _Optional[str] = ..., agent_id: _Optional[str] = ..., agent_tenant_id: _Optional[str] = ...) -> None: ...

class CallDeviceBack(_message.Message):
    __slots__ = ("leg_id", "before_leg_id", "agent_id", "agent_tenant_id")
    LEG_ID_FIELD_NUMBER: _ClassVar[int]
    BEFORE_LEG_ID_FIELD_NUMBER: _ClassVar[int]
    AGENT_ID_FIELD_NUMBER: _ClassVar[int]
    AGENT_TENANT_ID_FIELD_NUMBER: _ClassVar[int]
    leg_id: str
    before_leg_id: str
    agent_id: str
    agent_tenant_id: str
    def __init__(self, leg_id: _Optional[str] = ..., before_leg_id: _Optional[str] = ..., agent_id: _Optional[str] = ..., agent_tenant_id: _Optional[str] = ...) -> None: ...

class CallTransferred(_message.Message):
    __slots__ = ("kind", "target", "by_agent_id")
    KIND_FIELD_NUMBER: _ClassVar[int]
    TARGET_FIELD_NUMBER: _ClassVar[int]
    BY_AGENT_ID_FIELD_NUMBER: _ClassVar[int]
    kind: str
    target: _types_pb2.OutboundTarget
    by_agent_id: str
    def __init__(self, kind: _Optional[str] = ..., target: _Optional[_Union[_types_pb2.OutboundTarget, _Mapping]] = ..., by_agent_id: _Optional[str] = ...) -> None: ...

class CallConsultStarted(_message.Message):
    __slots__ = ("leg_id", "target", "by_agent_id")
    LEG_ID_FIELD_NUMBER: _ClassVar[int]
    TARGET_FIELD_NUMBER: _ClassVar[int]
    BY_AGENT_ID_FIELD_NUMBER: _ClassVar[int]
    leg_id: str
    target: _types_pb2.OutboundTarget
    by_agent_id: str
    def __init__(self, leg_id: _Optional[str] = ..., target: _Optional[_Union[_types_pb2.OutboundTarget, _Mapping]] = ..., by_agent_id: _Optional[str] = ...) -> None: ...

class CallConsultEnded(_message.Message):
    __slots__ = ("leg_id", "outcome")
    LEG_ID_FIELD_NUMBER: _ClassVar[int]
    OUTCOME_FIELD_NUMBER: _ClassVar[int]
    leg_id: str
    outcome: str
    def __init__(self, leg_id: _Optional[str] = ..., outcome: _Optional[str] = ...) -> None: ...

class CallConferenced(_message.Message):
    __slots__ = ("leg_ids",)
    LEG_IDS_FIELD_NUMBER: _ClassVar[int]
    leg_ids: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, leg_ids: _Optional[_Iterable[str]] = ...) -> None: ...

class CallParked(_message.Message):
    __slots__ = ("slot", "by_agent_id")
    SLOT_FIELD_NUMBER: _ClassVar[int]
    BY_AGENT_ID_FIELD_NUMBER: _ClassVar[int]
    slot: str
    by_agent_id: str
    def __init__(self, slot: _Optional[str] = ..., by_agent_id: _Optional[str] = ...) -> None: ...

class CallPickedUp(_message.Message):
    __slots__ = ("slot", "agent_id")
    SLOT_FIELD_NUMBER: _ClassVar[int]
    AGENT_ID_FIELD_NUMBER: _ClassVar[int]
    slot: str
    agent_id: str
    def __init__(self, slot: _Optional[str] = ..., agent_id: _Optional[str] = ...) -> None: ...

class CallSupervised(_message.Message):
    __slots__ = ("leg_id", "supervisor_agent_id", "mode")
    LEG_ID_FIELD_NUMBER: _ClassVar[int]
    SUPERVISOR_AGENT_ID_FIELD_NUMBER: _ClassVar[int]
    MODE_FIELD_NUMBER: _ClassVar[int]
    leg_id: str
    supervisor_agent_id: str
    mode: str
    def __init__(self, leg_id: _Optional[str] = ..., supervisor_agent_id: _Optional[str] = ..., mode: _Optional[str] = ...) -> None: ...

class LegRerouted(_message.Message):
    __slots__ = ("leg_id", "trunk_id", "sip_status")
    LEG_ID_FIELD_NUMBER: _ClassVar[int]
    TRUNK_ID_FIELD_NUMBER: _ClassVar[int]
    SIP_STATUS_FIELD_NUMBER: _ClassVar[int]
    leg_id: str
    trunk_id: str
    sip_status: int
    def __init__(self, leg_id: _Optional[str] = ..., trunk_id: _Optional[str] = ..., sip_status: _Optional[int] = ...) -> None: ...

class LegRedirected(_message.Message):
    __slots__ = ("leg_id", "sip_status", "from_number", "to_number", "trunk_id", "refused_by")
    LEG_ID_FIELD_NUMBER: _ClassVar[int]
    SIP_STATUS_FIELD_NUMBER: _ClassVar[int]
    FROM_NUMBER_FIELD_NUMBER: _ClassVar[int]
    TO_NUMBER_FIELD_NUMBER: _ClassVar[int]
    TRUNK_ID_FIELD_NUMBER: _ClassVar[int]
    REFUSED_BY_FIELD_NUMBER: _ClassVar[int]
    leg_id: str
    sip_status: int
    from_number: str
    to_number: str
    trunk_id: str
    refused_by: str
    def __init__(self, leg_id: _Optional[str] = ..., sip_status: _Optional[int] = ..., from_number: _Optional[str] = ..., to_number: _Optional[str] = ..., trunk_id: _Optional[str] = ..., refused_by: _Optional[str] = ...) -> None: ...

class CallEmergency(_message.Message):
    __slots__ = ("number", "agent_id", "seat_id", "branch_id", "callback")
    NUMBER_FIELD_NUMBER: _ClassVar[int]
    AGENT_ID_FIELD_NUMBER: _ClassVar[int]
    SEAT_ID_FIELD_NUMBER: _ClassVar[int]
    BRANCH_ID_FIELD_NUMBER: _ClassVar[int]
    CALLBACK_FIELD_NUMBER: _ClassVar[int]
    number: str
    agent_id: str
    seat_id: str
    branch_id: str
    callback: str
    def __init__(self, number: _Optional[str] = ..., agent_id: _Optional[str] = ..., seat_id: _Optional[str] = ..., branch_id: _Optional[str] = ..., callback: _Optional[str] = ...) -> None: ...

class CallRecordingStarted(_message.Message):
    __slots__ = ("recording_id",)
    RECORDING_ID_FIELD_NUMBER: _ClassVar[int]
    recording_id: str
    def __init__(self, recording_id: _Optional[str] = ...) -> None: ...

class CallRecordingStopped(_message.Message):
    __slots__ = ("recording_id",)
    RECORDING_ID_FIELD_NUMBER: _ClassVar[int]
    recording_id: str
    def __init__(self, recording_id: _Optional[str] = ...) -> None: ...

class CallVoicemailLeft(_message.Message):
    __slots__ = ("recording_id", "queue_id", "duration_ms")
    RECORDING_ID_FIELD_NUMBER: _ClassVar[int]
    QUEUE_ID_FIELD_NUMBER: _ClassVar[int]
    DURATION_MS_FIELD_NUMBER: _ClassVar[int]
    recording_id: str
    queue_id: str
    duration_ms: int
    def __init__(self, recording_id: _Optional[str] = ..., queue_id: _Optional[str] = ..., duration_ms: _Optional[int] = ...) -> None: ...

class CallQualityReported(_message.Message):
    __slots__ = ("leg_id", "packets_received", "packets_lost", "jitter_ms", "round_trip_ms", "mos", "packets_sent")
    LEG_ID_FIELD_NUMBER: _ClassVar[int]
    PACKETS_RECEIVED_FIELD_NUMBER: _ClassVar[int]
    PACKETS_LOST_FIELD_NUMBER: _ClassVar[int]
    JITTER_MS_FIELD_NUMBER: _ClassVar[int]
    ROUND_TRIP_MS_FIELD_NUMBER: _ClassVar[int]
    MOS_FIELD_NUMBER: _ClassVar[int]
    PACKETS_SENT_FIELD_NUMBER: _ClassVar[int]
    leg_id: str
    packets_received: int
    packets_lost: int
    jitter_ms: float
    round_trip_ms: float
    mos: float
    packets_sent: int
    def __init__(self, leg_id: _Optional[str] = ..., packets_received: _Optional[int] = ..., packets_lost: _Optional[int] = ..., jitter_ms: _Optional[float] = ..., round_trip_ms: _Optional[float] = ..., mos: _Optional[float] = ..., packets_sent: _Optional[int] = ...) -> None: ...

class CallEnded(_message.Message):
    __slots__ = ("cause", "last_seq", "sip_status", "call", "digits")
    CAUSE_FIELD_NUMBER: _ClassVar[int]
    LAST_SEQ_FIELD_NUMBER: _ClassVar[int]
    SIP_STATUS_FIELD_NUMBER: _ClassVar[int]
    CALL_FIELD_NUMBER: _ClassVar[int]
    DIGITS_FIELD_NUMBER: _ClassVar[int]
    cause: _types_pb2.HangupCause
    last_seq: int
    sip_status: int
    call: _types_pb2.Call
    digits: str
    def __init__(self, cause: _Optional[_Union[_types_pb2.HangupCause, str]] = ..., last_seq: _Optional[int] = ..., sip_status: _Optional[int] = ..., call: _Optional[_Union[_types_pb2.Call, _Mapping]] = ..., digits: _Optional[str] = ...) -> None: ...
