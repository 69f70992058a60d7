"""Queue modes, written by the owner of the configuration."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from seatbus.tenancy.v1 import service_pb2 as api
from seatbus.tenancy.v1 import types_pb2 as tenancy
from seatbus.tenancy.v1.service_pb2_grpc import TenancyServiceStub
from seatbus_kit.errors import InvalidArgument, NotFound, Refused, Unavailable
from seatbus_kit.rpc import invoke

if TYPE_CHECKING:
    from seatbus.common.v1.types_pb2 import RequestContext
    from seatbus_kit.config_view import ConfigView
    from seatbus_kit.instances import Instances
    from seatbus_kit.rpc import Channels

_TIMEOUT_S: Final = 3.0
_TRIES: Final = 5
_SETTLE_S: Final = 0.1


class TenancyClient:
    def __init__(self, config: ConfigView, instances: Instances, channels: Channels) -> None:
        self._config = config
        self._instances = instances
        self._channels = channels

    async def set_mode(self, context: RequestContext, queue_id: str, mode: str, prompt_id: str) -> None:
        """Changes the queue as it is configured now; another change at the same time is waited for.

        Raises NotFound, Unavailable, Refused, InvalidArgument (an outage that has nothing to say), or what
        tenancy finds wrong.
        """
        tenant = context.tenant_id
        for last in range(_TRIES):
            version = self._config.version(tenant)
            found = self._config.get(tenant, "queue", queue_id)
            if found is None:
                raise NotFound(f"tenant {tenant} has no queue {queue_id}", field="queue_id")
            changed = tenancy.ConfigObject()
            changed.CopyFrom(found)
            queue = changed.queue
            queue.closed, queue.mass_outage = mode == "closed", mode == "mass_outage"
            if prompt_id:
                queue.outage_prompt_id = prompt_id
            if queue.mass_outage and not queue.outage_prompt_id:
                raise InvalidArgument(
                    f"queue {queue_id} has no announcement of an outage yet: name its prompt",
                    field="announcement_prompt_id",
                    rule="required",
                )
            request = api.ApplyRequest(context=context, expected_version=version, upserts=[changed])
            request.context.request_id = f"{context.request_id}/{version}"
            try:
                await invoke(self._stub().Apply, request, _TIMEOUT_S)
            except Refused as error:
                if error.reason != "version_mismatch" or last == _TRIES - 1:
                    raise
                await asyncio.sleep(_SETTLE_S)
                continue
            return

    def _stub(self) -> TenancyServiceStub:
        instance = self._instances.pick("tenancy")
        if instance is None:
            raise Unavailable("no instance of tenancy answers")
        return TenancyServiceStub(self._channels.get(instance.address))  # type: ignore[no-untyped-call]
