"""A media instance is lost for good: its calls go on at another one, and what comes back of it is silent."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from seatbus_testkit.phone import PhoneCall, Policy
from seatbus_testkit.platform import Platform
from seatbus_testkit.tenant import TestTenant

from .agents import agent_phone, caller_of, reach_queue, until_agent, wait_level
from .browser.browser_phone import can_browse, phone_site
from .conversations import CALLER, FIRST, HEARD_DBFS, SECOND, hears, hears_music, talk
from .media_instances import (
    BACK_S,
    back_in_talk,
    gone,
    instances_of,
    talk_with_baresip,
    talk_with_browser,
    until_moved,
)
from .outside import DIALLED, NUMBER, branch, carrier, configure
from .stored_audio import tones_when_complete
from .test_agent_offered_ahead import STRAIGHT, waits

pytestmark = pytest.mark.platform


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    folder: Path = tmp_path_factory.mktemp("two-media")
    running = Platform.start(folder / "data", "--replicas", "media=2")
    try:
        yield running
    finally:
        running.process.send_signal(signal.SIGCONT)
        running.stop()


async def test_a_talk_goes_on_at_another_instance_when_its_own_is_frozen(two: Platform) -> None:
    tenant = TestTenant.create(two, agents=1)
    async with talk(tenant) as made:
        lost = str(made.record()["media_instance"])
        before = str(made.record()["recording_id"])
        await hears(made.customer, FIRST)
        await hears(made.first, CALLER)
        await asyncio.sleep(1)
        began = time.monotonic()
        two.kill(lost, signal.SIGSTOP)
        try:
            await asyncio.sleep(0.7)
            await back_in_talk(made)
            print(f"media_frozen_to_heard {time.monotonic() - began:.2f} s")
            assert lost not in instances_of(two, tenant)
        finally:
            two.kill(lost, signal.SIGCONT)
        await asyncio.sleep(3)
        # Whatever the old one still had to say is not heard, the talk is as it was.
        made.customer.ears.clear()
        await hears(made.customer, FIRST)
        await hears(made.first, CALLER)
        await made.customer.hang_up()
        await made.first.wait_ended()
    cdr = await asyncio.to_thread(tenant.wait_cdr, cause="caller_hung_up")
    assert (cdr["agent_id"], cdr["offers"]) == ("a1", 1)
    after = str(cdr["recording_id"])
    assert after != before
    for recording_id in (before, after):
        levels = await asyncio.to_thread(tones_when_complete, two, tenant, recording_id)
        assert min(levels) > HEARD_DBFS, f"a voice is missing: {levels}"


async def test_a_talk_and_a_waiting_caller_go_on_when_their_instance_dies_for_good(two: Platform) -> None:
    tenant = TestTenant.create(two, agents=1)
    async with talk(tenant) as made, caller_of(tenant) as second:
        lost = str(made.record()["media_instance"])
        waiting: list[PhoneCall] = []
        # New calls go where there is the least to do: some of them are beside the talk.
        while instances_of(two, tenant).count(lost) < 2:
            assert len(waiting) < 6, "no call shares the instance of the talk"
            waiting.append(await reach_queue(second, tenant))
            await wait_level(waiting[-1], -45)
        await hears(made.customer, FIRST)
        began = time.monotonic()
        async with gone(two, lost):
            await asyncio.sleep(0.7)
            await back_in_talk(made)
            print(f"media_killed_to_heard {time.monotonic() - began:.2f} s")
            await until_moved(two, tenant, lost)
            for call in waiting:
                call.ears.clear()
                await hears_music(call, timeout=BACK_S)
                await call.hang_up()
            await made.first.hang_up()
            await made.customer.wait_ended()
    cdr = await asyncio.to_thread(tenant.wait_cdr, cause="agent_hung_up")
    assert (cdr["agent_id"], cdr["offers"]) == ("a1", 1)


async def test_a_phone_that_rings_takes_its_call_at_the_other_instance(two: Platform) -> None:
    tenant = TestTenant.create(two, agents=1)
    async with caller_of(tenant) as caller, agent_phone(tenant, "a1") as phone:
        customer = await reach_queue(caller, tenant)
        customer.mouth.play_tone(CALLER, -15.0)
        ringing = await phone.next_call()
        await until_agent(tenant, "a1", presence="READY", work="RINGING")
        (lost,) = instances_of(two, tenant)
        async with gone(two, lost):
            await until_moved(two, tenant, lost)
            customer.ears.clear()
            await hears_music(customer)
            await ringing.answer()
            ringing.mouth.play_tone(FIRST, -15.0)
            await hears(customer, FIRST, timeout=BACK_S)
            await hears(ringing, CALLER)
            await customer.hang_up()
    cdr = await asyncio.to_thread(tenant.wait_cdr, cause="caller_hung_up")
    assert (cdr["agent_id"], cdr["offers"]) == ("a1", 1)


async def test_a_customer_who_waits_is_given_to_an_agent_at_the_other_instance(two: Platform) -> None:
    """What was made for the agent's leg before there was an agent is gone with the instance."""
    tenant = TestTenant.create(two, agents=1, flow_nodes=STRAIGHT)
    async with caller_of(tenant) as caller, agent_phone(tenant, "a1") as phone:
        customer, _ = await waits(caller, tenant)
        ringing = await phone.next_call()
        await ringing.answer()
        await until_agent(tenant, "a1", presence="READY", work="TALKING")
        await asyncio.to_thread(tenant.agent_do, "a1", "not_ready", reason="break")
        await customer.hang_up()
        await until_agent(tenant, "a1", presence="NOT_READY")
        customer, _ = await waits(caller, tenant)
        (lost,) = instances_of(two, tenant)
        async with gone(two, lost):
            await until_moved(two, tenant, lost)
            customer.ears.clear()
            await hears_music(customer, timeout=BACK_S)
            await asyncio.to_thread(tenant.agent_do, "a1", "ready")
            ringing = await phone.next_call()
            customer.mouth.play_tone(CALLER, -15.0)
            await ringing.answer()
            ringing.mouth.play_tone(FIRST, -15.0)
            await hears(customer, FIRST, timeout=BACK_S)
            await hears(ringing, CALLER)
            await customer.hang_up()
            await ringing.wait_ended()


