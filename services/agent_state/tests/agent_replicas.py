"""Two replicas of the service on a real bus, with an edge that says what a test wants."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any, ClassVar

import pytest

from seatbus.acd.v1 import types_pb2 as acd
from seatbus.agent.v1 import service_pb2 as api
from seatbus.agent.v1 import types_pb2 as wire
from seatbus.agent.v1.service_pb2_grpc import AgentStateServiceStub
from seatbus.call.v1 import service_pb2 as call
from seatbus.call.v1 import types_pb2 as call_types
from seatbus.call.v1.service_pb2_grpc import CallControlServicer, add_CallControlServicer_to_server
from seatbus.common.v1.types_pb2 import RequestContext
from seatbus.tenancy.v1 import types_pb2 as tenancy
from seatbus_agent_state.application.reconcile import Reconciler
from seatbus_agent_state.bootstrap import AgentStateApp
from seatbus_agent_state.settings import Settings
from seatbus_kit.buckets import Bucket
from seatbus_kit.config_view import ConfigView
from seatbus_kit.ids import uuid7
from seatbus_kit.rpc import invoke
from seatbus_kit.runtime import Runtime, close_runtime, open_runtime
from seatbus_kit.settings import ServiceSettings
from seatbus_testkit.nats import NatsServer

AGENT = "a1"


class EdgeSettings(ServiceSettings):
    service: ClassVar[str] = "sip_edge"


class Edge(CallControlServicer):
    """Says of every leg what the test wants."""

    def __init__(self) -> None:
        self.state: Any = call_types.LEG_STATE_UNSPECIFIED
        self.asked = 0

    async def QueryReservation(
        self, request: call.QueryReservationRequest, context: Any
    ) -> call.QueryReservationResponse:
        self.asked += 1
        return call.QueryReservationResponse(state=self.state)


class Replicas:
    """One tenant of its own on the shared server."""

    def __init__(self, tenant: str, edge_id: str, runtimes: list[Runtime], edge: Edge) -> None:
        self.tenant = tenant
        self.edge_id = edge_id
        self.edge = edge
        self.bus = runtimes[0].bus
        self._stubs = [
            AgentStateServiceStub(runtime.channels.get(runtime.rpc.address))  # type: ignore[no-untyped-call]
            for runtime in runtimes
        ]
        self._next = 0
        self.reconcilers: list[Reconciler] = []
        self.views: list[ConfigView] = []

    def stub(self) -> AgentStateServiceStub:
        """Each replica in turn."""
        self._next += 1
        return self._stubs[self._next % len(self._stubs)]

    def context(self, request_id: str = "") -> RequestContext:
        return RequestContext(request_id=request_id or uuid7(), tenant_id=self.tenant)

    async def configure(self, *agents: str) -> None:
        for agent_id in agents:
            await self.put("agent", agent_id, tenancy.Agent(name=agent_id))

    async def put(self, kind: str, id: str, value: Any) -> None:
        """An object of the tenant's configuration; the replicas hear of it soon."""
        fields: dict[str, Any] = {kind: value}
        item = tenancy.ConfigObject(tenant_id=self.tenant, id=id, **fields)
        await Bucket(self.bus, "config").create(f"{self.tenant}.{kind}.{id}", item.SerializeToString())

    async def sit(self, agent_id: str, seat_id: str, **more: Any) -> wire.AgentState:
        request = api.LoginRequest(
            context=self.context(), agent_id=agent_id, seat_id=seat_id, ready=True, **more
        )
        answer: api.AgentResponse = await invoke(self.stub().Login, request, 10)
        return answer.agent

    async def presence(self, presence: Any, reason: str = "") -> wire.AgentState:
        request = api.SetPresenceRequest(
            context=self.context(), agent_id=AGENT, presence=presence, reason=reason
        )
        answer: api.AgentResponse = await invoke(self.stub().SetPresence, request, 10)
        return answer.agent

    async def login(self) -> None:
        """At each replica, one of which answers with what the other has done."""
        request = api.LoginRequest(context=self.context(), agent_id=AGENT, ready=True)
        for _ in self._stubs:
            await invoke(self.stub().Login, request, 10)

    async def offered(self, rid: str, epoch: int = 1) -> str:
        """A contact that acd has offered under `rid`."""
        contact = acd.Contact(
            tenant_id=self.tenant, contact_id=uuid7(), state=acd.CONTACT_STATE_OFFERED, epoch=epoch
        )
        contact.offer.rid = rid
        key = f"{self.tenant}.{contact.contact_id}"
        await Bucket(self.bus, "waiting").create(key, contact.SerializeToString())
        return contact.contact_id

    async def withdraw(self, contact_id: str) -> None:
        """The offer is over, the contact waits again."""
        bucket = Bucket(self.bus, "waiting")
        key = f"{self.tenant}.{contact_id}"
        entry = await bucket.get(key)
        assert entry is not None
        contact = acd.Contact.FromString(entry.value)
        contact.state = acd.CONTACT_STATE_WAITING
        contact.ClearField("offer")
        await bucket.update(key, contact.SerializeToString(), entry.revision)

    async def reserve(self, rid: str, contact_id: str, epoch: int = 1, **fields: Any) -> None:
        request = api.ReserveRequest(
            context=self.context(rid),
            agent_id=AGENT,
            rid=rid,
            contact_id=contact_id,
            contact_tenant_id=self.tenant,
            call_id=uuid7(),
            queue_id="sales",
            edge_instance=self.edge_id,
            epoch=epoch,
            **{"ring_timeout_s": 1, "wrap_up_s": 1, **fields},
        )
        await invoke(self.stub().Reserve, request, 10)

    async def begin(self, rid: str, kind: str = "outbound") -> api.ReserveResponse:
        request = api.BeginWorkRequest(
            context=self.context(rid),
            agent_id=AGENT,
            rid=rid,
            kind=kind,
            call_tenant_id=self.tenant,
            call_id=uuid7(),
            edge_instance=self.edge_id,
            ring_timeout_s=1,
        )
        answer: api.ReserveResponse = await invoke(self.stub().BeginWork, request, 10)
        return answer

    async def report(self, rid: str, event: Any) -> None:
        request = api.ReportWorkRequest(context=self.context(), agent_id=AGENT, rid=rid, event=event)
        await invoke(self.stub().ReportWork, request, 10)

    async def agent(self) -> wire.AgentState:
        request = api.GetAgentRequest(tenant_id=self.tenant, agent_id=AGENT)
        answer: api.AgentResponse = await invoke(self.stub().GetAgent, request, 10)
        return answer.agent

    async def is_free(self) -> bool:
        found = await self.agent()
        return found.presence == wire.PRESENCE_READY and not found.work


