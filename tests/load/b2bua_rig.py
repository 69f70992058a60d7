"""The edge as shipped, alone with NATS and cheap peers: media, ivr, acd and agent_state say yes over lanes.

A call: INVITE from a trunk, flow, queue, an agent's phone rings and answers, talk, BYE; journal, events,
records and media commands are the real ones. The edge's interpreter is this one, or what B2BUA_PYTHON names:
the image has one that was built with profile-guided optimisation, a plain build of Python is slower.
"""

from __future__ import annotations

import asyncio
import itertools
import multiprocessing
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from multiprocessing.synchronize import Event
from pathlib import Path
from typing import Any

import psutil
from b2bua_peers import NUMBER, SDP, Callers, Phones

from seatbus.acd.v1 import service_pb2 as acd
from seatbus.acd.v1 import service_pb2_grpc as acd_grpc
from seatbus.agent.v1 import service_pb2 as agent
from seatbus.agent.v1 import service_pb2_grpc as agent_grpc
from seatbus.call.v1 import service_pb2 as call_pb
from seatbus.call.v1 import service_pb2_grpc as call_grpc
from seatbus.call.v1 import types_pb2 as call_types
from seatbus.common.v1 import types_pb2 as common
from seatbus.ivr.v1 import service_pb2 as ivr
from seatbus.ivr.v1 import service_pb2_grpc as ivr_grpc
from seatbus.ivr.v1 import types_pb2 as ivr_types
from seatbus.media.v1 import events_pb2 as media_events
from seatbus.media.v1 import service_pb2 as media
from seatbus.media.v1 import service_pb2_grpc as media_grpc
from seatbus.tenancy.v1 import types_pb2 as tenancy
from seatbus_kit.buckets import Bucket
from seatbus_kit.bus import Bus
from seatbus_kit.errors import SeatbusError
from seatbus_kit.ids import uuid7
from seatbus_kit.instances import Instances
from seatbus_kit.provision import ensure
from seatbus_kit.rpc import Channels, RpcServer, invoke
from seatbus_kit.settings import ServiceSettings
from seatbus_testkit.nats import NatsServer
from seatbus_testkit.platform import free_port_base

TENANT, EDGE = "load", "edge-under-load"
AGENTS = 2_000


def _settings(service: str, nats_url: str) -> ServiceSettings:
    class Made(ServiceSettings):
        pass

    Made.service = service
    return Made(nats_url=nats_url, instance_id=f"{service}-fake", grpc_port=0)


class _Media(media_grpc.MediaServicer):
    async def Execute(self, request: media.ExecuteRequest, context: Any) -> media.ExecuteResponse:
        answer = media.ExecuteResponse()
        for command in request.commands:
            made = answer.results.add()
            kind = command.WhichOneof("command")
            if kind in ("accept_offer", "make_offer"):
                made.sdp = SDP
            if kind in ("accept_offer", "accept_answer"):
                made.codec = "PCMU"
        return answer

    async def Watch(self, request: Any, context: Any) -> AsyncIterator[media_events.MediaEvent]:
        yield media_events.MediaEvent(hello=media_events.Hello(incarnation="fake"))
        await asyncio.Event().wait()

    async def ListSessions(self, request: Any, context: Any) -> media.ListSessionsResponse:
        return media.ListSessionsResponse()

    async def Confirm(self, request: Any, context: Any) -> media.ConfirmResponse:
        return media.ConfirmResponse()


class _Ivr(ivr_grpc.IvrServiceServicer):
    async def Begin(self, request: ivr.BeginRequest, context: Any) -> ivr.BeginResponse:
        step = ivr_types.Step(step_seq=1, node_id="q", enqueue=ivr_types.EnqueueAction(queue_id="sales"))
        return ivr.BeginResponse(step=step)

    async def End(self, request: ivr.EndRequest, context: Any) -> ivr.EndResponse:
        return ivr.EndResponse()


