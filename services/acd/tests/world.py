"""Routing for real: acd and agent_state as processes on a NATS server, and an edge that follows a script.

The edge is the judge: it notes every offer it accepts, and complains when a contact or an agent has two.
"""

from __future__ import annotations

import asyncio
import os
import random
import signal
import subprocess
import sys
from collections import defaultdict
from collections.abc import Awaitable, Callable
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
from seatbus_kit.instances import Instance
from seatbus_kit.rpc import invoke
from seatbus_kit.runtime import Runtime, close_runtime, open_runtime
from seatbus_kit.settings import ServiceSettings
from seatbus_testkit.eventually import eventually

T = "acme"


class EdgeSettings(ServiceSettings):
    service: ClassVar[str] = "sip_edge"


@dataclass
class Call:
    """A caller. `script` says what the agent's phone does with each offer, the last one for ever."""

    call_id: str
    contact_id: str
    script: list[str] = field(default_factory=lambda: ["answer"])
    talk_s: float = 0.05
    alive: bool = True
    live_rid: str = ""
    epochs: dict[str, int] = field(default_factory=dict)
    offered_to: list[str] = field(default_factory=list)
    connected: list[str] = field(default_factory=list)
    left: int = 0
    done: asyncio.Event = field(default_factory=asyncio.Event)


class Edge(CallControlServicer):
    def __init__(self, world: World) -> None:
        self._world = world
        self.calls: dict[str, Call] = {}
        self.legs: dict[str, int] = {}
        self.busy: dict[str, set[str]] = defaultdict(set)
        self.complaints: list[str] = []
        self.order: list[str] = []
        self.stale = 0
        self.announced: list[tuple[str, int, int]] = []
        self.departures: dict[str, call.LeaveQueueRequest] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def OfferAgent(self, request: call.OfferAgentRequest, context: Any) -> call.OfferAgentResponse:
        found = self.calls.get(request.call_id)
        if found is None or not found.alive:
            raise NotFound("no such call")
        if request.rid in self.legs:
            return call.OfferAgentResponse(leg_id=uuid7())
        seen = found.epochs.get(request.group, 0)
        if request.epoch < seen:
            self.stale += 1
            raise StaleEpoch(sent=request.epoch, current=seen)
        found.epochs[request.group] = request.epoch
        if found.live_rid:
            raise Refused("another_offer", f"{found.live_rid} is live")
        found.live_rid = request.rid
        found.offered_to.append(request.agent_id)
        self.order.append(found.contact_id)
        self.legs[request.rid] = call_types.LEG_STATE_RINGING
        task = asyncio.create_task(self._ring(found, request))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return call.OfferAgentResponse(leg_id=uuid7())

    async def LeaveQueue(self, request: call.LeaveQueueRequest, context: Any) -> call.LeaveQueueResponse:
        found = self.calls.get(request.call_id)
        if found is None or not found.alive:
            raise NotFound("no such call")
        found.left = request.reason
        self.departures[request.call_id] = request
        found.done.set()
        return call.LeaveQueueResponse()

    async def Announce(self, request: call.AnnounceRequest, context: Any) -> call.AnnounceResponse:
        self.announced.append((request.contact_id, request.number, request.position))
        return call.AnnounceResponse()

    async def QueryReservation(
        self, request: call.QueryReservationRequest, context: Any
    ) -> call.QueryReservationResponse:
        if request.call_id not in self.calls:
            raise NotFound("no such call")
        return call.QueryReservationResponse(state=self.legs.get(request.rid, 0))  # type: ignore[arg-type]

    async def _ring(self, found: Call, offer: call.OfferAgentRequest) -> None:
        world = self._world
        what = found.script.pop(0) if len(found.script) > 1 else found.script[0]
        rid, agent_id = offer.rid, offer.agent_id
        if what == "forget":
            return
        await world.report_work(agent_id, rid, agent.WORK_EVENT_RINGING)
        if what == "hang":
            return
        if what == "answer":
            if not await world.report_work(agent_id, rid, agent.WORK_EVENT_ANSWERED):
                self._drop(found, rid)
                return
            self.legs[rid] = call_types.LEG_STATE_ANSWERED
            self.busy[agent_id].add(rid)
            found.connected.append(agent_id)
            if len(self.busy[agent_id]) > 1:
                self.complaints.append(f"agent {agent_id} talks to {self.busy[agent_id]}")
            if len(found.connected) > 1:
                self.complaints.append(f"contact {found.contact_id} has {found.connected}")
            if not await world.report_offer(found, rid, acd.OFFER_OUTCOME_ANSWERED):
                self.complaints.append(f"answer of {found.contact_id} was refused")
            await asyncio.sleep(found.talk_s)
            self.busy[agent_id].discard(rid)
            self._drop(found, rid)
            await world.report_work(agent_id, rid, agent.WORK_EVENT_ENDED)
            found.done.set()
            return
        work, outcome = {
            "no_answer": (agent.WORK_EVENT_NO_ANSWER, acd.OFFER_OUTCOME_NO_ANSWER),
            "busy": (agent.WORK_EVENT_BUSY, acd.OFFER_OUTCOME_BUSY),
        }[what]
        self._drop(found, rid)
        await world.report_work(agent_id, rid, work)
        await world.report_offer(found, rid, outcome)

    def _drop(self, found: Call, rid: str) -> None:
        self.legs[rid] = call_types.LEG_STATE_ENDED
        if found.live_rid == rid:
            found.live_rid = ""


