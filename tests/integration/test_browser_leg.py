"""A browser as a leg of a call, in the whole platform: Chromium with JsSIP over the edge's WebSocket."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from seatbus_testkit.platform import Platform
from seatbus_testkit.tenant import TestTenant

from .agents import caller_of, reach_queue, until_agent, wait_level
from .browser.browser_phone import MICROPHONE_HZ, browser_phone, can_browse, phone_site

pytestmark = [
    pytest.mark.platform,
    pytest.mark.peer,
    pytest.mark.skipif(bool(can_browse()), reason=can_browse()),
]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with phone_site(tmp_path_factory.mktemp("page")) as address:
        yield address


async def test_an_agent_in_a_browser_and_a_caller_hear_each_other(
    platform: Platform, site: str, tmp_path: Path
) -> None:
    tenant = TestTenant.create(platform, agents=1)
    async with (
        browser_phone(tenant, "a1", site, tmp_path, secure=True) as browser,
        caller_of(tenant) as caller,
    ):
        call = await reach_queue(caller, tenant)
        call.mouth.play_tone(440.0, -15.0)
        await browser.until("log.includes('confirmed')")
        await until_agent(tenant, "a1", presence="READY", work="TALKING")
        await wait_level(call, -25)
        await browser.hears(440.0)
        await asyncio.sleep(1.0)
        hz, level = call.ears.tone(0.5)
        assert hz == pytest.approx(MICROPHONE_HZ, abs=8)
        assert level == pytest.approx(-15, abs=1.5)
        await browser.run("session.terminate()")
        await call.wait_ended()
    cdr = await asyncio.to_thread(tenant.wait_cdr, cause="agent_hung_up")
    assert cdr["agent_id"] == "a1"