@asynccontextmanager
async def dialled(tenant: TestTenant) -> AsyncIterator[tuple[PhoneCall, PhoneCall]]:
    """The agent's call of a number, and the same at the number, before it rings."""
    await configure(tenant, branch())
    async with (
        agent_phone(tenant, "a1", ready=False) as phone,
        carrier(tenant, policy=Policy(answer_after_s=None)) as out,
    ):
        call = await phone.dial(DIALLED)
        yield call, await out.next_call()


async def test_a_number_that_is_dialled_answers_at_the_other_instance(two: Platform) -> None:
    tenant = TestTenant.create(two, agents=1)
    async with dialled(tenant) as (call, there):
        await there.ring()
        await call.wait_ringing()
        (lost,) = instances_of(two, tenant)
        async with gone(two, lost):
            await until_moved(two, tenant, lost)
            await there.answer()
            await call.wait_answered()
            call.mouth.play_tone(CALLER, -15.0)
            there.mouth.play_tone(FIRST, -15.0)
            await hears(call, FIRST, timeout=BACK_S)
            await hears(there, CALLER)
            await call.hang_up()
            await there.wait_ended()
    cdr = await asyncio.to_thread(tenant.wait_cdr, dialed=NUMBER)
    assert (cdr["agent_id"], cdr["cause"]) == ("a1", "agent_hung_up")


async def test_early_audio_is_mended_at_the_answer(two: Platform) -> None:
    """The agent's phone has an answer in a 183: nothing can be offered to it until the number answers."""
    tenant = TestTenant.create(two, agents=1)
    async with dialled(tenant) as (call, there):
        await there.progress()
        there.mouth.play_tone(FIRST, -15.0)
        await hears(call, FIRST)
        (lost,) = instances_of(two, tenant)
        early = call.agreed
        async with gone(two, lost):
            await until_moved(two, tenant, lost)
            # In place of the far network's sounds there is our ringing.
            call.ears.clear()
            await wait_level(call, -40)
            assert call.agreed == early
            await there.answer()
            await call.wait_answered()
            call.mouth.play_tone(CALLER, -15.0)
            there.mouth.play_tone(SECOND, -15.0)
            await hears(call, SECOND, timeout=BACK_S)
            await hears(there, CALLER, timeout=BACK_S)
            assert call.agreed != early
            await there.hang_up()
            await call.wait_ended()
    cdr = await asyncio.to_thread(tenant.wait_cdr, dialed=NUMBER)
    assert (cdr["agent_id"], cdr["cause"]) == ("a1", "caller_hung_up")


@pytest.mark.peer
async def test_a_phone_with_keys_goes_on_at_the_other_instance(two: Platform, tmp_path: Path) -> None:
    tenant = TestTenant.create(two, agents=1)
    async with talk_with_baresip(two, tenant, tmp_path) as (call, both_hear):
        (lost,) = await asyncio.to_thread(instances_of, two, tenant)
        async with gone(two, lost):
            await until_moved(two, tenant, lost)
            await both_hear(SECOND)
        await call.hang_up()
    await asyncio.to_thread(tenant.wait_cdr, cause="caller_hung_up")


@pytest.mark.peer
@pytest.mark.skipif(bool(can_browse()), reason=can_browse())
async def test_a_browser_goes_on_at_the_other_instance(
    two: Platform, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """By an ICE restart and another certificate, in the session that its page knows."""
    tenant = TestTenant.create(two, agents=1)
    with phone_site(tmp_path_factory.mktemp("page")) as site:
        async with talk_with_browser(tenant, site, tmp_path) as (call, browser, both_hear):
            before = await browser.run("sdp.remoteoffer")
            (lost,) = await asyncio.to_thread(instances_of, two, tenant)
            async with gone(two, lost):
                await until_moved(two, tenant, lost)
                await both_hear(SECOND)
            after = await browser.run("sdp.remoteoffer")
            for name in ("a=fingerprint:", "a=ice-ufrag:"):
                assert _line(after, name) != _line(before, name)
            was, now = _line(before, "o=").split(), _line(after, "o=").split()
            assert (now[:2], int(now[2])) == (was[:2], int(was[2]) + 1)
            await call.hang_up()
    await asyncio.to_thread(tenant.wait_cdr, cause="caller_hung_up")


def _line(sdp: str, prefix: str) -> str:
    return next(line for line in sdp.splitlines() if line.startswith(prefix))