@dataclass
class Process:
    service: str
    instance: str
    popen: subprocess.Popen[bytes]

    def signal(self, number: signal.Signals) -> None:
        if self.popen.poll() is None:
            self.popen.send_signal(number)

    def kill(self) -> None:
        self.signal(signal.SIGCONT)
        self.signal(signal.SIGKILL)
        self.popen.wait(timeout=10)


class World:
    def __init__(self, nats_url: str, logs: Path) -> None:
        self.url = nats_url
        self.logs = logs
        self.edge = Edge(self)
        self.processes: dict[str, Process] = {}
        self.runtime: Runtime
        self._versions = 0

    async def __aenter__(self) -> World:
        settings = EdgeSettings(nats_url=self.url, instance_id=f"edge-{random.randrange(10**6)}")
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

    async def start(self, service: str, *instances: str, **env: str) -> None:
        for instance in instances:
            self._launch(service, instance, env)
        await eventually(lambda: all(self.instance(name) for name in instances), 60)

    def _launch(self, service: str, instance: str, env: dict[str, str]) -> None:
        environment = os.environ | {
            "SEATBUS_NATS_URL": self.url,
            "SEATBUS_INSTANCE_ID": instance,
            "SEATBUS_DATA_DIR": str(self.logs),
            **{f"SEATBUS_{name.upper()}": value for name, value in env.items()},
        }
        with (self.logs / f"{instance}.log").open("ab") as log:
            popen = subprocess.Popen(
                [sys.executable, "-m", f"seatbus_{service}"],
                env=environment,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        self.processes[instance] = Process(service, instance, popen)

    def instance(self, name: str) -> Instance | None:
        return self.runtime.instances.get(name)

    async def holder(self) -> Process:
        """The acd process that holds the group now."""
        entry = await Bucket(self.runtime.bus, "leases").get(f"lease.g-{T}")
        assert entry is not None
        return next(p for p in self.processes.values() if f'"{p.instance}"'.encode() in entry.value)

    # Configuration

    async def configure(self, agents: list[str], **queue: Any) -> None:
        objects = [tenancy.ConfigObject(tenant_id=T, id=T, tenant=tenancy.Tenant(name="Acme"))]
        for agent_id in agents:
            objects.append(tenancy.ConfigObject(tenant_id=T, id=agent_id, agent=tenancy.Agent(name=agent_id)))
        members = [tenancy.Member(agent_id=agent_id) for agent_id in agents]
        made = tenancy.Queue(**{"name": "Sales", "members": members, "ring_timeout_s": 1, **queue})
        objects.append(tenancy.ConfigObject(tenant_id=T, id="sales", queue=made))
        bucket = Bucket(self.runtime.bus, "config")
        for item in objects:
            key = f"{T}.{item.WhichOneof('object')}.{item.id}"
            entry = await bucket.read(key)
            await bucket.put(key, item.SerializeToString(), entry.revision if entry else 0)

    # Clients

    def context(self, request_id: str = "") -> RequestContext:
        return RequestContext(request_id=request_id or uuid7(), tenant_id=T)

    def acd(self, instance: str = "") -> AcdServiceStub:
        found = self.instance(instance) if instance else self.runtime.instances.pick("acd")
        assert found is not None
        return AcdServiceStub(self.runtime.channels.get(found.address))  # type: ignore[no-untyped-call]

    def agents(self) -> AgentStateServiceStub:
        found = self.runtime.instances.pick("agent_state", key=uuid7())
        assert found is not None
        channel = self.runtime.channels.get(found.address)
        return AgentStateServiceStub(channel)  # type: ignore[no-untyped-call]

    async def login(self, *agent_ids: str) -> None:
        for agent_id in agent_ids:
            request = agent.LoginRequest(context=self.context(), agent_id=agent_id, ready=True)
            await self.insist(lambda request=request: invoke(self.agents().Login, request, 2))

    async def agent(self, agent_id: str) -> agent_types.AgentState:
        request = agent.GetAgentRequest(tenant_id=T, agent_id=agent_id)
        answer: agent.AgentResponse = await self.insist(lambda: invoke(self.agents().GetAgent, request, 2))
        return answer.agent

    async def enqueue(self, **fields: Any) -> Call:
        made = Call(uuid7(), uuid7(), **fields)
        self.edge.calls[made.call_id] = made
        await self.insist(lambda: self._enqueue(made))
        return made

    async def enqueue_once(self) -> None:
        """A caller who takes the first answer."""
        await self._enqueue(Call(uuid7(), uuid7()))

    async def _enqueue(self, made: Call) -> None:
        request = acd.EnqueueRequest(
            context=self.context(made.contact_id),
            contact_id=made.contact_id,
            call_id=made.call_id,
            queue_id="sales",
            edge_instance=self.runtime.instances.id,
        )
        await invoke(self.acd().Enqueue, request, 3)

    async def hang_up(self, found: Call) -> acd_types.VisitOutcome:
        """The order of the contract: first the agent, then the queue."""
        found.alive = False
        rid, found.live_rid = found.live_rid, ""
        if rid:
            self.edge.legs[rid] = call_types.LEG_STATE_ENDED
            await self.report_work(found.offered_to[-1], rid, agent.WORK_EVENT_CANCELLED)
        request = acd.CancelRequest(
            context=self.context(),
            contact_id=found.contact_id,
            outcome=acd_types.VISIT_OUTCOME_ABANDONED,
        )
        answer: acd.CancelResponse = await self.insist(lambda: invoke(self.acd().Cancel, request, 3))
        return answer.outcome

    async def report_work(self, agent_id: str, rid: str, event: int) -> bool:
        request = agent.ReportWorkRequest(
            context=self.context(f"{rid}/{event}"), agent_id=agent_id, rid=rid, event=event
        )
        return await self._told(lambda: invoke(self.agents().ReportWork, request, 3))

    async def report_offer(self, found: Call, rid: str, outcome: int) -> bool:
        request = acd.ReportOfferRequest(
            context=self.context(f"{rid}/{outcome}"), contact_id=found.contact_id, rid=rid, outcome=outcome
        )
        return await self._told(lambda: invoke(self.acd().ReportOffer, request, 3))

    async def _told(self, ask: Callable[[], Awaitable[Any]]) -> bool:
        try:
            await self.insist(ask)
        except (Refused, StaleEpoch, NotFound):
            return False
        return True

    async def insist(self, ask: Callable[[], Awaitable[Any]], seconds: float = 20) -> Any:
        """Repeats until it is answered or refused, as an edge does."""
        until = asyncio.get_running_loop().time() + seconds
        while True:
            try:
                return await ask()
            except (SeatbusError, AssertionError) as error:
                final = isinstance(error, SeatbusError) and not error.retryable
                if final or asyncio.get_running_loop().time() > until:
                    raise
                await asyncio.sleep(0.05)
