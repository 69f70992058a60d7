"""The contract `seatbus.tenancy.v1.TenancyService` over gRPC."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from seatbus.tenancy.v1 import service_pb2 as rpc
from seatbus.tenancy.v1.service_pb2_grpc import TenancyServiceServicer
from seatbus_kit.errors import SeatbusError
from seatbus_kit.log import get_logger
from seatbus_tenancy.application.configuration import Command
from seatbus_tenancy.domain.change import Request

if TYPE_CHECKING:
    from seatbus_tenancy.application.configuration import Applied, Configuration
    from seatbus_tenancy.application.prompts import Prompts
    from seatbus_tenancy.application.reading import Reading

log = get_logger("seatbus.tenancy")


class TenancyServicer(TenancyServiceServicer):
    def __init__(self, configuration: Configuration, reading: Reading, prompts: Prompts) -> None:
        self._configuration = configuration
        self._reading = reading
        self._prompts = prompts

    async def Apply(self, request: rpc.ApplyRequest, context: Any) -> rpc.ApplyResponse:
        tenant = request.context.tenant_id
        command = Command(
            Request(
                tenant, request.upserts, [(ref.kind, ref.id) for ref in request.deletes], request.create_only
            ),
            request.context.request_id,
            request.context.actor,
            request.expected_version,
        )
        try:
            applied = await self._configuration.apply(command)
        except SeatbusError as error:
            _refused(tenant, "apply", error)
            raise
        if not applied.repeated:
            log.info(
                "configuration changed", tenant=tenant, version=applied.version,
                written=len(applied.objects), removed=len(applied.removed), actor=request.context.actor.id,
            )  # fmt: skip
            await self._forget_audio(tenant, applied)
        return rpc.ApplyResponse(version=applied.version, objects=applied.objects)

    async def _forget_audio(self, tenant: str, applied: Applied) -> None:
        try:
            await self._prompts.forget(tenant, applied)
        except SeatbusError as error:
            # The change is made; what is left is a file that nothing names.
            log.warning("audio of a removed prompt is left", tenant=tenant, reason=str(error))

    async def Get(self, request: rpc.GetRequest, context: Any) -> rpc.GetResponse:
        return rpc.GetResponse(
            object=await self._reading.get(request.tenant_id, request.ref.kind, request.ref.id)
        )

    async def List(self, request: rpc.ListRequest, context: Any) -> rpc.ListResponse:
        objects, cursor, version = await self._reading.page(
            request.tenant_id, request.kind, request.page.limit, request.page.cursor
        )
        return rpc.ListResponse(objects=objects, next_cursor=cursor, version=version)

    async def ListTenants(self, request: rpc.ListTenantsRequest, context: Any) -> rpc.ListTenantsResponse:
        tenants, cursor = self._reading.tenants(request.page.limit, request.page.cursor)
        return rpc.ListTenantsResponse(tenants=tenants, next_cursor=cursor)

    async def PutPromptAudio(
        self, request: rpc.PutPromptAudioRequest, context: Any
    ) -> rpc.PutPromptAudioResponse:
        tenant = request.context.tenant_id
        try:
            version, duration = await self._prompts.put(
                tenant, request.prompt_id, request.audio, request.context.request_id, request.context.actor
            )
        except SeatbusError as error:
            _refused(tenant, "put prompt audio", error, prompt=request.prompt_id)
            raise
        log.info("prompt stored", tenant=tenant, prompt=request.prompt_id, duration_ms=duration)
        return rpc.PutPromptAudioResponse(version=version, duration_ms=duration)


def _refused(tenant: str, what: str, error: SeatbusError, **more: object) -> None:
    log.warning(
        "refused", tenant=tenant, what=what, code=error.code, field=error.field, rule=error.rule,
        reason=error.message, todo="repeat the request" if error.retryable else "correct it", **more,
    )  # fmt: skip
