"""From what a playlist names to sound ready to send: made or fetched once, kept, shared by all calls."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from typing import Final

import numpy as np

from seatbus.ivr.v1.types_pb2 import Audio, SayValue
from seatbus.media.v1.types_pb2 import Playlist
from seatbus_kit.errors import DeadlineExceeded, InvalidArgument, NotFound, Unavailable
from seatbus_media.application.ports import Pcm, Prompts, Speech
from seatbus_media.domain.clips import FOREVER, Clip
from seatbus_media.domain.melody import compose
from seatbus_media.domain.play_cursor import Comfort, PlayCursor
from seatbus_media.domain.say import SayError, words
from seatbus_rtp.codecs import FRAMES_PER_S, CodecSpec
from seatbus_rtp.errors import AudioError
from seatbus_rtp.tones import ToneGenerator, silence, tone

_FETCH_S: Final = 10.0
_PROMPT_FRESH_S: Final = 60.0
_LEVEL: Final = -12.0
Key = tuple[str, ...]


def _cadence(frequencies: tuple[float, ...], on_ms: int, off_ms: int, level: float) -> Pcm:
    return np.concatenate((tone(frequencies, on_ms / 1000, level), silence(off_ms * 8)))


_TONES: Final[dict[str, Callable[[], Pcm]]] = {
    "ringback": lambda: _cadence((440.0, 480.0), 2000, 4000, -19.0),
    "busy": lambda: _cadence((480.0, 620.0), 500, 500, -19.0),
    "beep": lambda: _cadence((1000.0,), 240, 60, -15.0),
    "music": compose,
}


def make_tone(name: str) -> Pcm:
    """One turn of a named tone, or a second of the frequencies in `name`. Raises AudioError."""
    known = _TONES.get(name)
    if known is not None:
        return known()
    return ToneGenerator([float(part) for part in name.split("+")], _LEVEL).frame(8000)


class AudioLibrary:
    """Clips by what they say. `limit` is in bytes; what was used longest ago goes first."""

    def __init__(
        self,
        speech: Speech,
        prompts: Prompts,
        *,
        language: str,
        limit: int,
        now: Callable[[], float],
    ) -> None:
        self._speech = speech
        self._prompts = prompts
        self._language = language
        self._limit = limit
        self._now = now
        self._kept: OrderedDict[Key, tuple[Clip, float]] = OrderedDict()
        self._making: dict[Key, asyncio.Task[Clip]] = {}
        self.bytes = 0

    async def cursor(
        self, tenant: str, playlist: Playlist, path: str, codec: CodecSpec | None = None
    ) -> PlayCursor:
        """The playlist from its start, ready to be sent in `codec`. Raises a SeatbusError whose field says
        which item cannot be played.
        """
        clips = [
            (await self._clip(tenant, item, f"{path}.items[{index}]")).with_gain(playlist.gain_db)
            for index, item in enumerate(playlist.items)
        ]
        for clip in clips:
            if codec is not None and clip.coded(codec) is None:
                await asyncio.to_thread(clip.encode, codec)
        comfort = None
        if playlist.HasField("comfort"):
            messages = [
                await self._clip(tenant, item, f"{path}.comfort.items[{index}]")
                for index, item in enumerate(playlist.comfort.items)
            ]
            comfort = Comfort(
                tuple(messages),
                playlist.comfort.first_s * FRAMES_PER_S,
                playlist.comfort.every_s * FRAMES_PER_S,
            )
        times = FOREVER if playlist.loops == FOREVER else max(1, playlist.loops)
        return PlayCursor(clips, times, comfort)

    @staticmethod
    def _words(say: SayValue, language: str, path: str) -> str:
        try:
            return words(say.kind, say.value, language)
        except SayError as error:
            raise InvalidArgument(str(error), field=f"{path}.say.value", rule=error.rule) from error

    async def _clip(self, tenant: str, item: Audio, path: str) -> Clip:
        language = item.language or self._language
        match item.WhichOneof("source"):
            case "prompt_id":
                name = item.prompt_id
                key: Key = ("prompt", tenant, name)
                return await self._get(key, lambda: self._prompts.load(tenant, name), path, _PROMPT_FRESH_S)
            case "text":
                text = item.text
            case "say":
                text = self._words(item.say, language, path)
            case "tone":
                wanted = item.tone
                return await self._get(("tone", wanted), lambda: self._tone(wanted), path)
            case "silence_ms":
                return Clip.from_pcm(silence(item.silence_ms * 8))
            case _:
                raise InvalidArgument("nothing to play", field=path, rule="oneof.required")
        return await self._get(("text", language, text), lambda: self._speech.speak(text, language), path)

    @staticmethod
    async def _tone(name: str) -> Pcm:
        try:
            return await asyncio.to_thread(make_tone, name) if name == "music" else make_tone(name)
        except AudioError as error:
            raise InvalidArgument(str(error), field="tone", rule=error.rule) from error

    async def _get(
        self, key: Key, make: Callable[[], Awaitable[Pcm]], path: str, fresh_s: float = float("inf")
    ) -> Clip:
        kept = self._kept.get(key)
        if kept is not None and self._now() - kept[1] < fresh_s:
            self._kept.move_to_end(key)
            return kept[0]
        task = self._making.get(key)
        if task is None:
            task = self._making[key] = asyncio.create_task(self._make(key, make))
        try:
            async with asyncio.timeout(_FETCH_S):
                return await asyncio.shield(task)
        except TimeoutError:
            raise DeadlineExceeded(f"no sound for {key[0]} in {_FETCH_S:.0f} s", field=path) from None
        except Unavailable as error:
            if kept is not None:
                # An older version of a prompt is better than none while the store is away.
                return kept[0]
            raise Unavailable(error.message, field=path, rule=error.rule) from error
        except (InvalidArgument, NotFound) as error:
            # The error belongs to all who wait for this sound; the place in the playlist is each one's own.
            where = f"{path}.{error.field}" if error.field else path
            raise type(error)(error.message, field=where, rule=error.rule) from error

    async def _make(self, key: Key, make: Callable[[], Awaitable[Pcm]]) -> Clip:
        try:
            pcm = await make()
            clip = Clip.from_pcm(pcm)
        finally:
            del self._making[key]
        old = self._kept.pop(key, None)
        self.bytes += clip.size - (old[0].size if old is not None else 0)
        self._kept[key] = (clip, self._now())
        while self.bytes > self._limit and len(self._kept) > 1:
            _, (gone, _) = self._kept.popitem(last=False)
            self.bytes -= gone.size
        return clip
