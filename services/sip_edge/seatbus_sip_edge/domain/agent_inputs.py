"""What happens around an agent who is offered a call, answers it, and leaves it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class AgentOffered:
    """acd: ring this agent. Checked for epoch and rid before it gets here.

    `sdp` and `zone`: how the phone is offered the leg, and in which network, where media has said so before.
    """

    contact_id: str
    rid: str
    group: str
    epoch: int
    agent_tenant_id: str
    agent_id: str
    device_id: str
    queue_id: str
    leg_id: str
    ring_timeout_s: int
    ring: str = ""
    sdp: str = ""
    zone: str = ""


@dataclass(frozen=True, slots=True)
class OfferWithdrawn:
    rid: str


@dataclass(frozen=True, slots=True)
class AgentOfferMade:
    """Media made the SDP for the agent's leg."""

    leg_id: str
    sdp: str


@dataclass(frozen=True, slots=True)
class AgentRinging:
    leg_id: str


@dataclass(frozen=True, slots=True)
class AgentAnswered:
    leg_id: str
    sdp: str


@dataclass(frozen=True, slots=True)
class AgentFailed:
    """The INVITE to the agent's phone ended with `status`; 0: it was never sent."""

    leg_id: str
    status: int


@dataclass(frozen=True, slots=True)
class RingTimedOut:
    leg_id: str


@dataclass(frozen=True, slots=True)
class AgentHungUp:
    leg_id: str


@dataclass(frozen=True, slots=True)
class WorkBegun:
    """agent_state gives the agent whom no queue gave."""

    leg_id: str


@dataclass(frozen=True, slots=True)
class WorkNotBegun:
    leg_id: str
    reason: str


@dataclass(frozen=True, slots=True)
class WorkAccepted:
    """agent_state took the answer, or is away: then the call is connected and reconciled later."""

    leg_id: str


@dataclass(frozen=True, slots=True)
class WorkRefused:
    leg_id: str
    reason: str


@dataclass(frozen=True, slots=True)
class Connected:
    """Media joined the legs."""

    leg_id: str
    codec: str


@dataclass(frozen=True, slots=True)
class ConnectFailed:
    leg_id: str
    reason: str


@dataclass(frozen=True, slots=True)
class OfferDropped:
    """acd no longer knows the reservation that was answered."""

    rid: str


OfAgent = (
    AgentOffered
    | OfferWithdrawn
    | AgentOfferMade
    | AgentRinging
    | AgentAnswered
    | AgentFailed
    | RingTimedOut
    | AgentHungUp
    | WorkBegun
    | WorkNotBegun
    | WorkAccepted
    | WorkRefused
    | Connected
    | ConnectFailed
    | OfferDropped
)
