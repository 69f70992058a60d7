from buf.validate import validate_pb2 as _validate_pb2
from seatbus.common.v1 import types_pb2 as _types_pb2
from seatbus.ivr.v1 import types_pb2 as _types_pb2_1
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class BeginRequest(_message.Message):
    __slots__ = ("context", "call_id", "flow_id", "caller", "dialed", "attributes")
    class AttributesEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    CONTEXT_FIELD_NUMBER: _ClassVar[int]
    CALL_ID_FIELD_NUMBER: _ClassVar[int]
    FLOW_ID_FIELD_NUMBER: _ClassVar[int]
    CALLER_FIELD_NUMBER: _ClassVar[int]
    DIALED_FIELD_NUMBER: _ClassVar[int]
    ATTRIBUTES_FIELD_NUMBER: _ClassVar[int]
    context: _types_pb2.RequestContext
    call_id: str
    flow_id: str
    caller: str
    dialed: str
    attributes: _containers.ScalarMap[str, str]
    def __init__(self, context: _Optional[_Union[_types_pb2.RequestContext, _Mapping]] = ..., call_id: _Optional[str] = ..., flow_id: _Optional[str] = ..., caller: _Optional[str] = ..., dialed: _Optional[str] = ..., attributes: _Optional[_Mapping[str, str]] = ...) -> None: ...

class BeginResponse(_message.Message):
    __slots__ = ("step",)
    STEP_FIELD_NUMBER: _ClassVar[int]
    step: _types_pb2_1.Step
    def __init__(self, step: _Optional[_Union[_types_pb2_1.Step, _Mapping]] = ...) -> None: ...

class AdvanceRequest(_message.Message):
    __slots__ = ("context", "call_id", "step_seq", "outcome")
    CONTEXT_FIELD_NUMBER: _ClassVar[int]
    CALL_ID_FIELD_NUMBER: _ClassVar[int]
    STEP_SEQ_FIELD_NUMBER: _ClassVar[int]
    OUTCOME_FIELD_NUMBER: _ClassVar[int]
    context: _types_pb2.RequestContext
    call_id: str
    step_seq: int
    outcome: _types_pb2_1.Outcome
    def __init__(self, context: _Optional[_Union[_types_pb2.RequestContext, _Mapping]] = ..., call_id: _Optional[str] = ..., step_seq: _Optional[int] = ..., outcome: _Optional[_Union[_types_pb2_1.Outcome, _Mapping]] = ...) -> None: ...

class AdvanceResponse(_message.Message):
    __slots__ = ("step",)
    STEP_FIELD_NUMBER: _ClassVar[int]
    step: _types_pb2_1.Step
    def __init__(self, step: _Optional[_Union[_types_pb2_1.Step, _Mapping]] = ...) -> None: ...

class EndRequest(_message.Message):
    __slots__ = ("context", "call_id")
    CONTEXT_FIELD_NUMBER: _ClassVar[int]
    CALL_ID_FIELD_NUMBER: _ClassVar[int]
    context: _types_pb2.RequestContext
    call_id: str
    def __init__(self, context: _Optional[_Union[_types_pb2.RequestContext, _Mapping]] = ..., call_id: _Optional[str] = ...) -> None: ...

class EndResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ValidateFlowRequest(_message.Message):
    __slots__ = ("tenant_id", "flow")
    TENANT_ID_FIELD_NUMBER: _ClassVar[int]
    FLOW_FIELD_NUMBER: _ClassVar[int]
    tenant_id: str
    flow: _types_pb2_1.Flow
    def __init__(self, tenant_id: _Optional[str] = ..., flow: _Optional[_Union[_types_pb2_1.Flow, _Mapping]] = ...) -> None: ...

class ValidateFlowResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...
