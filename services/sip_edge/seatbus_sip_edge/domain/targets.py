"""The addresses of a trunk's peer, and what is believed of each: up, degraded or down."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final, NamedTuple, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

T = TypeVar("T")


class Target(NamedTuple):
    """Where requests to a peer go. `priority` and `weight` as in SRV (RFC 2782), the lowest first."""

    host: str
    port: int
    transport: str
    priority: int = 0
    weight: int = 0

    @property
    def way(self) -> tuple[str, int, str]:
        return self.host, self.port, self.transport


def drawn(entries: Iterable[tuple[int, int, T]], roll: Callable[[], float]) -> list[T]:
    """Values of (order, weight, value) in order; those of one order drawn by weight, 0 counting as a little.

    `roll` gives numbers from [0, 1).
    """
    left: dict[int, list[tuple[float, T]]] = {}
    for order, weight, value in entries:
        left.setdefault(order, []).append((float(weight or 0.01), value))
    found: list[T] = []
    for order in sorted(left):
        group = left[order]
        while group:
            at = roll() * sum(share for share, _ in group)
            chosen = len(group) - 1
            for index, (share, _) in enumerate(group):
                at -= share
                if at < 0:
                    chosen = index
                    break
            found.append(group.pop(chosen)[1])
    return found


class State(StrEnum):
    UP = "up"
    DEGRADED = "degraded"
    DOWN = "down"


class Heard(StrEnum):
    ANSWERED = "answered"
    FAILED = "failed"


# One failure makes doubtful, two in a row make down; one answer makes doubtful again, two make up.
HEALTH: Final[dict[tuple[State, Heard], State]] = {
    (State.UP, Heard.ANSWERED): State.UP,
    (State.UP, Heard.FAILED): State.DEGRADED,
    (State.DEGRADED, Heard.ANSWERED): State.UP,
    (State.DEGRADED, Heard.FAILED): State.DOWN,
    (State.DOWN, Heard.ANSWERED): State.DEGRADED,
    (State.DOWN, Heard.FAILED): State.DOWN,
}
_RANK: Final = {State.UP: 0, State.DEGRADED: 1, State.DOWN: 2}


@dataclass(slots=True)
class Health:
    """What is believed of one target, and until when it wants to be left alone."""

    state: State = State.UP
    rests_until: float = 0.0

    def hears(self, heard: Heard) -> bool:
        """Whether the belief has changed."""
        before = self.state
        self.state = HEALTH[before, heard]
        return self.state is not before


def by_health(targets: Sequence[Target], state_of: Callable[[Target], State]) -> list[Target]:
    """Healthy ones first, those that are down last: a belief may be wrong, a call not tried is lost."""
    return sorted(targets, key=lambda target: _RANK[state_of(target)])


def worst_first(states: Iterable[State]) -> State:
    """The state of a trunk: its best target's, but degraded when another target is not up."""
    known = list(states)
    if not known or all(state is State.DOWN for state in known):
        return State.DOWN
    return State.UP if all(state is State.UP for state in known) else State.DEGRADED
