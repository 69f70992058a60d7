"""What the queue has to say is heard by the agent alone; only then the two hear each other."""

from __future__ import annotations

import pytest

from seatbus_rtp.tones import goertzel_dbfs
from seatbus_testkit.phone import PhoneCall
from seatbus_testkit.platform import Platform
from seatbus_testkit.tenant import TestTenant

from .agents import agent_phone, caller_of, reach_queue, until_agent
from .conversations import CALLER, FIRST, SPOKEN_DBFS, hears

pytestmark = pytest.mark.platform

# Music has nothing there, and a speaking voice next to nothing.
CALLER_HIGH, AGENT_HIGH = 3550.0, 3750.0
SILENT_DBFS = -55.0
WINDOW_S = 0.5


def level(call: PhoneCall, hz: float) -> float:
    return goertzel_dbfs(call.ears.tail(WINDOW_S), hz)


async def test_the_agent_hears_whose_call_it_is_before_the_caller_hears_anybody(platform: Platform) -> None:
    tenant = TestTenant.create(platform, agents=1)
    queue = {
        "name": "Sales",
        "ring_timeout_s": 5,
        "wrap_up_s": 1,
        "members": [{"agent_id": "a1"}],
        "whisper_prompt_id": "whose",
    }
    prompt = {"name": "Whose", "text": "This is a call for the sales department of the company."}
    platform.post(
        f"/tenants/{tenant.id}/config",
        {"upserts": [{"id": "whose", "prompt": prompt}, {"id": tenant.queue, "queue": queue}]},
    )
    async with caller_of(tenant) as caller, agent_phone(tenant, "a1") as phone:
        call = await reach_queue(caller, tenant)
        call.mouth.play_tone(CALLER_HIGH, SPOKEN_DBFS)
        ringing = await phone.next_call()
        await ringing.answer()
        ringing.mouth.play_tone(AGENT_HIGH, SPOKEN_DBFS)
        await ringing.ears.wait_level(-40)
        # The agent is spoken to, and not by the caller, who has music and nobody.
        assert level(ringing, CALLER_HIGH) < SILENT_DBFS
        assert level(call, AGENT_HIGH) < SILENT_DBFS
        await until_agent(tenant, "a1", presence="READY", work="TALKING")
        call.mouth.play_tone(CALLER, SPOKEN_DBFS)
        ringing.mouth.play_tone(FIRST, SPOKEN_DBFS)
        await hears(ringing, CALLER, timeout=10)
        await hears(call, FIRST)
        await call.hang_up()
        await ringing.wait_ended()
