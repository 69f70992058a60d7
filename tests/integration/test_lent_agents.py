"""The operator's agents serve several companies: one person at one phone, each call its company's."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from seatbus_testkit.phone import Phone, PhoneCall
from seatbus_testkit.platform import Platform
from seatbus_testkit.tenant import PASSWORD, TestTenant

from .agents import agent_phone, all_cdrs, caller_of, until_agent, until_bridged, until_queued

pytestmark = pytest.mark.platform


def lender(platform: Platform, *agents: str, **fields: Any) -> TestTenant:
    """The platform's own tenant with these agents, each with a phone."""
    operator = TestTenant(platform, "operator", 0, number="", caller_host="", agents=list(agents))
    objects: list[dict[str, Any]] = [{"id": "operator", "tenant": {"name": "Operator", "operator": True}}]
    for agent in agents:
        device = {
            "agent_id": agent,
            "kind": "DEVICE_KIND_SIP",
            "username": operator.username(agent),
            "password": PASSWORD,
        }
        objects += [{"id": agent, "agent": {"name": agent.title(), **fields}}]
        objects += [{"id": f"{agent}-phone", "device": device}]
    platform.post("/tenants/operator/config", {"upserts": objects})
    return operator


def company(platform: Platform, agent: str, **queue: Any) -> TestTenant:
    """A company whose callers wait at once, and are served by the operator's agent alone."""
    return TestTenant.create(
        platform,
        agents=0,
        queue={"members": [{"agent_id": agent, "agent_tenant_id": "operator"}], **queue},
        flow_nodes=[{"id": "sales", "queue": {"queue_id": "q1"}}],
    )


async def waits(caller: Phone, tenant: TestTenant) -> PhoneCall:
    call = await caller.dial(tenant.number)
    await until_queued(tenant)
    return call


def shown(ringing: PhoneCall) -> tuple[str | None, str]:
    """What the INVITE tells the phone, and its display."""
    return ringing.request.get("X-Seatbus-Tenant"), ringing.request.from_.display


def line(tenant: TestTenant, agent: str) -> tuple[str, str, str, bool]:
    """The operator's agent on a board: state, whose contact, queue, whether the call is named."""
    board = tenant.platform.get(tenant.path("board"))
    found = next(row for row in board["agents"] if row["agent_id"] == agent)
    return found["state"], found["contact_tenant_id"], found["queue_id"], bool(found["call_id"])


async def until_line(tenant: TestTenant, agent: str, *expected: object) -> None:
    def there() -> bool:
        return line(tenant, agent) == expected

    what = f"{agent} on the board of {tenant.id} as {expected}, not {line(tenant, agent)}"
    await asyncio.to_thread(tenant.platform.until, there, 30, what)


