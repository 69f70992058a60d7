"""Trunks: accounts, name service, health, routes, limits, the toll guard. A real edge and scripted peers."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any, ClassVar

import pytest

from seatbus.call.v1 import types_pb2 as call_types
from seatbus.tenancy.v1 import types_pb2 as tenancy
from seatbus_kit.errors import Unavailable
from seatbus_kit.seal import Seal
from seatbus_sip import DigestServer, Request, ServerTransaction, ha1
from seatbus_sip_edge.adapters.dns import Resolver
from seatbus_sip_edge.domain.routes import TrunkRef
from seatbus_sip_edge.domain.targets import Heard, State
from seatbus_testkit.dns import DnsServer
from seatbus_testkit.phone import Phone, Policy

from .outside_world import OUTSIDE, carrier, company, known
from .two_edges import Second

KEY = "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="
SECRET = "carrier-pw"


class Exchange(Phone):
    """A carrier that asks for the account `acme`, and keeps registrations."""

    guard: DigestServer
    registered_as: list[str]
    grants = 60

    def on_request(self, tx: ServerTransaction, request: Request) -> None:
        if request.method in ("REGISTER", "INVITE") and request.to.tag is None:
            proxy = request.method == "INVITE"
            result = self.guard.verify(
                request, lambda user, kind: ha1(kind, user, "carrier", SECRET), time.time(), proxy=proxy
            )
            if not result.ok:
                self.sip.respond(tx, self.guard.challenge(request, time.time(), proxy=proxy))
                return
        if request.method == "REGISTER":
            self.registered_as.append(request.to.uri.username)
            response = tx.response(200)
            response.set("Contact", f"{request.require('Contact').partition(';')[0]};expires={self.grants}")
            self.sip.respond(tx, response)
            return
        super().on_request(tx, request)


async def exchange(world: Any) -> Exchange:
    made = await Exchange.start(world.sip, username="exchange")
    world.phones.append(made)
    made.guard = DigestServer(b"x", "carrier")
    made.registered_as = []
    made.policy = Policy(answer_after_s=0.05)
    return made


def sealed(world: Any, trunk_id: str) -> str:
    return Seal(KEY).seal(SECRET, f"{world.tenant}.trunk.{trunk_id}")


async def trunk_to(world: Any, phone: Phone, trunk_id: str = "out", **fields: Any) -> None:
    host, port = phone.address
    given = {"host": host, "port": port, "outbound": True, "no_options": True, "username": "acme", **fields}
    given.setdefault("secret", sealed(world, trunk_id))
    await world.put("trunk", trunk_id, tenancy.Trunk(name=trunk_id, **given))
    await world.until(lambda: world.app.edge.trunks.ways(TrunkRef(world.tenant, trunk_id)))


@pytest.fixture
async def locked(empty_world: Any) -> Any:
    """The edge with the key of trunks' passwords."""
    await empty_world.start_edge(config_key=KEY)
    return empty_world


async def test_a_trunk_that_challenges_our_invite_gets_its_password(locked: Any) -> None:
    phone = await company(locked)
    there = await exchange(locked)
    await trunk_to(locked, there)
    call = await phone.dial(OUTSIDE)
    await call.wait_answered()
    await call.hang_up()
    await locked.ended()


async def test_a_wrong_password_goes_on_to_the_next_trunk(locked: Any) -> None:
    phone = await company(locked)
    there = await exchange(locked)
    await trunk_to(locked, there, "a-first", secret="")
    await carrier(locked, "b-second")
    call = await phone.dial(OUTSIDE)
    await call.wait_answered()
    await call.hang_up()
    ended = await locked.ended()
    assert ended.call.trunk_id == "b-second"
    assert locked.last("LegRerouted").sip_status == 407


async def test_a_trunk_is_registered_and_refreshed(locked: Any) -> None:
    there = await exchange(locked)
    there.grants = 1
    await trunk_to(locked, there, registers=True)
    await locked.until(lambda: len(there.registered_as) >= 2)
    assert set(there.registered_as) == {"acme"}


@pytest.mark.parametrize("status", [503, 488])
async def test_a_call_goes_on_by_the_next_trunk(world: Any, status: int) -> None:
    phone = await company(world)
    await carrier(world, "a-first", policy=Policy.reject(status))
    await carrier(world, "b-second")
    call = await phone.dial(OUTSIDE)
    await call.wait_answered()
    await call.hang_up()
    assert (await world.ended()).call.trunk_id == "b-second"
    assert (world.last("LegRerouted").trunk_id, world.last("LegRerouted").sip_status) == ("b-second", status)


