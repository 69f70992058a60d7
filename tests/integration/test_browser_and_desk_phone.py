"""An agent's browser and desk phone ring for one customer: each is offered audio of its kind, one answers."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from seatbus_testkit.phone import Phone, PhoneCall
from seatbus_testkit.platform import Platform
from seatbus_testkit.tenant import TestTenant

from .agents import agent_phone, caller_of, reach_queue, until_agent
from .browser.browser_phone import MICROPHONE_HZ, BrowserPhone, browser_phone, can_browse, phone_site
from .test_several_phones import with_soft_phone

pytestmark = [
    pytest.mark.platform,
    pytest.mark.peer,
    pytest.mark.skipif(bool(can_browse()), reason=can_browse()),
]
CALLER_HZ, DESK_HZ = 440.0, 700.0


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with phone_site(tmp_path_factory.mktemp("page")) as address:
        yield address


async def ring(tenant: TestTenant, desk: Phone, browser: BrowserPhone, caller: Phone) -> list[PhoneCall]:
    """The caller's call and the desk phone's, while the page rings as well."""
    await browser.run("log.length = 0")
    call = await reach_queue(caller, tenant)
    call.mouth.play_tone(CALLER_HZ, -15)
    leg = await desk.next_call()
    await leg.ring()
    await browser.until("log.includes('call remote')")
    await until_agent(tenant, "a1", presence="READY", work="RINGING")
    return [call, leg]


async def test_who_answers_has_the_call_and_the_other_phone_of_the_agent_is_silent_again(
    platform: Platform, site: str, tmp_path: Path
) -> None:
    tenant = await asyncio.to_thread(with_soft_phone, platform)
    async with (
        agent_phone(tenant, "a1") as desk,
        browser_phone(tenant, "a1", site, tmp_path, answers=False, user=f"{tenant.id}-soft") as browser,
        caller_of(tenant) as caller,
    ):
        call, leg = await ring(tenant, desk, browser, caller)
        assert b"a=fingerprint" not in leg.request.body
        await browser.run("session.answer({mediaConstraints: MEDIA, pcConfig: PC})")
        await leg.wait_ended()
        assert leg.cancel_reason == 'SIP;cause=200;text="Call completed elsewhere"'
        await browser.hears(CALLER_HZ)
        await call.ears.wait_tone(MICROPHONE_HZ)
        await until_agent(tenant, "a1", presence="READY", work="TALKING")
        await call.hang_up()
        await browser.until("log.some((line) => line.startsWith('ended'))")
        await until_agent(tenant, "a1", presence="READY")

        call, leg = await ring(tenant, desk, browser, caller)
        await leg.answer()
        leg.mouth.play_tone(DESK_HZ, -15)
        await browser.until("log.some((line) => line.startsWith('failed'))")
        await leg.ears.wait_tone(CALLER_HZ)
        await call.ears.wait_tone(DESK_HZ)
        await until_agent(tenant, "a1", presence="READY", work="TALKING")
        await leg.hang_up()
        await call.wait_ended()
        await until_agent(tenant, "a1", presence="READY")
