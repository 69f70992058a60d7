"""Who holds which routing group, by the watched copy of the leases; and the way there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, TypeVar

import grpc.aio

from seatbus.acd.v1.service_pb2_grpc import AcdServiceStub
from seatbus_contracts.subjects import lease_key
from seatbus_kit.lease import Holder
from seatbus_kit.rpc.status import from_status
from seatbus_kit.trace import current_trace

if TYPE_CHECKING:
    from google.protobuf.message import Message

    from seatbus_kit.instances import Instance, Instances
    from seatbus_kit.rpc import Channels
    from seatbus_kit.watch import Watcher

M = TypeVar("M", bound="Message")

# A request that was passed on once is served or refused, never passed on again.
FORWARDED: Final = "sb-forwarded"


class Holders:
    def __init__(self, watcher: Watcher, instances: Instances, channels: Channels) -> None:
        self._watcher = watcher
        self._instances = instances
        self._channels = channels
        self._stubs: dict[str, AcdServiceStub] = {}

    def holder(self, group: str) -> Instance | None:
        """The instance that holds the group's lease, None when nobody does or it is gone."""
        entry = self._watcher.entries.get(lease_key(group))
        if entry is None:
            return None
        owner = Holder.decode(entry.value).owner
        return self._instances.get(owner) if owner else None

    def vacant(self, group: str, own_id: str) -> bool:
        """Nobody else holds the lease, by the watched copy."""
        entry = self._watcher.entries.get(lease_key(group))
        return entry is None or Holder.decode(entry.value).owner in ("", own_id)

    async def forward(self, instance: Instance, method: str, request: Message, timeout: float) -> Any:
        """The holder's own answer. Raises what it raised."""
        stub = self._stubs.get(instance.address)
        if stub is None:
            stub = self._stubs[instance.address] = AcdServiceStub(  # type: ignore[no-untyped-call]
                self._channels.get(instance.address)
            )
        metadata = [(FORWARDED, "1")]
        trace = current_trace()
        if trace is not None:
            metadata.append(("traceparent", trace.to_traceparent()))
        try:
            return await getattr(stub, method)(request, timeout=timeout, metadata=metadata)
        except grpc.aio.AioRpcError as error:
            raise from_status(error.code(), error.details() or "", error.trailing_metadata()) from None
