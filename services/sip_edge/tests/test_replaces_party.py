"""INVITE with Replaces from a trunk (RFC 3891): a customer who is transferred at their own end."""

from __future__ import annotations

from typing import Any

import pytest

from seatbus.call.v1 import types_pb2 as call_types
from seatbus.tenancy.v1 import types_pb2 as tenancy
from seatbus_testkit.phone import Phone, PhoneCall

from .colleagues import talking
from .test_replaces import named


async def _trunk(world: Any, name: str, branch: str) -> Phone:
    """Another trunk of the tenant."""
    phone: Phone = await world.phone()
    host, port = phone.address
    await world.put(
        "trunk", name, tenancy.Trunk(name=name, source_addresses=[f"{host}:{port}"], branch_id=branch)
    )
    await world.until(lambda: world.app.edge.config.trunk_by_source(host, port))
    return phone


async def _hands_on(world: Any, call: PhoneCall, phone: Phone | None = None) -> PhoneCall:
    """Somebody else at the customer's end takes their place."""
    taken = await (phone or world.phones[0]).dial(world.number, headers=named(call))
    await taken.wait_answered()
    await call.wait_ended()
    assert call.ended_by == "remote"
    return taken


async def test_somebody_else_at_the_customer_s_end_goes_on_talking(world: Any, steps: Any) -> None:
    call, talks = await talking(world, steps)
    facts = world.types()
    taken = await _hands_on(world, call)
    assert talks.state == "answered"
    assert world.types() == facts
    session = next(iter(world.app.edge.sessions.values()))
    assert world.media.last("accept_offer").endpoint_id == session.call.caller_leg_id
    await taken.hold()
    await world.until(lambda: "LegHeld" in world.types())
    await taken.hold(False)
    await world.until(lambda: "LegResumed" in world.types())
    # And on to a third one.
    third = await _hands_on(world, taken)
    await talks.hold()
    await talks.hang_up()
    await third.wait_ended()
    assert third.ended_by == "remote"
    ended = await world.ended()
    assert ended.cause == call_types.HANGUP_CAUSE_AGENT_HUNG_UP
    assert len(ended.call.legs) == 2


async def test_a_waiting_customer_s_place_in_the_queue_is_kept(world: Any, steps: Any) -> None:
    caller = await world.phone()
    await world.configure(caller)
    world.script(steps.enqueue())
    call = await caller.dial(world.number)
    await world.until(lambda: world.acd.enqueued)
    taken = await _hands_on(world, call)
    await world.stop_edge()
    await world.start_edge(sip_port=world.sip[1])
    await taken.hang_up()
    assert (await world.ended()).cause == call_types.HANGUP_CAUSE_ABANDONED_IN_QUEUE


@pytest.mark.parametrize(("branch", "status"), [("north", 200), ("south", 403), ("", 403)])
async def test_of_other_trunks_those_of_the_branch_may(
    world: Any, steps: Any, branch: str, status: int
) -> None:
    call, talks = await talking(world, steps)
    host, port = world.phones[0].address
    trunk = tenancy.Trunk(name="c", source_addresses=[f"{host}:{port}"], branch_id="north")
    await world.put("trunk", "carrier", trunk)
    await world.until(lambda: world.app.edge.config.trunk_by_source(host, port)[2].branch_id == "north")
    other = await _trunk(world, "other", branch)
    asked = await other.dial(world.number, headers=named(call))
    assert await asked.wait_status() == status
    assert call.over() == (status == 200)
    assert talks.state == "answered"


async def test_who_has_called_and_is_not_answered_is_not_replaced(world: Any, steps: Any) -> None:
    caller = await world.phone()
    await world.configure(caller, answer_supervision=tenancy.ANSWER_SUPERVISION_AT_AGENT)
    world.script(steps.enqueue())
    call = await caller.dial(world.number)
    await world.until(lambda: world.acd.enqueued)
    await call.wait_ringing()
    early = await caller.dial(world.number, headers=named(call))
    assert await early.wait_status() == 481
    await call.cancel()
    await world.ended()


async def test_what_is_answered_is_not_replaced_by_who_wants_it_early(world: Any, steps: Any) -> None:
    call, talks = await talking(world, steps)
    late = await world.phones[0].dial(world.number, headers=named(call, early_only=True))
    assert await late.wait_status() == 486
    assert call.state == talks.state == "answered"
