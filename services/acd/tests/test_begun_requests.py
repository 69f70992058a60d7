"""A request whose caller gives up while its write is on its way: the engine knows what the bus knows."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable
from contextlib import suppress
from pathlib import Path
from typing import Any, cast

import pytest

from seatbus.acd.v1 import service_pb2 as api
from seatbus.acd.v1 import types_pb2 as wire
from seatbus.common.v1.types_pb2 import RequestContext
from seatbus_acd.application.shard import Deps, Shard
from seatbus_acd.application.underway import Underway
from seatbus_acd.domain.model import AgentSpec, AgentStatus, Configured, QueueSpec
from seatbus_acd.domain.visit import Fence
from seatbus_acd.entrypoints.desk import Desk
from seatbus_acd.entrypoints.grpc import AcdServicer
from seatbus_kit.buckets import Bucket
from seatbus_kit.clock import SystemClock
from seatbus_kit.errors import OutcomeUnknown
from seatbus_kit.ids import uuid7
from seatbus_kit.records import RecordStore
from seatbus_kit.runtime import Runtime, close_runtime, open_runtime
from seatbus_testkit.eventually import eventually
from seatbus_testkit.nats import NatsServer
from seatbus_testkit.routing_world import EdgeSettings

from .world import T

GROUP, SALES = f"g-{T}", (T, "sales")
A1, A2 = (T, "a1"), (T, "a2")
LONG_S = 100.0


class Clock(SystemClock):
    """The process stands still for `lost` seconds."""

    lost = 0.0

    def monotonic(self) -> float:
        return super().monotonic() + self.lost


class SlowBucket(Bucket):
    """While it is `slow`, what it writes is in the bus at once, and its answer is on its way until `answer`.

    With `lossy` the answer is lost while the process stands still for longer than a write is tried.
    """

    def __init__(self, store: RecordStore[wire.Contact], clock: Clock) -> None:
        super().__init__(store.bus, store.bucket.name)
        self.slow = self.lossy = False
        self.stored = asyncio.Event()
        self.answer = asyncio.Event()
        self._clock = clock

    async def put(self, key: str, value: bytes, revision: int, *, ttl_s: int = 0) -> int:
        written = await super().put(key, value, revision, ttl_s=ttl_s)
        if self.slow:
            self.slow = False
            self.stored.set()
            await self.answer.wait()
            if self.lossy:
                self._clock.lost += LONG_S
                raise OutcomeUnknown("no answer in time")
        return written


class Neighbours:
    """Agents and edges, which take all that they are told; `may_release` is when an agent's owner answers."""

    def __init__(self) -> None:
        self.offered: list[tuple[str, tuple[str, str]]] = []
        self.rids: dict[str, str] = {}
        self.releasing: list[str] = []
        self.may_release = asyncio.Event()

    async def reserve(self, *_: object) -> int:
        return 0

    async def release(self, _visit: object, agent: tuple[str, str], _rid: str) -> None:
        self.releasing.append(agent[1])
        await self.may_release.wait()

    def present(self, _edge: str) -> bool:
        return True

    async def offer(self, visit: Any, offer: Any, *_: object) -> None:
        self.offered.append((visit.contact_id, offer.agent))
        self.rids[visit.contact_id] = offer.rid


