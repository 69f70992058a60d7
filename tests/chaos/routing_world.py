"""A day of routing without phones: callers, agents and an edge that follow scripts; all else is the product.

acd and agent_state run as processes on real NATS servers. The edge keeps the laws of the contracts (one live
offer a call, epochs, reports repeated until they are answered) and notes who talks to whom.
"""

from __future__ import annotations

import asyncio
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

from seatbus.acd.v1 import service_pb2 as acd
from seatbus.acd.v1 import types_pb2 as acd_types
from seatbus.acd.v1.service_pb2_grpc import AcdServiceStub
from seatbus.agent.v1 import service_pb2 as agent
from seatbus.agent.v1 import types_pb2 as agent_types
from seatbus.agent.v1.service_pb2_grpc import AgentStateServiceStub
from seatbus.call.v1 import service_pb2 as call
from seatbus.call.v1 import types_pb2 as call_types
from seatbus.call.v1.service_pb2_grpc import CallControlServicer, add_CallControlServicer_to_server
from seatbus.common.v1.types_pb2 import RequestContext
from seatbus.tenancy.v1 import types_pb2 as tenancy
from seatbus_kit.buckets import Bucket
from seatbus_kit.errors import NotFound, Refused, SeatbusError, StaleEpoch
from seatbus_kit.ids import uuid7
from seatbus_kit.rpc import invoke
from seatbus_kit.runtime import Runtime, close_runtime, open_runtime
from seatbus_kit.settings import ServiceSettings
from seatbus_testkit.eventually import eventually
from seatbus_testkit.routing_checker import Talk

OPERATOR = "operator"


class EdgeSettings(ServiceSettings):
    service: ClassVar[str] = "sip_edge"


@dataclass(slots=True)
class Caller:
    """`patience` in seconds: then the caller hangs up, unless an agent has answered."""

    tenant: str
    queue: str
    patience: float
    talk_s: float
    call_id: str = field(default_factory=uuid7)
    contact_id: str = field(default_factory=uuid7)
    alive: bool = True
    live_rid: str = ""
    agent: str = ""
    answered: bool = False
    confirmed_at: float = 0.0
    left: int = 0
    epochs: dict[str, int] = field(default_factory=dict)
    done: asyncio.Event = field(default_factory=asyncio.Event)


@dataclass(slots=True)
class _Leg:
    state: int
    agent: str


class Edge(CallControlServicer):
    """Answers offers as scripted. `talks` is what it saw; times are those of this process."""

    def __init__(self, world: RoutingWorld, chance: random.Random) -> None:
        self._world = world
        self._chance = chance
        self.calls: dict[str, Caller] = {}
        self.legs: dict[str, _Leg] = {}
        self.talks: list[Talk] = []
        self.talking: dict[str, tuple[str, str, float]] = {}
        self.refused = 0
        self._tasks: set[asyncio.Task[None]] = set()

    async def OfferAgent(self, request: call.OfferAgentRequest, context: Any) -> call.OfferAgentResponse:
        found = self.calls.get(request.call_id)
        if found is None or not found.alive:
            raise NotFound("no such call")
        if request.rid in self.legs:
            return call.OfferAgentResponse(leg_id=uuid7())
        seen = found.epochs.get(request.group, 0)
        if request.epoch < seen:
            self.refused += 1
            raise StaleEpoch(sent=request.epoch, current=seen)
        found.epochs[request.group] = request.epoch
        if found.live_rid:
            self.refused += 1
            raise Refused("another_offer", f"{found.live_rid} is live")
        found.live_rid, found.agent = request.rid, request.agent_id
        self.legs[request.rid] = _Leg(call_types.LEG_STATE_RINGING, request.agent_id)
        task = asyncio.create_task(self._ring(found, request.rid, request.agent_id))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return call.OfferAgentResponse(leg_id=uuid7())

    async def LeaveQueue(self, request: call.LeaveQueueRequest, context: Any) -> call.LeaveQueueResponse:
        found = self.calls.get(request.call_id)
        if found is None or not found.alive:
            raise NotFound("no such call")
        found.left = request.reason
        found.alive = False
        found.done.set()
        return call.LeaveQueueResponse()

    async def QueryReservation(
        self, request: call.QueryReservationRequest, context: Any
    ) -> call.QueryReservationResponse:
        if request.call_id not in self.calls:
            raise NotFound("no such call")
        leg = self.legs.get(request.rid)
        return call.QueryReservationResponse(state=leg.state if leg else 0)  # type: ignore[arg-type]

    async def _ring(self, found: Caller, rid: str, agent_id: str) -> None:
        world, leg = self._world, self.legs[rid]
        await world.report_work(agent_id, rid, agent.WORK_EVENT_RINGING)
        await asyncio.sleep(self._chance.uniform(0.02, 0.3))
        if found.live_rid != rid:
            return
        lot = self._chance.random()
        if lot > 0.93:
            busy = lot > 0.97
            self._close(found, rid)
            await world.report_work(
                agent_id, rid, agent.WORK_EVENT_BUSY if busy else agent.WORK_EVENT_NO_ANSWER
            )
            await world.report_offer(
                found, rid, acd.OFFER_OUTCOME_BUSY if busy else acd.OFFER_OUTCOME_NO_ANSWER
            )
            return
        leg.state = call_types.LEG_STATE_ANSWERED
        if not await world.report_work(agent_id, rid, agent.WORK_EVENT_ANSWERED):
            self._close(found, rid)
            await world.report_offer(found, rid, acd.OFFER_OUTCOME_FAILED)
            return
        if found.live_rid != rid:
            # The caller went while the agent answered: BYE.
            leg.state = call_types.LEG_STATE_ENDED
            await world.report_work(agent_id, rid, agent.WORK_EVENT_ENDED)
            return
        found.answered = True
        since = time.time()
        self.talking[rid] = (found.contact_id, agent_id, since)
        dropped = not await world.report_offer(found, rid, acd.OFFER_OUTCOME_ANSWERED)
        if not dropped:
            await asyncio.sleep(found.talk_s)
        del self.talking[rid]
        self.talks.append(Talk(found.contact_id, agent_id, since, time.time()))
        self._close(found, rid)
        await world.report_work(agent_id, rid, agent.WORK_EVENT_ENDED)
        found.done.set()

    def _close(self, found: Caller, rid: str) -> None:
        self.legs[rid].state = call_types.LEG_STATE_ENDED
        if found.live_rid == rid:
            found.live_rid = ""

    def all_talks(self) -> list[Talk]:
        going = [Talk(contact, who, since, float("inf")) for contact, who, since in self.talking.values()]
        return [*self.talks, *going]


