"""The gateway in this process on a real NATS server; its neighbours are scripted gRPC services."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import pytest

from seatbus.acd.v1 import service_pb2 as acd_rpc
from seatbus.acd.v1 import service_pb2_grpc as acd_grpc
from seatbus.acd.v1 import types_pb2 as acd_types
from seatbus.agent.v1 import service_pb2 as agent_rpc
from seatbus.agent.v1 import service_pb2_grpc as agent_grpc
from seatbus.agent.v1 import types_pb2 as agent_types
from seatbus.call.v1 import service_pb2 as call_rpc
from seatbus.call.v1 import service_pb2_grpc as call_grpc
from seatbus.call.v1 import types_pb2 as call_types
from seatbus.recording.v1 import service_pb2 as recording_rpc
from seatbus.recording.v1 import service_pb2_grpc as recording_grpc
from seatbus.reporting.v1 import service_pb2 as report_rpc
from seatbus.reporting.v1 import service_pb2_grpc as report_grpc
from seatbus.tenancy.v1 import service_pb2 as tenancy_rpc
from seatbus.tenancy.v1 import service_pb2_grpc as tenancy_grpc
from seatbus_gateway.bootstrap import Gateway
from seatbus_gateway.settings import Settings
from seatbus_kit.errors import AlreadyExists, Conflict, InvalidArgument, NotFound, Refused, ResourceExhausted
from seatbus_kit.instances import Instances
from seatbus_kit.rpc import RpcServer
from seatbus_kit.runtime import close_runtime, open_runtime
from seatbus_kit.settings import ServiceSettings
from seatbus_testkit.nats import NatsServer


class Tenancy(tenancy_grpc.TenancyServiceServicer):
    """Keeps objects in memory; some ids are refused in a known way."""

    def __init__(self) -> None:
        self.objects: dict[tuple[str, str, str], Any] = {}
        self.asked: list[Any] = []

    async def Apply(self, request: Any, _context: Any) -> Any:
        self.asked.append(request)
        errors = {
            "taken": AlreadyExists("it is there", field="id", rule="unique"),
            "stale": Conflict("version 3 is current", revision=3),
            "dangling": InvalidArgument("no flow x", field="number.flow_id", rule="exists"),
            "busy": ResourceExhausted("too many"),
            "refused": Refused("suspended", "the tenant is suspended"),
        }
        for item in request.upserts:
            if item.id in errors:
                raise errors[item.id]
        for item in request.upserts:
            self.objects[item.tenant_id, item.WhichOneof("object"), item.id] = item
        for ref in request.deletes:
            self.objects.pop((request.context.tenant_id, ref.kind, ref.id), None)
        return tenancy_rpc.ApplyResponse(version=7, objects=request.upserts)

    async def Get(self, request: Any, _context: Any) -> Any:
        found = self.objects.get((request.tenant_id, request.ref.kind, request.ref.id))
        if found is None:
            raise NotFound(f"no {request.ref.kind} {request.ref.id}")
        return tenancy_rpc.GetResponse(object=found)

    async def List(self, request: Any, _context: Any) -> Any:
        keep = [o for (t, k, _), o in self.objects.items() if t == request.tenant_id and k == request.kind]
        return tenancy_rpc.ListResponse(objects=keep, version=7)


class Agents(agent_grpc.AgentStateServiceServicer):
    """Of everybody the same: `work`."""

    def __init__(self) -> None:
        self.work: list[agent_types.WorkItem] = []
        self.reported: list[Any] = []

    async def SetPresence(self, request: Any, _context: Any) -> Any:
        if request.agent_id == "nobody":
            raise NotFound("no agent nobody", field="agent_id")
        state = agent_types.AgentState(
            tenant_id=request.context.tenant_id, agent_id=request.agent_id, presence=request.presence,
            reason=request.reason,
        )  # fmt: skip
        return agent_rpc.AgentResponse(agent=state)

    async def GetAgent(self, request: Any, _context: Any) -> Any:
        state = agent_types.AgentState(tenant_id=request.tenant_id, agent_id=request.agent_id, work=self.work)
        return agent_rpc.AgentResponse(agent=state)

    async def ReportWork(self, request: Any, _context: Any) -> Any:
        self.reported.append(request)
        return agent_rpc.AgentResponse(agent=agent_types.AgentState())


class Edge(call_grpc.CallControlServicer):
    def __init__(self, call: Any) -> None:
        self.call = call
        self.hung_up: list[str] = []
        self.asked: list[Any] = []

    async def ListCalls(self, request: Any, _context: Any) -> Any:
        return call_rpc.ListCallsResponse(calls=[self.call])

    async def GetCall(self, request: Any, _context: Any) -> Any:
        if request.call_id != self.call.call_id:
            raise NotFound("not mine")
        return call_rpc.GetCallResponse(call=self.call)

    async def HangUp(self, request: Any, _context: Any) -> Any:
        self.hung_up.append(request.call_id)
        return call_rpc.HangUpResponse()

    async def _take(self, request: Any, answer: Any) -> Any:
        self.asked.append(request)
        return answer

    async def Hold(self, request: Any, _context: Any) -> Any:
        return await self._take(request, call_rpc.HoldResponse())

    async def Transfer(self, request: Any, _context: Any) -> Any:
        return await self._take(request, call_rpc.TransferResponse())

    async def StartConsult(self, request: Any, _context: Any) -> Any:
        return await self._take(request, call_rpc.StartConsultResponse(leg_id="leg"))

    async def CompleteConsult(self, request: Any, _context: Any) -> Any:
        return await self._take(request, call_rpc.CompleteConsultResponse())

    async def Park(self, request: Any, _context: Any) -> Any:
        self.call.park_slot = "701"
        return await self._take(request, call_rpc.ParkResponse(slot="701"))

    async def PickUp(self, request: Any, _context: Any) -> Any:
        return await self._take(request, call_rpc.PickUpResponse())

    async def Supervise(self, request: Any, _context: Any) -> Any:
        return await self._take(request, call_rpc.SuperviseResponse())

    async def ControlRecording(self, request: Any, _context: Any) -> Any:
        return await self._take(request, call_rpc.ControlRecordingResponse())


class Acd(acd_grpc.AcdServiceServicer):
    """Answers what it is asked for, and keeps the questions."""

    def __init__(self) -> None:
        self.asked: list[Any] = []

    def _take(self, request: Any, answer: Any) -> Any:
        self.asked.append(request)
        return answer

    async def Explain(self, request: Any, _context: Any) -> Any:
        decision = acd_types.Decision(rule="capped", candidates=2, step="step 1")
        return self._take(request, acd_rpc.ExplainResponse(decisions=[decision], position=3))

    async def Requeue(self, request: Any, _context: Any) -> Any:
        return self._take(request, acd_rpc.RequeueResponse(position=1))

    async def Move(self, request: Any, _context: Any) -> Any:
        raise Refused("not_waiting", "the contact does not wait")

    async def Prioritise(self, request: Any, _context: Any) -> Any:
        return self._take(request, acd_rpc.PrioritiseResponse(position=request.priority))

    async def Pull(self, request: Any, _context: Any) -> Any:
        return self._take(request, acd_rpc.PullResponse(rid="r1"))

    async def Preview(self, request: Any, _context: Any) -> Any:
        shown = acd_types.WaitingContact(contact_id="c1", position=1, caller="+86139")
        return self._take(request, acd_rpc.PreviewResponse(waiting=[shown]))

    async def Enqueue(self, request: Any, _context: Any) -> Any:
        return self._take(request, acd_rpc.EnqueueResponse(position=2, estimated_wait_s=30))

    async def Cancel(self, request: Any, _context: Any) -> Any:
        return self._take(request, acd_rpc.CancelResponse(outcome=request.outcome))

    async def ReportOffer(self, request: Any, _context: Any) -> Any:
        if request.outcome == acd_rpc.OFFER_OUTCOME_BUSY:
            raise Refused("not_current_offer", "the visit has ended")
        return self._take(request, acd_rpc.ReportOfferResponse())

    async def WatchContacts(self, request: Any, _context: Any) -> Any:
        self.asked.append(request)
        shown = acd_types.ContactStatus(contact_id="c1", channel="chat", state="CONTACT_STATE_OFFERED")
        shown.offered.add(rid="r1", agent_id="ann")
        yield acd_rpc.ContactsUpdate(snapshot=True, contacts=[shown])
        shown.state = acd_types.CONTACT_STATE_ENDED
        shown.outcome = acd_types.VISIT_OUTCOME_ANSWERED
        yield acd_rpc.ContactsUpdate(ended=[shown])
        raise ResourceExhausted("64 streams of contacts are open")

    async def ListCallbacks(self, request: Any, _context: Any) -> Any:
        entry = acd_types.CallbackEntry(contact_id="c1", callback=acd_types.Callback(number="+4930"))
        return self._take(request, acd_rpc.ListCallbacksResponse(callbacks=[entry], next_cursor="c1"))

    async def SetQueueMode(self, request: Any, _context: Any) -> Any:
        return self._take(request, acd_rpc.SetQueueModeResponse())

    async def Snapshot(self, request: Any, _context: Any) -> Any:
        queue = acd_types.QueueSnapshot(tenant_id=request.tenant_id, queue_id="sales", waiting=4)
        return acd_rpc.SnapshotResponse(queues=[queue])

    async def WatchSnapshot(self, request: Any, context: Any) -> Any:
        yield await self.Snapshot(request, context)
        raise NotFound("the tenant is gone")

    async def Size(self, request: Any, _context: Any) -> Any:
        return self._take(request, acd_rpc.SizeResponse(document='{"seats": 666.6}'))


class Recordings(recording_grpc.RecordingServiceServicer):
    DATA = bytes(range(256)) * 400

    async def Download(self, request: Any, _context: Any) -> Any:
        if request.recording_id.endswith("0"):
            raise NotFound("no such recording", field="recording_id")
        for at in range(0, len(self.DATA), 1000):
            yield recording_rpc.DownloadPiece(data=self.DATA[at : at + 1000], total_bytes=len(self.DATA))


class Reports(report_grpc.ReportingServiceServicer):
    """One board, changed by the test through `updates`."""

    def __init__(self) -> None:
        self.watches = 0
        self.updates: asyncio.Queue[Any] = asyncio.Queue()

    async def WatchBoard(self, request: Any, _context: Any) -> Any:
        self.watches += 1
        first = report_rpc.BoardUpdate(kind="snapshot", stream_seqs={"CALL": 1 << 40}, calls_now=2)
        first.queues.add(queue_id="q1", waiting=1, service_level=-1.0)
        first.agents.add(agent_id="a1", agent_tenant_id=request.tenant_id, state="ready")
        yield first
        while True:
            yield await self.updates.get()


@pytest.fixture
async def world(nats_server: NatsServer, tmp_path: Path) -> AsyncIterator[SimpleNamespace]:
    """The gateway with a client of it (`http`), and its neighbours by name."""
    web = tmp_path / "web"
    (web / "assets").mkdir(parents=True)
    (web / "index.html").write_text("<html>Seatbus</html>")
    (web / "assets" / "app-1a2b.js").write_text("1")
    (tmp_path / "secret.txt").write_text("no")
    call_ids = ("0199c2a4-0000-7000-8000-000000000001", "0199c2a4-0000-7000-8000-000000000002")
    edges = [
        Edge(call_types.Call(call_id=id, tenant_id="acme", state=call_types.CALL_STATE_QUEUED))
        for id in call_ids
    ]
    tenancy, agents, recordings, reports = Tenancy(), Agents(), Recordings(), Reports()
    acd = Acd()
    settings = Settings(
        nats_url=nats_server.url, http_port=0, data_dir=tmp_path, web_dir=web, log_level="warning"
    )
    runtime = await open_runtime(settings)
    parts: list[tuple[str, Callable[[Any, Any], None], Any]] = [
        ("acd", acd_grpc.add_AcdServiceServicer_to_server, acd),
        ("tenancy", tenancy_grpc.add_TenancyServiceServicer_to_server, tenancy),
        ("agent_state", agent_grpc.add_AgentStateServiceServicer_to_server, agents),
        ("recording", recording_grpc.add_RecordingServiceServicer_to_server, recordings),
        ("reporting", report_grpc.add_ReportingServiceServicer_to_server, reports),
        ("sip_edge", call_grpc.add_CallControlServicer_to_server, edges[0]),
        ("sip_edge", call_grpc.add_CallControlServicer_to_server, edges[1]),
    ]
    running: list[tuple[RpcServer, Instances]] = []
    for i, (service, adder, servicer) in enumerate(parts):
        kind = type(service, (ServiceSettings,), {"service": service, "__annotations__": {}})
        own = kind(instance_id=f"{service}-{i}", nats_url=nats_server.url)
        server = RpcServer(own)
        server.add(adder, servicer)
        await server.start()
        instances = Instances(runtime.bus, own)
        await instances.start()
        await instances.announce(lambda: 0.0, address=server.address)
        running.append((server, instances))
    gateway = Gateway(runtime)
    await gateway.start()
    await asyncio.sleep(0.1)
    base = f"http://127.0.0.1:{gateway.http_port}"
    headers = {"Authorization": f"Bearer {gateway.operator_key}"}
    async with httpx.AsyncClient(base_url=base, headers=headers, timeout=30, trust_env=False) as http:
        yield SimpleNamespace(
            http=http, gateway=gateway, base=base, key=gateway.operator_key, tenancy=tenancy, edges=edges,
            agents=agents, reports=reports, recordings=recordings, runtime=runtime, call_ids=call_ids,
            tmp=tmp_path, acd=acd,
        )  # fmt: skip
    await gateway.stop()
    for server, instances in running:
        await instances.stop()
        await server.stop(0)
    await close_runtime(runtime)
