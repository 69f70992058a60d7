"""Simulated people against single phones: what each does, without a platform."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from seatbus_cli.client import ClientError
from seatbus_cli.simulator import AGENT_HZ, AGENT_HZ_STEP, Habits, SimulatedAgent, SimulatedCaller
from seatbus_cli.testcall import _call, sip_address
from seatbus_testkit.actors import Policy
from seatbus_testkit.phone import Phone, PhoneCall

HASTY = Habits(
    answer_after=(0.05, 0.1),
    rings_out=0.0,
    agent_hangs_up_first=0.0,
    takes_break=0.0,
    listens=(0.05, 0.1),
    leaves_in_flow=0.0,
    presses_nothing=0.0,
    patience_mean=0.001,
    patience_least=5.0,
    talk_median=0.2,
    talk_sigma=0.01,
)


class FakeOffice:
    """Remembers what agents asked for."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str]] = []

    async def act(self, agent: str, action: str, **_more: Any) -> bool:
        self.asked.append((agent, action))
        return True


@asynccontextmanager
async def platform_and_caller() -> AsyncIterator[tuple[Phone, Phone]]:
    far = await Phone.start(("127.0.0.1", 9), username="4000")
    far.policy = Policy.answer()
    near = await Phone.start(far.address, username="trunk")
    try:
        yield far, near
    finally:
        await near.close()
        await far.close()


async def _queue_that_answers(far: Phone, hz: float) -> PhoneCall:
    call = await far.next_call()
    await call.wait_answered()
    for digit in "12" * 50:
        try:
            await call.ears.wait_digits(digit, 0.05)
            break
        except TimeoutError:
            continue
    call.mouth.play_tone(hz, -32)
    return call


@pytest.mark.parametrize("agent", [1, 10])
async def test_a_caller_presses_a_digit_knows_the_agent_by_voice_and_hangs_up_after_the_talk(
    agent: int,
) -> None:
    async with platform_and_caller() as (far, near):
        person = SimulatedCaller("+49", await near.dial("4000"), random.Random(1), HASTY)
        outcome, call = await asyncio.gather(
            person._live(), _queue_that_answers(far, AGENT_HZ + AGENT_HZ_STEP * agent)
        )
        assert outcome == "served"
        assert call.ears.digits in ("1", "2")


async def test_a_caller_does_not_take_music_for_an_agent() -> None:
    async with platform_and_caller() as (far, near):
        habits = Habits(**{**_fields(HASTY), "patience_least": 1.5})
        person = SimulatedCaller("+49", await near.dial("4000"), random.Random(1), habits)
        outcome, _ = await asyncio.gather(person._live(), _queue_that_answers(far, 523))
        assert outcome == "lost patience"


async def test_a_caller_without_patience_leaves_by_its_own_bye() -> None:
    async with platform_and_caller() as (far, near):
        habits = Habits(**{**_fields(HASTY), "leaves_in_flow": 1.0})
        call = await near.dial("4000")
        await SimulatedCaller("+49", call, random.Random(1), habits).run()
        assert call.ended_by == "local"
        assert (await far.next_call()).ended_by == "remote"


async def test_an_agent_answers_talks_in_its_pitch_and_is_back_for_the_next_call() -> None:
    office = FakeOffice()
    phone = await Phone.start(("127.0.0.1", 9), username="demo-1003")
    agent = SimulatedAgent(3, phone, office, random.Random(1), HASTY)
    caller = await Phone.start(phone.address)

    async def registered() -> None: ...

    agent.register = registered  # type: ignore[method-assign]
    working = asyncio.create_task(agent.run())
    for _ in range(2):
        call = await caller.dial("demo-1003")
        await call.wait_answered(3)
        await call.ears.wait_tone(AGENT_HZ + 3 * AGENT_HZ_STEP, above_dbfs=-36)
        await call.hang_up()
    assert office.asked == [("agent-03", "login")]
    working.cancel()
    await asyncio.gather(working, return_exceptions=True)
    await asyncio.gather(phone.close(), caller.close())


async def test_an_agent_who_was_made_not_ready_comes_back_after_a_moment_but_not_from_a_break() -> None:
    office = FakeOffice()
    phone = await Phone.start(("127.0.0.1", 9), username="demo-1001")
    agent = SimulatedAgent(1, phone, office, random.Random(1), HASTY)
    rang_out = {"presence": "PRESENCE_NOT_READY", "reason": "no_answer"}
    await agent.look(rang_out)
    assert office.asked == []
    await agent.look(rang_out)
    assert office.asked == [("agent-01", "ready")]
    agent.on_break = True
    for _ in range(3):
        await agent.look({"presence": "PRESENCE_NOT_READY", "reason": "break"})
    assert len(office.asked) == 1
    phone.registered = True
    await agent.look(None)
    assert office.asked[-1] == ("agent-01", "login")
    await phone.close()


async def test_a_test_call_says_what_it_heard_and_how_it_ended() -> None:
    async with platform_and_caller() as (far, _near):
        placing = asyncio.create_task(_call(far.address, "4000", "1", 3.0))
        call = await far.next_call()
        await call.wait_answered()
        call.mouth.play_tone(425, -20)
        await call.ears.wait_tone(1000)
        await call.ears.wait_digits("1", 5)
        result = await placing
        assert call.ended_by == "remote"
    assert (result["status"], result["ended"], result["digits"]) == (200, "hung up here", "1")
    assert result["dominant_hz"] == pytest.approx(425, abs=2)
    assert result["level_dbfs"] == pytest.approx(-20, abs=1)
    assert result["duration_s"] == pytest.approx(3, abs=0.3)
    assert json.dumps(result)


async def test_a_test_call_that_is_refused_says_so() -> None:
    async with platform_and_caller() as (far, _near):
        far.policy = Policy.reject(404)
        result = await _call(far.address, "9", "", 3.0)
    assert (result["status"], result["reason"], result["ended"]) == (404, "Not Found", "never answered")
    assert result["duration_s"] is None


def test_without_a_platform_a_test_call_names_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(ClientError, match="seatbus up"):
        sip_address(tmp_path)


def _fields(habits: Habits) -> dict[str, Any]:
    return {name: getattr(habits, name) for name in Habits.__dataclass_fields__}
