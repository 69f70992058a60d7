"""What the use cases need from outside."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from seatbus.acd.v1.types_pb2 import Contact
    from seatbus.agent.v1.types_pb2 import AgentState
    from seatbus_kit.buckets import Entry


class AgentConfig(Protocol):
    def known(self, tenant: str, agent_id: str) -> bool:
        """False for an agent that is not configured, or disabled."""
        ...

    def capacity(self, tenant: str, agent_id: str, channel: str) -> int: ...

    def agent_ids(self, tenant: str) -> Iterable[str]: ...


class Contacts(Protocol):
    async def read(self, tenant: str, contact_id: str) -> Contact | None:
        """The contact as the bucket's leader has it."""
        ...


@dataclass(frozen=True, slots=True)
class Deadline:
    """`at` is exactly the deadline in the record: one that was moved meanwhile makes this one void."""

    tenant: str
    agent_id: str
    rid: str
    at: datetime


class Timers(Protocol):
    def set(self, deadline: Deadline, delay_s: float) -> None:
        """Any replica will hear of it about then, if the bus takes it; the sweep finds what it did not."""
        ...


class Directory(Protocol):
    """The watched copy of all agents."""

    def of_tenant(self, tenant: str) -> dict[str, AgentState]: ...

    def seen(self, tenant: str, agent_id: str) -> Entry | None:
        """The agent's record as it was last heard of; None when that is not certain to be recent."""
        ...

    def working(self) -> list[AgentState]:
        """Agents with work items."""
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


class Share(Protocol):
    def mine(self, key: str) -> bool:
        """Replicas divide the reconciliation of conversations among themselves."""
        ...
