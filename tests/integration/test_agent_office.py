"""Agents beside their calls, by the API: seats, breaks, supervisors, phones that vanish, the day's record."""

from __future__ import annotations

import asyncio
import json
from contextlib import closing
from datetime import datetime
from itertools import pairwise
from typing import Any

import httpx
import pytest

from seatbus_testkit.platform import Platform
from seatbus_testkit.tenant import TestTenant

from .agents import agent_phone, caller_of, reach_queue, until_agent

pytestmark = pytest.mark.platform


def key_of(tenant: TestTenant, role: str) -> httpx.Client:
    body = {"id": f"key-{role}", "label": role, "role": role}
    key = tenant.platform.post(tenant.path("api-keys"), body)["key"]
    headers = {"Authorization": f"Bearer {key}"}
    client = httpx.Client(
        base_url=tenant.platform.http.base_url, headers=headers, timeout=30, trust_env=False
    )
    path = tenant.path("agent-states")
    tenant.platform.until(lambda: client.get(path).status_code == 200, 30, "the key to be known")
    return client


def do(tenant: TestTenant, agent: str, action: str, **more: Any) -> tuple[int, str]:
    """Status and broken rule."""
    path = tenant.path(f"agents/{agent}/state")
    answer = tenant.platform.http.post(path, json={"action": action, **more})
    return answer.status_code, answer.json().get("error", {}).get("rule", "")


def intervals(tenant: TestTenant, agent: str, kind: str) -> list[dict[str, Any]]:
    rows = tenant.platform.get(tenant.path("agent-intervals"), agent_id=agent, limit=1000)["intervals"]
    return sorted((row for row in rows if row["kind"] == kind), key=lambda row: str(row["from"]))


def test_one_agent_sits_at_a_seat_and_moves_to_another(platform: Platform) -> None:
    tenant = TestTenant.create(platform, agents=2)
    assert do(tenant, "a1", "login", seat_id="desk-1", ready=True) == (200, "")
    assert do(tenant, "a2", "login", seat_id="desk-1") == (409, "seat_taken")
    assert do(tenant, "a1", "login", seat_id="desk-2") == (409, "logged_in_elsewhere")
    assert do(tenant, "a1", "login", seat_id="desk-2", take_over=True, ready=True) == (200, "")
    assert do(tenant, "a2", "login", seat_id="desk-1") == (200, "")
    rows = platform.get(tenant.path("agent-states"), seat_id="desk-2")["agents"]
    assert [(row["agent_id"], row["presence"]) for row in rows] == [("a1", "PRESENCE_READY")]


def test_supervisors_force_and_agents_do_not(platform: Platform) -> None:
    tenant = TestTenant.create(platform, agents=1)
    codes = [{"id": "tea", "reason_code": {"label": "Tea", "is_break": True, "limit_s": 1}}]
    platform.post(tenant.path("config"), {"upserts": codes})
    do(tenant, "a1", "login", ready=True)
    platform.until(
        lambda: do(tenant, "a1", "not_ready", reason="snooze") == (409, "unknown_reason"), 5, "the codes"
    )
    path = tenant.path("agents/a1/force")
    order = {"presence": "not_ready", "reason": "tea"}
    with closing(key_of(tenant, "supervisor")) as boss, closing(key_of(tenant, "agent")) as agent:
        assert agent.post(path, json=order).status_code == 403
        assert boss.post(path, json=order).json()["reason"] == "tea"

        def overrun() -> list[Any]:
            found: list[Any] = boss.get(tenant.path("agent-states"), params={"overrun": "true"}).json()[
                "agents"
            ]
            return found

        platform.until(overrun, 30, "the break to last too long")
        assert boss.post(path, json={"presence": "ready", "reason": "back"}).status_code == 200
        platform.until(lambda: not overrun(), 30, "the end of the break to be seen")
        gone = boss.post(path, json={"presence": "logged_out", "reason": "end of shift"})
        assert gone.json()["presence"] == "PRESENCE_LOGGED_OUT"


