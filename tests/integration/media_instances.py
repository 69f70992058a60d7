"""What the tests of lost media instances share: who is where, an instance that stays away, talks with peers
of other makes that tell what they hear.
"""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import numpy as np

from seatbus_rtp.tones import goertzel_dbfs
from seatbus_testkit.eventually import eventually
from seatbus_testkit.phone import PhoneCall
from seatbus_testkit.platform import Platform
from seatbus_testkit.tenant import PASSWORD, TestTenant

from .agents import caller_of, reach_queue
from .browser.browser_phone import MICROPHONE_HZ, BrowserPhone, browser_phone
from .conversations import CALLER, FIRST, HEARD_DBFS, Talk, hears
from .sip.peers import baresip_agent

# About 2 s are expected. The rest is a loaded machine's.
BACK_S = 20.0
BARESIP_HZ = 1000

BothHear = Callable[[float], Awaitable[None]]
"""Returns once the caller, who says a new tone, and the agent hear each other."""


def instances_of(platform: Platform, tenant: TestTenant) -> list[str]:
    """Where the live calls have their audio."""
    return [str(call["media_instance"]) for call in platform.get(tenant.path("calls"))["calls"]]


async def until_moved(platform: Platform, tenant: TestTenant, lost: str) -> None:
    def moved() -> bool:
        return lost not in instances_of(platform, tenant)

    await asyncio.to_thread(platform.until, moved, BACK_S, f"all calls to leave {lost}")


async def back_in_talk(made: Talk) -> None:
    """Returns once customer and agent hear each other, from now on."""
    for call in (made.customer, made.first):
        call.ears.clear()
    await asyncio.gather(
        hears(made.customer, FIRST, timeout=BACK_S), hears(made.first, CALLER, timeout=BACK_S)
    )


@asynccontextmanager
async def gone(platform: Platform, instance: str) -> AsyncIterator[None]:
    """Killed, and nobody starts it again until the end."""
    platform.process.send_signal(signal.SIGSTOP)
    try:
        killed = platform.kill(instance)
        yield
    finally:
        platform.process.send_signal(signal.SIGCONT)
    await asyncio.to_thread(platform.wait_restarted, instance, killed)


@asynccontextmanager
async def talk_with_baresip(
    platform: Platform, tenant: TestTenant, folder: Path
) -> AsyncIterator[tuple[PhoneCall, BothHear]]:
    """A caller talks with a baresip that must encrypt by keys in the SDP."""
    user = tenant.username("a1")
    fields = {"agent_id": "a1", "kind": "DEVICE_KIND_SIP", "username": user, "password": PASSWORD}
    fields["media_security"] = "MEDIA_SECURITY_SDES_REQUIRED"
    platform.post(tenant.path("config"), {"upserts": [{"id": "a1-phone", "device": fields}]})

    def registered() -> bool:
        found = platform.get(tenant.path("registrations"))["registrations"]
        return any(item["username"] == user for item in found)

    def heard_lately(hz: float) -> float:
        """Level of a tone in the newest half second that baresip has written, dBFS."""
        written = max(folder.glob("dump-*dec*.wav"), key=lambda path: path.stat().st_mtime, default=None)
        data = written.read_bytes()[44:][-8000:] if written is not None else b""
        return goertzel_dbfs(np.frombuffer(data, dtype="<i2"), hz) if len(data) == 8000 else -120.0

    async with (
        baresip_agent(folder, platform.sip, user, PASSWORD, hz=BARESIP_HZ, encryption="srtp-mand"),
        caller_of(tenant) as caller,
    ):
        await asyncio.to_thread(platform.until, registered, 40, "baresip to register")
        await asyncio.to_thread(tenant.agent_do, "a1", "login", ready=True)
        call = await reach_queue(caller, tenant)

        async def both_hear(hz: float) -> None:
            call.mouth.play_tone(hz, -15.0)
            call.ears.clear()
            await eventually(lambda: goertzel_dbfs(call.ears.tail(0.4), BARESIP_HZ) > HEARD_DBFS, BACK_S)
            await eventually(lambda: heard_lately(hz) > HEARD_DBFS, BACK_S)

        await both_hear(CALLER)
        yield call, both_hear


@asynccontextmanager
async def talk_with_browser(
    tenant: TestTenant, site: str, folder: Path
) -> AsyncIterator[tuple[PhoneCall, BrowserPhone, BothHear]]:
    """A caller talks with JsSIP in Chromium."""
    async with browser_phone(tenant, "a1", site, folder) as browser, caller_of(tenant) as caller:
        call = await reach_queue(caller, tenant)

        async def both_hear(hz: float) -> None:
            call.mouth.play_tone(hz, -15.0)
            call.ears.clear()
            await eventually(lambda: goertzel_dbfs(call.ears.tail(0.4), MICROPHONE_HZ) > HEARD_DBFS, BACK_S)
            await browser.hears(hz, BACK_S)

        call.mouth.play_tone(CALLER, -15.0)
        await browser.until("log.includes('confirmed')")
        await both_hear(CALLER)
        yield call, browser, both_hear
