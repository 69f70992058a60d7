"""The races of an agent's phone with SIPp as the phone: it goes through its scenario, and nobody is stuck.

All cases are played at the same time, each in a company of its own.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from seatbus_testkit.phone import PhoneCall
from seatbus_testkit.platform import Platform
from seatbus_testkit.tenant import PASSWORD, TestTenant

from .agents import agent_phone, all_cdrs, caller_of, outcomes, until_agent, until_queued
from .sip.peers import sipp_agent, sipp_once
from .sip.wire import company

pytestmark = [pytest.mark.platform, pytest.mark.peer]

SCENARIOS = Path(__file__).parent / "scenarios"
LONG = 60_000
# The caller hangs up about when the phone is answered, which is a moment after it began to ring.
RINGS_MS = 400


@asynccontextmanager
async def phone(
    tenant: TestTenant, folder: Path, scenario: str, calls: int = 1, **texts: object
) -> AsyncIterator[asyncio.subprocess.Process]:
    """SIPp as the phone of `a1`, who is ready; `texts` are filled into the scenario."""
    folder.mkdir()
    text = (SCENARIOS / f"{scenario}.xml").read_text()
    for name, value in texts.items():
        text = text.replace(name, str(value))
    path = folder / f"{scenario}.xml"
    path.write_text(text)
    user = tenant.username("a1")
    async with sipp_agent(folder, tenant.platform.sip, user, PASSWORD, str(path), calls=calls) as sipp:
        await asyncio.to_thread(tenant.agent_do, "a1", "login", ready=True)
        yield sipp


async def gone_through(sipp: asyncio.subprocess.Process) -> None:
    output, _ = await asyncio.wait_for(sipp.communicate(), 40)
    assert sipp.returncode == 0, output[-3000:].decode(errors="replace")


@asynccontextmanager
async def waiting_caller(tenant: TestTenant) -> AsyncIterator[PhoneCall]:
    async with caller_of(tenant) as caller:
        call = await caller.dial(tenant.number)
        await call.wait_answered()
        await until_queued(tenant)
        yield call
        if not call.over():
            await call.hang_up()


async def made(platform: Platform, agents: int = 1, ring_timeout_s: int = 20) -> TestTenant:
    queue = {"ring_timeout_s": ring_timeout_s, "wrap_up_s": 0}
    return await company(platform, agents=agents, queue=queue)


async def hang_up_meets_answer(platform: Platform, folder: Path, later_s: float) -> None:
    tenant = await made(platform)
    ringing = phone(tenant, folder, "rings_then_answers", RINGS=RINGS_MS, TALKS=LONG)
    async with ringing as sipp, waiting_caller(tenant) as call:
        await until_agent(tenant, "a1", presence="READY", work="RINGING")
        await asyncio.sleep(later_s)
        await call.hang_up()
        await gone_through(sipp)
        await until_agent(tenant, "a1", presence="READY")
    [record], [outcome] = await all_cdrs(tenant, 1), await outcomes(tenant, 1)
    assert {"answered": "caller_hung_up", "abandoned": "abandoned_in_queue"}[outcome] == record["cause"]
    assert bool(record["talk_us"]) <= (outcome == "answered")


async def two_calls_at_one_moment(platform: Platform, folder: Path) -> None:
    tenant = await made(platform)
    talking = phone(tenant, folder, "rings_then_answers", 2, RINGS=100, TALKS=400)
    async with talking as sipp, caller_of(tenant) as one, caller_of(tenant) as two:
        calls = await asyncio.gather(*(caller.dial(tenant.number) for caller in (one, two)))
        await gone_through(sipp)
        await asyncio.gather(*(call.wait_ended() for call in calls))
        await until_agent(tenant, "a1", presence="READY")
    records = await all_cdrs(tenant, 2)
    assert {(record["cause"], record["offers"]) for record in records} == {("agent_hung_up", 1)}
    talks = sorted(
        (segment["created_at"], segment["ended_at"]) for record in records for segment in record["segments"]
    )
    assert all(first[1] <= then[0] for first, then in itertools.pairwise(talks)), "never both at once"


async def not_ready_is_pressed_while_it_rings(platform: Platform, folder: Path) -> None:
    tenant = await made(platform)
    ringing = phone(tenant, folder, "rings_then_answers", RINGS=1500, TALKS=LONG)
    async with ringing as sipp, waiting_caller(tenant) as call:
        await until_agent(tenant, "a1", presence="READY", work="RINGING")
        await asyncio.to_thread(tenant.agent_do, "a1", "not_ready", reason="lunch")
        await until_agent(tenant, "a1", presence="READY", work="TALKING")
        await call.hang_up()
        await gone_through(sipp)
        await until_agent(tenant, "a1", presence="NOT_READY")
    assert tenant.agent("a1")["reason"] == "lunch"
    assert await outcomes(tenant, 1) == ["answered"]


async def the_phone_is_unregistered_while_it_rings(platform: Platform, folder: Path) -> None:
    tenant = await made(platform, agents=2, ring_timeout_s=2)
    ringing = phone(tenant, folder, "rings_then_answers", RINGS=LONG, TALKS=LONG)
    async with ringing as sipp, waiting_caller(tenant) as call:
        await until_agent(tenant, "a1", presence="READY", work="RINGING")
        path = str(SCENARIOS / "unregisters.xml")
        await sipp_once(folder, platform.sip, tenant.username("a1"), PASSWORD, path)
        await gone_through(sipp)
        async with agent_phone(tenant, "a2") as other:
            await (await other.next_call()).answer()
            await until_agent(tenant, "a2", presence="READY", work="TALKING")
            await until_agent(tenant, "a1", presence="NOT_READY")
            await call.hang_up()
            await until_agent(tenant, "a2", presence="READY")
    [record] = await all_cdrs(tenant, 1)
    assert (record["agent_id"], record["offers"]) == ("a2", 2)
    assert await outcomes(tenant, 1) == ["answered"]


async def the_caller_is_cancelled_after_the_ring_time(platform: Platform, folder: Path) -> None:
    tenant = await made(platform, ring_timeout_s=2)
    ringing = phone(tenant, folder, "rings_then_answers", RINGS=LONG, TALKS=LONG)
    async with ringing as sipp, waiting_caller(tenant) as call:
        await gone_through(sipp)
        await until_agent(tenant, "a1", presence="NOT_READY")
        assert tenant.agent("a1")["reason"] == "no_answer"
        assert not call.over(), "the caller keeps waiting"
    assert await outcomes(tenant, 1) == ["abandoned"]


async def the_phone_refuses(platform: Platform, folder: Path, status: str, reason: str) -> None:
    tenant = await made(platform)
    async with phone(tenant, folder, "refuses", STATUS=status) as sipp, waiting_caller(tenant) as call:
        await gone_through(sipp)
        await until_agent(tenant, "a1", presence="NOT_READY")
        assert tenant.agent("a1")["reason"] == reason
        assert not call.over(), "the caller keeps waiting"
    [record] = await all_cdrs(tenant, 1)
    assert (record["cause"], record["offers"]) == ("abandoned_in_queue", 1)


async def the_device_is_lost_in_the_talk(platform: Platform, folder: Path) -> None:
    tenant = await made(platform)
    talking = phone(tenant, folder, "rings_then_answers", RINGS=100, TALKS=LONG)
    async with talking as sipp, waiting_caller(tenant) as call:
        await until_agent(tenant, "a1", presence="READY", work="TALKING")
        sipp.kill()
        await sipp.wait()
        await call.hang_up()
        # Nobody answers its BYE any more.
        await until_agent(tenant, "a1", presence="READY", timeout=12)
    assert await outcomes(tenant, 1) == ["answered"]
    [record] = await all_cdrs(tenant, 1)
    assert record["cause"] == "caller_hung_up"


CASES: dict[str, Callable[[Platform, Path], Awaitable[None]]] = {
    "hang_up_before_the_answer": lambda p, f: hang_up_meets_answer(p, f, RINGS_MS / 1000 - 0.2),
    "hang_up_at_the_answer": lambda p, f: hang_up_meets_answer(p, f, RINGS_MS / 1000),
    "hang_up_after_the_answer": lambda p, f: hang_up_meets_answer(p, f, RINGS_MS / 1000 + 0.2),
    "two_calls_at_one_moment": two_calls_at_one_moment,
    "not_ready_while_ringing": not_ready_is_pressed_while_it_rings,
    "unregistered_while_ringing": the_phone_is_unregistered_while_it_rings,
    "no_answer": the_caller_is_cancelled_after_the_ring_time,
    "486": lambda p, f: the_phone_refuses(p, f, "486 Busy Here", "device_busy"),
    "603": lambda p, f: the_phone_refuses(p, f, "603 Decline", "rejected"),
    "480": lambda p, f: the_phone_refuses(p, f, "480 Temporarily Unavailable", "no_answer"),
    "lost_in_talk": the_device_is_lost_in_the_talk,
}


@pytest.fixture(scope="module")
def played(
    platform: Platform, tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> dict[str, BaseException | None]:
    """What went wrong in each case that is asked for."""
    asked = {item.callspec.params["name"] for item in request.session.items if item.path == request.path}  # type: ignore[attr-defined]
    folder = tmp_path_factory.mktemp("sipp-agents")
    names = [name for name in CASES if name in asked]

    async def together() -> list[BaseException | None]:
        cases = (CASES[name](platform, folder / name) for name in names)
        return await asyncio.gather(*cases, return_exceptions=True)

    return dict(zip(names, asyncio.run(together()), strict=True))


@pytest.mark.parametrize("name", CASES)
def test_sipp_and_the_platform_come_to_the_end_of_each_race(
    played: dict[str, BaseException | None], name: str
) -> None:
    failure = played[name]
    if failure is not None:
        raise failure