async def test_a_number_that_is_busy_is_busy_by_every_trunk(world: Any) -> None:
    phone = await company(world)
    await carrier(world, "a-first", policy=Policy.reject(486))
    second = await carrier(world, "b-second")
    call = await phone.dial(OUTSIDE)
    assert await call.wait_status() == 486
    await world.ended()
    assert not second.phone.calls


async def test_a_peer_that_says_nothing_is_left_after_a_moment(world: Any) -> None:
    phone = await company(world)
    await carrier(world, "a-first", policy=Policy.ignore(), setup_timeout_s=1)
    await carrier(world, "b-second")
    call = await phone.dial(OUTSIDE)
    await call.wait_answered(5.0)
    await call.hang_up()
    assert (await world.ended()).call.trunk_id == "b-second"


async def test_routes_choose_the_trunk_by_prefix(world: Any) -> None:
    phone = await company(world)
    home = await carrier(world, "home")
    abroad = await carrier(world, "abroad")
    for name, prefixes, trunk in (("r1", ["49"], "home"), ("r2", [], "abroad")):
        route = tenancy.OutboundRoute(name=name, prefixes=prefixes)
        route.trunks.add(trunk_id=trunk)
        await world.put("outbound_route", name, route)
        await known(world, "outbound_route", name)
    for number, wanted in ((OUTSIDE, home), ("00442079460000", abroad)):
        call = await phone.dial(number)
        assert (await wanted.invite()).from_.uri.username == "+4930555000"
        await call.wait_answered()
        await call.hang_up()


async def quota(world: Any, **fields: Any) -> None:
    await world.put("quota", "agreed", tenancy.Quota(**fields))
    await known(world, "quota", "agreed")


async def test_the_guard_lets_no_premium_number_leave(world: Any) -> None:
    phone = await company(world)
    out = await carrier(world)
    call = await phone.dial("09001234567")
    assert await call.wait_status() == 403
    assert (await world.ended()).cause == call_types.HANGUP_CAUSE_FORBIDDEN
    assert not out.phone.calls


async def test_minutes_of_a_day_are_counted_over_restarts(world: Any) -> None:
    phone = await company(world)
    await carrier(world)
    await quota(world, toll_guard={"spend_per_day_micros": 100, "rates": [{"micros_per_minute": 100}]})
    call = await phone.dial(OUTSIDE)
    await call.wait_answered()
    # A minute that was begun costs a minute.
    await world.until(lambda: "CallBridged" in world.types())
    edge = world.app.edge
    session = next(iter(edge.sessions.values()))
    session.call.caller_leg.answered_at -= 1_000_000
    await call.hang_up()
    await world.ended()
    assert edge.toll.spent(world.tenant, "anna")[1].micros == 100
    refused = await phone.dial(OUTSIDE)
    assert await refused.wait_status() == 403
    await world.stop_edge()
    await world.start_edge()
    assert world.app.edge.toll.spent(world.tenant, "anna")[0].micros == 100


async def test_a_trunk_with_its_limit_reached_is_passed_over(world: Any) -> None:
    phone = await company(world)
    await carrier(world, "a-first", max_calls=1)
    await carrier(world, "b-second")
    first = await phone.dial(OUTSIDE)
    await first.wait_answered()
    second = await phone.dial(OUTSIDE)
    await second.wait_answered()
    trunks = sorted(session.call.trunk_id for session in world.app.edge.sessions.values())
    assert trunks == ["a-first", "b-second"]
    await first.hang_up()
    await second.hang_up()


async def test_calls_a_second_are_limited(world: Any) -> None:
    phone = await company(world)
    await carrier(world, max_calls_per_second=2)
    # A limit is shared by all edges: those of other tests must have left.
    await world.until(lambda: len(world.runtime.instances.all("sip_edge")) == 1, 15)
    began = asyncio.get_running_loop().time()
    calls = await asyncio.gather(*(phone.dial(OUTSIDE) for _ in range(8)))
    statuses = await asyncio.gather(*(call.wait_status() for call in calls))
    # Two at once, and two more for every second that the dialling took.
    took = asyncio.get_running_loop().time() - began
    assert 2 <= statuses.count(200) <= 2 + 2 * took
    assert statuses.count(503) == 8 - statuses.count(200) > 0
    for call in calls:
        await call.hang_up()


