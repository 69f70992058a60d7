"""What can happen to a call. Everything that the machine needs to know comes in here: it asks nobody."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from seatbus_sip_edge.domain import agent_inputs as agents
from seatbus_sip_edge.domain import requests
from seatbus_sip_edge.domain.callback_inputs import CalledBack, OfCallback
from seatbus_sip_edge.domain.device_inputs import OfDevice
from seatbus_sip_edge.domain.requests import Asked

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from seatbus.call.v1 import types_pb2 as call_types
    from seatbus.ivr.v1 import types_pb2 as ivr
    from seatbus.media.v1 import types_pb2 as media
    from seatbus.tenancy.v1 import types_pb2 as tenancy
    from seatbus_sip_edge.domain.destinations import Destination

# One name for every input, wherever it is written down.
AttributesSet = requests.AttributesSet
CompleteAsked = requests.CompleteAsked
ConsultAsked = requests.ConsultAsked
DigitsAsked = requests.DigitsAsked
HangUpAsked = requests.HangUpAsked
HoldAsked = requests.HoldAsked
LegRedirected = requests.LegRedirected
LegReplaced = requests.LegReplaced
MuteAsked = requests.MuteAsked
OriginatedTo = requests.OriginatedTo
ParkAsked = requests.ParkAsked
PartyJoined = requests.PartyJoined
PartyLeft = requests.PartyLeft
PickUpAsked = requests.PickUpAsked
RecordingAsked = requests.RecordingAsked
SuperviseAsked = requests.SuperviseAsked
SwapAsked = requests.SwapAsked
TransferAsked = requests.TransferAsked
AgentOffered = agents.AgentOffered
OfferWithdrawn = agents.OfferWithdrawn
AgentOfferMade = agents.AgentOfferMade
AgentRinging = agents.AgentRinging
AgentAnswered = agents.AgentAnswered
AgentFailed = agents.AgentFailed
RingTimedOut = agents.RingTimedOut
AgentHungUp = agents.AgentHungUp
WorkBegun = agents.WorkBegun
WorkNotBegun = agents.WorkNotBegun
WorkAccepted = agents.WorkAccepted
WorkRefused = agents.WorkRefused
Connected = agents.Connected
ConnectFailed = agents.ConnectFailed
OfferDropped = agents.OfferDropped


@dataclass(frozen=True, slots=True)
class Arrived:
    """An admitted INVITE. `codecs` and `zone` are the trunk's."""

    sdp: str
    source_address: str
    sip_call_id: str
    codecs: Sequence[str] = ()
    zone: str = ""
    # The caller takes provisional responses that want a PRACK.
    reliable: bool = False
    # Of an agent who calls a colleague.
    agent_tenant_id: str = ""
    agent_id: str = ""
    device_id: str = ""
    rid: str = ""


@dataclass(frozen=True, slots=True)
class RefusedAtDoor:
    """An INVITE that gets a CDR and a refusal, nothing else."""

    status: int
    cause: call_types.HangupCause
    source_address: str
    sip_call_id: str


@dataclass(frozen=True, slots=True)
class AgentDialled:
    """An admitted INVITE of an agent's phone for a number outside. `rid` empty: during another call."""

    sdp: str
    source_address: str
    sip_call_id: str
    leg_id: str
    agent_tenant_id: str
    agent_id: str
    device_id: str
    rid: str
    seat_id: str = ""


@dataclass(frozen=True, slots=True)
class Originated:
    """By the API: ring the agent, then the number."""

    leg_id: str
    agent_tenant_id: str
    agent_id: str
    rid: str
    ring_timeout_s: int
    attributes: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class EarlyMedia:
    """A called side answers with SDP before it is answered."""

    leg_id: str
    sdp: str


@dataclass(frozen=True, slots=True)
class ExternalAnswered:
    """An agent's outside number has picked up: whether it is the agent, a key will tell."""

    leg_id: str
    sdp: str


@dataclass(frozen=True, slots=True)
class LegRerouted:
    """A trunk has failed an outside leg with `status`; the next way is by this trunk."""

    leg_id: str
    trunk_id: str
    status: int
    sdp: str


@dataclass(frozen=True, slots=True)
class CallerCancelled:
    """CANCEL, or the transport of an unanswered caller broke."""


@dataclass(frozen=True, slots=True)
class CallerHungUp:
    pass


@dataclass(frozen=True, slots=True)
class CallerNotAcknowledged:
    """No ACK for the 200 within 64*T1."""


