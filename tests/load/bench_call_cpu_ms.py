"""CPU of the whole platform for one queued call: signalling, routing, state, reporting; phones send no RTP.

A platform as shipped takes calls at 5 and then at 20 a second for 200 registered agents. Each call: INVITE,
flow, queue, longest-idle agent rings and answers, 1 s of talk without packets, BYE, wrap-up, call record.
What the processes burn while idle is measured first and taken off; callers and phones are not counted.

The yardstick from outside: a C PBX with its queue application needs 9 to 12 ms on the reference machine.
There a bare uvloop UDP forwarder costs 3.9 us a packet. The same forwarder runs here right after the calls:
`call_cpu_ms_reference` is the figure scaled by it, an estimate and not a measurement on that machine.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import multiprocessing
import sys
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import uvloop

from seatbus_testkit.call import PhoneCall
from seatbus_testkit.phone import Phone, Policy
from seatbus_testkit.platform import Platform
from seatbus_testkit.tenant import PASSWORD, TestTenant

AGENTS = 200
RATES = (5.0, 20.0)
SECONDS = 20.0
TALK_S = 1.0
PBX_MS = (9.0, 12.0)
REFERENCE_FORWARD_US = 3.9
FORWARDED = 20_000


async def one_call(caller: Phone, tenant: TestTenant, done: list[float]) -> None:
    began = time.perf_counter()
    call = await caller.dial(tenant.number)
    call.mouth.mute()
    await call.wait_answered(timeout=10)
    await asyncio.sleep(TALK_S)
    await call.hang_up()
    done.append(time.perf_counter() - began)


class Agent:
    """A phone that rings, answers and says nothing, not even silence."""

    def __init__(self, phone: Phone) -> None:
        self.phone = phone
        self._task = asyncio.create_task(self._attend())

    async def _attend(self) -> None:
        while True:
            call: PhoneCall = await self.phone.next_call(timeout=3600)
            await call.answer()
            call.mouth.mute()

    async def close(self) -> None:
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        await self.phone.close()


def messages(platform: Platform) -> Counter[str]:
    """What the platform has exchanged so far: messages of the bus in and out, gRPC calls by service."""
    found: Counter[str] = Counter()
    with httpx.Client(trust_env=False, timeout=5) as http:
        bus = http.get(f"http://127.0.0.1:{platform.port_base + 3}/varz").json()
        found["nats_in"], found["nats_out"] = bus["in_msgs"], bus["out_msgs"]
        state: Any = json.loads((platform.data_dir / "run" / "platform.json").read_text())
        for process in state["processes"].values():
            if process["metrics_port"]:
                text = http.get(f"http://127.0.0.1:{process['metrics_port']}/metrics").text
                found["grpc_calls"] += sum(
                    int(float(line.rpartition(" ")[2]))
                    for line in text.splitlines()
                    if line.startswith("seatbus_rpc_seconds_count")
                )
    return found


async def phase(
    platform: Platform, caller: Phone, tenant: TestTenant, rate: float
) -> tuple[int, dict[str, float], Counter[str]]:
    """Calls at a steady rate; returns how many were completed, CPU seconds by process, and messages."""
    done: list[float] = []
    exchanged = await asyncio.to_thread(messages, platform)
    before = platform.cpu_seconds()
    tasks = []
    start = time.perf_counter()
    for index in range(int(rate * SECONDS)):
        await asyncio.sleep(max(0.0, start + index / rate - time.perf_counter()))
        tasks.append(asyncio.create_task(one_call(caller, tenant, done)))
    results = await asyncio.gather(*tasks, return_exceptions=True)
    await asyncio.sleep(3)  # records reach the store
    after = platform.cpu_seconds()
    exchanged = Counter(await asyncio.to_thread(messages, platform)) - exchanged
    failed = [result for result in results if isinstance(result, BaseException)]
    if failed:
        print(f"{len(failed)} of {len(results)} calls failed, first: {failed[0]!r}", file=sys.stderr)
    return len(done), {name: after[name] - before.get(name, 0.0) for name in after}, exchanged


async def register(platform: Platform, tenant: TestTenant) -> list[Agent]:
    agents = []
    for agent in tenant.agents:
        phone = await Phone.start(platform.sip, username=tenant.username(agent), password=PASSWORD)
        phone.policy = Policy.ring()
        await phone.register()
        await asyncio.to_thread(tenant.agent_do, agent, "login", ready=True)
        agents.append(Agent(phone))
    return agents


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
    agents = await register(platform, tenant)
    caller = await Phone.start(platform.sip, host=tenant.caller_host)
    await phase_warm(caller, tenant)
    before, exchanged, began = platform.cpu_seconds(), messages(platform), time.perf_counter()
    await asyncio.sleep(10)
    after, passed = platform.cpu_seconds(), time.perf_counter() - began
    idle = {name: (after[name] - before[name]) / passed for name in after}
    idle_messages = {name: count / passed for name, count in (messages(platform) - exchanged).items()}
    print(f"idle_cpu_ms_per_s {sum(idle.values()) * 1000:.1f} ms")
    total = 0.0
    for rate in RATES:
        calls, used, exchanged = await phase(platform, caller, tenant, rate)
        length = len_of(rate)
        per_call = {
            name: (cpu - idle.get(name, 0.0) * length) * 1000 / max(calls, 1) for name, cpu in used.items()
        }
        for name, value in sorted(per_call.items(), key=lambda item: -item[1]):
            print(f"call_cpu_ms_at_{rate:.0f}_{name} {value:.2f} ms")
        for name, count in sorted(exchanged.items()):
            each = (count - idle_messages.get(name, 0.0) * length) / max(calls, 1)
            print(f"{name}_at_{rate:.0f} {each:.1f} a call")
        total = sum(per_call.values())
        print(f"calls_at_{rate:.0f} {calls} of {int(rate * SECONDS)}")
        print(f"call_cpu_ms_at_{rate:.0f} {total:.2f} ms")
    await caller.close()
    for agent in agents:
        await agent.close()
    return total


class Bounce(asyncio.DatagramProtocol):
    """Sends a datagram on to where `to` says."""

    def __init__(self) -> None:
        self.to: tuple[str, int] | None = None
        self.transport: Any = None
        self.count = 0
        self.done = asyncio.Event()

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def datagram_received(self, data: bytes, addr: Any) -> None:
        self.count += 1
        if self.to is not None:
            self.transport.sendto(data, self.to)
        if self.count >= FORWARDED:
            self.done.set()


@contextlib.asynccontextmanager
async def bounce() -> AsyncIterator[tuple[Bounce, tuple[str, int]]]:
    loop = asyncio.get_running_loop()
    transport, protocol = await loop.create_datagram_endpoint(Bounce, local_addr=("127.0.0.1", 0))
    try:
        yield protocol, transport.get_extra_info("sockname")
    finally:
        transport.close()


def forwarder(pipe: Any) -> None:
    """A process of its own: forwards, then tells its CPU seconds a packet."""

    async def run() -> None:
        async with bounce() as (protocol, address):
            pipe.send(address)
            protocol.to = pipe.recv()
            began = time.process_time()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(protocol.done.wait(), 30)
            pipe.send((time.process_time() - began) / max(protocol.count, 1))

    uvloop.run(run())


async def forward_us() -> float:
    """CPU of a bare uvloop UDP forwarder a packet, at 2,000 packets a second of 172 bytes."""
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe()
    process = context.Process(target=forwarder, args=(there,), daemon=True)
    process.start()
    address = await asyncio.to_thread(here.recv)
    async with bounce() as (sink, own):
        here.send(own)
        due = time.monotonic()
        while not here.poll() and sink.count < FORWARDED:
            for _ in range(4):
                sink.transport.sendto(bytes(172), address)
            due += 0.002
            await asyncio.sleep(max(0.0, due - time.monotonic()))
        seconds: float = await asyncio.to_thread(here.recv)
    process.join(5)
    return seconds * 1e6


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
    forward = uvloop.run(forward_us())
    reference = total * REFERENCE_FORWARD_US / forward
    print(f"forwarder_us {forward:.2f} us")
    print(f"call_cpu_ms_reference {reference:.2f} ms")
    print(f"over_pbx_reference {reference / PBX_MS[1]:.2f} to {reference / PBX_MS[0]:.2f} x")
    print(f"call_cpu_ms {total:.2f} ms")


if __name__ == "__main__":
    main()
