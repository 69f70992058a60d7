from buf.validate import validate_pb2 as _validate_pb2
from seatbus.common.v1 import types_pb2 as _types_pb2
from seatbus.media.v1 import events_pb2 as _events_pb2
from seatbus.media.v1 import types_pb2 as _types_pb2_1
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class RecordingMode(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    RECORDING_MODE_UNSPECIFIED: _ClassVar[RecordingMode]
    RECORDING_MODE_ON: _ClassVar[RecordingMode]
    RECORDING_MODE_PAUSED: _ClassVar[RecordingMode]
    RECORDING_MODE_MASKED: _ClassVar[RecordingMode]
RECORDING_MODE_UNSPECIFIED: RecordingMode
RECORDING_MODE_ON: RecordingMode
RECORDING_MODE_PAUSED: RecordingMode
RECORDING_MODE_MASKED: RecordingMode

class ExecuteRequest(_message.Message):
    __slots__ = ("context", "session_id", "owner", "epoch", "commands")
    CONTEXT_FIELD_NUMBER: _ClassVar[int]
    SESSION_ID_FIELD_NUMBER: _ClassVar[int]
    OWNER_FIELD_NUMBER: _ClassVar[int]
    EPOCH_FIELD_NUMBER: _ClassVar[int]
    COMMANDS_FIELD_NUMBER: _ClassVar[int]
    context: _types_pb2.RequestContext
    session_id: str
    owner: str
    epoch: int
    commands: _containers.RepeatedCompositeFieldContainer[Command]
    def __init__(self, context: _Optional[_Union[_types_pb2.RequestContext, _Mapping]] = ..., session_id: _Optional[str] = ..., owner: _Optional[str] = ..., epoch: _Optional[int] = ..., commands: _Optional[_Iterable[_Union[Command, _Mapping]]] = ...) -> None: ...

class ExecuteResponse(_message.Message):
    __slots__ = ("results",)
    RESULTS_FIELD_NUMBER: _ClassVar[int]
    results: _containers.RepeatedCompositeFieldContainer[Result]
    def __init__(self, results: _Optional[_Iterable[_Union[Result, _Mapping]]] = ...) -> None: ...

class Command(_message.Message):
    __slots__ = ("accept_offer", "make_offer", "accept_answer", "connect", "disconnect", "play", "stop_play", "collect", "stop_collect", "send_dtmf", "start_recording", "control_recording", "stop_recording", "remove_endpoint", "end_session", "hold", "mute", "supervise", "conference", "fork", "listen", "control_play", "heard_dtmf")
    ACCEPT_OFFER_FIELD_NUMBER: _ClassVar[int]
    MAKE_OFFER_FIELD_NUMBER: _ClassVar[int]
    ACCEPT_ANSWER_FIELD_NUMBER: _ClassVar[int]
    CONNECT_FIELD_NUMBER: _ClassVar[int]
    DISCONNECT_FIELD_NUMBER: _ClassVar[int]
    PLAY_FIELD_NUMBER: _ClassVar[int]
    STOP_PLAY_FIELD_NUMBER: _ClassVar[int]
    COLLECT_FIELD_NUMBER: _ClassVar[int]
    STOP_COLLECT_FIELD_NUMBER: _ClassVar[int]
    SEND_DTMF_FIELD_NUMBER: _ClassVar[int]
    START_RECORDING_FIELD_NUMBER: _ClassVar[int]
    CONTROL_RECORDING_FIELD_NUMBER: _ClassVar[int]
    STOP_RECORDING_FIELD_NUMBER: _ClassVar[int]
    REMOVE_ENDPOINT_FIELD_NUMBER: _ClassVar[int]
    END_SESSION_FIELD_NUMBER: _ClassVar[int]
    HOLD_FIELD_NUMBER: _ClassVar[int]
    MUTE_FIELD_NUMBER: _ClassVar[int]
    SUPERVISE_FIELD_NUMBER: _ClassVar[int]
    CONFERENCE_FIELD_NUMBER: _ClassVar[int]
    FORK_FIELD_NUMBER: _ClassVar[int]
    LISTEN_FIELD_NUMBER: _ClassVar[int]
    CONTROL_PLAY_FIELD_NUMBER: _ClassVar[int]
    HEARD_DTMF_FIELD_NUMBER: _ClassVar[int]
    accept_offer: AcceptOffer
    make_offer: MakeOffer
    accept_answer: AcceptAnswer
    connect: Connect
    disconnect: Disconnect
    play: Play
    stop_play: StopPlay
    collect: Collect
    stop_collect: StopCollect
    send_dtmf: SendDtmf
    start_recording: StartRecording
    control_recording: ControlRecording
    stop_recording: StopRecording
    remove_endpoint: RemoveEndpoint
    end_session: EndSession
    hold: Hold
    mute: Mute
    supervise: Supervise
    conference: Conference
    fork: Fork
    listen: Listen
    control_play: ControlPlay
    heard_dtmf: HeardDtmf
    def __init__(self, accept_offer: _Optional[_Union[AcceptOffer, _Mapping]] = ..., make_offer: _Optional[_Union[MakeOffer, _Mapping]] = ..., accept_answer: _Optional[_Union[AcceptAnswer, _Mapping]] = ..., connect: _Optional[_Union[Connect, _Mapping]] = ..., disconnect: _Optional[_Union[Disconnect, _Mapping]] = ..., play: _Optional[_Union[Play, _Mapping]] = ..., stop_play: _Optional[_Union[StopPlay, _Mapping]] = ..., collect: _Optional[_Union[Collect, _Mapping]] = ..., stop_collect: _Optional[_Union[StopCollect, _Mapping]] = ..., send_dtmf: _Optional[_Union[SendDtmf, _Mapping]] = ..., start_recording: _Optional[_Union[StartRecording, _Mapping]] = ..., control_recording: _Optional[_Union[ControlRecording, _Mapping]] = ..., stop_recording: _Optional[_Union[StopRecording, _Mapping]] = ..., remove_endpoint: _Optional[_Union[RemoveEndpoint, _Mapping]] = ..., end_session: _Optional[_Union[EndSession, _Mapping]] = ..., hold: _Optional[_Union[Hold, _Mapping]] = ..., mute: _Optional[_Union[Mute, _Mapping]] = ..., supervise: _Optional[_Union[Supervise, _Mapping]] = ..., conference: _Optional[_Union[Conference, _Mapping]] = ..., fork: _Optional[_Union[Fork, _Mapping]] = ..., listen: _Optional[_Union[Listen, _Mapping]] = ..., control_play: _Optional[_Union[ControlPlay, _Mapping]] = ..., heard_dtmf: _Optional[_Union[HeardDtmf, _Mapping]] = ...) -> None: ...

class Result(_message.Message):
    __slots__ = ("sdp", "codec", "statistics", "endpoints")
    SDP_FIELD_NUMBER: _ClassVar[int]
    CODEC_FIELD_NUMBER: _ClassVar[int]
    STATISTICS_FIELD_NUMBER: _ClassVar[int]
    ENDPOINTS_FIELD_NUMBER: _ClassVar[int]
    sdp: str
    codec: str
    statistics: _types_pb2_1.EndpointStatistics
    endpoints: _containers.RepeatedCompositeFieldContainer[_types_pb2_1.EndpointInfo]
    def __init__(self, sdp: _Optional[str] = ..., codec: _Optional[str] = ..., statistics: _Optional[_Union[_types_pb2_1.EndpointStatistics, _Mapping]] = ..., endpoints: _Optional[_Iterable[_Union[_types_pb2_1.EndpointInfo, _Mapping]]] = ...) -> None: ...

class AcceptOffer(_message.Message):
    __slots__ = ("endpoint_id", "sdp", "zone", "codecs", "kind")
    ENDPOINT_ID_FIELD_NUMBER: _ClassVar[int]
    SDP_FIELD_NUMBER: _ClassVar[int]
    ZONE_FIELD_NUMBER: _ClassVar[int]
    CODECS_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    endpoint_id: str
    sdp: str
    zone: str
    codecs: _containers.RepeatedScalarFieldContainer[str]
    kind: _types_pb2_1.EndpointKind
    def __init__(self, endpoint_id: _Optional[str] = ..., sdp: _Optional[str] = ..., zone: _Optional[str] = ..., codecs: _Optional[_Iterable[str]] = ..., kind: _Optional[_Union[_types_pb2_1.EndpointKind, str]] = ...) -> None: ...

class MakeOffer(_message.Message):
    __slots__ = ("endpoint_id", "zone", "codecs", "like_endpoint_id", "kind", "direction", "ice_restart", "continues", "alternative")
    ENDPOINT_ID_FIELD_NUMBER: _ClassVar[int]
    ZONE_FIELD_NUMBER: _ClassVar[int]
    CODECS_FIELD_NUMBER: _ClassVar[int]
    LIKE_ENDPOINT_ID_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    DIRECTION_FIELD_NUMBER: _ClassVar[int]
    ICE_RESTART_FIELD_NUMBER: _ClassVar[int]
    CONTINUES_FIELD_NUMBER: _ClassVar[int]
    ALTERNATIVE_FIELD_NUMBER: _ClassVar[int]
    endpoint_id: str
    zone: str
    codecs: _containers.RepeatedScalarFieldContainer[str]
    like_endpoint_id: str
    kind: _types_pb2_1.EndpointKind
    direction: str
    ice_restart: bool
    continues: str
    alternative: str
    def __init__(self, endpoint_id: _Optional[str] = ..., zone: _Optional[str] = ..., codecs: _Optional[_Iterable[str]] = ..., like_endpoint_id: _Optional[str] = ..., kind: _Optional[_Union[_types_pb2_1.EndpointKind, str]] = ..., direction: _Optional[str] = ..., ice_restart: _Optional[bool] = ..., continues: _Optional[str] = ..., alternative: _Optional[str] = ...) -> None: ...

class AcceptAnswer(_message.Message):
    __slots__ = ("endpoint_id", "sdp", "alternative")
    ENDPOINT_ID_FIELD_NUMBER: _ClassVar[int]
    SDP_FIELD_NUMBER: _ClassVar[int]
    ALTERNATIVE_FIELD_NUMBER: _ClassVar[int]
    endpoint_id: str
    sdp: str
    alternative: str
    def __init__(self, endpoint_id: _Optional[str] = ..., sdp: _Optional[str] = ..., alternative: _Optional[str] = ...) -> None: ...

class Connect(_message.Message):
    __slots__ = ("endpoint_a", "endpoint_b")
    ENDPOINT_A_FIELD_NUMBER: _ClassVar[int]
    ENDPOINT_B_FIELD_NUMBER: _ClassVar[int]
    endpoint_a: str
    endpoint_b: str
    def __init__(self, endpoint_a: _Optional[str] = ..., endpoint_b: _Optional[str] = ...) -> None: ...

class Disconnect(_message.Message):
    __slots__ = ("endpoint_id",)
    ENDPOINT_ID_FIELD_NUMBER: _ClassVar[int]
    endpoint_id: str
    def __init__(self, endpoint_id: _Optional[str] = ...) -> None: ...

class Play(_message.Message):
    __slots__ = ("endpoint_id", "play_id", "playlist")
    ENDPOINT_ID_FIELD_NUMBER: _ClassVar[int]
    PLAY_ID_FIELD_NUMBER: _ClassVar[int]
    PLAYLIST_FIELD_NUMBER: _ClassVar[int]
    endpoint_id: str
    play_id: str
    playlist: _types_pb2_1.Playlist
    def __init__(self, endpoint_id: _Optional[str] = ..., play_id: _Optional[str] = ..., playlist: _Optional[_Union[_types_pb2_1.Playlist, _Mapping]] = ...) -> None: ...

class StopPlay(_message.Message):
    __slots__ = ("endpoint_id",)
    ENDPOINT_ID_FIELD_NUMBER: _ClassVar[int]
    endpoint_id: str
    def __init__(self, endpoint_id: _Optional[str] = ...) -> None: ...

class Collect(_message.Message):
    __slots__ = ("endpoint_id", "collect_id", "playlist", "min_digits", "max_digits", "terminators", "timeout_ms", "inter_digit_ms", "secret")
    ENDPOINT_ID_FIELD_NUMBER: _ClassVar[int]
    COLLECT_ID_FIELD_NUMBER: _ClassVar[int]
    PLAYLIST_FIELD_NUMBER: _ClassVar[int]
    MIN_DIGITS_FIELD_NUMBER: _ClassVar[int]
    MAX_DIGITS_FIELD_NUMBER: _ClassVar[int]
    TERMINATORS_FIELD_NUMBER: _ClassVar[int]
    TIMEOUT_MS_FIELD_NUMBER: _ClassVar[int]
    INTER_DIGIT_MS_FIELD_NUMBER: _ClassVar[int]
    SECRET_FIELD_NUMBER: _ClassVar[int]
    endpoint_id: str
    collect_id: str
    playlist: _types_pb2_1.Playlist
    min_digits: int
    max_digits: int
    terminators: str
    timeout_ms: int
    inter_digit_ms: int
    secret: bool
    def __init__(self, endpoint_id: _Optional[str] = ..., collect_id: _Optional[str] = ..., playlist: _Optional[_Union[_types_pb2_1.Playlist, _Mapping]] = ..., min_digits: _Optional[int] = ..., max_digits: _Optional[int] = ..., terminators: _Optional[str] = ..., timeout_ms: _Optional[int] = ..., inter_digit_ms: _Optional[int] = ..., secret: _Optional[bool] = ...) -> None: ...

class StopCollect(_message.Message):
    __slots__ = ("endpoint_id",)
    ENDPOINT_ID_FIELD_NUMBER: _ClassVar[int]
    endpoint_id: str
    def __init__(self, endpoint_id: _Optional[str] = ...) -> None: ...

class SendDtmf(_message.Message):
    __slots__ = ("endpoint_id", "digits")
    ENDPOINT_ID_FIELD_NUMBER: _ClassVar[int]
    DIGITS_FIELD_NUMBER: _ClassVar[int]
    endpoint_id: str
    digits: str
    def __init__(self, endpoint_id: _Optional[str] = ..., digits: _Optional[str] = ...) -> None: ...

class HeardDtmf(_message.Message):
    __slots__ = ("endpoint_id", "digit")
    ENDPOINT_ID_FIELD_NUMBER: _ClassVar[int]
    DIGIT_FIELD_NUMBER: _ClassVar[int]
    endpoint_id: str
    digit: str
    def __init__(self, endpoint_id: _Optional[str] = ..., digit: _Optional[str] = ...) -> None: ...

class StartRecording(_message.Message):
    __slots__ = ("recording_id", "left_endpoint_id", "right_endpoint_id", "mono", "labels")
    class LabelsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    RECORDING_ID_FIELD_NUMBER: _ClassVar[int]
    LEFT_ENDPOINT_ID_FIELD_NUMBER: _ClassVar[int]
    RIGHT_ENDPOINT_ID_FIELD_NUMBER: _ClassVar[int]
    MONO_FIELD_NUMBER: _ClassVar[int]
    LABELS_FIELD_NUMBER: _ClassVar[int]
    recording_id: str
    left_endpoint_id: str
    right_endpoint_id: str
    mono: bool
    labels: _containers.ScalarMap[str, str]
    def __init__(self, recording_id: _Optional[str] = ..., left_endpoint_id: _Optional[str] = ..., right_endpoint_id: _Optional[str] = ..., mono: _Optional[bool] = ..., labels: _Optional[_Mapping[str, str]] = ...) -> None: ...

class ControlRecording(_message.Message):
    __slots__ = ("recording_id", "mode")
    RECORDING_ID_FIELD_NUMBER: _ClassVar[int]
    MODE_FIELD_NUMBER: _ClassVar[int]
    recording_id: str
    mode: RecordingMode
    def __init__(self, recording_id: _Optional[str] = ..., mode: _Optional[_Union[RecordingMode, str]] = ...) -> None: ...

class StopRecording(_message.Message):
    __slots__ = ("recording_id",)
    RECORDING_ID_FIELD_NUMBER: _ClassVar[int]
    recording_id: str
    def __init__(self, recording_id: _Optional[str] = ...) -> None: ...

class RemoveEndpoint(_message.Message):
    __slots__ = ("endpoint_id",)
    ENDPOINT_ID_FIELD_NUMBER: _ClassVar[int]
    endpoint_id: str
    def __init__(self, endpoint_id: _Optional[str] = ...) -> None: ...

class EndSession(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class Hold(_message.Message):
    __slots__ = ("endpoint_id", "on", "music")
    ENDPOINT_ID_FIELD_NUMBER: _ClassVar[int]
    ON_FIELD_NUMBER: _ClassVar[int]
    MUSIC_FIELD_NUMBER: _ClassVar[int]
    endpoint_id: str
    on: bool
    music: _types_pb2_1.Playlist
    def __init__(self, endpoint_id: _Optional[str] = ..., on: _Optional[bool] = ..., music: _Optional[_Union[_types_pb2_1.Playlist, _Mapping]] = ...) -> None: ...

class Mute(_message.Message):
    __slots__ = ("endpoint_id", "on")
    ENDPOINT_ID_FIELD_NUMBER: _ClassVar[int]
    ON_FIELD_NUMBER: _ClassVar[int]
    endpoint_id: str
    on: bool
    def __init__(self, endpoint_id: _Optional[str] = ..., on: _Optional[bool] = ...) -> None: ...

class Supervise(_message.Message):
    __slots__ = ("supervisor_endpoint_id", "agent_endpoint_id", "mode")
    SUPERVISOR_ENDPOINT_ID_FIELD_NUMBER: _ClassVar[int]
    AGENT_ENDPOINT_ID_FIELD_NUMBER: _ClassVar[int]
    MODE_FIELD_NUMBER: _ClassVar[int]
    supervisor_endpoint_id: str
    agent_endpoint_id: str
    mode: str
    def __init__(self, supervisor_endpoint_id: _Optional[str] = ..., agent_endpoint_id: _Optional[str] = ..., mode: _Optional[str] = ...) -> None: ...

class Conference(_message.Message):
    __slots__ = ("endpoint_ids",)
    ENDPOINT_IDS_FIELD_NUMBER: _ClassVar[int]
    endpoint_ids: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, endpoint_ids: _Optional[_Iterable[str]] = ...) -> None: ...

class Fork(_message.Message):
    __slots__ = ("endpoint_id", "url")
    ENDPOINT_ID_FIELD_NUMBER: _ClassVar[int]
    URL_FIELD_NUMBER: _ClassVar[int]
    endpoint_id: str
    url: str
    def __init__(self, endpoint_id: _Optional[str] = ..., url: _Optional[str] = ...) -> None: ...

class Listen(_message.Message):
    __slots__ = ("endpoint_id", "inband_dtmf", "voice", "fax", "machine", "level_every_ms")
    ENDPOINT_ID_FIELD_NUMBER: _ClassVar[int]
    INBAND_DTMF_FIELD_NUMBER: _ClassVar[int]
    VOICE_FIELD_NUMBER: _ClassVar[int]
    FAX_FIELD_NUMBER: _ClassVar[int]
    MACHINE_FIELD_NUMBER: _ClassVar[int]
    LEVEL_EVERY_MS_FIELD_NUMBER: _ClassVar[int]
    endpoint_id: str
    inband_dtmf: bool
    voice: bool
    fax: bool
    machine: bool
    level_every_ms: int
    def __init__(self, endpoint_id: _Optional[str] = ..., inband_dtmf: _Optional[bool] = ..., voice: _Optional[bool] = ..., fax: _Optional[bool] = ..., machine: _Optional[bool] = ..., level_every_ms: _Optional[int] = ...) -> None: ...

class ControlPlay(_message.Message):
    __slots__ = ("endpoint_id", "action", "position_ms", "gain_db")
    ENDPOINT_ID_FIELD_NUMBER: _ClassVar[int]
    ACTION_FIELD_NUMBER: _ClassVar[int]
    POSITION_MS_FIELD_NUMBER: _ClassVar[int]
    GAIN_DB_FIELD_NUMBER: _ClassVar[int]
    endpoint_id: str
    action: str
    position_ms: int
    gain_db: int
    def __init__(self, endpoint_id: _Optional[str] = ..., action: _Optional[str] = ..., position_ms: _Optional[int] = ..., gain_db: _Optional[int] = ...) -> None: ...

class WatchRequest(_message.Message):
    __slots__ = ("owner",)
    OWNER_FIELD_NUMBER: _ClassVar[int]
    owner: str
    def __init__(self, owner: _Optional[str] = ...) -> None: ...

class GetSessionRequest(_message.Message):
    __slots__ = ("session_id",)
    SESSION_ID_FIELD_NUMBER: _ClassVar[int]
    session_id: str
    def __init__(self, session_id: _Optional[str] = ...) -> None: ...

class GetSessionResponse(_message.Message):
    __slots__ = ("session_id", "owner", "epoch", "endpoints", "tenant_id")
    SESSION_ID_FIELD_NUMBER: _ClassVar[int]
    OWNER_FIELD_NUMBER: _ClassVar[int]
    EPOCH_FIELD_NUMBER: _ClassVar[int]
    ENDPOINTS_FIELD_NUMBER: _ClassVar[int]
    TENANT_ID_FIELD_NUMBER: _ClassVar[int]
    session_id: str
    owner: str
    epoch: int
    endpoints: _containers.RepeatedCompositeFieldContainer[_types_pb2_1.EndpointInfo]
    tenant_id: str
    def __init__(self, session_id: _Optional[str] = ..., owner: _Optional[str] = ..., epoch: _Optional[int] = ..., endpoints: _Optional[_Iterable[_Union[_types_pb2_1.EndpointInfo, _Mapping]]] = ..., tenant_id: _Optional[str] = ...) -> None: ...

class ConfirmRequest(_message.Message):
    __slots__ = ("owner", "session_ids")
    OWNER_FIELD_NUMBER: _ClassVar[int]
    SESSION_IDS_FIELD_NUMBER: _ClassVar[int]
    owner: str
    session_ids: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, owner: _Optional[str] = ..., session_ids: _Optional[_Iterable[str]] = ...) -> None: ...

class ConfirmResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ListSessionsRequest(_message.Message):
    __slots__ = ("owner",)
    OWNER_FIELD_NUMBER: _ClassVar[int]
    owner: str
    def __init__(self, owner: _Optional[str] = ...) -> None: ...

class ListSessionsResponse(_message.Message):
    __slots__ = ("sessions",)
    SESSIONS_FIELD_NUMBER: _ClassVar[int]
    sessions: _containers.RepeatedCompositeFieldContainer[GetSessionResponse]
    def __init__(self, sessions: _Optional[_Iterable[_Union[GetSessionResponse, _Mapping]]] = ...) -> None: ...