class _Acd(acd_grpc.AcdServiceServicer):
    def __init__(self, instances: Instances, channels: Channels) -> None:
        self._instances = instances
        self._channels = channels
        self._agents = itertools.cycle(range(AGENTS))
        self._stub: Any = None
        self._tasks: set[asyncio.Task[None]] = set()

    async def Enqueue(self, request: acd.EnqueueRequest, context: Any) -> acd.EnqueueResponse:
        task = asyncio.create_task(self._offer(request))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return acd.EnqueueResponse()

    async def _offer(self, request: acd.EnqueueRequest) -> None:
        if self._stub is None:
            found = self._instances.get(EDGE)
            assert found is not None
            self._stub = call_grpc.CallControlStub(self._channels.get(found.address))  # type: ignore[no-untyped-call]
        offer = call_pb.OfferAgentRequest(
            context=common.RequestContext(request_id=uuid7(), tenant_id=TENANT),
            call_id=request.call_id,
            contact_id=request.contact_id,
            rid=uuid7(),
            epoch=1,
            group="g",
            agent_tenant_id=TENANT,
            agent_id=f"a{next(self._agents)}",
            ring_timeout_s=20,
            queue_id="sales",
        )
        try:
            await invoke(self._stub.OfferAgent, offer, 5.0)
        except SeatbusError as error:
            # The caller has hung up before the offer came: on a machine that is busy otherwise.
            print(f"offer refused: {error}", file=sys.stderr)

    async def Cancel(self, request: acd.CancelRequest, context: Any) -> acd.CancelResponse:
        return acd.CancelResponse()

    async def ReportOffer(self, request: acd.ReportOfferRequest, context: Any) -> acd.ReportOfferResponse:
        return acd.ReportOfferResponse()


class _AgentState(agent_grpc.AgentStateServiceServicer):
    async def ReportWork(self, request: agent.ReportWorkRequest, context: Any) -> agent.AgentResponse:
        return agent.AgentResponse()


async def _peers(nats_url: str, ready: Event) -> None:
    bus = await Bus.connect(_settings("looking-on", nats_url))
    channels = Channels()
    watching = Instances(bus, _settings("looking-on", nats_url))
    await watching.start()
    held = []
    for service, adder, servicer in (
        ("media", media_grpc.add_MediaServicer_to_server, _Media()),
        ("ivr", ivr_grpc.add_IvrServiceServicer_to_server, _Ivr()),
        ("acd", acd_grpc.add_AcdServiceServicer_to_server, _Acd(watching, channels)),
        ("agent_state", agent_grpc.add_AgentStateServiceServicer_to_server, _AgentState()),
    ):
        settings = _settings(service, nats_url)
        rpc, instances = RpcServer(settings), Instances(bus, settings)
        rpc.add(adder, servicer)
        await rpc.start()
        await instances.start()
        await instances.announce(lambda: 0.0, address=rpc.address)
        held += [rpc, instances]
    ready.set()
    await asyncio.Event().wait()


def _run_peers(nats_url: str, ready: Event) -> None:
    import uvloop

    uvloop.run(_peers(nats_url, ready))


async def _configure(nats_url: str, callers: tuple[str, int], phones: tuple[str, int]) -> None:
    bus = await Bus.connect(_settings("configuring", nats_url))
    await ensure(bus)
    config, registrations = Bucket(bus, "config"), Bucket(bus, "registrations")

    async def put(kind: str, id: str, value: Any) -> None:
        made = tenancy.ConfigObject(tenant_id=TENANT, id=id, **{kind: value})
        await config.put(f"{TENANT}.{kind}.{id}", made.SerializeToString(), 0)

    await put("trunk", "carrier", tenancy.Trunk(name="c", source_addresses=[f"{callers[0]}:{callers[1]}"]))
    await put("number", "main", tenancy.Number(e164=NUMBER, flow_id="main"))
    await put("queue", "sales", tenancy.Queue(name="Sales", record=True))
    for number in range(AGENTS):
        name = f"a{number}"
        device = tenancy.Device(agent_id=name, kind=tenancy.DEVICE_KIND_SIP, username=f"{TENANT}-{name}")
        bound = call_types.Registration(
            username=device.username,
            tenant_id=TENANT,
            agent_id=name,
            device_id=f"{name}-phone",
            contact=f"sip:{device.username}@{phones[0]}:{phones[1]}",
            transport="udp",
            source=f"{phones[0]}:{phones[1]}",
            edge_instance=EDGE,
            q=1.0,
            call_id=name,
            cseq=1,
        )
        bound.expires_at.FromSeconds(int(time.time()) + 86_400)
        await asyncio.gather(
            put("agent", name, tenancy.Agent(name=name, extension=str(1000 + number))),
            put("device", f"{name}-phone", device),
            registrations.put(f"{device.username}.0", bound.SerializeToString(), 0),
        )
    await bus.close()


_HELD = re.compile(r'^seatbus_sip_held\{kind="(\w+)"\} (\S+)$', re.MULTILINE)


