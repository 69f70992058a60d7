from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable
from typing import ClassVar as _ClassVar, Optional as _Optional

DESCRIPTOR: _descriptor.FileDescriptor

class WhereRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class WhereResponse(_message.Message):
    __slots__ = ("port", "token", "methods", "version")
    PORT_FIELD_NUMBER: _ClassVar[int]
    TOKEN_FIELD_NUMBER: _ClassVar[int]
    METHODS_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    port: int
    token: bytes
    methods: _containers.RepeatedScalarFieldContainer[str]
    version: int
    def __init__(self, port: _Optional[int] = ..., token: _Optional[bytes] = ..., methods: _Optional[_Iterable[str]] = ..., version: _Optional[int] = ...) -> None: ...
