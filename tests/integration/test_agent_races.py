"""Two things at one moment around an agent's phone: every case ends in one outcome, and nobody is stuck."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from seatbus_sip import ServerTransaction
from seatbus_testkit.actors import CallActionError
from seatbus_testkit.phone import Phone, PhoneCall
from seatbus_testkit.platform import Platform
from seatbus_testkit.tenant import PASSWORD, TestTenant

from .agents import (
    agent_phone,
    all_cdrs,
    caller_of,
    outcomes,
    reach_queue,
    until_agent,
    until_queued,
    wait_level,
)
from .sip.peers import sipp_agent

pytestmark = pytest.mark.platform


async def cdr_of(tenant: TestTenant, cause: str) -> dict[str, Any]:
    return await asyncio.to_thread(tenant.wait_cdr, cause=cause)


async def queue_is_empty(tenant: TestTenant) -> None:
    """Nobody waits and nobody talks: not in acd, not on the board, not on an edge."""

    def empty() -> bool:
        waiting = tenant.platform.get(tenant.path(f"queues/{tenant.queue}/waiting"))["contacts"]
        calls = tenant.platform.get(tenant.path("calls"))["calls"]
        return not waiting and not calls and tenant.board_queue()["waiting"] == 0

    await asyncio.to_thread(tenant.platform.until, empty, 30, f"an empty queue of {tenant.id}")


async def ringing_at(phone: Phone) -> PhoneCall:
    call = await phone.next_call()
    await call.ring()
    return call


async def at_work(tenant: TestTenant, agent: str, work: str) -> None:
    await until_agent(tenant, agent, presence="READY", work=work)
    if work != "TALKING":
        return

    def joined() -> bool:
        calls = tenant.platform.get(tenant.path("calls"))["calls"]
        return any(call["state"] == "CALL_STATE_BRIDGED" for call in calls)

    # agent_state knows it before the two hear each other.
    await asyncio.to_thread(tenant.platform.until, joined, 30, f"a talk of {tenant.id}")


async def answered(phone: Phone) -> PhoneCall:
    """Takes the call that rings; one that rang and was over before is none."""
    while True:
        call = await phone.next_call()
        if call.state != "ended":
            await call.answer()
            return call


def answers_a_cancel_with_200(call: PhoneCall) -> None:
    """The phone was lifted just before the CANCEL came: its 200 crosses it on the way."""

    def late(_tx: ServerTransaction) -> None:
        call.note("CANCEL came, 200 was on its way")
        call.follow(asyncio.ensure_future(call.answer()))

    call.on_cancel = late  # type: ignore[method-assign,assignment]


async def after(seconds: float, ringing: PhoneCall, what: Callable[[], Awaitable[None]]) -> None:
    await asyncio.sleep(max(0.0, seconds))
    if not ringing.over():
        # The CANCEL may come while the answer is being prepared: the other one was faster.
        with contextlib.suppress(CallActionError):
            await what()


async def next_live(phone: Phone) -> PhoneCall:
    """The next incoming call that was not taken back at once."""
    while True:
        call = await phone.next_call()
        await asyncio.sleep(0.1)
        if not call.over():
            return call


async def until_over(platform: Platform, calls: list[PhoneCall], count: int) -> None:
    await asyncio.to_thread(
        platform.until, lambda: sum(call.over() for call in calls) >= count, 30, f"{count} call(s) to end"
    )


async def test_an_answer_and_the_callers_hang_up_at_one_moment_end_the_call_once(platform: Platform) -> None:
    tenant = TestTenant.create(platform, agents=1, queue={"wrap_up_s": 0})
    # Milliseconds by which the hang-up is later than the answer.
    apart = (0.0, 0.002, 0.005, 0.01, 0.02, 0.05, -0.002, -0.005)
    async with caller_of(tenant) as caller, agent_phone(tenant, "a1") as phone:
        for later in apart:
            call = await reach_queue(caller, tenant)
            ringing = await ringing_at(phone)
            await at_work(tenant, "a1", "RINGING")

            await asyncio.gather(after(-later, ringing, ringing.answer), after(later, ringing, call.hang_up))
            await asyncio.gather(call.wait_ended(), ringing.wait_ended())
            await until_agent(tenant, "a1", presence="READY", timeout=12)
    rows = await all_cdrs(tenant, len(apart))
    visits = await outcomes(tenant, len(apart))
    expected = {"abandoned": "abandoned_in_queue", "answered": "caller_hung_up"}
    by_time = sorted(rows, key=lambda row: str(row["started_at"]))
    for row, outcome in zip(by_time, visits, strict=True):
        assert row["cause"] == expected[outcome], rows
    assert tenant.agent("a1")["presence"] == "PRESENCE_READY"
    await queue_is_empty(tenant)


async def test_of_two_calls_at_one_moment_the_agent_gets_one_and_then_the_other(platform: Platform) -> None:
    tenant = TestTenant.create(platform, agents=1, queue={"wrap_up_s": 0})
    async with (
        caller_of(tenant) as first,
        caller_of(tenant) as second,
        agent_phone(tenant, "a1") as phone,
    ):
        calls = await asyncio.gather(*(caller.dial(tenant.number) for caller in (first, second)))
        for call in calls:
            await call.wait_answered()
        await asyncio.gather(*(wait_level(call, -40) for call in calls))
        for call in calls:
            call.mouth.send_dtmf("1")
        await until_queued(tenant, 2)
        for served in range(2):
            ringing = await ringing_at(phone)
            await asyncio.sleep(0.3)
            assert len(phone.calls) == 1, "two phones ring at one agent"
            await ringing.answer()
            await at_work(tenant, "a1", "TALKING")
            await ringing.hang_up()
            await until_over(platform, calls, served + 1)
        await until_agent(tenant, "a1", presence="READY")
    assert await outcomes(tenant, 2) == ["answered", "answered"]
    assert {row["cause"] for row in await all_cdrs(tenant, 2)} == {"agent_hung_up"}
    assert {row["offers"] for row in await all_cdrs(tenant, 2)} == {1}


@pytest.mark.parametrize("answered", [True, False])
async def test_not_ready_pressed_while_ringing_takes_effect_after_the_call(
    platform: Platform, answered: bool
) -> None:
    tenant = TestTenant.create(platform, agents=1, queue={"wrap_up_s": 30})
    async with caller_of(tenant) as caller, agent_phone(tenant, "a1") as phone:
        call = await reach_queue(caller, tenant)
        ringing = await ringing_at(phone)
        await asyncio.to_thread(tenant.agent_do, "a1", "not_ready", reason="lunch")
        assert ringing.state == "ringing", "a button stopped the phone"
        assert tenant.agent("a1")["presence"] == "PRESENCE_READY"
        if answered:
            await ringing.answer()
            await at_work(tenant, "a1", "TALKING")
        await call.hang_up()
        if answered:
            await at_work(tenant, "a1", "WRAP_UP")
            await asyncio.to_thread(tenant.agent_do, "a1", "complete_wrap_up")
        await until_agent(tenant, "a1", presence="NOT_READY", timeout=12)
        assert tenant.agent("a1")["reason"] == "lunch"
    assert await outcomes(tenant, 1) == ["answered" if answered else "abandoned"]
    await queue_is_empty(tenant)


async def test_a_phone_unregistered_while_it_rings_costs_the_caller_no_place(platform: Platform) -> None:
    tenant = TestTenant.create(platform, agents=2, queue={"ring_timeout_s": 2, "wrap_up_s": 0})
    async with caller_of(tenant) as caller, agent_phone(tenant, "a1") as gone:
        call = await reach_queue(caller, tenant)
        await ringing_at(gone)
        await gone.unregister()
        async with agent_phone(tenant, "a2") as other:
            await (await other.next_call()).answer()
            await at_work(tenant, "a2", "TALKING")
            await until_agent(tenant, "a1", presence="NOT_READY")
            await call.hang_up()
            await until_agent(tenant, "a2", presence="READY")
    cdr = await cdr_of(tenant, "caller_hung_up")
    assert (cdr["agent_id"], cdr["offers"]) == ("a2", 2)
    assert await outcomes(tenant, 1) == ["answered"]


async def test_an_answer_that_crosses_the_callers_cancel_is_hung_up_and_the_agent_is_ready(
    platform: Platform,
) -> None:
    tenant = TestTenant.create(platform, agents=1)
    async with caller_of(tenant) as caller, agent_phone(tenant, "a1") as phone:
        idle = str(tenant.agent("a1")["idle_since"])
        call = await reach_queue(caller, tenant)
        ringing = await ringing_at(phone)
        answers_a_cancel_with_200(ringing)
        await call.hang_up()
        await ringing.wait_ended()
        assert ringing.ended_by == "remote"
        assert any("ACK received" in what for _, what in ringing.history), ringing.history
        await until_agent(tenant, "a1", presence="READY", timeout=12)
        assert tenant.agent("a1")["idle_since"] == idle, "a caller who left cost the agent the place"
    cdr = await cdr_of(tenant, "abandoned_in_queue")
    assert cdr["talk_us"] == 0
    assert await outcomes(tenant, 1) == ["abandoned"]


@pytest.mark.peer
async def test_sipp_that_answers_after_cancel_gets_ack_and_bye(platform: Platform, tmp_path: Path) -> None:
    tenant = TestTenant.create(platform, agents=1)
    user = tenant.username("a1")
    async with (
        caller_of(tenant) as caller,
        sipp_agent(tmp_path, platform.sip, user, PASSWORD, "agent_answers_late.xml") as sipp,
    ):
        await asyncio.to_thread(tenant.agent_do, "a1", "login", ready=True)
        call = await reach_queue(caller, tenant)
        await at_work(tenant, "a1", "RINGING")
        await call.hang_up()
        output, _ = await asyncio.wait_for(sipp.communicate(), 15)
        assert sipp.returncode == 0, output[-3000:]
        await until_agent(tenant, "a1", presence="READY", timeout=12)
    assert await outcomes(tenant, 1) == ["abandoned"]


async def test_an_answer_that_crosses_the_ring_timeout_is_hung_up_and_the_caller_keeps_the_place(
    platform: Platform,
) -> None:
    tenant = TestTenant.create(platform, agents=2, queue={"ring_timeout_s": 2, "wrap_up_s": 0})
    async with caller_of(tenant) as one, caller_of(tenant) as two, agent_phone(tenant, "a1") as late:
        first = await reach_queue(one, tenant)
        ringing = await ringing_at(late)
        answers_a_cancel_with_200(ringing)
        second = await reach_queue(two, tenant)
        await ringing.wait_ended()
        assert ringing.ended_by == "remote"
        await until_agent(tenant, "a1", presence="NOT_READY")
        assert tenant.agent("a1")["reason"] == "no_answer"
        async with agent_phone(tenant, "a2") as good:
            talk = await good.next_call()
            await talk.answer()
            talk.mouth.play_tone(1000, -15)
            await first.ears.wait_tone(1000)
            await first.hang_up()
            await (await good.next_call()).answer()
            await at_work(tenant, "a2", "TALKING")
            await second.hang_up()
            await until_agent(tenant, "a2", presence="READY")
    assert await outcomes(tenant, 2) == ["answered", "answered"]
    assert sorted(row["offers"] for row in await all_cdrs(tenant, 2)) == [1, 2]


@pytest.mark.parametrize(
    ("status", "cause", "reason"),
    [
        (486, "busy", "device_busy"),
        (603, "rejected", "rejected"),
        (480, "no_answer", "no_answer"),
        (500, "unreachable", "device_unreachable"),
        (0, "no_answer", "no_answer"),
    ],
)
async def test_a_phone_that_does_not_take_the_call_leaves_it_to_the_next_agent(
    platform: Platform, status: int, cause: str, reason: str
) -> None:
    tenant = TestTenant.create(platform, agents=2, queue={"ring_timeout_s": 2, "wrap_up_s": 0})
    async with caller_of(tenant) as caller, agent_phone(tenant, "a1") as bad:
        call = await reach_queue(caller, tenant)
        ringing = await ringing_at(bad)
        await asyncio.to_thread(tenant.agent_do, "a2", "login", ready=False)
        async with agent_phone(tenant, "a2") as good:
            if status:
                await ringing.reject(status)
            answered = await good.next_call()
            await answered.answer()
            await at_work(tenant, "a2", "TALKING")
            await until_agent(tenant, "a1", presence="NOT_READY")
            assert tenant.agent("a1")["reason"] == reason
            await answered.hang_up()
            await call.wait_ended()
            await until_agent(tenant, "a2", presence="READY")
    cdr = await cdr_of(tenant, "agent_hung_up")
    assert [segment["cause"] for segment in cdr["segments"]] == [cause, "agent_hung_up"]
    assert await outcomes(tenant, 1) == ["answered"]


async def test_a_hang_up_right_after_the_answer_leaves_nobody_behind(platform: Platform) -> None:
    tenant = TestTenant.create(platform, agents=1, queue={"wrap_up_s": 0})
    async with caller_of(tenant) as caller, agent_phone(tenant, "a1") as phone:
        for _ in range(3):
            call = await reach_queue(caller, tenant)
            ringing = await ringing_at(phone)
            await ringing.answer()
            await ringing.hang_up()
            # Bound already, the call is over; not yet, the caller waits on and is offered again.
            for _ in range(50):
                if call.over() or phone.calls:
                    break
                await asyncio.sleep(0.1)
            if not call.over():
                await (await phone.next_call()).answer()
                await at_work(tenant, "a1", "TALKING")
                await call.hang_up()
            await until_agent(tenant, "a1", presence="READY", timeout=12)
    await all_cdrs(tenant, 3)
    assert await outcomes(tenant, 3) == ["answered"] * 3
    await queue_is_empty(tenant)


async def test_a_queues_call_and_a_colleagues_call_at_one_moment_ring_once(platform: Platform) -> None:
    tenant = TestTenant.create(platform, agents=2, queue={"wrap_up_s": 0, "members": [{"agent_id": "a1"}]})
    await asyncio.to_thread(
        platform.post,
        tenant.path("config"),
        {"upserts": [{"id": "a1", "agent": {"name": "A1", "branch_id": "main", "extension": "201"}}]},
    )
    async with (
        caller_of(tenant) as caller,
        agent_phone(tenant, "a1") as phone,
        agent_phone(tenant, "a2", ready=False) as colleague,
    ):
        for _ in range(3):
            call = await caller.dial(tenant.number)
            await call.wait_answered()
            await wait_level(call, -40)
            call.mouth.send_dtmf("1")
            direct = await colleague.dial("201")
            ringing = await ringing_at(phone)
            await asyncio.sleep(0.5)
            assert len(phone.calls) == 1, "two calls ring at one agent"
            if not direct.over():
                await direct.hang_up()
            if not ringing.over():
                await ringing.reject(603)
            await until_agent(tenant, "a2", presence="NOT_READY")
            # Whichever it was, the other one was told at once that the agent is busy, or waits.
            again = asyncio.create_task(next_live(phone))
            while not again.done():
                if tenant.agent("a1")["presence"] != "PRESENCE_READY":
                    assert tenant.agent("a1")["reason"] == "rejected"
                    await asyncio.to_thread(tenant.agent_do, "a1", "ready")
                await asyncio.wait([again], timeout=0.2)
            await again.result().answer()
            await at_work(tenant, "a1", "TALKING")
            await call.hang_up()
            await until_agent(tenant, "a1", presence="READY")
    assert await outcomes(tenant, 3) == ["answered"] * 3


async def test_a_phone_that_loses_its_connection_in_a_talk_leaves_no_agent_busy(platform: Platform) -> None:
    tenant = TestTenant.create(platform, agents=1, queue={"wrap_up_s": 0})
    async with caller_of(tenant) as caller, agent_phone(tenant, "a1", transport="TCP") as phone:
        call = await reach_queue(caller, tenant)
        talk = await phone.next_call()
        await talk.answer()
        await at_work(tenant, "a1", "TALKING")
        phone.sip.drop()  # type: ignore[attr-defined]
        await asyncio.sleep(1)
        assert not call.over(), "the customer was thrown out because a phone lost its connection"
        await phone.reconnect()
        await phone.register()
        await call.hang_up()
        await until_agent(tenant, "a1", presence="READY", timeout=12)
        again = await reach_queue(caller, tenant)
        await (await phone.next_call()).answer()
        await at_work(tenant, "a1", "TALKING")
        await again.hang_up()
        await until_agent(tenant, "a1", presence="READY", timeout=12)
    assert await outcomes(tenant, 2) == ["answered", "answered"]
    await queue_is_empty(tenant)


# Before anybody knows, about when it is found out, and while the phone that is back rings.
@pytest.mark.parametrize(("transport", "moments"), [("TCP", (0.0, 1.0, 2.0)), ("UDP", (0.0, 3.5))])
async def test_a_device_lost_in_talk_and_the_callers_hang_up_at_one_moment_end_the_call_once(
    platform: Platform, transport: str, moments: tuple[float, ...]
) -> None:
    tenant = TestTenant.create(platform, agents=1, queue={"wrap_up_s": 0})
    async with caller_of(tenant) as caller, agent_phone(tenant, "a1", transport=transport) as first:
        phone = first
        for hang_up_after in moments:
            call = await reach_queue(caller, tenant)
            await answered(phone)
            await at_work(tenant, "a1", "TALKING")
            phone.vanish()
            phone = await Phone.start(
                platform.sip_over(transport),
                username=tenant.username("a1"),
                password=PASSWORD,
                transport=transport,
            )
            back = asyncio.create_task(after(0.5, call, phone.register))
            await asyncio.sleep(hang_up_after)
            await call.hang_up()
            await back
            if not phone.registered:
                await phone.register()
            await until_agent(tenant, "a1", presence="READY", timeout=10)
        await phone.close()
    rows = await all_cdrs(tenant, len(moments))
    assert {row["cause"] for row in rows} == {"caller_hung_up"}
    assert await outcomes(tenant, len(moments)) == ["answered"] * len(moments)
    await queue_is_empty(tenant)
