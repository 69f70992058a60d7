"""What a leg's sound tells besides words: keys, fax tones, speech and silence, who answered, how loud it is.

A leg is decoded only while somebody asked for it; its frames come through a jitter buffer, every 20 ms.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Protocol

from seatbus_media.application.endpoint import Endpoint
from seatbus_media.application.room import Voice
from seatbus_media.application.ticker import Ticker
from seatbus_media.domain.clips import FRAME, FRAME_MS, Pcm
from seatbus_rtp.activity import AnswerDetector, LevelMeter, VoiceActivity, frame_dbfs
from seatbus_rtp.inband import InbandReceiver
from seatbus_rtp.tones import silence

_RATE: Final = 8000
_NOTHING: Final = silence(FRAME)
_SPOKEN_DBFS: Final = -45.0


@dataclass(frozen=True, slots=True)
class Wishes:
    """What is listened for."""

    inband_dtmf: bool = False
    voice: bool = False
    fax: bool = False
    machine: bool = False
    level_every_ms: int = 0

    @property
    def any(self) -> bool:
        return self.inband_dtmf or self.voice or self.fax or self.machine or self.level_every_ms > 0


class Findings(Protocol):
    """Who hears of it."""

    def speech_detected(self, endpoint: Endpoint, kind: str) -> None: ...

    def level_measured(self, endpoint: Endpoint, dbfs: float, peak_dbfs: float) -> None: ...


class Listening:
    """One leg. `stop` ends it; so does the end of the leg."""

    def __init__(self, endpoint: Endpoint, wishes: Wishes, findings: Findings, ticker: Ticker) -> None:
        self._endpoint = endpoint
        self._wishes = wishes
        self._findings = findings
        self._ticker = ticker
        self._voice = Voice(endpoint, _RATE)
        self._tones = InbandReceiver(keys=wishes.inband_dtmf, tones=wishes.fax)
        self._activity = VoiceActivity()
        self._answer = AnswerDetector() if wishes.machine else None
        self._meter = LevelMeter()
        self._metered_ms = 0
        endpoint.add_tap(self._voice.tap)
        ticker.add(self)

    def stop(self) -> None:
        self._endpoint.remove_tap(self._voice.tap)
        self._ticker.remove(self)

    def tick(self, now: float) -> bool:
        if self._endpoint.closed:
            return False
        frame = self._voice.frame()
        self._hear(_NOTHING if frame is None else frame, now)
        return True

    def skipped(self) -> None:
        """Time without frames says nothing."""

    def _hear(self, frame: Pcm, now: float) -> None:
        wishes, endpoint = self._wishes, self._endpoint
        if wishes.inband_dtmf or wishes.fax:
            for found in self._tones.feed(frame):
                if len(found) == 1:
                    endpoint.keys.in_sound(found, now)
                else:
                    self._findings.speech_detected(endpoint, found)
        if wishes.voice or self._answer is not None:
            dbfs = frame_dbfs(frame)
            began = self._activity.feed(dbfs)
            if wishes.voice and began is not None:
                self._findings.speech_detected(endpoint, "speech" if began else "silence")
            verdict = None
            if self._answer is not None:
                verdict = self._answer.feed(self._activity.speaking and dbfs > _SPOKEN_DBFS)
            if verdict is not None:
                self._findings.speech_detected(endpoint, verdict.value)
        if wishes.level_every_ms:
            self._meter.feed(frame)
            self._metered_ms += FRAME_MS
            if self._metered_ms >= wishes.level_every_ms:
                self._metered_ms = 0
                self._findings.level_measured(endpoint, *self._meter.read())
