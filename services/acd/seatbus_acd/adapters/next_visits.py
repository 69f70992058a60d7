"""The next visit of a contact without a call: asked of this replica, which knows who holds its queue."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from seatbus.acd.v1 import service_pb2 as api
from seatbus.acd.v1.service_pb2_grpc import AcdServiceStub
from seatbus.common.v1.types_pb2 import ACTOR_KIND_SYSTEM, Actor, RequestContext
from seatbus_kit.rpc import invoke

if TYPE_CHECKING:
    from collections.abc import Callable

    from seatbus.acd.v1 import types_pb2 as wire
    from seatbus_kit.rpc import Channels

_TIMEOUT_S: Final = 5.0


class NextVisitClient:
    def __init__(self, channels: Channels, own_id: str, own_address: Callable[[], str]) -> None:
        self._channels = channels
        self._own_id = own_id
        self._own_address = own_address

    async def open(self, record: wire.Contact) -> int:
        stub = AcdServiceStub(self._channels.get(self._own_address()))  # type: ignore[no-untyped-call]
        request = next_visit(record, self._own_id)
        answer: api.EnqueueResponse = await invoke(stub.Enqueue, request, _TIMEOUT_S)
        return answer.position


def next_visit(record: wire.Contact, asked_by: str) -> api.EnqueueRequest:
    """With the place, the class and the wishes that the contact has."""
    onward = record.onward
    first_at = record.first_enqueued_at if record.HasField("first_enqueued_at") else record.enqueued_at
    return api.EnqueueRequest(
        context=RequestContext(
            request_id=f"{onward.contact_id}/{onward.queue_id}",
            tenant_id=record.tenant_id,
            actor=Actor(kind=ACTOR_KIND_SYSTEM, id=asked_by),
        ),
        contact_id=onward.contact_id,
        call_id=onward.contact_id,
        queue_id=onward.queue_id,
        requirements=record.requirements,
        priority=record.priority,
        preferred_agent_id=record.preferred_agent_id,
        channel=record.channel,
        visit=record.visit + 1,
        interaction_id=record.interaction_id or record.contact_id,
        branch_id=record.branch_id,
        attributes=record.attributes,
        caller=record.caller,
        first_fifo=record.fifo,
        first_enqueued_at=first_at,
        previous_contact_id=record.contact_id,
    )
