from buf.validate import validate_pb2 as _validate_pb2
from seatbus.common.v1 import types_pb2 as _types_pb2
from seatbus.tenancy.v1 import types_pb2 as _types_pb2_1
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class ObjectRef(_message.Message):
    __slots__ = ("kind", "id")
    KIND_FIELD_NUMBER: _ClassVar[int]
    ID_FIELD_NUMBER: _ClassVar[int]
    kind: str
    id: str
    def __init__(self, kind: _Optional[str] = ..., id: _Optional[str] = ...) -> None: ...

class ApplyRequest(_message.Message):
    __slots__ = ("context", "expected_version", "upserts", "deletes", "create_only")
    CONTEXT_FIELD_NUMBER: _ClassVar[int]
    EXPECTED_VERSION_FIELD_NUMBER: _ClassVar[int]
    UPSERTS_FIELD_NUMBER: _ClassVar[int]
    DELETES_FIELD_NUMBER: _ClassVar[int]
    CREATE_ONLY_FIELD_NUMBER: _ClassVar[int]
    context: _types_pb2.RequestContext
    expected_version: int
    upserts: _containers.RepeatedCompositeFieldContainer[_types_pb2_1.ConfigObject]
    deletes: _containers.RepeatedCompositeFieldContainer[ObjectRef]
    create_only: bool
    def __init__(self, context: _Optional[_Union[_types_pb2.RequestContext, _Mapping]] = ..., expected_version: _Optional[int] = ..., upserts: _Optional[_Iterable[_Union[_types_pb2_1.ConfigObject, _Mapping]]] = ..., deletes: _Optional[_Iterable[_Union[ObjectRef, _Mapping]]] = ..., create_only: _Optional[bool] = ...) -> None: ...

class ApplyResponse(_message.Message):
    __slots__ = ("version", "objects")
    VERSION_FIELD_NUMBER: _ClassVar[int]
    OBJECTS_FIELD_NUMBER: _ClassVar[int]
    version: int
    objects: _containers.RepeatedCompositeFieldContainer[_types_pb2_1.ConfigObject]
    def __init__(self, version: _Optional[int] = ..., objects: _Optional[_Iterable[_Union[_types_pb2_1.ConfigObject, _Mapping]]] = ...) -> None: ...

class GetRequest(_message.Message):
    __slots__ = ("tenant_id", "ref")
    TENANT_ID_FIELD_NUMBER: _ClassVar[int]
    REF_FIELD_NUMBER: _ClassVar[int]
    tenant_id: str
    ref: ObjectRef
    def __init__(self, tenant_id: _Optional[str] = ..., ref: _Optional[_Union[ObjectRef, _Mapping]] = ...) -> None: ...

class GetResponse(_message.Message):
    __slots__ = ("object",)
    OBJECT_FIELD_NUMBER: _ClassVar[int]
    object: _types_pb2_1.ConfigObject
    def __init__(self, object: _Optional[_Union[_types_pb2_1.ConfigObject, _Mapping]] = ...) -> None: ...

class ListRequest(_message.Message):
    __slots__ = ("tenant_id", "kind", "page")
    TENANT_ID_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    PAGE_FIELD_NUMBER: _ClassVar[int]
    tenant_id: str
    kind: str
    page: _types_pb2.Page
    def __init__(self, tenant_id: _Optional[str] = ..., kind: _Optional[str] = ..., page: _Optional[_Union[_types_pb2.Page, _Mapping]] = ...) -> None: ...

class ListResponse(_message.Message):
    __slots__ = ("objects", "next_cursor", "version")
    OBJECTS_FIELD_NUMBER: _ClassVar[int]
    NEXT_CURSOR_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    objects: _containers.RepeatedCompositeFieldContainer[_types_pb2_1.ConfigObject]
    next_cursor: str
    version: int
    def __init__(self, objects: _Optional[_Iterable[_Union[_types_pb2_1.ConfigObject, _Mapping]]] = ..., next_cursor: _Optional[str] = ..., version: _Optional[int] = ...) -> None: ...

class ListTenantsRequest(_message.Message):
    __slots__ = ("page",)
    PAGE_FIELD_NUMBER: _ClassVar[int]
    page: _types_pb2.Page
    def __init__(self, page: _Optional[_Union[_types_pb2.Page, _Mapping]] = ...) -> None: ...

class ListTenantsResponse(_message.Message):
    __slots__ = ("tenants", "next_cursor")
    TENANTS_FIELD_NUMBER: _ClassVar[int]
    NEXT_CURSOR_FIELD_NUMBER: _ClassVar[int]
    tenants: _containers.RepeatedCompositeFieldContainer[_types_pb2_1.ConfigObject]
    next_cursor: str
    def __init__(self, tenants: _Optional[_Iterable[_Union[_types_pb2_1.ConfigObject, _Mapping]]] = ..., next_cursor: _Optional[str] = ...) -> None: ...

class PutPromptAudioRequest(_message.Message):
    __slots__ = ("context", "prompt_id", "audio")
    CONTEXT_FIELD_NUMBER: _ClassVar[int]
    PROMPT_ID_FIELD_NUMBER: _ClassVar[int]
    AUDIO_FIELD_NUMBER: _ClassVar[int]
    context: _types_pb2.RequestContext
    prompt_id: str
    audio: bytes
    def __init__(self, context: _Optional[_Union[_types_pb2.RequestContext, _Mapping]] = ..., prompt_id: _Optional[str] = ..., audio: _Optional[bytes] = ...) -> None: ...

class PutPromptAudioResponse(_message.Message):
    __slots__ = ("version", "duration_ms")
    VERSION_FIELD_NUMBER: _ClassVar[int]
    DURATION_MS_FIELD_NUMBER: _ClassVar[int]
    version: int
    duration_ms: int
    def __init__(self, version: _Optional[int] = ..., duration_ms: _Optional[int] = ...) -> None: ...
