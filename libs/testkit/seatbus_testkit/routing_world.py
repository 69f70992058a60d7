"""Routing without phones: acd and agent_state as processes on real NATS servers, and an edge by script.

The edge keeps the laws of the contracts: one live offer a call, no lower epoch than seen, reports repeated
until they are answered. What it does with a phone that rings is said by who derives from it.
"""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, ClassVar, Generic, TypeVar

from seatbus.acd.v1 import service_pb2 as acd_api
from seatbus.acd.v1 import types_pb2 as acd_types
from seatbus.acd.v1.service_pb2_grpc import AcdServiceStub
from seatbus.agent.v1 import service_pb2 as agent_api
from seatbus.agent.v1 import types_pb2 as agent_types
from seatbus.agent.v1.service_pb2_grpc import AgentStateServiceStub
from seatbus.call.v1 import service_pb2 as call
from seatbus.call.v1 import types_pb2 as call_types
from seatbus.call.v1.service_pb2_grpc import CallControlServicer, add_CallControlServicer_to_server
from seatbus.common.v1.types_pb2 import RequestContext
from seatbus.tenancy.v1 import types_pb2 as tenancy
from seatbus_kit.buckets import Bucket
from seatbus_kit.errors import NotFound, Refused, SeatbusError, StaleEpoch, Unavailable
from seatbus_kit.ids import uuid7
from seatbus_kit.rpc import invoke
from seatbus_kit.runtime import Runtime, close_runtime, open_runtime
from seatbus_kit.settings import ServiceSettings
from seatbus_testkit.eventually import eventually

_ASK_S = 3


class EdgeSettings(ServiceSettings):
    service: ClassVar[str] = "sip_edge"


@dataclass
class Line:
    """One caller's call as the edge knows it. `live`: who rings or talks, by rid; of a simultaneous `ring`
    several. `claimed`: the rid of who has answered first.
    """

    call_id: str = field(default_factory=uuid7)
    contact_id: str = field(default_factory=uuid7)
    tenant: str = ""
    queue: str = ""
    caller: str = ""
    alive: bool = True
    live: dict[str, str] = field(default_factory=dict)
    ring: str = ""
    claimed: str = ""
    left: int = 0
    epochs: dict[str, int] = field(default_factory=dict)
    done: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def live_rid(self) -> str:
        return next(iter(self.live), "")


L = TypeVar("L", bound=Line)
E = TypeVar("E", bound="RoutingEdge[Any]")


class RoutingEdge(CallControlServicer, ABC, Generic[L]):
    def __init__(self) -> None:
        self.calls: dict[str, L] = {}
        # State of each leg, by its reservation.
        self.legs: dict[str, int] = {}
        # When each leg ended, by the wall clock.
        self.ended_at: dict[str, float] = {}
        self.refused = 0
        self.departures: dict[str, call.LeaveQueueRequest] = {}
        self.announced: list[tuple[str, int, int]] = []
        self._tasks: set[asyncio.Task[None]] = set()

    @abstractmethod
    async def ring(self, line: L, rid: str, agent_id: str) -> None:
        """What the agent's phone does."""

    def _alive(self, call_id: str) -> L:
        line = self.calls.get(call_id)
        if line is None or not line.alive:
            raise NotFound("no such call")
        return line

    async def OfferAgent(self, request: call.OfferAgentRequest, context: Any) -> call.OfferAgentResponse:
        line = self._alive(request.call_id)
        if request.rid in self.legs:
            return call.OfferAgentResponse(leg_id=uuid7())
        seen = line.epochs.get(request.group, 0)
        if request.epoch < seen:
            self.refused += 1
            raise StaleEpoch(sent=request.epoch, current=seen)
        line.epochs[request.group] = request.epoch
        beside = request.ring_rid and request.ring_rid == line.ring and not line.claimed
        if line.live and not beside:
            self.refused += 1
            raise Refused("another_offer", f"{line.live_rid} is live")
        line.live[request.rid], line.ring = request.agent_id, request.ring_rid
        self.legs[request.rid] = call_types.LEG_STATE_RINGING
        task = asyncio.create_task(self.ring(line, request.rid, request.agent_id))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return call.OfferAgentResponse(leg_id=uuid7())

    async def LeaveQueue(self, request: call.LeaveQueueRequest, context: Any) -> call.LeaveQueueResponse:
        line = self._alive(request.call_id)
        line.left = request.reason
        self.departures[request.call_id] = request
        line.done.set()
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

    def close(self, line: L, rid: str) -> None:
        """The leg of a reservation is over."""
        self.legs[rid] = call_types.LEG_STATE_ENDED
        self.ended_at.setdefault(rid, time.time())
        line.live.pop(rid, None)
        if line.claimed == rid:
            line.claimed = ""


