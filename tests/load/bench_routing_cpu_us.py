"""CPU of the routing path for one queued contact: acd as shipped, its engine included; agent_state beside it.

One replica each on a real NATS server, an edge that answers each offer at once, 200 agents, wrap-up. What the
processes burn while idle is measured first and taken off. The floor, in the same run: what the contact's own
traffic costs a process that does nothing else: three compare-and-sets, four facts, two requests answered and
two made. `profile` as an argument: each process writes a profile (cProfile) to the folder that is printed.
"""

from __future__ import annotations

import asyncio
import random
import signal
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import psutil
import uvloop

from seatbus.acd.v1 import service_pb2 as acd
from seatbus.acd.v1.events_pb2 import ContactOffered
from seatbus.agent.v1 import service_pb2 as agent
from seatbus.call.v1 import service_pb2 as call
from seatbus.call.v1 import types_pb2 as call_types
from seatbus.call.v1.service_pb2_grpc import CallControlStub
from seatbus.tenancy.v1 import types_pb2 as tenancy
from seatbus_kit.buckets import Bucket
from seatbus_kit.events import OutEvent
from seatbus_kit.ids import uuid7
from seatbus_kit.rpc import invoke
from seatbus_testkit.nats import NatsServer
from seatbus_testkit.routing_world import Line, Process, RoutingEdge, RoutingWorld

TENANT = "acme"
AGENTS = 200
RATES = {20.0: 15.0, 60.0: 6.0}  # contacts a second: seconds
IDLE_S = 5.0
TALK_S = 1.0
FLOOR_ROUNDS = 2000

_PROFILED = """
import cProfile, runpy, sys, time
profile = cProfile.Profile(time.thread_time)
try:
    profile.runcall(runpy.run_module, sys.argv[2], run_name="__main__")
finally:
    profile.dump_stats(sys.argv[1])
"""


class Edge(RoutingEdge[Line]):
    world: RoutingWorld[Any]

    async def ring(self, line: Line, rid: str, agent_id: str) -> None:
        world = self.world
        await world.report_work(agent_id, rid, agent.WORK_EVENT_RINGING)
        if not await world.report_work(agent_id, rid, agent.WORK_EVENT_ANSWERED):
            raise RuntimeError(f"the answer of {agent_id} was refused")
        self.legs[rid] = call_types.LEG_STATE_ANSWERED
        await world.report_offer(line, rid, acd.OFFER_OUTCOME_ANSWERED)
        await asyncio.sleep(TALK_S)
        self.close(line, rid)
        await world.report_work(agent_id, rid, agent.WORK_EVENT_ENDED)
        line.done.set()


def cpu(process: Process) -> float:
    times = psutil.Process(process.popen.pid).cpu_times()
    return float(times.user + times.system)


async def contacts(world: RoutingWorld[Any], rate: float, seconds: float) -> int:
    async def one() -> None:
        line = Line(tenant=TENANT, queue="sales")
        request = world.enqueue_request(line)
        await world.insist(lambda: invoke(world.acd().Enqueue, request, 3))
        await asyncio.wait_for(line.done.wait(), 30)

    start, tasks = time.perf_counter(), []
    for index in range(int(rate * seconds)):
        await asyncio.sleep(max(0.0, start + index / rate - time.perf_counter()))
        tasks.append(asyncio.create_task(one()))
    await asyncio.gather(*tasks)
    await asyncio.sleep(2.0)  # wrap-ups end
    return len(tasks)


async def floor(world: RoutingWorld[Any]) -> float:
    """µs of CPU in this process for the traffic of one contact alone."""
    bus, bucket = world.runtime.bus, Bucket(world.runtime.bus, "dialogs")
    stub = CallControlStub(  # type: ignore[no-untyped-call]
        world.runtime.channels.get(world.runtime.rpc.address)
    )
    line = Line(tenant=TENANT, queue="sales")
    world.edge.calls[line.call_id] = line
    ask = call.QueryReservationRequest(tenant_id=TENANT, call_id=line.call_id, rid=uuid7())
    value, fact = bytes(700), ContactOffered(rid=uuid7(), agent_id="a1").SerializeToString()
    began = time.process_time()
    for number in range(FLOOR_ROUNDS):
        revision = 0
        for _ in range(3):
            revision = await bucket.put(f"floor.{number}", value, revision)
        for seq in range(1, 5):
            await bus.publish(
                OutEvent(
                    TENANT,
                    "contact",
                    f"floor-{number}",
                    seq,
                    ContactOffered.DESCRIPTOR.full_name,
                    fact,
                    world.runtime.clock.now(),
                    "bench",
                    "",
                    None,
                )
            )
        for _ in range(2):
            await invoke(stub.QueryReservation, ask, 3)
    return (time.process_time() - began) * 1e6 / FLOOR_ROUNDS


async def measure(url: str, folder: Path, *, profile: bool) -> float:
    edge = Edge()
    async with RoutingWorld(url, folder, edge, TENANT) as world:
        edge.world = world
        agents = [f"a{index}" for index in range(AGENTS)]
        queue = tenancy.Queue(
            name="Sales",
            members=[tenancy.Member(agent_id=name) for name in agents],
            ring_timeout_s=5,
            wrap_up_s=1,
        )
        await world.put(
            [
                tenancy.ConfigObject(tenant_id=TENANT, id=TENANT, tenant=tenancy.Tenant(name="Acme")),
                *(
                    tenancy.ConfigObject(tenant_id=TENANT, id=name, agent=tenancy.Agent(name=name))
                    for name in agents
                ),
                tenancy.ConfigObject(tenant_id=TENANT, id="sales", queue=queue),
            ]
        )
        script = folder / "profiled.py"
        script.write_text(_PROFILED)
        for service in ("acd", "agent_state"):
            program = [str(script), str(folder / f"{service}.prof"), f"seatbus_{service}"] if profile else ()
            await world.start(service, f"{service}-1", program=program)
        for name in random.Random(1).sample(agents, AGENTS):
            await world.login(name)
        await contacts(world, 20.0, 2.0)
        processes = world.processes
        before = {name: cpu(process) for name, process in processes.items()}
        await asyncio.sleep(IDLE_S)
        idle = {name: (cpu(process) - before[name]) / IDLE_S for name, process in processes.items()}
        spent = 0.0
        for rate, seconds in RATES.items():
            before = {name: cpu(process) for name, process in processes.items()}
            began = time.perf_counter()
            made = await contacts(world, rate, seconds)
            took = time.perf_counter() - began
            for name, process in processes.items():
                used = (cpu(process) - before[name] - idle[name] * took) * 1e6 / made
                print(f"{process.service}_at_{rate:.0f} {used:.0f} us a contact ({made} contacts)")
                spent = used if process.service == "acd" else spent
        least = await floor(world)
        print(f"floor {least:.0f} us a contact (its traffic alone); acd is {spent / least:.2f} times that")
        for process in processes.values():
            process.signal(signal.SIGINT)
            process.popen.wait(timeout=20)
        return spent


def main() -> None:
    folder = Path(tempfile.mkdtemp(prefix="routing-cpu-"))
    profile = "profile" in sys.argv
    if profile:
        print(folder)
    (folder / "nats").mkdir()
    with NatsServer.start(folder / "nats") as server:
        spent = uvloop.run(measure(server.url, folder, profile=profile))
    print(f"routing_cpu_us {spent:.0f} us")


if __name__ == "__main__":
    main()
