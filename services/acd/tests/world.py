"""Routing for real: acd and agent_state as processes on a NATS server, and an edge that follows a script.

The edge is the judge: it notes every offer it accepts, and complains when a contact or an agent has two.
"""

from __future__ import annotations

import asyncio
import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from seatbus.acd.v1 import service_pb2 as acd
from seatbus.acd.v1 import types_pb2 as acd_types
from seatbus.agent.v1 import service_pb2 as agent
from seatbus.call.v1 import service_pb2 as call
from seatbus.call.v1 import types_pb2 as call_types
from seatbus.common.v1.types_pb2 import RequestContext
from seatbus.tenancy.v1 import types_pb2 as tenancy
from seatbus_kit.buckets import Bucket
from seatbus_kit.errors import Unavailable
from seatbus_kit.ids import uuid7
from seatbus_kit.rpc import invoke
from seatbus_testkit import routing_world as base
from seatbus_testkit.eventually import eventually
from seatbus_testkit.routing_world import Process as Process

T = "acme"


@dataclass
class Call(base.Line):
    """A caller. `script`: what the agent's phone does with each offer, the last one for ever. A talk lasts
    `talk_s`, or until it is `over`.
    """

    tenant: str = T
    queue: str = "sales"
    script: list[str] = field(default_factory=lambda: ["answer"])
    talk_s: float = 0.05
    over: asyncio.Event | None = None
    channel: str = ""
    priority: int = 0
    offered_to: list[str] = field(default_factory=list)
    connected: list[str] = field(default_factory=list)


class Edge(base.RoutingEdge[Call]):
    def __init__(self) -> None:
        super().__init__()
        self.world: World
        self.busy: dict[tuple[str, str], set[str]] = defaultdict(set)
        self.complaints: list[str] = []
        self.order: list[str] = []
        self.called_back: list[call.CallBackRequest] = []
        # Contacts at a time for one agent on each channel.
        self.capacities = {"voice": 1}
        # While it is restarted it answers no offer; these were made meanwhile.
        self.restarting = False
        self.missed: list[str] = []

    async def OfferAgent(self, request: call.OfferAgentRequest, context: Any) -> call.OfferAgentResponse:
        if self.restarting:
            self.missed.append(request.rid)
            raise Unavailable("the journal is being read")
        return await super().OfferAgent(request, context)

    async def CallBack(self, request: call.CallBackRequest, context: Any) -> call.CallBackResponse:
        """The customer's phone rings until the test says how that ends."""
        self.called_back.append(request)
        self.legs[request.rid] = call_types.LEG_STATE_RINGING
        self.calls[request.call_id] = Call(call_id=request.call_id)
        return call.CallBackResponse(leg_id=uuid7())

    async def CheckNumber(self, request: call.CheckNumberRequest, context: Any) -> call.CheckNumberResponse:
        refusal = "premium_number" if request.number.startswith("+1900") else ""
        return call.CheckNumberResponse(number=request.number, refusal=refusal)

    async def ring(self, line: Call, rid: str, agent_id: str) -> None:
        world = self.world
        line.offered_to.append(agent_id)
        self.order.append(line.contact_id)
        what = line.script.pop(0) if len(line.script) > 1 else line.script[0]
        if what == "forget":
            return
        await world.report_work(agent_id, rid, agent.WORK_EVENT_RINGING)
        if what == "hang":
            return
        if what == "answer":
            await self._answer(line, rid, agent_id)
            return
        work, outcome = {
            "no_answer": (agent.WORK_EVENT_NO_ANSWER, acd.OFFER_OUTCOME_NO_ANSWER),
            "busy": (agent.WORK_EVENT_BUSY, acd.OFFER_OUTCOME_BUSY),
        }[what]
        self.close(line, rid)
        await world.report_work(agent_id, rid, work)
        await world.report_offer(line, rid, outcome)

    async def _answer(self, line: Call, rid: str, agent_id: str) -> None:
        world = self.world
        if not await world.report_work(agent_id, rid, agent.WORK_EVENT_ANSWERED):
            self.close(line, rid)
            return
        self.legs[rid] = call_types.LEG_STATE_ANSWERED
        channel = line.channel or "voice"
        busy = self.busy[agent_id, channel]
        busy.add(rid)
        line.connected.append(agent_id)
        if len(busy) > self.capacities[channel]:
            self.complaints.append(f"agent {agent_id} has {channel} contacts {busy}")
        if len(line.connected) > 1:
            self.complaints.append(f"contact {line.contact_id} has {line.connected}")
        if not await world.report_offer(line, rid, acd.OFFER_OUTCOME_ANSWERED):
            self.complaints.append(f"answer of {line.contact_id} was refused")
        await (line.over.wait() if line.over is not None else asyncio.sleep(line.talk_s))
        busy.discard(rid)
        self.close(line, rid)
        await world.report_work(agent_id, rid, agent.WORK_EVENT_ENDED)
        line.done.set()


class World(base.RoutingWorld[Edge]):
    """One tenant with one queue, `sales`."""

    def __init__(self, nats_url: str, logs: Path) -> None:
        super().__init__(nats_url, logs, Edge(), T)
        self.edge.world = self

    async def holder(self) -> Process:
        """The acd process that holds the group now."""
        entry = await Bucket(self.runtime.bus, "leases").get(f"lease.g-{T}")
        assert entry is not None
        return next(p for p in self.processes.values() if f'"{p.instance}"'.encode() in entry.value)

    async def taken(self, group: str, instance: str, *, waited_out: bool) -> None:
        """The process has the group; it waited until the lease ran out, or was told that it was free."""
        told: list[bool] = []

        def logged() -> bool:
            log = (self.directory / f"{instance}.log").read_text()
            lines = [json.loads(line) for line in log.splitlines() if '"lease acquired"' in line]
            told[:] = [line["waited_out"] for line in lines if line["shard"] == group]
            return bool(told)

        await eventually(logged)
        assert told == [waited_out]

    async def configure(
        self, agents: Sequence[str], *, capacities: Mapping[str, int] | None = None, **queue: Any
    ) -> None:
        """`capacities` of each agent; the edge judges by them."""
        self.edge.capacities = dict(capacities or {"voice": 1})
        members = [tenancy.Member(agent_id=agent_id) for agent_id in agents]
        made = tenancy.Queue(**{"name": "Sales", "members": members, "ring_timeout_s": 1, **queue})
        await self.put(
            [
                tenancy.ConfigObject(tenant_id=T, id=T, tenant=tenancy.Tenant(name="Acme")),
                *(
                    tenancy.ConfigObject(
                        tenant_id=T, id=agent_id, agent=tenancy.Agent(name=agent_id, capacities=capacities)
                    )
                    for agent_id in agents
                ),
                tenancy.ConfigObject(tenant_id=T, id="sales", queue=made),
            ]
        )

    def context(self, request_id: str = "") -> RequestContext:
        return self.context_of(T, request_id)

    async def enqueue(self, **fields: Any) -> Call:
        made = Call(**fields)
        request = self.enqueue_request(made, priority=made.priority, channel=made.channel)
        await self.insist(lambda: invoke(self.acd().Enqueue, request, 3))
        return made

    async def enqueue_once(self) -> None:
        """A caller who takes the first answer."""
        await invoke(self.acd().Enqueue, self.enqueue_request(Call()), 3)

    async def hang_up(self, found: Call) -> acd_types.VisitOutcome:
        return await self.cancel(found)
