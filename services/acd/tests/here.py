"""A replica with one routing group in this process, on a real bus; its neighbours take what they are told."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any, cast

from seatbus.acd.v1 import service_pb2 as api
from seatbus.acd.v1 import types_pb2 as wire
from seatbus.common.v1.types_pb2 import RequestContext
from seatbus.tenancy.v1.types_pb2 import Route
from seatbus_acd.adapters.decision_log import DecisionLog
from seatbus_acd.adapters.next_visits import next_visit
from seatbus_acd.application.shard import Deps, Shard
from seatbus_acd.application.underway import Underway
from seatbus_acd.domain.model import AgentSpec, AgentStatus, Configured, QueueSpec
from seatbus_acd.domain.visit import Fence
from seatbus_acd.entrypoints.desk import Desk
from seatbus_acd.entrypoints.grpc import AcdServicer
from seatbus_kit.buckets import Bucket
from seatbus_kit.clock import SystemClock
from seatbus_kit.errors import OutcomeUnknown, Unavailable
from seatbus_kit.records import RecordStore
from seatbus_kit.runtime import Runtime, close_runtime, open_runtime
from seatbus_testkit.eventually import eventually
from seatbus_testkit.nats import NatsServer
from seatbus_testkit.routing_world import EdgeSettings

from .world import T

GROUP, SALES, HELP = f"g-{T}", (T, "sales"), (T, "help")
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
        self.deps = Deps(
            store,
            others,
            others,
            self.clock,
            system.monotonic,
            lambda queue: self.routes.get(queue),
            lambda *_: True,
            cast("Any", None),
            self,
        )
        # Where queues overflow to, and whether the next visits can be opened.
        self.routes: dict[tuple[str, str], Route] = {}
        self.help_closed = False
        self.away = asyncio.Event()
        # Whether the holder trusts its lease.
        self.certain = True
        self.held = Shard(self.deps, Fence(GROUP, 1), lambda: self.certain, lambda _: True)
        self.underway = Underway()
        router: Any = self
        desk = Desk(router, others, "holder", self._look_up, self.underway)
        unused = cast("Any", None)
        self.servicer = AcdServicer(desk, unused, unused, unused, DecisionLog(runtime.bus), unused)

    # What the desk asks the router

    def group(self, _queue: object) -> str:
        return GROUP

    async def group_of_contact(self, _key: object) -> str:
        return GROUP

    def shard(self, _group: str) -> Shard | None:
        return self.held if self.certain else None

    async def _look_up(self, _queue: object) -> None:
        return None

    async def open(self, record: wire.Contact) -> int:
        if self.away.is_set():
            raise Unavailable("nobody holds that queue for the moment")
        answer = await self.servicer.Enqueue(next_visit(record, "holder"), cast("Any", None))
        return answer.position

    async def take_over(self) -> None:
        """The holder dies, and the next one knows what is in the bucket."""
        self.held.stop()
        fence = Fence(GROUP, self.held.fence.epoch + 1)
        self.held = Shard(self.deps, fence, lambda: self.certain, lambda _: True)
        self.configure()
        await self.held.adoption.reconcile()

    # What callers ask

    def configure(self, **queue: Any) -> None:
        queues = {SALES: QueueSpec(SALES, frozenset([A1, A2]), **queue)}
        queues[HELP] = QueueSpec(HELP, frozenset([A1]), closed=self.help_closed)
        self.held.configure(Configured(queues, {agent: AgentSpec(agent) for agent in (A1, A2)}))

    def ready(self, agent: tuple[str, str], revision: int) -> None:
        self.held.agent_seen(AgentStatus(agent, revision, True, 1.0))

    def enqueue(self, contact_id: str, request_id: str = "", **fields: Any) -> Awaitable[api.EnqueueResponse]:
        request = api.EnqueueRequest(
            context=RequestContext(request_id=request_id or contact_id, tenant_id=T),
            contact_id=contact_id,
            call_id=contact_id,
            **{"queue_id": "sales", "edge_instance": "edge-1", **fields},
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
        assert self.neighbours.offered == list(offers), self.neighbours.offered


@asynccontextmanager
async def replica(tmp_path: Path) -> AsyncIterator[Here]:
    with NatsServer.start(tmp_path) as server:
        runtime = await open_runtime(EdgeSettings(nats_url=server.url, instance_id="holder"))
        made = Here(runtime)
        made.configure()
        yield made
        await made.underway.stop()
        made.held.stop()
        await made.store.close()
        await close_runtime(runtime)
