"""A share of a team's agents, on real processes: how many worked at once is read from the reports."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from seatbus_testkit.platform import Platform

from .chats import ChatSystem, chats, eventually

pytestmark = pytest.mark.platform

SHARE = 2
CHATS = 4


async def serve(system: ChatSystem, contacts: list[str]) -> None:
    """Whoever is offered one takes it and is done with it, until all are."""
    while not set(contacts) <= system.ended.keys():
        offered = [(one, system.known.get(one, {}).get("offered", [])) for one in contacts]
        for contact, made in offered:
            for offer in made:
                # One that the stream has not told of yet has ended.
                if await system.tell(contact, "accept", rid=offer["rid"]) == (204, ""):
                    body = {"rid": offer["rid"], "agent_id": offer["agent_id"]}
                    assert (await system.tell(contact, "end", **body))[0] == 204
        await asyncio.sleep(0.05)


async def work_of(system: ChatSystem, queue: str) -> dict[str, tuple[str, str]]:
    """From when to when agents were at work for a queue, wrap-up included, by rid; empty while some are."""
    rows = (await system.http.get(system.path("agent-intervals"), params={"limit": 1000})).json()["intervals"]
    found: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        if row["kind"] == "work" and row["queue_id"] == queue:
            found.setdefault(row["rid"], []).append(row)
    if any(not row.get("until") for parts in found.values() for row in parts):
        return {}
    return {
        rid: (min(row["from"] for row in parts), max(row["until"] for row in parts))
        for rid, parts in found.items()
    }


async def test_a_branch_has_no_more_of_a_teams_agents_at_once_than_its_share(platform: Platform) -> None:
    caps = [{"branch_id": "north", "max_agents": SHARE}]
    async with chats(platform, agents=4, capacity=1, share_caps=caps) as system:
        tenant = system.tenant
        members = [{"agent_id": agent} for agent in tenant.agents]
        north = {"name": "North", "branch_id": "north", "members": members, "ring_timeout_s": 60}
        upserts = [{"id": "q-north", "queue": {**north, "wrap_up_s": 1}}]
        await asyncio.to_thread(tenant.platform.post, tenant.path("config"), {"upserts": upserts})
        for agent in tenant.agents[1:]:
            await asyncio.to_thread(tenant.agent_do, agent, "login", ready=True)
        contacts = [await system.queue(queue_id="q-north") for _ in range(CHATS)]

        def offered() -> list[str]:
            return [one for one in contacts if system.known.get(one, {}).get("offered")]

        await eventually(lambda: len(offered()) == SHARE)
        explained = (await system.http.get(system.path(f"contacts/{contacts[-1]}"))).json()
        assert explained["decisions"][-1]["rule"] == "capped"
        # The others are there for the other branch.
        others = [await system.queue() for _ in range(2)]
        await eventually(lambda: all(system.known.get(one, {}).get("offered") for one in others))
        assert len(offered()) == SHARE

        await asyncio.wait_for(serve(system, contacts), 60)
        assert {system.ended[one] for one in contacts} == {"VISIT_OUTCOME_ANSWERED"}
        work: dict[str, tuple[str, str]] = {}

        async def reported() -> bool:
            work.update(await work_of(system, "q-north"))
            return len(work) == CHATS

        await eventually(reported)
        for since, _ in work.values():
            at_once = [rid for rid, (begun, done) in work.items() if begun <= since < done]
            assert len(at_once) <= SHARE, at_once
