"""What the engine knows, what happens to it, and what it wants done. Plain frozen data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum, StrEnum
from typing import TypeAlias

from seatbus_acd.domain.callers import CallerRules

# Always with the tenant: an id alone names nothing.
QueueKey: TypeAlias = "tuple[str, str]"
AgentKey: TypeAlias = "tuple[str, str]"
ContactKey: TypeAlias = "tuple[str, str]"
Requirements: TypeAlias = "tuple[tuple[str, int], ...]"

DEFAULT_CHANNEL = "voice"
DEFAULT_RING_TIMEOUT_S = 20
# No class may starve: without a value of its own a queue ages its contacts at this pace.
DEFAULT_AGEING_S = 300
DEFAULT_RING_AGENTS = 5


class Strategy(StrEnum):
    """Who of the free agents is chosen. Ties: who is idle longest, then the name."""

    LONGEST_IDLE = "longest_idle"
    MOST_SKILLS_FIRST = "most_skills_first"
    FEWEST_SKILLS_FIRST = "fewest_skills_first"
    LEAST_OCCUPIED = "least_occupied"
    FEWEST_CONTACTS = "fewest_contacts"
    ROUND_ROBIN = "round_robin"
    FIXED_ORDER = "fixed_order"
    WEIGHTED_RANDOM = "weighted_random"
    SIMULTANEOUS_RING = "simultaneous_ring"


@dataclass(frozen=True, slots=True)
class Relaxation:
    """From `after_s` of its visit on, a contact asks for less.

    Each named skill's level replaces the one that was asked for, 0 drops it.
    """

    after_s: float
    levels: Requirements = ()
    other_branches: bool = False
    overflow: bool = False


@dataclass(frozen=True, slots=True)
class Comfort:
    first_s: float
    every_s: float = 0.0


@dataclass(frozen=True, slots=True)
class CallbackRules:
    """How a queue calls customers back. `ring_timeout_s` is that of the customer's phone."""

    customer_first: bool = False
    max_attempts: int = 3
    retry_s: int = 300
    ring_timeout_s: int = 30
    schedule_id: str = ""
    max_age_s: int = 86_400


@dataclass(frozen=True, slots=True)
class ShareCap:
    """At most `most` agents of a team work for this tenant (or this branch of it) at once."""

    tenant: str
    branch: str
    most: int

    def binds(self, queue: QueueSpec) -> bool:
        return self.tenant == queue.key[0] and self.branch in ("", queue.branch)


@dataclass(frozen=True, slots=True)
class QueueSpec:
    """A queue as configured. Members are resolved: a team stands for its agents. `ranks` are the members'
    orders and weights, where they have any.
    """

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
    strategy: Strategy = Strategy.LONGEST_IDLE
    ranks: Mapping[AgentKey, tuple[int, int]] = field(default_factory=dict)
    branch: str = ""
    own_branch_first: bool = False
    relaxation: tuple[Relaxation, ...] = ()
    overflow_queues: tuple[QueueKey, ...] = ()
    sticky_s: int = 0
    allow_pull: bool = False
    leave_without_agents: bool = False
    comfort: Comfort | None = None
    callers: CallerRules = field(default_factory=CallerRules)
    callback: CallbackRules | None = None
    last_agent_s: int = 0
    # Of a simultaneous ring: how many ring at once.
    ring_agents: int = DEFAULT_RING_AGENTS


@dataclass(frozen=True, slots=True)
class AgentSpec:
    """An agent as configured. `capacities` empty: one voice contact."""

    key: AgentKey
    skills: Mapping[str, int] = field(default_factory=dict)
    capacities: Mapping[str, int] = field(default_factory=dict)
    disabled: bool = False
    branch: str = ""
    team: AgentKey | None = None

    def capacity(self, channel: str) -> int:
        if not self.capacities:
            return 1 if channel == DEFAULT_CHANNEL else 0
        return self.capacities.get(channel, 0)

    def meets(self, requirements: Requirements) -> bool:
        return all(self.skills.get(name, 0) >= level for name, level in requirements)


@dataclass(frozen=True, slots=True)
class AgentStatus:
    """An agent's record as seen at `revision`. `items` is rid -> channel of every open work item, `queues`
    rid -> its queue. `present` is logged in; `occupancy` was taken when he became idle.
    """

    key: AgentKey
    revision: int
    ready: bool
    idle_since: float
    items: Mapping[str, str] = field(default_factory=dict)
    present: bool = True
    contacts: int = 0
    occupancy: float = 0.0
    queues: Mapping[str, QueueKey] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Offered:
    rid: str
    agent: AgentKey
    since: float


@dataclass(frozen=True, slots=True)
class ContactSpec:
    """A contact that waits, or is offered (`offered`, after a takeover). `fifo` is the revision of its first
    record: the order in which callers came, which no re-queue changes. `first_at` is the time of that, where
    an earlier visit was the first; limits count from `enqueued_at`. `also` are further queues it waits in.

    Of a `callback` nobody holds the line: it rests until `not_before` and while its queue is closed, with no
    longest wait but `expires_at`. `reached`: its customer has been called and holds the line again.
    """

    key: ContactKey
    queue: QueueKey
    fifo: int
    enqueued_at: float
    priority: int = 0
    channel: str = DEFAULT_CHANNEL
    requirements: Requirements = ()
    offers: int = 0
    # Of a simultaneous ring several.
    offered: tuple[Offered, ...] = ()
    first_at: float | None = None
    also: tuple[QueueKey, ...] = ()
    preferred: AgentKey | None = None
    branch: str = ""
    callback: bool = False
    reached: bool = False
    not_before: float = 0.0
    expires_at: float = 0.0

    @property
    def queues(self) -> tuple[QueueKey, ...]:
        return (self.queue, *self.also)

    @property
    def came_at(self) -> float:
        return self.enqueued_at if self.first_at is None else self.first_at


