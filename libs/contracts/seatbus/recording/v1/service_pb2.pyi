import datetime

from buf.validate import validate_pb2 as _validate_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from seatbus.common.v1 import types_pb2 as _types_pb2
from seatbus.recording.v1 import types_pb2 as _types_pb2_1
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Chunk(_message.Message):
    __slots__ = ("recording_id", "open", "offset_samples", "left", "right", "encoding", "close")
    RECORDING_ID_FIELD_NUMBER: _ClassVar[int]
    OPEN_FIELD_NUMBER: _ClassVar[int]
    OFFSET_SAMPLES_FIELD_NUMBER: _ClassVar[int]
    LEFT_FIELD_NUMBER: _ClassVar[int]
    RIGHT_FIELD_NUMBER: _ClassVar[int]
    ENCODING_FIELD_NUMBER: _ClassVar[int]
    CLOSE_FIELD_NUMBER: _ClassVar[int]
    recording_id: str
    open: Open
    offset_samples: int
    left: bytes
    right: bytes
    encoding: str
    close: bool
    def __init__(self, recording_id: _Optional[str] = ..., open: _Optional[_Union[Open, _Mapping]] = ..., offset_samples: _Optional[int] = ..., left: _Optional[bytes] = ..., right: _Optional[bytes] = ..., encoding: _Optional[str] = ..., close: _Optional[bool] = ...) -> None: ...

class ChunkBatch(_message.Message):
    __slots__ = ("chunks",)
    CHUNKS_FIELD_NUMBER: _ClassVar[int]
    chunks: _containers.RepeatedCompositeFieldContainer[Chunk]
    def __init__(self, chunks: _Optional[_Iterable[_Union[Chunk, _Mapping]]] = ...) -> None: ...

class ChunkAckBatch(_message.Message):
    __slots__ = ("acks",)
    ACKS_FIELD_NUMBER: _ClassVar[int]
    acks: _containers.RepeatedCompositeFieldContainer[ChunkAck]
    def __init__(self, acks: _Optional[_Iterable[_Union[ChunkAck, _Mapping]]] = ...) -> None: ...

class Open(_message.Message):
    __slots__ = ("tenant_id", "call_id", "started_at", "labels", "traceparent", "mono", "sample_rate")
    class LabelsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    TENANT_ID_FIELD_NUMBER: _ClassVar[int]
    CALL_ID_FIELD_NUMBER: _ClassVar[int]
    STARTED_AT_FIELD_NUMBER: _ClassVar[int]
    LABELS_FIELD_NUMBER: _ClassVar[int]
    TRACEPARENT_FIELD_NUMBER: _ClassVar[int]
    MONO_FIELD_NUMBER: _ClassVar[int]
    SAMPLE_RATE_FIELD_NUMBER: _ClassVar[int]
    tenant_id: str
    call_id: str
    started_at: _timestamp_pb2.Timestamp
    labels: _containers.ScalarMap[str, str]
    traceparent: str
    mono: bool
    sample_rate: int
    def __init__(self, tenant_id: _Optional[str] = ..., call_id: _Optional[str] = ..., started_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., labels: _Optional[_Mapping[str, str]] = ..., traceparent: _Optional[str] = ..., mono: _Optional[bool] = ..., sample_rate: _Optional[int] = ...) -> None: ...

class ChunkAck(_message.Message):
    __slots__ = ("recording_id", "next_offset_samples", "closed", "error")
    RECORDING_ID_FIELD_NUMBER: _ClassVar[int]
    NEXT_OFFSET_SAMPLES_FIELD_NUMBER: _ClassVar[int]
    CLOSED_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    recording_id: str
    next_offset_samples: int
    closed: bool
    error: str
    def __init__(self, recording_id: _Optional[str] = ..., next_offset_samples: _Optional[int] = ..., closed: _Optional[bool] = ..., error: _Optional[str] = ...) -> None: ...