async def test_who_serves_one_company_is_not_offered_to_the_other_at_the_same_phone(
    platform: Platform,
) -> None:
    operator = lender(platform, "ann")
    first = company(platform, "ann", wrap_up_s=300, disposition_required=True)
    second = company(platform, "ann")
    codes = [{"id": "sold", "disposition": {"label": "Sold"}}]
    await asyncio.to_thread(platform.post, first.path("config"), {"upserts": codes})
    async with caller_of(first) as one, caller_of(second) as two, agent_phone(operator, "ann") as phone:
        call = await waits(one, first)
        ringing = await phone.next_call()
        assert shown(ringing) == (first.id, f"Company {first.index}: Sales")
        await ringing.answer()
        await until_bridged(first)
        other = await waits(two, second)
        await until_line(first, "ann", "talking", first.id, "q1", True)
        await until_line(operator, "ann", "talking", first.id, "", True)
        await until_line(second, "ann", "talking", "", "", False)

        def why() -> list[str]:
            waiting = platform.get(second.path("queues/q1/waiting"))["contacts"]
            told = platform.get(second.path(f"contacts/{waiting[0]['contact_id']}"))
            return [decision["rule"] for decision in told["decisions"]]

        assert await asyncio.to_thread(why) == ["no_agent_ready"]
        await call.hang_up()
        # Her wrap-up is the first company's, with its codes, and keeps her from the second.
        await until_agent(operator, "ann", presence="READY", work="WRAP_UP")
        path = operator.path("agents/ann/state")
        for reason, rule in (("", "disposition_required"), ("bought", "unknown_disposition")):
            body = {"action": "complete_wrap_up", "reason": reason}
            refused = await asyncio.to_thread(platform.http.post, path, json=body)
            assert (refused.status_code, refused.json()["error"]["rule"]) == (409, rule)
        calls = await asyncio.to_thread(platform.get, second.path("calls"))
        assert [item["state"] for item in calls["calls"]] == ["CALL_STATE_QUEUED"]
        await asyncio.to_thread(operator.agent_do, "ann", "complete_wrap_up", reason="sold")
        ringing = await phone.next_call()
        assert shown(ringing) == (second.id, f"Company {second.index}: Sales")
        await ringing.answer()
        await until_bridged(second)
        await other.hang_up()
        await until_agent(operator, "ann", presence="READY")

    for tenant in (first, second):
        [cdr] = await all_cdrs(tenant, 1)
        assert (cdr["agent_id"], cdr["offers"], cdr["cause"]) == ("ann", 1, "caller_hung_up")
        assert [part["agent_tenant_id"] for part in cdr["segments"]] == ["operator"]
        recording = await asyncio.to_thread(
            platform.http.get, tenant.path(f"recordings/{cdr['recording_id']}")
        )
        assert recording.status_code == 200
        elsewhere = second if tenant is first else first
        path = elsewhere.path(f"recordings/{cdr['recording_id']}")
        assert (await asyncio.to_thread(platform.http.get, path)).status_code == 404
    assert not operator.cdrs(agent_id="ann")

    def wrapped_up() -> list[tuple[str, str]] | None:
        rows = platform.get(operator.path("agent-intervals"), agent_id="ann", limit=1000)["intervals"]
        ended = [row for row in rows if row["kind"] == "work" and row["state"] == "wrap_up" and row["until"]]
        ended.sort(key=lambda row: str(row["from"]))
        found = [(row["contact_tenant_id"], row["disposition"]) for row in ended]
        return found if len(found) == 2 else None

    told = await asyncio.to_thread(platform.until, wrapped_up, 40, "both wrap-ups in the store")
    assert told == [(first.id, "sold"), (second.id, "")]


async def test_who_may_have_two_calls_is_rung_for_two_companies_at_once(platform: Platform) -> None:
    operator = lender(platform, "ben", capacities={"voice": 2})
    first, second = company(platform, "ben"), company(platform, "ben")
    async with caller_of(first) as one, caller_of(second) as two, agent_phone(operator, "ben") as phone:
        calls = await asyncio.gather(waits(one, first), waits(two, second))
        ringing = [await phone.next_call(), await phone.next_call()]
        assert {call.request.get("X-Seatbus-Tenant") for call in ringing} == {first.id, second.id}
        for call in ringing:
            await call.answer()
        await until_bridged(first)
        await until_bridged(second)
        for call in calls:
            await call.hang_up()
        await until_agent(operator, "ben", presence="READY")


async def test_a_lent_agent_consults_and_transfers_to_colleagues_of_his_own(platform: Platform) -> None:
    operator = lender(platform, "cleo", "dora")
    tenant = company(platform, "cleo")
    async with (
        caller_of(tenant) as caller,
        agent_phone(operator, "cleo") as cleo,
        agent_phone(operator, "dora") as dora,
    ):
        call = await waits(caller, tenant)
        first = await cleo.next_call()
        await first.answer()
        await until_bridged(tenant)
        [live] = platform.get(tenant.path("calls"))["calls"]
        path = tenant.path(f"calls/{live['call_id']}")
        for word, body, status in (
            ("transfer", {"agent_id": "cleo"}, 409),
            ("transfer", {"agent_id": "nobody"}, 404),
            ("consult", {"agent_id": "dora"}, 200),
        ):
            answer = await asyncio.to_thread(platform.http.post, f"{path}/{word}", json=body)
            assert answer.status_code == status, answer.text
        asked = await dora.next_call()
        assert asked.request.get("X-Seatbus-Role") == "consult"
        assert shown(asked)[0] == tenant.id
        await asked.answer()
        await until_agent(operator, "dora", presence="READY", work="TALKING")
        body = {"end": "transfer"}
        assert (await asyncio.to_thread(platform.http.post, f"{path}/consult/complete", json=body)).is_success
        await first.wait_ended()
        await call.hang_up()
        await asked.wait_ended()
    cdr = await asyncio.to_thread(tenant.wait_cdr, cause="caller_hung_up")
    assert {part["agent_id"] for part in cdr["segments"]} == {"cleo", "dora"}
