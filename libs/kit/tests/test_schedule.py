"""Timers kept by the bus."""

from __future__ import annotations

import asyncio
import time

import pytest

from seatbus_kit.bus import Bus, InEvent
from seatbus_kit.consumer import Consumer
from seatbus_kit.errors import InvalidArgument
from seatbus_kit.schedule import STREAM, cancel, due_subject, schedule
from seatbus_testkit.eventually import eventually


async def test_timers_fire_within_half_a_second_can_move_and_can_be_cancelled(
    bus: Bus, agent_id: str
) -> None:
    fired: dict[str, tuple[float, bytes]] = {}

    async def take(events: list[InEvent]) -> None:
        for event in events:
            fired[event.subject.rpartition(".")[2]] = (time.monotonic(), event.payload)

    kind = f"k-{agent_id}"
    consumer = Consumer(bus, STREAM, f"t-{agent_id}", take, [due_subject(kind)], linger=0.0)
    await consumer.start()
    began = time.monotonic()
    await schedule(bus, kind, 1.0, b"one", f"a-{agent_id}")
    await schedule(bus, kind, 0.3, b"early", f"b-{agent_id}")
    await schedule(bus, kind, 1.2, b"moved", f"b-{agent_id}")
    await schedule(bus, kind, 0.5, b"never", f"c-{agent_id}")
    await cancel(bus, f"c-{agent_id}")
    await cancel(bus, f"no-such-{agent_id}")
    await eventually(lambda: len(fired) == 2)
    await asyncio.sleep(0.2)
    assert sorted(fired) == [f"a-{agent_id}", f"b-{agent_id}"]
    at, payload = fired[f"a-{agent_id}"]
    assert payload == b"one"
    assert at - began >= 0.95
    at, payload = fired[f"b-{agent_id}"]
    assert payload == b"moved"
    assert at - began >= 1.15
    await consumer.stop()


async def test_a_negative_delay_is_refused(bus: Bus) -> None:
    with pytest.raises(InvalidArgument):
        await schedule(bus, "k", -1, b"", "a")
