"""Chats of a tenant's own system, by the HTTP API alone."""

from __future__ import annotations

import asyncio

import httpx
import pytest

from seatbus_kit.ids import uuid7
from seatbus_testkit.platform import Platform

from .chats import chats, client, eventually

pytestmark = pytest.mark.platform


async def test_chats_are_queued_offered_taken_refused_and_ended_over_http(platform: Platform) -> None:
    async with chats(platform) as system:
        tenant = system.tenant
        first, second = await system.queue(), await system.queue(attributes={"page": "cart"})
        rids = [await system.offer(contact, "a1") for contact in (first, second)]
        third = await system.queue()
        await eventually(lambda: system.known.get(third, {}).get("state") == "CONTACT_STATE_WAITING")
        assert system.known[second]["attributes"] == {"page": "cart"}

        assert await system.tell(first, "accept", rid=rids[1]) == (409, "not_current_offer")
        assert await system.tell(first, "accept", rid=rids[0]) == (204, "")
        assert (await system.work("a1"))[rids[0]] == "WORK_STATE_TALKING"
        await eventually(lambda: system.ended.get(first) == "VISIT_OUTCOME_ANSWERED")
        assert await system.tell(second, "end", rid=rids[0], agent_id="a1") == (404, "held")

        # What one does not take goes to another; who takes nothing is not ready.
        assert await system.tell(second, "reject", rid=rids[1]) == (204, "")
        await asyncio.to_thread(tenant.agent_do, "a2", "login", ready=True)
        taken = await system.offer(second, "a2")
        assert await system.tell(second, "accept", rid=taken) == (204, "")
        waits = await system.offer(third, "a2")
        gone = await system.http.delete(system.path(f"contacts/{third}"))
        assert gone.json()["outcome"] in ("VISIT_OUTCOME_ABANDONED", "VISIT_OUTCOME_SHORT_ABANDONED")
        assert await system.tell(third, "accept", rid=waits) == (409, "not_current_offer")

        assert await system.tell(first, "end", rid=rids[0], agent_id="a1") == (204, "")
        assert await system.tell(second, "end", rid=taken, agent_id="a2") == (204, "")
        assert await system.work("a1") == await system.work("a2") == {}
        states = {agent: (await asyncio.to_thread(tenant.agent, agent)) for agent in tenant.agents}
        assert [states[agent]["presence"] for agent in tenant.agents] == [
            "PRESENCE_NOT_READY",
            "PRESENCE_READY",
        ]
        assert states["a1"]["reason"] == "rejected"

        async def told() -> bool:
            visits = (await system.http.get(system.path("queue-visits"))).json()["visits"]
            outcomes = {visit["contact_id"]: visit["outcome"] for visit in visits}
            return {outcomes.get(first), outcomes.get(second)} == {"answered"} and third in outcomes

        await eventually(told)
        async with client(tenant, "auditor") as reader:
            body = {"queue_id": tenant.queue, "channel": "chat"}
            assert (await reader.post(tenant.path("contacts"), json=body)).status_code == 403


async def test_chats_go_on_in_another_queue_with_their_place(platform: Platform) -> None:
    """Moved, by a queue's overflow, and where an overflow leads to nothing that a chat could follow."""
    async with chats(platform) as system:
        tenant = system.tenant
        here, there = tenant.queue, "q2"
        member = {"members": [{"agent_id": "a2"}]}
        queues = {
            there: {**member, "ring_timeout_s": 60},
            "closed": {**member, "closed": True},
            "away": {**member, "leave_without_agents": True, "overflow": {"voicemail": True}},
            "short": {**member, "max_wait_s": 1, "overflow": {"queue_id": "closed"}},
            "patient": {**member, "max_wait_s": 1, "overflow": {"queue_id": there}},
            "mail": {**member, "max_wait_s": 1, "overflow": {"voicemail": True}},
        }
        upserts = [{"id": name, "queue": {"name": name, **queue}} for name, queue in queues.items()]
        await asyncio.to_thread(tenant.platform.post, tenant.path("config"), {"upserts": upserts})
        full = [await system.queue() for _ in range(2)]
        for contact in full:
            await system.offer(contact, "a1")
        older = await system.queue(attributes={"page": "cart"}, customer="ann")
        younger = await system.queue(queue_id=there)

        async def move(contact: str, queue: str) -> httpx.Response:
            path = system.path(f"contacts/{contact}/move")
            return await system.http.post(path, json={"queue_id": queue})

        refused = [(await move(older, queue)) for queue in ("closed", "away", "nowhere")]
        rules = [(one.status_code, one.json()["error"]["rule"]) for one in refused]
        assert rules == [(409, "queue_closed"), (409, "no_agents"), (404, "configured queue")]
        assert (await move(full[0], there)).json()["error"]["rule"] == "not_waiting", "it is offered"
        assert (await move(uuid7(), there)).status_code == 404

        def waits_here() -> bool:
            shown = system.known.get(older, {})
            return shown.get("queue_id") == here and not shown.get("onward")

        await eventually(waits_here)

        moved = await move(older, there)
        assert (moved.status_code, moved.json()["position"]) == (200, 1), "it came first"
        again, next_id = await move(older, there), moved.json()["contact_id"]
        assert again.json()["contact_id"] == next_id != older
        await eventually(lambda: system.ended.get(older) == "VISIT_OUTCOME_TRANSFERRED_OUT")
        onward = system.onward[older]
        assert (onward["contact_id"], onward["queue_id"], onward["cause"]) == (next_id, there, "moved")
        await eventually(lambda: next_id in system.known)
        shown = system.known[next_id]
        assert (shown["previous_contact_id"], shown["attributes"]) == (older, {"page": "cart"})
        gone = await system.http.delete(system.path(f"contacts/{older}"))
        assert gone.json()["next_contact_id"] == next_id

        overflowed, lost, mailed = [
            await system.queue(queue_id=name) for name in ("patient", "short", "mail")
        ]
        await eventually(lambda: {overflowed, lost, mailed} <= system.ended.keys())
        assert {system.ended[one] for one in (overflowed, lost, mailed)} == {"VISIT_OUTCOME_OVERFLOWED"}
        found = [system.onward[one] for one in (overflowed, lost, mailed)]
        assert [(one["cause"], one["queue_id"], one["refusal"]) for one in found] == [
            ("max_wait", there, ""),
            ("max_wait", "", "queue_closed"),
            ("max_wait", "", "needs_a_call"),
        ]
        waiting = (await system.http.get(system.path(f"queues/{there}/waiting"))).json()["contacts"]
        third = found[0]["contact_id"]
        assert [one["contact_id"] for one in waiting] == [next_id, younger, third]
        await asyncio.to_thread(tenant.agent_do, "a2", "login", ready=True)
        for contact in (next_id, younger):
            assert await system.tell(contact, "accept", rid=await system.offer(contact, "a2")) == (204, "")

        async def told() -> bool:
            visits = (await system.http.get(system.path("queue-visits"))).json()["visits"]
            outcomes = {visit["contact_id"]: visit["outcome"] for visit in visits}
            return [outcomes.get(one) for one in (older, next_id, overflowed)] == [
                "transferred_out",
                "answered",
                "overflowed",
            ]

        await eventually(told)