async def test_the_states_of_agents_are_a_stream(platform: Platform) -> None:
    tenant = TestTenant.create(platform, agents=2)
    headers = dict(platform.http.headers)
    async with (
        httpx.AsyncClient(
            base_url=platform.http.base_url, headers=headers, timeout=30, trust_env=False
        ) as client,
        client.stream("GET", tenant.path("agent-states/stream"), params={"presence": "ready"}) as answer,
    ):
        lines = answer.aiter_lines()

        async def update() -> dict[str, Any]:
            async for line in lines:
                if line.startswith("data: "):
                    told: dict[str, Any] = json.loads(line.removeprefix("data: "))
                    return told
            raise AssertionError("the stream ended")

        assert await update() == {"snapshot": True, "agents": [], "removed": []}
        await asyncio.to_thread(tenant.agent_do, "a2", "login", ready=True)
        async with asyncio.timeout(30):
            assert [agent["agent_id"] for agent in (await update())["agents"]] == ["a2"]
            await asyncio.to_thread(tenant.agent_do, "a2", "not_ready", reason="lunch")
            assert (await update())["removed"] == ["a2"]


async def test_a_vanished_phone_is_not_rung_and_one_that_is_back_is(platform: Platform) -> None:
    tenant = TestTenant.create(platform, agents=1)
    async with caller_of(tenant) as caller, agent_phone(tenant, "a1", transport="TCP") as phone:
        idle = tenant.agent("a1")["idle_since"]
        phone.sip.drop()  # type: ignore[attr-defined]
        await until_agent(tenant, "a1", presence="NOT_READY")
        assert tenant.agent("a1")["reason"] == "device_lost"
        call = await reach_queue(caller, tenant)
        await asyncio.sleep(0.5)
        assert not phone.calls
        await phone.reconnect()
        await phone.register()
        await (await phone.next_call()).answer()
        await until_agent(tenant, "a1", presence="READY", work="TALKING")
        assert tenant.agent("a1")["idle_since"] == idle
        await call.hang_up()
        await until_agent(tenant, "a1", presence="READY")
    cdr = await asyncio.to_thread(tenant.wait_cdr, cause="caller_hung_up")
    assert cdr["offers"] == 1


async def test_the_day_of_an_agent_is_told_without_gaps_by_cause(platform: Platform) -> None:
    tenant = TestTenant.create(platform, agents=1, queue={"wrap_up_s": 30, "disposition_required": True})
    async with caller_of(tenant) as caller, agent_phone(tenant, "a1") as phone:
        call = await reach_queue(caller, tenant)
        await (await phone.next_call()).answer()
        await until_agent(tenant, "a1", presence="READY", work="TALKING")
        await asyncio.to_thread(do, tenant, "a1", "not_ready", reason="lunch")
        await call.hang_up()
        await until_agent(tenant, "a1", presence="READY", work="WRAP_UP")
        refused = await asyncio.to_thread(do, tenant, "a1", "complete_wrap_up")
        assert refused == (409, "disposition_required")
        assert (await asyncio.to_thread(do, tenant, "a1", "extend_wrap_up", seconds=60))[0] == 200
        assert (await asyncio.to_thread(do, tenant, "a1", "complete_wrap_up", reason="sold"))[0] == 200
        await until_agent(tenant, "a1", presence="NOT_READY")
        await asyncio.to_thread(do, tenant, "a1", "ready")
        await asyncio.to_thread(do, tenant, "a1", "logout")

    def whole() -> list[dict[str, Any]] | None:
        rows = intervals(tenant, "a1", "presence")
        return rows if rows and rows[-1]["state"] == "logged_out" else None

    presences = await asyncio.to_thread(platform.until, whole, 30, "the day's intervals")
    assert not presences[-1]["until"], "the last interval is still open"
    assert [(row["state"], row["reason"]) for row in presences] == [
        ("ready", ""), ("not_ready", "lunch"), ("ready", ""), ("logged_out", "logout"),
    ]  # fmt: skip
    assert presences[-2]["cause"] == "logout"
    work = intervals(tenant, "a1", "work")
    told = [(row["state"], row["cause"]) for row in work if row["state"] != "ringing"]
    assert told[-2:] == [("talking", "ended"), ("wrap_up", "wrap_up_completed")]
    assert work[0]["state"] == "reserved"
    assert work[-1]["disposition"] == "sold"
    for rows in (presences, work):
        for before, after in pairwise(rows):
            gap = datetime.fromisoformat(after["from"]) - datetime.fromisoformat(before["until"])
            assert abs(gap.total_seconds()) < 0.001, (before, after)
