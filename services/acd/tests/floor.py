"""One engine with its clock, for tests of a single rule."""

from __future__ import annotations

from typing import Any

from seatbus_acd.domain.engine import Engine
from seatbus_acd.domain.model import (
    AgentKey,
    AgentSeen,
    AgentSpec,
    AgentStatus,
    Configured,
    ContactArrived,
    ContactLeft,
    ContactSpec,
    Effect,
    Offer,
    QueueSpec,
    Rule,
    ShareCap,
    Tick,
    Waits,
)

T = "acme"
A, B, C, D = ((T, name) for name in "abcd")
TEAM = (T, "red")
Q = (T, "sales")


class Floor:
    """One engine with its clock and revisions."""

    def __init__(
        self,
        *queues: QueueSpec,
        agents: dict[AgentKey, AgentSpec] | None = None,
        caps: dict[AgentKey, tuple[ShareCap, ...]] | None = None,
    ) -> None:
        self.engine = Engine(1)
        self.now = 1000.0
        self.revision = 0
        members = {member for queue in queues for member in queue.members}
        specs = {member: AgentSpec(member) for member in members} | (agents or {})
        self.configuration = Configured({queue.key: queue for queue in queues}, specs, caps or {})
        self.give(self.configuration)

    def give(self, event: Any) -> list[Effect]:
        return self.engine.apply(event, self.now)

    def agent(self, key: AgentKey, *, ready: bool = True, **fields: Any) -> list[Offer]:
        self.revision += 1
        status = AgentStatus(key, self.revision, ready, fields.pop("idle_since", self.now), **fields)
        return offers(self.give(AgentSeen(status)))

    def caller(self, name: str, queue: tuple[str, str] = Q, **fields: Any) -> list[Effect]:
        self.revision += 1
        return self.give(ContactArrived(ContactSpec((T, name), queue, self.revision, self.now, **fields)))

    def wait(self, seconds: float) -> list[Effect]:
        self.now += seconds
        return self.give(Tick())

    def answered(self, offer: Offer) -> list[Offer]:
        """The agent takes it and is free again at once."""
        return offers(self.give(ContactLeft(offer.key, answered=True))) + self.agent(offer.agent)


def offers(effects: list[Effect]) -> list[Offer]:
    return [effect for effect in effects if isinstance(effect, Offer)]


def only(effects: list[Effect]) -> Offer:
    [offer] = offers(effects)
    return offer


def why(effects: list[Effect]) -> Rule:
    [waits] = [effect for effect in effects if isinstance(effect, Waits)]
    return waits.decision.rule


def queue(key: tuple[str, str] = Q, members: tuple[AgentKey, ...] = (A, B, C), **fields: Any) -> QueueSpec:
    return QueueSpec(key, frozenset(members), **fields)
