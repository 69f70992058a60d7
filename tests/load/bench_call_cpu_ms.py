"""CPU of the whole platform for one queued call: signalling, routing, state, reporting; no RTP.

A platform as shipped takes calls at 5 and then at 20 a second for 200 registered agents. Each call: INVITE,
flow, queue, longest-idle agent rings and answers, 1 s of talk without packets, BYE, wrap-up, call record.
What the processes burn while idle is measured first and taken off; callers and phones are not counted.
The yardstick from outside: a C PBX with its queue application needs 9 to 12 ms on this kind of machine.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
import time
from pathlib import Path

import uvloop

from seatbus_testkit.phone import Phone, Policy
from seatbus_testkit.platform import Platform
from seatbus_testkit.tenant import PASSWORD, TestTenant

AGENTS = 200
RATES = (5.0, 20.0)
SECONDS = 20.0
TALK_S = 1.0
PBX_MS = (9.0, 12.0)


async def one_call(caller: Phone, tenant: TestTenant, done: list[float]) -> None:
    began = time.perf_counter()
    call = await caller.dial(tenant.number)
    await call.wait_answered(timeout=10)
    await asyncio.sleep(TALK_S)
    await call.hang_up()
    done.append(time.perf_counter() - began)


async def phase(
    platform: Platform, caller: Phone, tenant: TestTenant, rate: float
) -> tuple[int, dict[str, float]]:
    """Calls at a steady rate; returns how many were completed and the CPU seconds of each process."""
    done: list[float] = []
    before = platform.cpu_seconds()
    tasks = []
    start = time.perf_counter()
    for index in range(int(rate * SECONDS)):
        await asyncio.sleep(max(0.0, start + index / rate - time.perf_counter()))
        tasks.append(asyncio.create_task(one_call(caller, tenant, done)))
    results = await asyncio.gather(*tasks, return_exceptions=True)
    await asyncio.sleep(3)  # records reach the store
    after = platform.cpu_seconds()
    failed = [result for result in results if isinstance(result, BaseException)]
    if failed:
        print(f"{len(failed)} of {len(results)} calls failed, first: {failed[0]!r}", file=sys.stderr)
    return len(done), {name: after[name] - before.get(name, 0.0) for name in after}


async def register(platform: Platform, tenant: TestTenant) -> list[Phone]:
    phones = []
    for agent in tenant.agents:
        phone = await Phone.start(platform.sip, username=tenant.username(agent), password=PASSWORD)
        phone.policy = Policy.answer(0.0)
        await phone.register()
        await asyncio.to_thread(tenant.agent_do, agent, "login", ready=True)
        phones.append(phone)
    return phones


async def measure(platform: Platform) -> float:
    tenant = TestTenant.create(
        platform,
        agents=AGENTS,
        queue={"wrap_up_s": 1, "record": False},
        number={"answer_supervision": "ANSWER_SUPERVISION_AT_AGENT"},
        flow_nodes=[
            {"id": "queue", "queue": {"queue_id": "q1", "on_overflow": "bye"}},
            {"id": "bye", "hang_up": {}},
        ],
    )
    phones = await register(platform, tenant)
    caller = await Phone.start(platform.sip, host=tenant.caller_host)
    await phase_warm(caller, tenant)
    before, began = platform.cpu_seconds(), time.perf_counter()
    await asyncio.sleep(10)
    after = platform.cpu_seconds()
    idle = {name: (after[name] - before[name]) / (time.perf_counter() - began) for name in after}
    print(f"idle_cpu_ms_per_s {sum(idle.values()) * 1000:.1f} ms")
    total = 0.0
    for rate in RATES:
        calls, used = await phase(platform, caller, tenant, rate)
        length = len_of(rate)
        per_call = {
            name: (cpu - idle.get(name, 0.0) * length) * 1000 / max(calls, 1) for name, cpu in used.items()
        }
        for name, value in sorted(per_call.items(), key=lambda item: -item[1]):
            print(f"call_cpu_ms_at_{rate:.0f}_{name} {value:.2f} ms")
        total = sum(per_call.values())
        print(f"calls_at_{rate:.0f} {calls} of {int(rate * SECONDS)}")
        print(f"call_cpu_ms_at_{rate:.0f} {total:.2f} ms")
        print(f"over_pbx_at_{rate:.0f} {total / PBX_MS[1]:.2f} to {total / PBX_MS[0]:.2f} x")
    for phone in [caller, *phones]:
        await phone.close()
    return total


def len_of(rate: float) -> float:
    """Seconds that one phase takes, for the idle share: arrivals, last talk, settling."""
    return SECONDS - 1 / rate + TALK_S + 3


async def phase_warm(caller: Phone, tenant: TestTenant) -> None:
    done: list[float] = []
    await asyncio.gather(*(one_call(caller, tenant, done) for _ in range(10)))
    await asyncio.sleep(3)


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        platform = Platform.start(Path(folder) / "data", "--quiet", "--log-level", "warning")
        try:
            total = uvloop.run(measure(platform))
        finally:
            platform.stop()
    print(f"call_cpu_ms {total:.2f} ms")


if __name__ == "__main__":
    main()
