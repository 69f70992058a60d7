"""What people ask of a call, by the API or their phones."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from seatbus.call.v1 import service_pb2 as control
    from seatbus.call.v1 import types_pb2 as call_types
    from seatbus_sip_edge.domain.destinations import Destination
    from seatbus_sip_edge.domain.model import Leg


@dataclass(frozen=True, slots=True)
class HoldAsked:
    """By the API, for a leg: the other side is put on hold."""

    leg_id: str
    on: bool


@dataclass(frozen=True, slots=True)
class MuteAsked:
    leg_id: str
    on: bool


@dataclass(frozen=True, slots=True)
class DigitsAsked:
    leg_id: str
    digits: str


@dataclass(frozen=True, slots=True)
class RecordingAsked:
    control: control.RecordingControl


@dataclass(frozen=True, slots=True)
class TransferAsked:
    """`referred_by`: as the phone says it whose REFER this is."""

    to: Destination
    referred_by: str = ""


@dataclass(frozen=True, slots=True)
class ConsultAsked:
    """`to` is an agent, a number, or a queue."""

    to: Destination


@dataclass(frozen=True, slots=True)
class SwapAsked:
    pass


@dataclass(frozen=True, slots=True)
class CompleteAsked:
    end: control.ConsultEnd


@dataclass(frozen=True, slots=True)
class ParkAsked:
    slot: str


@dataclass(frozen=True, slots=True)
class PickUpAsked:
    agent_id: str
    agent_tenant_id: str


@dataclass(frozen=True, slots=True)
class PartyJoined:
    """The other party of another call of the agent, with its answer to our offer. The leg is a copy."""

    leg: Leg
    sdp: str


@dataclass(frozen=True, slots=True)
class PartyLeft:
    """A leg has gone over to another call."""

    leg_id: str


@dataclass(frozen=True, slots=True)
class OriginatedTo:
    """By the API: ring the agent, who then is a caller for a queue, a flow or a colleague."""

    to: Destination
    agent_tenant_id: str
    agent_id: str
    rid: str
    ring_timeout_s: int
    attributes: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class LegReplaced:
    """Another phone takes the place of an agent's (RFC 3891). `sdp` is our answer to what it has offered."""

    replaced_leg_id: str
    leg: Leg
    sdp: str


@dataclass(frozen=True, slots=True)
class LegRedirected:
    """Who was called has named another number (3xx). `refused_by`: the rule that keeps us from calling it."""

    leg_id: str
    status: int
    number: str
    refused_by: str
    sdp: str
    ways: Sequence[Sequence[object]] = ()


@dataclass(frozen=True, slots=True)
class SuperviseAsked:
    agent_id: str
    agent_tenant_id: str
    mode: control.SuperviseMode


@dataclass(frozen=True, slots=True)
class HangUpAsked:
    """By the API: the whole call, or one leg."""

    leg_id: str
    cause: call_types.HangupCause


@dataclass(frozen=True, slots=True)
class AttributesSet:
    attributes: Mapping[str, str]


Asked = (
    AttributesSet
    | HoldAsked
    | MuteAsked
    | DigitsAsked
    | RecordingAsked
    | TransferAsked
    | ConsultAsked
    | SwapAsked
    | CompleteAsked
    | ParkAsked
    | PickUpAsked
    | PartyJoined
    | PartyLeft
    | OriginatedTo
    | LegReplaced
    | LegRedirected
    | SuperviseAsked
    | HangUpAsked
)
