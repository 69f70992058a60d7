"""Media is killed under calls of every kind: they go on in place, with keys and counters, or elsewhere.

In place wants a process that starts within seconds, which a machine that is busy with other tests has not.
"""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from seatbus_testkit.eventually import eventually
from seatbus_testkit.platform import Platform
from seatbus_testkit.tenant import TestTenant
from tests.integration.browser.browser_phone import can_browse, phone_site
from tests.integration.conversations import CALLER, FIRST, SECOND, THIRD, Talk, hears, hears_music, talk
from tests.integration.media_instances import BACK_S, BothHear, gone, talk_with_baresip, talk_with_browser

pytestmark = pytest.mark.platform


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    running = Platform.start(tmp_path_factory.mktemp("two-media") / "data", "--replicas", "media=2")
    try:
        yield running
    finally:
        running.stop()


@pytest.fixture(scope="module")
def one(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    running = Platform.start(tmp_path_factory.mktemp("one-media") / "data")
    try:
        yield running
    finally:
        running.stop()


async def _goes_on_in_place(platform: Platform, both_hear: BothHear, *tones: float) -> None:
    """Once for each tone."""
    folder = next(folder for folder in platform.data_dir.rglob("keys") if folder.parent.name == "media-0")
    # A handshake's keys are written down within a second.
    await eventually(lambda: any(folder.iterdir()))
    for hz in tones:
        killed = await asyncio.to_thread(platform.kill, "media-0")
        await asyncio.to_thread(platform.wait_restarted, "media-0", killed)
        await both_hear(hz)
        assert "calls of a killed process go on" in platform.log_text("media-0")


@pytest.mark.peer
async def test_a_phone_with_keys_goes_on_in_place(one: Platform, tmp_path: Path) -> None:
    tenant = TestTenant.create(one, agents=1)
    async with talk_with_baresip(one, tenant, tmp_path) as (call, both_hear):
        await _goes_on_in_place(one, both_hear, SECOND, THIRD)
        await call.hang_up()
    await asyncio.to_thread(tenant.wait_cdr, cause="caller_hung_up")


@pytest.mark.peer
@pytest.mark.skipif(bool(can_browse()), reason=can_browse())
async def test_a_browser_goes_on_in_place(
    one: Platform, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """It negotiates nothing and does not notice; what it offers later is answered as before."""
    tenant = TestTenant.create(one, agents=1)
    with phone_site(tmp_path_factory.mktemp("page")) as site:
        async with talk_with_browser(tenant, site, tmp_path) as (call, browser, both_hear):
            offered = await browser.run("sdp.remoteoffer")
            # A browser gives up after 15 s without an answer to its checks.
            await _goes_on_in_place(one, both_hear, SECOND)
            assert await browser.run("sdp.remoteoffer") == offered
            await browser.run("new Promise((done) => session.hold({}, done))")
            await hears_music(call)
            await browser.run("new Promise((done) => session.unhold({}, done))")
            await both_hear(CALLER)
            await call.hang_up()
    await asyncio.to_thread(tenant.wait_cdr, cause="caller_hung_up")


@pytest.mark.peer
@pytest.mark.skipif(bool(can_browse()), reason=can_browse())
async def test_a_browser_that_has_given_its_way_up_is_offered_another(
    one: Platform, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Its media stood still for longer than Chromium waits, and there is no other instance."""
    tenant = TestTenant.create(one, agents=1)
    with phone_site(tmp_path_factory.mktemp("page")) as site:
        async with talk_with_browser(tenant, site, tmp_path) as (call, browser, both_hear):
            offered = await browser.run("sdp.remoteoffer")
            one.kill("media-0", signal.SIGSTOP)
            try:
                await asyncio.sleep(17)
            finally:
                one.kill("media-0", signal.SIGCONT)
            await both_hear(SECOND)
            assert await browser.run("sdp.remoteoffer") != offered
            await call.hang_up()
    await asyncio.to_thread(tenant.wait_cdr, cause="caller_hung_up")


async def _instance(made: Talk) -> str:
    return str((await asyncio.to_thread(made.record))["media_instance"])


async def test_a_consultation_and_a_supervised_conference_go_on_at_the_other_instance(two: Platform) -> None:
    tenant = TestTenant.create(two, agents=3, queue={"members": [{"agent_id": "a1"}]})
    async with talk(tenant, "a2", "a3") as made:
        await made.ask("consult", {"agent_id": "a2"})
        second = await made.answer("a2", SECOND)
        await hears(second, FIRST)
        async with gone(two, await _instance(made)):
            await asyncio.sleep(0.7)
            for call in (made.customer, made.first, second):
                call.ears.clear()
            await hears(second, FIRST, timeout=BACK_S)
            await hears(made.first, SECOND)
            await hears_music(made.customer)
        await made.ask("consult/complete", {"end": "conference"})
        await made.ask("supervise", {"supervisor_agent_id": "a3", "mode": "monitor"})
        boss = await made.answer("a3", THIRD)
        await hears(boss, CALLER, FIRST, SECOND)
        async with gone(two, await _instance(made)):
            await asyncio.sleep(0.7)
            for call in (made.customer, made.first, second, boss):
                call.ears.clear()
            await hears(boss, CALLER, FIRST, SECOND, timeout=BACK_S)
            await hears(made.customer, FIRST, SECOND)
            await hears(made.first, CALLER, SECOND)
            await hears(second, CALLER, FIRST)
        await made.customer.hang_up()
    await asyncio.to_thread(tenant.wait_cdr, cause="caller_hung_up")
