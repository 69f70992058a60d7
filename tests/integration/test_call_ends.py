"""Calls that do not go well: each ends with the right cause, and leaves no agent in a wrong state."""

from __future__ import annotations

import asyncio
import io
import wave

import numpy as np
import pytest

from seatbus_testkit.phone import Phone
from seatbus_testkit.platform import Platform
from seatbus_testkit.tenant import TestTenant

from .agents import agent_phone, caller_of, outcomes, reach_queue, until_agent, until_bridged, wait_level

pytestmark = pytest.mark.platform


async def cdr_of(tenant: TestTenant, cause: str) -> dict[str, object]:
    return await asyncio.to_thread(tenant.wait_cdr, cause=cause)


async def test_a_caller_who_hangs_up_during_the_greeting_abandoned_in_the_flow(platform: Platform) -> None:
    tenant = TestTenant.create(platform)
    async with caller_of(tenant) as caller:
        call = await caller.dial(tenant.number)
        await call.wait_answered()
        await wait_level(call, -40)
        await call.hang_up()
    cdr = await cdr_of(tenant, "abandoned_in_flow")
    assert cdr["queue_visits"] == 0
    assert cdr["talk_us"] == 0
    assert cdr["recording_id"] == ""


async def test_a_caller_who_hangs_up_in_the_queue_is_counted_as_abandoned(platform: Platform) -> None:
    tenant = TestTenant.create(platform)
    async with caller_of(tenant) as caller:
        call = await reach_queue(caller, tenant)
        await asyncio.sleep(1)
        await call.hang_up()
    cdr = await cdr_of(tenant, "abandoned_in_queue")
    assert cdr["queue_visits"] == 1
    assert cdr["agent_id"] == ""
    assert 900_000 < int(str(cdr["wait_us"])) < 4_000_000
    assert await outcomes(tenant, 1) == ["abandoned"]

    def counted() -> bool:
        queue = tenant.board_queue()
        return (queue["abandoned"], queue["waiting"]) == (1, 0)

    await asyncio.to_thread(platform.until, counted, 30, "the board to count the abandoned call")


async def test_a_caller_who_leaves_while_the_phone_rings_frees_the_agent_at_once(platform: Platform) -> None:
    tenant = TestTenant.create(platform, agents=1)
    async with caller_of(tenant) as caller, agent_phone(tenant, "a1") as phone:
        call = await reach_queue(caller, tenant)
        ringing = await phone.next_call()
        await ringing.ring()
        await call.hang_up()
        await ringing.wait_ended()
        await until_agent(tenant, "a1", presence="READY")
    cdr = await cdr_of(tenant, "abandoned_in_queue")
    assert cdr["offers"] == 1
    assert cdr["talk_us"] == 0


async def test_a_busy_agent_is_not_ready_and_the_next_one_gets_the_call(platform: Platform) -> None:
    tenant = TestTenant.create(platform, agents=2)
    async with caller_of(tenant) as caller, agent_phone(tenant, "a1") as busy:
        await asyncio.sleep(0.2)
        async with agent_phone(tenant, "a2") as free:
            call = await reach_queue(caller, tenant)
            await (await busy.next_call()).reject(486)
            ringing = await free.next_call()
            await ringing.answer()
            await until_agent(tenant, "a1", presence="NOT_READY")
            assert tenant.agent("a1")["reason"] == "device_busy"
            await until_agent(tenant, "a2", presence="READY", work="TALKING")
            await asyncio.sleep(0.5)
            await ringing.hang_up()
            await call.wait_ended()
            assert call.ended_by == "remote"
    cdr = await cdr_of(tenant, "agent_hung_up")
    assert cdr["agent_id"] == "a2"
    assert [segment["cause"] for segment in cdr["segments"]] == ["busy", "agent_hung_up"]  # type: ignore[attr-defined]


async def test_after_no_answer_the_contact_keeps_its_place_and_the_agent_is_not_ready(
    platform: Platform,
) -> None:
    tenant = TestTenant.create(platform, agents=2, queue={"ring_timeout_s": 2})
    async with caller_of(tenant) as first, caller_of(tenant) as second, agent_phone(tenant, "a1") as silent:
        first_call = await reach_queue(first, tenant)
        ringing = await silent.next_call()
        await ringing.ring()
        second_call = await reach_queue(second, tenant)
        await ringing.wait_ended()
        await until_agent(tenant, "a1", presence="NOT_READY")
        assert tenant.agent("a1")["reason"] == "no_answer"
        async with agent_phone(tenant, "a2") as good:
            answered = await good.next_call()
            await answered.answer()
            answered.mouth.play_tone(1000, -15)
            await first_call.ears.wait_tone(1000)  # who came first is served first
            assert second_call.state == "answered"
            assert abs(second_call.ears.tone(0.5)[0] - 1000) > 50
            await first_call.hang_up()
            await second_call.hang_up()
    cdr = await cdr_of(tenant, "caller_hung_up")
    assert cdr["offers"] == 2
    assert [segment["cause"] for segment in cdr["segments"]] == ["no_answer", "caller_hung_up"]  # type: ignore[attr-defined]


