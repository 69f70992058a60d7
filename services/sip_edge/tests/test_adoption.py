"""An edge that does not come back: another one takes its calls over, and it lets them go when it returns."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import orjson
import pytest

from seatbus.acd.v1 import service_pb2 as acd
from seatbus.agent.v1 import service_pb2 as agent
from seatbus.call.v1 import types_pb2 as call_types
from seatbus.tenancy.v1 import types_pb2 as tenancy
from seatbus_kit.buckets import Bucket
from seatbus_sip_edge.domain.model import Phase
from seatbus_testkit.phone import Phone
from seatbus_testkit.platform import free_port_base

from .colleagues import ring_of
from .two_edges import Second

# The shortest: five seconds of silence are what `Instances` calls silence, a farewell counts at once.
AFTER_S = 5.5


@pytest.fixture
async def owner(empty_world: Any) -> Any:
    """The world's own edge, which will be gone."""
    await empty_world.start_edge(adopt_after_s=AFTER_S)
    return empty_world


@pytest.fixture
async def heir(owner: Any) -> AsyncIterator[Second]:
    second = await Second.start(owner, "b", adopt_after_s=AFTER_S)
    await owner.until(lambda: not second.edge.edges.alone)
    yield second
    await second.stop()


async def _waiting(world: Any, steps: Any) -> tuple[Any, Phone]:
    caller = await world.phone()
    await world.configure(caller)
    phone = await world.agent_phone()
    world.script(steps.enqueue())
    call = await caller.dial(world.number)
    await world.until(lambda: world.acd.enqueued)
    await call.wait_answered()
    return call, phone


async def _ringing(world: Any, steps: Any) -> tuple[Any, Any, Phone]:
    call, phone = await _waiting(world, steps)
    await world.offer(ring_timeout_s=20)
    leg = await phone.next_call()
    await leg.ring()
    await world.until(lambda: "LegRinging" in world.types())
    return call, leg, phone


async def _talking(world: Any, steps: Any) -> tuple[Any, Any, Phone]:
    call, leg, phone = await _ringing(world, steps)
    await leg.answer()
    await world.until(lambda: "CallBridged" in world.types())
    return call, leg, phone


async def _written(world: Any, state: call_types.CallState) -> None:
    """The record of the only call says so."""
    await world.until(lambda: world.events)
    bucket = Bucket(world.bus, "calls")
    key = f"{world.tenant}.{world.events[0].entity}"

    async def there() -> bool:
        entry = await bucket.get(key)
        return entry is not None and call_types.Call.FromString(entry.value).state == state

    await world.until(there)


async def _kept(world: Any, phase: Phase) -> None:
    """An heir would find the only call in this phase."""
    bucket = Bucket(world.bus, "calls")

    async def there() -> bool:
        entry = await bucket.get(f"{world.tenant}.{world.events[0].entity}")
        record = call_types.Call.FromString(entry.value) if entry is not None else call_types.Call()
        return bool(record.snapshot) and orjson.loads(record.snapshot)[0]["phase"] == phase.value

    await world.until(there)


async def _names(world: Any, *dialogs: str) -> None:
    """An heir would find all of these Call-IDs: the record follows the call after a moment."""
    bucket = Bucket(world.bus, "calls")

    async def there() -> bool:
        entry = await bucket.get(f"{world.tenant}.{world.events[0].entity}")
        snapshot = call_types.Call.FromString(entry.value).snapshot if entry is not None else b""
        return all(dialog.encode() in snapshot for dialog in dialogs)

    await world.until(there)


async def _gone(world: Any, heir: Second, state: call_types.CallState) -> None:
    """The owner dies; returns when the heir has its call."""
    await _written(world, state)
    await world.stop_edge()
    await world.until(lambda: heir.edge.sessions, 10)
    await world.until(lambda: world.events[0].entity in heir.edge.sessions)


def _books(world: Any) -> Any:
    """The last fact of the only call: one end, and no number missing or given twice."""
    ended = [event for event in world.events if event.type_name.endswith(".CallEnded")]
    assert len(ended) == 1
    numbers = [event.seq for event in world.events]
    assert len({event.entity for event in world.events}) == 1
    assert sorted(numbers) == list(range(1, ended[0].decode().last_seq + 1))
    return ended[0].decode()


