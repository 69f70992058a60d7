"""What the engine knows, what happens to it, and what it wants done. Plain frozen data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum, StrEnum
from typing import TypeAlias

# Always with the tenant: an id alone names nothing.
QueueKey: TypeAlias = "tuple[str, str]"
AgentKey: TypeAlias = "tuple[str, str]"
ContactKey: TypeAlias = "tuple[str, str]"
Requirements: TypeAlias = "tuple[tuple[str, int], ...]"

DEFAULT_CHANNEL = "voice"
DEFAULT_RING_TIMEOUT_S = 20


@dataclass(frozen=True, slots=True)
class QueueSpec:
    """A queue as configured. Members are resolved: a team stands for its agents."""

    key: QueueKey
    members: frozenset[AgentKey]
    requirements: Requirements = ()
    priority: int = 0
    ageing_s: int = 0
    ring_timeout_s: int = DEFAULT_RING_TIMEOUT_S
    wrap_up_s: int = 0
    service_level_s: int = 20
    short_abandon_s: int = 0
    max_waiting: int = 0
    max_wait_s: int = 0
    closed: bool = False


@dataclass(frozen=True, slots=True)
class AgentSpec:
    """An agent as configured. `capacities` empty: one voice contact."""

    key: AgentKey
    skills: Mapping[str, int] = field(default_factory=dict)
    capacities: Mapping[str, int] = field(default_factory=dict)
    disabled: bool = False

    def capacity(self, channel: str) -> int:
        if not self.capacities:
            return 1 if channel == DEFAULT_CHANNEL else 0
        return self.capacities.get(channel, 0)

    def meets(self, requirements: Requirements) -> bool:
        return all(self.skills.get(name, 0) >= level for name, level in requirements)


@dataclass(frozen=True, slots=True)
class AgentStatus:
    """An agent's record as seen at `revision`. `items` is rid -> channel of every open work item."""

    key: AgentKey
    revision: int
    ready: bool
    idle_since: float
    items: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Offered:
    rid: str
    agent: AgentKey
    since: float


@dataclass(frozen=True, slots=True)
class ContactSpec:
    """A contact that waits, or is offered (`offered`, after a takeover). `fifo` is the revision of its first
    record: the order in which callers came, which no re-queue changes.
    """

    key: ContactKey
    queue: QueueKey
    fifo: int
    enqueued_at: float
    priority: int = 0
    channel: str = DEFAULT_CHANNEL
    requirements: Requirements = ()
    offers: int = 0
    offered: Offered | None = None


# What happens


@dataclass(frozen=True, slots=True)
class Configured:
    """The whole configuration, in place of what was there."""

    queues: Mapping[QueueKey, QueueSpec]
    agents: Mapping[AgentKey, AgentSpec]


@dataclass(frozen=True, slots=True)
class AgentSeen:
    status: AgentStatus


@dataclass(frozen=True, slots=True)
class AgentGone:
    key: AgentKey


@dataclass(frozen=True, slots=True)
class ContactArrived:
    contact: ContactSpec


@dataclass(frozen=True, slots=True)
class ContactLeft:
    """Its visit has ended, whatever the outcome."""

    key: ContactKey
    answered: bool = False


@dataclass(frozen=True, slots=True)
class AgentReserved:
    """The reservation is in the agent's record since `revision`."""

    key: ContactKey
    rid: str
    revision: int


class Skip(Enum):
    """Whether a failed offer says something of the agent."""

    # His record was not as seen, or he did not take it and the record that says so may still be on its way:
    # he gets no offer before a newer one arrives.
    AGENT = "agent"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class OfferFailed:
    """The contact is back in its place. `retry_s` is for failures that would repeat at once; `revision` is
    that of the agent's record on which a refusal rests, 0 where none was named.
    """

    key: ContactKey
    rid: str
    skip: Skip
    retry_s: float = 0.0
    revision: int = 0


@dataclass(frozen=True, slots=True)
class OfferProgress:
    """A sign of life of an offer: its deadline starts anew."""

    key: ContactKey
    rid: str


@dataclass(frozen=True, slots=True)
class LeaveFailed:
    """The edge could not be told; it is tried again."""

    key: ContactKey
    retry_s: float


@dataclass(frozen=True, slots=True)
class Tick:
    """Time has passed."""


Event: TypeAlias = (
    "Configured | AgentSeen | AgentGone | ContactArrived | ContactLeft | AgentReserved | OfferFailed"
    " | OfferProgress | LeaveFailed | Tick"
)


# What the engine wants done


class Rule(StrEnum):
    LONGEST_IDLE = "longest_idle"
    NO_AGENT_READY = "no_agent_ready"
    NOT_ELIGIBLE = "not_eligible"
    NO_MEMBERS = "no_members"
    RETRY_LATER = "retry_later"


@dataclass(frozen=True, slots=True)
class Decision:
    """Why this agent, or why nobody. `candidates` counts the agents that could take it now."""

    contact: ContactKey
    queue: QueueKey
    at: float
    rule: Rule
    chosen: AgentKey | None = None
    first_candidates: tuple[AgentKey, ...] = ()
    candidates: int = 0
    position: int = 0


@dataclass(frozen=True, slots=True)
class Offer:
    key: ContactKey
    rid: str
    agent: AgentKey
    agent_revision: int
    ring_timeout_s: int
    wrap_up_s: int
    decision: Decision


@dataclass(frozen=True, slots=True)
class Waits:
    decision: Decision


class LeaveReason(Enum):
    MAX_WAIT = "max_wait"
    QUEUE_CLOSED = "queue_closed"


@dataclass(frozen=True, slots=True)
class LeaveQueue:
    key: ContactKey
    reason: LeaveReason


@dataclass(frozen=True, slots=True)
class CheckOffer:
    """Nothing was heard of this offer for longer than its phone may ring."""

    key: ContactKey
    rid: str


Effect: TypeAlias = "Offer | Waits | LeaveQueue | CheckOffer"