class Here:
    """A replica with one routing group, and a caller of it."""

    def __init__(self, runtime: Runtime) -> None:
        self.clock = Clock()
        store = RecordStore(
            runtime.bus,
            "waiting",
            wire.Contact,
            "contact",
            lambda contact: contact.tenant_id,
            lambda contact: contact.contact_id,
            "holder",
            clock=self.clock,
        )
        self.store = store
        self.bucket = store.bucket = SlowBucket(store, self.clock)
        self.neighbours = Neighbours()
        others: Any = self.neighbours
        system = SystemClock()
        deps = Deps(
            store,
            others,
            others,
            self.clock,
            system.monotonic,
            lambda _: None,
            lambda *_: True,
            cast("Any", None),
        )
        self.held = Shard(deps, Fence(GROUP, 1), lambda: True, lambda _: True)
        self.underway = Underway()
        router: Any = self
        desk = Desk(router, others, "holder", self._look_up, self.underway)
        unused = cast("Any", None)
        self.servicer = AcdServicer(desk, unused, unused, unused, unused, unused)

    # What the desk asks the router

    def group(self, _queue: object) -> str:
        return GROUP

    async def group_of_contact(self, _key: object) -> str:
        return GROUP

    def shard(self, _group: str) -> Shard:
        return self.held

    async def _look_up(self, _queue: object) -> None:
        return None

    # What callers ask

    def configure(self, *, max_waiting: int = 0) -> None:
        queues = {SALES: QueueSpec(SALES, frozenset([A1, A2]), max_waiting=max_waiting)}
        self.held.configure(Configured(queues, {agent: AgentSpec(agent) for agent in (A1, A2)}))

    def ready(self, agent: tuple[str, str], revision: int) -> None:
        self.held.agent_seen(AgentStatus(agent, revision, True, 1.0))

    def enqueue(self, contact_id: str) -> Awaitable[api.EnqueueResponse]:
        request = api.EnqueueRequest(
            context=RequestContext(request_id=contact_id, tenant_id=T),
            contact_id=contact_id,
            call_id=contact_id,
            queue_id="sales",
            edge_instance="edge-1",
        )
        return self.servicer.Enqueue(request, cast("Any", None))

    def report(self, contact_id: str, outcome: api.OfferOutcome) -> Awaitable[api.ReportOfferResponse]:
        rid = self.neighbours.rids[contact_id]
        request = api.ReportOfferRequest(
            context=RequestContext(request_id=f"{rid}/{outcome}", tenant_id=T),
            contact_id=contact_id,
            rid=rid,
            outcome=outcome,
        )
        return self.servicer.ReportOffer(request, cast("Any", None))

    async def given_up(self, asked: Awaitable[Any]) -> None:
        """The caller's patience ends when the write is in the bus, and before it is answered."""
        self.bucket.slow = True
        call = asyncio.ensure_future(asked)
        await self.bucket.stored.wait()
        call.cancel()
        with suppress(asyncio.CancelledError):
            await call
        self.bucket.answer.set()
        await self.underway.settle(20)

    async def offered(self, *offers: tuple[str, tuple[str, str]]) -> None:
        await eventually(lambda: len(self.neighbours.offered) >= len(offers))
        assert self.neighbours.offered == list(offers)


@pytest.fixture
async def here(tmp_path: Path) -> AsyncIterator[Here]:
    with NatsServer.start(tmp_path) as server:
        runtime = await open_runtime(EdgeSettings(nats_url=server.url, instance_id="holder"))
        made = Here(runtime)
        made.configure()
        yield made
        await made.underway.stop()
        made.held.stop()
        await made.store.close()
        await close_runtime(runtime)


@pytest.mark.parametrize("lossy", [False, True], ids=["late answer", "lost answer"])
async def test_a_contact_that_is_back_is_served_before_a_later_one(here: Here, lossy: bool) -> None:
    older, younger = uuid7(), uuid7()
    await here.enqueue(older)
    here.ready(A1, 1)
    await here.offered((older, A1))
    await here.enqueue(younger)
    here.bucket.lossy = lossy
    await here.given_up(here.report(older, api.OFFER_OUTCOME_BUSY))
    here.ready(A2, 2)
    await here.offered((older, A1), (older, A2))


@pytest.mark.parametrize("lossy", [False, True], ids=["late answer", "lost answer"])
async def test_a_contact_that_came_first_is_served_first(here: Here, lossy: bool) -> None:
    older, younger = uuid7(), uuid7()
    here.bucket.lossy = lossy
    await here.given_up(here.enqueue(older))
    await here.enqueue(younger)
    here.ready(A1, 1)
    await here.offered((older, A1))


async def test_a_repeated_request_joins_the_one_that_is_under_way(here: Here) -> None:
    """Of its own first try it would be refused: that one fills the queue."""
    here.configure(max_waiting=1)
    contact_id = uuid7()
    here.bucket.slow = True
    first = asyncio.ensure_future(here.enqueue(contact_id))
    await here.bucket.stored.wait()
    again = asyncio.ensure_future(here.enqueue(contact_id))
    await asyncio.sleep(0)
    first.cancel()
    here.bucket.answer.set()
    assert (await again).position == 1


async def test_a_failed_offer_is_known_before_its_agent_is_free(here: Here) -> None:
    """The owner of agents' states takes its time; the contact does not wait for that."""
    contact_id = uuid7()
    await here.enqueue(contact_id)
    here.ready(A1, 1)
    await here.offered((contact_id, A1))
    report = asyncio.ensure_future(here.report(contact_id, api.OFFER_OUTCOME_FAILED))
    await eventually(lambda: here.neighbours.releasing == ["a1"])
    assert here.held.engine.contacts[T, contact_id].rid == ""
    here.neighbours.may_release.set()
    await report


async def test_a_contact_that_is_put_back_waits_before_its_agent_is_free(here: Here) -> None:
    contact_id = uuid7()
    await here.enqueue(contact_id)
    here.ready(A1, 1)
    await here.offered((contact_id, A1))
    request = api.RequeueRequest(context=RequestContext(tenant_id=T), contact_id=contact_id)
    assert (await here.servicer.Requeue(request, cast("Any", None))).position == 1
    await eventually(lambda: here.neighbours.releasing == ["a1"])
    here.ready(A2, 2)
    await here.offered((contact_id, A1), (contact_id, A2))
