"""Names of trunks' peers: records, their order, which transports, and what a peer that is slow costs."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from typing import Any

import pytest

from seatbus.tenancy.v1 import types_pb2 as tenancy
from seatbus_kit.errors import Unavailable
from seatbus_sip_edge.adapters import transports
from seatbus_sip_edge.adapters.dns import Resolver
from seatbus_sip_edge.domain.routes import TrunkRef
from seatbus_testkit.dns import DnsServer
from seatbus_testkit.phone import Policy

from .outside_world import OUTSIDE, company

LONG = ".".join(["a-carrier-with-a-long-name"] * 8) + ".test"
"""Stands in many headers of an INVITE."""


@pytest.fixture
async def names() -> AsyncIterator[DnsServer]:
    server = await DnsServer.start()
    yield server
    server.stop()


async def test_srv_records_give_the_peers_in_order(names: DnsServer) -> None:
    names.records = {
        ("_sip._udp.carrier.test", "SRV"): ["20 0 5070 b.carrier.test.", "10 5 5060 a.carrier.test."],
        ("a.carrier.test", "A"): ["192.0.2.1", "192.0.2.2"],
        ("b.carrier.test", "A"): ["192.0.2.3"],
    }
    targets, ttl = await Resolver(names.address).targets("carrier.test", 0, "UDP")
    found = [(item.priority, item.port, item.host) for item in targets]
    assert sorted(found) == [(10, 5060, "192.0.2.1"), (10, 5060, "192.0.2.2"), (20, 5070, "192.0.2.3")]
    assert found[-1][0] == 20
    assert ttl == 5.0


async def test_naptr_chooses_the_transport(names: DnsServer) -> None:
    names.records = {
        ("carrier.test", "NAPTR"): [
            '20 10 "s" "SIP+D2U" "" _sip._udp.carrier.test.',
            '10 10 "s" "SIPS+D2T" "" _sips._tcp.carrier.test.',
        ],
        ("_sips._tcp.carrier.test", "SRV"): ["0 0 5061 a.carrier.test."],
        ("a.carrier.test", "A"): ["192.0.2.9"],
    }
    [target], _ = await Resolver(names.address).targets("carrier.test", 0, "")
    assert target.way == ("192.0.2.9", 5061, "TLS")


async def test_a_name_without_records_is_said_so(names: DnsServer) -> None:
    resolver = Resolver(names.address)
    with pytest.raises(Unavailable):
        await resolver.targets("nowhere.test", 0, "UDP")
    names.records = {("plain.test", "A"): ["192.0.2.7"]}
    [target], _ = await resolver.targets("plain.test", 0, "UDP")
    assert target.way == ("192.0.2.7", 5060, "UDP")
    [target], _ = await resolver.targets("192.0.2.8", 0, "TLS")
    assert target.way == ("192.0.2.8", 5061, "TLS")


async def test_srv_records_say_whether_a_peer_of_udp_takes_tcp_too(
    empty_world: Any, names: DnsServer
) -> None:
    resolver = Resolver(names.address)
    names.records = {
        ("_sip._tcp.both.test", "SRV"): ["0 0 5060 both.test."],
        ("both.test", "A"): ["192.0.2.7"],
        ("_sip._tcp.refuses.test", "SRV"): ["0 0 0 ."],
        ("plain.test", "A"): ["192.0.2.8"],
    }
    known = [await resolver.takes_tcp(name, 0) for name in ("both.test", "refuses.test", "plain.test")]
    assert known == [True, False, False]
    assert not await resolver.takes_tcp("both.test", 5060)
    assert not await resolver.takes_tcp("192.0.2.7", 0)
    world = empty_world
    await world.start_edge(dns_server=names.address)
    for name in ("both", "plain"):
        await world.put("trunk", name, tenancy.Trunk(name=name, host=f"{name}.test", outbound=True))
    trunks = world.app.edge.trunks
    await world.until(lambda: trunks.takes_tcp(TrunkRef(world.tenant, "both")))
    await world.until(lambda: trunks.ways(TrunkRef(world.tenant, "plain")))
    assert not trunks.takes_tcp(TrunkRef(world.tenant, "plain"))


async def test_a_look_up_that_ends_as_it_is_cancelled_ends_with_the_edge(
    empty_world: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`wait_for` of Python 3.11 gives what it was waiting for, and forgets that it was cancelled."""
    begun: list[str] = []

    async def looked_up(_: Resolver, host: str, port: int) -> bool:
        begun.append(host)
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            return False
        return True

    monkeypatch.setattr(Resolver, "takes_tcp", looked_up)
    await empty_world.start_edge()
    await empty_world.put("trunk", "out", tenancy.Trunk(name="out", host="127.0.0.1", no_options=True))
    await empty_world.until(lambda: begun)
    await empty_world.stop_edge()


