"""A day of routing without phones: callers with patience, agents who answer, are busy or do not answer.

The edge notes who talks to whom; the history is judged by `seatbus_testkit.routing_checker`.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from seatbus.acd.v1 import service_pb2 as acd
from seatbus.agent.v1 import service_pb2 as agent
from seatbus.agent.v1 import types_pb2 as agent_types
from seatbus.call.v1 import service_pb2 as call
from seatbus.call.v1 import types_pb2 as call_types
from seatbus.tenancy.v1 import types_pb2 as tenancy
from seatbus_kit.rpc import invoke
from seatbus_testkit import routing_world as base
from seatbus_testkit.routing_checker import Talk

OPERATOR = "operator"


class Members:
    """Who serves which tenant: each has agents of its own, and every third agent serves all who share.

    A tenant that stands alone shares nobody, so that its queue is a routing group by itself.
    """

    def __init__(self, tenants: int, agents: Sequence[str]) -> None:
        self.agents = list(agents)
        self.tenants = [f"t{number}" for number in range(tenants)]
        self.alone: set[str] = set()

    def turn(self, tenant: str) -> None:
        """Who shares stands alone from now on, and the other way round."""
        self.alone ^= {tenant}

    def of(self, tenant: str) -> list[str]:
        own = self.tenants.index(tenant)
        number = len(self.tenants)
        shares = tenant not in self.alone
        return [
            name
            for i, name in enumerate(self.agents)
            if i % number == own or (shares and i % 3 == 0 and self.tenants[i % number] not in self.alone)
        ]


@dataclass
class Caller(base.Line):
    """`patience` in seconds: then the caller hangs up, unless an agent has answered."""

    patience: float = 0.0
    talk_s: float = 0.0
    answered: bool = False
    confirmed_at: float = 0.0


class Edge(base.RoutingEdge[Caller]):
    """`talks` is what it saw; times are those of this process."""

    def __init__(self, chance: random.Random) -> None:
        super().__init__()
        self.world: RoutingWorld
        self._chance = chance
        self.talks: list[Talk] = []
        self.talking: dict[str, tuple[str, str, float]] = {}

    async def LeaveQueue(self, request: call.LeaveQueueRequest, context: Any) -> call.LeaveQueueResponse:
        answer = await super().LeaveQueue(request, context)
        self.calls[request.call_id].alive = False
        return answer

    async def ring(self, line: Caller, rid: str, agent_id: str) -> None:
        world = self.world
        await world.report_work(agent_id, rid, agent.WORK_EVENT_RINGING)
        await asyncio.sleep(self._chance.uniform(0.02, 0.3))
        if rid not in line.live:
            return
        lot = self._chance.random()
        if lot > 0.93:
            busy = lot > 0.97
            self.close(line, rid)
            await world.report_work(
                agent_id, rid, agent.WORK_EVENT_BUSY if busy else agent.WORK_EVENT_NO_ANSWER
            )
            await world.report_offer(
                line, rid, acd.OFFER_OUTCOME_BUSY if busy else acd.OFFER_OUTCOME_NO_ANSWER
            )
            return
        if line.claimed:
            # Another one has answered: ACK, BYE.
            await world.lose(line, rid)
            return
        line.claimed = rid
        self.legs[rid] = call_types.LEG_STATE_ANSWERED
        if not await world.report_work(agent_id, rid, agent.WORK_EVENT_ANSWERED):
            self.close(line, rid)
            await world.report_offer(line, rid, acd.OFFER_OUTCOME_FAILED)
            return
        if rid not in line.live:
            # The caller went while the agent answered: BYE.
            self.legs[rid] = call_types.LEG_STATE_ENDED
            await world.report_work(agent_id, rid, agent.WORK_EVENT_ENDED)
            return
        line.answered = True
        since = time.time()
        self.talking[rid] = (line.contact_id, agent_id, since)
        await world.lose(line, *(other for other in list(line.live) if other != rid))
        dropped = not await world.report_offer(line, rid, acd.OFFER_OUTCOME_ANSWERED)
        if not dropped:
            await asyncio.sleep(line.talk_s)
        del self.talking[rid]
        self.talks.append(Talk(line.contact_id, agent_id, since, time.time()))
        self.close(line, rid)
        await world.report_work(agent_id, rid, agent.WORK_EVENT_ENDED)
        line.done.set()

    def all_talks(self) -> list[Talk]:
        going = [Talk(contact, who, since, float("inf")) for contact, who, since in self.talking.values()]
        return [*self.talks, *going]


class RoutingWorld(base.RoutingWorld[Edge]):
    """`seed` decides all that is random here."""

    def __init__(self, nats_url: str, monitor_url: str, directory: Path, seed: int, replicas: int) -> None:
        edge = Edge(random.Random(seed + 1))
        super().__init__(
            nats_url, directory, edge, OPERATOR, monitor_url=monitor_url, replicas=replicas, patience_s=60
        )
        edge.world = self
        self.chance = random.Random(seed)
        self._simultaneous: frozenset[str] = frozenset()

    async def configure(self, members: Members, simultaneous: Collection[str] = ()) -> None:
        """Tenants with one queue each, served by the operator's agents; `simultaneous`: those in whose queues
        several ring at once.
        """
        self._simultaneous = frozenset(simultaneous)
        objects = [
            tenancy.ConfigObject(
                tenant_id=OPERATOR, id=OPERATOR, tenant=tenancy.Tenant(name="Operator", operator=True)
            ),
            *(
                tenancy.ConfigObject(tenant_id=OPERATOR, id=name, agent=tenancy.Agent(name=name))
                for name in members.agents
            ),
            *(
                tenancy.ConfigObject(tenant_id=tenant, id=tenant, tenant=tenancy.Tenant(name=tenant))
                for tenant in members.tenants
            ),
        ]
        await self.put(objects)
        await self.serve(members, members.tenants)

    async def serve(self, members: Members, tenants: Iterable[str]) -> None:
        """The queues of these tenants have the members that they should have, one after the other."""
        for tenant in tenants:
            queue = tenancy.Queue(
                name=f"queue of {tenant}",
                ring_timeout_s=3,
                members=[
                    tenancy.Member(agent_id=name, agent_tenant_id=OPERATOR) for name in members.of(tenant)
                ],
            )
            if tenant in self._simultaneous:
                queue.strategy, queue.ring_agents = tenancy.STRATEGY_SIMULTANEOUS_RING, 3
            item = tenancy.ConfigObject(tenant_id=tenant, id=f"q-{tenant}", queue=queue)
            await self.insist(partial(self.put, [item]))

    async def press(self, agent_id: str, presence: agent_types.Presence) -> None:
        """The agent's ready or not-ready key; a press that is refused changes nothing."""
        request = agent.SetPresenceRequest(
            context=self.context_of(OPERATOR), agent_id=agent_id, presence=presence, reason="pause"
        )
        await self.told(lambda: invoke(self.agents().SetPresence, request, 3))

    async def enqueue(self, caller: Caller) -> None:
        request = self.enqueue_request(caller)
        await self.insist(lambda: invoke(self.acd().Enqueue, request, 3))
        caller.confirmed_at = time.time()

    async def hang_up(self, caller: Caller) -> None:
        await self.cancel(caller)
        caller.done.set()
