"""Many conversations at once, over every transport: what outlives a part of the platform is asked of each."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from contextlib import AsyncExitStack
from typing import Any

from seatbus_testkit.phone import Phone, PhoneCall
from seatbus_testkit.tenant import TestTenant

from .agents import agent_phone, caller_of, wait_level

TRANSPORTS = ("UDP", "TCP", "WSS")
TALKING, RINGING = (int(part) for part in os.environ.get("SEATBUS_EDGE_KILLED", "6,3").split(","))
"""`make chaos` asks for more."""
LONGEST_GAP_MS = 60.0
SET_UP_S = 120.0
_AT_ONCE = 5


async def to_queue(caller: Phone, tenant: TestTenant, name: str) -> PhoneCall:
    """Dials, presses 1; the name tells the records apart."""
    call = await caller.dial(tenant.number, caller=name)
    await call.wait_answered()
    await wait_level(call, -40)
    call.mouth.send_dtmf("1")
    return call


async def until_states(tenant: TestTenant, wanted: dict[str, int], timeout: float = 60) -> None:
    """The tenant's live calls are in these states, so many in each."""
    found: list[str] = []

    def there() -> bool:
        calls = tenant.platform.get(tenant.path("calls"))["calls"]
        found[:] = [str(call["state"]).removeprefix("CALL_STATE_") for call in calls]
        return all(found.count(state) == count for state, count in wanted.items())

    try:
        await asyncio.to_thread(tenant.platform.until, there, timeout, f"calls to be {wanted}")
    except Exception as error:
        error.add_note(f"they are { ({state: found.count(state) for state in found}) }")
        raise


def final_records(tenant: TestTenant) -> list[dict[str, Any]]:
    return [row for row in tenant.cdrs(limit=1000) if row["final"]]


async def one_record_each(tenant: TestTenant, total: int) -> list[dict[str, Any]]:
    """The records of all calls, once they are final: one for each."""
    there = f"{total} call records"
    await asyncio.to_thread(tenant.platform.until, lambda: len(final_records(tenant)) >= total, 90, there)
    # A record too many would come a little later.
    await asyncio.sleep(1)
    rows = tenant.cdrs(limit=1000)
    assert len(rows) == len({row["call_id"] for row in rows}) == total
    assert all(row["final"] for row in rows)
    return rows


def forget(call: PhoneCall) -> None:
    """What was heard and missed until now does not count."""
    call.ears.clear()
    call.mouth.longest_hole_ms = 0.0


def outage_ms(hearing: PhoneCall, speaking: PhoneCall) -> float:
    """The longest gap that is not the speaker's own: all phones are this process, which may be late."""
    return hearing.ears.longest_gap_ms() - speaking.mouth.longest_hole_ms


class Crowd:
    """Callers and agents' phones by the name of the caller: `calls` and `legs`."""

    def __init__(self, tenant: TestTenant, stack: AsyncExitStack, caller: Phone) -> None:
        self.tenant = tenant
        self.caller = caller
        self.calls: dict[str, PhoneCall] = {}
        self.legs: dict[str, PhoneCall] = {}
        self.phone_of: dict[str, Phone] = {}
        self.phones: list[Phone] = []
        self._stack = stack
        self._meeting: list[asyncio.Task[None]] = []

    @classmethod
    async def gather(cls, tenant: TestTenant, stack: AsyncExitStack) -> Crowd:
        made = cls(tenant, stack, await stack.enter_async_context(caller_of(tenant)))
        stack.callback(made._leave)
        return made

    def _leave(self) -> None:
        for task in self._meeting:
            task.cancel()

    async def arrive(
        self, names: list[str], agents: list[str], *, answer: bool, edges: tuple[int, ...] = (0,)
    ) -> None:
        """Each agent has a phone, of every transport and at each edge in turn; each name calls."""
        for number, agent in enumerate(agents):
            transport, edge = TRANSPORTS[number % len(TRANSPORTS)], edges[number % len(edges)]
            made = agent_phone(self.tenant, agent, transport=transport, edge=edge)
            phone = await self._stack.enter_async_context(made)
            self.phones.append(phone)
            self._meeting.append(asyncio.ensure_future(self._meet(phone, answer=answer)))
        gate = asyncio.Semaphore(_AT_ONCE)

        async def one(name: str) -> None:
            async with gate:
                self.calls[name] = await to_queue(self.caller, self.tenant, name)

        await asyncio.gather(*map(one, names))

    async def _meet(self, phone: Phone, *, answer: bool) -> None:
        while True:
            leg = await phone.next_call(timeout=600)
            self.legs[leg.caller], self.phone_of[leg.caller] = leg, phone
            await (leg.answer() if answer else leg.ring())

    async def talk(self, names: list[str]) -> None:
        """Everybody speaks, and is heard; from now on gaps count."""
        for name in names:
            self.calls[name].mouth.play_tone(440, -15)
            self.legs[name].mouth.play_tone(1000, -15)
        for name in names:
            await self.calls[name].ears.wait_tone(1000)
            await self.legs[name].ears.wait_tone(440)
        for name in names:
            forget(self.calls[name])
            forget(self.legs[name])
        for name in names:
            await self.calls[name].ears.wait_tone(1000)

    def went_on(self, names: list[str]) -> None:
        """Nobody was hung up, and no audio was away since `talk`."""
        for name in names:
            call, leg = self.calls[name], self.legs[name]
            assert call.state == leg.state == "answered", (name, call, leg)
            for hearing, speaking in ((call, leg), (leg, call)):
                assert hearing.ears.received > 0
                assert outage_ms(hearing, speaking) <= LONGEST_GAP_MS, (name, hearing.ears.gaps(20))

    async def answer_ringing(self, before: dict[str, PhoneCall], *, anew: Callable[[Phone], bool]) -> None:
        """The phones that go on ringing, or, where the phone has to be called anew, what rings then."""

        async def one(name: str) -> None:
            while self.legs[name] is before[name] and anew(self.phone_of[name]):  # noqa: ASYNC110
                await asyncio.sleep(0.05)
            await self.legs[name].answer()

        async with asyncio.timeout(60):
            await asyncio.gather(*map(one, before))

    async def hold_and_hang_up(self, names: list[str]) -> None:
        """Each is held and taken back from both sides, then every second one ends from the agent's."""
        for number, name in enumerate(names):
            call, leg = self.calls[name], self.legs[name]
            for side in (call, leg):
                await side.hold()
                await side.hold(False)
            first, second = (call, leg) if number % 2 == 0 else (leg, call)
            await first.hang_up()
            await second.wait_ended()
            assert second.ended_by == "remote"


def causes_of(total: int) -> list[str]:
    """What the records of `hold_and_hang_up` say, sorted."""
    return sorted("agent_hung_up" if number % 2 else "caller_hung_up" for number in range(total))
