"""A called network changes its audio before it answers: UPDATE after a reliable 183 (RFC 3311, RFC 6337)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import NamedTuple

import pytest

from seatbus_sip import Response
from seatbus_testkit.phone import PhoneCall
from seatbus_testkit.tenant import TestTenant
from tests.integration.agents import agent_phone
from tests.integration.outside import DIALLED, branch, configure, trunk_is_asked

from .wire import Talk, Wire, sdp, token

pytestmark = pytest.mark.platform


class Ear(asyncio.DatagramProtocol):
    """A port that hears which codec comes."""

    def __init__(self) -> None:
        self.packets: asyncio.Queue[int] = asyncio.Queue()
        self.port = 0

    def datagram_received(self, data: bytes, addr: tuple[str | int, ...]) -> None:
        self.packets.put_nowait(data[1] & 0x7F)

    async def hears(self, payload: int, seconds: float = 20.0) -> None:
        """Until audio of this payload type comes."""
        async with asyncio.timeout(seconds):
            while await self.packets.get() != payload:
                pass

    def said(self, payload: int = 0, version: int = 1, direction: str = "sendrecv") -> str:
        return sdp(direction, payload, version=version).replace("m=audio 9 ", f"m=audio {self.port} ")


@asynccontextmanager
async def ear() -> AsyncIterator[Ear]:
    loop = asyncio.get_running_loop()
    transport, made = await loop.create_datagram_endpoint(Ear, local_addr=("127.0.0.1", 0))
    made.port = transport.get_extra_info("sockname")[1]
    try:
        yield made
    finally:
        transport.close()


def trunk_to(wire: Wire) -> dict[str, object]:
    peer = {"host": wire.host, "port": wire.address[1], "setup_timeout_s": 20}
    return {"name": "out", "outbound": True, "no_options": True, **peer}


class Early(NamedTuple):
    """An agent who hears the called network, which hears it at `ear`."""

    call: PhoneCall
    ring: Talk
    ear: Ear
    carrier: Wire


@asynccontextmanager
async def early(tenant: TestTenant, *others: Wire) -> AsyncIterator[Early]:
    async with (
        await Wire.open(tenant.platform.sip, "127.0.0.26") as wire,
        ear() as first,
        agent_phone(tenant, "a1", ready=False) as phone,
    ):
        trunks = [
            {"id": f"out{place}", "trunk": trunk_to(peer)} for place, peer in enumerate((wire, *others))
        ]
        await configure(tenant, branch(), *trunks)
        for trunk in trunks:
            await trunk_is_asked(tenant, str(trunk["id"]))
        call = await phone.dial(DIALLED)
        ring = await Talk.ringing(wire)
        # Nothing has answered our offer yet.
        ring.reply(180)
        await ring.ask("UPDATE", 491, body=first.said())
        reliable(ring, first.said())
        wire.send(Response.to_request(await wire.request("PRACK"), 200))
        await first.hears(0)
        yield Early(call, ring, first, wire)


def reliable(ring: Talk, body: str, number: int = 5) -> None:
    ring.reply(183, body=body, headers={"Require": "100rel", "RSeq": str(number)})


async def test_the_audio_follows_and_the_answer_brings_nothing_new(tenant: TestTenant) -> None:
    async with early(tenant) as (call, ring, first, wire), ear() as second:
        answer = await ring.ask("UPDATE", body=second.said(8, version=2))
        assert b"RTP/AVP 8 " in answer.body
        assert answer.tokens("Allow") >= {"update", "prack"}
        await second.hears(8)
        bad = await ring.ask("UPDATE", 488, body=second.said(3, version=3))
        assert not bad.body
        held = await ring.ask("UPDATE", body=first.said(8, version=4, direction="sendonly"))
        assert b"a=recvonly" in held.body
        await ring.ask("UPDATE", body=first.said(8, version=5))
        # RFC 6337 3.1.1: the 200 repeats the answer of the 183, which counts no more.
        ring.reply(200, body=second.said(0))
        await wire.request("ACK")
        await call.wait_answered()
        first.packets = asyncio.Queue()
        await first.hears(8)
        await call.hang_up()
        wire.send(Response.to_request(await wire.request("BYE"), 200))


async def test_another_fork_answers_and_is_offered_the_audio(tenant: TestTenant) -> None:
    async with early(tenant) as (call, ring, first, wire), ear() as second:
        await ring.ask("UPDATE", body=first.said(8, version=2))
        ring.local = f"{ring.local.partition(';tag=')[0]};tag={token()}"
        ring.reply(200, body=second.said())
        await wire.request("ACK")
        again = await wire.request("INVITE")
        assert again.body
        ring.reply(200, again, body=second.said(0, version=2))
        await wire.request("ACK")
        await call.wait_answered()
        await second.hears(0)
        await call.hang_up()
        wire.send(Response.to_request(await wire.request("BYE"), 200))


async def test_the_next_network_gets_an_offer_of_ours_again(tenant: TestTenant) -> None:
    async with (
        await Wire.open(tenant.platform.sip, "127.0.0.27") as other,
        early(tenant, other) as (call, ring, first, wire),
        ear() as second,
    ):
        await ring.ask("UPDATE", body=first.said(8, version=2))
        ring.reply(503)
        await wire.request("ACK")
        there = await Talk.ringing(other)
        assert b"RTP/AVP 0 8 " in there.invite.body
        await there.pick_up(body=second.said())
        await call.wait_answered()
        await second.hears(0)
        await call.hang_up()
        other.send(Response.to_request(await other.request("BYE"), 200))