async def test_an_unknown_number_gets_404_and_a_record(platform: Platform) -> None:
    tenant = TestTenant.create(platform)
    async with caller_of(tenant) as caller:
        call = await caller.dial("99999999")
        assert await call.wait_status(5) == 404
    cdr = await cdr_of(tenant, "unknown_number")
    assert cdr["sip_status"] == 404
    assert cdr["answered_at"] in (None, "")


async def test_an_agent_without_a_registered_phone_is_not_ready_and_the_call_waits(
    platform: Platform,
) -> None:
    tenant = TestTenant.create(platform, agents=2)
    await asyncio.to_thread(tenant.agent_do, "a1", "login", ready=True)
    async with caller_of(tenant) as caller:
        call = await reach_queue(caller, tenant)
        await until_agent(tenant, "a1", presence="NOT_READY")
        assert tenant.agent("a1")["reason"] == "device_unreachable"
        async with agent_phone(tenant, "a2") as phone:
            await (await phone.next_call()).answer()
            await until_agent(tenant, "a2", presence="READY", work="TALKING")
            await until_bridged(tenant)
            await call.hang_up()
    cdr = await cdr_of(tenant, "caller_hung_up")
    assert cdr["agent_id"] == "a2"


async def test_a_caller_who_is_not_behind_a_trunk_reaches_nobody(platform: Platform) -> None:
    TestTenant.create(platform)
    stranger = await Phone.start(platform.sip, host="127.9.9.9")
    try:
        call = await stranger.dial("7001000")
        with pytest.raises(TimeoutError):
            await call.wait_answered(timeout=1.5)
        assert call.status in (None, 401, 403, 407)
    finally:
        await stranger.close()


async def test_two_is_the_end_of_the_flow(platform: Platform) -> None:
    tenant = TestTenant.create(platform)
    async with caller_of(tenant) as caller:
        call = await caller.dial(tenant.number)
        await call.wait_answered()
        await wait_level(call, -40)
        call.mouth.send_dtmf("2")
        await call.wait_ended()
        assert call.ended_by == "remote"
    cdr = await cdr_of(tenant, "flow_ended")
    assert cdr["digits"] == "2"


@pytest.mark.parametrize("service", ["media"])
async def test_media_restarted_between_two_calls_serves_the_second(platform: Platform, service: str) -> None:
    tenant = TestTenant.create(platform, agents=1)
    async with caller_of(tenant) as caller, agent_phone(tenant, "a1") as phone:
        for turn in range(2):
            call = await reach_queue(caller, tenant)
            ringing = await phone.next_call()
            await ringing.answer()
            ringing.mouth.play_tone(1000, -15)
            await call.ears.wait_tone(1000)
            await call.hang_up()
            await until_agent(tenant, "a1", presence="READY")
            if turn == 0:
                pid = platform.kill(f"{service}-0")
                await asyncio.to_thread(platform.wait_restarted, f"{service}-0", pid)
    await asyncio.to_thread(
        platform.until,
        lambda: len(tenant.cdrs(cause="caller_hung_up", limit=10)) == 2,
        30,
        "two call records",
    )


async def test_media_killed_in_a_call_comes_back_with_it(platform: Platform) -> None:
    tenant = TestTenant.create(platform, agents=1)
    async with caller_of(tenant) as caller, agent_phone(tenant, "a1") as phone:
        call = await reach_queue(caller, tenant)
        ringing = await phone.next_call()
        await ringing.answer()
        await until_agent(tenant, "a1", presence="READY", work="TALKING")
        call.mouth.play_tone(440, -15)
        ringing.mouth.play_tone(1000, -15)
        await call.ears.wait_tone(1000)
        pid = platform.kill("media-0")
        await asyncio.to_thread(platform.wait_restarted, "media-0", pid)
        call.ears.clear()
        ringing.ears.clear()
        await call.ears.wait_tone(1000)
        await ringing.ears.wait_tone(440)
        assert (call.state, ringing.state) == ("answered", "answered")
        await asyncio.sleep(1.5)  # what is looked at below is of after the restart
        await call.hang_up()
        await ringing.wait_ended()
        await until_agent(tenant, "a1", presence="READY")
    cdr = await cdr_of(tenant, "caller_hung_up")
    path = f"/tenants/{tenant.id}/recordings/{cdr['recording_id']}/audio"
    answer = await asyncio.to_thread(platform.http.get, path)
    with wave.open(io.BytesIO(answer.content)) as file:
        seconds = file.getnframes() / file.getframerate()
        file.setpos(max(0, file.getnframes() - 8000))
        end = np.frombuffer(file.readframes(4000), dtype="<i2").reshape(-1, 2)
    assert seconds == pytest.approx(float(str(cdr["talk_us"])) / 1e6, abs=0.5)
    assert np.abs(end).max(axis=0).min() > 1000, "one channel has no voice after the restart"
