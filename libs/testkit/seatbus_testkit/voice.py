"""The RTP side of a call: one socket, a mouth that speaks in exact 20 ms steps, ears that hear."""

from __future__ import annotations

import asyncio
import random
import socket
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Protocol, cast
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from seatbus_rtp.codecs import PCMU, CodecSpec, Encoder, make_encoder, named
from seatbus_rtp.dtmf import EventStep, plan_digits
from seatbus_rtp.packet import build
from seatbus_rtp.tones import FRAME, RATE, ToneGenerator, silence
from seatbus_sip import Address
from seatbus_sip.sdp import Agreed
from seatbus_testkit.ears import Ears

Pcm = NDArray[np.int16]

FRAME_S = 0.02
_LONGEST_CATCH_UP = 50
"""Frames sent at once after the loop was late; beyond this the stream shows a hole, as a stalled phone's."""
_SLOTS = 4
_RANDOM = random.SystemRandom()


class Paced(Protocol):
    """Somebody who speaks."""

    def advance(self, now: float) -> None:
        """Send every frame that is due by now."""


class Pacer:
    """One timer for all mouths of a loop. They are spread over the 20 ms, so that bursts stay short."""

    _of: WeakKeyDictionary[asyncio.AbstractEventLoop, Pacer] = WeakKeyDictionary()

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._slots: list[dict[Paced, None]] = [{} for _ in range(_SLOTS)]
        self._next = loop.time()
        self._slot = 0
        self._handle: asyncio.TimerHandle | None = None

    @classmethod
    def running(cls) -> Pacer:
        """That of the running loop."""
        loop = asyncio.get_running_loop()
        pacer = cls._of.get(loop)
        if pacer is None:
            pacer = cls._of[loop] = cls(loop)
        return pacer

    def add(self, member: Paced) -> None:
        min(self._slots, key=len)[member] = None
        if self._handle is None:
            self._next = self._loop.time()
            self._handle = self._loop.call_at(self._next, self._tick)

    def remove(self, member: Paced) -> None:
        for slot in self._slots:
            slot.pop(member, None)

    def _tick(self) -> None:
        now = self._loop.time()
        for member in tuple(self._slots[self._slot]):
            member.advance(now)
        if not any(self._slots):
            self._handle = None
            return
        for _ in range(_SLOTS):
            self._slot = (self._slot + 1) % _SLOTS
            self._next += FRAME_S / _SLOTS
            if self._slots[self._slot]:
                break
        if self._next < now - FRAME_S:
            self._next = now
        self._handle = self._loop.call_at(self._next, self._tick)


class _Speech:
    """The encoder of a mouth. Its streams go on across what is said."""

    def __init__(self, codec: CodecSpec) -> None:
        self.codec = codec
        self._encoder: Encoder = make_encoder(codec)

    def encode(self, pcm: Pcm) -> bytes:
        return self._encoder.encode(pcm)


@lru_cache(maxsize=256)
def _tone_loop(hz: int, dbfs: float, codec: CodecSpec) -> tuple[bytes, ...]:
    # A whole number of Hz fits a second exactly: the loop has no seam.
    pcm = ToneGenerator([hz], dbfs).frame(RATE)
    encoder = make_encoder(codec)
    return tuple(encoder.encode(pcm[at : at + FRAME]) for at in range(0, len(pcm), FRAME))


@dataclass(slots=True)
class _Tone:
    hz: int
    dbfs: float
    at: int = 0
    generator: ToneGenerator | None = None

    def frame(self, speech: _Speech) -> bytes | None:
        if not speech.codec.is_g711:
            # A codec with a memory hears the seam of a loop.
            self.generator = self.generator or ToneGenerator([self.hz], self.dbfs)
            return speech.encode(self.generator.frame())
        frames = _tone_loop(self.hz, self.dbfs, speech.codec)
        self.at += 1
        return frames[self.at % len(frames)]


@dataclass(slots=True)
class _FreeTone:
    """A tone of a frequency that does not fit a second."""

    generator: ToneGenerator

    def frame(self, speech: _Speech) -> bytes | None:
        return speech.encode(self.generator.frame())


