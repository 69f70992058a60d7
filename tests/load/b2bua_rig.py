"""The edge as shipped, alone with NATS and cheap peers: media, ivr, acd and agent_state say yes over gRPC.

Callers and phones are two UDP sockets that fill in templates. A call: INVITE from a trunk, flow, queue, an
agent's phone rings and answers, talk, BYE; journal, events, records and media commands are the real ones.
"""

from __future__ import annotations

import asyncio
import itertools
import multiprocessing
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from multiprocessing.synchronize import Event
from pathlib import Path
from typing import Any

import psutil

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

TENANT, NUMBER, EDGE = "load", "550001", "edge-under-load"
AGENTS = 2_000
_SDP = (
    "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
    "m=audio 40000 RTP/AVP 0 8 101\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:8 PCMA/8000\r\n"
    "a=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\na=ptime:20\r\na=sendrecv\r\n"
)


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
                made.sdp = _SDP
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


def _header(text: str, name: str) -> str:
    at = text.find(f"\r\n{name}: ")
    return text[at + len(name) + 4 : text.find("\r\n", at + 2)] if at >= 0 else ""


_ECHO = ("Via", "Record-Route", "From", "Call-ID", "CSeq")


def _response(request: str, status: str, tag: str, contact: str = "", body: str = "") -> bytes:
    lines = [f"SIP/2.0 {status}"]
    head = request.partition("\r\n\r\n")[0].split("\r\n")
    lines += [line for line in head if line.partition(":")[0] in _ECHO]
    to = _header(request, "To")
    lines.append(f"To: {to}" if ";tag=" in to else f"To: {to};tag={tag}")
    if contact:
        lines += [f"Contact: <{contact}>", "Content-Type: application/sdp"]
    return ("\r\n".join([*lines, f"Content-Length: {len(body)}", "", ""]) + body).encode()


class _Phones(asyncio.DatagramProtocol):
    """Every agent's phone: rings, answers, hangs up when told."""

    transport: asyncio.DatagramTransport

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        self.contact = "sip:phone@{}:{}".format(*transport.get_extra_info("sockname"))

    def datagram_received(self, data: bytes, addr: Any) -> None:
        text = data.decode()
        if text.startswith("INVITE "):
            tag = _header(text, "Call-ID")[:12]
            self.transport.sendto(_response(text, "180 Ringing", tag), addr)
            self.transport.sendto(_response(text, "200 OK", tag, self.contact, _SDP), addr)
        elif text.startswith(("BYE ", "OPTIONS ", "CANCEL ")):
            self.transport.sendto(_response(text, "200 OK", "x"), addr)


class Callers(asyncio.DatagramProtocol):
    """The trunk: `dial` begins a call, which hangs up by itself after a while."""

    transport: asyncio.DatagramTransport

    def __init__(self, edge: tuple[str, int], talk_s: float) -> None:
        self.edge = edge
        self.talk_s = talk_s
        self.answered = self.ended = self.failed = 0
        self._state: dict[str, str] = {}
        self._numbers = itertools.count(1)

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        self.local = "{}:{}".format(*transport.get_extra_info("sockname"))

    @property
    def open(self) -> int:
        return len(self._state)

    def dial(self) -> None:
        number = next(self._numbers)
        call_id = f"call{number}x{os.getpid()}"
        self._state[call_id] = "dialled"
        host = f"{self.edge[0]}:{self.edge[1]}"
        head = (
            f"INVITE sip:{NUMBER}@{host} SIP/2.0\r\n"
            f"Via: SIP/2.0/UDP {self.local};branch=z9hG4bK{call_id};rport\r\n"
            f"Max-Forwards: 70\r\nFrom: <sip:+4930{number}@{self.local}>;tag=f{number}\r\n"
            f"To: <sip:{NUMBER}@{host}>\r\nCall-ID: {call_id}\r\nCSeq: 1 INVITE\r\n"
            f"Contact: <sip:trunk@{self.local}>\r\nAllow: INVITE, ACK, CANCEL, BYE, OPTIONS\r\n"
            f"Content-Type: application/sdp\r\nContent-Length: {len(_SDP)}\r\n\r\n"
        )
        self.transport.sendto((head + _SDP).encode(), self.edge)

    def datagram_received(self, data: bytes, addr: Any) -> None:
        text = data.decode()
        call_id = _header(text, "Call-ID")
        if not text.startswith("SIP/2.0 "):
            if text.startswith(("BYE ", "OPTIONS ")):
                self.transport.sendto(_response(text, "200 OK", "x"), addr)
            return
        state, status, method = self._state.get(call_id), int(text[8:11]), _header(text, "CSeq")
        if state is None or status < 200:
            return
        if method == "2 BYE":
            self.ended += 1
            del self._state[call_id]
        elif status >= 300:
            self.failed += 1
            self._within("ACK", text, 1)
            del self._state[call_id]
        elif state == "dialled":
            self._state[call_id] = "answered"
            self.answered += 1
            self._within("ACK", text, 1)
            asyncio.get_running_loop().call_later(self.talk_s, self._within, "BYE", text, 2)

    def _within(self, method: str, text: str, number: int) -> None:
        target = _header(text, "Contact").partition(">")[0].lstrip("<") or f"sip:{NUMBER}@{self.edge[0]}"
        branch = f"z9hG4bK{method}{_header(text, 'Call-ID')}"
        message = (
            f"{method} {target} SIP/2.0\r\nVia: SIP/2.0/UDP {self.local};branch={branch};rport\r\n"
            f"Max-Forwards: 70\r\nFrom: {_header(text, 'From')}\r\nTo: {_header(text, 'To')}\r\n"
            f"Call-ID: {_header(text, 'Call-ID')}\r\nCSeq: {number} {method}\r\nContent-Length: 0\r\n\r\n"
        )
        self.transport.sendto(message.encode(), self.edge)


@dataclass
class Rig:
    """What a benchmark drives, and the edge that it looks at."""

    edge: psutil.Process
    callers: Callers
    journal: Path
    unanswered: list[int] = field(default_factory=list)

    def cpu_s(self) -> float:
        times = self.edge.cpu_times()
        return float(times.user + times.system)

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

    async def settle(self, seconds: float = 15.0) -> int:
        """Waits for the ends; returns how many calls never ended."""
        deadline = time.monotonic() + seconds
        while self.callers.open and time.monotonic() < deadline:  # noqa: ASYNC110
            await asyncio.sleep(0.05)
        left = self.callers.open
        self.callers._state.clear()
        return left


def _profiler() -> list[str]:
    """With B2BUA_PROFILE=file the edge runs under cProfile (and costs about twice as much)."""
    target = os.environ.get("B2BUA_PROFILE")
    return ["-m", "cProfile", "-o", target] if target else []


@asynccontextmanager
async def rig(*, talk_s: float = 1.0, **env: object) -> AsyncIterator[Rig]:
    """Everything started; the edge is a process of its own, as in production, with journal and fsync."""
    loop = asyncio.get_running_loop()
    port = free_port_base()
    with tempfile.TemporaryDirectory() as name, NatsServer.start(Path(name) / "nats") as nats:
        phones, _ = await loop.create_datagram_endpoint(_Phones, local_addr=("127.0.0.1", 0))
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
            **env,
        }
        edge = subprocess.Popen(
            [sys.executable, *_profiler(), "-m", "seatbus_sip_edge"],
            env={**os.environ, **{f"SEATBUS_{key}": str(value) for key, value in environment.items()}},
        )
        try:
            made = Rig(psutil.Process(edge.pid), callers, Path(name) / EDGE / "journal")
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
