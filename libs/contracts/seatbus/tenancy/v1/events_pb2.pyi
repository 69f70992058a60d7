from seatbus.common.v1 import types_pb2 as _types_pb2
from seatbus.tenancy.v1 import service_pb2 as _service_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class ConfigChanged(_message.Message):
    __slots__ = ("version", "actor", "written", "removed")
    VERSION_FIELD_NUMBER: _ClassVar[int]
    ACTOR_FIELD_NUMBER: _ClassVar[int]
    WRITTEN_FIELD_NUMBER: _ClassVar[int]
    REMOVED_FIELD_NUMBER: _ClassVar[int]
    version: int
    actor: _types_pb2.Actor
    written: _containers.RepeatedCompositeFieldContainer[_service_pb2.ObjectRef]
    removed: _containers.RepeatedCompositeFieldContainer[_service_pb2.ObjectRef]
    def __init__(self, version: _Optional[int] = ..., actor: _Optional[_Union[_types_pb2.Actor, _Mapping]] = ..., written: _Optional[_Iterable[_Union[_service_pb2.ObjectRef, _Mapping]]] = ..., removed: _Optional[_Iterable[_Union[_service_pb2.ObjectRef, _Mapping]]] = ...) -> None: ...