@dataclass(slots=True)
class Process:
    service: str
    instance: str
    command: Sequence[str]
    environment: dict[str, str]
    popen: subprocess.Popen[bytes]

    def signal(self, number: signal.Signals) -> None:
        if self.popen.poll() is None:
            self.popen.send_signal(number)

    def kill(self) -> None:
        self.signal(signal.SIGCONT)
        self.signal(signal.SIGKILL)
        self.popen.wait(timeout=10)


class RoutingWorld(Generic[E]):
    """`agents_tenant`: whose agents they are. `replicas`: 1 for a single server, 3 for a cluster of three."""

    def __init__(
        self,
        nats_url: str,
        directory: Path,
        edge: E,
        agents_tenant: str,
        *,
        monitor_url: str = "",
        replicas: int = 1,
        patience_s: float = 20,
    ) -> None:
        self._settings: dict[str, Any] = {
            "nats_url": nats_url,
            "nats_monitor_url": monitor_url,
            "jetstream_replicas": replicas,
        }
        self.directory = directory
        self.edge = edge
        self.processes: dict[str, Process] = {}
        self.runtime: Runtime
        self._agents_tenant = agents_tenant
        self._patience_s = patience_s

    async def __aenter__(self) -> Any:
        settings = EdgeSettings(instance_id=f"edge-{uuid7()[-8:]}", **self._settings)
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
            environment = self._environment(instance, env)
            popen = self._launch(instance, command, environment)
            self.processes[instance] = Process(service, instance, command, environment, popen)
        await eventually(lambda: all(self.runtime.instances.get(name) for name in instances), 30)

    def _environment(self, instance: str, env: dict[str, str]) -> dict[str, str]:
        return os.environ | {
            **{f"SEATBUS_{name.upper()}": str(value) for name, value in self._settings.items()},
            "SEATBUS_INSTANCE_ID": instance,
            "SEATBUS_DATA_DIR": str(self.directory),
            **{f"SEATBUS_{name.upper()}": value for name, value in env.items()},
        }

    def _launch(
        self, instance: str, command: Sequence[str], environment: dict[str, str]
    ) -> subprocess.Popen[bytes]:
        with (self.directory / f"{instance}.log").open("ab") as log:
            return subprocess.Popen(command, env=environment, stdout=log, stderr=subprocess.STDOUT)

    def respawn(self, instance: str) -> None:
        process = self.processes[instance]
        process.kill()
        process.popen = self._launch(instance, process.command, process.environment)

    # Configuration

    async def put(self, objects: Iterable[tenancy.ConfigObject]) -> None:
        bucket = Bucket(self.runtime.bus, "config")
        for item in objects:
            key = f"{item.tenant_id}.{item.WhichOneof('object')}.{item.id}"
            entry = await bucket.read(key)
            await bucket.put(key, item.SerializeToString(), entry.revision if entry else 0)

    # Clients

    def context_of(self, tenant: str, request_id: str = "") -> RequestContext:
        return RequestContext(request_id=request_id or uuid7(), tenant_id=tenant)

    def acd(self, instance: str = "") -> AcdServiceStub:
        """Of one replica, or of any."""
        return AcdServiceStub(self._channel("acd", instance))  # type: ignore[no-untyped-call]

    def agents(self) -> AgentStateServiceStub:
        return AgentStateServiceStub(self._channel("agent_state"))  # type: ignore[no-untyped-call]

    def _channel(self, service: str, instance: str = "") -> Any:
        instances = self.runtime.instances
        found = instances.get(instance) if instance else instances.pick(service, key=uuid7())
        if found is None:
            raise Unavailable(f"no replica of {service} is announced at the moment")
        return self.runtime.channels.get(found.address)

    async def login(self, *agent_ids: str) -> None:
        for agent_id in agent_ids:
            context = self.context_of(self._agents_tenant)
            request = agent_api.LoginRequest(context=context, agent_id=agent_id, ready=True)
            await self.insist(partial(self._log_in, request))

    async def _log_in(self, request: agent_api.LoginRequest) -> None:
        await invoke(self.agents().Login, request, _ASK_S)

    async def agent(self, agent_id: str) -> agent_types.AgentState:
        request = agent_api.GetAgentRequest(tenant_id=self._agents_tenant, agent_id=agent_id)
        answer: agent_api.AgentResponse = await self.insist(
            lambda: invoke(self.agents().GetAgent, request, _ASK_S)
        )
        return answer.agent

    def enqueue_request(self, line: Line, **fields: Any) -> acd_api.EnqueueRequest:
        """The edge's request for a caller, whom it knows from now on."""
        self.edge.calls[line.call_id] = line
        return acd_api.EnqueueRequest(
            context=self.context_of(line.tenant, line.contact_id),
            contact_id=line.contact_id,
            call_id=line.call_id,
            queue_id=line.queue,
            edge_instance=self.runtime.instances.id,
            caller=line.caller,
            **fields,
        )

    async def cancel(self, line: Line) -> acd_types.VisitOutcome:
        """The caller hangs up. The order of the contract: first the agent, then the queue."""
        line.alive = False
        # All at once: of those who ring none may answer while it is told of another.
        ringing = list(line.live.items())
        for rid, _ in ringing:
            self.edge.close(line, rid)
        for rid, agent_id in ringing:
            await self.report_work(agent_id, rid, agent_api.WORK_EVENT_CANCELLED)
        request = acd_api.CancelRequest(
            context=self.context_of(line.tenant),
            contact_id=line.contact_id,
            outcome=acd_types.VISIT_OUTCOME_ABANDONED,
        )
        answer: acd_api.CancelResponse = await self.insist(lambda: invoke(self.acd().Cancel, request, _ASK_S))
        return answer.outcome

    async def report_work(self, agent_id: str, rid: str, event: agent_api.WorkEvent) -> bool:
        """False when agent_state refuses it."""
        context = self.context_of(self._agents_tenant, f"{rid}/{event}")
        request = agent_api.ReportWorkRequest(context=context, agent_id=agent_id, rid=rid, event=event)
        return await self.told(lambda: invoke(self.agents().ReportWork, request, _ASK_S))

    async def lose(self, line: Line, *rids: str) -> None:
        """Another agent has the call."""
        for rid in rids:
            agent_id = line.live.get(rid, "")
            self.edge.close(line, rid)
            if agent_id:
                await self.report_work(agent_id, rid, agent_api.WORK_EVENT_ANSWERED_ELSEWHERE)

    async def report_offer(self, line: Line, rid: str, outcome: acd_api.OfferOutcome) -> bool:
        """False when acd refuses it."""
        context = self.context_of(line.tenant, f"{rid}/{outcome}")
        request = acd_api.ReportOfferRequest(
            context=context, contact_id=line.contact_id, rid=rid, outcome=outcome
        )
        return await self.told(lambda: invoke(self.acd().ReportOffer, request, _ASK_S))

    async def told(self, ask: Callable[[], Awaitable[Any]]) -> bool:
        try:
            await self.insist(ask)
        except (Refused, StaleEpoch, NotFound):
            return False
        return True

    async def insist(self, ask: Callable[[], Awaitable[Any]]) -> Any:
        """Repeats until it is answered or refused, as an edge does."""
        until = asyncio.get_running_loop().time() + self._patience_s
        while True:
            try:
                return await ask()
            except SeatbusError as error:
                if not error.retryable or asyncio.get_running_loop().time() > until:
                    raise
                await asyncio.sleep(0.05)
