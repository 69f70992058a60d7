"""A bad network in user space: a UDP proxy between one phone and its server, for signalling and sound.

The phone is started with the proxy's address as its server. The proxy writes its own addresses into Contact
and SDP of what passes, so that in-dialog requests and RTP come through it too. What is lost, doubled, late
or out of order follows from the seed and the order of the datagrams, not from the clock.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

from seatbus_sip import Address, Message, SipError, parse_message, parse_name_addr, sip_uri
from seatbus_sip.sdp import parse_sdp


@dataclass(frozen=True, slots=True)
class Weather:
    """What one direction does to a datagram. Probabilities from 0 to 1, times in seconds."""

    loss: float = 0.0
    doubled: float = 0.0
    reorder: float = 0.0
    """Share of datagrams held back by `reorder_by_s`, so that their successors overtake them."""
    reorder_by_s: float = 0.05
    delay_s: float = 0.0
    jitter_s: float = 0.0

    def fates(self, dice: random.Random) -> list[float]:
        """Delays at which copies of the next datagram arrive; empty if it is lost."""
        lost, twice, back = dice.random(), dice.random(), dice.random()
        delay = self.delay_s + dice.random() * self.jitter_s
        if lost < self.loss:
            return []
        if back < self.reorder:
            delay += self.reorder_by_s
        return [delay, delay] if twice < self.doubled else [delay]


@dataclass(slots=True)
class Passage:
    """Counters of one direction."""

    weather: Weather
    dice: random.Random
    seen: int = 0
    lost: int = 0

    def send(self, action: Callable[[], None]) -> None:
        self.seen += 1
        fates = self.weather.fates(self.dice)
        if not fates:
            self.lost += 1
        for delay in fates:
            if delay <= 0:
                action()
            else:
                asyncio.get_running_loop().call_later(delay, action)


class _Port(asyncio.DatagramProtocol):
    """A socket that gives what it receives to one function."""

    def __init__(self, take: Callable[[bytes, Address], None]) -> None:
        self._take = take
        self._transport: asyncio.DatagramTransport | None = None
        self.address: Address = ("", 0)

    @classmethod
    async def open(cls, host: str, take: Callable[[bytes, Address], None]) -> _Port:
        loop = asyncio.get_running_loop()
        _, made = await loop.create_datagram_endpoint(lambda: cls(take), local_addr=(host, 0))
        return made

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.DatagramTransport, transport)
        name = transport.get_extra_info("sockname")
        self.address = (str(name[0]), int(name[1]))

    def datagram_received(self, data: bytes, addr: tuple[str | int, ...]) -> None:
        self._take(data, (str(addr[0]), int(addr[1])))

    def send(self, data: bytes, to: Address) -> None:
        if self._transport is not None:
            self._transport.sendto(data, to)

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()
            self._transport = None


@dataclass(slots=True)
class _Sound:
    """The RTP of one call: where each side is, and the port that stands for the other towards it."""

    near: _Port | None = None
    far: _Port | None = None
    phone: Address | None = None
    server: Address | None = None


class LossyProxy:
    """Between a phone (near) and a server (far). `up` and `rtp_up` are towards the server."""

    def __init__(
        self,
        server: Address,
        host: str,
        seed: int,
        up: Weather,
        down: Weather,
        rtp_up: Weather,
        rtp_down: Weather,
    ) -> None:
        self._server = server
        self._host = host
        passages = [
            Passage(weather, random.Random(f"{seed}/{name}"))
            for name, weather in (("up", up), ("down", down), ("rtp up", rtp_up), ("rtp down", rtp_down))
        ]
        self.up, self.down, self.rtp_up, self.rtp_down = passages
        self._phone: Address | None = None
        self._sounds: dict[str, _Sound] = {}
        self._near: _Port
        self._far: _Port
        self._opening: set[asyncio.Task[None]] = set()

    @classmethod
    async def start(
        cls,
        server: Address,
        *,
        host: str = "127.0.0.1",
        seed: int = 1,
        up: Weather | None = None,
        down: Weather | None = None,
        rtp_up: Weather | None = None,
        rtp_down: Weather | None = None,
    ) -> LossyProxy:
        """A proxy for one phone. RTP has the weather of its direction unless it is given its own."""
        above, below = up or Weather(), down or Weather()
        made = cls(server, host, seed, above, below, rtp_up or above, rtp_down or below)
        made._near = await _Port.open(host, made._from_phone)
        made._far = await _Port.open(host, made._from_server)
        return made

    @property
    def address(self) -> Address:
        """What the phone takes for its server."""
        return self._near.address

    def close(self) -> None:
        for port in (self._near, self._far):
            port.close()
        for sound in self._sounds.values():
            for opened in (sound.near, sound.far):
                if opened is not None:
                    opened.close()

    # ---- signalling -------------------------------------------------------------------------------------
    def _from_phone(self, data: bytes, source: Address) -> None:
        self._phone = source
        self.up.send(lambda: self._pass(data, upwards=True))

    def _from_server(self, data: bytes, source: Address) -> None:
        self._server = source
        self.down.send(lambda: self._pass(data, upwards=False))

    def _pass(self, data: bytes, *, upwards: bool) -> None:
        task = asyncio.ensure_future(self._rewrite_and_send(data, upwards))
        self._opening.add(task)
        task.add_done_callback(self._opening.discard)

    async def _rewrite_and_send(self, data: bytes, upwards: bool) -> None:
        try:
            message = parse_message(data)
            message.validate()
            data = await self._rewritten(message, upwards)
        except SipError:
            # Keep-alives, and what is malformed on purpose, pass as they are.
            pass
        if upwards:
            self._far.send(data, self._server)
        elif self._phone is not None:
            self._near.send(data, self._phone)

    async def _rewritten(self, message: Message, upwards: bool) -> bytes:
        port = self._far if upwards else self._near
        contact = message.get("Contact")
        if contact is not None and contact != "*":
            address = parse_name_addr(contact, "Contact")
            uri = sip_uri(address.uri.username or None, *port.address)
            message.set("Contact", address._replace(uri_text=str(uri)))
        if message.body and message.content_type == "application/sdp":
            description = parse_sdp(message.body)
            audio = description.audio
            if audio is not None and audio.host is not None:
                host, number = await self._sound_port(message.call_id, (audio.host, audio.port), upwards)
                audio.set_host(host)
                audio.set_port(number)
                message.set_body(description.to_bytes(), "application/sdp")
        return message.to_bytes()

    # ---- sound ------------------------------------------------------------------------------------------
    async def _sound_port(self, call_id: str, owner: Address, upwards: bool) -> Address:
        """The address that stands for `owner` on the other side."""
        sound = self._sounds.setdefault(call_id, _Sound())
        if sound.near is None or sound.far is None:
            near = await _Port.open(self._host, lambda data, _: self._sound_up(sound, data))
            far = await _Port.open(self._host, lambda data, _: self._sound_down(sound, data))
            if sound.near is None or sound.far is None:
                sound.near, sound.far = near, far
            else:
                near.close()
                far.close()
        if upwards:
            sound.phone = owner
        else:
            sound.server = owner
        return (sound.far if upwards else sound.near).address

    def _sound_up(self, sound: _Sound, data: bytes) -> None:
        far, to = sound.far, sound.server
        if far is not None and to is not None:
            self.rtp_up.send(lambda: far.send(data, to))

    def _sound_down(self, sound: _Sound, data: bytes) -> None:
        near, to = sound.near, sound.phone
        if near is not None and to is not None:
            self.rtp_down.send(lambda: near.send(data, to))
