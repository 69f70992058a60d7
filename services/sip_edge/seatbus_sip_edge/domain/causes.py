"""Tables between SIP status codes, hang-up causes and what acd and agent_state are told."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from seatbus.acd.v1 import service_pb2 as acd
from seatbus.agent.v1 import service_pb2 as agent
from seatbus.call.v1 import types_pb2 as call_types

if TYPE_CHECKING:
    from collections.abc import Mapping


# Codes that say nothing about a request: the neighbour was not there.
AWAY = frozenset({"unavailable", "deadline_exceeded", "outcome_unknown", "conflict"})


@dataclass(frozen=True, slots=True)
class OfferFailure:
    """One way in which an agent's phone did not take the call."""

    cause: call_types.HangupCause
    work: agent.WorkEvent
    offer: acd.OfferOutcome
    word: str


NO_ANSWER = OfferFailure(
    call_types.HANGUP_CAUSE_NO_ANSWER, agent.WORK_EVENT_NO_ANSWER, acd.OFFER_OUTCOME_NO_ANSWER, "no_answer"
)
BUSY = OfferFailure(call_types.HANGUP_CAUSE_BUSY, agent.WORK_EVENT_BUSY, acd.OFFER_OUTCOME_BUSY, "busy")
REJECTED = OfferFailure(
    call_types.HANGUP_CAUSE_REJECTED, agent.WORK_EVENT_REJECTED, acd.OFFER_OUTCOME_REJECTED, "rejected"
)
UNREACHABLE = OfferFailure(
    call_types.HANGUP_CAUSE_UNREACHABLE,
    agent.WORK_EVENT_UNREACHABLE,
    acd.OFFER_OUTCOME_UNREACHABLE,
    "unreachable",
)

# 480 is what phones say when nobody took the call or do-not-disturb is on: the agent was not there.
_BY_STATUS: Mapping[int, OfferFailure] = {
    480: NO_ANSWER,
    486: BUSY,
    487: NO_ANSWER,
    600: BUSY,
    603: REJECTED,
    607: REJECTED,
    608: REJECTED,
    403: REJECTED,
}

_BY_CAUSE: Mapping[int, OfferFailure] = {
    item.cause: item for item in (NO_ANSWER, BUSY, REJECTED, UNREACHABLE)
}


def failure_of(status: int) -> OfferFailure:
    """How an agent's phone failed that answered with this status; 0: it was never reached."""
    known = _BY_STATUS.get(status)
    if known is not None:
        return known
    return REJECTED if status >= 600 else UNREACHABLE


def failure_by_cause(cause: int) -> OfferFailure | None:
    """How an offer failed whose leg ended with this cause; None: it was withdrawn."""
    return _BY_CAUSE.get(cause)


# What carriers account by (ITU-T Q.850), where it is not normal clearing.
_Q850: Mapping[int, int] = {
    call_types.HANGUP_CAUSE_UNKNOWN_NUMBER: 1,
    call_types.HANGUP_CAUSE_BUSY: 17,
    call_types.HANGUP_CAUSE_NO_ANSWER: 19,
    call_types.HANGUP_CAUSE_UNREACHABLE: 20,
    call_types.HANGUP_CAUSE_REJECTED: 21,
    call_types.HANGUP_CAUSE_FORBIDDEN: 21,
    call_types.HANGUP_CAUSE_DEVICE_LOST: 27,
    call_types.HANGUP_CAUSE_MEDIA_FAILED: 41,
    call_types.HANGUP_CAUSE_MEDIA_TIMEOUT: 41,
    call_types.HANGUP_CAUSE_SYSTEM: 41,
    call_types.HANGUP_CAUSE_QUOTA: 42,
    call_types.HANGUP_CAUSE_QUEUE_OVERFLOW: 42,
    call_types.HANGUP_CAUSE_NOT_ACCEPTABLE: 88,
    call_types.HANGUP_CAUSE_SESSION_EXPIRED: 102,
    call_types.HANGUP_CAUSE_NO_ACK: 102,
}
_NORMAL_CLEARING = 16


def reason_of(cause: int) -> str:
    """Value of a Reason header (RFC 3326, in responses RFC 6432) for a carrier."""
    return f"Q.850;cause={_Q850.get(cause, _NORMAL_CLEARING)}"


# What an unanswered caller is told. Everything else is 480.
_STATUS: Mapping[int, int] = {
    call_types.HANGUP_CAUSE_ABANDONED_IN_FLOW: 487,
    call_types.HANGUP_CAUSE_ABANDONED_IN_QUEUE: 487,
    call_types.HANGUP_CAUSE_UNKNOWN_NUMBER: 404,
    call_types.HANGUP_CAUSE_NOT_ACCEPTABLE: 488,
    call_types.HANGUP_CAUSE_MEDIA_FAILED: 503,
    call_types.HANGUP_CAUSE_SYSTEM: 503,
    call_types.HANGUP_CAUSE_QUOTA: 503,
    call_types.HANGUP_CAUSE_FORBIDDEN: 403,
    call_types.HANGUP_CAUSE_FLOW_ENDED: 480,
    call_types.HANGUP_CAUSE_BUSY: 486,
    # A reliable response without its PRACK (RFC 3262 section 3).
    call_types.HANGUP_CAUSE_NO_ACK: 504,
}


def status_of(cause: int) -> int:
    """The final response for a caller whose call ends unanswered with this cause."""
    return _STATUS.get(cause, 480)
