"""A tenant's own chat system: it knows of the platform what the HTTP API says, and answers for its agents."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import httpx

from seatbus_testkit.eventually import eventually as eventually_often
from seatbus_testkit.platform import Platform
from seatbus_testkit.tenant import TestTenant

# Each look is a request or two.
eventually = partial(eventually_often, seconds=60, every=0.1)


@dataclass
class ChatSystem:
    """What it knows of its chats it has from the stream."""

    http: httpx.AsyncClient
    tenant: TestTenant
    known: dict[str, dict[str, Any]] = field(default_factory=dict)
    ended: dict[str, str] = field(default_factory=dict)
    onward: dict[str, dict[str, Any]] = field(default_factory=dict)

    def path(self, rest: str) -> str:
        return self.tenant.path(rest).removeprefix("/")

    async def follow(self) -> None:
        path = self.path("contacts/stream")
        async with self.http.stream("GET", path, params={"channel": "chat"}) as answer:
            async for line in answer.aiter_lines():
                if line.startswith("data: "):
                    self._heard(json.loads(line.removeprefix("data: ")))

    def _heard(self, event: dict[str, Any]) -> None:
        self.known.update({one["contact_id"]: one for one in event["contacts"]})
        for one in event["ended"]:
            self.known.pop(one["contact_id"], None)
            self.onward[one["contact_id"]] = one.get("onward") or {}
            self.ended[one["contact_id"]] = one["outcome"]

    async def queue(self, **more: Any) -> str:
        body = {"queue_id": self.tenant.queue, "channel": "chat", **more}
        answer = await self.http.post(self.path("contacts"), json=body)
        assert answer.status_code == 201, answer.text
        contact_id: str = answer.json()["contact_id"]
        return contact_id

    async def offer(self, contact_id: str, agent: str) -> str:
        """The rid, once the agent's own record has it."""

        async def offered() -> bool:
            made = self.known.get(contact_id, {}).get("offered", [])
            return [one["agent_id"] for one in made] == [agent] and made[0]["rid"] in await self.work(agent)

        await eventually(offered)
        rid: str = self.known[contact_id]["offered"][0]["rid"]
        return rid

    async def work(self, agent: str) -> dict[str, str]:
        """State of what the agent has in hand, by rid."""
        state = (await self.http.get(self.path(f"agents/{agent}/state"))).json()
        return {item["rid"]: item["state"] for item in state["work"]}

    async def tell(self, contact_id: str, what: str, **body: Any) -> tuple[int, str]:
        """Status and broken rule."""
        answer = await self.http.post(self.path(f"contacts/{contact_id}/{what}"), json=body)
        return answer.status_code, answer.json()["error"]["rule"] if answer.content else ""


@asynccontextmanager
async def client(tenant: TestTenant, role: str) -> AsyncIterator[httpx.AsyncClient]:
    body = {"id": f"key-{role}", "label": role, "role": role}
    key = (await asyncio.to_thread(tenant.platform.post, tenant.path("api-keys"), body))["key"]
    base, headers = tenant.platform.http.base_url, {"Authorization": f"Bearer {key}"}
    async with httpx.AsyncClient(base_url=base, headers=headers, timeout=30, trust_env=False) as http:

        async def known() -> bool:
            return (await http.get(tenant.path("agent-states"))).status_code == 200

        await eventually(known)
        yield http


@asynccontextmanager
async def chats(
    platform: Platform, *, agents: int = 2, capacity: int = 2, share_caps: list[dict[str, Any]] | None = None
) -> AsyncIterator[ChatSystem]:
    """Agents of one team for so many chats each; only a1 is there. Its branches are main and north."""
    tenant = await asyncio.to_thread(
        TestTenant.create, platform, agents=agents, queue={"ring_timeout_s": 60, "wrap_up_s": 0}
    )
    many = {"voice": 1, "chat": capacity}
    upserts = [
        {"id": agent, "agent": {"name": agent, "branch_id": "main", "capacities": many, "team_id": "desk"}}
        for agent in tenant.agents
    ]
    upserts += [
        {"id": "north", "branch": {"name": "North", "time_zone": "Europe/Berlin"}},
        {"id": "desk", "team": {"name": "Desk", "share_caps": share_caps or []}},
    ]
    await asyncio.to_thread(platform.post, tenant.path("config"), {"upserts": upserts})
    async with client(tenant, "supervisor") as http:
        made = ChatSystem(http, tenant)
        following = asyncio.create_task(made.follow())
        await asyncio.to_thread(tenant.agent_do, "a1", "login", ready=True)
        try:
            yield made
        finally:
            following.cancel()
            await asyncio.gather(following, return_exceptions=True)
