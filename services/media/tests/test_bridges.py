"""Every codec over every kind of leg, bridged with every other: tones both ways."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import pytest

from seatbus.media.v1 import service_pb2 as pb
from seatbus_kit.ids import uuid7
from seatbus_rtp.tones import goertzel_dbfs
from seatbus_sip.sdp import G722, OPUS, PCMA, PCMU, TELEPHONE_EVENT, Codec
from seatbus_testkit.eventually import eventually
from seatbus_testkit.secure_voice import SdesPhone, WebPhone
from seatbus_testkit.voice import RtpSocket

from .conftest import Desk

HERE_HZ, THERE_HZ, SPOKEN = 440.0, 1000.0, -15.0
CODECS = {codec.name: codec for codec in (PCMU, PCMA, G722, OPUS)}
KINDS = ("rtp", "sdes", "webrtc")
TONES = {"PCMU": 1.0, "PCMA": 1.0, "G722": 1.0, "opus": 2.0}
"""How far from the spoken level each codec may be, dB."""


async def leg(desk: Desk, kind: str, codec: Codec) -> tuple[str, RtpSocket]:
    """An endpoint and who speaks this codec at its other end."""
    endpoint, codecs = uuid7(), (codec, TELEPHONE_EVENT)

    async def accept(sdp: str) -> str:
        command = pb.AcceptOffer(endpoint_id=endpoint, sdp=sdp)
        (result,) = await desk.execute(pb.Command(accept_offer=command))
        assert result.codec.lower() == codec.name.lower()
        return result.sdp

    if kind == "rtp":
        phone = await desk.phone()
        phone.answered(await accept(phone.offer(codec)))
        return endpoint, phone.socket
    if kind == "sdes":
        sdes = await SdesPhone.open()
        sdes.answered(await accept(sdes.offer(codecs=codecs)))
        return endpoint, sdes.socket
    browser = await WebPhone.start()
    browser.answered(await accept(browser.offer(codecs)))
    return endpoint, browser


LEGS = list(itertools.product(KINDS, CODECS))
HZ = [400.0 + 190 * number for number in range(len(LEGS))]
"""No tone is near a harmonic of another."""
UNHEARD = SPOKEN - 25


class Party:
    """Who speaks a tone of its own over a kind of leg in a codec."""

    def __init__(self, kind: str, codec: str, hz: float) -> None:
        self.kind, self.codec, self.hz = kind, codec, hz
        self.id = ""
        self.socket: RtpSocket

    async def come(self, desk: Desk) -> None:
        self.id, self.socket = await leg(desk, self.kind, CODECS[self.codec])
        self.socket.mouth.play_tone(self.hz, SPOKEN)

    def hears(self, other: Party) -> bool:
        """The other one at its level, and nobody else."""
        near = max(TONES[self.codec], TONES[other.codec])
        said = self.socket.ears.tail(0.2)
        if abs(goertzel_dbfs(said, other.hz) - SPOKEN) >= near:
            return False
        return all(goertzel_dbfs(said, hz) < UNHEARD for hz in HZ if hz != other.hz)

    def __repr__(self) -> str:
        return f"{self.kind}/{self.codec}"


async def joined(desk: Desk, pairs: Sequence[tuple[Party, Party]]) -> None:
    """Each of these pairs is alone together and hears each other."""
    for one, other in pairs:
        await desk.execute(pb.Command(connect=pb.Connect(endpoint_a=one.id, endpoint_b=other.id)))
    for party in itertools.chain(*pairs):
        party.socket.ears.clear()
    waiting = [(hears, says) for pair in pairs for hears, says in (pair, pair[::-1])]

    def all_have_heard() -> bool:
        waiting[:] = [(hears, says) for hears, says in waiting if not hears.hears(says)]
        return not waiting

    try:
        await eventually(all_have_heard, 40, every=0.1)
    except TimeoutError:
        pytest.fail("; ".join(f"{hears} does not hear {says}" for hears, says in waiting))


@asynccontextmanager
async def company(desk: Desk, legs: Sequence[tuple[str, str]]) -> AsyncIterator[list[Party]]:
    parties = [Party(kind, codec, hz) for (kind, codec), hz in zip(legs, HZ, strict=False)]
    try:
        for party in parties:
            await party.come(desk)
        yield parties
    finally:
        for party in parties:
            if party.id:
                party.socket.close()


async def test_each_is_bridged_with_every_other_and_hears_nobody_else(desk: Desk) -> None:
    """As in a tournament: in each round everybody has another partner."""
    async with company(desk, LEGS) as (first, *rest):
        for _ in range(len(LEGS) - 1):
            half = len(LEGS) // 2
            table = [first, *rest]
            await joined(desk, list(zip(table[:half], reversed(table[half:]), strict=True)))
            rest = rest[1:] + rest[:1]


@pytest.mark.parametrize("kind", KINDS)
async def test_each_is_bridged_with_its_like(desk: Desk, kind: str) -> None:
    legs = [(kind, codec) for codec in CODECS for _ in range(2)]
    async with company(desk, legs) as parties:
        await joined(desk, list(itertools.pairwise(parties))[::2])
