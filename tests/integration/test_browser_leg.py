"""A browser as a leg of a call, in the whole platform: Chromium with JsSIP over the edge's WebSocket."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from seatbus_rtp.tones import goertzel_dbfs
from seatbus_testkit.eventually import eventually
from seatbus_testkit.phone import Phone, PhoneCall
from seatbus_testkit.platform import Platform
from seatbus_testkit.tenant import TestTenant

from .agents import caller_of, reach_queue, until_agent, wait_level
from .browser.browser_phone import MICROPHONE_HZ, BrowserPhone, browser_phone, can_browse, phone_site
from .sip.peers import baresip_agent
from .test_secure_phones import baresip_hears

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


async def joined(caller: Phone, tenant: TestTenant, browser: BrowserPhone) -> PhoneCall:
    """A caller with 440 Hz who talks with the agent in the browser."""
    call = await reach_queue(caller, tenant)
    call.mouth.play_tone(440.0, -15.0)
    await browser.until("log.includes('confirmed')")
    await browser.hears(440.0)
    await until_microphone(call)
    return call


async def until_microphone(call: PhoneCall, there: bool = True) -> None:
    """The caller hears the browser's microphone, or no longer does."""
    await eventually(lambda: (goertzel_dbfs(call.ears.tail(0.4), MICROPHONE_HZ) > -25) == there)


async def test_a_browser_holds_resumes_and_restarts_its_path(
    platform: Platform, site: str, tmp_path: Path
) -> None:
    tenant = TestTenant.create(platform, agents=1)
    async with (
        browser_phone(tenant, "a1", site, tmp_path) as browser,
        caller_of(tenant) as caller,
    ):
        call = await joined(caller, tenant, browser)
        offered = await browser.run("sdp.remoteoffer")

        await browser.run("session.hold()")
        await browser.until("log.includes('hold local') || session.isOnHold().local")
        await until_microphone(call, there=False)
        await browser.run("session.unhold()")
        await browser.until("!session.isOnHold().local")
        await until_microphone(call)
        await browser.hears(440.0)
        kept = await browser.run("sdp.remoteanswer")
        assert line_of(kept, "a=ice-ufrag:") == line_of(offered, "a=ice-ufrag:")
        assert line_of(kept, "a=fingerprint:") == line_of(offered, "a=fingerprint:")

        await browser.run(
            "new Promise((done) => session.renegotiate({rtcOfferConstraints: {iceRestart: true}}, done))"
        )
        fresh = await browser.run("sdp.remoteanswer")
        assert line_of(fresh, "a=ice-ufrag:") != line_of(kept, "a=ice-ufrag:")
        assert line_of(fresh, "a=fingerprint:") == line_of(kept, "a=fingerprint:")
        # Longer than the browser would stay connected on the old credentials.
        await asyncio.sleep(7)
        assert await browser.run("connection.iceConnectionState") == "connected"
        assert goertzel_dbfs(call.ears.tail(0.4), MICROPHONE_HZ) > -25
        await browser.hears(440.0)
        await call.hang_up()
        await browser.until("log.some((line) => line.startsWith('ended'))")
    await asyncio.to_thread(tenant.wait_cdr, cause="caller_hung_up")


def line_of(sdp: str, prefix: str) -> str:
    return next(line for line in sdp.splitlines() if line.startswith(prefix))


async def test_a_talk_goes_on_in_the_page_that_was_reloaded(
    platform: Platform, site: str, tmp_path: Path
) -> None:
    tenant = TestTenant.create(platform, agents=1)
    async with (
        browser_phone(tenant, "a1", site, tmp_path) as browser,
        caller_of(tenant) as caller,
    ):
        call = await joined(caller, tenant, browser)
        await browser.run("window.onbeforeunload = null; ua.sessions = {}; ua.stop = () => {}")
        await browser.start()
        # The page knows nothing of the talk: it is called, and takes it.
        await browser.until("log.includes('confirmed')")
        await browser.hears(440.0)
        await until_microphone(call)
        await until_agent(tenant, "a1", presence="READY", work="TALKING")
        await call.hang_up()
        await until_agent(tenant, "a1", presence="READY")
    cdr = await asyncio.to_thread(tenant.wait_cdr, cause="caller_hung_up")
    assert [segment["cause"] for segment in cdr["segments"]] == ["device_lost", "caller_hung_up"]


async def test_an_agent_calls_out_of_a_browser_in_every_codec(
    platform: Platform, site: str, tmp_path: Path
) -> None:
    tenant = TestTenant.create(platform, agents=1)
    async with (
        caller_of(tenant) as carrier,
        browser_phone(tenant, "a1", site, tmp_path) as browser,
    ):
        host, port = carrier.address
        trunk = {"name": "Carrier", "host": host, "port": port, "outbound": True, "no_options": True}
        platform.post(tenant.path("config"), {"upserts": [{"id": "out", "trunk": trunk}]})
        plan = {"country_code": "49", "national_prefix": "0", "international_prefix": "00", "area_code": "30"}
        branch = {"name": "Main", "time_zone": "Europe/Berlin", "dial_plan": plan, "caller_id": "+4930555000"}
        platform.post(tenant.path("config"), {"upserts": [{"id": "main", "branch": branch}]})
        await asyncio.sleep(0.5)
        for codec, hz in (("PCMU", 440.0), ("PCMA", 500.0), ("G722", 560.0), ("opus", 620.0)):
            await browser.run(f"log.length = 0, window.codec = '{codec}', callOut('089123456')")
            call = await carrier.next_call()
            await call.answer()
            call.mouth.play_tone(hz, -15.0)
            await browser.until("log.includes('confirmed')")
            await browser.hears(hz)
            await until_microphone(call)
            assert f" {codec}/" in line_of(await browser.run("sdp.remoteanswer"), "a=rtpmap:")
            await browser.run("session.sendDTMF('7', {transportType: 'RFC2833'})")
            await call.ears.wait_digits("7")
            await call.hang_up()
            await browser.until("log.some((line) => line.startsWith('ended'))")


async def test_a_carrier_that_must_encrypt_talks_with_an_agent_in_a_browser(
    platform: Platform, site: str, tmp_path: Path
) -> None:
    """baresip with keys in the SDP (SDES) on one side, Chromium with DTLS on the other."""
    nodes = [
        {"id": "sales", "queue": {"queue_id": "q1", "on_overflow": "bye"}},
        {"id": "bye", "hang_up": {"audio": [{"text": "Good bye."}]}},
    ]
    tenant = TestTenant.create(platform, agents=1, flow_nodes=nodes)
    async with (
        browser_phone(tenant, "a1", site, tmp_path) as browser,
        baresip_agent(
            tmp_path,
            platform.sip,
            "carrier",
            "none",
            hz=700,
            encryption="srtp-mand",
            host=tenant.caller_host,
            dials=tenant.number,
        ),
    ):
        await browser.until("log.includes('confirmed')")
        await browser.hears(700)
        await baresip_hears(tmp_path, MICROPHONE_HZ)
        await browser.run("session.terminate()")
        await asyncio.to_thread(tenant.wait_cdr, cause="agent_hung_up")
