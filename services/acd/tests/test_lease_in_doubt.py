"""A holder that stood still: it promises nothing before it is sure of its lease, and nobody is overtaken."""

from __future__ import annotations

import asyncio
import gc
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from seatbus_acd.application import router as routers
from seatbus_acd.application.shard import Shard
from seatbus_acd.application.underway import Underway
from seatbus_acd.domain.engine import Engine
from seatbus_acd.domain.model import AgentKey, AgentSeen, AgentStatus, Configured
from seatbus_kit.errors import NotFound, Refused, Unavailable
from seatbus_kit.ids import uuid7
from seatbus_testkit.eventually import eventually

from .here import A1, A2, replica
from .test_moving_queues import A, B, HeldLease, NotedShard, topology
from .world import T


async def test_who_is_next_while_the_lease_is_in_doubt_is_next_when_it_is_certain(tmp_path: Path) -> None:
    async with replica(tmp_path) as here:
        older, younger, youngest = uuid7(), uuid7(), uuid7()
        await here.enqueue(older)
        await here.enqueue(younger)
        here.certain = False
        here.ready(A1, 1)
        here.certain = True
        await here.enqueue(youngest)
        await here.offered((older, A1))
        here.ready(A2, 2)
        await here.offered((older, A1), (younger, A2))


async def test_a_place_is_promised_only_under_a_lease_that_is_certain(tmp_path: Path) -> None:
    """The next holder may have read who waits before this one was written."""
    async with replica(tmp_path) as here:
        older, younger = uuid7(), uuid7()
        here.bucket.slow = True
        asked = asyncio.ensure_future(here.enqueue(older))
        await here.bucket.stored.wait()
        here.certain = False
        here.bucket.answer.set()
        with pytest.raises(Unavailable, match="in doubt"):
            await asked
        here.certain = True
        await here.enqueue(younger)
        assert (await here.enqueue(older)).position == 1
        here.ready(A1, 1)
        await here.offered((older, A1))


def router_of(lease: HeldLease, feed: Any, present: list[Any]) -> routers.Router:
    return routers.Router(
        cast("Any", None),
        lambda: present[0],
        lambda _: cast("Any", lease),
        feed,
        lambda _: True,
        lambda _: True,
        60.0,
        lambda: None,
    )


async def test_a_takeover_that_was_interrupted_is_finished_before_anybody_is_served(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    lease, interrupted = HeldLease(), asyncio.Event()

    class Interrupted(NotedShard):
        async def reconcile(self) -> None:
            if not interrupted.is_set():
                # It stood still in the middle, and its writes were not answered in time.
                lease.held, self.failures = False, 1
                interrupted.set()
            await super().reconcile()

    monkeypatch.setattr(routers, "Shard", Interrupted)
    monkeypatch.setattr(routers, "_REBUILD_RETRY_S", 0.01)
    nobody: Any = SimpleNamespace(listen=lambda *_: None, of=lambda _: [])
    router = router_of(lease, nobody, [topology(None, sales=A)])
    started = asyncio.create_task(router.start())
    await interrupted.wait()
    waiting = asyncio.create_task(router.wait_shard(f"g-{T}", 20.0))
    await asyncio.wait([waiting, started], timeout=0.05)
    lease.held = True
    shard = cast("NotedShard", await waiting)
    assert "adopted" in shard.told
    await started
    await router.stop()


async def test_a_takeover_ends_unfinished_when_another_has_the_lease(monkeypatch: pytest.MonkeyPatch) -> None:
    lease = HeldLease()

    class Interrupted(NotedShard):
        async def reconcile(self) -> None:
            lease.held, lease.lost, self.failures = False, True, 1
            await super().reconcile()

    monkeypatch.setattr(routers, "Shard", Interrupted)
    monkeypatch.setattr(routers, "_REBUILD_RETRY_S", 0.01)
    nobody: Any = SimpleNamespace(listen=lambda *_: None, of=lambda _: [])
    router = router_of(lease, nobody, [topology(None, sales=A)])
    await asyncio.wait_for(router.start(), 20)
    with pytest.raises(Unavailable, match="no holder yet"):
        await router.wait_shard(f"g-{T}", 0.01)
    await router.stop()


async def test_an_agent_who_comes_back_to_a_group_is_seen_as_he_is_now(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """His record changed while he served queues of another group, which was told of it."""

    class Routing(NotedShard):
        def __init__(self, *given: object) -> None:
            super().__init__(*given)
            self.engine: Any = Engine()

        def configure(self, part: Configured) -> None:
            self.engine.apply(part, 0.0)

        def agent_seen(self, status: AgentStatus) -> None:
            self.engine.apply(AgentSeen(status), 0.0)

    monkeypatch.setattr(routers, "Shard", Routing)
    monkeypatch.setattr(routers, "_SETTLE_S", 0.0)
    records = {A: AgentStatus(A, 1, False, 1.0), B: AgentStatus(B, 2, False, 1.0)}
    told: list[Any] = []

    def of(agents: Any) -> list[AgentStatus]:
        return [records[key] for key in agents]

    def changed(status: AgentStatus) -> None:
        records[status.key] = status
        told[1](status)

    feed: Any = SimpleNamespace(listen=lambda *given: told.extend(given), of=of)
    present = [topology(None, sales=A, service=B)]
    router = router_of(HeldLease(), feed, present)
    await router.start()
    shard = cast("Routing", router.shard(f"g-{T}"))

    async def members(**of_queue: AgentKey) -> None:
        present[0] = topology(present[0], **of_queue)
        router.config_changed()
        await eventually(lambda: shard.engine.queues[T, "sales"].spec.members == {of_queue["sales"]})

    await members(sales=B, service=A)
    changed(AgentStatus(A, 3, True, 2.0))
    assert shard.engine.agents[A].status.revision == 1
    await members(sales=A, service=B)
    assert shard.engine.agents[A].status.revision == 3
    await router.stop()


@pytest.mark.parametrize("error", [Refused("not_current_offer", "it has ended"), NotFound("no such contact")])
async def test_a_request_that_is_refused_after_its_caller_has_gone_is_no_news(error: Exception) -> None:
    noise: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: noise.append(context))
    begun, go = asyncio.Event(), asyncio.Event()

    async def work() -> None:
        begun.set()
        await go.wait()
        raise error

    underway = Underway()
    shard = cast("Shard", NotedShard())
    call = asyncio.create_task(underway.run(shard, "name", work))
    await begun.wait()
    call.cancel()
    await asyncio.gather(call, return_exceptions=True)
    go.set()
    await underway.settle(20)
    await asyncio.sleep(0)
    del call
    gc.collect()
    assert noise == []