@dataclass
class Rig:
    """What a benchmark drives, and the edge that it looks at."""

    edge: psutil.Process
    callers: Callers
    journal: Path
    others: dict[str, psutil.Process]
    metrics_port: int
    nats_url: str

    def cpu_s(self) -> float:
        times = self.edge.cpu_times()
        return float(times.user + times.system)

    def others_cpu_s(self) -> dict[str, float]:
        """Of everybody else who takes part, and of the whole machine, strangers included."""
        spent = {name: sum(process.cpu_times()[:2]) for name, process in self.others.items()}
        whole = psutil.cpu_times()
        return {**spent, "machine": sum(whole) - whole.idle - whole.iowait}

    async def held(self) -> dict[str, int]:
        """What the edge holds: calls, dialogs, transactions (with METRICS_PORT)."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.metrics_port)
        writer.write(b"GET /metrics HTTP/1.1\r\nHost: edge\r\nConnection: close\r\n\r\n")
        text = (await reader.read(-1)).decode()
        writer.close()
        return {kind: int(float(count)) for kind, count in _HELD.findall(text)}

    async def run(self, rate: float, seconds: float) -> int:
        """Begins calls evenly; returns how many."""
        loop = asyncio.get_running_loop()
        began, made = loop.time(), 0
        while (now := loop.time() - began) < seconds:
            while made < now * rate:
                self.callers.dial()
                made += 1
            await asyncio.sleep(0.002)
        return made

    async def run_calls(self, count: int, rate: float, most: int) -> None:
        """Begins this many, at this rate where the machine lets it: no more than `most` are open at once."""
        loop = asyncio.get_running_loop()
        began, made = loop.time(), 0
        while made < count:
            due = min(count, int((loop.time() - began) * rate) + 1)
            while made < due and self.callers.open < most:
                self.callers.dial()
                made += 1
            await asyncio.sleep(0.002)

    async def settle(self, seconds: float = 15.0) -> int:
        """Waits for the ends; returns how many calls never ended."""
        deadline = time.monotonic() + seconds
        while self.callers.open and time.monotonic() < deadline:  # noqa: ASYNC110
            await asyncio.sleep(0.05)
        left = self.callers.open
        self.callers.forget()
        return left


def _profiler() -> list[str]:
    """With B2BUA_PROFILE=file the edge runs under cProfile (and costs about twice as much)."""
    target = os.environ.get("B2BUA_PROFILE")
    return ["-m", "cProfile", "-o", target] if target else []


@asynccontextmanager
async def rig(*, talk_s: float = 1.0, metrics: bool = False, **env: object) -> AsyncIterator[Rig]:
    """Everything started; the edge is a process of its own, as in production, with journal and fsync."""
    loop = asyncio.get_running_loop()
    port = free_port_base()
    with tempfile.TemporaryDirectory() as name, NatsServer.start(Path(name) / "nats") as nats:
        phones, _ = await loop.create_datagram_endpoint(Phones, local_addr=("127.0.0.1", 0))
        callers = Callers(("127.0.0.1", port), talk_s)
        trunk, _ = await loop.create_datagram_endpoint(lambda: callers, local_addr=("127.0.0.2", 0))
        sock: Any = phones.get_extra_info("sockname")
        await _configure(nats.url, trunk.get_extra_info("sockname"), (sock[0], sock[1]))
        context = multiprocessing.get_context("spawn")
        ready = context.Event()
        peers = context.Process(target=_run_peers, args=(nats.url, ready), daemon=True)
        peers.start()
        await asyncio.to_thread(ready.wait, 60)
        environment = {
            "NATS_URL": nats.url,
            "INSTANCE_ID": EDGE,
            "DATA_DIR": name,
            "SIP_PORT": port,
            "DIGEST_SECRET": "a secret of the benchmark",
            "LOG_LEVEL": "warning",
            "SIP_OVERLOAD_LAG_S": 10,
            "DRAIN_GRACE_S": 1,
            "SIP_SOURCE_RATE": 1_000_000,
            "SIP_SOURCE_BURST": 1_000_000,
            "METRICS_PORT": port + 1 if metrics else 0,
            **env,
        }
        edge = subprocess.Popen(
            [os.environ.get("B2BUA_PYTHON", sys.executable), *_profiler(), "-m", "seatbus_sip_edge"],
            env={**os.environ, **{f"SEATBUS_{key}": str(value) for key, value in environment.items()}},
        )
        try:
            others = {"NATS": nats.pid, "neighbours": peers.pid, "callers and phones": os.getpid()}
            made = Rig(
                psutil.Process(edge.pid),
                callers,
                Path(name) / EDGE / "journal",
                {who: psutil.Process(pid) for who, pid in others.items()},
                port + 1,
                nats.url,
            )
            deadline = time.monotonic() + 60
            while not callers.answered:
                if time.monotonic() > deadline:
                    raise TimeoutError("the edge takes no calls")
                callers.dial()
                await asyncio.sleep(1.0)
            await made.settle()
            yield made
        finally:
            edge.terminate()
            try:
                await asyncio.to_thread(edge.wait, 10)
            except subprocess.TimeoutExpired:
                edge.kill()
            peers.terminate()
            phones.close()
            trunk.close()
