"""What a call wants done. The shell journals first, then performs these in order."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from google.protobuf.message import Message

    from seatbus.acd.v1 import service_pb2 as acd
    from seatbus.agent.v1 import service_pb2 as agent
    from seatbus.common.v1 import types_pb2 as common
    from seatbus.ivr.v1 import types_pb2 as ivr
    from seatbus.media.v1 import service_pb2 as media


@dataclass(frozen=True, slots=True)
class Record:
    """A fact with its number in the call's sequence."""

    seq: int
    message: Message


class MediaReply(StrEnum):
    """What the machine wants to hear about a batch of media commands."""

    NOTHING = "nothing"
    ACCEPTED = "accepted"
    OFFER = "offer"
    CONNECTED = "connected"
    READY = "ready"
    ENDED = "ended"


@dataclass(frozen=True, slots=True)
class Media:
    commands: Sequence[media.Command]
    reply: MediaReply = MediaReply.NOTHING
    leg_id: str = ""
    # The endpoint among these that the call can do without: the next agent's.
    spare: str = ""


@dataclass(frozen=True, slots=True)
class AnswerCaller:
    sdp: str


@dataclass(frozen=True, slots=True)
class ProgressCaller:
    """183 with the SDP: early audio."""

    sdp: str


@dataclass(frozen=True, slots=True)
class RefuseCaller:
    status: int


@dataclass(frozen=True, slots=True)
class AnswerLeg:
    """200 to the INVITE of an agent's phone that has dialled."""

    leg_id: str
    sdp: str


@dataclass(frozen=True, slots=True)
class ProgressLeg:
    """183 with the SDP to it: early audio."""

    leg_id: str
    sdp: str


@dataclass(frozen=True, slots=True)
class RingLeg:
    """180 to it: the phone makes its own ringback."""

    leg_id: str


@dataclass(frozen=True, slots=True)
class RefuseLeg:
    leg_id: str
    status: int


@dataclass(frozen=True, slots=True)
class Dial:
    leg_id: str
    sdp: str


@dataclass(frozen=True, slots=True)
class CancelDial:
    leg_id: str


@dataclass(frozen=True, slots=True)
class HangUp:
    """BYE on a leg that was answered."""

    leg_id: str


@dataclass(frozen=True, slots=True)
class ResumeCaller:
    """After a restart: the INVITE that is not acknowledged gets the answer of the present state again."""

    answered: bool
    sdp: str


@dataclass(frozen=True, slots=True)
class ResumeDial:
    """After a restart: the INVITE is sent again; to the phone it is a retransmission."""

    leg_id: str


@dataclass(frozen=True, slots=True)
class Probe:
    """After a restart: does the peer still know the dialog?"""

    leg_id: str


@dataclass(frozen=True, slots=True)
class RepeatReports:
    """After a restart: what acd, agent_state and ivr may not have heard about the end."""


@dataclass(frozen=True, slots=True)
class TakeFallback:
    """After a restart: the number's fallback route, which was under way."""

    reason: str


@dataclass(frozen=True, slots=True)
class BeginFlow:
    flow_id: str


@dataclass(frozen=True, slots=True)
class AdvanceFlow:
    step_seq: int
    outcome: ivr.Outcome


@dataclass(frozen=True, slots=True)
class EndFlow:
    """`key` is what ivr knows this walk of a flow by."""

    key: str


@dataclass(frozen=True, slots=True)
class Enqueue:
    contact_id: str
    queue_id: str
    requirements: Sequence[common.Skill] = ()
    priority: int = 0
    preferred_agent_id: str = ""
    # Of an earlier visit whose place this one keeps.
    first_fifo: int = 0
    first_enqueued_at: int = 0


@dataclass(frozen=True, slots=True)
class RequestCallback:
    """The contact is to be called back: one that waits keeps its place, another one is new."""

    contact_id: str
    queue_id: str
    number: str


@dataclass(frozen=True, slots=True)
class CancelContact:
    contact_id: str
    outcome: int


@dataclass(frozen=True, slots=True)
class BeginWork:
    """The agent of this leg is wanted though no queue gave it: outbound, direct, consult, supervise."""

    leg_id: str
    kind: str
    wrap_up_s: int = 0


@dataclass(frozen=True, slots=True)
class ReportWork:
    leg_id: str
    event: agent.WorkEvent


@dataclass(frozen=True, slots=True)
class ReportOffer:
    leg_id: str
    contact_id: str
    outcome: acd.OfferOutcome
    # Told before, perhaps: a refusal changes nothing.
    repeated: bool = False
    # The customer of a call-back holds the line.
    customer_waits: bool = False


@dataclass(frozen=True, slots=True)
class AwaitDevice:
    """The agent's phone is lost: tell when it has registered again."""

    leg_id: str


@dataclass(frozen=True, slots=True)
class Retake:
    """It has: offer its audio anew in the dialog that it had."""

    leg_id: str


class Timer(StrEnum):
    RING = "ring"
    DEVICE = "device"
    PROGRESS = "progress"
    UNANSWERED = "unanswered"
    PARK = "park"
    VOICEMAIL = "voicemail"


@dataclass(frozen=True, slots=True)
class SetTimer:
    timer: Timer
    seconds: float
    leg_id: str = ""


@dataclass(frozen=True, slots=True)
class StopTimer:
    """Of one leg, or all of the kind."""

    timer: Timer
    leg_id: str = ""


@dataclass(frozen=True, slots=True)
class Finished:
    """Nothing more will happen to this call."""


Effect = (
    Record
    | Media
    | AnswerCaller
    | ProgressCaller
    | RefuseCaller
    | AnswerLeg
    | ProgressLeg
    | RingLeg
    | RefuseLeg
    | Dial
    | CancelDial
    | HangUp
    | ResumeCaller
    | ResumeDial
    | Probe
    | RepeatReports
    | TakeFallback
    | BeginFlow
    | AdvanceFlow
    | EndFlow
    | Enqueue
    | CancelContact
    | RequestCallback
    | BeginWork
    | ReportWork
    | ReportOffer
    | AwaitDevice
    | Retake
    | SetTimer
    | StopTimer
    | Finished
)
