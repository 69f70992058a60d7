import datetime

from google.protobuf import timestamp_pb2 as _timestamp_pb2
from seatbus.common.v1 import types_pb2 as _types_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class RecordingState(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    RECORDING_STATE_UNSPECIFIED: _ClassVar[RecordingState]
    RECORDING_STATE_OPEN: _ClassVar[RecordingState]
    RECORDING_STATE_COMPLETE: _ClassVar[RecordingState]
    RECORDING_STATE_DELETED: _ClassVar[RecordingState]
RECORDING_STATE_UNSPECIFIED: RecordingState
RECORDING_STATE_OPEN: RecordingState
RECORDING_STATE_COMPLETE: RecordingState
RECORDING_STATE_DELETED: RecordingState

class Recording(_message.Message):
    __slots__ = ("meta", "tenant_id", "recording_id", "call_id", "state", "started_at", "completed_at", "duration_ms", "size_bytes", "channels", "sample_rate", "object_name", "sha256", "labels", "instance_id", "legal_hold", "retain_until", "incomplete")
    class LabelsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    META_FIELD_NUMBER: _ClassVar[int]
    TENANT_ID_FIELD_NUMBER: _ClassVar[int]
    RECORDING_ID_FIELD_NUMBER: _ClassVar[int]
    CALL_ID_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    STARTED_AT_FIELD_NUMBER: _ClassVar[int]
    COMPLETED_AT_FIELD_NUMBER: _ClassVar[int]
    DURATION_MS_FIELD_NUMBER: _ClassVar[int]
    SIZE_BYTES_FIELD_NUMBER: _ClassVar[int]
    CHANNELS_FIELD_NUMBER: _ClassVar[int]
    SAMPLE_RATE_FIELD_NUMBER: _ClassVar[int]
    OBJECT_NAME_FIELD_NUMBER: _ClassVar[int]
    SHA256_FIELD_NUMBER: _ClassVar[int]
    LABELS_FIELD_NUMBER: _ClassVar[int]
    INSTANCE_ID_FIELD_NUMBER: _ClassVar[int]
    LEGAL_HOLD_FIELD_NUMBER: _ClassVar[int]
    RETAIN_UNTIL_FIELD_NUMBER: _ClassVar[int]
    INCOMPLETE_FIELD_NUMBER: _ClassVar[int]
    meta: _types_pb2.RecordMeta
    tenant_id: str
    recording_id: str
    call_id: str
    state: RecordingState
    started_at: _timestamp_pb2.Timestamp
    completed_at: _timestamp_pb2.Timestamp
    duration_ms: int
    size_bytes: int
    channels: int
    sample_rate: int
    object_name: str
    sha256: str
    labels: _containers.ScalarMap[str, str]
    instance_id: str
    legal_hold: bool
    retain_until: _timestamp_pb2.Timestamp
    incomplete: bool
    def __init__(self, meta: _Optional[_Union[_types_pb2.RecordMeta, _Mapping]] = ..., tenant_id: _Optional[str] = ..., recording_id: _Optional[str] = ..., call_id: _Optional[str] = ..., state: _Optional[_Union[RecordingState, str]] = ..., started_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., completed_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., duration_ms: _Optional[int] = ..., size_bytes: _Optional[int] = ..., channels: _Optional[int] = ..., sample_rate: _Optional[int] = ..., object_name: _Optional[str] = ..., sha256: _Optional[str] = ..., labels: _Optional[_Mapping[str, str]] = ..., instance_id: _Optional[str] = ..., legal_hold: _Optional[bool] = ..., retain_until: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., incomplete: _Optional[bool] = ...) -> None: ...