@dataclass(frozen=True, slots=True)
class CallerAnswerGiven:
    """The ACK of a 200 that made the offer. Empty: it brought no answer."""

    sdp: str


@dataclass(frozen=True, slots=True)
class CallerReady:
    """Media took the caller's answer."""

    codec: str


@dataclass(frozen=True, slots=True)
class OfferAccepted:
    """Media answered the caller's SDP."""

    sdp: str
    codec: str


@dataclass(frozen=True, slots=True)
class OfferUnacceptable:
    """Media cannot answer the caller's SDP."""

    reason: str


@dataclass(frozen=True, slots=True)
class MediaMoved:
    """Every live leg has its audio at another media instance, where nothing is played or joined yet."""


@dataclass(frozen=True, slots=True)
class MediaLost:
    """The session is gone, or media refuses to serve it."""

    reason: str


@dataclass(frozen=True, slots=True)
class StepGiven:
    """ivr says what to do next. `queue` is the configuration of the queue that the step names."""

    step: ivr.Step
    queue: tenancy.Queue | None = None


@dataclass(frozen=True, slots=True)
class FlowUnavailable:
    """Nobody walks the flow: the number's fallback route is taken."""

    to: Destination | None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class PlayFinished:
    play_id: str
    reason: str


@dataclass(frozen=True, slots=True)
class CollectFinished:
    collect_id: str
    digits: str
    reason: str


@dataclass(frozen=True, slots=True)
class Enqueued:
    contact_id: str


@dataclass(frozen=True, slots=True)
class EnqueueRefused:
    """`to`: the queue's own route for callers whom it cannot take."""

    contact_id: str
    reason: str
    to: Destination | None = None


@dataclass(frozen=True, slots=True)
class LeftQueue:
    """acd: the contact left its queue without an agent. Its place goes along to a next queue."""

    contact_id: str
    reason: str
    to: Destination | None = None
    first_fifo: int = 0
    first_enqueued_at: int = 0


@dataclass(frozen=True, slots=True)
class ComfortDue:
    """acd: the waiting caller hears a message."""

    contact_id: str
    audio: tuple[ivr.Audio, ...]


@dataclass(frozen=True, slots=True)
class HoldChanged:
    leg_id: str
    held: bool


@dataclass(frozen=True, slots=True)
class ParkedTooLong:
    """Nobody has picked the call up in time."""


@dataclass(frozen=True, slots=True)
class VoicemailFull:
    """The message is as long as it may be."""


@dataclass(frozen=True, slots=True)
class ProgressDue:
    """An unanswered caller hears nothing of us for a minute: say 183 again."""


@dataclass(frozen=True, slots=True)
class AnswerOverdue:
    """The caller waited unanswered as long as is allowed."""


@dataclass(frozen=True, slots=True)
class LegStatistics:
    leg_id: str
    statistics: media.EndpointStatistics


@dataclass(frozen=True, slots=True)
class SessionEnded:
    """Media has ended the session, or cannot be asked any more."""

    statistics: Sequence[LegStatistics] = ()


@dataclass(frozen=True, slots=True)
class Aborted:
    """The edge cannot serve the call any longer (it was restarted)."""

    cause: call_types.HangupCause


@dataclass(frozen=True, slots=True)
class Restored:
    """The process that served the call is gone; its successor has the state and takes the call up.

    `sdp`, `codecs` and `zone` as in Arrived, for a call that had no audio yet.
    """

    sdp: str = ""
    codecs: Sequence[str] = ()
    zone: str = ""


Input = (
    Arrived
    | RefusedAtDoor
    | AgentDialled
    | Originated
    | EarlyMedia
    | ExternalAnswered
    | LegRerouted
    | CallerCancelled
    | CallerHungUp
    | CallerNotAcknowledged
    | OfferAccepted
    | CallerAnswerGiven
    | CallerReady
    | OfferUnacceptable
    | MediaLost
    | MediaMoved
    | StepGiven
    | FlowUnavailable
    | PlayFinished
    | CollectFinished
    | Enqueued
    | EnqueueRefused
    | LeftQueue
    | ComfortDue
    | HoldChanged
    | agents.OfAgent
    | Asked
    | OfDevice
    | OfCallback
    | CalledBack
    | ParkedTooLong
    | VoicemailFull
    | ProgressDue
    | AnswerOverdue
    | SessionEnded
    | Aborted
    | Restored
)
