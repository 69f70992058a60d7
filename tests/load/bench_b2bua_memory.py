"""Memory of the edge over many calls: flat. SIP timers are short.

B2BUA_CALLS=100000 is the long run; B2BUA_RATE leaves room for others on a shared machine. After each round
the edge says what it still holds: calls that it never lets go would be a leak, callers that gave up are none.
"""

from __future__ import annotations

import asyncio
import os

import uvloop
from b2bua_rig import rig

CALLS = int(os.environ.get("B2BUA_CALLS", "3000"))
RATE = float(os.environ.get("B2BUA_RATE", "40"))
# Open at once: a machine that is too slow for the rate delays the calls, it does not heap them up.
MOST = 100
ROUNDS, LIMIT, T1 = 10, 1.0, 0.05


async def main() -> None:
    async with rig(talk_s=0.3, metrics=True, SIP_T1_S=T1) as made:
        kilobytes: list[float] = []
        held: dict[str, int] = {}
        # The first round fills caches and pools; it is not counted.
        for number in range(ROUNDS + 1):
            calls = CALLS // ROUNDS
            await made.run_calls(calls, RATE, MOST)
            left = await made.settle(60)
            await asyncio.sleep(64 * T1 + 3)
            kilobytes.append(made.edge.memory_info().rss / 1024)
            held = await made.held()
            callers = made.callers
            print(
                f"round {number}: {calls} calls, {left} did not end; so far {callers.failed} refused, "
                f"{callers.hung_up} hung up by the edge, {callers.repeated} messages repeated; "
                f"{kilobytes[-1] / 1024:.1f} MiB resident, "
                f"the edge holds {', '.join(f'{count} {kind}' for kind, count in held.items())}; "
                f"load {os.getloadavg()[0]:.0f}",
                flush=True,
            )
    grown = (kilobytes[-1] - kilobytes[1]) / (CALLS * (ROUNDS - 1) / ROUNDS)
    print(f"b2bua_memory {grown:.2f} KiB/call (limit {LIMIT}), {held.get('calls')} calls held at the end")


if __name__ == "__main__":
    uvloop.run(main())
