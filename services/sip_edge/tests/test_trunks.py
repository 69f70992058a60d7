"""Trunks: accounts, name service, health, routes, limits, the toll guard. A real edge and scripted peers."""

from __future__ import annotations

import asyncio
import time
from typing import Any, ClassVar

import pytest

from seatbus.call.v1 import types_pb2 as call_types
from seatbus.tenancy.v1 import types_pb2 as tenancy
from seatbus_kit.seal import Seal
from seatbus_sip import DigestServer, Request, ServerTransaction, ha1
from seatbus_sip_edge.domain.fraud import Rule
from seatbus_sip_edge.domain.routes import TrunkRef
from seatbus_sip_edge.domain.targets import Heard, State
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
    service_route: ClassVar[list[str]] = []

    def on_request(self, tx: ServerTransaction, request: Request) -> None:
        if request.method in ("REGISTER", "INVITE") and request.to.tag is None:
            proxy = request.method == "INVITE"
            result = self.guard.verify(
                request,
                lambda user, kind: ha1(kind, user, "carrier", SECRET) if user == "acme" else None,
                time.time(),
                proxy=proxy,
            )
            if not result.ok:
                self.sip.respond(tx, self.guard.challenge(request, time.time(), proxy=proxy))
                return
        if request.method == "REGISTER":
            self.registered_as.append(request.to.uri.username)
            response = tx.response(200)
            response.set("Contact", f"{request.require('Contact').partition(';')[0]};expires={self.grants}")
            response.set("Service-Route", *self.service_route)
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


async def test_an_account_may_prove_itself_by_another_name_than_its_number(locked: Any) -> None:
    there = await exchange(locked)
    await trunk_to(locked, there, registers=True, username="+4930555000", auth_username="acme")
    await locked.until(lambda: there.registered_as)
    assert there.registered_as == ["+4930555000"]


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


async def test_calls_go_the_way_that_the_carrier_names_as_it_registers_us_from_every_edge(
    locked: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """RFC 3608. One edge registers; the other one has the call."""
    route = ["<sip:orig@scscf.carrier.test;lr>", "<sip:second@carrier.test;lr>"]
    monkeypatch.setattr(Exchange, "service_route", route)
    phone = await company(locked)
    there = await exchange(locked)
    second = await Second.start(locked, "second", config_key=KEY)
    try:
        await trunk_to(locked, there, registers=True)
        ref = TrunkRef(locked.tenant, "out")
        edges = (locked.app.edge, second.edge)
        await locked.until(lambda: all(edge.trunks.service_route(ref) == route for edge in edges))
        call = await phone.dial(OUTSIDE)
        await call.wait_answered()
        assert (await there.next_call()).request.values("Route") == route
        await call.hang_up()
        await locked.ended()
        await trunk_to(locked, there, registers=False)
        await locked.until(lambda: not any(edge.trunks.service_route(ref) for edge in edges))
    finally:
        await second.stop()


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


async def test_calls_leave_within_the_guards_hours_alone(world: Any) -> None:
    phone = await company(world)
    await carrier(world)
    quotas = world.app.edge.quotas
    await quota(world, toll_guard={"schedule_id": "office"})
    # The schedule is not there: closed, and the rule says why.
    refused = await phone.dial(OUTSIDE)
    assert await refused.wait_status() == 403
    assert quotas.hours(world.tenant) is Rule.NO_SCHEDULE
    await world.put("schedule", "office", tenancy.Schedule(time_zone="Europe/Berlin"))
    await known(world, "schedule", "office")
    assert quotas.hours(world.tenant) is Rule.HOURS
    refused = await phone.dial(OUTSIDE)
    assert await refused.wait_status() == 403
    always = [{"weekday": day, "from": "00:00", "until": "24:00"} for day in range(1, 8)]
    await world.put("schedule", "office", tenancy.Schedule(time_zone="Europe/Berlin", open=always))
    await world.until(lambda: quotas.hours(world.tenant) is None)
    call = await phone.dial(OUTSIDE)
    await call.wait_answered()
    await call.hang_up()


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


def congested(phone: Phone, retry_after: str) -> list[str]:
    """From now on the peer answers 503 to each INVITE, whose Call-IDs are told."""
    asked: list[str] = []

    def answer(tx: ServerTransaction, request: Request) -> None:
        asked.append(request.call_id)
        response = tx.response(503)
        response.set("Retry-After", retry_after)
        phone.sip.respond(tx, response)

    phone.on_request = answer  # type: ignore[method-assign]
    return asked


async def test_a_trunk_that_asks_for_time_is_left_alone_and_others_are_used(world: Any) -> None:
    """RFC 3261 section 21.5.4."""
    phone = await company(world)
    first = await carrier(world, "a-first")
    await carrier(world, "b-second")
    asked = congested(first.phone, "3600 (congestion);duration=10")
    trunks, ref = world.app.edge.trunks, TrunkRef(world.tenant, "a-first")
    for _ in range(2):
        call = await phone.dial(OUTSIDE)
        await call.wait_answered()
        assert trunks.state(ref) is State.DOWN
        await call.hang_up()
    assert len(asked) == 1
    await world.put("trunk", "b-second", tenancy.Trunk(name="b-second", disabled=True))
    await world.until(lambda: world.app.edge.config.get(world.tenant, "trunk", "b-second").trunk.disabled)
    call = await phone.dial(OUTSIDE)
    assert await call.wait_status() == 503
    assert len(asked) == 1


async def test_a_trunk_is_asked_again_when_its_time_is_over(world: Any) -> None:
    phone = await company(world)
    out = await carrier(world, "out")
    answer = out.phone.on_request
    asked = congested(out.phone, "1")
    call = await phone.dial(OUTSIDE)
    assert await call.wait_status() == 503
    assert len(asked) == 1
    out.phone.on_request = answer
    trunks, ref = world.app.edge.trunks, TrunkRef(world.tenant, "out")
    await world.until(lambda: trunks.state(ref) is State.UP and trunks.ways(ref))
    call = await phone.dial(OUTSIDE)
    await call.wait_answered()
    await call.hang_up()


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


@pytest.mark.parametrize("registers", [True, False])
async def test_a_carrier_that_calls_our_account_says_the_number_elsewhere(
    locked: Any, steps: Any, registers: bool
) -> None:
    """Known by its address; or, with none configured, as the one that we have registered with."""
    await locked.configure(await locked.phone())
    there = await exchange(locked)
    host, port = there.address
    known_by = {"registers": True} if registers else {"source_addresses": [f"{host}:{port}"]}
    await trunk_to(locked, there, **known_by)
    locked.script(steps.enqueue())
    number = f"<sip:{locked.number}@carrier.test>"
    for said in ({"To": number}, {"To": "<sip:acme@carrier.test>", "P-Called-Party-ID": number}):
        call = await there.dial("acme", headers=said)
        await call.wait_answered()
        await call.hang_up()
    trunks = {session.call.trunk_id for session in locked.app.edge.sessions.values()}
    assert trunks == {"out"}
    call = await there.dial("acme")
    assert await call.wait_status() == 404
    # Who is at the carrier's address and does not call the account is a stranger, unless it is configured.
    call = await there.dial(locked.number)
    assert await call.wait_status() == (403 if registers else 200)
    await call.hang_up()


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
