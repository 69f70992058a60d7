"""What the queue has to say is heard by the agent alone; only then the two hear each other."""

from __future__ import annotations

import pytest

from seatbus_testkit.platform import Platform
from seatbus_testkit.tenant import TestTenant

from .agents import agent_phone, caller_of, reach_queue, until_agent
from .conversations import CALLER, FIRST, SPOKEN_DBFS, hears, levels_of

pytestmark = pytest.mark.platform


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
        call.mouth.play_tone(CALLER, SPOKEN_DBFS)
        ringing = await phone.next_call(timeout=10)
        await ringing.answer()
        ringing.mouth.play_tone(FIRST, SPOKEN_DBFS)
        await ringing.ears.wait_level(-40, timeout=5)
        # Spoken to, and not by the caller, who has music (which has every tone in it, softly) and nobody.
        assert levels_of(ringing)[CALLER] < -35
        assert levels_of(call)[FIRST] < SPOKEN_DBFS - 4
        await until_agent(tenant, "a1", presence="READY", work="TALKING")
        await hears(ringing, CALLER, timeout=10)
        await hears(call, FIRST)
        await call.hang_up()
        await ringing.wait_ended(timeout=5)
