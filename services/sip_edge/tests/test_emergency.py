"""Calls for help: past every limit, without neighbours, by the seat's trunk with its number."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from seatbus.call.v1 import types_pb2 as call_types
from seatbus.tenancy.v1 import types_pb2 as tenancy
from seatbus_kit.errors import Refused
from seatbus_sip import Response
from seatbus_sip_edge.application.guard import Guard
from seatbus_sip_edge.domain.routes import TrunkRef
from seatbus_testkit.nats import NatsServer
from seatbus_testkit.phone import Phone, Policy

from .conftest import World
from .outside_world import PLAN, Carrier, carrier, company, known


async def site(world: Any, **branch: Any) -> tuple[Phone, Carrier]:
    """A branch whose emergency calls leave by the trunk `help`, and its agent's phone."""
    phone = await company(world)
    out = await carrier(world, "help", number_format="NUMBER_FORMAT_NATIONAL", dial_plan=PLAN)
    fields: dict[str, Any] = {
        "name": "Berlin",
        "time_zone": "Europe/Berlin",
        "dial_plan": {**PLAN, "outside_prefix": "0"},
        "emergency_numbers": ["110", "112"],
        "emergency_trunk_id": "help",
        "emergency_callback": "+4930555112",
        **branch,
    }
    await world.put("branch", "berlin", tenancy.Branch(**fields))
    edge = world.app.edge
    await world.until(lambda: edge.outside.branch(world.tenant, "berlin").emergency_callback)
    return phone, out


async def helped(phone: Phone, out: Carrier, number: str = "112") -> Any:
    call = await phone.dial(number)
    there = await out.call()
    await call.wait_answered(6.0)
    return call, there


@pytest.mark.parametrize(
    ("written", "meant"), [("112", "112"), ("0112", "112"), ("urn:service:sos.police", "110")]
)
async def test_help_is_called_by_the_branchs_trunk_with_its_number(
    world: Any, written: str, meant: str
) -> None:
    phone, out = await site(world)
    call, there = await helped(phone, out, written)
    assert there.dialed == meant, "as it is, in no trunk's format"
    assert there.caller == "030555112"
    await world.until(lambda: "CallEmergency" in world.types())
    told = world.last("CallEmergency")
    assert (told.number, told.agent_id, told.branch_id) == (meant, "anna", "berlin")
    await call.hang_up()
    ended = await world.ended()
    assert (ended.call.direction, ended.call.trunk_id) == (call_types.DIRECTION_OUTBOUND, "help")


async def test_the_seat_says_where_the_agent_sits(world: Any) -> None:
    phone, _ = await site(world)
    elsewhere = await carrier(world, "hamburg")
    await world.put(
        "seat",
        "seat-7",
        tenancy.Seat(name="7", branch_id="berlin", trunk_id="hamburg", callback_number="+4940777"),
    )
    await known(world, "seat", "seat-7")
    world.agents.seat_id = "seat-7"
    call, there = await helped(phone, elsewhere)
    assert there.caller == "+4940777"
    await world.until(lambda: "CallEmergency" in world.types())
    assert world.last("CallEmergency").seat_id == "seat-7"
    await call.hang_up()


async def test_no_limit_and_no_guard_is_asked(world: Any) -> None:
    phone, out = await site(world)
    await carrier(world, "help", max_calls=1, max_calls_per_second=1)
    edge = world.app.edge
    quota = tenancy.Quota(max_calls=1, max_outbound_calls=1, max_calls_per_second=1)
    quota.toll_guard.allowed_prefixes.append("1")
    await world.put("quota", "agreed", quota)
    await known(world, "quota", "agreed")
    world.agents.not_begun = Refused("logged_out", "the agent is not logged in")
    out = Carrier(world, "help", world.phones[-1])
    edge.draining = True
    away = Response(503)
    away.set("Retry-After", "60")
    edge.trunks.may_rest(TrunkRef(world.tenant, "help"), out.phone.address, away)
    for _ in range(3):
        call, _ = await helped(phone, out)
        assert call.state == "answered"
    refused = await phone.dial("089123456")
    assert await refused.wait_status() == 503, "nobody else is served in a drain"
    edge.draining = False


async def test_a_branch_s_own_number_is_served_however_far_the_edge_is_behind(
    world: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    phone, out = await site(world, emergency_numbers=["999"])
    monkeypatch.setattr(Guard, "behind", True)
    call, _ = await helped(phone, out, "999")
    refused = await phone.dial("089123456")
    assert await refused.wait_status() == 503
    await call.hang_up()


async def test_every_way_is_tried_whatever_a_trunk_says(world: Any) -> None:
    phone, _ = await site(world, emergency_trunk_id="")
    first = await carrier(world, "a-first", policy=Policy.reject(404))
    second = await carrier(world, "b-second")
    await world.put("trunk", "help", tenancy.Trunk(name="help", disabled=True))
    edge = world.app.edge
    await world.until(lambda: edge.config.get(world.tenant, "trunk", "help").trunk.disabled)
    call, _ = await helped(phone, second)
    assert first.trunk_id == "a-first"
    await world.until(lambda: "LegRerouted" in world.types())
    assert world.last("LegRerouted").sip_status == 404
    await call.hang_up()


async def test_without_agent_state_and_acd_help_comes_all_the_same(world: Any) -> None:
    phone, out = await site(world)
    for service in ("agent_state", "acd", "ivr"):
        await world.neighbours.pop(service).stop()
    call, _ = await helped(phone, out)
    await call.hang_up()
    await world.until(lambda: "CallEnded" in world.types())


async def test_a_branch_that_names_no_numbers_knows_the_usual_ones(world: Any) -> None:
    phone, out = await site(world, emergency_numbers=[])
    for number in ("120", "911"):
        call, _ = await helped(phone, out, number)
        await call.hang_up()


async def test_help_comes_while_the_bus_is_away(tmp_path: Path) -> None:
    with NatsServer.start(tmp_path / "nats") as server:
        world = World(server.url, tmp_path)
        await world.open()
        try:
            await world.start_edge()
            phone, out = await site(world)
            server.pause()
            try:
                call, there = await helped(phone, out)
                await call.hang_up()
                await there.wait_ended()
            finally:
                server.resume()
            await world.until(lambda: {"CallEmergency", "CallEnded"} <= set(world.types()), 20.0)
        finally:
            await world.close()
