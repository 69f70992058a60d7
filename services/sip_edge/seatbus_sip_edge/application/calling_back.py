"""Call-backs at this edge: may a number be called, and the call itself when acd asks for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from seatbus_kit.errors import Refused
from seatbus_kit.ids import uuid7
from seatbus_sip_edge.domain.callback_inputs import CalledBack
from seatbus_sip_edge.domain.fraud import Rule, refusal
from seatbus_sip_edge.domain.model import Call, Direction
from seatbus_sip_edge.domain.numbering import dialled

if TYPE_CHECKING:
    from seatbus.call.v1 import service_pb2 as pb
    from seatbus_sip_edge.application.edge import Edge

_CUSTOMER_RING_S = 30


class CallingBack:
    def __init__(self, edge: Edge) -> None:
        self._edge = edge

    def check(self, tenant: str, branch_id: str, written: str) -> tuple[str, str]:
        """The number as it is called, and the rule that forbids it for good (empty: none). Hours and what has
        been spent count when it is called.
        """
        outside = self._edge.outside
        number = dialled(written, outside.plan(tenant, branch_id))
        if outside.emergency(tenant, branch_id, written):
            return number, Rule.SERVICE_NUMBER.value
        rule = refusal(number, self._edge.quotas.guard(tenant))
        if rule is not None:
            return number, rule.value
        return number, "" if outside.has_ways(tenant, branch_id, number) else "no_trunk"

    def start(self, request: pb.CallBackRequest) -> str:
        """The agent's leg of the call, which is made unless it is there already.

        Raises Refused(other_call).
        """
        edge = self._edge
        known = edge.sessions.get(request.call_id)
        if known is not None:
            leg = known.call.leg_of(request.rid)
            if leg is None:
                raise Refused("other_call", f"call {request.call_id} is another one", field="call_id")
            return leg.leg_id
        tenant = request.context.tenant_id
        queue = edge.directory.queue(tenant, request.queue_id)
        policy = queue.callback if queue is not None and queue.HasField("callback") else None
        branch_id = request.branch_id or (queue.branch_id if queue is not None else "")
        branch = edge.outside.branch(tenant, branch_id)
        shown = (policy.caller_id if policy is not None else "") or (
            branch.caller_id if branch is not None else ""
        )
        call = Call(
            tenant_id=tenant,
            call_id=request.call_id,
            owner=edge.instance_id,
            caller=shown,
            dialed=request.number,
            direction=Direction.DIRECTION_OUTBOUND,
            caller_leg_id=uuid7(),
            interaction_id=request.interaction_id or request.call_id,
            branch_id=branch_id,
            visit=request.visit,
            customer_first=request.customer_first,
        )
        session = edge.open(call)
        session.commands.queue.hint(request.acd_address)
        leg_id = uuid7()
        session.feed(
            CalledBack(
                leg_id,
                request.contact_id,
                request.rid,
                request.group,
                request.epoch,
                request.agent_tenant_id,
                request.agent_id,
                request.queue_id,
                request.ring_timeout_s,
                (policy.ring_timeout_s if policy is not None else 0) or _CUSTOMER_RING_S,
                queue,
                dict(request.attributes),
            )
        )
        return leg_id
