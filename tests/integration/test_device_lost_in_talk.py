"""An agent's phone dies in the middle of a talk: the customer is held, and nobody is lost."""

from __future__ import annotations

import asyncio

import pytest

from seatbus_testkit.phone import Phone, PhoneCall
from seatbus_testkit.platform import Platform
from seatbus_testkit.tenant import PASSWORD, TestTenant

from .agents import agent_phone, caller_of, outcomes, reach_queue, until_agent, wait_level
from .conversations import CALLER, FIRST, SECOND, hears, hears_music
from .conversations import talk as conversation

pytestmark = pytest.mark.platform


async def phone_again(tenant: TestTenant, agent: str, transport: str) -> Phone:
    """The same account registers from a phone that was restarted, without a log-in."""
    server = tenant.platform.sip_over(transport)
    phone = await Phone.start(server, username=tenant.username(agent), password=PASSWORD, transport=transport)
    await phone.register()
    return phone


async def talk(phone: Phone, call: PhoneCall) -> PhoneCall:
    """The phone answers, and each hears the other."""
    leg = await phone.next_call()
    await leg.answer()
    leg.mouth.play_tone(1000, -15)
    call.mouth.play_tone(600, -15)
    await call.ears.wait_tone(1000)
    await leg.ears.wait_tone(600)
    return leg


@pytest.mark.parametrize("transport", ["TCP", "UDP"])
async def test_the_talk_goes_on_with_the_phone_that_was_restarted(platform: Platform, transport: str) -> None:
    tenant = TestTenant.create(platform, agents=1, queue={"wrap_up_s": 0})
    async with caller_of(tenant) as caller, agent_phone(tenant, "a1", transport=transport) as phone:
        call = await reach_queue(caller, tenant)
        await talk(phone, call)
        phone.vanish()
        if transport == "TCP":
            await until_agent(tenant, "a1", presence="READY", work="HELD")
            await wait_level(call, -40)
        back = await phone_again(tenant, "a1", transport)
        again = await talk(back, call)
        await until_agent(tenant, "a1", presence="READY", work="TALKING")
        await call.hang_up()
        await again.wait_ended()
        await until_agent(tenant, "a1", presence="READY")
        await back.close()
    cdr = await asyncio.to_thread(tenant.wait_cdr, cause="caller_hung_up")
    assert [segment["cause"] for segment in cdr["segments"]] == ["device_lost", "caller_hung_up"]
    assert cdr["queue_visits"] == 1
    assert await outcomes(tenant, 1) == ["answered"]


async def test_a_phone_that_reconnects_goes_on_in_the_same_dialog(platform: Platform) -> None:
    tenant = TestTenant.create(platform, agents=1, queue={"wrap_up_s": 0})
    async with caller_of(tenant) as caller, agent_phone(tenant, "a1", transport="TCP") as phone:
        call = await reach_queue(caller, tenant)
        leg = await talk(phone, call)
        # Out of coverage: neither signalling nor audio gets through.
        leg.mouth.mute()
        phone.sip.drop()  # type: ignore[attr-defined]
        await until_agent(tenant, "a1", presence="READY", work="HELD")
        await phone.reconnect()
        await phone.register()
        await until_agent(tenant, "a1", presence="READY", work="TALKING")
        leg.mouth.play_tone(800, -15)
        await call.ears.wait_tone(800)
        await leg.hang_up()
        await call.wait_ended()
    cdr = await asyncio.to_thread(tenant.wait_cdr, cause="agent_hung_up")
    assert [segment["cause"] for segment in cdr["segments"]] == ["agent_hung_up"]


async def test_the_customer_of_a_phone_that_stays_away_is_the_next_to_be_served(platform: Platform) -> None:
    tenant = TestTenant.create(platform, agents=2, queue={"wrap_up_s": 0, "device_lost_s": 1})
    async with (
        caller_of(tenant) as one,
        caller_of(tenant) as two,
        agent_phone(tenant, "a1", transport="TCP") as phone,
    ):
        call = await reach_queue(one, tenant)
        await talk(phone, call)
        waiting = await reach_queue(two, tenant)
        phone.vanish()
        await until_agent(tenant, "a1", presence="NOT_READY")
        assert tenant.agent("a1")["reason"] == "device_lost"
        async with agent_phone(tenant, "a2") as other:
            taken = await talk(other, call)
            assert not waiting.over()
            await taken.hang_up()
            await call.wait_ended()
            await (await other.next_call()).answer()
            await until_agent(tenant, "a2", presence="READY", work="TALKING")
            await waiting.hang_up()
            await until_agent(tenant, "a2", presence="READY")
    cdr = await asyncio.to_thread(tenant.wait_cdr, cause="agent_hung_up")
    assert [segment["cause"] for segment in cdr["segments"]] == ["device_lost", "agent_hung_up"]
    assert (cdr["agent_id"], cdr["queue_visits"]) == ("a2", 2)


async def test_a_phone_lost_while_its_agent_asks_a_colleague_takes_its_talk_up_again(
    platform: Platform,
) -> None:
    tenant = TestTenant.create(platform, agents=2, queue={"members": [{"agent_id": "a1"}], "wrap_up_s": 0})
    async with conversation(tenant, "a2", transport="TCP") as call:
        await call.ask("consult", {"agent_id": "a2"})
        second = await call.answer("a2", SECOND)
        await hears(second, FIRST)
        call.phones["a1"].vanish()
        await second.wait_ended()
        await hears_music(call.customer)
        await until_agent(tenant, "a1", presence="READY", work="HELD")
        back = await phone_again(tenant, "a1", "TCP")
        again = await back.next_call()
        await again.answer()
        again.mouth.play_tone(FIRST, -15)
        await hears(call.customer, FIRST)
        await hears(again, CALLER)
        await until_agent(tenant, "a1", presence="READY", work="TALKING")
        await again.hang_up()
        await call.customer.wait_ended()
        await back.close()
    cdr = await asyncio.to_thread(tenant.wait_cdr, call_id=call.call_id)
    assert [(part["agent_id"], part["cause"]) for part in cdr["segments"]] == [
        ("a1", "device_lost"),
        ("a2", "device_lost"),
        ("a1", "agent_hung_up"),
    ]


async def test_a_phone_lost_in_a_conference_leaves_the_others_talking(platform: Platform) -> None:
    tenant = TestTenant.create(platform, agents=2, queue={"members": [{"agent_id": "a1"}], "wrap_up_s": 0})
    async with conversation(tenant, "a2", transport="TCP") as call:
        await call.ask("consult", {"agent_id": "a2"})
        second = await call.answer("a2", SECOND)
        await hears(second, FIRST)
        await call.ask("consult/complete", {"end": "conference"})
        await hears(call.customer, FIRST, SECOND)
        call.phones["a1"].vanish()
        await hears(call.customer, SECOND)
        await hears(second, CALLER)
        await until_agent(tenant, "a1", presence="NOT_READY")
        await until_agent(tenant, "a2", presence="NOT_READY", work="TALKING")
        back = await phone_again(tenant, "a1", "TCP")
        await until_agent(tenant, "a1", presence="READY")
        await second.hang_up()
        await call.customer.wait_ended()
        await back.close()
    cdr = await asyncio.to_thread(tenant.wait_cdr, call_id=call.call_id)
    assert [(part["agent_id"], part["cause"]) for part in cdr["segments"]] == [
        ("a1", "device_lost"),
        ("a2", "agent_hung_up"),
    ]
