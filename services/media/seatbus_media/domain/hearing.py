"""Who hears whom in a call: pairs, a conference, supervisors. Legs are whatever the caller names them by.

Laws: nobody hears itself; a supervisor hears what the agent hears and the agent, in every mode; it is heard
by nobody (monitor), by the agent alone (whisper), or by all whom the agent speaks with (barge). A supervisor
follows its agent from one conversation to the next.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
Matrix = dict[K, dict[K, float]]


class SuperviseMode(Enum):
    MONITOR = "monitor"
    WHISPER = "whisper"
    BARGE = "barge"


@dataclass(frozen=True, slots=True)
class Supervision(Generic[K]):
    supervisor: K
    agent: K
    mode: SuperviseMode


def matrix(
    pairs: Mapping[K, K], conference: Iterable[K], supervisions: Iterable[Supervision[K]]
) -> Matrix[K]:
    """Gains by listener, then speaker. `pairs` names each leg's partner, both ways."""
    hears: Matrix[K] = {listener: {partner: 1.0} for listener, partner in pairs.items()}
    members = tuple(conference)
    for listener in members:
        hears[listener] = {speaker: 1.0 for speaker in members if speaker != listener}
    talks = {listener: tuple(speakers) for listener, speakers in hears.items()}
    watched = tuple(supervisions)
    for one in watched:
        if one.mode is SuperviseMode.MONITOR:
            continue
        hears.setdefault(one.agent, {})[one.supervisor] = 1.0
        if one.mode is SuperviseMode.BARGE:
            for partner in talks.get(one.agent, ()):
                hears[partner][one.supervisor] = 1.0
    for one in watched:
        heard = {one.agent: 1.0} | hears.get(one.agent, {})
        hears[one.supervisor] = {
            speaker: gain for speaker, gain in heard.items() if speaker != one.supervisor
        }
    return hears


def mixed(hears: Matrix[K], pairs: Mapping[K, K]) -> Matrix[K]:
    """The part of the matrix that a mixer has to make: a listener whose partner is all it hears gets the
    partner's packets as they are, if `pairs` names the partner: those are the pairs that can be relayed.
    """
    return {
        listener: speakers
        for listener, speakers in hears.items()
        if speakers and (len(speakers) > 1 or pairs.get(listener) not in speakers)
    }