@dataclass(slots=True)
class _Clip:
    pcm: Pcm
    done: asyncio.Future[None]
    at: int = 0

    def frame(self, speech: _Speech) -> bytes | None:
        part = self.pcm[self.at : self.at + FRAME]
        self.at += FRAME
        if not len(part):
            if not self.done.done():
                self.done.set_result(None)
            return None
        return speech.encode(np.pad(part, (0, FRAME - len(part))))


@dataclass(slots=True)
class _Digits:
    steps: Iterator[EventStep]
    done: asyncio.Future[None]
    following: EventStep | None
    began: int = -1
    stamp: int = 0


class Mouth:
    """Speaks while the call has somewhere to speak to: silence at first, then what it is told.

    RTP time is the loop's clock in whole frames since the first: a late loop sends what it owes with the
    timestamps it would have had, so lateness here is never a gap there.
    """

    def __init__(self, transport: asyncio.DatagramTransport) -> None:
        self._transport = transport
        self._loop = asyncio.get_running_loop()
        self._source: _Tone | _FreeTone | _Clip | None = None
        self._muted = False
        self._digits: deque[_Digits] = deque()
        self._remote: Address | None = None
        self._type = 0
        self._speech = _Speech(PCMU)
        self._event_type: int | None = None
        self._event_rate = 8000
        self._ssrc = _RANDOM.getrandbits(32)
        self._sequence = _RANDOM.getrandbits(15)
        self._stamp = _RANDOM.getrandbits(31)
        self._begin: float | None = None
        self._joined = False
        self._frame = 0
        self._since = 0
        """The frame from which the present codec's clock counts; its timestamp is `_stamp`."""
        self._marker = True
        self.sent = 0
        self.longest_hole_ms = 0.0
        """The longest part of the stream that this mouth left out because its process was late."""

    # ---- what to say ------------------------------------------------------------------------------------
    def play_tone(self, hz: float, dbfs: float = -12.0) -> None:
        """A continuous sine, until told otherwise. Raises AudioError for what cannot be made."""
        free = ToneGenerator([hz], dbfs)
        self._source = _Tone(int(hz), dbfs) if hz == int(hz) else _FreeTone(free)
        self._muted = False

    def play_pcm(self, pcm: Pcm) -> asyncio.Future[None]:
        """Samples at 8 kHz, then silence. The future is done when the last has been sent."""
        done: asyncio.Future[None] = self._loop.create_future()
        self._source, self._muted = _Clip(np.asarray(pcm, dtype=np.int16), done), False
        return done

    def silence(self) -> None:
        """Packets of silence."""
        self._source, self._muted = None, False

    def mute(self) -> None:
        """No packets at all (except digits)."""
        self._source, self._muted = None, True

    def send_dtmf(self, digits: str, ms: int = 100, gap_ms: int = 80) -> asyncio.Future[None]:
        """Digits as RFC 4733 events, after those sent before. The future is done when the last has gone.

        Raises DtmfError for what is no digit or a time that is not whole frames.
        """
        steps = plan_digits(digits, tone_ms=ms, gap_ms=gap_ms, clock_rate=self._event_rate)
        done: asyncio.Future[None] = self._loop.create_future()
        first = next(steps, None)
        if first is None:
            done.set_result(None)
        else:
            self._digits.append(_Digits(steps, done, first))
        return done

    # ---- the stream -------------------------------------------------------------------------------------
    def connect(self, agreed: Agreed) -> None:
        """Speak as was negotiated; again at every change."""
        if not self._joined:
            self._joined = True
            Pacer.running().add(self)
        self._type = agreed.send.payload
        self._event_type, self._event_rate = agreed.dtmf_send, agreed.dtmf_send_rate
        codec = named(agreed.send.name)
        if codec is not None and codec is not self._speech.codec:
            self._stamp = self._stamp_of(self._frame)
            self._since = self._frame
            self._speech = _Speech(codec)
        # What this mouth cannot speak may still be negotiated, to see what a peer does with it.
        silent = not agreed.direction.sends or agreed.remote[0] == "0.0.0.0" or codec is None
        self._remote = None if silent else agreed.remote

    def stop(self) -> None:
        """For good."""
        Pacer.running().remove(self)
        self._remote = None
        waiting = [digits.done for digits in self._digits]
        if isinstance(self._source, _Clip):
            waiting.append(self._source.done)
        for done in waiting:
            if not done.done():
                done.cancel()
        self._digits.clear()

    def advance(self, now: float) -> None:
        if self._begin is None:
            # Half a frame early: a timer that fires a little late or early is then still inside its frame.
            self._begin = now - FRAME_S / 2
        due = int((now - self._begin) / FRAME_S) + 1
        if due - self._frame > _LONGEST_CATCH_UP:
            self.longest_hole_ms = max(self.longest_hole_ms, (due - 1 - self._frame) * FRAME_S * 1000)
            self._frame = due - 1
            self._marker = True
        while self._frame < due:
            self._speak()
            self._frame += 1

    def _speak(self) -> None:
        remote = self._remote
        if remote is None:
            self._marker = True
            return
        stamp = self._stamp_of(self._frame)
        if self._digits and self._event_type is not None and not self._press(remote, stamp):
            return
        body: bytes | None = None
        if self._source is not None:
            body = self._source.frame(self._speech)
            if body is None:
                self._source = None
        if body is None:
            if self._muted:
                self._marker = True
                return
            body = self._speech.encode(silence())
        self._send(remote, self._type, stamp, body, self._marker)
        self._marker = False

    def _stamp_of(self, frame: int) -> int:
        return self._stamp + (frame - self._since) * self._speech.codec.frame_ticks

    def _press(self, remote: Address, stamp: int) -> bool:
        """The event packet of this frame. True: sound goes beside it (the repeated end, and the pause)."""
        digits = self._digits[0]
        if digits.began < 0:
            digits.began = self._frame
        step = digits.following
        at_ms = (self._frame - digits.began) * 20
        if step is None or step.at_ms > at_ms:
            return True
        if step.start:
            digits.stamp = stamp
        self._send(remote, self._event_type or 0, digits.stamp, step.payload, step.start)
        digits.following = next(digits.steps, None)
        if digits.following is None:
            self._digits.popleft()
            if not digits.done.done():
                digits.done.set_result(None)
        return step.payload[1] >= 0x80

    def _send(self, remote: Address, kind: int, stamp: int, body: bytes, marker: bool) -> None:
        self._sequence += 1
        self._transport.sendto(build(kind, self._sequence, stamp, self._ssrc, body, marker), remote)
        self.sent += 1


