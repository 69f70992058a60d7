"""A softphone in a headless Chromium: JsSIP over the edge's WebSocket, its microphone a file with a tone."""

from __future__ import annotations

import asyncio
import functools
import http.server
import subprocess
import sys
import threading
import wave
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

from seatbus_rtp.tones import tone
from seatbus_testkit.tenant import PASSWORD, TestTenant

WEB = Path(__file__).resolve().parents[3] / "web"
sys.path.insert(0, str(WEB / "tools"))

from chromium import Chromium, program  # noqa: E402

__all__ = ["BrowserPhone", "browser_phone", "can_browse", "phone_site"]

MICROPHONE_HZ = 1000.0
_FLAGS = (
    "--use-fake-device-for-media-stream",
    "--use-fake-ui-for-media-stream",
    "--autoplay-policy=no-user-gesture-required",
    "--allow-loopback-in-peer-connection",
    "--mute-audio",
)


def can_browse() -> str:
    """Empty, or what is missing."""
    if program() is None:
        return "no chromium here: apt-get install chromium"
    return "" if (WEB / "node_modules" / "jssip").is_dir() else "JsSIP is not installed: scripts/setup web"


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        pass


@contextmanager
def phone_site(folder: Path) -> Iterator[str]:
    """Serves the page with the softphone; gives its address."""
    vite = WEB / "node_modules" / ".bin" / "vite"
    subprocess.run(
        [str(vite), "build", "--config", "tools/jssip.vite.config.js", "--outDir", str(folder)],
        cwd=WEB,
        check=True,
        capture_output=True,
        timeout=60,
    )
    (folder / "phone.js").write_text((Path(__file__).parent / "phone.js").read_text())
    page = "<!doctype html><title>phone</title><script src=jssip.js></script><script src=phone.js></script>"
    (folder / "index.html").write_text(page)
    server = http.server.ThreadingHTTPServer(
        ("127.0.0.1", 0), functools.partial(_Quiet, directory=str(folder))
    )
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/index.html"
    finally:
        server.shutdown()
        server.server_close()


class BrowserPhone:
    """What a test asks of the page. Everything waits in a thread: the page must not stop the caller's RTP."""

    def __init__(self, browser: Chromium, site: str, url: str, user: str) -> None:
        self.browser = browser
        self._site = site
        self._url = url
        self._user = user

    async def start(self, answers: bool = True) -> None:
        """Opens the page (again) and registers."""
        await asyncio.to_thread(self.browser.open, self._site)
        await self.run(
            f"startPhone('{self._url}', '{self._user}', '{PASSWORD}', {'true' if answers else 'false'})"
        )
        await self.until("log.includes('registered')")

    async def run(self, script: str) -> Any:
        return await asyncio.to_thread(self.browser.evaluate, script)

    async def until(self, condition: str, timeout_s: float = 45) -> Any:
        return await asyncio.to_thread(self.browser.wait_for, condition, timeout_s)

    async def hears(self, hz: float, timeout_s: float = 30) -> float:
        """Waits for the tone; returns its level in the page's analyser, dB."""
        condition = f"(() => {{ const [hz, db] = heard(); return Math.abs(hz - {hz}) < 15 && db > -60 }})()"
        await self.until(condition, timeout_s)
        return float((await self.run("heard()"))[1])

    async def hears_nothing(self, timeout_s: float = 30) -> None:
        await self.until("heard()[1] < -70", timeout_s)


def _microphone(path: Path) -> Path:
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000)
        # Whole periods: it is played over and over.
        file.writeframes(tone((MICROPHONE_HZ,), 10.0, -15.0).astype("<i2").tobytes())
    return path


@asynccontextmanager
async def browser_phone(
    tenant: TestTenant,
    agent: str,
    site: str,
    folder: Path,
    *,
    secure: bool = False,
    answers: bool = True,
    user: str = "",
) -> AsyncIterator[BrowserPhone]:
    """A registered softphone whose agent is logged in and ready. `user`: a second device of one who is."""
    host, port = tenant.platform.sip_over("WSS" if secure else "WS")
    url = f"{'wss' if secure else 'ws'}://{host}:{port}/"
    flags = (*_FLAGS, f"--use-file-for-fake-audio-capture={_microphone(folder / 'microphone.wav')}")
    if secure:
        flags += ("--ignore-certificate-errors",)
    browser = await asyncio.to_thread(Chromium(flags=flags).__enter__)
    try:
        phone = BrowserPhone(browser, site, url, user or tenant.username(agent))
        await phone.start(answers)
        if not user:
            await asyncio.to_thread(tenant.agent_do, agent, "login", ready=True)
        yield phone
    finally:
        await asyncio.to_thread(browser.__exit__, None, None, None)
