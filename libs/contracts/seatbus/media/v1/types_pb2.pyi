from buf.validate import validate_pb2 as _validate_pb2
from seatbus.ivr.v1 import types_pb2 as _types_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class EndpointKind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    ENDPOINT_KIND_UNSPECIFIED: _ClassVar[EndpointKind]
    ENDPOINT_KIND_RTP: _ClassVar[EndpointKind]
    ENDPOINT_KIND_SRTP_SDES: _ClassVar[EndpointKind]
    ENDPOINT_KIND_WEBRTC: _ClassVar[EndpointKind]
    ENDPOINT_KIND_LINK: _ClassVar[EndpointKind]
    ENDPOINT_KIND_SRTP_OPPORTUNISTIC: _ClassVar[EndpointKind]

class DtmfOwner(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    DTMF_OWNER_UNSPECIFIED: _ClassVar[DtmfOwner]
    DTMF_OWNER_COLLECT: _ClassVar[DtmfOwner]
    DTMF_OWNER_FEATURE: _ClassVar[DtmfOwner]
    DTMF_OWNER_FAR_LEG: _ClassVar[DtmfOwner]
ENDPOINT_KIND_UNSPECIFIED: EndpointKind
ENDPOINT_KIND_RTP: EndpointKind
ENDPOINT_KIND_SRTP_SDES: EndpointKind
ENDPOINT_KIND_WEBRTC: EndpointKind
ENDPOINT_KIND_LINK: EndpointKind
ENDPOINT_KIND_SRTP_OPPORTUNISTIC: EndpointKind
DTMF_OWNER_UNSPECIFIED: DtmfOwner
DTMF_OWNER_COLLECT: DtmfOwner
DTMF_OWNER_FEATURE: DtmfOwner
DTMF_OWNER_FAR_LEG: DtmfOwner

class EndpointInfo(_message.Message):
    __slots__ = ("endpoint_id", "local_address", "local_port", "codec", "held", "statistics", "kind", "zone")
    ENDPOINT_ID_FIELD_NUMBER: _ClassVar[int]
    LOCAL_ADDRESS_FIELD_NUMBER: _ClassVar[int]
    LOCAL_PORT_FIELD_NUMBER: _ClassVar[int]
    CODEC_FIELD_NUMBER: _ClassVar[int]
    HELD_FIELD_NUMBER: _ClassVar[int]
    STATISTICS_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    ZONE_FIELD_NUMBER: _ClassVar[int]
    endpoint_id: str
    local_address: str
    local_port: int
    codec: str
    held: bool
    statistics: EndpointStatistics
    kind: EndpointKind
    zone: str
    def __init__(self, endpoint_id: _Optional[str] = ..., local_address: _Optional[str] = ..., local_port: _Optional[int] = ..., codec: _Optional[str] = ..., held: _Optional[bool] = ..., statistics: _Optional[_Union[EndpointStatistics, _Mapping]] = ..., kind: _Optional[_Union[EndpointKind, str]] = ..., zone: _Optional[str] = ...) -> None: ...

class EndpointStatistics(_message.Message):
    __slots__ = ("packets_received", "packets_lost", "jitter_ms", "round_trip_ms", "mos", "packets_sent", "packets_refused")
    PACKETS_RECEIVED_FIELD_NUMBER: _ClassVar[int]
    PACKETS_LOST_FIELD_NUMBER: _ClassVar[int]
    JITTER_MS_FIELD_NUMBER: _ClassVar[int]
    ROUND_TRIP_MS_FIELD_NUMBER: _ClassVar[int]
    MOS_FIELD_NUMBER: _ClassVar[int]
    PACKETS_SENT_FIELD_NUMBER: _ClassVar[int]
    PACKETS_REFUSED_FIELD_NUMBER: _ClassVar[int]
    packets_received: int
    packets_lost: int
    jitter_ms: float
    round_trip_ms: float
    mos: float
    packets_sent: int
    packets_refused: int
    def __init__(self, packets_received: _Optional[int] = ..., packets_lost: _Optional[int] = ..., jitter_ms: _Optional[float] = ..., round_trip_ms: _Optional[float] = ..., mos: _Optional[float] = ..., packets_sent: _Optional[int] = ..., packets_refused: _Optional[int] = ...) -> None: ...

class Playlist(_message.Message):
    __slots__ = ("items", "loops", "barge_in", "gain_db", "comfort")
    ITEMS_FIELD_NUMBER: _ClassVar[int]
    LOOPS_FIELD_NUMBER: _ClassVar[int]
    BARGE_IN_FIELD_NUMBER: _ClassVar[int]
    GAIN_DB_FIELD_NUMBER: _ClassVar[int]
    COMFORT_FIELD_NUMBER: _ClassVar[int]
    items: _containers.RepeatedCompositeFieldContainer[_types_pb2.Audio]
    loops: int
    barge_in: bool
    gain_db: int
    comfort: Comfort
    def __init__(self, items: _Optional[_Iterable[_Union[_types_pb2.Audio, _Mapping]]] = ..., loops: _Optional[int] = ..., barge_in: _Optional[bool] = ..., gain_db: _Optional[int] = ..., comfort: _Optional[_Union[Comfort, _Mapping]] = ...) -> None: ...

class Comfort(_message.Message):
    __slots__ = ("items", "first_s", "every_s")
    ITEMS_FIELD_NUMBER: _ClassVar[int]
    FIRST_S_FIELD_NUMBER: _ClassVar[int]
    EVERY_S_FIELD_NUMBER: _ClassVar[int]
    items: _containers.RepeatedCompositeFieldContainer[_types_pb2.Audio]
    first_s: int
    every_s: int
    def __init__(self, items: _Optional[_Iterable[_Union[_types_pb2.Audio, _Mapping]]] = ..., first_s: _Optional[int] = ..., every_s: _Optional[int] = ...) -> None: ...
