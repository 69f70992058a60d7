"""Memory of the edge over many calls: flat. SIP timers are short.

B2BUA_CALLS=100000 is the long run; B2BUA_RATE leaves room for others on a shared machine.
"""

from __future__ import annotations

import asyncio
import os

import uvloop
from b2bua_rig import rig

CALLS = int(os.environ.get("B2BUA_CALLS", "3000"))
RATE = float(os.environ.get("B2BUA_RATE", "40"))
ROUNDS, LIMIT = 10, 1.0


async def main() -> None:
    async with rig(talk_s=0.3, SIP_T1_S=0.05) as made:
        kilobytes: list[float] = []
        # The first round fills caches and pools; it is not counted.
        for number in range(ROUNDS + 1):
            calls = await made.run(RATE, CALLS / ROUNDS / RATE)
            left = await made.settle()
            await asyncio.sleep(64 * 0.05 + 3)
            kilobytes.append(made.edge.memory_info().rss / 1024)
            print(
                f"round {number}: {calls} calls, {made.callers.failed} refused so far, {left} did not end, "
                f"{kilobytes[-1] / 1024:.1f} MiB resident",
                flush=True,
            )
    grown = (kilobytes[-1] - kilobytes[1]) / (CALLS * (ROUNDS - 1) / ROUNDS)
    print(f"b2bua_memory {grown:.2f} KiB/call (limit {LIMIT})")


if __name__ == "__main__":
    uvloop.run(main())
