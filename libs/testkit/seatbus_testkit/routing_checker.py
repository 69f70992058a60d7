"""Judges a run of routing: what an edge saw with its own eyes, and what the bus says happened.

The laws are those a caller and an agent would notice: one contact has one agent, one agent has one contact,
nobody who waits is lost or overtaken, nobody is kept busy by a call that is over.
"""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

# Clocks of processes on one machine agree; what is read within a moment is not held against anybody.
_MOMENT_S = 0.5


@dataclass(frozen=True, slots=True)
class Talk:
    """An agent's leg joined to a contact. Times in seconds; `until` is infinite while it lasts."""

    contact: str
    agent: str
    since: float
    until: float


@dataclass(frozen=True, slots=True)
class Waiting:
    """One contact's stay in a queue, as its events tell it. `spans`: when it waited, offers left out.

    It came at some moment between `enqueued_at`, when the queue decided to take it, and `confirmed_at`, when
    its edge heard that it had.
    """

    contact: str
    queue: str
    enqueued_at: float
    confirmed_at: float
    spans: tuple[tuple[float, float], ...]
    offers: tuple[tuple[float, str], ...]
    ends: int


@dataclass(slots=True)
class ContactLog:
    """Builds a `Waiting` from the events of one contact, in their order."""

    contact: str
    queue: str = ""
    enqueued_at: float = 0.0
    confirmed_at: float = 0.0
    ends: int = 0
    spans: list[tuple[float, float]] = field(default_factory=list)
    offers: list[tuple[float, str]] = field(default_factory=list)
    _since: float | None = None
    # Of a simultaneous ring several.
    _open: set[str] = field(default_factory=set)

    def enqueued(self, at: float, queue: str) -> None:
        self.queue, self.enqueued_at = queue, at
        self._since = self.confirmed_at = max(at, self.confirmed_at)

    def confirmed(self, at: float) -> None:
        self.confirmed_at = at

    def offered(self, at: float, agent: str, rid: str = "") -> None:
        self._close(at)
        self._open.add(rid)
        self.offers.append((at, agent))

    def returned(self, at: float, pause: float = 0.0, rid: str = "") -> None:
        """It waits once nobody rings any more. `pause`: seconds for which it is not offered, by rule."""
        self._open.discard(rid)
        if not self._open:
            self._since = at + pause

    def ended(self, at: float) -> None:
        self._close(at)
        self.ends += 1

    def _close(self, at: float) -> None:
        if self._since is not None and self._since < at:
            self.spans.append((self._since, at))
        self._since = None

    def waiting(self) -> Waiting:
        spans = (*self.spans, *([(self._since, float("inf"))] if self._since is not None else []))
        return Waiting(
            self.contact,
            self.queue,
            self.enqueued_at,
            self.confirmed_at,
            tuple(spans),
            tuple(self.offers),
            self.ends,
        )


def two_at_once(talks: Iterable[Talk]) -> list[str]:
    """Agents who talked to two contacts at one moment."""
    by_agent: dict[str, list[Talk]] = defaultdict(list)
    for talk in talks:
        by_agent[talk.agent].append(talk)
    found = []
    for agent, own in by_agent.items():
        own.sort(key=lambda talk: (talk.since, talk.until))
        found += [
            f"agent {agent} talked to {one.contact} and, since {other.since:.3f}, to {other.contact}"
            for one, other in itertools.pairwise(own)
            if other.since < one.until
        ]
    return found


def two_agents(talks: Iterable[Talk]) -> list[str]:
    """Contacts that were joined to more than one agent, at any time."""
    by_contact: dict[str, list[str]] = defaultdict(list)
    for talk in talks:
        by_contact[talk.contact].append(talk.agent)
    return [f"contact {contact} had {agents}" for contact, agents in by_contact.items() if len(agents) > 1]


def lost(enqueued: Iterable[str], waitings: Mapping[str, Waiting]) -> list[str]:
    """Contacts that were taken into a queue and did not leave it exactly once."""
    found = []
    for contact in enqueued:
        waiting = waitings.get(contact)
        if waiting is None:
            found.append(f"contact {contact} left no trace")
        elif waiting.ends != 1:
            found.append(f"contact {contact} ended {waiting.ends} times")
    return found


def overtaken(waitings: Sequence[Waiting], outages: Sequence[tuple[float, float]] = ()) -> list[str]:
    """Contacts that waited, with nobody offering them, while a later one of their queue got an agent.

    All contacts of a queue have the same wishes here. An agent who had let a contact ring out is not offered
    to it again at once, so such an agent may pass it by. In `outages` the bus did not take writes: a contact
    whose record is in doubt is not decided upon before the doubt is over, and who comes then may be first.
    """
    by_queue: dict[str, list[Waiting]] = defaultdict(list)
    for waiting in waitings:
        by_queue[waiting.queue].append(waiting)
    found = []
    for queue, members in by_queue.items():
        members.sort(key=lambda waiting: waiting.confirmed_at)
        for later in members:
            for at, agent in later.offers:
                if any(since <= at <= until for since, until in outages):
                    continue
                for earlier in members:
                    if earlier.confirmed_at >= later.enqueued_at - _MOMENT_S:
                        break
                    if _stood_waiting(earlier, at) and all(
                        agent != tried for when, tried in earlier.offers if when < at
                    ):
                        found.append(
                            f"queue {queue}: {agent} went to {later.contact} at {at:.3f} "
                            f"while {earlier.contact} waited since {earlier.confirmed_at:.3f}"
                        )
    return found


def _stood_waiting(waiting: Waiting, at: float) -> bool:
    return any(since + _MOMENT_S < at < until - _MOMENT_S for since, until in waiting.spans)