async def test_a_dead_peer_of_the_srv_set_costs_a_moment(empty_world: Any, names: DnsServer) -> None:
    await empty_world.start_edge(dns_server=names.address)
    phone = await company(empty_world)
    dead = await empty_world.phone()
    dead.policy = Policy.ignore()
    living = await empty_world.phone()
    living.policy = Policy(answer_after_s=0.05)
    names.records = {
        ("_sip._udp.carrier.test", "SRV"): [
            f"10 0 {dead.address[1]} one.carrier.test.",
            f"20 0 {living.address[1]} one.carrier.test.",
        ],
        ("one.carrier.test", "A"): ["127.0.0.1"],
    }
    trunk = tenancy.Trunk(
        name="c",
        host="carrier.test",
        transport=tenancy.TRANSPORT_UDP,
        outbound=True,
        no_options=True,
        setup_timeout_s=1,
    )
    await empty_world.put("trunk", "out", trunk)
    ref = TrunkRef(empty_world.tenant, "out")
    await empty_world.until(lambda: len(empty_world.app.edge.trunks.ways(ref)) == 2)
    call = await phone.dial(OUTSIDE)
    await call.wait_answered(5.0)
    there = await living.next_call()
    assert there.request.target.host == "carrier.test"
    await call.hang_up()
    await empty_world.ended()


def full(address: tuple[str, int]) -> list[socket.socket]:
    """A listener whose queue is full: whoever connects now hears nothing."""
    listener = socket.socket()
    listener.bind(address)
    listener.listen(0)
    waiting = [socket.socket() for _ in range(4)]
    for one in waiting:
        one.setblocking(False)
        one.connect_ex(address)
    return [listener, *waiting]


async def test_tcp_that_does_not_come_about_within_a_second_costs_a_large_call_no_more(
    empty_world: Any, names: DnsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transports, "_CONNECT_S", 600.0)
    await empty_world.start_edge(dns_server=names.address)
    phone = await company(empty_world)
    there = await empty_world.phone()
    there.policy = Policy(answer_after_s=0.05)
    port = there.address[1]
    names.records = {
        (f"_sip._udp.{LONG}", "SRV"): [f"0 0 {port} one.carrier.test."],
        (f"_sip._tcp.{LONG}", "SRV"): [f"0 0 {port} one.carrier.test."],
        ("one.carrier.test", "A"): ["127.0.0.1"],
    }
    fields = {"host": LONG, "transport": tenancy.TRANSPORT_UDP, "from_domain": LONG}
    fields["caller_id_header"] = tenancy.CALLER_ID_HEADER_ASSERTED
    trunk = tenancy.Trunk(name="c", outbound=True, no_options=True, setup_timeout_s=32, **fields)
    await empty_world.put("trunk", "out", trunk)
    await empty_world.until(
        lambda: empty_world.app.edge.trunks.takes_tcp(TrunkRef(empty_world.tenant, "out"))
    )
    sockets = full(there.address)
    try:
        call = await phone.dial(OUTSIDE)
        await call.wait_answered()
        via = (await there.next_call()).request.via
    finally:
        for one in sockets:
            one.close()
    assert (via.transport, via.branch[-1]) == ("UDP", "u")
    await call.hang_up()
    await empty_world.ended()
