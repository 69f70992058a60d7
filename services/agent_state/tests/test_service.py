"""Two replicas on a real bus: reservations, deadlines by scheduled messages, the sweep behind them."""

from __future__ import annotations

import asyncio
from datetime import UTC, timedelta
from typing import Any

import pytest

from seatbus.agent.v1 import service_pb2 as api
from seatbus.agent.v1 import types_pb2 as wire
from seatbus.call.v1 import types_pb2 as call_types
from seatbus_agent_state.application import reconcile
from seatbus_agent_state.application.ports import Deadline
from seatbus_kit.buckets import Bucket
from seatbus_kit.errors import InvalidArgument, Refused
from seatbus_kit.ids import uuid7
from seatbus_kit.rpc import invoke
from seatbus_testkit.eventually import eventually

from .agent_replicas import AGENT, Replicas


async def test_of_many_reservations_at_once_one_wins(replicas: Replicas) -> None:
    rids = [uuid7() for _ in range(12)]
    contacts = [await replicas.offered(rid) for rid in rids]
    tries = [replicas.reserve(rid, contact) for rid, contact in zip(rids, contacts, strict=True)]
    results = await asyncio.gather(*tries, return_exceptions=True)
    lost = [result for result in results if result is not None]
    assert len(lost) == 11
    assert all(isinstance(result, Refused) and result.reason == "no_capacity" for result in lost)
    winner = rids[results.index(None)]
    assert [item.rid for item in (await replicas.agent()).work] == [winner]
    await replicas.reserve(winner, contacts[rids.index(winner)])


async def test_what_an_agent_dials_and_what_a_queue_gives_exclude_each_other(replicas: Replicas) -> None:
    offered, dialed = uuid7(), [uuid7() for _ in range(6)]
    contact = await replicas.offered(offered)
    tries = [replicas.begin(rid) for rid in dialed]
    results = await asyncio.gather(replicas.reserve(offered, contact), *tries, return_exceptions=True)
    lost = [result for result in results if isinstance(result, BaseException)]
    assert len(lost) == 6
    assert all(isinstance(result, Refused) and result.reason == "no_capacity" for result in lost)
    assert len((await replicas.agent()).work) == 1


async def test_work_that_was_begun_twice_is_one_and_ends_with_its_edge(replicas: Replicas) -> None:
    rid = uuid7()
    first = await replicas.begin(rid)
    assert await replicas.begin(rid) == first
    await replicas.report(rid, api.WORK_EVENT_DIALING)
    [item] = (await replicas.agent()).work
    assert (item.kind, item.state) == ("outbound", wire.WORK_STATE_DIALING)
    replicas.edge.state = call_types.LEG_STATE_UNSPECIFIED
    due = Deadline(replicas.tenant, AGENT, rid, item.deadline.ToDatetime(UTC))
    await replicas.reconcilers[0].due(due)
    assert await replicas.is_free()


async def test_an_edge_that_takes_a_call_over_is_the_one_that_is_asked(replicas: Replicas) -> None:
    rid = uuid7()
    await replicas.begin(rid)
    await replicas.report(rid, api.WORK_EVENT_DIALING)
    request = api.ReportWorkRequest(
        context=replicas.context(),
        agent_id=AGENT,
        rid=rid,
        event=api.WORK_EVENT_DIALING,
        edge_instance="heir",
    )
    await invoke(replicas.stub().ReportWork, request, 3)
    [item] = (await replicas.agent()).work
    assert item.edge_instance == "heir"
    assert item.state == wire.WORK_STATE_DIALING


async def test_the_wrap_up_limit_makes_the_agent_ready(
    replicas: Replicas, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The scheduled message has to do it, not the sweep behind it.
    monkeypatch.setattr(reconcile, "_SWEEP_SLACK_S", 600.0)
    rid = uuid7()
    await replicas.reserve(rid, await replicas.offered(rid))
    for event in (api.WORK_EVENT_RINGING, api.WORK_EVENT_ANSWERED, api.WORK_EVENT_ENDED):
        await replicas.report(rid, event)
    assert not await replicas.is_free()
    await eventually(replicas.is_free)
    with pytest.raises(Refused):
        await replicas.report(rid, api.WORK_EVENT_ENDED)


@pytest.mark.parametrize(
    ("leg", "state"),
    [
        (call_types.LEG_STATE_UNSPECIFIED, None),
        (call_types.LEG_STATE_ENDED, None),
        (call_types.LEG_STATE_RINGING, wire.WORK_STATE_RESERVED),
        (call_types.LEG_STATE_ANSWERED, wire.WORK_STATE_TALKING),
    ],
)
async def test_an_expired_reservation_is_what_the_edge_says(
    replicas: Replicas, leg: Any, state: wire.WorkState | None
) -> None:
    rid = uuid7()
    await replicas.reserve(rid, await replicas.offered(rid))
    replicas.edge.state = leg
    [item] = (await replicas.agent()).work
    at = item.deadline.ToDatetime(UTC)
    outdated = Deadline(replicas.tenant, AGENT, rid, at - timedelta(seconds=1))
    await replicas.reconcilers[0].due(outdated)
    assert replicas.edge.asked == 0
    due = Deadline(replicas.tenant, AGENT, rid, at)
    await asyncio.gather(*(reconciler.due(due) for reconciler in replicas.reconcilers))
    assert [item.state for item in (await replicas.agent()).work] == ([] if state is None else [state])
    if state is None:
        assert await replicas.is_free()


async def test_a_talk_that_no_edge_knows_is_ended(replicas: Replicas) -> None:
    # A stray key ends no sweep.
    await Bucket(replicas.bus, "agents").create(uuid7(), b"")
    rid = uuid7()
    await replicas.reserve(rid, await replicas.offered(rid))
    replicas.edge.state = call_types.LEG_STATE_ANSWERED
    await replicas.report(rid, api.WORK_EVENT_ANSWERED)
    await eventually(lambda: replicas.edge.asked >= 2)
    assert (await replicas.agent()).work[0].state == wire.WORK_STATE_TALKING
    replicas.edge.state = call_types.LEG_STATE_UNSPECIFIED
    await eventually(replicas.is_free)


async def test_a_reservation_that_came_after_its_offer_was_over_is_not_kept(
    replicas: Replicas, monkeypatch: pytest.MonkeyPatch
) -> None:
    # What no edge knows is doubted for long here: the contact has to tell.
    monkeypatch.setattr(reconcile, "_UNKNOWN_LIMIT", 1000)
    rid = uuid7()
    contact = await replicas.offered(rid)
    await replicas.reserve(rid, contact, ring_timeout_s=60)
    await eventually(lambda: replicas.edge.asked >= 4)
    assert (await replicas.agent()).work[0].state == wire.WORK_STATE_RESERVED
    await replicas.withdraw(contact)
    await eventually(replicas.is_free)


async def test_a_malformed_request_names_field_and_rule(replicas: Replicas) -> None:
    with pytest.raises(InvalidArgument) as error:
        await replicas.reserve("no-uuid", uuid7())
    assert error.value.field == "rid"


async def test_agents_that_never_logged_in_are_listed_too(replicas: Replicas) -> None:
    await replicas.configure("a2")

    async def listed() -> bool:
        request = api.ListAgentsRequest(tenant_id=replicas.tenant)
        answer = await invoke(replicas.stub().ListAgents, request, 2)
        states = {agent.agent_id: agent.presence for agent in answer.agents}
        return states == {"a1": wire.PRESENCE_READY, "a2": wire.PRESENCE_LOGGED_OUT}

    await eventually(listed)