@dataclass(slots=True)
class Process:
    service: str
    instance: str
    command: Sequence[str]
    popen: subprocess.Popen[bytes]

    def signal(self, number: signal.Signals) -> None:
        if self.popen.poll() is None:
            self.popen.send_signal(number)

    def kill(self) -> None:
        self.signal(signal.SIGCONT)
        self.signal(signal.SIGKILL)
        self.popen.wait(timeout=10)


class RoutingWorld:
    """`replicas`: 1 for a single server, 3 for a cluster of three. `seed` decides all that is random here."""

    def __init__(self, nats_url: str, monitor_url: str, directory: Path, seed: int, replicas: int) -> None:
        self._settings = {
            "nats_url": nats_url,
            "nats_monitor_url": monitor_url,
            "jetstream_replicas": replicas,
        }
        self.directory = directory
        self.chance = random.Random(seed)
        self.edge = Edge(self, random.Random(seed + 1))
        self.processes: dict[str, Process] = {}
        self.runtime: Runtime

    async def __aenter__(self) -> RoutingWorld:
        settings = EdgeSettings(instance_id=f"edge-{uuid7()[-8:]}", **self._settings)  # type: ignore[arg-type]
        self.runtime = await open_runtime(settings)
        self.runtime.rpc.add(add_CallControlServicer_to_server, self.edge)
        await self.runtime.rpc.start()
        await self.runtime.instances.announce(lambda: 0.0, address=self.runtime.rpc.address)
        return self

    async def __aexit__(self, *_: object) -> None:
        for process in self.processes.values():
            process.kill()
        await close_runtime(self.runtime)

    # Processes

    async def start(self, service: str, *instances: str, program: Sequence[str] = (), **env: str) -> None:
        """Starts replicas; `program`, in place of the service's own: a build that is broken on purpose."""
        for instance in instances:
            command = [sys.executable, *(program or ("-m", f"seatbus_{service}"))]
            self.processes[instance] = Process(
                service, instance, command, self._launch(command, instance, env)
            )
        await eventually(lambda: all(self.runtime.instances.get(name) for name in instances), 30)

    def _launch(self, command: Sequence[str], instance: str, env: dict[str, str]) -> subprocess.Popen[bytes]:
        environment = os.environ | {
            **{f"SEATBUS_{name.upper()}": str(value) for name, value in self._settings.items()},
            "SEATBUS_INSTANCE_ID": instance,
            "SEATBUS_DATA_DIR": str(self.directory),
            **{f"SEATBUS_{name.upper()}": value for name, value in env.items()},
        }
        with (self.directory / f"{instance}.log").open("ab") as log:
            return subprocess.Popen(command, env=environment, stdout=log, stderr=subprocess.STDOUT)

    def respawn(self, instance: str) -> None:
        process = self.processes[instance]
        process.kill()
        process.popen = self._launch(process.command, instance, {})

    # Configuration

    async def configure(self, tenants: dict[str, Sequence[str]]) -> None:
        """Tenants with one queue each, served by the operator's agents that are named."""
        agents = sorted({name for members in tenants.values() for name in members})
        objects = [
            tenancy.ConfigObject(
                tenant_id=OPERATOR, id=OPERATOR, tenant=tenancy.Tenant(name="Operator", operator=True)
            ),
            *(
                tenancy.ConfigObject(tenant_id=OPERATOR, id=name, agent=tenancy.Agent(name=name))
                for name in agents
            ),
        ]
        for tenant, members in tenants.items():
            queue = tenancy.Queue(
                name=f"queue of {tenant}",
                ring_timeout_s=3,
                members=[tenancy.Member(agent_id=name, agent_tenant_id=OPERATOR) for name in members],
            )
            objects += [
                tenancy.ConfigObject(tenant_id=tenant, id=tenant, tenant=tenancy.Tenant(name=tenant)),
                tenancy.ConfigObject(tenant_id=tenant, id=f"q-{tenant}", queue=queue),
            ]
        bucket = Bucket(self.runtime.bus, "config")
        for item in objects:
            key = f"{item.tenant_id}.{item.WhichOneof('object')}.{item.id}"
            entry = await bucket.read(key)
            await bucket.put(key, item.SerializeToString(), entry.revision if entry else 0)

    # Clients

    def _context(self, tenant: str, request_id: str = "") -> RequestContext:
        return RequestContext(request_id=request_id or uuid7(), tenant_id=tenant)

    def _acd(self) -> AcdServiceStub:
        found = self.runtime.instances.pick("acd", key=uuid7())
        if found is None:
            raise NoReplica("acd")
        return AcdServiceStub(self.runtime.channels.get(found.address))  # type: ignore[no-untyped-call]

    def _agents(self) -> AgentStateServiceStub:
        found = self.runtime.instances.pick("agent_state", key=uuid7())
        if found is None:
            raise NoReplica("agent_state")
        channel = self.runtime.channels.get(found.address)
        return AgentStateServiceStub(channel)  # type: ignore[no-untyped-call]

    async def login(self, agent_id: str) -> None:
        request = agent.LoginRequest(context=self._context(OPERATOR), agent_id=agent_id, ready=True)
        await self.insist(lambda: invoke(self._agents().Login, request, 3))

    async def press(self, agent_id: str, presence: agent_types.Presence) -> None:
        """The agent's ready or not-ready key; a press that is refused changes nothing."""
        request = agent.SetPresenceRequest(
            context=self._context(OPERATOR), agent_id=agent_id, presence=presence, reason="pause"
        )
        await self._told(lambda: invoke(self._agents().SetPresence, request, 3))

    async def agent(self, agent_id: str) -> agent_types.AgentState:
        request = agent.GetAgentRequest(tenant_id=OPERATOR, agent_id=agent_id)
        answer: agent.AgentResponse = await self.insist(lambda: invoke(self._agents().GetAgent, request, 3))
        return answer.agent

    async def enqueue(self, caller: Caller) -> None:
        self.edge.calls[caller.call_id] = caller
        request = acd.EnqueueRequest(
            context=self._context(caller.tenant, caller.contact_id),
            contact_id=caller.contact_id,
            call_id=caller.call_id,
            queue_id=caller.queue,
            edge_instance=self.runtime.instances.id,
        )
        await self.insist(lambda: invoke(self._acd().Enqueue, request, 3))
        caller.confirmed_at = time.time()

    async def hang_up(self, caller: Caller) -> None:
        """The order of the contract: first the agent, then the queue."""
        caller.alive = False
        rid, caller.live_rid = caller.live_rid, ""
        if rid:
            self.edge.legs[rid].state = call_types.LEG_STATE_ENDED
            await self.report_work(caller.agent, rid, agent.WORK_EVENT_CANCELLED)
        request = acd.CancelRequest(
            context=self._context(caller.tenant),
            contact_id=caller.contact_id,
            outcome=acd_types.VISIT_OUTCOME_ABANDONED,
        )
        await self.insist(lambda: invoke(self._acd().Cancel, request, 3))
        caller.done.set()

    async def report_work(self, agent_id: str, rid: str, event: int) -> bool:
        context = self._context(OPERATOR, f"{rid}/{event}")
        request = agent.ReportWorkRequest(context=context, agent_id=agent_id, rid=rid, event=event)
        return await self._told(lambda: invoke(self._agents().ReportWork, request, 3))

    async def report_offer(self, caller: Caller, rid: str, outcome: int) -> bool:
        request = acd.ReportOfferRequest(
            context=self._context(caller.tenant, f"{rid}/{outcome}"),
            contact_id=caller.contact_id,
            rid=rid,
            outcome=outcome,
        )
        return await self._told(lambda: invoke(self._acd().ReportOffer, request, 3))

    async def _told(self, ask: Callable[[], Awaitable[Any]]) -> bool:
        try:
            await self.insist(ask)
        except (Refused, StaleEpoch, NotFound):
            return False
        return True

    async def insist(self, ask: Callable[[], Awaitable[Any]], seconds: float = 60) -> Any:
        """Repeats until it is answered or refused, as an edge does."""
        until = asyncio.get_running_loop().time() + seconds
        while True:
            try:
                return await ask()
            except (SeatbusError, NoReplica) as error:
                final = isinstance(error, SeatbusError) and not error.retryable
                if final or asyncio.get_running_loop().time() > until:
                    raise
                await asyncio.sleep(0.1)


class NoReplica(Exception):
    """No replica of a service is announced at the moment."""
