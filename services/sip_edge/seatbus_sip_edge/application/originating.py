"""Calls that the API asks for: an agent's phone rings first, then whoever is wanted is called or asked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from seatbus_kit.errors import InvalidArgument, NotFound, PermissionDenied, Refused
from seatbus_kit.ids import uuid7
from seatbus_sip_edge.application.dialling import Caller
from seatbus_sip_edge.domain import inputs as on
from seatbus_sip_edge.domain.caller_id import CallerIdNotPermitted
from seatbus_sip_edge.domain.destinations import Destination, Kind
from seatbus_sip_edge.domain.model import Call, Direction
from seatbus_sip_edge.domain.numbering import dialled

if TYPE_CHECKING:
    from seatbus.call.v1 import service_pb2 as call_pb
    from seatbus_sip_edge.application.edge import Edge

_RING_S: Final = 30
_REMEMBERED: Final = 10_000


class Originating:
    """A request makes one call, whichever edge it reaches, and however often."""

    def __init__(self, edge: Edge) -> None:
        self._edge = edge
        # Calls by the request that began them.
        self._originated: dict[tuple[str, str], str] = {}

    async def originate(self, request: call_pb.OriginateRequest) -> str:
        """The call's id. A repeat finds the same call, at another edge too.

        Raises NotFound for an agent or a target that is not there, PermissionDenied for a caller id that is
        not permitted, InvalidArgument and Refused for what cannot be called.
        """
        tenant, request_id = request.context.tenant_id, request.context.request_id
        known = self._originated.get((tenant, request_id))
        if known is not None:
            return known
        found = self._edge.config.get(tenant, "agent", request.agent_id)
        if found is None or found.agent.disabled:
            raise NotFound(f"tenant {tenant} has no active agent {request.agent_id}", field="agent_id")
        caller = Caller(tenant, "", request.agent_id, found.agent)
        call, event = self._prepared(request, caller)
        first = await self._edge.owners.originated(tenant, request_id, call.call_id)
        self._originated[tenant, request_id] = first
        while len(self._originated) > _REMEMBERED:
            self._originated.pop(next(iter(self._originated)))
        if first == call.call_id:
            self._edge.open(call).feed(event)
        return first

    def _prepared(self, request: call_pb.OriginateRequest, caller: Caller) -> tuple[Call, on.Input]:
        to = self._edge.directory.existing(caller.tenant, request.target)
        ring_s, attributes = request.ring_timeout_s or _RING_S, dict(request.attributes)
        if to.kind is Kind.NUMBER:
            call = self._to_number(request, caller)
            return call, on.Originated(uuid7(), caller.tenant, caller.agent_id, uuid7(), ring_s, attributes)
        if to.kind is Kind.HANG_UP:
            raise InvalidArgument("a call is for somebody", field="target", rule="required")
        if to.is_agent and to.id == caller.agent_id:
            raise Refused("same_agent", "nobody calls themselves", field="target.agent_id")
        if request.caller_id or request.mask_number:
            field = "caller_id" if request.caller_id else "mask_number"
            raise InvalidArgument("this is for calls to numbers", field=field, rule="target is a number")
        call = self._edge.dialling.new_call(
            caller, self._written(caller.tenant, to), caller.agent.extension or caller.agent_id
        )
        call.direction, call.record, call.wrap_up_s = Direction.DIRECTION_INTERNAL, False, 0
        return call, on.OriginatedTo(to, caller.tenant, caller.agent_id, uuid7(), ring_s, attributes)

    def _written(self, tenant: str, to: Destination) -> str:
        """What the call's record says was dialled: a colleague's extension, else the object's id."""
        found = self._edge.config.get(tenant, "agent", to.id) if to.is_agent else None
        return (found.agent.extension if found is not None else "") or to.id

    def _to_number(self, request: call_pb.OriginateRequest, caller: Caller) -> Call:
        edge = self._edge
        try:
            shown = edge.dialling.caller_id(caller, request.caller_id)
        except CallerIdNotPermitted as error:
            raise PermissionDenied(str(error), field="caller_id", rule="caller_id_not_permitted") from None
        number = dialled(request.target.number, edge.outside.plan(caller.tenant, caller.branch_id))
        if not edge.outside.has_ways(caller.tenant, caller.branch_id, number):
            raise Refused("no_trunk", f"no trunk of the tenant takes {number}", field="target.number")
        call = edge.dialling.new_call(caller, number, shown)
        call.mask_number = request.mask_number
        return call
