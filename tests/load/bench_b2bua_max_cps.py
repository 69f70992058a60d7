"""Highest rate of two-leg calls that one edge process takes: steps of 4 s, of 8 s from 160 calls/s on.

A step counts if no call failed and less than one message in a hundred calls had to be repeated: what ends
late with the help of repeats is beyond what the edge can do. All steps are made, so that the last ones show
what it does beyond that: refuse what is too much, and pay no more for the rest.

Callers, phones, neighbours and NATS share the machine: where they use its cores up, that is the limit found.
Each step says how much of a core everybody had, and the whole machine with all that runs on it besides.
"""

from __future__ import annotations

import asyncio

import uvloop
from b2bua_rig import rig

RATES = (20, 40, 60, 80, 100, 130, 160, 200, 250, 300, 400)
TARGET = 400
# Of the calls; a lost datagram is no failure.
REPEATED = 0.01


def seconds(rate: int) -> float:
    return 4.0 if rate < 160 else 8.0


async def main() -> None:
    best, good = 0, True
    async with rig(SIP_OVERLOAD_LAG_S=0.5) as made:
        loop = asyncio.get_running_loop()
        for rate in RATES:
            began, before, refused = loop.time(), made.cpu_s(), made.callers.failed
            others, repeated = made.others_cpu_s(), made.callers.repeated
            calls = await made.run(rate, seconds(rate))
            left = await made.settle(10)
            spent, took = made.cpu_s() - before, loop.time() - began
            failed, again = left + made.callers.failed - refused, made.callers.repeated - repeated
            print(
                f"{rate}/s: {calls} calls, {failed} failed ({left} did not end),"
                f" {spent / max(calls - failed, 1) * 1e3:.1f} ms of CPU for each that did not,"
                f" one core {spent / took:.0%} busy, {again} messages repeated"
            )
            shares = {who: (now - others[who]) / took for who, now in made.others_cpu_s().items()}
            print("    " + ", ".join(f"{who} {share:.0%}" for who, share in shares.items()))
            good = good and not failed and again < REPEATED * calls
            if good:
                best = rate
    print(f"b2bua_max_cps {best} calls/s (target {TARGET})")


if __name__ == "__main__":
    uvloop.run(main())
