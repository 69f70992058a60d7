"""Seats, breaks, devices and the view of all agents: two replicas on a real bus."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest

from seatbus.agent.v1 import service_pb2 as api
from seatbus.agent.v1 import types_pb2 as wire
from seatbus.call.v1 import types_pb2 as call_types
from seatbus.tenancy.v1 import types_pb2 as tenancy
from seatbus_agent_state.application import reconcile
from seatbus_kit.errors import InvalidArgument, NotFound, Refused
from seatbus_kit.ids import uuid7
from seatbus_kit.rpc import invoke, stream
from seatbus_testkit.eventually import eventually

from .agent_replicas import AGENT, Replicas


async def known(replicas: Replicas, *agents: str) -> None:
    """Both replicas have heard of these agents."""

    async def listed() -> bool:
        request = api.ListAgentsRequest(tenant_id=replicas.tenant)
        for _ in range(2):
            answer = await invoke(replicas.stub().ListAgents, request, 2)
            if not {agent.agent_id for agent in answer.agents} >= set(agents):
                return False
        return True

    await eventually(listed)


async def test_an_agent_who_was_configured_a_moment_ago_may_log_in(replicas: Replicas) -> None:
    for view in replicas.views:
        await view.stop()
    await replicas.configure("b1")
    seated = await replicas.sit("b1", "seat-1")
    assert (seated.agent_id, seated.presence) == ("b1", wire.PRESENCE_READY)
    with pytest.raises(NotFound):
        await replicas.sit("nobody", "seat-2")


async def test_of_many_agents_at_one_seat_one_sits(replicas: Replicas) -> None:
    agents = [f"b{number}" for number in range(8)]
    await replicas.configure(*agents)
    await known(replicas, *agents)
    results = await asyncio.gather(
        *(replicas.sit(agent, "seat-1") for agent in agents), return_exceptions=True
    )
    seated = [name for name, got in zip(agents, results, strict=True) if isinstance(got, wire.AgentState)]
    assert len(seated) == 1, results
    refusals = [got for got in results if not isinstance(got, wire.AgentState)]
    assert all(isinstance(got, Refused) and got.reason == "seat_taken" for got in refusals), results
    await replicas.sit(seated[0], "seat-1")


async def test_a_seat_is_free_as_soon_as_its_agent_has_moved_or_left(replicas: Replicas) -> None:
    await replicas.configure("b1", "b2")
    await known(replicas, "b1", "b2")
    await replicas.sit("b1", "seat-1")
    with pytest.raises(Refused) as held:
        await replicas.sit("b1", "seat-2")
    assert held.value.reason == "logged_in_elsewhere"
    began = time.monotonic()
    moved = await replicas.sit("b1", "seat-2", take_over=True)
    assert (moved.seat_id, moved.presence) == ("seat-2", wire.PRESENCE_READY)
    assert (await replicas.sit("b2", "seat-1")).seat_id == "seat-1"
    assert time.monotonic() - began < 20, "moving to another seat takes seconds"
    with pytest.raises(Refused) as taken:
        await replicas.sit(AGENT, "seat-1", take_over=True)
    assert taken.value.reason == "seat_taken"
    await invoke(replicas.stub().Logout, api.LogoutRequest(context=replicas.context(), agent_id="b2"), 2)
    assert (await replicas.sit(AGENT, "seat-1", take_over=True)).seat_id == "seat-1"


async def test_nobody_sits_where_no_seat_is(replicas: Replicas) -> None:
    with pytest.raises(InvalidArgument) as odd:
        await replicas.sit(AGENT, "Seat.1", take_over=True)
    assert odd.value.field == "seat_id"
    await replicas.put("seat", "s1", tenancy.Seat(name="S1"))

    async def refused() -> bool:
        for _ in range(2):
            try:
                await replicas.sit(AGENT, "elsewhere", take_over=True)
            except NotFound:
                continue
            return False
        return True

    await eventually(refused)
    assert (await replicas.sit(AGENT, "s1", take_over=True)).seat_id == "s1"


async def test_a_tenant_with_reason_codes_takes_no_other_and_hears_of_long_breaks(
    replicas: Replicas, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The scheduled message has to do it, not the sweep behind it.
    monkeypatch.setattr(reconcile, "_SWEEP_SLACK_S", 600.0)
    await replicas.put("reason_code", "tea", tenancy.ReasonCode(label="Tea", is_break=True, limit_s=1))

    async def enforced() -> bool:
        for _ in range(2):
            try:
                await replicas.presence(wire.PRESENCE_NOT_READY, "snooze")
            except Refused:
                continue
            return False
        return True

    await eventually(enforced)
    with pytest.raises(Refused) as unknown:
        await replicas.presence(wire.PRESENCE_NOT_READY, "snooze")
    assert unknown.value.reason == "unknown_reason"
    agent = await replicas.presence(wire.PRESENCE_NOT_READY, "tea")
    assert not agent.break_overrun

    async def overrun() -> bool:
        return (await replicas.agent()).break_overrun

    await eventually(overrun)
    back = await replicas.presence(wire.PRESENCE_READY)
    assert not back.break_overrun


async def test_the_rules_of_a_queue_go_along_with_its_contacts(replicas: Replicas) -> None:
    queue = tenancy.Queue(name="Sales", disposition_required=True, max_wrap_up_s=5)
    await replicas.put("queue", "sales", queue)
    await replicas.put("disposition", "sold", tenancy.Disposition(label="Sold", queue_ids=["sales"]))
    await replicas.put("disposition", "fixed", tenancy.Disposition(label="Fixed", queue_ids=["support"]))
    # The last object of the configuration is known, so the ones before are too.
    await replicas.configure("last")
    await known(replicas, "last")
    rid = uuid7()
    await replicas.reserve(rid, await replicas.offered(rid), wrap_up_s=4)
    for event in (api.WORK_EVENT_ANSWERED, api.WORK_EVENT_ENDED):
        await replicas.report(rid, event)

    async def complete(code: str) -> str:
        request = api.CompleteWrapUpRequest(context=replicas.context(), agent_id=AGENT, disposition=code)
        try:
            await invoke(replicas.stub().CompleteWrapUp, request, 2)
        except Refused as error:
            return error.reason
        return ""

    assert await complete("") == "disposition_required"
    assert await complete("fixed") == "unknown_disposition"
    longer = api.ExtendWrapUpRequest(context=replicas.context(), agent_id=AGENT, seconds=10)
    with pytest.raises(Refused) as limit:
        await invoke(replicas.stub().ExtendWrapUp, longer, 2)
    assert limit.value.reason == "wrap_up_limit"
    assert await complete("sold") == ""
    assert await replicas.is_free()


async def test_a_lost_device_stops_reservations_and_one_that_is_back_restores_the_place(
    replicas: Replicas,
) -> None:
    idle = (await replicas.agent()).idle_since

    async def device(registered: bool) -> wire.AgentState:
        request = api.ReportDeviceRequest(
            context=replicas.context(), agent_id=AGENT, device_id="phone", registered=registered
        )
        answer: api.AgentResponse = await invoke(replicas.stub().ReportDevice, request, 2)
        return answer.agent

    lost = await device(False)
    assert (lost.presence, lost.reason) == (wire.PRESENCE_NOT_READY, "device_lost")
    rid = uuid7()
    with pytest.raises(Refused) as refusal:
        await replicas.reserve(rid, await replicas.offered(rid))
    assert refusal.value.reason == "agent_not_ready"
    back = await device(True)
    assert (back.presence, back.idle_since) == (wire.PRESENCE_READY, idle)


async def test_a_reservation_that_never_reached_its_edge_is_freed_long_before_its_deadline(
    replicas: Replicas,
) -> None:
    rid = uuid7()
    replicas.edge.state = call_types.LEG_STATE_UNSPECIFIED
    await replicas.reserve(rid, await replicas.offered(rid), ring_timeout_s=60)
    assert not await replicas.is_free()
    await eventually(replicas.is_free)


async def test_a_reservation_whose_phone_rings_is_left_alone(replicas: Replicas) -> None:
    rid = uuid7()
    replicas.edge.state = call_types.LEG_STATE_TRYING
    await replicas.reserve(rid, await replicas.offered(rid), ring_timeout_s=60)
    await eventually(lambda: replicas.edge.asked >= 4)
    assert [item.rid for item in (await replicas.agent()).work] == [rid]


async def test_agents_are_filtered_and_paged(replicas: Replicas) -> None:
    await replicas.configure("b1", "b2", "b3")
    await known(replicas, "b1", "b2", "b3")

    async def ids(limit: int = 0, cursor: str = "", **filter: Any) -> tuple[list[str], str]:
        request = api.ListAgentsRequest(tenant_id=replicas.tenant, filter=api.AgentFilter(**filter))
        request.page.limit, request.page.cursor = limit, cursor
        answer = await invoke(replicas.stub().ListAgents, request, 2)
        return [agent.agent_id for agent in answer.agents], answer.next_cursor

    assert await ids(presences=[wire.PRESENCE_READY]) == (["a1"], "")
    out = {"presences": [wire.PRESENCE_LOGGED_OUT]}
    page, cursor = await ids(limit=2, **out)
    assert (page, cursor) == (["b1", "b2"], "b2")
    assert await ids(limit=2, cursor=cursor, **out) == (["b3"], "")


async def test_a_stream_tells_all_and_then_what_changes(replicas: Replicas) -> None:
    request = api.WatchAgentsRequest(
        tenant_id=replicas.tenant, filter=api.AgentFilter(presences=[wire.PRESENCE_READY])
    )
    updates = stream(replicas.stub().WatchAgents, request)
    first = await anext(updates)
    assert (first.snapshot, [agent.agent_id for agent in first.agents]) == (True, ["a1"])
    rid = uuid7()
    await replicas.reserve(rid, await replicas.offered(rid))
    changed = await asyncio.wait_for(anext(updates), 30)
    assert (changed.snapshot, changed.agents[0].work[0].rid) == (False, rid)
    assert not changed.agents[0].HasField("meta")
    await replicas.report(rid, api.WORK_EVENT_REJECTED)
    gone = await asyncio.wait_for(anext(updates), 30)
    assert (list(gone.agents), list(gone.removed)) == ([], ["a1"])
    await updates.aclose()  # type: ignore[attr-defined]
