"""`Journal` by gRPC: the owner edge of a call."""

from __future__ import annotations

from seatbus.call.v1 import service_pb2, service_pb2_grpc
from seatbus_kit.errors import Unavailable
from seatbus_kit.instances import Instances
from seatbus_kit.rpc import Channels, invoke


class EdgeJournal:
    def __init__(self, instances: Instances, channels: Channels) -> None:
        self._instances = instances
        self._channels = channels

    async def republish(self, owner: str, tenant: str, call_id: str, from_seq: int, to_seq: int) -> int:
        edge = self._instances.get(owner)
        if edge is None:
            raise Unavailable(f"edge {owner or '(unknown)'} is away")
        stub = service_pb2_grpc.CallControlStub(self._channels.get(edge.address))  # type: ignore[no-untyped-call]
        request = service_pb2.RepublishRequest(
            tenant_id=tenant, call_id=call_id, from_seq=from_seq, to_seq=to_seq
        )
        answer: service_pb2.RepublishResponse = await invoke(stub.Republish, request, 5.0)
        return int(answer.republished)
