"""Where a listener is in a playlist: frame after frame, with pause, seek and volume, and with messages that
are mixed into it by schedule.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from seatbus_media.domain.clips import FOREVER, FRAME_MS, Clip, Pcm, Voice, amplified, quiet_frame
from seatbus_rtp.codecs import CodecSpec

_DUCKED_DB: Final = -14.0
"""The music under a message."""


@dataclass(frozen=True, slots=True)
class Comfort:
    """Messages mixed into what is played: the first after `first_frames`, then one every `every_frames`, in
    turn. `every_frames` counts from one start to the next; 0 says each message once.
    """

    clips: tuple[Clip, ...]
    first_frames: int
    every_frames: int


class PlayCursor:
    """`times` is how often the playlist runs, FOREVER without end."""

    __slots__ = (
        "_at",
        "_clips",
        "_comfort",
        "_gain_db",
        "_index",
        "_left",
        "_message",
        "_message_at",
        "_played",
        "_said",
        "_times",
        "_voice",
        "paused",
    )

    def __init__(self, clips: Sequence[Clip], times: int = 1, comfort: Comfort | None = None) -> None:
        self._clips = [clip for clip in clips if clip.frames]
        self._left = self._times = max(1, times)
        self._index = 0
        self._at = 0
        self._comfort = comfort if comfort is not None and comfort.clips else None
        self._played = 0
        self._said = 0
        self._message: Clip | None = None
        self._message_at = 0
        self._gain_db = 0.0
        self._voice = Voice()
        self.paused = False

    @property
    def clips(self) -> Sequence[Clip]:
        """All that may be heard, messages too."""
        return [*self._clips, *(self._comfort.clips if self._comfort is not None else ())]

    @property
    def endless(self) -> bool:
        return self._times == FOREVER

    @property
    def length_ms(self) -> int:
        """Of one turn."""
        return sum(clip.frames for clip in self._clips) * FRAME_MS

    @property
    def position_ms(self) -> int:
        """In the present turn."""
        return (sum(clip.frames for clip in self._clips[: self._index]) + self._at) * FRAME_MS

    def seek(self, position_ms: int) -> None:
        """To this place of the present turn; beyond its end the next turn begins, or the end is reached."""
        frames = max(0, position_ms) // FRAME_MS
        for index, clip in enumerate(self._clips):
            if frames < clip.frames:
                self._index, self._at = index, frames
                return
            frames -= clip.frames
        if self._clips:
            self._index = len(self._clips) - 1
            self._at = self._clips[-1].frames

    def set_gain(self, gain_db: float) -> None:
        """Volume from now on, on top of the playlist's own."""
        self._gain_db = gain_db

    def next_frame(self, codec: CodecSpec) -> bytes | None:
        """20 ms of sound, None at the end. Empty: nothing is to be sent in this frame."""
        if self.paused:
            return quiet_frame(codec)
        clip, at = self._advance()
        if clip is None:
            return None
        self._played += 1
        if self._comfort is not None:
            self._begin_message(self._comfort)
            if self._message is not None:
                return self._voice.encode(self._under_message(clip.frame(at), self._message), codec)
        if self._gain_db:
            return self._voice.encode(amplified(clip.frame(at), self._gain_db), codec)
        frames = clip.coded(codec)
        if frames is None:
            return self._voice.encode(clip.frame(at), codec)
        return frames[at]

    def _advance(self) -> tuple[Clip | None, int]:
        if not self._clips:
            return None, 0
        clip = self._clips[self._index]
        at = self._at
        if at >= clip.frames:
            at = 0
            self._index += 1
            if self._index == len(self._clips):
                self._index = 0
                if self._left != FOREVER:
                    self._left -= 1
                    if self._left == 0:
                        self._clips = []
                        return None, 0
            clip = self._clips[self._index]
        self._at = at + 1
        return clip, at

    def _begin_message(self, comfort: Comfort) -> None:
        if self._message is not None and self._message_at < self._message.frames:
            return
        self._message = None
        due = comfort.first_frames + self._said * comfort.every_frames
        once = comfort.every_frames == 0 and self._said >= len(comfort.clips)
        if once or self._played <= due or not comfort.clips[self._said % len(comfort.clips)].frames:
            return
        self._message = comfort.clips[self._said % len(comfort.clips)]
        self._message_at = 0
        self._said += 1

    def _under_message(self, music: Pcm, message: Clip) -> Pcm:
        said = message.frame(self._message_at)
        self._message_at += 1
        quieter = amplified(music, _DUCKED_DB + self._gain_db).astype("int32")
        mixed: Pcm = (quieter + said).clip(-32768, 32767).astype("int16")
        return mixed
