"""A queue moves to another routing group: nobody is overtaken by that, and nobody is refused."""

from __future__ import annotations

import asyncio
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from seatbus.acd.v1 import types_pb2 as wire
from seatbus_acd.adapters.topology import Topology
from seatbus_acd.application import router as routers
from seatbus_acd.application.adoption import Adoption
from seatbus_acd.application.requests import Requests
from seatbus_acd.application.shard import Shard
from seatbus_acd.application.underway import Underway
from seatbus_acd.domain.model import AgentKey, AgentSpec, Configured, Event, QueueKey, QueuesMove, QueueSpec
from seatbus_acd.domain.visit import Fence
from seatbus_acd.entrypoints.desk import Desk
from seatbus_kit.errors import NotFound, OutcomeUnknown, Unavailable
from seatbus_kit.ids import uuid7
from seatbus_testkit.eventually import eventually

from .here import A1, replica
from .world import T

A, B = (T, "a"), (T, "b")
SALES, SERVICE = (T, "sales"), (T, "service")


class HeldLease:
    held, lost = True, False

    def over(self, _epoch: int) -> bool:
        return self.lost

    def on_acquired(self, callback: Any) -> None:
        self._acquired = callback

    def on_lost(self, callback: Any) -> None:
        """It never is."""

    async def start(self) -> None:
        await self._acquired(1)

    async def release(self) -> None:
        self.held = False


class NotedShard:
    """What a shard is told, in order."""

    alive, busy = True, False

    def __init__(self, *given: object) -> None:
        self.fence = given[1] if len(given) > 1 else None
        self.engine = SimpleNamespace(queues={}, agents={})
        self.visits: dict[object, object] = {}
        self.adoption = self
        self.told: list[object] = []
        self.failures = 0

    def configure(self, part: Configured) -> None:
        self.engine.queues = part.queues
        self.told.append(set(part.queues))

    def apply(self, event: Event) -> None:
        self.told.append(event)

    async def reconcile(self) -> None:
        if self.failures:
            self.failures -= 1
            self.told.append("bus away")
            raise OutcomeUnknown("the bus is away")
        self.told.append("adopted")

    async def recall(self) -> None:
        """Nothing was written down."""

    def start(self, work: Any) -> None:
        work.close()

    def stop(self) -> None:
        self.alive = False


def topology(last: Topology | None, **members: AgentKey) -> Topology:
    queues = {(T, name): QueueSpec((T, name), frozenset([of])) for name, of in members.items()}
    return Topology.after(last, queues, {key: AgentSpec(key) for key in (A, B)}, {})


async def test_nobody_of_a_queue_that_moves_here_is_offered_before_all_are_adopted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(routers, "Shard", NotedShard)
    monkeypatch.setattr(routers, "_LOOKS_S", (0.01, 0.02, 0.03))
    monkeypatch.setattr(routers, "_LOOK_AGAIN_S", 0.01)
    present = [topology(None, sales=A, service=B)]
    vacant = asyncio.Event()
    nobody: Any = SimpleNamespace(listen=lambda *_: None, of=lambda _: [])
    router = routers.Router(
        cast("Any", None),
        lambda: present[0],
        lambda _: cast("Any", HeldLease()),
        nobody,
        lambda _: True,
        lambda _: vacant.is_set(),
        60.0,
        lambda: None,
    )
    await router.start()
    shard = cast("NotedShard", router.shard(f"g-{T}"))
    # The looks after its takeover.
    await eventually(lambda: shard.told.count("adopted") == 1 + 3)
    shard.told.clear()
    present[0] = topology(present[0], sales=A, service=A)
    router.config_changed()
    moves = frozenset([SERVICE])
    began: list[object] = [QueuesMove(moves, here=False), {SALES, SERVICE}]
    await eventually(lambda: shard.told == began)
    shard.failures = 2
    vacant.set()
    await eventually(lambda: QueuesMove(moves, here=True) in shard.told)
    assert shard.told == [*began, "bus away", "bus away", "adopted", QueuesMove(moves, here=True)]
    # A queue that is new everywhere is routed at once.
    shard.told.clear()
    present[0] = topology(present[0], sales=A, service=A, fresh=A)
    router.config_changed()
    await eventually(lambda: {SALES, SERVICE, (T, "fresh")} in shard.told)
    assert not [event for event in shard.told if isinstance(event, QueuesMove)]
    await router.stop()


async def test_a_contact_that_is_written_while_its_queue_moves_away_is_left_to_the_next_holder() -> None:
    """Here the queue is none any more, and its callers would be sent away."""
    ours = [True]
    record = wire.Contact(tenant_id=T, contact_id="c1", call_id="call", queue_id="sales")

    class Bucket:
        """Each write takes a while."""

        async def load(self, _: object) -> list[tuple[wire.Contact, object]]:
            return [(record, SimpleNamespace(revision=1))]

        async def adopt(self, *_: object) -> tuple[wire.Contact, int]:
            ours[0] = False
            return record, 2

        async def open(self, *_: object) -> tuple[wire.Contact, int]:
            ours[0] = False
            return record, 2

    shard = NotedShard()
    queue = SimpleNamespace(spec=QueueSpec(SALES, frozenset([A])), places=(), present=1)
    group: Any = shard
    group.contacts, group.fence, group.deps = Bucket(), Fence(f"g-{T}", 1), None
    group.adoption = Adoption(group, lambda _: ours[0])
    group.engine = SimpleNamespace(queues={SALES: queue}, in_turn=list)
    group.queue = lambda *_: queue.spec
    await group.adoption.adopt([(T, "c1")])
    ours[0] = True
    record.edge_instance = "edge-1"
    with pytest.raises(Unavailable, match="moves to another routing group"):
        await Requests(group).enqueue(record, "r1")
    assert not shard.visits
    assert not shard.told


async def test_what_a_holder_with_another_configuration_has_taken_is_taken_back(tmp_path: Path) -> None:
    async with replica(tmp_path) as here:
        contact = uuid7()
        await here.enqueue(contact)
        other = Shard(here.deps, Fence(f"g-{T}_other", 7), lambda: True, lambda _: True)
        other.configure(Configured({SALES: QueueSpec(SALES, frozenset([A]))}, {A: AgentSpec(A)}))
        await other.adoption.adopt([(T, contact)])
        assert (T, contact) in other.visits
        other.stop()
        await here.enqueue(uuid7())
        here.ready(A1, 1)
        await here.offered((contact, A1))


async def test_a_queue_that_moved_while_its_group_was_waited_for_is_asked_for_again() -> None:
    class Routes:
        now = f"g-{T}"

        def group(self, _: QueueKey) -> str:
            return self.now

        def shard(self, _: str) -> None:
            """Its lease is being taken over."""

        async def wait_shard(self, _group: str, _timeout: float) -> object:
            self.now = moves_to
            return object()

    async def not_here(_: object) -> object:
        raise NotFound("no queue sales", field="queue_id")

    async def look_up(_: QueueKey) -> None:
        """It is configured."""

    holders: Any = SimpleNamespace(holder=lambda _: None)
    routes, request = Routes(), cast("Any", SimpleNamespace(SerializeToString=lambda **_: b""))
    desk = Desk(cast("Any", routes), holders, "acd-1", look_up, Underway())
    moves_to = f"g-{T}_sales"
    with pytest.raises(Unavailable, match="moves to another routing group"):
        await desk.at_queue(SALES, "Enqueue", request, cast("Any", None), not_here)
    with pytest.raises(NotFound):
        await desk.at_queue(SALES, "Enqueue", request, cast("Any", None), not_here)
