"""Highest rate of two-leg calls that one edge process takes without a failure; each step is 4 s long.

Callers, phones, neighbours and NATS share the machine: where they use its cores up, that is the limit found.
Each step says how much of a core everybody had, and the whole machine with all that runs on it besides.
"""

from __future__ import annotations

import asyncio

import uvloop
from b2bua_rig import rig

RATES = (20, 40, 60, 80, 100, 130, 160, 200, 250, 300, 400)
SECONDS, TARGET = 4.0, 400


async def main() -> None:
    best = 0
    async with rig(SIP_OVERLOAD_LAG_S=0.5) as made:
        loop = asyncio.get_running_loop()
        for rate in RATES:
            began, before, refused = loop.time(), made.cpu_s(), made.callers.failed
            others, repeated = made.others_cpu_s(), made.callers.repeated
            calls = await made.run(rate, SECONDS)
            left = await made.settle(10)
            spent, took = made.cpu_s() - before, loop.time() - began
            failed = left + made.callers.failed - refused
            print(
                f"{rate}/s: {calls} calls, {failed} failed, {spent / calls * 1e3:.1f} ms of CPU each,"
                f" one core {spent / took:.0%} busy, {made.callers.repeated - repeated} messages repeated"
            )
            shares = {who: (now - others[who]) / took for who, now in made.others_cpu_s().items()}
            print("    " + ", ".join(f"{who} {share:.0%}" for who, share in shares.items()))
            if failed:
                break
            best = rate
    print(f"b2bua_max_cps {best} calls/s (target {TARGET})")


if __name__ == "__main__":
    uvloop.run(main())
