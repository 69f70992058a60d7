"""A running `tenancy` and a client of it."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator

import pytest

from seatbus.common.v1.types_pb2 import RequestContext
from seatbus.tenancy.v1 import service_pb2 as rpc
from seatbus.tenancy.v1 import types_pb2 as tenancy
from seatbus.tenancy.v1.service_pb2_grpc import TenancyServiceStub
from seatbus_kit.ids import uuid7
from seatbus_kit.rpc import invoke
from seatbus_tenancy.bootstrap import bootstrap
from seatbus_tenancy.settings import Settings
from seatbus_testkit.in_process import InProcess
from seatbus_testkit.nats import NatsServer

_tenants = itertools.count(1)


class Replica(InProcess):
    settings = Settings
    bootstrap = staticmethod(bootstrap)

    @property
    def stub(self) -> TenancyServiceStub:
        return TenancyServiceStub(self.channels.get(self.runtime.rpc.address))

    async def apply(
        self,
        tenant: str,
        *upserts: tenancy.ConfigObject,
        deletes: tuple[tuple[str, str], ...] = (),
        request_id: str = "",
        expected_version: int = 0,
        create_only: bool = False,
        timeout: float = 30.0,
    ) -> rpc.ApplyResponse:
        request = rpc.ApplyRequest(
            context=RequestContext(request_id=request_id or uuid7(), tenant_id=tenant),
            upserts=upserts,
            deletes=[rpc.ObjectRef(kind=kind, id=id) for kind, id in deletes],
            expected_version=expected_version,
            create_only=create_only,
        )
        return await invoke(self.stub.Apply, request, timeout)

    async def get(self, tenant: str, kind: str, id: str) -> tenancy.ConfigObject:
        request = rpc.GetRequest(tenant_id=tenant, ref=rpc.ObjectRef(kind=kind, id=id))
        return (await invoke(self.stub.Get, request, 5.0)).object

    async def list(self, tenant: str, kind: str = "") -> list[tenancy.ConfigObject]:
        request = rpc.ListRequest(tenant_id=tenant, kind=kind)
        request.page.limit = 1000
        return list((await invoke(self.stub.List, request, 5.0)).objects)


@pytest.fixture
async def replica(nats_server: NatsServer) -> AsyncIterator[Replica]:
    running = await Replica.start(nats_server.url)
    yield running
    await running.stop()


@pytest.fixture
def tenant() -> str:
    return f"t{next(_tenants)}-{uuid7()[-6:]}"


def company(tenant: str, **fields: object) -> tenancy.ConfigObject:
    return tenancy.ConfigObject(id=tenant, tenant=tenancy.Tenant(name="Company", **fields))