async def test_people_who_talk_hold_and_hang_up_at_the_heir(owner: Any, heir: Second, steps: Any) -> None:
    call, leg, _ = await _talking(owner, steps)
    await _gone(owner, heir, call_types.CALL_STATE_BRIDGED)
    at_heir = heir.at("UDP")
    # Both peers were told with a re-INVITE where their dialogs are now.
    await owner.until(lambda: call.dialog.next_hop.address == at_heir)
    await owner.until(lambda: leg.dialog.next_hop.address == at_heir)
    assert call.state == leg.state == "answered"
    await owner.until(lambda: owner.agents.work[-1].edge_instance == heir.edge.instance_id)
    await leg.hold()
    await owner.until(lambda: "LegHeld" in owner.types())
    await leg.hold(False)
    await call.hold()
    await owner.until(lambda: owner.types().count("LegHeld") == 2)
    await call.hang_up()
    await leg.wait_ended()
    await owner.ended()
    last = _books(owner)
    assert last.cause == call_types.HANGUP_CAUSE_CALLER_HUNG_UP
    assert last.call.owner == heir.edge.instance_id
    assert last.call.epoch == 2
    assert owner.told.count("work ended") == 1


async def test_a_phone_that_rings_is_called_anew_by_the_heir(owner: Any, heir: Second, steps: Any) -> None:
    call, leg, phone = await _ringing(owner, steps)
    await _names(owner, leg.id)
    await _gone(owner, heir, call_types.CALL_STATE_RINGING_AGENT)
    # It would answer to the dead edge: that INVITE is cancelled, the reservation stands.
    await leg.wait_ended()
    again = await phone.next_call()
    await owner.until(lambda: len(owner.acd.enqueued) == 2)
    assert owner.acd.enqueued[-1].edge_instance == heir.edge.instance_id
    await again.answer()
    await owner.until(lambda: "CallBridged" in owner.types())
    assert not {"work cancelled", "work unreachable"} & set(owner.told)
    await again.hang_up()
    await call.wait_ended()
    await owner.ended()
    assert _books(owner).cause == call_types.HANGUP_CAUSE_AGENT_HUNG_UP


async def test_all_phones_of_a_ring_are_called_anew_by_the_heir(owner: Any, heir: Second, steps: Any) -> None:
    call, sides, phones = await ring_of(owner, steps, "bert")
    await _names(owner, *(side.id for side in sides.values()))
    await _gone(owner, heir, call_types.CALL_STATE_RINGING_AGENT)
    await asyncio.gather(*(side.wait_ended() for side in sides.values()))
    again = {agent: await phone.next_call() for agent, phone in phones.items()}
    await again["bert"].answer()
    await again["anna"].wait_ended()
    await owner.until(lambda: "CallBridged" in owner.types())
    await owner.until(lambda: "work answered_elsewhere" in owner.told)
    assert not {"work cancelled", "work unreachable"} & set(owner.told)
    await again["bert"].hang_up()
    await call.wait_ended()
    await owner.ended()
    assert _books(owner).cause == call_types.HANGUP_CAUSE_AGENT_HUNG_UP


async def test_who_waits_goes_on_waiting_at_the_heir(owner: Any, heir: Second, steps: Any) -> None:
    call, _ = await _waiting(owner, steps)
    await _gone(owner, heir, call_types.CALL_STATE_QUEUED)
    await owner.until(lambda: len(owner.acd.enqueued) == 2)
    first, second = owner.acd.enqueued
    assert second.contact_id == first.contact_id
    assert second.edge_instance == heir.edge.instance_id
    assert second.context.request_id != first.context.request_id
    await owner.until(lambda: call.dialog.next_hop.address == heir.at("UDP"))
    await call.hang_up()
    await owner.ended()
    assert _books(owner).cause == call_types.HANGUP_CAUSE_ABANDONED_IN_QUEUE


async def test_a_late_returner_lets_its_calls_go(owner: Any, heir: Second, steps: Any) -> None:
    call, leg, _ = await _talking(owner, steps)
    await _gone(owner, heir, call_types.CALL_STATE_BRIDGED)
    await owner.until(lambda: call.dialog.next_hop.address == heir.at("UDP"))
    await owner.start_edge(sip_port=owner.sip[1], adopt_after_s=AFTER_S)
    assert not owner.app.edge.sessions
    assert list(heir.edge.sessions) == [owner.events[0].entity]
    await leg.hang_up()
    await call.wait_ended()
    await owner.ended()
    assert _books(owner).cause == call_types.HANGUP_CAUSE_AGENT_HUNG_UP