class RtpSocket(asyncio.DatagramProtocol):
    """One RTP port with its mouth and ears."""

    mouth: Mouth
    address: Address

    def __init__(self, ears: Ears) -> None:
        self.ears = ears
        self.sources: set[Address] = set()
        self._now = asyncio.get_running_loop().time
        self._transport: asyncio.DatagramTransport | None = None

    @classmethod
    async def open(cls, host: str, ears: Ears) -> RtpSocket:
        loop = asyncio.get_running_loop()
        _, made = await loop.create_datagram_endpoint(lambda: cls(ears), sock=_even_port(host))
        return made

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.DatagramTransport, transport)
        name = transport.get_extra_info("sockname")
        self.address = (str(name[0]), int(name[1]))
        self.mouth = Mouth(self._transport)

    def datagram_received(self, data: bytes, addr: tuple[str | int, ...]) -> None:
        if addr not in self.sources:
            self.sources.add((str(addr[0]), int(addr[1])))
        self.ears.receive(data, self._now())

    def connect(self, agreed: Agreed) -> None:
        """Take over what an offer and its answer agreed on."""
        known = {codec.payload: spec for codec in agreed.receive if (spec := named(codec.name)) is not None}
        self.ears.expect(tuple(codec.payload for codec in agreed.receive), agreed.dtmf_receive, known)
        self.mouth.connect(agreed)

    def close(self) -> None:
        if self._transport is not None:
            self.mouth.stop()
            self._transport.close()
            self._transport = None


def _even_port(host: str) -> socket.socket:
    """RTP takes an even port where there is one (RFC 3550 section 11)."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    while True:
        made = socket.socket(family, socket.SOCK_DGRAM)
        made.setblocking(False)
        made.bind((host, 0))
        if made.getsockname()[1] % 2 == 0:
            return made
        made.close()
