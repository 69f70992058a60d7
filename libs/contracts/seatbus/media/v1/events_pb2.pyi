from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class MediaEvent(_message.Message):
    __slots__ = ("session_id", "endpoint_id", "hello", "play_finished", "collect_finished", "digit_heard", "rtp_timed_out", "first_packet_received", "recording_failed", "speech_detected", "leg_lost", "level_measured", "audio_alarm", "fork_ended", "alive")
    SESSION_ID_FIELD_NUMBER: _ClassVar[int]
    ENDPOINT_ID_FIELD_NUMBER: _ClassVar[int]
    HELLO_FIELD_NUMBER: _ClassVar[int]
    PLAY_FINISHED_FIELD_NUMBER: _ClassVar[int]
    COLLECT_FINISHED_FIELD_NUMBER: _ClassVar[int]
    DIGIT_HEARD_FIELD_NUMBER: _ClassVar[int]
    RTP_TIMED_OUT_FIELD_NUMBER: _ClassVar[int]
    FIRST_PACKET_RECEIVED_FIELD_NUMBER: _ClassVar[int]
    RECORDING_FAILED_FIELD_NUMBER: _ClassVar[int]
    SPEECH_DETECTED_FIELD_NUMBER: _ClassVar[int]
    LEG_LOST_FIELD_NUMBER: _ClassVar[int]
    LEVEL_MEASURED_FIELD_NUMBER: _ClassVar[int]
    AUDIO_ALARM_FIELD_NUMBER: _ClassVar[int]
    FORK_ENDED_FIELD_NUMBER: _ClassVar[int]
    ALIVE_FIELD_NUMBER: _ClassVar[int]
    session_id: str
    endpoint_id: str
    hello: Hello
    play_finished: PlayFinished
    collect_finished: CollectFinished
    digit_heard: DigitHeard
    rtp_timed_out: RtpTimedOut
    first_packet_received: FirstPacketReceived
    recording_failed: RecordingFailed
    speech_detected: SpeechDetected
    leg_lost: LegLost
    level_measured: LevelMeasured
    audio_alarm: AudioAlarm
    fork_ended: ForkEnded
    alive: Alive
    def __init__(self, session_id: _Optional[str] = ..., endpoint_id: _Optional[str] = ..., hello: _Optional[_Union[Hello, _Mapping]] = ..., play_finished: _Optional[_Union[PlayFinished, _Mapping]] = ..., collect_finished: _Optional[_Union[CollectFinished, _Mapping]] = ..., digit_heard: _Optional[_Union[DigitHeard, _Mapping]] = ..., rtp_timed_out: _Optional[_Union[RtpTimedOut, _Mapping]] = ..., first_packet_received: _Optional[_Union[FirstPacketReceived, _Mapping]] = ..., recording_failed: _Optional[_Union[RecordingFailed, _Mapping]] = ..., speech_detected: _Optional[_Union[SpeechDetected, _Mapping]] = ..., leg_lost: _Optional[_Union[LegLost, _Mapping]] = ..., level_measured: _Optional[_Union[LevelMeasured, _Mapping]] = ..., audio_alarm: _Optional[_Union[AudioAlarm, _Mapping]] = ..., fork_ended: _Optional[_Union[ForkEnded, _Mapping]] = ..., alive: _Optional[_Union[Alive, _Mapping]] = ...) -> None: ...

class Alive(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class Hello(_message.Message):
    __slots__ = ("instance_id", "incarnation")
    INSTANCE_ID_FIELD_NUMBER: _ClassVar[int]
    INCARNATION_FIELD_NUMBER: _ClassVar[int]
    instance_id: str
    incarnation: str
    def __init__(self, instance_id: _Optional[str] = ..., incarnation: _Optional[str] = ...) -> None: ...

class PlayFinished(_message.Message):
    __slots__ = ("play_id", "reason")
    PLAY_ID_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    play_id: str
    reason: str
    def __init__(self, play_id: _Optional[str] = ..., reason: _Optional[str] = ...) -> None: ...

class CollectFinished(_message.Message):
    __slots__ = ("collect_id", "digits", "reason")
    COLLECT_ID_FIELD_NUMBER: _ClassVar[int]
    DIGITS_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    collect_id: str
    digits: str
    reason: str
    def __init__(self, collect_id: _Optional[str] = ..., digits: _Optional[str] = ..., reason: _Optional[str] = ...) -> None: ...

class DigitHeard(_message.Message):
    __slots__ = ("digit", "duration_ms")
    DIGIT_FIELD_NUMBER: _ClassVar[int]
    DURATION_MS_FIELD_NUMBER: _ClassVar[int]
    digit: str
    duration_ms: int
    def __init__(self, digit: _Optional[str] = ..., duration_ms: _Optional[int] = ...) -> None: ...

class RtpTimedOut(_message.Message):
    __slots__ = ("silent_ms",)
    SILENT_MS_FIELD_NUMBER: _ClassVar[int]
    silent_ms: int
    def __init__(self, silent_ms: _Optional[int] = ...) -> None: ...

class FirstPacketReceived(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class LegLost(_message.Message):
    __slots__ = ("reason",)
    REASON_FIELD_NUMBER: _ClassVar[int]
    reason: str
    def __init__(self, reason: _Optional[str] = ...) -> None: ...

class RecordingFailed(_message.Message):
    __slots__ = ("recording_id", "reason")
    RECORDING_ID_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    recording_id: str
    reason: str
    def __init__(self, recording_id: _Optional[str] = ..., reason: _Optional[str] = ...) -> None: ...

class SpeechDetected(_message.Message):
    __slots__ = ("kind",)
    KIND_FIELD_NUMBER: _ClassVar[int]
    kind: str
    def __init__(self, kind: _Optional[str] = ...) -> None: ...

class LevelMeasured(_message.Message):
    __slots__ = ("dbfs", "peak_dbfs")
    DBFS_FIELD_NUMBER: _ClassVar[int]
    PEAK_DBFS_FIELD_NUMBER: _ClassVar[int]
    dbfs: float
    peak_dbfs: float
    def __init__(self, dbfs: _Optional[float] = ..., peak_dbfs: _Optional[float] = ...) -> None: ...

class AudioAlarm(_message.Message):
    __slots__ = ("kind", "over")
    KIND_FIELD_NUMBER: _ClassVar[int]
    OVER_FIELD_NUMBER: _ClassVar[int]
    kind: str
    over: bool
    def __init__(self, kind: _Optional[str] = ..., over: _Optional[bool] = ...) -> None: ...

class ForkEnded(_message.Message):
    __slots__ = ("reason",)
    REASON_FIELD_NUMBER: _ClassVar[int]
    reason: str
    def __init__(self, reason: _Optional[str] = ...) -> None: ...
