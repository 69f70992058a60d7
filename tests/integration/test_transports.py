"""Phones over TCP, TLS, WebSocket and IPv6 in the whole platform: ours, baresip, and JsSIP in a browser."""

from __future__ import annotations

import asyncio
import functools
import http.server
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from seatbus_testkit.platform import Platform
from seatbus_testkit.tenant import PASSWORD, TestTenant

from .agents import agent_phone, caller_of, reach_queue, until_agent, wait_level
from .sip.peers import baresip_agent

WEB = Path(__file__).resolve().parents[2] / "web"
sys.path.insert(0, str(WEB / "tools"))

from chromium import Chromium, program  # noqa: E402

pytestmark = pytest.mark.platform


def registered(tenant: TestTenant, agent: str) -> dict[str, Any] | None:
    found = tenant.platform.get(tenant.path("registrations"))["registrations"]
    return next((item for item in found if item["username"] == tenant.username(agent)), None)


async def until_registered(tenant: TestTenant, agent: str, there: bool = True) -> dict[str, Any]:
    def check() -> object:
        return (registered(tenant, agent) is not None) == there

    await asyncio.to_thread(tenant.platform.until, check, 30, f"{agent} registered: {there}")
    return registered(tenant, agent) or {}


@pytest.mark.parametrize(
    ("transport", "server"), [("TCP", "127.0.0.1"), ("TLS", "::1"), ("WS", "::1"), ("WSS", "127.0.0.1")]
)
async def test_an_agent_talks_over_a_connection(platform: Platform, transport: str, server: str) -> None:
    tenant = TestTenant.create(platform, agents=1)
    async with (
        caller_of(tenant) as caller,
        agent_phone(tenant, "a1", transport=transport, server=server) as phone,
    ):
        assert (await until_registered(tenant, "a1"))["transport"] == transport.lower()
        call = await reach_queue(caller, tenant)
        ringing = await phone.next_call()
        await ringing.answer()
        call.mouth.play_tone(440.0, -15.0)
        ringing.mouth.play_tone(1000.0, -15.0)
        await wait_level(ringing, -20)
        await asyncio.sleep(1.0)
        assert ringing.ears.tone(0.5)[0] == pytest.approx(440, abs=8)
        assert call.ears.tone(0.5)[0] == pytest.approx(1000, abs=8)
        await ringing.hang_up()
        await call.wait_ended()
    cdr = await asyncio.to_thread(tenant.wait_cdr, cause="agent_hung_up")
    assert cdr["agent_id"] == "a1"


async def test_a_phone_whose_connection_broke_is_called_once_it_is_back(platform: Platform) -> None:
    tenant = TestTenant.create(platform, agents=2)
    async with (
        caller_of(tenant) as caller,
        agent_phone(tenant, "a1", transport="TCP") as lost,
        agent_phone(tenant, "a2") as other,
    ):
        lost.sip.drop()  # type: ignore[attr-defined]
        await until_registered(tenant, "a1", there=False)
        # a1 is idle longest, and unreachable: the caller gets a2.
        first = await reach_queue(caller, tenant)
        ringing = await other.next_call()
        await ringing.answer()
        await lost.reconnect()
        await lost.register()
        await until_registered(tenant, "a1")
        record = await asyncio.to_thread(tenant.agent, "a1")
        if record["presence"] != "PRESENCE_READY":
            await asyncio.to_thread(tenant.agent_do, "a1", "ready")
        second = await reach_queue(caller, tenant)
        again = await lost.next_call()
        await again.answer()
        await second.hang_up()
        await first.hang_up()


@pytest.mark.peer
async def test_baresip_takes_a_call_over_tcp(platform: Platform, tmp_path: Path) -> None:
    tenant = TestTenant.create(platform, agents=1, queue={"wrap_up_s": 30})
    async with baresip_agent(
        tmp_path, platform.sip, tenant.username("a1"), PASSWORD, hz=1000, transport="tcp"
    ):
        assert (await until_registered(tenant, "a1"))["transport"] == "tcp"
        await asyncio.to_thread(tenant.agent_do, "a1", "login", ready=True)
        async with caller_of(tenant) as caller:
            call = await reach_queue(caller, tenant)
            await until_agent(tenant, "a1", presence="READY", work="TALKING")
            await call.ears.wait_tone(1000)
            await call.hang_up()
            await until_agent(tenant, "a1", presence="READY", work="WRAP_UP")
    cdr = await asyncio.to_thread(tenant.wait_cdr, cause="caller_hung_up")
    assert cdr["agent_id"] == "a1"


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def phone_page(tmp_path: Path) -> Iterator[str]:
    """Address of a page that has JsSIP."""
    folder = tmp_path / "page"
    vite = WEB / "node_modules" / ".bin" / "vite"
    subprocess.run(
        [str(vite), "build", "--config", "tools/jssip.vite.config.js", "--outDir", str(folder)],
        cwd=WEB,
        check=True,
        capture_output=True,
        timeout=60,
    )
    (folder / "index.html").write_text("<!doctype html><title>phone</title><script src=jssip.js></script>")
    server = http.server.ThreadingHTTPServer(
        ("127.0.0.1", 0), functools.partial(_Quiet, directory=str(folder))
    )
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}/index.html"
    server.shutdown()
    server.server_close()


_START = """
(() => {
  window.log = [];
  const socket = new JsSIP.WebSocketInterface("%s");
  window.ua = new JsSIP.UA({sockets: [socket], uri: "sip:%s@seatbus", password: "%s", register: true});
  for (const name of ["connected", "disconnected", "registered", "registrationFailed"])
    ua.on(name, (event) => log.push(name + (event && event.cause ? " " + event.cause : "")));
  ua.on("newRTCSession", ({originator, request, session}) => {
    log.push(originator + " " + request.method + " " + request.getHeader("X-Seatbus-Queue"));
    setTimeout(() => session.terminate({status_code: 486}), 200);
  });
  ua.start();
})()
"""


@pytest.mark.peer
@pytest.mark.skipif(program() is None, reason="no chromium here: apt-get install chromium")
@pytest.mark.skipif(
    not (WEB / "node_modules" / "jssip").is_dir(), reason="JsSIP is not installed: scripts/setup web"
)
async def test_jssip_in_a_browser_registers_over_a_web_socket_and_is_rung(
    platform: Platform, phone_page: str
) -> None:
    tenant = TestTenant.create(platform, agents=1)
    host, port = platform.sip_over("WS")

    def browse() -> Chromium:
        browser = Chromium().__enter__()
        browser.open(phone_page)
        browser.evaluate(_START % (f"ws://{host}:{port}/", tenant.username("a1"), PASSWORD))
        return browser

    browser = await asyncio.to_thread(browse)
    try:
        await asyncio.to_thread(browser.wait_for, "log.includes('registered')")
        assert (await until_registered(tenant, "a1"))["transport"] == "ws"
        await asyncio.to_thread(tenant.agent_do, "a1", "login", ready=True)
        async with caller_of(tenant) as caller:
            call = await reach_queue(caller, tenant)
            wanted = f"log.includes('remote INVITE {tenant.queue}')"
            await asyncio.to_thread(browser.wait_for, wanted)
            await call.hang_up()
    finally:
        # The page is closed, and its connection with it.
        await asyncio.to_thread(browser.__exit__, None, None, None)
    await until_registered(tenant, "a1", there=False)
