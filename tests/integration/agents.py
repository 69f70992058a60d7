"""What the tests of calls share: a logged-in agent with a phone, and a caller who reaches the queue."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from seatbus_testkit.phone import Phone, PhoneCall
from seatbus_testkit.tenant import PASSWORD, TestTenant


@asynccontextmanager
async def caller_of(tenant: TestTenant) -> AsyncIterator[Phone]:
    """A phone behind the tenant's trunk."""
    phone = await Phone.start(tenant.platform.sip, host=tenant.caller_host)
    try:
        yield phone
    finally:
        await phone.close()


@asynccontextmanager
async def agent_phone(
    tenant: TestTenant,
    agent: str,
    *,
    ready: bool = True,
    transport: str = "UDP",
    server: str = "127.0.0.1",
    edge: int = 0,
) -> AsyncIterator[Phone]:
    """A registered phone whose agent is logged in (and ready)."""
    phone = await Phone.start(
        tenant.platform.sip_over(transport, server, edge),
        username=tenant.username(agent),
        password=PASSWORD,
        transport=transport,
    )
    try:
        await phone.register()
        await asyncio.to_thread(tenant.agent_do, agent, "login", ready=ready)
        yield phone
    finally:
        await phone.close()


async def wait_level(call: PhoneCall, dbfs: float, timeout: float = 20) -> None:
    """Returns when something louder than `dbfs` was heard within the last 200 ms."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + timeout
    while call.ears.level_dbfs(0.2) < dbfs:
        if loop.time() > deadline:
            raise TimeoutError(f"nothing over {dbfs} dBFS within {timeout} s; {call.history}")
        await asyncio.sleep(0.05)


async def reach_queue(caller: Phone, tenant: TestTenant) -> PhoneCall:
    """Dials the number, hears the greeting, presses 1. Returns once music plays."""
    call = await caller.dial(tenant.number)
    await call.wait_answered()
    await wait_level(call, -40)
    call.mouth.send_dtmf("1")
    await until_queued(tenant)
    return call


async def until_queued(tenant: TestTenant, count: int = 1, timeout: float = 30.0) -> None:
    """The live call list says that so many calls wait in the queue or ring."""

    def queued() -> bool:
        calls = tenant.platform.get(tenant.path("calls"))["calls"]
        states = ("CALL_STATE_QUEUED", "CALL_STATE_RINGING_AGENT", "CALL_STATE_BRIDGED")
        return sum(call["state"] in states for call in calls) >= count

    await asyncio.to_thread(tenant.platform.until, queued, timeout, f"{count} queued call(s) of {tenant.id}")


async def until_agent(
    tenant: TestTenant, agent: str, *, presence: str, work: str = "", timeout: float = 30.0
) -> None:
    """The agent's record shows this presence and (first) work state; no work at all when `work` is empty."""

    def there() -> bool:
        record = tenant.agent(agent)
        states = [item["state"] for item in record.get("work", [])]
        return record["presence"] == f"PRESENCE_{presence}" and states == (
            [f"WORK_STATE_{work}"] if work else []
        )

    what = f"agent {agent} of {tenant.id} to be {presence} {work or 'without work'}"
    await asyncio.to_thread(tenant.platform.until, there, timeout, what)


async def until_bridged(tenant: TestTenant, timeout: float = 30.0) -> None:
    """The tenant's one call is joined to an agent."""

    def there() -> bool:
        states = [call["state"] for call in tenant.platform.get(tenant.path("calls"))["calls"]]
        return states == ["CALL_STATE_BRIDGED"]

    await asyncio.to_thread(tenant.platform.until, there, timeout, f"the call of {tenant.id} to be bridged")


async def outcomes(tenant: TestTenant, count: int) -> list[str]:
    """The outcomes of all queue visits, the oldest first, once there are `count`."""
    return [row["outcome"] for row in await ended_visits(tenant, count)]


async def ended_visits(tenant: TestTenant, count: int) -> list[dict[str, Any]]:
    """All queue visits, the oldest first, once there are `count` and all have ended: a call's record may be
    there a moment before."""

    def rows() -> list[dict[str, Any]] | None:
        found: list[dict[str, Any]] = tenant.platform.get(tenant.path("queue-visits"))["visits"]
        return found if len(found) >= count and all(row["outcome"] for row in found) else None

    found = await asyncio.to_thread(tenant.platform.until, rows, 30, f"{count} ended visits of {tenant.id}")
    return sorted(found, key=lambda row: str(row["enqueued_at"]))


async def all_cdrs(tenant: TestTenant, count: int) -> list[dict[str, Any]]:
    def rows() -> list[dict[str, Any]] | None:
        found = tenant.cdrs(limit=100)
        return found if len(found) >= count and all(row["final"] for row in found) else None

    found: list[dict[str, Any]] = await asyncio.to_thread(
        tenant.platform.until, rows, 30, f"{count} final call records of {tenant.id}"
    )
    assert len(found) == count, found
    return found
