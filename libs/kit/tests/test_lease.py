"""Leases: one holder at a time, takeover in about three seconds."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import Any

import pytest

from seatbus_kit import lease as module
from seatbus_kit.bus import Bus
from seatbus_kit.lease import Lease, LeaseView
from seatbus_kit.watch import Watcher
from seatbus_testkit.eventually import eventually
from seatbus_testkit.nats import NatsServer

# A takeover that a test does not see: whoever has the lease has been told of its release.
NEVER_S = 600.0


class Contender:
    """A process: its watched copy of the leases, and one lease that contends by it."""

    def __init__(self, bus: Bus, shard: str, owner: str) -> None:
        self._watcher = Watcher(bus, "leases")
        self.view = LeaseView(self._watcher)
        self.lease = Lease(bus, shard, owner, view=self.view)

    async def start(self) -> Lease:
        await self._watcher.start()
        await self.view.start()
        await self.lease.start()
        return self.lease

    async def stop(self) -> None:
        await self.lease.release()
        await self.view.stop()
        await self._watcher.stop()


class Watchman:
    """Samples the leases and remembers whether two were ever held at once."""

    def __init__(self, *leases: Lease) -> None:
        self.leases = leases
        self.two_held = False
        self._task = asyncio.create_task(self._look())

    async def _look(self) -> None:
        while True:
            self.two_held |= sum(lease.held for lease in self.leases) > 1
            await asyncio.sleep(0.002)

    async def stop(self) -> None:
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)


async def test_a_free_lease_is_taken_at_once_and_handed_over_on_release(
    bus: Bus, agent_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "TAKEOVER_S", NEVER_S)
    first, second = Lease(bus, agent_id, "acd-0"), Lease(bus, agent_id, "acd-1")
    epochs: list[int] = []
    first.on_acquired(epochs.append)
    second.on_acquired(epochs.append)
    await first.start()
    await eventually(lambda: first.held)
    await second.start()
    await asyncio.sleep(0.3)
    assert not second.held
    await first.release()
    await eventually(lambda: second.held)
    await eventually(lambda: epochs == [1, 2])
    await second.release()


async def test_a_silent_holder_is_replaced_after_three_seconds_and_stops_before(
    nats_server: NatsServer, open_bus: Any, agent_id: str
) -> None:
    holders_bus, others_bus = await open_bus(nats_server.url), await open_bus(nats_server.url)
    first, contender = Lease(holders_bus, agent_id, "acd-0"), Contender(others_bus, agent_id, "acd-1")
    second = contender.lease
    lost: list[bool] = []
    first.on_lost(lambda: lost.append(True))
    watchman = Watchman(first, second)
    await first.start()
    await eventually(lambda: first.held)
    await contender.start()
    await asyncio.sleep(1.2)
    # The holder stands still, as a paused process does; it learns nothing.
    for task in first._tasks:
        task.cancel()
    silent = time.monotonic()
    await eventually(lambda: second.held)
    assert time.monotonic() - silent > 1.5
    assert second.epoch == 2
    assert not first.held
    await watchman.stop()
    assert not watchman.two_held
    assert lost == []
    await contender.stop()


async def test_a_pause_of_the_bus_makes_nobody_a_second_holder(
    tmp_path: Path, open_bus: Any, agent_id: str
) -> None:
    with NatsServer.start(tmp_path) as server:
        first = Lease(await open_bus(server.url), agent_id, "acd-0")
        contender = Contender(await open_bus(server.url), agent_id, "acd-1")
        second = contender.lease
        watchman = Watchman(first, second)
        await first.start()
        await eventually(lambda: first.held)
        await contender.start()
        await asyncio.sleep(0.5)
        server.pause()
        await asyncio.sleep(3.5)
        # Nobody can be sure now.
        assert not first.held
        assert not second.held
        server.resume()
        # The holder's renewal counts; the contender has to watch anew for three seconds.
        await eventually(lambda: first.held or second.held)
        assert first.held
        await asyncio.sleep(1.0)
        assert (first.held, second.held, first.epoch) == (True, False, 1)
        await watchman.stop()
        assert not watchman.two_held
        await first.release()
        await contender.stop()


async def test_a_holder_that_was_overtaken_learns_it_from_its_next_write(bus: Bus, agent_id: str) -> None:
    first = Lease(bus, agent_id, "acd-0")
    lost: list[bool] = []
    first.on_lost(lambda: lost.append(True))
    await first.start()
    await eventually(lambda: first.held)
    entry = await first._bucket.get(f"lease.{agent_id}")
    assert entry is not None
    await first._bucket.update(
        f"lease.{agent_id}", b'{"owner":"acd-9","incarnation":"x","epoch":7,"beat":1}', entry.revision
    )
    await eventually(lambda: lost == [True])
    assert first.over(1)
    assert not first.held
    await first.release()


async def test_waiting_contenders_ask_nobody_and_hear_of_a_release_at_once(
    nats_server: NatsServer, open_bus: Any, agent_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "TAKEOVER_S", NEVER_S)
    bus = await open_bus(nats_server.url)
    first = Lease(bus, agent_id, "acd-0")
    await first.start()
    await eventually(lambda: first.held)
    others = await open_bus(nats_server.url)
    contender = Contender(others, agent_id, "acd-1")
    await contender.start()
    await asyncio.sleep(0.3)
    sent = others.nc.stats["out_msgs"]
    await asyncio.sleep(1.2)
    assert others.nc.stats["out_msgs"] == sent
    await first.release()
    await eventually(lambda: contender.lease.held)
    await contender.stop()