# What happens


@dataclass(frozen=True, slots=True)
class Configured:
    """The whole configuration, in place of what was there."""

    queues: Mapping[QueueKey, QueueSpec]
    agents: Mapping[AgentKey, AgentSpec]
    # By team.
    caps: Mapping[AgentKey, tuple[ShareCap, ...]] = field(default_factory=dict)


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
class ContactChanged:
    """Its wishes or its place are new: priority, first enqueue, queues. An offer stands."""

    contact: ContactSpec


@dataclass(frozen=True, slots=True)
class Pulled:
    """A free agent picked a contact that waits."""

    key: ContactKey
    agent: AgentKey


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
    """The contact is back in its place, unless others of a simultaneous ring go on. `retry_s` is for failures
    that would repeat at once; `revision` is that of the agent's record on which a refusal rests, 0 where none
    was named. `whole`: all offers of the ring are over.
    """

    key: ContactKey
    rid: str
    skip: Skip
    retry_s: float = 0.0
    revision: int = 0
    whole: bool = False


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
class QueuesMove:
    """Contacts of these queues are on their way here from another holder: none is offered before all are
    `here`, which is told once for each time.
    """

    queues: frozenset[QueueKey]
    here: bool


@dataclass(frozen=True, slots=True)
class LeaseDoubted:
    """This holder may have been replaced. Until that is `over` nobody is offered, all keep their turn."""

    over: bool


@dataclass(frozen=True, slots=True)
class Tick:
    """Time has passed."""


Event: TypeAlias = (
    "Configured | AgentSeen | AgentGone | ContactArrived | ContactChanged | ContactLeft | Pulled"
    " | AgentReserved | OfferFailed | OfferProgress | LeaveFailed | QueuesMove | LeaseDoubted"
    " | Tick"
)


# What the engine wants done


class Rule(StrEnum):
    """What decided. The first ones are strategies."""

    LONGEST_IDLE = "longest_idle"
    MOST_SKILLS_FIRST = "most_skills_first"
    FEWEST_SKILLS_FIRST = "fewest_skills_first"
    LEAST_OCCUPIED = "least_occupied"
    FEWEST_CONTACTS = "fewest_contacts"
    ROUND_ROBIN = "round_robin"
    FIXED_ORDER = "fixed_order"
    WEIGHTED_RANDOM = "weighted_random"
    SIMULTANEOUS_RING = "simultaneous_ring"
    OWN_BRANCH = "own_branch"
    STICKY = "sticky"
    PULLED = "pulled"
    # Why nobody.
    NO_AGENT_READY = "no_agent_ready"
    NOT_ELIGIBLE = "not_eligible"
    NO_MEMBERS = "no_members"
    CAPPED = "capped"
    RETRY_LATER = "retry_later"
    QUEUE_MOVES = "queue_moves"
    LEASE_IN_DOUBT = "lease_in_doubt"


@dataclass(frozen=True, slots=True)
class Decision:
    """Why this agent, or why nobody. `candidates` counts the agents that could take it now; `won` is the
    queue whose agents were chosen from, `step` how far the contact's wishes were relaxed. `also` are the
    further agents of a simultaneous ring.
    """

    contact: ContactKey
    queue: QueueKey
    at: float
    rule: Rule
    chosen: AgentKey | None = None
    first_candidates: tuple[AgentKey, ...] = ()
    candidates: int = 0
    position: int = 0
    won: QueueKey | None = None
    step: str = ""
    also: tuple[AgentKey, ...] = ()


@dataclass(frozen=True, slots=True)
class Offer:
    """`also` are the further offers of a simultaneous ring, each with its own rid; one of all may connect.
    `ring` is the rid of the first one then.
    """

    key: ContactKey
    rid: str
    agent: AgentKey
    agent_revision: int
    ring_timeout_s: int
    wrap_up_s: int
    decision: Decision
    also: tuple[Offer, ...] = ()
    ring: str = ""


@dataclass(frozen=True, slots=True)
class Waits:
    decision: Decision


class LeaveReason(Enum):
    MAX_WAIT = "max_wait"
    QUEUE_CLOSED = "queue_closed"
    NO_AGENTS = "no_agents"
    MOVED = "moved"
    EXPIRED = "expired"


@dataclass(frozen=True, slots=True)
class LeaveQueue:
    key: ContactKey
    reason: LeaveReason


@dataclass(frozen=True, slots=True)
class CheckOffer:
    """Nothing was heard of this offer for longer than its phone may ring."""

    key: ContactKey
    rid: str


@dataclass(frozen=True, slots=True)
class Announce:
    """A waiting caller is due the comfort message of this number, from 0."""

    key: ContactKey
    number: int
    position: int


Effect: TypeAlias = "Offer | Waits | LeaveQueue | CheckOffer | Announce"
