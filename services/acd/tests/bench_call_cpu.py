"""CPU of acd and agent_state for one queued call: `python services/acd/tests/bench_call_cpu.py [profile]`.

The services as shipped, one replica each, on a real NATS server; an edge that answers each offer at once, and
200 agents. What the two burn while idle is measured first and taken off. With `profile` each process also
writes a profile (cProfile, which makes everything about twice as slow) to the folder that is printed.
"""

from __future__ import annotations

import asyncio
import random
import signal
import sys
import tempfile
import time
from pathlib import Path

import psutil
import uvloop
from world import Call, Process, World

from seatbus_testkit.nats import NatsServer

AGENTS = 200
RATES = {20.0: 15.0, 60.0: 6.0}  # calls a second: seconds
IDLE_S = 5.0
TALK_S = 1.0


_PROFILED = """
import cProfile, runpy, sys, time
profile = cProfile.Profile(time.thread_time)
try:
    profile.runcall(runpy.run_module, sys.argv[2], run_name="__main__")
finally:
    profile.dump_stats(sys.argv[1])
"""


def cpu(process: Process) -> float:
    times = psutil.Process(process.popen.pid).cpu_times()
    return float(times.user + times.system)


async def calls(world: World, rate: float, seconds: float) -> list[Call]:
    made: list[Call] = []

    async def one() -> None:
        call = await world.enqueue(talk_s=TALK_S)
        made.append(call)
        await asyncio.wait_for(call.done.wait(), 15)

    start, tasks = time.perf_counter(), []
    for index in range(int(rate * seconds)):
        await asyncio.sleep(max(0.0, start + index / rate - time.perf_counter()))
        tasks.append(asyncio.create_task(one()))
    await asyncio.gather(*tasks)
    await asyncio.sleep(2.0)  # wrap-ups end
    return made


async def measure(url: str, folder: Path) -> None:
    async with World(url, folder) as world:
        agents = [f"a{index}" for index in range(AGENTS)]
        await world.configure(agents, wrap_up_s=1)
        await asyncio.gather(world.start("acd", "acd-1"), world.start("agent_state", "as-1"))
        order = random.Random(1).sample(agents, AGENTS)
        for start in range(0, AGENTS, 20):
            await asyncio.gather(*(world.login(name) for name in order[start : start + 20]))
        await calls(world, 20.0, 2.0)
        before = {name: cpu(process) for name, process in world.processes.items()}
        await asyncio.sleep(IDLE_S)
        idle = {name: (cpu(process) - before[name]) / IDLE_S for name, process in world.processes.items()}
        for name, process in world.processes.items():
            print(f"{process.service}_idle {idle[name] * 1000:.1f} ms/s")
        for rate, seconds in RATES.items():
            before = {name: cpu(process) for name, process in world.processes.items()}
            began = time.perf_counter()
            made = await calls(world, rate, seconds)
            took = time.perf_counter() - began
            for name, process in world.processes.items():
                used = (cpu(process) - before[name] - idle[name] * took) * 1000 / len(made)
                print(f"{process.service}_at_{rate:.0f} {used:.2f} ms a call ({len(made)} calls)")
        assert not world.edge.complaints, world.edge.complaints
        for process in world.processes.values():
            process.signal(signal.SIGINT)
            process.popen.wait(timeout=10)


def main() -> None:
    folder = Path(tempfile.mkdtemp(prefix="call-cpu-"))
    if "profile" in sys.argv:
        print(folder)
        (folder / "profiled.py").write_text(_PROFILED)
        launch = World._launch

        def profiled(world: World, service: str, instance: str, env: dict[str, str]) -> None:
            saved = sys.executable
            sys.executable = str(folder / f"python-{instance}")
            script = f'#!/bin/sh\nexec {saved} {folder}/profiled.py {folder}/{instance}.prof "$2"\n'
            Path(sys.executable).write_text(script)
            Path(sys.executable).chmod(0o755)
            try:
                launch(world, service, instance, env)
            finally:
                sys.executable = saved

        World._launch = profiled  # type: ignore[method-assign]
    (folder / "nats").mkdir()
    with NatsServer.start(folder / "nats") as server:
        uvloop.run(measure(server.url, folder))


if __name__ == "__main__":
    main()
