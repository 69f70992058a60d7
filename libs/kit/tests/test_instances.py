"""The registry of running processes."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any, ClassVar

import pytest
from structlog.testing import capture_logs

from seatbus_kit.buckets import Bucket
from seatbus_kit.errors import Unavailable
from seatbus_kit.instances import Instances
from seatbus_kit.provision import ensure
from seatbus_kit.settings import ServiceSettings
from seatbus_testkit.clock import FakeClock
from seatbus_testkit.eventually import eventually
from seatbus_testkit.nats import NatsServer


class Media(ServiceSettings):
    service: ClassVar[str] = "media"


async def registry(bus: Any, name: str, clock: Any = None, region: str = "local") -> Instances:
    found = Instances(bus, Media(instance_id=name, region=region), clock)
    await found.start()
    return found


async def test_instances_are_chosen_by_load_or_by_key_and_not_while_draining(
    tmp_path: Path, open_bus: Any, fake_clock: FakeClock
) -> None:
    with NatsServer.start(tmp_path) as server:
        bus = await open_bus(server.url)
        watcher = await registry(bus, "edge-0")
        idle, busy = await registry(bus, "media-0"), await registry(bus, "media-1")
        await idle.announce(lambda: 0.1, address="127.0.0.1:1", attributes={"rtp": "10000-10999"})
        await busy.announce(lambda: 0.9, address="127.0.0.1:2")
        await eventually(lambda: len(watcher.all("media")) == 2)
        best = watcher.pick("media")
        assert best is not None
        assert (best.id, best.address, best.attributes) == ("media-0", "127.0.0.1:1", {"rtp": "10000-10999"})
        other = watcher.pick("media", exclude=["media-0"])
        assert other is not None
        assert other.id == "media-1"
        by_key = {watcher.pick("media", key=f"call-{i}") for i in range(50)}
        assert len({instance.id for instance in by_key if instance}) == 2
        assert watcher.pick("media", key="call-1") == watcher.pick("media", key="call-1")
        idle.set_draining()
        await idle.beat_now()
        await eventually(lambda: [i.id for i in watcher.all("media") if i.draining] == ["media-0"])
        assert watcher.pick("media", exclude=["media-1"]) is None
        await busy.stop()
        await eventually(lambda: watcher.get("media-1") is None)
        await idle.stop()
        await watcher.stop()


async def test_an_instance_that_falls_silent_is_gone_after_five_seconds(
    tmp_path: Path, open_bus: Any, fake_clock: FakeClock
) -> None:
    with NatsServer.start(tmp_path) as server:
        bus = await open_bus(server.url)
        silent = await registry(bus, "media-0")
        await silent.announce(lambda: 0.0, address="a:1")
        assert silent._task is not None
        silent._task.cancel()
        watcher = await registry(bus, "edge-0", fake_clock)
        # Left over from before our first look: used for want of a better one, and not for long.
        assert watcher.pick("media") is not None
        live = await registry(bus, "media-1")
        await live.announce(lambda: 0.9, address="a:2")
        await eventually(lambda: watcher.get("media-1") is not None)
        picked = watcher.pick("media")
        assert picked is not None
        assert picked.id == "media-1"
        for _ in range(6):
            fake_clock.advance(1.0)
            await live.beat_now()
            await eventually(lambda: watcher._watcher.staleness() < 0.5)
        await eventually(lambda: watcher.get("media-0") is None)
        assert [instance.id for instance in watcher.all("media")] == ["media-1"]
        for each in (live, watcher):
            await each.stop()


async def test_a_restarted_process_takes_its_id_over_and_the_old_one_gives_way(
    tmp_path: Path, open_bus: Any
) -> None:
    with NatsServer.start(tmp_path) as server:
        bus = await open_bus(server.url)
        old, new = await registry(bus, "media-0"), await registry(bus, "media-0")
        await old.announce(lambda: 0.0, address="old:1")
        await new.announce(lambda: 0.0, address="new:1")
        await old.beat_now()
        await new.beat_now()
        await eventually(lambda: (found := new.get("media-0")) is not None and found.address == "new:1")
        await new.stop()
        await old.stop()


async def test_who_only_announces_himself_is_seen_and_sees_nobody(bus: Any) -> None:
    alone = Instances(bus, Media(instance_id="media-alone"))
    await alone.announce(lambda: 0.0)
    other = await registry(bus, "media-other")
    await eventually(lambda: other.get("media-alone") is not None)
    with pytest.raises(RuntimeError, match="not followed"):
        alone.all("media")
    await alone.stop()
    await eventually(lambda: other.get("media-alone") is None)
    await other.stop()


async def test_a_process_is_announced_once_the_bus_has_a_leader_and_fails_when_it_never_has(
    tmp_path: Path, open_bus: Any, fake_clock: FakeClock
) -> None:
    with NatsServer.start(tmp_path) as server:
        bus = await open_bus(server.url)
        # Nobody answers for a stream that is not there, as while a new cluster elects.
        await bus.api("STREAM.DELETE.KV_instances")
        with capture_logs() as logs:
            early = Instances(bus, Media(instance_id="media-early"))
            announcing = asyncio.create_task(early.announce(lambda: 0.0, address="a:1"))
            told = "not announced yet, the bus takes no write"
            await eventually(lambda: [line["event"] for line in logs] == [told])
            assert "no stream leader" in logs[0]["reason"]
            assert not announcing.done()
            await ensure(bus, 1)
            await announcing
        assert await Bucket(bus, "instances").get("media-early") is not None
        await early.stop()
        await bus.api("STREAM.DELETE.KV_instances")
        late = Instances(bus, Media(instance_id="media-late"), fake_clock)
        with capture_logs() as logs:
            announcing = asyncio.create_task(late.announce(lambda: 0.0))
            await eventually(lambda: [line["event"] for line in logs] == [told])
            fake_clock.advance(31)
            with pytest.raises(Unavailable, match="no stream leader"):
                await announcing