@pytest.fixture
async def replicas(nats_server: NatsServer) -> AsyncIterator[Replicas]:
    name = f"t{uuid7()[-12:]}"
    edge = Edge()
    runtimes: list[Runtime] = []
    apps: list[AgentStateApp] = []
    edge_settings = EdgeSettings(nats_url=nats_server.url, instance_id=f"edge-{name}")
    edge_runtime = await open_runtime(edge_settings)
    edge_runtime.rpc.add(add_CallControlServicer_to_server, edge)
    await edge_runtime.rpc.start()
    await edge_runtime.instances.announce(lambda: 0.0, address=edge_runtime.rpc.address)
    for number in (1, 2):
        settings = Settings(
            nats_url=nats_server.url, instance_id=f"as-{number}-{name}", sweep_s=0.3, reconcile_s=0.2
        )
        runtime = await open_runtime(settings)
        app = AgentStateApp(runtime)
        await runtime.rpc.start()
        await app.start()
        await runtime.instances.announce(lambda: 0.0, address=runtime.rpc.address)
        runtimes.append(runtime)
        apps.append(app)
    made = Replicas(name, edge_settings.instance_id, runtimes, edge)
    made.reconcilers = [app.reconciler for app in apps]
    made.views = [app._config for app in apps]
    await made.configure(AGENT)
    await made.login()
    yield made
    for app in apps:
        await app.stop()
    for runtime in [*runtimes, edge_runtime]:
        await close_runtime(runtime)
