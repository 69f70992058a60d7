"""Compare-and-set of a record and its way to a watcher, on a server that syncs every write.

Prints p50 and p99 of the write and of write-to-watcher. The baseline in the same run is a plain request to
the same server over the same connection (its round trip), so the ratio tells what persistence costs. A bucket
keeps the newest revision only: a watcher that was late may be shown the next one instead.
"""

from __future__ import annotations

import asyncio
import tempfile
import time
from pathlib import Path

import uvloop

from seatbus_kit.buckets import Bucket
from seatbus_kit.bus import Bus
from seatbus_kit.provision import ensure
from seatbus_kit.settings import ServiceSettings
from seatbus_kit.watch import Watcher
from seatbus_testkit.nats import NatsServer

ROUNDS = 3000
VALUE = b"x" * 400


def at(values: list[float], share: float) -> float:
    return sorted(values)[min(len(values) - 1, int(len(values) * share))] * 1e6


async def measure(url: str) -> None:
    settings = ServiceSettings(nats_url=url, instance_id="bench")
    bus, other = await Bus.connect(settings), await Bus.connect(settings)
    await ensure(bus, replicas=1)
    bucket = Bucket(bus, "agents")
    watcher = Watcher(other, "agents")
    await watcher.start()
    seen: dict[int, float] = {}
    watcher.subscribe(
        lambda change: change.entry and seen.__setitem__(change.entry.revision, time.perf_counter())
    )

    trips = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        await bus.nc.flush()
        trips.append(time.perf_counter() - began)

    revision = await bucket.create("bench.agent", VALUE)
    writes, starts = [], {}
    for _ in range(ROUNDS):
        began = time.perf_counter()
        revision = await bucket.update("bench.agent", VALUE, revision)
        writes.append(time.perf_counter() - began)
        starts[revision] = began
    await asyncio.sleep(0.5)
    arrivals = [seen[r] - began for r, began in starts.items() if r in seen]
    print(f"round_trip_p50_us {at(trips, 0.5):.0f} us")
    print(f"cas_p50_us {at(writes, 0.5):.0f} us")
    print(f"cas_p99_us {at(writes, 0.99):.0f} us")
    print(f"cas_to_watcher_p50_us {at(arrivals, 0.5):.0f} us")
    print(f"cas_to_watcher_p99_us {at(arrivals, 0.99):.0f} us")
    print(f"cas_seen_by_watcher {len(arrivals)} of {ROUNDS}")
    print(f"cas_over_round_trip {at(writes, 0.5) / at(trips, 0.5):.1f} x")
    print(f"cas_us {at(writes, 0.5):.0f} us")
    await watcher.stop()
    await bus.close()
    await other.close()


def main() -> None:
    with tempfile.TemporaryDirectory() as folder, NatsServer.start(Path(folder)) as server:
        uvloop.run(measure(server.url))


if __name__ == "__main__":
    main()