class GetRecordingRequest(_message.Message):
    __slots__ = ("tenant_id", "recording_id")
    TENANT_ID_FIELD_NUMBER: _ClassVar[int]
    RECORDING_ID_FIELD_NUMBER: _ClassVar[int]
    tenant_id: str
    recording_id: str
    def __init__(self, tenant_id: _Optional[str] = ..., recording_id: _Optional[str] = ...) -> None: ...

class GetRecordingResponse(_message.Message):
    __slots__ = ("recording",)
    RECORDING_FIELD_NUMBER: _ClassVar[int]
    recording: _types_pb2_1.Recording
    def __init__(self, recording: _Optional[_Union[_types_pb2_1.Recording, _Mapping]] = ...) -> None: ...

class ListRecordingsRequest(_message.Message):
    __slots__ = ("tenant_id", "call_id", "page")
    TENANT_ID_FIELD_NUMBER: _ClassVar[int]
    CALL_ID_FIELD_NUMBER: _ClassVar[int]
    PAGE_FIELD_NUMBER: _ClassVar[int]
    tenant_id: str
    call_id: str
    page: _types_pb2.Page
    def __init__(self, tenant_id: _Optional[str] = ..., call_id: _Optional[str] = ..., page: _Optional[_Union[_types_pb2.Page, _Mapping]] = ...) -> None: ...

class ListRecordingsResponse(_message.Message):
    __slots__ = ("recordings", "next_cursor")
    RECORDINGS_FIELD_NUMBER: _ClassVar[int]
    NEXT_CURSOR_FIELD_NUMBER: _ClassVar[int]
    recordings: _containers.RepeatedCompositeFieldContainer[_types_pb2_1.Recording]
    next_cursor: str
    def __init__(self, recordings: _Optional[_Iterable[_Union[_types_pb2_1.Recording, _Mapping]]] = ..., next_cursor: _Optional[str] = ...) -> None: ...

class DownloadRequest(_message.Message):
    __slots__ = ("tenant_id", "recording_id", "actor")
    TENANT_ID_FIELD_NUMBER: _ClassVar[int]
    RECORDING_ID_FIELD_NUMBER: _ClassVar[int]
    ACTOR_FIELD_NUMBER: _ClassVar[int]
    tenant_id: str
    recording_id: str
    actor: _types_pb2.Actor
    def __init__(self, tenant_id: _Optional[str] = ..., recording_id: _Optional[str] = ..., actor: _Optional[_Union[_types_pb2.Actor, _Mapping]] = ...) -> None: ...

class DownloadPiece(_message.Message):
    __slots__ = ("data", "total_bytes")
    DATA_FIELD_NUMBER: _ClassVar[int]
    TOTAL_BYTES_FIELD_NUMBER: _ClassVar[int]
    data: bytes
    total_bytes: int
    def __init__(self, data: _Optional[bytes] = ..., total_bytes: _Optional[int] = ...) -> None: ...

class DeleteRecordingRequest(_message.Message):
    __slots__ = ("context", "recording_id")
    CONTEXT_FIELD_NUMBER: _ClassVar[int]
    RECORDING_ID_FIELD_NUMBER: _ClassVar[int]
    context: _types_pb2.RequestContext
    recording_id: str
    def __init__(self, context: _Optional[_Union[_types_pb2.RequestContext, _Mapping]] = ..., recording_id: _Optional[str] = ...) -> None: ...

class DeleteRecordingResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class SetLegalHoldRequest(_message.Message):
    __slots__ = ("context", "recording_id", "on")
    CONTEXT_FIELD_NUMBER: _ClassVar[int]
    RECORDING_ID_FIELD_NUMBER: _ClassVar[int]
    ON_FIELD_NUMBER: _ClassVar[int]
    context: _types_pb2.RequestContext
    recording_id: str
    on: bool
    def __init__(self, context: _Optional[_Union[_types_pb2.RequestContext, _Mapping]] = ..., recording_id: _Optional[str] = ..., on: _Optional[bool] = ...) -> None: ...

class SetLegalHoldResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...
