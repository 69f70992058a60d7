"""Two replicas on a real bus: reservations, deadlines by scheduled messages, the sweep behind them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, timedelta
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
from seatbus_agent_state.application.ports import Deadline
from seatbus_agent_state.application.reconcile import Reconciler
from seatbus_agent_state.bootstrap import AgentStateApp
from seatbus_agent_state.settings import Settings
from seatbus_kit.buckets import Bucket
from seatbus_kit.errors import InvalidArgument, NotFound, Refused, StaleEpoch
from seatbus_kit.ids import uuid7
from seatbus_kit.rpc import invoke
from seatbus_kit.runtime import Runtime, close_runtime, open_runtime
from seatbus_kit.settings import ServiceSettings
from seatbus_testkit.eventually import eventually
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

    def stub(self) -> AgentStateServiceStub:
        """Each replica in turn."""
        self._next += 1
        return self._stubs[self._next % len(self._stubs)]

    def context(self, request_id: str = "") -> RequestContext:
        return RequestContext(request_id=request_id or uuid7(), tenant_id=self.tenant)

    async def configure(self, *agents: str) -> None:
        bucket = Bucket(self.bus, "config")
        for agent_id in agents:
            item = tenancy.ConfigObject(
                tenant_id=self.tenant, id=agent_id, agent=tenancy.Agent(name=agent_id)
            )
            await bucket.create(f"{self.tenant}.agent.{agent_id}", item.SerializeToString())

    async def login(self) -> None:
        request = api.LoginRequest(context=self.context(), agent_id=AGENT, ready=True)

        async def tried() -> bool:
            try:
                await invoke(self.stub().Login, request, 2)
            except NotFound:
                return False
            return True

        await eventually(tried)
        await eventually(tried)

    async def offered(self, rid: str, epoch: int = 1) -> str:
        """A contact that acd has offered under `rid`."""
        contact = acd.Contact(
            tenant_id=self.tenant, contact_id=uuid7(), state=acd.CONTACT_STATE_OFFERED, epoch=epoch
        )
        contact.offer.rid = rid
        key = f"{self.tenant}.{contact.contact_id}"
        await Bucket(self.bus, "waiting").create(key, contact.SerializeToString())
        return contact.contact_id

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
        await invoke(self.stub().Reserve, request, 3)

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
        answer: api.ReserveResponse = await invoke(self.stub().BeginWork, request, 3)
        return answer

    async def report(self, rid: str, event: Any) -> None:
        request = api.ReportWorkRequest(context=self.context(), agent_id=AGENT, rid=rid, event=event)
        await invoke(self.stub().ReportWork, request, 3)

    async def agent(self) -> wire.AgentState:
        request = api.GetAgentRequest(tenant_id=self.tenant, agent_id=AGENT)
        answer: api.AgentResponse = await invoke(self.stub().GetAgent, request, 2)
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
    await made.configure(AGENT)
    await made.login()
    yield made
    for app in apps:
        await app.stop()
    for runtime in [*runtimes, edge_runtime]:
        await close_runtime(runtime)


async def test_of_many_reservations_at_once_one_wins(replicas: Replicas) -> None:
    rids = [uuid7() for _ in range(12)]
    contacts = [await replicas.offered(rid) for rid in rids]
    tries = [replicas.reserve(rid, contact) for rid, contact in zip(rids, contacts, strict=True)]
    results = await asyncio.gather(*tries, return_exceptions=True)
    lost = [result for result in results if result is not None]
    assert len(lost) == 11
    assert all(isinstance(result, Refused) and result.reason == "no_capacity" for result in lost)
    winner = rids[results.index(None)]
    assert [item.rid for item in (await replicas.agent()).work] == [winner]
    await replicas.reserve(winner, contacts[rids.index(winner)])


async def test_a_reservation_needs_the_contacts_present_offer(replicas: Replicas) -> None:
    rid = uuid7()
    contact = await replicas.offered(rid, epoch=5)
    with pytest.raises(StaleEpoch) as stale:
        await replicas.reserve(rid, contact, epoch=4)
    assert stale.value.current == 5
    with pytest.raises(Refused) as withdrawn:
        await replicas.reserve(uuid7(), contact, epoch=5)
    assert withdrawn.value.reason == "offer_withdrawn"
    assert await replicas.is_free()


async def test_what_an_agent_dials_and_what_a_queue_gives_exclude_each_other(replicas: Replicas) -> None:
    offered, dialed = uuid7(), [uuid7() for _ in range(6)]
    contact = await replicas.offered(offered)
    tries = [replicas.begin(rid) for rid in dialed]
    results = await asyncio.gather(replicas.reserve(offered, contact), *tries, return_exceptions=True)
    lost = [result for result in results if isinstance(result, BaseException)]
    assert len(lost) == 6
    assert all(isinstance(result, Refused) and result.reason == "no_capacity" for result in lost)
    assert len((await replicas.agent()).work) == 1


async def test_work_that_was_begun_twice_is_one_and_ends_with_its_edge(replicas: Replicas) -> None:
    rid = uuid7()
    first = await replicas.begin(rid)
    assert await replicas.begin(rid) == first
    await replicas.report(rid, api.WORK_EVENT_DIALING)
    [item] = (await replicas.agent()).work
    assert (item.kind, item.state) == ("outbound", wire.WORK_STATE_DIALING)
    replicas.edge.state = call_types.LEG_STATE_UNSPECIFIED
    due = Deadline(replicas.tenant, AGENT, rid, item.deadline.ToDatetime(UTC))
    await replicas.reconcilers[0].due(due)
    assert await replicas.is_free()


async def test_the_wrap_up_limit_makes_the_agent_ready(replicas: Replicas) -> None:
    rid = uuid7()
    await replicas.reserve(rid, await replicas.offered(rid))
    for event in (api.WORK_EVENT_RINGING, api.WORK_EVENT_ANSWERED, api.WORK_EVENT_ENDED):
        await replicas.report(rid, event)
    assert not await replicas.is_free()
    # The sweep waits two seconds longer than this: the scheduled message did it.
    await eventually(replicas.is_free, 2.2)
    with pytest.raises(Refused):
        await replicas.report(rid, api.WORK_EVENT_ENDED)


@pytest.mark.parametrize(
    ("leg", "state"),
    [
        (call_types.LEG_STATE_UNSPECIFIED, None),
        (call_types.LEG_STATE_ENDED, None),
        (call_types.LEG_STATE_RINGING, wire.WORK_STATE_RESERVED),
        (call_types.LEG_STATE_ANSWERED, wire.WORK_STATE_TALKING),
    ],
)
async def test_an_expired_reservation_is_what_the_edge_says(
    replicas: Replicas, leg: Any, state: wire.WorkState | None
) -> None:
    rid = uuid7()
    await replicas.reserve(rid, await replicas.offered(rid))
    replicas.edge.state = leg
    [item] = (await replicas.agent()).work
    at = item.deadline.ToDatetime(UTC)
    outdated = Deadline(replicas.tenant, AGENT, rid, at - timedelta(seconds=1))
    await replicas.reconcilers[0].due(outdated)
    assert replicas.edge.asked == 0
    due = Deadline(replicas.tenant, AGENT, rid, at)
    await asyncio.gather(*(reconciler.due(due) for reconciler in replicas.reconcilers))
    assert [item.state for item in (await replicas.agent()).work] == ([] if state is None else [state])
    if state is None:
        assert await replicas.is_free()


async def test_a_talk_that_no_edge_knows_is_ended(replicas: Replicas) -> None:
    # A stray key ends no sweep.
    await Bucket(replicas.bus, "agents").create(uuid7(), b"")
    rid = uuid7()
    await replicas.reserve(rid, await replicas.offered(rid))
    replicas.edge.state = call_types.LEG_STATE_ANSWERED
    await replicas.report(rid, api.WORK_EVENT_ANSWERED)
    await eventually(lambda: replicas.edge.asked >= 2)
    assert (await replicas.agent()).work[0].state == wire.WORK_STATE_TALKING
    replicas.edge.state = call_types.LEG_STATE_UNSPECIFIED
    await eventually(replicas.is_free, 5)


async def test_a_malformed_request_names_field_and_rule(replicas: Replicas) -> None:
    with pytest.raises(InvalidArgument) as error:
        await replicas.reserve("no-uuid", uuid7())
    assert error.value.field == "rid"


async def test_agents_that_never_logged_in_are_listed_too(replicas: Replicas) -> None:
    await replicas.configure("a2")

    async def listed() -> bool:
        request = api.ListAgentsRequest(tenant_id=replicas.tenant)
        answer = await invoke(replicas.stub().ListAgents, request, 2)
        states = {agent.agent_id: agent.presence for agent in answer.agents}
        return states == {"a1": wire.PRESENCE_READY, "a2": wire.PRESENCE_LOGGED_OUT}

    await eventually(listed)
