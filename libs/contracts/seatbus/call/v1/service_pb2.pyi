import datetime

from buf.validate import validate_pb2 as _validate_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from seatbus.call.v1 import types_pb2 as _types_pb2
from seatbus.common.v1 import types_pb2 as _types_pb2_1
from seatbus.tenancy.v1 import types_pb2 as _types_pb2_1_1
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class LeaveReason(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    LEAVE_REASON_UNSPECIFIED: _ClassVar[LeaveReason]
    LEAVE_REASON_QUEUE_FULL: _ClassVar[LeaveReason]
    LEAVE_REASON_QUEUE_CLOSED: _ClassVar[LeaveReason]
    LEAVE_REASON_MAX_WAIT: _ClassVar[LeaveReason]
    LEAVE_REASON_NO_AGENTS: _ClassVar[LeaveReason]
    LEAVE_REASON_MOVED: _ClassVar[LeaveReason]

class ConsultEnd(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    CONSULT_END_UNSPECIFIED: _ClassVar[ConsultEnd]
    CONSULT_END_TRANSFER: _ClassVar[ConsultEnd]
    CONSULT_END_CONFERENCE: _ClassVar[ConsultEnd]
    CONSULT_END_RETURN: _ClassVar[ConsultEnd]

class SuperviseMode(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    SUPERVISE_MODE_UNSPECIFIED: _ClassVar[SuperviseMode]
    SUPERVISE_MODE_MONITOR: _ClassVar[SuperviseMode]
    SUPERVISE_MODE_WHISPER: _ClassVar[SuperviseMode]
    SUPERVISE_MODE_BARGE: _ClassVar[SuperviseMode]
    SUPERVISE_MODE_TAKE_OVER: _ClassVar[SuperviseMode]
    SUPERVISE_MODE_OFF: _ClassVar[SuperviseMode]

class RecordingControl(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    RECORDING_CONTROL_UNSPECIFIED: _ClassVar[RecordingControl]
    RECORDING_CONTROL_START: _ClassVar[RecordingControl]
    RECORDING_CONTROL_PAUSE: _ClassVar[RecordingControl]
    RECORDING_CONTROL_RESUME: _ClassVar[RecordingControl]
    RECORDING_CONTROL_STOP: _ClassVar[RecordingControl]
LEAVE_REASON_UNSPECIFIED: LeaveReason
LEAVE_REASON_QUEUE_FULL: LeaveReason
LEAVE_REASON_QUEUE_CLOSED: LeaveReason
LEAVE_REASON_MAX_WAIT: LeaveReason
LEAVE_REASON_NO_AGENTS: LeaveReason
LEAVE_REASON_MOVED: LeaveReason
CONSULT_END_UNSPECIFIED: ConsultEnd
CONSULT_END_TRANSFER: ConsultEnd
CONSULT_END_CONFERENCE: ConsultEnd
CONSULT_END_RETURN: ConsultEnd
SUPERVISE_MODE_UNSPECIFIED: SuperviseMode
SUPERVISE_MODE_MONITOR: SuperviseMode
SUPERVISE_MODE_WHISPER: SuperviseMode
SUPERVISE_MODE_BARGE: SuperviseMode
SUPERVISE_MODE_TAKE_OVER: SuperviseMode
SUPERVISE_MODE_OFF: SuperviseMode
RECORDING_CONTROL_UNSPECIFIED: RecordingControl
RECORDING_CONTROL_START: RecordingControl
RECORDING_CONTROL_PAUSE: RecordingControl
RECORDING_CONTROL_RESUME: RecordingControl
RECORDING_CONTROL_STOP: RecordingControl

class OfferAgentRequest(_message.Message):
    __slots__ = ("context", "call_id", "contact_id", "rid", "epoch", "group", "agent_tenant_id", "agent_id", "ring_timeout_s", "queue_id", "acd_address", "ring_rid")
    CONTEXT_FIELD_NUMBER: _ClassVar[int]
    CALL_ID_FIELD_NUMBER: _ClassVar[int]
    CONTACT_ID_FIELD_NUMBER: _ClassVar[int]
    RID_FIELD_NUMBER: _ClassVar[int]
    EPOCH_FIELD_NUMBER: _ClassVar[int]
    GROUP_FIELD_NUMBER: _ClassVar[int]
    AGENT_TENANT_ID_FIELD_NUMBER: _ClassVar[int]
    AGENT_ID_FIELD_NUMBER: _ClassVar[int]
    RING_TIMEOUT_S_FIELD_NUMBER: _ClassVar[int]
    QUEUE_ID_FIELD_NUMBER: _ClassVar[int]
    ACD_ADDRESS_FIELD_NUMBER: _ClassVar[int]
    RING_RID_FIELD_NUMBER: _ClassVar[int]
    context: _types_pb2_1.RequestContext
    call_id: str
    contact_id: str
    rid: str
    epoch: int
    group: str
    agent_tenant_id: str
    agent_id: str
    ring_timeout_s: int
    queue_id: str
    acd_address: str
    ring_rid: str
    def __init__(self, context: _Optional[_Union[_types_pb2_1.RequestContext, _Mapping]] = ..., call_id: _Optional[str] = ..., contact_id: _Optional[str] = ..., rid: _Optional[str] = ..., epoch: _Optional[int] = ..., group: _Optional[str] = ..., agent_tenant_id: _Optional[str] = ..., agent_id: _Optional[str] = ..., ring_timeout_s: _Optional[int] = ..., queue_id: _Optional[str] = ..., acd_address: _Optional[str] = ..., ring_rid: _Optional[str] = ...) -> None: ...

class OfferAgentResponse(_message.Message):
    __slots__ = ("leg_id",)
    LEG_ID_FIELD_NUMBER: _ClassVar[int]
    leg_id: str
    def __init__(self, leg_id: _Optional[str] = ...) -> None: ...

class WithdrawOfferRequest(_message.Message):
    __slots__ = ("context", "call_id", "rid", "epoch")
    CONTEXT_FIELD_NUMBER: _ClassVar[int]
    CALL_ID_FIELD_NUMBER: _ClassVar[int]
    RID_FIELD_NUMBER: _ClassVar[int]
    EPOCH_FIELD_NUMBER: _ClassVar[int]
    context: _types_pb2_1.RequestContext
    call_id: str
    rid: str
    epoch: int
    def __init__(self, context: _Optional[_Union[_types_pb2_1.RequestContext, _Mapping]] = ..., call_id: _Optional[str] = ..., rid: _Optional[str] = ..., epoch: _Optional[int] = ...) -> None: ...

class WithdrawOfferResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class LeaveQueueRequest(_message.Message):
    __slots__ = ("context", "call_id", "contact_id", "reason", "epoch", "overflow", "first_fifo", "first_enqueued_at")
    CONTEXT_FIELD_NUMBER: _ClassVar[int]
    CALL_ID_FIELD_NUMBER: _ClassVar[int]
    CONTACT_ID_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    EPOCH_FIELD_NUMBER: _ClassVar[int]
    OVERFLOW_FIELD_NUMBER: _ClassVar[int]
    FIRST_FIFO_FIELD_NUMBER: _ClassVar[int]
    FIRST_ENQUEUED_AT_FIELD_NUMBER: _ClassVar[int]
    context: _types_pb2_1.RequestContext
    call_id: str
    contact_id: str
    reason: LeaveReason
    epoch: int
    overflow: _types_pb2_1_1.Route
    first_fifo: int
    first_enqueued_at: _timestamp_pb2.Timestamp
    def __init__(self, context: _Optional[_Union[_types_pb2_1.RequestContext, _Mapping]] = ..., call_id: _Optional[str] = ..., contact_id: _Optional[str] = ..., reason: _Optional[_Union[LeaveReason, str]] = ..., epoch: _Optional[int] = ..., overflow: _Optional[_Union[_types_pb2_1_1.Route, _Mapping]] = ..., first_fifo: _Optional[int] = ..., first_enqueued_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class LeaveQueueResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class AnnounceRequest(_message.Message):
    __slots__ = ("context", "call_id", "contact_id", "number", "position", "estimated_wait_s")
    CONTEXT_FIELD_NUMBER: _ClassVar[int]
    CALL_ID_FIELD_NUMBER: _ClassVar[int]
    CONTACT_ID_FIELD_NUMBER: _ClassVar[int]
    NUMBER_FIELD_NUMBER: _ClassVar[int]
    POSITION_FIELD_NUMBER: _ClassVar[int]
    ESTIMATED_WAIT_S_FIELD_NUMBER: _ClassVar[int]
    context: _types_pb2_1.RequestContext
    call_id: str
    contact_id: str
    number: int
    position: int
    estimated_wait_s: int
    def __init__(self, context: _Optional[_Union[_types_pb2_1.RequestContext, _Mapping]] = ..., call_id: _Optional[str] = ..., contact_id: _Optional[str] = ..., number: _Optional[int] = ..., position: _Optional[int] = ..., estimated_wait_s: _Optional[int] = ...) -> None: ...

class AnnounceResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class QueryReservationRequest(_message.Message):
    __slots__ = ("tenant_id", "call_id", "rid")
    TENANT_ID_FIELD_NUMBER: _ClassVar[int]
    CALL_ID_FIELD_NUMBER: _ClassVar[int]
    RID_FIELD_NUMBER: _ClassVar[int]
    tenant_id: str
    call_id: str
    rid: str
    def __init__(self, tenant_id: _Optional[str] = ..., call_id: _Optional[str] = ..., rid: _Optional[str] = ...) -> None: ...

class QueryReservationResponse(_message.Message):
    __slots__ = ("state",)
    STATE_FIELD_NUMBER: _ClassVar[int]
    state: _types_pb2.LegState
    def __init__(self, state: _Optional[_Union[_types_pb2.LegState, str]] = ...) -> None: ...

class OriginateRequest(_message.Message):
    __slots__ = ("context", "agent_id", "target", "caller_id", "attributes", "mask_number", "ring_timeout_s")
    class AttributesEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    CONTEXT_FIELD_NUMBER: _ClassVar[int]
    AGENT_ID_FIELD_NUMBER: _ClassVar[int]
    TARGET_FIELD_NUMBER: _ClassVar[int]
    CALLER_ID_FIELD_NUMBER: _ClassVar[int]
    ATTRIBUTES_FIELD_NUMBER: _ClassVar[int]
    MASK_NUMBER_FIELD_NUMBER: _ClassVar[int]
    RING_TIMEOUT_S_FIELD_NUMBER: _ClassVar[int]
    context: _types_pb2_1.RequestContext
    agent_id: str
    target: _types_pb2.OutboundTarget
    caller_id: str
    attributes: _containers.ScalarMap[str, str]
    mask_number: bool
    ring_timeout_s: int
    def __init__(self, context: _Optional[_Union[_types_pb2_1.RequestContext, _Mapping]] = ..., agent_id: _Optional[str] = ..., target: _Optional[_Union[_types_pb2.OutboundTarget, _Mapping]] = ..., caller_id: _Optional[str] = ..., attributes: _Optional[_Mapping[str, str]] = ..., mask_number: _Optional[bool] = ..., ring_timeout_s: _Optional[int] = ...) -> None: ...

class OriginateResponse(_message.Message):
    __slots__ = ("call_id",)
    CALL_ID_FIELD_NUMBER: _ClassVar[int]
    call_id: str
    def __init__(self, call_id: _Optional[str] = ...) -> None: ...

class CallBackRequest(_message.Message):
    __slots__ = ("context", "call_id", "contact_id", "rid", "epoch", "group", "agent_tenant_id", "agent_id", "ring_timeout_s", "queue_id", "acd_address", "number", "customer_first", "interaction_id", "branch_id", "attributes", "visit")
    class AttributesEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    CONTEXT_FIELD_NUMBER: _ClassVar[int]
    CALL_ID_FIELD_NUMBER: _ClassVar[int]
    CONTACT_ID_FIELD_NUMBER: _ClassVar[int]
    RID_FIELD_NUMBER: _ClassVar[int]
    EPOCH_FIELD_NUMBER: _ClassVar[int]
    GROUP_FIELD_NUMBER: _ClassVar[int]
    AGENT_TENANT_ID_FIELD_NUMBER: _ClassVar[int]
    AGENT_ID_FIELD_NUMBER: _ClassVar[int]
    RING_TIMEOUT_S_FIELD_NUMBER: _ClassVar[int]
    QUEUE_ID_FIELD_NUMBER: _ClassVar[int]
    ACD_ADDRESS_FIELD_NUMBER: _ClassVar[int]
    NUMBER_FIELD_NUMBER: _ClassVar[int]
    CUSTOMER_FIRST_FIELD_NUMBER: _ClassVar[int]
    INTERACTION_ID_FIELD_NUMBER: _ClassVar[int]
    BRANCH_ID_FIELD_NUMBER: _ClassVar[int]
    ATTRIBUTES_FIELD_NUMBER: _ClassVar[int]
    VISIT_FIELD_NUMBER: _ClassVar[int]
    context: _types_pb2_1.RequestContext
    call_id: str
    contact_id: str
    rid: str
    epoch: int
    group: str
    agent_tenant_id: str
    agent_id: str
    ring_timeout_s: int
    queue_id: str
    acd_address: str
    number: str
    customer_first: bool
    interaction_id: str
    branch_id: str
    attributes: _containers.ScalarMap[str, str]
    visit: int
    def __init__(self, context: _Optional[_Union[_types_pb2_1.RequestContext, _Mapping]] = ..., call_id: _Optional[str] = ..., contact_id: _Optional[str] = ..., rid: _Optional[str] = ..., epoch: _Optional[int] = ..., group: _Optional[str] = ..., agent_tenant_id: _Optional[str] = ..., agent_id: _Optional[str] = ..., ring_timeout_s: _Optional[int] = ..., queue_id: _Optional[str] = ..., acd_address: _Optional[str] = ..., number: _Optional[str] = ..., customer_first: _Optional[bool] = ..., interaction_id: _Optional[str] = ..., branch_id: _Optional[str] = ..., attributes: _Optional[_Mapping[str, str]] = ..., visit: _Optional[int] = ...) -> None: ...

class CallBackResponse(_message.Message):
    __slots__ = ("leg_id",)
    LEG_ID_FIELD_NUMBER: _ClassVar[int]
    leg_id: str
    def __init__(self, leg_id: _Optional[str] = ...) -> None: ...

class CheckNumberRequest(_message.Message):
    __slots__ = ("tenant_id", "number", "branch_id")
    TENANT_ID_FIELD_NUMBER: _ClassVar[int]
    NUMBER_FIELD_NUMBER: _ClassVar[int]
    BRANCH_ID_FIELD_NUMBER: _ClassVar[int]
    tenant_id: str
    number: str
    branch_id: str
    def __init__(self, tenant_id: _Optional[str] = ..., number: _Optional[str] = ..., branch_id: _Optional[str] = ...) -> None: ...

class CheckNumberResponse(_message.Message):
    __slots__ = ("number", "refusal")
    NUMBER_FIELD_NUMBER: _ClassVar[int]
    REFUSAL_FIELD_NUMBER: _ClassVar[int]
    number: str
    refusal: str
    def __init__(self, number: _Optional[str] = ..., refusal: _Optional[str] = ...) -> None: ...

class HangUpRequest(_message.Message):
    __slots__ = ("context", "call_id", "leg_id", "cause")
    CONTEXT_FIELD_NUMBER: _ClassVar[int]
    CALL_ID_FIELD_NUMBER: _ClassVar[int]
    LEG_ID_FIELD_NUMBER: _ClassVar[int]
    CAUSE_FIELD_NUMBER: _ClassVar[int]
    context: _types_pb2_1.RequestContext
    call_id: str
    leg_id: str
    cause: _types_pb2.HangupCause
    def __init__(self, context: _Optional[_Union[_types_pb2_1.RequestContext, _Mapping]] = ..., call_id: _Optional[str] = ..., leg_id: _Optional[str] = ..., cause: _Optional[_Union[_types_pb2.HangupCause, str]] = ...) -> None: ...

class HangUpResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class HoldRequest(_message.Message):
    __slots__ = ("context", "call_id", "leg_id", "on")
    CONTEXT_FIELD_NUMBER: _ClassVar[int]
    CALL_ID_FIELD_NUMBER: _ClassVar[int]
    LEG_ID_FIELD_NUMBER: _ClassVar[int]
    ON_FIELD_NUMBER: _ClassVar[int]
    context: _types_pb2_1.RequestContext
    call_id: str
    leg_id: str
    on: bool
    def __init__(self, context: _Optional[_Union[_types_pb2_1.RequestContext, _Mapping]] = ..., call_id: _Optional[str] = ..., leg_id: _Optional[str] = ..., on: _Optional[bool] = ...) -> None: ...

class HoldResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class MuteRequest(_message.Message):
    __slots__ = ("context", "call_id", "leg_id", "on")
    CONTEXT_FIELD_NUMBER: _ClassVar[int]
    CALL_ID_FIELD_NUMBER: _ClassVar[int]
    LEG_ID_FIELD_NUMBER: _ClassVar[int]
    ON_FIELD_NUMBER: _ClassVar[int]
    context: _types_pb2_1.RequestContext
    call_id: str
    leg_id: str
    on: bool
    def __init__(self, context: _Optional[_Union[_types_pb2_1.RequestContext, _Mapping]] = ..., call_id: _Optional[str] = ..., leg_id: _Optional[str] = ..., on: _Optional[bool] = ...) -> None: ...

class MuteResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class TransferRequest(_message.Message):
    __slots__ = ("context", "call_id", "by_leg_id", "target")
    CONTEXT_FIELD_NUMBER: _ClassVar[int]
    CALL_ID_FIELD_NUMBER: _ClassVar[int]
    BY_LEG_ID_FIELD_NUMBER: _ClassVar[int]
    TARGET_FIELD_NUMBER: _ClassVar[int]
    context: _types_pb2_1.RequestContext
    call_id: str
    by_leg_id: str
    target: _types_pb2.OutboundTarget
    def __init__(self, context: _Optional[_Union[_types_pb2_1.RequestContext, _Mapping]] = ..., call_id: _Optional[str] = ..., by_leg_id: _Optional[str] = ..., target: _Optional[_Union[_types_pb2.OutboundTarget, _Mapping]] = ...) -> None: ...

class TransferResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class StartConsultRequest(_message.Message):
    __slots__ = ("context", "call_id", "target")
    CONTEXT_FIELD_NUMBER: _ClassVar[int]
    CALL_ID_FIELD_NUMBER: _ClassVar[int]
    TARGET_FIELD_NUMBER: _ClassVar[int]
    context: _types_pb2_1.RequestContext
    call_id: str
    target: _types_pb2.OutboundTarget
    def __init__(self, context: _Optional[_Union[_types_pb2_1.RequestContext, _Mapping]] = ..., call_id: _Optional[str] = ..., target: _Optional[_Union[_types_pb2.OutboundTarget, _Mapping]] = ...) -> None: ...

class StartConsultResponse(_message.Message):
    __slots__ = ("leg_id",)
    LEG_ID_FIELD_NUMBER: _ClassVar[int]
    leg_id: str
    def __init__(self, leg_id: _Optional[str] = ...) -> None: ...

class SwapConsultRequest(_message.Message):
    __slots__ = ("context", "call_id")
    CONTEXT_FIELD_NUMBER: _ClassVar[int]
    CALL_ID_FIELD_NUMBER: _ClassVar[int]
    context: _types_pb2_1.RequestContext
    call_id: str
    def __init__(self, context: _Optional[_Union[_types_pb2_1.RequestContext, _Mapping]] = ..., call_id: _Optional[str] = ...) -> None: ...

class SwapConsultResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class CompleteConsultRequest(_message.Message):
    __slots__ = ("context", "call_id", "end")
    CONTEXT_FIELD_NUMBER: _ClassVar[int]
    CALL_ID_FIELD_NUMBER: _ClassVar[int]
    END_FIELD_NUMBER: _ClassVar[int]
    context: _types_pb2_1.RequestContext
    call_id: str
    end: ConsultEnd
    def __init__(self, context: _Optional[_Union[_types_pb2_1.RequestContext, _Mapping]] = ..., call_id: _Optional[str] = ..., end: _Optional[_Union[ConsultEnd, str]] = ...) -> None: ...

class CompleteConsultResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ParkRequest(_message.Message):
    __slots__ = ("context", "call_id")
    CONTEXT_FIELD_NUMBER: _ClassVar[int]
    CALL_ID_FIELD_NUMBER: _ClassVar[int]
    context: _types_pb2_1.RequestContext
    call_id: str
    def __init__(self, context: _Optional[_Union[_types_pb2_1.RequestContext, _Mapping]] = ..., call_id: _Optional[str] = ...) -> None: ...

class ParkResponse(_message.Message):
    __slots__ = ("slot",)
    SLOT_FIELD_NUMBER: _ClassVar[int]
    slot: str
    def __init__(self, slot: _Optional[str] = ...) -> None: ...

class PickUpRequest(_message.Message):
    __slots__ = ("context", "slot", "call_id", "agent_id")
    CONTEXT_FIELD_NUMBER: _ClassVar[int]
    SLOT_FIELD_NUMBER: _ClassVar[int]
    CALL_ID_FIELD_NUMBER: _ClassVar[int]
    AGENT_ID_FIELD_NUMBER: _ClassVar[int]
    context: _types_pb2_1.RequestContext
    slot: str
    call_id: str
    agent_id: str
    def __init__(self, context: _Optional[_Union[_types_pb2_1.RequestContext, _Mapping]] = ..., slot: _Optional[str] = ..., call_id: _Optional[str] = ..., agent_id: _Optional[str] = ...) -> None: ...

class PickUpResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class SendDtmfRequest(_message.Message):
    __slots__ = ("context", "call_id", "leg_id", "digits")
    CONTEXT_FIELD_NUMBER: _ClassVar[int]
    CALL_ID_FIELD_NUMBER: _ClassVar[int]
    LEG_ID_FIELD_NUMBER: _ClassVar[int]
    DIGITS_FIELD_NUMBER: _ClassVar[int]
    context: _types_pb2_1.RequestContext
    call_id: str
    leg_id: str
    digits: str
    def __init__(self, context: _Optional[_Union[_types_pb2_1.RequestContext, _Mapping]] = ..., call_id: _Optional[str] = ..., leg_id: _Optional[str] = ..., digits: _Optional[str] = ...) -> None: ...

class SendDtmfResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class SuperviseRequest(_message.Message):
    __slots__ = ("context", "call_id", "supervisor_agent_id", "mode")
    CONTEXT_FIELD_NUMBER: _ClassVar[int]
    CALL_ID_FIELD_NUMBER: _ClassVar[int]
    SUPERVISOR_AGENT_ID_FIELD_NUMBER: _ClassVar[int]
    MODE_FIELD_NUMBER: _ClassVar[int]
    context: _types_pb2_1.RequestContext
    call_id: str
    supervisor_agent_id: str
    mode: SuperviseMode
    def __init__(self, context: _Optional[_Union[_types_pb2_1.RequestContext, _Mapping]] = ..., call_id: _Optional[str] = ..., supervisor_agent_id: _Optional[str] = ..., mode: _Optional[_Union[SuperviseMode, str]] = ...) -> None: ...

class SuperviseResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ControlRecordingRequest(_message.Message):
    __slots__ = ("context", "call_id", "control")
    CONTEXT_FIELD_NUMBER: _ClassVar[int]
    CALL_ID_FIELD_NUMBER: _ClassVar[int]
    CONTROL_FIELD_NUMBER: _ClassVar[int]
    context: _types_pb2_1.RequestContext
    call_id: str
    control: RecordingControl
    def __init__(self, context: _Optional[_Union[_types_pb2_1.RequestContext, _Mapping]] = ..., call_id: _Optional[str] = ..., control: _Optional[_Union[RecordingControl, str]] = ...) -> None: ...

class ControlRecordingResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class SetAttributesRequest(_message.Message):
    __slots__ = ("context", "call_id", "attributes")
    class AttributesEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    CONTEXT_FIELD_NUMBER: _ClassVar[int]
    CALL_ID_FIELD_NUMBER: _ClassVar[int]
    ATTRIBUTES_FIELD_NUMBER: _ClassVar[int]
    context: _types_pb2_1.RequestContext
    call_id: str
    attributes: _containers.ScalarMap[str, str]
    def __init__(self, context: _Optional[_Union[_types_pb2_1.RequestContext, _Mapping]] = ..., call_id: _Optional[str] = ..., attributes: _Optional[_Mapping[str, str]] = ...) -> None: ...

class SetAttributesResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class GetCallRequest(_message.Message):
    __slots__ = ("tenant_id", "call_id")
    TENANT_ID_FIELD_NUMBER: _ClassVar[int]
    CALL_ID_FIELD_NUMBER: _ClassVar[int]
    tenant_id: str
    call_id: str
    def __init__(self, tenant_id: _Optional[str] = ..., call_id: _Optional[str] = ...) -> None: ...

class GetCallResponse(_message.Message):
    __slots__ = ("call",)
    CALL_FIELD_NUMBER: _ClassVar[int]
    call: _types_pb2.Call
    def __init__(self, call: _Optional[_Union[_types_pb2.Call, _Mapping]] = ...) -> None: ...

class ListCallsRequest(_message.Message):
    __slots__ = ("tenant_id", "page")
    TENANT_ID_FIELD_NUMBER: _ClassVar[int]
    PAGE_FIELD_NUMBER: _ClassVar[int]
    tenant_id: str
    page: _types_pb2_1.Page
    def __init__(self, tenant_id: _Optional[str] = ..., page: _Optional[_Union[_types_pb2_1.Page, _Mapping]] = ...) -> None: ...

class ListCallsResponse(_message.Message):
    __slots__ = ("calls", "next_cursor")
    CALLS_FIELD_NUMBER: _ClassVar[int]
    NEXT_CURSOR_FIELD_NUMBER: _ClassVar[int]
    calls: _containers.RepeatedCompositeFieldContainer[_types_pb2.Call]
    next_cursor: str
    def __init__(self, calls: _Optional[_Iterable[_Union[_types_pb2.Call, _Mapping]]] = ..., next_cursor: _Optional[str] = ...) -> None: ...

class ListRegistrationsRequest(_message.Message):
    __slots__ = ("tenant_id",)
    TENANT_ID_FIELD_NUMBER: _ClassVar[int]
    tenant_id: str
    def __init__(self, tenant_id: _Optional[str] = ...) -> None: ...

class ListRegistrationsResponse(_message.Message):
    __slots__ = ("registrations",)
    REGISTRATIONS_FIELD_NUMBER: _ClassVar[int]
    registrations: _containers.RepeatedCompositeFieldContainer[_types_pb2.Registration]
    def __init__(self, registrations: _Optional[_Iterable[_Union[_types_pb2.Registration, _Mapping]]] = ...) -> None: ...

class RepublishRequest(_message.Message):
    __slots__ = ("tenant_id", "call_id", "from_seq", "to_seq")
    TENANT_ID_FIELD_NUMBER: _ClassVar[int]
    CALL_ID_FIELD_NUMBER: _ClassVar[int]
    FROM_SEQ_FIELD_NUMBER: _ClassVar[int]
    TO_SEQ_FIELD_NUMBER: _ClassVar[int]
    tenant_id: str
    call_id: str
    from_seq: int
    to_seq: int
    def __init__(self, tenant_id: _Optional[str] = ..., call_id: _Optional[str] = ..., from_seq: _Optional[int] = ..., to_seq: _Optional[int] = ...) -> None: ...

class RepublishResponse(_message.Message):
    __slots__ = ("republished",)
    REPUBLISHED_FIELD_NUMBER: _ClassVar[int]
    republished: int
    def __init__(self, republished: _Optional[int] = ...) -> None: ...

class AgentDialog(_message.Message):
    __slots__ = ("sip_call_id", "own_tag", "peer_tag", "agent_tenant_id", "agent_id")
    SIP_CALL_ID_FIELD_NUMBER: _ClassVar[int]
    OWN_TAG_FIELD_NUMBER: _ClassVar[int]
    PEER_TAG_FIELD_NUMBER: _ClassVar[int]
    AGENT_TENANT_ID_FIELD_NUMBER: _ClassVar[int]
    AGENT_ID_FIELD_NUMBER: _ClassVar[int]
    sip_call_id: str
    own_tag: str
    peer_tag: str
    agent_tenant_id: str
    agent_id: str
    def __init__(self, sip_call_id: _Optional[str] = ..., own_tag: _Optional[str] = ..., peer_tag: _Optional[str] = ..., agent_tenant_id: _Optional[str] = ..., agent_id: _Optional[str] = ...) -> None: ...

class FindPartyRequest(_message.Message):
    __slots__ = ("context", "dialog")
    CONTEXT_FIELD_NUMBER: _ClassVar[int]
    DIALOG_FIELD_NUMBER: _ClassVar[int]
    context: _types_pb2_1.RequestContext
    dialog: AgentDialog
    def __init__(self, context: _Optional[_Union[_types_pb2_1.RequestContext, _Mapping]] = ..., dialog: _Optional[_Union[AgentDialog, _Mapping]] = ...) -> None: ...

class FindPartyResponse(_message.Message):
    __slots__ = ("status", "media_zone", "sdp")
    STATUS_FIELD_NUMBER: _ClassVar[int]
    MEDIA_ZONE_FIELD_NUMBER: _ClassVar[int]
    SDP_FIELD_NUMBER: _ClassVar[int]
    status: int
    media_zone: str
    sdp: str
    def __init__(self, status: _Optional[int] = ..., media_zone: _Optional[str] = ..., sdp: _Optional[str] = ...) -> None: ...

class OfferPartyRequest(_message.Message):
    __slots__ = ("context", "dialog", "sdp")
    CONTEXT_FIELD_NUMBER: _ClassVar[int]
    DIALOG_FIELD_NUMBER: _ClassVar[int]
    SDP_FIELD_NUMBER: _ClassVar[int]
    context: _types_pb2_1.RequestContext
    dialog: AgentDialog
    sdp: str
    def __init__(self, context: _Optional[_Union[_types_pb2_1.RequestContext, _Mapping]] = ..., dialog: _Optional[_Union[AgentDialog, _Mapping]] = ..., sdp: _Optional[str] = ...) -> None: ...

class OfferPartyResponse(_message.Message):
    __slots__ = ("status", "sdp")
    STATUS_FIELD_NUMBER: _ClassVar[int]
    SDP_FIELD_NUMBER: _ClassVar[int]
    status: int
    sdp: str
    def __init__(self, status: _Optional[int] = ..., sdp: _Optional[str] = ...) -> None: ...

class ReleasePartyRequest(_message.Message):
    __slots__ = ("context", "dialog", "undo", "owner")
    CONTEXT_FIELD_NUMBER: _ClassVar[int]
    DIALOG_FIELD_NUMBER: _ClassVar[int]
    UNDO_FIELD_NUMBER: _ClassVar[int]
    OWNER_FIELD_NUMBER: _ClassVar[int]
    context: _types_pb2_1.RequestContext
    dialog: AgentDialog
    undo: bool
    owner: str
    def __init__(self, context: _Optional[_Union[_types_pb2_1.RequestContext, _Mapping]] = ..., dialog: _Optional[_Union[AgentDialog, _Mapping]] = ..., undo: _Optional[bool] = ..., owner: _Optional[str] = ...) -> None: ...

class ReleasePartyResponse(_message.Message):
    __slots__ = ("call_id", "leg", "dialog")
    CALL_ID_FIELD_NUMBER: _ClassVar[int]
    LEG_FIELD_NUMBER: _ClassVar[int]
    DIALOG_FIELD_NUMBER: _ClassVar[int]
    call_id: str
    leg: bytes
    dialog: bytes
    def __init__(self, call_id: _Optional[str] = ..., leg: _Optional[bytes] = ..., dialog: _Optional[bytes] = ...) -> None: ...
