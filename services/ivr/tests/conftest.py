"""Books in memory for the interpreter, replicas behind real gRPC for the service."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import pytest

from seatbus.common.v1.types_pb2 import RequestContext
from seatbus.ivr.v1 import service_pb2 as rpc
from seatbus.ivr.v1 import types_pb2 as ivr
from seatbus.ivr.v1.service_pb2_grpc import IvrServiceStub
from seatbus.tenancy.v1 import types_pb2 as tenancy
from seatbus_ivr.bootstrap import bootstrap
from seatbus_ivr.domain.graph import Graph
from seatbus_ivr.settings import Settings
from seatbus_kit.buckets import Bucket, Write
from seatbus_kit.bus import Bus
from seatbus_kit.ids import uuid7
from seatbus_kit.rpc import invoke
from seatbus_testkit.in_process import InProcess
from seatbus_testkit.nats import NatsServer


@dataclass
class FakeBook:
    """What a tenant has configured, in memory."""

    flows: dict[str, ivr.Flow] = field(default_factory=dict)
    schedules: dict[str, tenancy.Schedule] = field(default_factory=dict)
    queues: dict[str, tenancy.Queue] = field(default_factory=dict)

    def flow(self, flow_id: str) -> Graph | None:
        found = self.flows.get(flow_id)
        return Graph(found) if found is not None else None

    def schedule(self, schedule_id: str) -> tenancy.Schedule | None:
        return self.schedules.get(schedule_id)

    def queue(self, queue_id: str) -> tenancy.Queue | None:
        return self.queues.get(queue_id)


class Replica(InProcess):
    settings = Settings
    bootstrap = staticmethod(bootstrap)

    @property
    def stub(self) -> IvrServiceStub:
        return IvrServiceStub(self.channels.get(self.runtime.rpc.address))

    async def begin(self, tenant: str, call: str, flow: str = "main", **fields: str) -> ivr.Step:
        context = RequestContext(request_id=uuid7(), tenant_id=tenant)
        request = rpc.BeginRequest(context=context, call_id=call, flow_id=flow, **fields)
        return (await invoke(self.stub.Begin, request, 5.0)).step

    async def advance(
        self, tenant: str, call: str, seq: int, kind: int = ivr.OUTCOME_KIND_DONE, digits: str = ""
    ) -> ivr.Step:
        context = RequestContext(request_id=uuid7(), tenant_id=tenant)
        outcome = ivr.Outcome(kind=kind, digits=digits)
        request = rpc.AdvanceRequest(context=context, call_id=call, step_seq=seq, outcome=outcome)
        return (await invoke(self.stub.Advance, request, 5.0)).step

    async def end(self, tenant: str, call: str) -> None:
        context = RequestContext(request_id=uuid7(), tenant_id=tenant)
        await invoke(self.stub.End, rpc.EndRequest(context=context, call_id=call), 5.0)


async def configure(bus: Bus, tenant: str, *objects: tenancy.ConfigObject) -> None:
    """Writes configuration as its owner would."""
    writes = []
    for item in objects:
        item.tenant_id = tenant
        writes.append(
            Write(f"{tenant}.{item.WhichOneof('object')}.{item.id}", item.SerializeToString(), None)
        )
    version = tenancy.ConfigVersion(tenant_id=tenant)
    version.meta.seq = 1
    writes.append(Write(f"{tenant}.version", version.SerializeToString(), None))
    await Bucket(bus, "config").commit(writes, uuid7())


@pytest.fixture
async def replica(nats_server: NatsServer) -> AsyncIterator[Replica]:
    running = await Replica.start(nats_server.url)
    yield running
    await running.stop()
