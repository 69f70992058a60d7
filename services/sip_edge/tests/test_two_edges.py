"""Two edges: the owner of a call reaches a phone through the edge that holds its flow, and is found back."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from seatbus.call.v1 import types_pb2 as call_types
from seatbus_testkit.phone import Phone
from seatbus_testkit.platform import free_port_base

from .two_edges import Second


@pytest.fixture
async def owner(empty_world: Any) -> Any:
    """The world's own edge, with TCP: the trunk's calls arrive there."""
    port = free_port_base()
    await empty_world.start_edge(sip_port=port, sip_tcp_port=port)
    return empty_world


@pytest.fixture
async def holder(owner: Any) -> AsyncIterator[Second]:
    """The other edge, to which phones connect."""
    second = await Second.start(owner, "b")
    await owner.until(lambda: not owner.app.edge.edges.alone and not second.edge.edges.alone)
    yield second
    await second.stop()


async def _phone_at(world: Any, second: Second, transport: str) -> Phone:
    phone = await Phone.start(
        second.at(transport), username=world.username, password="pw", transport=transport
    )
    world.phones.append(phone)
    await world.until(lambda: second.edge.config.device_by_username(world.username))
    await phone.register()
    await world.until(lambda: world.app.edge.registrar.reach(world.tenant, "anna"))
    return phone


async def _ringing(world: Any, steps: Any, second: Second, transport: str) -> tuple[Any, Any, Phone]:
    caller = await world.phone()
    await world.configure(caller)
    phone = await _phone_at(world, second, transport)
    world.script(steps.enqueue())
    call = await caller.dial(world.number)
    await world.until(lambda: world.acd.enqueued)
    await world.offer()
    leg = await phone.next_call()
    await leg.ring()
    await world.until(lambda: "LegRinging" in world.types())
    return call, leg, phone


async def _talking(world: Any, steps: Any, second: Second, transport: str) -> tuple[Any, Any, Phone]:
    call, leg, phone = await _ringing(world, steps, second, transport)
    await leg.answer()
    await call.wait_answered()
    await world.until(lambda: "CallBridged" in world.types())
    return call, leg, phone


@pytest.mark.parametrize("transport", ["UDP", "TCP", "WS"])
async def test_a_phone_of_the_other_edge_rings_holds_and_hangs_up(
    owner: Any, holder: Second, steps: Any, transport: str
) -> None:
    call, leg, _ = await _talking(owner, steps, holder, transport)
    assert not holder.edge.sessions
    assert holder.edge.proxy.forwarded >= 2
    await leg.hold()
    await owner.until(lambda: "LegHeld" in owner.types())
    await leg.hold(False)
    await owner.until(lambda: "LegResumed" in owner.types())
    await leg.hang_up()
    await call.wait_ended()
    ended = await owner.ended()
    assert ended.cause == call_types.HANGUP_CAUSE_AGENT_HUNG_UP


@pytest.mark.parametrize("transport", ["UDP", "TCP", "WS"])
async def test_a_caller_s_bye_reaches_the_phone_of_the_other_edge(
    owner: Any, holder: Second, steps: Any, transport: str
) -> None:
    call, leg, _ = await _talking(owner, steps, holder, transport)
    await call.hang_up()
    await leg.wait_ended()
    assert leg.ended_by == "remote"
    assert (await owner.ended()).cause == call_types.HANGUP_CAUSE_CALLER_HUNG_UP


@pytest.mark.parametrize("transport", ["UDP", "TCP", "WS"])
async def test_a_cancel_reaches_the_phone_of_the_other_edge(
    owner: Any, holder: Second, steps: Any, transport: str
) -> None:
    call, leg, _ = await _ringing(owner, steps, holder, transport)
    await call.hang_up()
    await leg.wait_ended()
    assert (await owner.ended()).cause == call_types.HANGUP_CAUSE_ABANDONED_IN_QUEUE
