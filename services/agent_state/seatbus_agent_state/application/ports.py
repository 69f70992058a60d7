"""What the use cases need from outside."""

from __future__ import annotations

from collections.abc import Coroutine, Iterable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from seatbus.acd.v1.types_pb2 import Contact
    from seatbus.agent.v1.types_pb2 import AgentState, WorkItem
    from seatbus_agent_state.domain.states import LoginPolicy, ShiftEnd
    from seatbus_kit.buckets import Entry


class ShiftConfig(Protocol):
    def shifts(self) -> Iterable[tuple[str, str, str, ShiftEnd]]: ...

    def on_shift(self, tenant: str, schedule_id: str, now: datetime) -> bool | None: ...


class AgentConfig(Protocol):
    async def known(self, tenant: str, agent_id: str) -> bool:
        """False for an agent that is not configured, or disabled. Raises Unavailable."""
        ...

    def capacity(self, tenant: str, agent_id: str, channel: str) -> int: ...

    def agent_ids(self, tenant: str) -> Iterable[str]: ...

    def place(self, tenant: str, agent_id: str) -> tuple[str, str]:
        """Team and branch."""
        ...

    def login_policy(self, tenant: str) -> LoginPolicy: ...

    def seat_refusal(self, tenant: str, seat_id: str) -> str:
        """Why nobody can sit there; empty if somebody may."""
        ...

    def reason_refusal(self, tenant: str, reason: str) -> str:
        """Why this is no reason to be not ready; empty if it is one."""
        ...

    def reason_limit_s(self, tenant: str, reason: str) -> int:
        """How long a break of this reason lasts; 0: no limit."""
        ...

    def refusal(self, tenant: str, queue_id: str, code: str) -> str:
        """Why a disposition may not be given; empty if it may."""
        ...

    def add_rules(self, item: WorkItem) -> None:
        """What the queue of a contact asks of the agent who takes it."""
        ...


class Seats(Protocol):
    async def claim(self, tenant: str, seat_id: str, agent_id: str, request_id: str) -> None:
        """Raises Refused(seat_taken)."""
        ...

    async def holder(self, tenant: str, seat_id: str) -> str: ...

    async def free(self, tenant: str, seat_id: str, agent_id: str, request_id: str) -> None: ...


class Contacts(Protocol):
    def read(self, tenant: str, contact_id: str) -> Coroutine[Any, Any, Contact | None]:
        """The contact as the bucket's leader has it. A name that none can have is refused at once."""
        ...


@dataclass(frozen=True, slots=True)
class Deadline:
    """`at` is exactly the deadline in the record: one that was moved meanwhile makes this one void.

    `rid` empty: the limit of a break.
    """

    tenant: str
    agent_id: str
    rid: str
    at: datetime


class Timers(Protocol):
    def set(self, deadline: Deadline, delay_s: float) -> None:
        """Any replica will hear of it about then, if the bus takes it; the sweep finds what it did not."""
        ...

    def forget(self, rid: str) -> None:
        """The deadline is void: a timer that the bus has not yet need not be set."""
        ...


class Directory(Protocol):
    """The watched copy of all agents."""

    def of_tenant(self, tenant: str) -> dict[str, AgentState]: ...

    def seen(self, tenant: str, agent_id: str) -> Entry | None:
        """The agent's record as it was last heard of; None when that is not certain to be recent."""
        ...

    def working(self) -> list[AgentState]:
        """Agents with work items, or on a break that has a limit."""
        ...

    def follow(self, tenant: str) -> AbstractContextManager[Changes]:
        """From now on every change of the tenant's agents is noted."""
        ...


class Changes(Protocol):
    async def next(self, timeout: float) -> set[str]:
        """Ids of the agents that have changed since the last call; empty when none did in time."""
        ...


class Dialog(Enum):
    """What the edge says of a reservation's leg."""

    UNKNOWN = "unknown"
    PENDING = "pending"
    LIVE = "live"
    UNREACHABLE = "unreachable"


class Edges(Protocol):
    async def query(self, edge_instance: str, tenant: str, call_id: str, rid: str) -> Dialog:
        """Never raises: an edge that is away or does not answer is UNREACHABLE."""
        ...

    def incarnation(self, edge_instance: str) -> str:
        """Of the edge's process; empty while there is none."""
        ...


class Share(Protocol):
    def mine(self, key: str) -> bool:
        """Replicas divide the reconciliation of conversations among themselves."""
        ...
