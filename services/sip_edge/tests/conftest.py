"""A sip_edge with real sockets, a real bus and real gRPC, among neighbours that follow a script."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any, ClassVar

import pytest

from seatbus.acd.v1 import service_pb2 as acd
from seatbus.acd.v1 import service_pb2_grpc as acd_grpc
from seatbus.agent.v1 import service_pb2 as agent
from seatbus.agent.v1 import service_pb2_grpc as agent_grpc
from seatbus.call.v1 import service_pb2 as call_pb
from seatbus.call.v1 import service_pb2_grpc as call_grpc
from seatbus.common.v1 import types_pb2 as common
from seatbus.ivr.v1 import service_pb2 as ivr
from seatbus.ivr.v1 import service_pb2_grpc as ivr_grpc
from seatbus.ivr.v1 import types_pb2 as ivr_types
from seatbus.media.v1 import events_pb2 as media_events
from seatbus.media.v1 import service_pb2 as media
from seatbus.media.v1 import service_pb2_grpc as media_grpc
from seatbus.media.v1 import types_pb2 as media_types
from seatbus.tenancy.v1 import types_pb2 as tenancy
from seatbus_kit.buckets import Bucket
from seatbus_kit.burst import read_events
from seatbus_kit.bus import Bus
from seatbus_kit.errors import ResourceExhausted
from seatbus_kit.events import Delivery, InEvent
from seatbus_kit.ids import uuid7
from seatbus_kit.instances import Instances
from seatbus_kit.provision import ensure
from seatbus_kit.rpc import Channels, RpcServer, invoke
from seatbus_kit.runtime import close_runtime, open_runtime
from seatbus_kit.settings import ServiceSettings
from seatbus_sip import ha1
from seatbus_sip.sdp import build_answer, build_offer, parse_sdp
from seatbus_sip_edge.bootstrap import SipEdge, bootstrap
from seatbus_sip_edge.settings import Settings
from seatbus_testkit.eventually import eventually
from seatbus_testkit.nats import NatsServer
from seatbus_testkit.phone import Phone

REALM = "seatbus"
SECRET = "a secret of the tests"
_DISCARD = ("127.0.0.1", 9)


class FakeMedia(media_grpc.MediaServicer):
    """Answers offers, remembers commands, and lets the test say what was heard."""

    def __init__(self) -> None:
        self.incarnation = uuid7()
        self.commands: list[tuple[str, media.Command]] = []
        self.sessions: dict[str, list[str]] = {}
        self.watchers: list[asyncio.Queue[media_events.MediaEvent]] = []
        self.hold_accept = asyncio.Event()
        self.hold_accept.set()
        self.hold_offer = asyncio.Event()
        self.hold_offer.set()
        self.results: dict[str, media.ExecuteResponse] = {}
        # Packets that come from every endpoint between two looks.
        self.pace = 0
        self.heard = 0
        self.refuse: dict[str, Exception] = {}
        # Kinds of phones that nothing is offered beside another one.
        self.without: set[str] = set()

    def names(self, call_id: str = "") -> list[str]:
        return [
            command.WhichOneof("command") or "" for owner, command in self.commands if call_id in ("", owner)
        ]

    def last(self, name: str, call_id: str = "") -> Any:
        """Of one call: an edge may have taken over calls that another test has left."""
        for owner, command in reversed(self.commands):
            if command.WhichOneof("command") == name and call_id in ("", owner):
                return getattr(command, name)
        raise AssertionError(f"no {name} among {self.names(call_id)}")

    async def Execute(self, request: media.ExecuteRequest, context: Any) -> media.ExecuteResponse:
        known = self.results.get(request.context.request_id)
        if known is not None:
            return known
        answer = media.ExecuteResponse()
        for command in request.commands:
            name = command.WhichOneof("command") or ""
            if name in self.refuse:
                raise self.refuse[name]
            self.commands.append((request.session_id, command))
            answer.results.append(await self._one(request.session_id, name, command))
        self.results[request.context.request_id] = answer
        return answer

    async def _one(self, session_id: str, name: str, command: media.Command) -> media.Result:
        endpoints = self.sessions.setdefault(session_id, [])
        if name == "accept_offer":
            await self.hold_accept.wait()
            answer, agreed = build_answer(parse_sdp(command.accept_offer.sdp), _DISCARD, session_id=1)
            endpoints.append(command.accept_offer.endpoint_id)
            return media.Result(sdp=str(answer), codec=agreed.send.name)
        if name == "make_offer":
            if command.make_offer.alternative in self.without:
                raise ResourceExhausted("no port is left")
            await self.hold_offer.wait()
            endpoints.append(command.make_offer.endpoint_id)
            # Whom it is for can be told by the version in o=.
            offer = str(build_offer(_DISCARD, session_id=2, version=command.make_offer.kind))
            browsers = command.make_offer.kind == media_types.ENDPOINT_KIND_WEBRTC
            return media.Result(sdp=offer + ("a=fingerprint:sha-256 00\r\n" if browsers else ""))
        if name == "accept_answer":
            return media.Result(codec="PCMU")
        if name == "end_session":
            result = media.Result()
            for endpoint_id in dict.fromkeys(self.sessions.pop(session_id, [])):
                info = result.endpoints.add(endpoint_id=endpoint_id)
                info.statistics.packets_received, info.statistics.mos = 50, 4.3
            return result
        return media.Result()

    async def Watch(self, request: Any, context: Any) -> AsyncIterator[media_events.MediaEvent]:
        queue: asyncio.Queue[media_events.MediaEvent] = asyncio.Queue()
        self.watchers.append(queue)
        try:
            yield media_events.MediaEvent(hello=media_events.Hello(incarnation=self.incarnation))
            while True:
                yield await queue.get()
        finally:
            self.watchers.remove(queue)

    async def ListSessions(self, request: Any, context: Any) -> media.ListSessionsResponse:
        return media.ListSessionsResponse(
            sessions=[media.GetSessionResponse(session_id=name, tenant_id="t") for name in self.sessions]
        )

    async def GetSession(self, request: media.GetSessionRequest, context: Any) -> media.GetSessionResponse:
        self.heard += self.pace
        answer = media.GetSessionResponse(session_id=request.session_id)
        for endpoint_id in self.sessions.get(request.session_id, []):
            info = answer.endpoints.add(endpoint_id=endpoint_id)
            info.statistics.packets_received = self.heard
        return answer

    async def Confirm(self, request: media.ConfirmRequest, context: Any) -> media.ConfirmResponse:
        return media.ConfirmResponse()

    def say(self, event: media_events.MediaEvent) -> None:
        for queue in self.watchers:
            queue.put_nowait(event)

    def played(self, session_id: str, reason: str = "completed") -> None:
        play = self.last("play", session_id)
        self.say(
            media_events.MediaEvent(
                session_id=session_id,
                play_finished=media_events.PlayFinished(play_id=play.play_id, reason=reason),
            )
        )

    def collected(self, session_id: str, digits: str) -> None:
        collect = self.last("collect", session_id)
        self.say(
            media_events.MediaEvent(
                session_id=session_id,
                collect_finished=media_events.CollectFinished(
                    collect_id=collect.collect_id, digits=digits, reason="max_digits" if digits else "timeout"
                ),
            )
        )


class FakeIvr(ivr_grpc.IvrServiceServicer):
    """Gives the steps of `script`, one after the other; `outcomes` is what it heard."""

    def __init__(self) -> None:
        self.script: list[ivr_types.Step] = []
        self.outcomes: list[ivr_types.Outcome] = []
        self.ended: list[str] = []
        self._at: dict[str, int] = {}

    def _step(self, call_id: str, number: int) -> ivr_types.Step:
        self._at[call_id] = number
        step = ivr_types.Step()
        step.CopyFrom(self.script[min(number, len(self.script)) - 1])
        step.step_seq, step.node_id = number, f"node-{number}"
        return step

    async def Begin(self, request: ivr.BeginRequest, context: Any) -> ivr.BeginResponse:
        return ivr.BeginResponse(step=self._step(request.call_id, self._at.get(request.call_id, 1)))

    async def Advance(self, request: ivr.AdvanceRequest, context: Any) -> ivr.AdvanceResponse:
        if request.step_seq == self._at[request.call_id]:
            self.outcomes.append(request.outcome)
            return ivr.AdvanceResponse(step=self._step(request.call_id, request.step_seq + 1))
        return ivr.AdvanceResponse(step=self._step(request.call_id, self._at[request.call_id]))

    async def End(self, request: ivr.EndRequest, context: Any) -> ivr.EndResponse:
        self.ended.append(request.call_id)
        return ivr.EndResponse()


class FakeAcd(acd_grpc.AcdServiceServicer):
    def __init__(self, told: list[str]) -> None:
        self.told = told
        self.enqueued: list[acd.EnqueueRequest] = []
        self.offers: list[acd.ReportOfferRequest] = []
        self.cancelled: list[acd.CancelRequest] = []
        self.refuse: dict[str, Exception] = {}

    async def Enqueue(self, request: acd.EnqueueRequest, context: Any) -> acd.EnqueueResponse:
        if "Enqueue" in self.refuse:
            raise self.refuse["Enqueue"]
        self.enqueued.append(request)
        return acd.EnqueueResponse(position=1)

    async def Cancel(self, request: acd.CancelRequest, context: Any) -> acd.CancelResponse:
        self.told.append("cancel")
        self.cancelled.append(request)
        return acd.CancelResponse()

    async def ReportOffer(self, request: acd.ReportOfferRequest, context: Any) -> acd.ReportOfferResponse:
        if "ReportOffer" in self.refuse:
            raise self.refuse["ReportOffer"]
        self.told.append("offer " + acd.OfferOutcome.Name(request.outcome)[14:].lower())
        self.offers.append(request)
        return acd.ReportOfferResponse()


class FakeAgentState(agent_grpc.AgentStateServiceServicer):
    def __init__(self, told: list[str]) -> None:
        self.told = told
        self.work: list[agent.ReportWorkRequest] = []
        self.devices: list[agent.ReportDeviceRequest] = []
        self.refuse: dict[int, Exception] = {}
        self.hold: dict[int, asyncio.Event] = {}
        self.begun: list[agent.BeginWorkRequest] = []
        self.not_begun: Exception | None = None
        self.seat_id = ""

    async def BeginWork(self, request: agent.BeginWorkRequest, context: Any) -> agent.ReserveResponse:
        if self.not_begun is not None:
            raise self.not_begun
        self.begun.append(request)
        return agent.ReserveResponse()

    async def GetAgent(self, request: agent.GetAgentRequest, context: Any) -> agent.AgentResponse:
        answer = agent.AgentResponse()
        answer.agent.agent_id, answer.agent.seat_id = request.agent_id, self.seat_id
        return answer

    async def ReportDevice(self, request: agent.ReportDeviceRequest, context: Any) -> agent.AgentResponse:
        self.devices.append(request)
        return agent.AgentResponse()

    async def ReportWork(self, request: agent.ReportWorkRequest, context: Any) -> agent.AgentResponse:
        if request.event in self.refuse:
            raise self.refuse[request.event]
        if request.event in self.hold:
            await self.hold[request.event].wait()
        self.told.append("work " + agent.WorkEvent.Name(request.event)[11:].lower())
        self.work.append(request)
        return agent.AgentResponse()


def _settings_of(service: str) -> type[ServiceSettings]:
    class Made(ServiceSettings):
        pass

    Made.service = service
    return Made


class Neighbour:
    """A fake service that announces itself as a real one does."""

    def __init__(
        self, service: str, adder: Any, servicer: Any, bus: Bus, port: int = 0, name: str = ""
    ) -> None:
        self.settings = _settings_of(service)(instance_id=name or f"{service}-fake", grpc_port=port)
        self.rpc = RpcServer(self.settings)
        self.rpc.add(adder, servicer)
        self.instances = Instances(bus, self.settings)

    async def start(self, load: float = 0.0, **attributes: str) -> Neighbour:
        await self.rpc.start()
        await self.instances.start()
        await self.instances.announce(lambda: load, address=self.rpc.address, attributes=attributes)
        return self

    async def stop(self) -> None:
        await self.rpc.stop(0)
        await self.instances.stop()


class World:
    """One tenant with a trunk, a number, a queue and an agent; `told` is the order of all reports."""

    QUEUE: ClassVar[str] = "sales"
    NUMBER: ClassVar[str] = "55"

    def __init__(self, nats_url: str, directory: Path) -> None:
        self.nats_url = nats_url
        self.directory = directory
        suffix = uuid7()[-10:]
        self.tenant = f"t{suffix}"
        self.number = f"55{int(suffix, 16) % 10**9:09d}"
        self.username = f"{self.tenant}-1001"
        self.told: list[str] = []
        self.media, self.ivr = FakeMedia(), FakeIvr()
        self.acd, self.agents = FakeAcd(self.told), FakeAgentState(self.told)
        self.neighbours: dict[str, Neighbour] = {}
        self.events: list[InEvent] = []
        self.channels = Channels()
        self.phones: list[Phone] = []
        self.app: SipEdge | None = None
        self.runtime: Any = None
        self.process: asyncio.subprocess.Process | None = None
        self.instance_id = f"edge-{suffix}"
        self.sip: tuple[str, int] = ("127.0.0.1", 0)
        self.bus: Bus
        self.control: Any = None

    # ---- platform ---------------------------------------------------------------------------------------
    async def open(self) -> None:
        self.bus = await Bus.connect(ServiceSettings(nats_url=self.nats_url, instance_id="world"))
        await ensure(self.bus)
        await self.bus.nc.subscribe(f"sb.{self.tenant}.call.>", cb=self._heard)
        await self.neighbour("media", media_grpc.add_MediaServicer_to_server, self.media)
        await self.neighbour("ivr", ivr_grpc.add_IvrServiceServicer_to_server, self.ivr)
        await self.neighbour("acd", acd_grpc.add_AcdServiceServicer_to_server, self.acd)
        await self.neighbour("agent_state", agent_grpc.add_AgentStateServiceServicer_to_server, self.agents)

    async def neighbour(self, service: str, adder: Any, servicer: Any) -> None:
        self.neighbours[service] = await Neighbour(service, adder, servicer, self.bus).start()

    async def _heard(self, msg: Any) -> None:
        delivery = Delivery("CALL", "", 1, 0, 0, 0, 0)
        self.events += read_events(msg.subject, msg.data, msg.headers, delivery)

    def env(self, **more: object) -> dict[str, object]:
        return {
            "nats_url": self.nats_url,
            "instance_id": self.instance_id,
            "data_dir": self.directory,
            "sip_port": 0,
            "digest_secret": SECRET,
            "no_ivr_timeout_s": 3.0,
            "registration_min_s": 1,
            # Phones and edges share one loop here.
            "sip_overload_lag_s": 10,
            **more,
        }

    async def start_edge(self, **more: Any) -> None:
        """The edge in this process."""
        self.runtime = await open_runtime(Settings(**self.env(**more)))
        self.app = await bootstrap(self.runtime)
        await self.runtime.rpc.start()
        await self.app.start()
        await self.runtime.instances.announce(
            self.app.load, address=self.runtime.rpc.address, attributes=self.runtime.attributes
        )
        self._connect(self.runtime.attributes["sip"], self.runtime.rpc.address)

    def _connect(self, sip: str, address: str) -> None:
        host, _, port = sip.rpartition(":")
        self.sip = (host, int(port))
        self.control = call_grpc.CallControlStub(self.channels.get(address))

    async def start_process(self) -> None:
        """The edge as a process of its own."""
        environment = {f"SEATBUS_{name.upper()}": str(value) for name, value in self.env().items()}
        if self.sip[1]:
            environment["SEATBUS_SIP_PORT"] = str(self.sip[1])
        self.process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "seatbus_sip_edge", env={**os.environ, **environment}
        )
        pid_before = getattr(self, "_incarnation", "")

        def up() -> bool:
            found = self.neighbours["ivr"].instances.get(self.instance_id)
            if found is None or found.incarnation == pid_before:
                return False
            self._incarnation = found.incarnation
            self._connect(found.attributes["sip"], found.address)
            return True

        await eventually(up, 15.0)

    def kill(self) -> None:
        assert self.process is not None
        self.process.send_signal(signal.SIGKILL)

    async def stop_edge(self) -> None:
        if self.app is not None:
            await self.app.stop()
            await close_runtime(self.runtime)
            self.app = None

    async def close(self) -> None:
        for phone in self.phones:
            phone.vanish()
        if self.process is not None and self.process.returncode is None:
            self.process.kill()
            await self.process.wait()
        await self.stop_edge()
        for neighbour in self.neighbours.values():
            await neighbour.stop()
        await self.channels.close()
        # Another test's phone may get the port that a trunk of this one has named.
        bucket = Bucket(self.bus, "config")
        for key in await bucket.keys(f"{self.tenant}.trunk"):
            entry = await bucket.get(key)
            if entry is not None:
                await bucket.purge(key, entry.revision)
        await self.bus.close()

    # ---- configuration ----------------------------------------------------------------------------------
    async def put(self, kind: str, id: str, value: Any) -> None:
        bucket = Bucket(self.bus, "config")
        made = tenancy.ConfigObject(tenant_id=self.tenant, id=id, **{kind: value})
        key = f"{self.tenant}.{kind}.{id}"
        entry = await bucket.read(key)
        await bucket.put(key, made.SerializeToString(), entry.revision if entry is not None else 0)

    async def configure(self, caller: Phone, **number: Any) -> None:
        host, port = caller.address
        await self.put("trunk", "carrier", tenancy.Trunk(name="c", source_addresses=[f"{host}:{port}"]))
        fields = {"flow_id": "main", **number}
        await self.put("number", "main", tenancy.Number(e164=self.number, **fields))
        await self.put("queue", self.QUEUE, tenancy.Queue(name="Sales", record=True))
        await self.put("agent", "anna", tenancy.Agent(name="Anna", extension="1001"))
        await self.put(
            "device",
            "anna-phone",
            tenancy.Device(
                agent_id="anna",
                kind=tenancy.DEVICE_KIND_SIP,
                username=self.username,
                ha1_md5=ha1("MD5", self.username, REALM, "pw"),
                ha1_sha256=ha1("SHA-256", self.username, REALM, "pw"),
            ),
        )
        if self.app is not None:
            view = self.app.edge.config
            await eventually(
                lambda: (
                    view.number(self.number)
                    and view.device_by_username(self.username)
                    and view.trunk_by_source(host, port)
                )
            )

    # ---- phones -----------------------------------------------------------------------------------------
    async def phone(self, **options: Any) -> Phone:
        phone = await Phone.start(self.sip, **options)
        self.phones.append(phone)
        return phone

    async def agent_phone(self) -> Phone:
        phone = await self.phone(username=self.username, password="pw")
        await phone.register()
        return phone

    # ---- what acd and the others do ---------------------------------------------------------------------
    def context(self, request_id: str = "") -> common.RequestContext:
        return common.RequestContext(request_id=request_id or uuid7(), tenant_id=self.tenant)

    async def ask(self, method: str, request: Any) -> Any:
        return await invoke(getattr(self.control, method), request, 3.0)

    async def offer(self, rid: str = "", *, epoch: int = 1, ring_timeout_s: int = 5) -> str:
        contact = self.acd.enqueued[-1]
        rid = rid or uuid7()
        await self.ask(
            "OfferAgent",
            call_pb.OfferAgentRequest(
                context=self.context(),
                call_id=contact.call_id,
                contact_id=contact.contact_id,
                rid=rid,
                epoch=epoch,
                group="g",
                agent_tenant_id=self.tenant,
                agent_id="anna",
                ring_timeout_s=ring_timeout_s,
                queue_id=self.QUEUE,
            ),
        )
        return rid

    def script(self, *steps: ivr_types.Step) -> None:
        self.ivr.script = list(steps)

    # ---- what came out ----------------------------------------------------------------------------------
    def types(self) -> list[str]:
        return [event.type_name.rpartition(".")[2] for event in sorted(self.events, key=lambda e: e.seq)]

    def last(self, name: str) -> Any:
        found = [event for event in self.events if event.type_name.endswith(f".{name}")]
        assert found, f"no {name} among {self.types()}"
        return found[-1].decode()

    async def ended(self, seconds: float = 20.0) -> Any:
        await eventually(lambda: "CallEnded" in self.types(), seconds)
        return self.last("CallEnded")

    async def until(self, condition: Callable[[], object | Awaitable[object]], seconds: float = 20.0) -> None:
        await eventually(condition, seconds)


def play(text: str = "welcome") -> ivr_types.Step:
    return ivr_types.Step(play=ivr_types.PlayAction(audio=[ivr_types.Audio(text=text)]))


def collect(secret: bool = False) -> ivr_types.Step:
    return ivr_types.Step(
        collect=ivr_types.CollectAction(
            audio=[ivr_types.Audio(text="press one")], max_digits=1, timeout_ms=3000, secret=secret
        )
    )


def enqueue(queue_id: str = World.QUEUE) -> ivr_types.Step:
    return ivr_types.Step(enqueue=ivr_types.EnqueueAction(queue_id=queue_id))


def hang_up() -> ivr_types.Step:
    return ivr_types.Step(hang_up=ivr_types.HangUpAction())


class Steps:
    play = staticmethod(play)
    collect = staticmethod(collect)
    enqueue = staticmethod(enqueue)
    hang_up = staticmethod(hang_up)


@pytest.fixture
def steps() -> type[Steps]:
    return Steps


@pytest.fixture
async def empty_world(nats_server: NatsServer, tmp_path: Path) -> AsyncIterator[World]:
    """Neighbours and bus; the test starts the edge."""
    made = World(nats_server.url, tmp_path)
    await made.open()
    yield made
    await made.close()


@pytest.fixture
async def world(empty_world: World) -> World:
    await empty_world.start_edge()
    return empty_world
