"""Mass outage of one queue: its callers hear of it ahead of the music and are served all the same."""

from __future__ import annotations

import asyncio
import io
import wave
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from seatbus_rtp.tones import tone
from seatbus_testkit.phone import Phone, PhoneCall
from seatbus_testkit.platform import Platform, PlatformError
from seatbus_testkit.tenant import TestTenant

from .agents import agent_phone, caller_of, until_agent

pytestmark = pytest.mark.platform

OUTAGE, MUSIC = 1130.0, 1870.0
LENGTH_S = {"outage": 0.6, "music": 4.0}
SETTLED_S = 30.0


def as_wav(hz: float, seconds: float) -> bytes:
    made = io.BytesIO()
    with wave.open(made, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes(tone([hz], seconds).astype("<i2").tobytes())
    return made.getvalue()


def company(platform: Platform) -> TestTenant:
    """Callers are in the queue at once; what they hear there are two tones."""
    straight = [
        {"id": "sales", "queue": {"queue_id": "q1", "on_overflow": "bye"}},
        {"id": "bye", "hang_up": {}},
    ]
    tenant = TestTenant.create(platform, agents=1, flow_nodes=straight)
    prompts = [{"id": id, "prompt": {"name": id}} for id in LENGTH_S]
    queue = {
        "name": "Sales",
        "ring_timeout_s": 20,
        "members": [{"agent_id": "a1"}],
        "music_prompt_id": "music",
    }
    platform.post(tenant.path("config"), {"upserts": [*prompts, {"id": "q1", "queue": queue}]})
    for id, hz in (("outage", OUTAGE), ("music", MUSIC)):
        answer = platform.http.put(
            tenant.path(f"prompts/{id}/audio"), content=as_wav(hz, LENGTH_S[id]), timeout=30
        )
        assert answer.status_code == 200, answer.text
    return tenant


async def set_mode(tenant: TestTenant, mode: str, prompt: str = "") -> None:
    body = {"mode": mode, "announcement_prompt_id": prompt}
    await asyncio.to_thread(tenant.platform.post, tenant.path("queues/q1/mode"), body)


async def first_heard(call: PhoneCall) -> float:
    """The first of the two tones that the caller hears."""
    async with asyncio.timeout(SETTLED_S):
        while True:
            hz, level = call.ears.tone(0.2)
            for known in (OUTAGE, MUSIC):
                if abs(hz - known) < 20 and level > -45:
                    return known
            await asyncio.sleep(0.02)


@asynccontextmanager
async def caller_in_queue(caller: Phone, tenant: TestTenant) -> AsyncIterator[PhoneCall]:
    call = await caller.dial(tenant.number)
    await call.wait_answered()
    try:
        yield call
    finally:
        await call.hang_up()


async def caller_who_hears(caller: Phone, tenant: TestTenant, wanted: float) -> None:
    """Callers dial until one hears this first: an edge learns of a mode a moment after it was set."""
    async with asyncio.timeout(SETTLED_S):
        while True:
            async with caller_in_queue(caller, tenant) as call:
                if await first_heard(call) == wanted:
                    await call.ears.wait_tone(MUSIC)
                    return


async def served(caller: Phone, tenant: TestTenant, phone: Phone, first: float) -> None:
    """A caller hears `first`, and is answered by the agent of the queue."""
    async with caller_in_queue(caller, tenant) as call:
        assert await first_heard(call) == first
        await (await phone.next_call()).answer()
        await until_agent(tenant, "a1", presence="READY", work="TALKING")
    await until_agent(tenant, "a1", presence="READY")


async def test_callers_hear_of_a_mass_outage_ahead_of_the_queue_until_it_is_over(platform: Platform) -> None:
    struck, spared = await asyncio.gather(
        asyncio.to_thread(company, platform), asyncio.to_thread(company, platform)
    )
    async with caller_of(struck) as caller, caller_of(spared) as other:
        with pytest.raises(PlatformError, match="announcement_prompt_id"):
            await set_mode(struck, "mass_outage")
        await set_mode(struck, "mass_outage", "outage")
        await caller_who_hears(caller, struck, OUTAGE)
        async with agent_phone(struck, "a1") as phone, agent_phone(spared, "a1") as unmoved:
            await asyncio.gather(served(caller, struck, phone, OUTAGE), served(other, spared, unmoved, MUSIC))

        await set_mode(struck, "open")
        await caller_who_hears(caller, struck, MUSIC)
