"""The path between a browser and media is cut, while its signalling lives: an agent in Chromium behind a
forwarder of datagrams.
"""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from seatbus_rtp.tones import goertzel_dbfs
from seatbus_testkit.eventually import eventually
from seatbus_testkit.forwarder import Forwarder
from seatbus_testkit.phone import PhoneCall
from seatbus_testkit.platform import Platform
from seatbus_testkit.tenant import PASSWORD, TestTenant

from .agents import caller_of, reach_queue, until_agent
from .browser.browser_phone import MICROPHONE_HZ, BrowserPhone, browser_phone, can_browse, phone_site
from .conversations import CALLER, HEARD_DBFS, hears_music

pytestmark = [
    pytest.mark.platform,
    pytest.mark.peer,
    pytest.mark.skipif(bool(can_browse()), reason=can_browse()),
]

# Where browsers are told that media is, and where it is.
SHOWN, REAL = "127.0.0.9", "127.0.0.8"
CONSENT_S = 4
# A loaded machine's; it takes seconds.
BACK_S = 40.0


@pytest.fixture(scope="module")
def port() -> int:
    with socket.socket(type=socket.SOCK_DGRAM) as made:
        made.bind((REAL, 0))
        return int(made.getsockname()[1])


@pytest.fixture(scope="module")
def behind(tmp_path_factory: pytest.TempPathFactory, port: int) -> Iterator[Platform]:
    env = {
        "SEATBUS_RTP_ZONES": f"web={REAL}/{SHOWN}",
        "SEATBUS_WEBRTC_PORT": str(port),
        "SEATBUS_ICE_CONSENT_S": str(CONSENT_S),
    }
    running = Platform.start(tmp_path_factory.mktemp("path") / "data", env=env)
    try:
        yield running
    finally:
        running.stop()


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with phone_site(tmp_path_factory.mktemp("page")) as address:
        yield address


@asynccontextmanager
async def talk(
    tenant: TestTenant, site: str, folder: Path, port: int
) -> AsyncIterator[tuple[PhoneCall, BrowserPhone, Forwarder]]:
    """A caller talks with an agent in a browser whose datagrams all go through the forwarder."""
    fields = {"agent_id": "a1", "username": tenant.username("a1"), "password": PASSWORD, "media_zone": "web"}
    device = {"id": "a1-phone", "device": {**fields, "kind": "DEVICE_KIND_WEBRTC"}}
    tenant.platform.post(tenant.path("config"), {"upserts": [device]})
    path = await Forwarder.start((SHOWN, port), (REAL, port))
    try:
        async with browser_phone(tenant, "a1", site, folder) as browser, caller_of(tenant) as caller:
            call = await reach_queue(caller, tenant)
            call.mouth.play_tone(CALLER, -15.0)
            await browser.until("log.includes('confirmed')")
            await both_hear(call, browser)
            yield call, browser, path
    finally:
        path.close()


async def both_hear(call: PhoneCall, browser: BrowserPhone) -> None:
    await browser.hears(CALLER, BACK_S)
    await eventually(lambda: goertzel_dbfs(call.ears.tail(0.4), MICROPHONE_HZ) > HEARD_DBFS, BACK_S)


async def test_a_path_that_was_cut_is_found_again_and_one_that_stays_cut_loses_nobody(
    behind: Platform, site: str, port: int, tmp_path: Path
) -> None:
    tenant = TestTenant.create(behind, agents=1, queue={"wrap_up_s": 0, "device_lost_s": 1})
    async with talk(tenant, site, tmp_path, port) as (call, browser, path):
        before = await browser.run("sdp.remoteoffer")
        path.cut = True
        # By its WebSocket the browser is asked for another way.
        await browser.until(f"sdp.remoteoffer !== {json.dumps(before)}", BACK_S)
        path.cut = False
        call.ears.clear()
        await both_hear(call, browser)
        await until_agent(tenant, "a1", presence="READY", work="TALKING")
        path.cut = True
        await until_agent(tenant, "a1", presence="NOT_READY", timeout=BACK_S)
        assert tenant.agent("a1")["reason"] == "device_lost"
        call.ears.clear()
        await hears_music(call)
        assert not call.over()
        await call.hang_up()
    cdr = await asyncio.to_thread(tenant.wait_cdr, cause="abandoned_in_queue")
    assert [segment["cause"] for segment in cdr["segments"]] == ["device_lost"]
    assert cdr["queue_visits"] == 2
