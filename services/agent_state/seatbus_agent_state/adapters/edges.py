"""Questions to the edge that owns a call."""

from __future__ import annotations

from typing import TYPE_CHECKING

from seatbus.call.v1 import service_pb2 as call
from seatbus.call.v1 import types_pb2 as call_types
from seatbus.call.v1.service_pb2_grpc import CallControlStub
from seatbus_agent_state.application.ports import Dialog
from seatbus_kit.errors import NotFound, SeatbusError
from seatbus_kit.log import get_logger
from seatbus_kit.rpc import invoke

if TYPE_CHECKING:
    from seatbus_agent_state.adapters.contacts import LiveCalls
    from seatbus_kit.instances import Instances
    from seatbus_kit.rpc import Channels

log = get_logger("agent_state.edges")

_DIALOG = {
    call_types.LEG_STATE_TRYING: Dialog.PENDING,
    call_types.LEG_STATE_RINGING: Dialog.PENDING,
    call_types.LEG_STATE_ANSWERED: Dialog.LIVE,
    call_types.LEG_STATE_HELD: Dialog.LIVE,
}


class EdgeClient:
    def __init__(self, instances: Instances, channels: Channels, calls: LiveCalls) -> None:
        self._instances = instances
        self._channels = channels
        self._calls = calls
        self._stubs: dict[str, CallControlStub] = {}

    def incarnation(self, edge_instance: str) -> str:
        instance = self._instances.get(edge_instance)
        return instance.incarnation if instance is not None else ""

    async def query(self, edge_instance: str, tenant: str, call_id: str, rid: str) -> Dialog:
        """An edge that does not know the leg, or is away, may have left the call to another one."""
        said = await self._ask(edge_instance, tenant, call_id, rid)
        if said not in (Dialog.UNKNOWN, Dialog.UNREACHABLE):
            return said
        try:
            owner = await self._calls.owner(tenant, call_id)
        except SeatbusError as error:
            log.info("owner of a call not read", tenant=tenant, call=call_id, reason=str(error))
            return said
        if owner and owner != edge_instance:
            return await self._ask(owner, tenant, call_id, rid)
        return said

    async def _ask(self, edge_instance: str, tenant: str, call_id: str, rid: str) -> Dialog:
        instance = self._instances.get(edge_instance)
        if instance is None:
            return Dialog.UNREACHABLE
        stub = self._stubs.get(instance.address)
        if stub is None:
            stub = self._stubs[instance.address] = CallControlStub(  # type: ignore[no-untyped-call]
                self._channels.get(instance.address)
            )
        request = call.QueryReservationRequest(tenant_id=tenant, call_id=call_id, rid=rid)
        try:
            answer = await invoke(stub.QueryReservation, request, 2.0)
        except NotFound:
            return Dialog.UNKNOWN
        except SeatbusError as error:
            log.info(
                "edge does not answer",
                tenant=tenant,
                call=call_id,
                edge=edge_instance,
                reason=str(error),
                todo="asked again later",
            )
            return Dialog.UNREACHABLE
        return _DIALOG.get(answer.state, Dialog.UNKNOWN)


class ReplicaShare:
    """Rendezvous: each agent is reconciled by one live replica."""

    def __init__(self, instances: Instances, own_id: str) -> None:
        self._instances = instances
        self._own_id = own_id

    def mine(self, key: str) -> bool:
        chosen = self._instances.pick("agent_state", key=key)
        return chosen is None or chosen.id == self._own_id