async def test_options_find_a_peer_that_died_and_one_that_came_back(world: Any) -> None:
    await company(world)
    out = await carrier(world, no_options=False, options_every_s=1)
    ref = TrunkRef(world.tenant, "out")
    trunks = world.app.edge.trunks
    way = trunks.ways(ref)[0].way
    await world.until(lambda: trunks.state(ref) is State.UP)
    answer, out.phone.on_request = out.phone.on_request, lambda tx, request: None
    # Two periods without an answer, in short.
    for _ in range(2):
        trunks.heard(ref, way, Heard.FAILED)
    assert trunks.state(ref) is State.DOWN
    out.phone.on_request = answer
    await world.until(lambda: trunks.state(ref) is State.UP)


# ---- names ----


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


# ---- who comes in ----


async def test_a_trunk_that_must_prove_itself_is_challenged(locked: Any, steps: Any) -> None:
    await company(locked)
    locked.script(steps.enqueue())
    stranger = await locked.phone(username="acme-trunk", password=SECRET)
    liar = await locked.phone(username="acme-trunk", password="wrong")
    await locked.put(
        "trunk",
        "far",
        tenancy.Trunk(name="far", username="acme-trunk", secret=sealed(locked, "far"), challenge=True),
    )
    await locked.until(lambda: locked.app.edge.config.trunk_by_username("acme-trunk"))
    call = await stranger.dial(locked.number, caller="030777")
    await call.wait_answered()
    await call.hang_up()
    ended = await locked.ended()
    assert (ended.call.trunk_id, ended.call.direction) == ("far", call_types.DIRECTION_INBOUND)
    refused = await liar.dial(locked.number)
    assert await refused.wait_status() in (403, 407)


async def test_numbers_of_a_trunk_are_read_by_its_plan(world: Any, steps: Any) -> None:
    await company(world)
    world.script(steps.enqueue())
    foreign = await world.phone()
    host, port = foreign.address
    plan = {"country_code": "49", "national_prefix": "0", "area_code": "30"}
    await world.put(
        "trunk", "isdn", tenancy.Trunk(name="i", source_addresses=[f"{host}:{port}"], dial_plan=plan)
    )
    await world.put("number", "berlin", tenancy.Number(e164="+4930777000", flow_id="main"))
    await world.until(lambda: world.app.edge.config.trunk_by_source(host, port))
    await known(world, "number", "berlin")
    call = await foreign.dial("030777000", caller="089111222")
    await call.wait_answered()
    await call.hang_up()
    ended = await world.ended()
    assert (ended.call.number_id, ended.call.caller) == ("berlin", "+4989111222")


def no_trying(phone: Phone) -> None:
    """A peer whose 100 is lost on the way, each time."""
    real = phone.sip._transport

    class Lossy:
        def sendto(self, data: bytes, remote: Any) -> None:
            if not data.startswith(b"SIP/2.0 100"):
                real.sendto(data, remote)

        def __getattr__(self, name: str) -> Any:
            return getattr(real, name)

    phone.sip._transport = Lossy()  # type: ignore[assignment]


async def test_who_answers_after_the_call_has_gone_on_is_let_go(world: Any) -> None:
    phone = await company(world)
    slow = await carrier(
        world, "a-first", policy=Policy(ring_after_s=None, answer_after_s=1.5), setup_timeout_s=1
    )
    no_trying(slow.phone)
    await carrier(world, "b-second")
    call = await phone.dial(OUTSIDE)
    left = await slow.call()
    await call.wait_answered(5.0)
    await left.wait_answered()
    await left.wait_ended()
    assert left.ended_by == "remote", "a BYE came"
    assert call.state == "answered"
    await call.hang_up()
    await world.ended()


async def test_a_limit_is_one_for_all_edges(world: Any) -> None:
    phone = await company(world)
    await carrier(world, max_calls=1)
    second = await Second.start(world, "second")
    try:
        call = await phone.dial(OUTSIDE)
        await call.wait_answered()
        instances = second.runtime.instances
        await world.until(lambda: (instances.get(world.instance_id) or _NOBODY).attributes.get("calls"))
        ref = TrunkRef(world.tenant, "out")
        trunk = second.edge.trunks.trunk(ref)
        assert not second.edge.quotas.trunk_allowed(ref, trunk)
        await call.hang_up()
        await world.until(lambda: second.edge.quotas.trunk_allowed(ref, trunk))
    finally:
        await second.stop()


class _NOBODY:
    attributes: ClassVar[dict[str, str]] = {}
