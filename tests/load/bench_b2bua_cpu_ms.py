"""CPU of the edge process for a two-leg call as shipped: journal with fsync, events, media commands.

Twice: sparse, where each call pays for waking up on cold caches, and at half of the target rate, as a busy
edge runs. The floor in the same run is a call's traffic alone (`b2bua_floor.py`).
The target was set for a machine on which a bare uvloop UDP forwarder costs 3.9 µs a packet. The same one runs
right after the calls: `b2bua_cpu_reference_ms` is scaled by it, an estimate, no measurement over there.
The last line is the sparse one: it is the dearer one, and what most installations have most of the day.
"""

from __future__ import annotations

import asyncio

import uvloop
from b2bua_floor import floor
from b2bua_rig import Rig, rig
from bench_call_cpu_ms import REFERENCE_FORWARD_US, forward_us

SPARSE, BUSY, TARGET_MS = 40.0, 200.0, 1.5
SPARSE_S, BUSY_S, IDLE_S = 12.0, 8.0, 3.0


async def cost_ms(made: Rig, rate: float, seconds: float, idle_share: float) -> float:
    """What a call costs at this rate; what the edge uses without calls is taken off."""
    loop = asyncio.get_running_loop()
    began, before, switched = loop.time(), made.cpu_s(), made.edge.num_ctx_switches()
    refused, repeated = made.callers.failed, made.callers.repeated
    calls = await made.run(rate, seconds)
    left = await made.settle()
    spent = made.cpu_s() - before - idle_share * (loop.time() - began)
    now = made.edge.num_ctx_switches()
    print(
        f"{calls} calls at {rate:.0f}/s: {spent / calls * 1e3:.2f} ms each, {left} did not end,"
        f" {made.callers.failed - refused} refused, {made.callers.repeated - repeated} messages repeated;"
        f" the loop waited {(now.voluntary - switched.voluntary) / calls:.1f} times a call"
        f" and was put aside {(now.involuntary - switched.involuntary) / calls:.1f} times"
    )
    return spent / calls * 1e3


async def main() -> None:
    async with rig() as made:
        await made.run(SPARSE / 2, 3)
        await made.settle()
        idle = made.cpu_s()
        await asyncio.sleep(IDLE_S)
        idle_share = (made.cpu_s() - idle) / IDLE_S
        print(f"without calls {idle_share:.1%} of a core")
        sparse = await cost_ms(made, SPARSE, SPARSE_S, idle_share)
        busy = await cost_ms(made, BUSY, BUSY_S, idle_share)
        async with floor(made.nats_url, made.metrics_port, made.journal.parent) as alone:
            await alone.cost_ms(SPARSE / 2, 2, 0)
            idle = alone.cpu_s()
            await asyncio.sleep(IDLE_S)
            idle_share = (alone.cpu_s() - idle) / IDLE_S
            for rate, seconds, spent in ((SPARSE, SPARSE_S, sparse), (BUSY, BUSY_S, busy)):
                least = await alone.cost_ms(rate, seconds, idle_share)
                print(
                    f"floor at {rate:.0f}/s {least:.2f} ms a call (its traffic alone); the edge is"
                    f" {spent / least:.2f} times that"
                )
    forward = await forward_us()
    scale = REFERENCE_FORWARD_US / forward
    print(f"forwarder_us {forward:.2f} us")
    for rate, spent in ((SPARSE, sparse), (BUSY, busy)):
        print(f"b2bua_cpu_reference_ms {spent * scale:.2f} ms at {rate:.0f} calls/s")
    print(f"b2bua_cpu_busy_ms {busy:.2f} ms at {BUSY:.0f} calls/s")
    print(f"b2bua_cpu_ms {sparse:.2f} ms at {SPARSE:.0f} calls/s (target {TARGET_MS})")


if __name__ == "__main__":
    uvloop.run(main())
