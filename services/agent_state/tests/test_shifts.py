"""What the configuration does to who is logged in: shifts end and begin, agents are disabled."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from seatbus.agent.v1 import service_pb2 as api
from seatbus.agent.v1 import types_pb2 as wire
from seatbus.call.v1 import types_pb2 as call_types
from seatbus.ivr.v1.types_pb2 import OpenPeriod
from seatbus.tenancy.v1 import types_pb2 as tenancy
from seatbus_agent_state.domain.states import Cause, Presence, ShiftEnd
from seatbus_kit.buckets import Bucket
from seatbus_kit.errors import NotFound
from seatbus_kit.ids import uuid7
from seatbus_testkit.eventually import eventually

from .agent_replicas import AGENT, Replicas
from .test_turn import Desk


@pytest.fixture
def desk() -> Desk:
    """Logged in and ready, in the shift."""
    made = Desk(wrap_up_s=0)
    made.login()
    made.turn().shift(on=True, policy=ShiftEnd.LOG_OUT)
    return made


def test_who_logs_in_outside_of_a_shift_may_work() -> None:
    desk = Desk()
    desk.login()
    desk.turn().shift(on=False, policy=ShiftEnd.LOG_OUT)
    assert desk.presence is Presence.READY


def test_the_end_of_a_shift_logs_out_once(desk: Desk) -> None:
    turn = desk.turn()
    turn.shift(on=False, policy=ShiftEnd.LOG_OUT)
    assert desk.presence is Presence.LOGGED_OUT
    [event] = turn.events
    assert (event.reason, event.to) == ("shift_ended", wire.PRESENCE_LOGGED_OUT)
    again = desk.turn()
    again.shift(on=False, policy=ShiftEnd.LOG_OUT)
    assert not again.changed


def test_a_talk_is_not_cut_by_the_end_of_a_shift(desk: Desk) -> None:
    desk.reserve()
    desk.work(Cause.RINGING, Cause.ANSWERED)
    desk.turn().shift(on=False, policy=ShiftEnd.LOG_OUT)
    assert desk.presence is Presence.READY
    desk.work(Cause.ENDED)
    assert (desk.presence, desk.agent.reason) == (Presence.LOGGED_OUT, "shift_ended")


def test_who_was_made_not_ready_is_ready_again_and_a_break_stays_one(desk: Desk) -> None:
    policy = ShiftEnd.NOT_READY_AND_BACK
    desk.turn().shift(on=False, policy=policy)
    assert (desk.presence, desk.agent.reason) == (Presence.NOT_READY, "shift_ended")
    desk.turn().shift(on=True, policy=policy)
    assert desk.presence is Presence.READY
    desk.turn().set_presence(Presence.NOT_READY, "lunch")
    desk.turn().shift(on=False, policy=policy)
    desk.turn().shift(on=True, policy=policy)
    assert (desk.presence, desk.agent.reason) == (Presence.NOT_READY, "lunch")


def test_a_shift_that_begins_again_takes_the_deferred_end_back(desk: Desk) -> None:
    desk.reserve()
    desk.work(Cause.RINGING, Cause.ANSWERED)
    desk.turn().shift(on=False, policy=ShiftEnd.NOT_READY)
    desk.turn().shift(on=True, policy=ShiftEnd.NOT_READY)
    desk.work(Cause.ENDED)
    assert desk.presence is Presence.READY


async def test_the_schedule_says_when_a_shift_ends(replicas: Replicas) -> None:
    always = [OpenPeriod(weekday=day, until="24:00", **{"from": "00:00"}) for day in range(1, 8)]
    shift = tenancy.Schedule(time_zone="UTC", open=always)
    await replicas.put("tenant", replicas.tenant, tenancy.Tenant(name="Acme"))
    await replicas.put("schedule", "day", shift)
    policy = tenancy.SHIFT_POLICY_LOG_OUT
    await replicas.put("agent", "s1", tenancy.Agent(name="s1", schedule_id="day", shift_policy=policy))

    async def seated() -> bool:
        try:
            await replicas.sit("s1", "")
        except NotFound:
            return False
        return True

    await eventually(seated)
    record = Bucket(replicas.bus, "agents")

    async def agent() -> wire.AgentState:
        entry = await record.read(f"{replicas.tenant}.s1")
        assert entry is not None
        return wire.AgentState.FromString(entry.value)

    async def in_shift() -> bool:
        return (await agent()).shift == wire.SHIFT_ON

    await eventually(in_shift)
    shift.closed_dates.extend(
        datetime.fromtimestamp(datetime.now(UTC).timestamp() + 86_400 * day, UTC).date().isoformat()
        for day in range(-1, 2)
    )
    bucket, key = Bucket(replicas.bus, "config"), f"{replicas.tenant}.schedule.day"
    entry = await bucket.read(key)
    assert entry is not None
    item = tenancy.ConfigObject(tenant_id=replicas.tenant, id="day", schedule=shift)
    await bucket.put(key, item.SerializeToString(), entry.revision)

    async def out() -> bool:
        found = await agent()
        return (found.presence, found.reason) == (wire.PRESENCE_LOGGED_OUT, "shift_ended")

    await eventually(out)


@pytest.mark.parametrize("removed", [False, True])
async def test_who_is_disabled_or_removed_is_logged_out_after_the_talk(
    replicas: Replicas, removed: bool
) -> None:
    replicas.edge.state = call_types.LEG_STATE_ANSWERED
    rid = uuid7()
    await replicas.begin(rid)
    await replicas.report(rid, api.WORK_EVENT_ANSWERED)
    config, key = Bucket(replicas.bus, "config"), f"{replicas.tenant}.agent.{AGENT}"
    entry = await config.read(key)
    assert entry is not None
    if removed:
        await config.purge(key, entry.revision)
    else:
        disabled = tenancy.Agent(name=AGENT, disabled=True)
        item = tenancy.ConfigObject(tenant_id=replicas.tenant, id=AGENT, agent=disabled)
        await config.put(key, item.SerializeToString(), entry.revision)

    async def leaves() -> bool:
        return (await replicas.agent()).deferred_reason == "disabled"

    await eventually(leaves)
    assert (await replicas.agent()).presence == wire.PRESENCE_READY
    await replicas.report(rid, api.WORK_EVENT_ENDED)
    found = await replicas.agent()
    assert (found.presence, found.reason, list(found.work)) == (wire.PRESENCE_LOGGED_OUT, "disabled", [])
