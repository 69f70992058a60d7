"""What routing needs from outside."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Literal, Protocol

if TYPE_CHECKING:
    from seatbus.acd.v1 import types_pb2 as wire
    from seatbus.tenancy.v1.types_pb2 import Route
    from seatbus_acd.domain.model import AgentKey, LeaveReason, Offer, QueueKey


@dataclass(frozen=True, slots=True)
class CallbackPlan:
    """How the customer of a call-back is called. `ring_timeout_s`: of the customer's phone."""

    number: str
    customer_first: bool
    attempts: int
    max_attempts: int
    interaction_id: str
    branch_id: str
    attributes: Mapping[str, str]
    visit: int
    ring_timeout_s: int = 0


@dataclass(frozen=True, slots=True)
class Visit:
    """Where a contact comes from. Of a `callback` nobody holds the line: call and edge are those of the
    present attempt, empty while there is none.
    """

    tenant: str
    contact_id: str
    call_id: str
    queue_id: str
    edge_instance: str
    channel: str
    enqueued_at: float
    caller: str = ""
    callback: CallbackPlan | None = None

    @property
    def without_call(self) -> bool:
        """A chat, an e-mail, a task: no edge has it."""
        return not self.edge_instance and self.callback is None


@dataclass(frozen=True, slots=True)
class Departure:
    """A contact leaves its queue without an agent. Its place goes along for the next visit; without a target
    the call's flow decides.
    """

    reason: LeaveReason
    target: Route | None
    fifo: int
    first_at: float


class Agents(Protocol):
    """The owner of agents' states."""

    async def reserve(self, visit: Visit, offer: Offer, group: str, epoch: int) -> int:
        """Returns the revision of the reservation. Raises Refused, StaleEpoch, NotFound, or a retryable
        SeatbusError when nobody could tell."""
        ...

    async def release(self, visit: Visit, agent: AgentKey, rid: str) -> None:
        """Idempotent. Raises SeatbusError; the reservation's own deadline is the safety net."""
        ...

    async def holds(self, agent: AgentKey, rid: str) -> int:
        """State of the work item of `rid` in the agent's record (a leader read); 0 when there is none."""
        ...

    async def progress(self, agent: AgentKey, rid: str) -> Literal["", "offered", "taken"]:
        """The same in a word: he has not answered yet, or he has, and may have ended it since."""
        ...

    async def report(self, visit: Visit, agent: AgentKey, rid: str, outcome: str) -> None:
        """What the agent does with a contact without a call: answered, rejected, no_answer, ended, …

        Idempotent. Raises Refused, or a retryable SeatbusError.
        """
        ...


class Memory(Protocol):
    """What outlives a holder. Nothing of it raises: what is not known is not preferred, nor estimated."""

    async def last_agent(self, tenant: str, customer: str, within_s: int) -> str: ...

    async def served(self, queue: QueueKey, customer: str, agent: AgentKey, keep_s: int) -> None: ...

    async def waits(self, tenants: Iterable[str]) -> dict[QueueKey, tuple[float, float, float]]: ...

    async def keep_wait(self, queue: QueueKey, statistics: tuple[float, float, float]) -> None: ...


class NextVisits(Protocol):
    """Whoever holds the routing group of a queue."""

    async def open(self, record: wire.Contact) -> int:
        """Opens the visit that `onward` of a record names; returns its position. Idempotent.

        Raises Refused, NotFound, ResourceExhausted(queue_full), or a retryable SeatbusError.
        """
        ...


class Leg(Enum):
    """What the edge says of an offer's leg."""

    NONE = "none"
    PENDING = "pending"
    LIVE = "live"


class Edges(Protocol):
    """The edge that owns a contact's call."""

    def present(self, edge_instance: str) -> bool: ...

    async def offer(self, visit: Visit, offer: Offer, group: str, epoch: int) -> None:
        """Raises NotFound for a call that is gone, Refused, StaleEpoch, or a retryable SeatbusError."""
        ...

    def choose(self) -> str:
        """The edge for a new call; empty when none is there."""
        ...

    async def check_number(self, tenant: str, branch: str, number: str) -> str:
        """The number as it is called. Raises Refused(number_not_allowed) or a retryable SeatbusError."""
        ...

    async def hang_up(self, visit: Visit) -> None:
        """Ends the call of an attempt. Raises NotFound for one that is gone, or SeatbusError."""
        ...

    async def leave(self, visit: Visit, departure: Departure, epoch: int) -> None:
        """Raises as `offer` does."""
        ...

    async def announce(self, visit: Visit, number: int, position: int, wait_s: int) -> None:
        """Comfort message `number` of the visit's queue, from 0. Raises SeatbusError."""
        ...

    async def query(self, visit: Visit, rid: str) -> Leg:
        """Raises NotFound for a call that is gone, or a retryable SeatbusError."""
        ...
