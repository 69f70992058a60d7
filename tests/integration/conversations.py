"""What the tests of call control share: people who talk, each with their own tone, and who hears whom."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

from seatbus_rtp.tones import goertzel_dbfs
from seatbus_testkit.phone import Phone, PhoneCall
from seatbus_testkit.tenant import TestTenant

from .agents import agent_phone, caller_of, reach_queue, until_agent

# No tone is a harmonic of another one.
CALLER, FIRST, SECOND, THIRD = 440.0, 1010.0, 1730.0, 2390.0
SPOKEN_DBFS, HEARD_DBFS, UNHEARD_DBFS = -15.0, -25.0, -60.0
WINDOW_S = 0.6


class Talk:
    """A call that began with the queue: the customer, whoever joins, and requests to the API."""

    def __init__(self, tenant: TestTenant, phones: dict[str, Phone]) -> None:
        self.tenant = tenant
        self.phones = phones
        self.call_id = ""
        self.customer: PhoneCall
        self.first: PhoneCall

    async def ask(self, word: str, body: dict[str, Any] | None = None, *, expect: int | None = None) -> Any:
        """POST …/calls/{id}/{word}; raises AssertionError with the answer when it is refused."""
        path = f"/tenants/{self.tenant.id}/calls/{self.call_id}/{word}"
        answer = await asyncio.to_thread(self.tenant.platform.http.post, path, json=body)
        assert answer.status_code in ((200, 204) if expect is None else (expect,)), answer.text
        return answer.json() if answer.content else {}

    def record(self) -> dict[str, Any]:
        """The live call as the API shows it."""
        calls = self.tenant.platform.get(self.tenant.path("calls"))["calls"]
        found: dict[str, Any] = next((call for call in calls if call["call_id"] == self.call_id), {})
        return found

    def leg_of(self, agent: str) -> str:
        """The live leg of an agent; of the customer for an empty name."""
        legs = [leg for leg in self.record()["legs"] if leg["state"] != "LEG_STATE_ENDED"]
        if not agent:
            legs = [leg for leg in legs if leg["role"] == "LEG_ROLE_CALLER"]
        return str(next(leg["leg_id"] for leg in legs if leg["agent_id"] == agent))

    async def until_state(self, state: str, timeout: float = 30.0) -> None:
        def there() -> bool:
            return bool(self.record().get("state") == f"CALL_STATE_{state}")

        await asyncio.to_thread(self.tenant.platform.until, there, timeout, f"the call to be {state}")

    async def answer(self, agent: str, hz: float) -> PhoneCall:
        """The next call of this agent's phone is answered, with their tone."""
        ringing = await self.phones[agent].next_call()
        await ringing.answer()
        ringing.mouth.play_tone(hz, SPOKEN_DBFS)
        return ringing


@asynccontextmanager
async def talk(tenant: TestTenant, *others: str, transport: str = "UDP") -> AsyncIterator[Talk]:
    """The customer talks with a1, on a phone over `transport`. `others` have phones, logged in, not ready."""
    async with AsyncExitStack() as stack:
        caller = await stack.enter_async_context(caller_of(tenant))
        phones = {"a1": await stack.enter_async_context(agent_phone(tenant, "a1", transport=transport))}
        for agent in others:
            phones[agent] = await stack.enter_async_context(agent_phone(tenant, agent, ready=False))
        made = Talk(tenant, phones)
        made.customer = await reach_queue(caller, tenant)
        made.customer.mouth.play_tone(CALLER, SPOKEN_DBFS)
        made.first = await made.answer("a1", FIRST)
        await until_agent(tenant, "a1", presence="READY", work="TALKING")
        made.call_id = tenant.platform.get(tenant.path("calls"))["calls"][0]["call_id"]
        await made.until_state("BRIDGED")
        yield made
        if not made.customer.over():
            await made.customer.hang_up()


async def hears(call: PhoneCall, *tones: float, timeout: float = 20) -> None:
    """Returns once all these tones are heard together, and none of the others."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + timeout
    while True:
        levels = levels_of(call)
        loud = all(levels[hz] > HEARD_DBFS for hz in tones)
        quiet = all(level < UNHEARD_DBFS for hz, level in levels.items() if hz not in tones)
        if loud and quiet:
            return
        if loop.time() > deadline:
            shown = {f"{hz:.0f} Hz": round(level) for hz, level in levels.items()}
            raise TimeoutError(f"{call!r} should hear {tones} and nobody else, it hears {shown}")
        await asyncio.sleep(0.1)


def levels_of(call: PhoneCall) -> dict[float, float]:
    pcm = call.ears.tail(WINDOW_S)
    return {hz: goertzel_dbfs(pcm, hz) if len(pcm) > 800 else -120.0 for hz in (CALLER, FIRST, SECOND, THIRD)}


async def hears_music(call: PhoneCall, timeout: float = 20) -> None:
    """Something plays that is nobody's voice."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + timeout
    while not (call.ears.level_dbfs(WINDOW_S) > -45 and max(levels_of(call).values()) < -35):
        if loop.time() > deadline:
            raise TimeoutError(f"no music: {call.ears.level_dbfs(WINDOW_S):.0f} dBFS, {levels_of(call)}")
        await asyncio.sleep(0.1)
