"""CPU of the edge process for a two-leg call as shipped: journal with fsync, events, media commands."""

from __future__ import annotations

import asyncio

import uvloop
from b2bua_rig import rig

RATE, SECONDS, TARGET_MS = 40.0, 12.0, 1.5


async def main() -> None:
    async with rig() as made:
        await made.run(RATE / 2, 3)
        await made.settle()
        idle = made.cpu_s()
        await asyncio.sleep(3)
        idle_rate = (made.cpu_s() - idle) / 3
        loop = asyncio.get_running_loop()
        began, before = loop.time(), made.cpu_s()
        calls = await made.run(RATE, SECONDS)
        left = await made.settle()
        spent = made.cpu_s() - before - idle_rate * (loop.time() - began)
        failed = made.callers.failed
    print(f"{calls} calls at {RATE:.0f}/s, {left} did not end, {failed} refused, idle {idle_rate:.3f}")
    print(f"b2bua_cpu_ms {spent / calls * 1e3:.2f} ms (target {TARGET_MS})")


if __name__ == "__main__":
    uvloop.run(main())