async def test_a_call_that_was_taken_over_meanwhile_is_let_go_at_the_next_write(
    owner: Any, heir: Second, steps: Any
) -> None:
    call, leg, _ = await _talking(owner, steps)
    await _written(owner, call_types.CALL_STATE_BRIDGED)
    edge, call_id = owner.app.edge, owner.events[0].entity
    # As if this process had been cut off and declared dead.
    found = await heir.edge.adoption._estate.read(owner.tenant, call_id)
    assert found is not None
    assert await heir.edge.adoption._adopt_one(found) == "adopted"
    await owner.until(lambda: call.dialog.next_hop.address == heir.at("UDP"))
    await owner.until(lambda: leg.dialog.next_hop.address == heir.at("UDP"))
    edge.records.changed(edge.sessions[call_id].call)
    await owner.until(lambda: call_id not in edge.sessions)
    assert call.state == leg.state == "answered"
    await call.hang_up()
    await leg.wait_ended()
    await owner.ended()
    _books(owner)


@pytest.mark.parametrize("back", ["", "before", "after"])
async def test_a_customer_who_waits_for_a_lost_phone_waits_on_at_the_heir(
    empty_world: Any, steps: Any, back: str
) -> None:
    """`back`: when the phone is there again, before the heir has the call, after that, or never."""
    world = empty_world
    await world.start_edge(adopt_after_s=AFTER_S, sip_tcp_port=free_port_base())
    heir = await Second.start(world, "b", adopt_after_s=AFTER_S)
    try:
        await world.until(lambda: not heir.edge.edges.alone)
        caller = await world.phone()
        await world.configure(caller)
        hold_s = 60 if back else 1
        queue = tenancy.Queue(name="Sales", record=True, device_lost_s=hold_s)
        await world.put("queue", world.QUEUE, queue)
        for edge in (world.app.edge, heir.edge):
            config = edge.directory
            await world.until(
                lambda config=config: config.queue(world.tenant, world.QUEUE).device_lost_s == hold_s
            )
        phone = await _registered(world, ("127.0.0.1", world.app.edge.settings.sip_tcp_port))
        world.script(steps.enqueue())
        call = await caller.dial(world.number)
        await world.until(lambda: world.acd.enqueued)
        await world.offer()
        await (await phone.next_call()).answer()
        await world.until(lambda: "CallBridged" in world.types())
        phone.vanish()
        await world.until(lambda: "CallDeviceLost" in world.types())
        await _kept(world, Phase.DEVICE_LOST)
        await world.stop_edge()
        if back == "before":
            phone = await _registered(world, heir.at("TCP"))
        await world.until(lambda: world.events[0].entity in heir.edge.sessions)
        if back == "after":
            phone = await _registered(world, heir.at("TCP"))
        if back:
            again = await phone.next_call(20)
            await again.answer()
            await world.until(lambda: "CallDeviceBack" in world.types())
            await again.hang_up()
            await call.wait_ended()
        else:
            await world.until(lambda: len(world.acd.enqueued) == 2)
            assert world.acd.enqueued[-1].first_fifo == 1
            await world.until(lambda: "work device_lost" in world.told)
            await world.until(lambda: call.dialog.next_hop.address == heir.at("UDP"))
            await call.hang_up()
        await world.ended()
        wanted = call_types.HANGUP_CAUSE_AGENT_HUNG_UP if back else call_types.HANGUP_CAUSE_ABANDONED_IN_QUEUE
        assert _books(world).cause == wanted
    finally:
        await heir.stop()


async def _registered(world: Any, server: tuple[str, int]) -> Phone:
    phone = await Phone.start(server, username=world.username, password="pw", transport="TCP")
    world.phones.append(phone)
    await phone.register()
    return phone


def test_contracts_name_the_owner() -> None:
    assert "edge_instance" in acd.EnqueueRequest.DESCRIPTOR.fields_by_name
    assert "edge_instance" in agent.ReportWorkRequest.DESCRIPTOR.fields_by_name
