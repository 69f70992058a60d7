"""Call-backs keep their place: in the engine, and in acd without phones."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from seatbus.acd.v1 import service_pb2 as acd
from seatbus.acd.v1 import types_pb2 as acd_types
from seatbus.agent.v1 import service_pb2 as agent
from seatbus.agent.v1 import types_pb2 as agent_types
from seatbus.ivr.v1 import types_pb2 as ivr
from seatbus.tenancy.v1 import types_pb2 as tenancy
from seatbus_acd.domain.model import (
    CallbackRules,
    ContactArrived,
    ContactChanged,
    ContactSpec,
    LeaveQueue,
    LeaveReason,
    OfferFailed,
    QueueSpec,
    Skip,
    Tick,
)
from seatbus_kit.errors import Refused
from seatbus_kit.ids import uuid7
from seatbus_kit.rpc import invoke
from seatbus_testkit.eventually import eventually
from seatbus_testkit.nats import NatsServer

from .floor import A, Floor, Q, T, offers
from .world import Call, World

RULES = CallbackRules(ring_timeout_s=30)


def contact(name: str, fifo: int, **fields: Any) -> ContactSpec:
    return ContactSpec((T, name), Q, fifo, 1000.0, **fields)


def floor(**fields: Any) -> Floor:
    return Floor(QueueSpec(Q, frozenset({A}), callback=RULES, **fields))


def test_a_waiting_caller_becomes_a_call_back_in_his_place() -> None:
    made = floor(max_wait_s=60)
    first = contact("first", 1)
    made.give(ContactArrived(first))
    made.give(ContactArrived(contact("second", 2)))
    made.give(ContactChanged(replace(first, callback=True, expires_at=9000.0)))
    assert made.engine.position((T, "first")) == 1
    made.now += 61
    [left] = [effect for effect in made.give(Tick()) if isinstance(effect, LeaveQueue)]
    assert left.key == (T, "second"), "the longest wait is of those who hold the line"
    [offer] = made.agent(A)
    assert offer.key == (T, "first")


def test_a_call_back_rests_until_its_time_and_ends_when_it_is_too_old() -> None:
    made = floor()
    made.agent(A)
    effects = made.give(ContactArrived(contact("c", 1, callback=True, not_before=1100.0, expires_at=1500.0)))
    assert not offers(effects)
    made.now = 1100.5
    [offer] = offers(made.give(Tick()))
    made.give(OfferFailed(offer.key, offer.rid, Skip.NONE, 1000.0))
    made.now = 1501.0
    [left] = [effect for effect in made.give(Tick()) if isinstance(effect, LeaveQueue)]
    assert left.reason is LeaveReason.EXPIRED


def test_a_call_back_rests_while_its_queue_is_closed() -> None:
    made = floor(closed=True)
    made.agent(A)
    assert not made.give(ContactArrived(contact("c", 1, callback=True)))
    opened = replace(made.configuration.queues[Q], closed=False)
    made.give(replace(made.configuration, queues={Q: opened}))
    made.now += 31
    assert offers(made.give(Tick()))


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    with NatsServer.start(tmp_path / "nats") as server:
        async with World(server.url, tmp_path) as made:
            yield made


async def wish(world: World, number: str, line: Call | None = None) -> Call:
    made = line or Call()
    request = world.enqueue_request(made, callback=acd_types.Callback(number=number))
    request.context.request_id = uuid7()
    await world.insist(lambda: invoke(world.acd().Enqueue, request, 3))
    return made


async def listed(world: World) -> list[acd_types.CallbackEntry]:
    request = acd.ListCallbacksRequest(tenant_id=T)
    answer = await world.insist(lambda: invoke(world.acd().ListCallbacks, request, 3))
    return list(answer.callbacks)


async def test_wishes_are_refused_taken_once_kept_over_a_hang_up_and_cancelled(world: World) -> None:
    called = world.edge.called_back
    await world.configure(["a1"], callback=tenancy.CallbackPolicy(retry_s=1, max_attempts=2))
    await world.start("acd", "acd-1", "acd-2")
    await world.start("agent_state", "as-1")
    with pytest.raises(Refused, match="premium_number"):
        await wish(world, "+1900555")
    first = await world.enqueue(caller="+491")
    await wish(world, "", first)
    assert await world.hang_up(first) == acd_types.VISIT_OUTCOME_CALLBACK, "hangs up, and is called back"
    with pytest.raises(Refused, match="called back already"):
        await wish(world, "+491")
    second = await wish(world, "+492")
    assert [entry.callback.number for entry in await listed(world)] == ["+491", "+492"]
    # The first one's turn, by a call of its own. A new holder finds the attempt and says it again.
    await world.login("a1")
    await eventually(lambda: len(called) == 1)
    assert (called[0].contact_id, called[0].agent_id) == (first.contact_id, "a1")
    (await world.holder()).kill()
    await eventually(lambda: len(called) == 2)
    assert (called[1].rid, called[1].call_id) == (called[0].rid, called[0].call_id)
    # Not reached: the other one's turn, until the first may be called again.
    await not_reached(world, first, called[1].rid)
    await eventually(lambda: called[-1].contact_id == second.contact_id)
    assert [entry.callback.attempts for entry in await listed(world)] == [1, 0]
    cancel = acd.CancelRequest(
        context=world.context(), contact_id=second.contact_id, outcome=acd_types.VISIT_OUTCOME_CALLBACK
    )
    await world.insist(lambda: invoke(world.acd().Cancel, cancel, 3))
    await eventually(lambda: called[-1].contact_id == first.contact_id)
    await not_reached(world, first, called[-1].rid)

    async def none() -> bool:
        return not await listed(world)

    await eventually(none)
    assert (await world.agent("a1")).presence == agent_types.PRESENCE_READY


async def not_reached(world: World, line: Call, rid: str) -> None:
    await world.report_work("a1", rid, agent.WORK_EVENT_CANCELLED)
    assert await world.report_offer(line, rid, acd.OFFER_OUTCOME_CUSTOMER_NO_ANSWER)


async def test_nobody_is_called_outside_of_the_hours_and_the_callers_behind_are_served(world: World) -> None:
    closed = tenancy.Schedule(time_zone="UTC")
    await world.put([tenancy.ConfigObject(tenant_id=T, id="office", schedule=closed)])
    await world.configure(["a1"], callback=tenancy.CallbackPolicy(schedule_id="office"))
    await world.start("acd", "acd-1")
    await world.start("agent_state", "as-1")
    asleep = await wish(world, "+491")
    caller = await world.enqueue()
    await world.login("a1")
    await asyncio.wait_for(caller.done.wait(), 30)
    assert caller.connected == ["a1"]
    assert not world.edge.called_back, "it was this call-back's turn, and night"
    assert [entry.contact_id for entry in await listed(world)] == [asleep.contact_id]
    # Rested until the next look at the hours; a new holder looks at once.
    days = [ivr.OpenPeriod(weekday=day, **{"from": "00:00", "until": "24:00"}) for day in range(1, 8)]
    opened = tenancy.Schedule(time_zone="UTC", open=days)
    await world.put([tenancy.ConfigObject(tenant_id=T, id="office", schedule=opened)])
    (await world.holder()).kill()
    await world.start("acd", "acd-2")
    await eventually(lambda: len(world.edge.called_back) == 1, 30)
    assert world.edge.called_back[0].contact_id == asleep.contact_id
    assert not world.edge.complaints
