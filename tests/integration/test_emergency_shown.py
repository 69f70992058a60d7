"""A call for help is on the tenant's board within a moment, and leaves it when it ends."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from seatbus_testkit.platform import Platform
from seatbus_testkit.tenant import TestTenant

from .agents import agent_phone
from .outside import branch, carrier, configure

pytestmark = pytest.mark.platform


async def test_a_supervisor_sees_at_once_who_calls_for_help(platform: Platform) -> None:
    tenant = TestTenant.create(platform, agents=1)

    def shown() -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = platform.get(tenant.path("board"))["emergencies"]
        return found

    async with agent_phone(tenant, "a1", ready=False) as phone, carrier(tenant, "help") as out:
        site = branch(emergency_numbers=["112"], emergency_trunk_id="help", emergency_callback="+4930112112")
        await configure(tenant, site)
        assert shown() == []
        call = await phone.dial("112")
        there = await out.next_call()
        await call.wait_answered()
        await asyncio.to_thread(platform.until, shown, 20, "the call for help on the board")
        [item] = shown()
        assert (item["number"], item["agent_id"], item["branch_id"]) == ("112", "a1", "main")
        await call.hang_up()
        await there.wait_ended()
        await asyncio.to_thread(platform.until, lambda: not shown(), 20, "it to leave the board")
