"""Which legs of a call talk with each other beyond pairs: its conference and its supervisors.

Laws: a conference of two is a pair; a pair's packets are relayed where its codecs have something in common;
the mixer runs only while somebody hears more than one voice, or one that speaks another codec; whoever is put
elsewhere has left the conference.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from seatbus_media.application.endpoint import Endpoint
from seatbus_media.application.room import Room
from seatbus_media.domain.hearing import SuperviseMode, Supervision, matrix, mixed


class Gathering:
    """One for each session; without conference and supervisors it costs nothing."""

    def __init__(self) -> None:
        self._conference: tuple[Endpoint, ...] = ()
        self._supervisions: dict[Endpoint, Supervision[Endpoint]] = {}
        self._room: Room | None = None

    def confer(self, members: Sequence[Endpoint]) -> None:
        """The conference has exactly these members from now on. Those who come new stop hearing what was
        played to them; those left out hear nothing.
        """
        talking = {*self._conference, *(one for one in members if one.peer in members)}
        self._conference = ()
        if len(members) == 2 and members[0].peer is members[1]:
            return
        for one in members:
            self._supervisions.pop(one, None)
            one.disconnect()
            if one not in talking:
                one.stop_player()
                one.keys.typed_ahead.clear()
        self._conference = tuple(members)

    def supervise(self, supervisor: Endpoint, agent: Endpoint, mode: SuperviseMode) -> None:
        """Begins or changes a supervision."""
        before = self._supervisions.get(supervisor)
        if before is None:
            self.leave(supervisor)
            supervisor.disconnect()
            supervisor.stop_player()
        self._supervisions[supervisor] = Supervision(supervisor, agent, mode)

    def dismiss(self, supervisor: Endpoint) -> None:
        self._supervisions.pop(supervisor, None)

    def supervises(self, endpoint: Endpoint) -> bool:
        return endpoint in self._supervisions

    def supervised(self, endpoint: Endpoint) -> bool:
        return any(one.agent is endpoint for one in self._supervisions.values())

    def described(self) -> tuple[list[str], list[tuple[str, str, str]]]:
        """The members of the conference, and (supervisor, agent, mode) of each supervision, by id."""
        watched = [(one.supervisor.id, one.agent.id, one.mode.value) for one in self._supervisions.values()]
        return [one.id for one in self._conference], watched

    def leave(self, endpoint: Endpoint) -> None:
        """Out of the conference, and no supervisor any more; its own supervisors stay with it."""
        self._conference = tuple(one for one in self._conference if one is not endpoint)
        self._supervisions.pop(endpoint, None)

    def forget(self, endpoint: Endpoint) -> None:
        """The leg ends, and with it the supervision of it."""
        self.leave(endpoint)
        for supervisor, one in tuple(self._supervisions.items()):
            if one.agent is endpoint:
                del self._supervisions[supervisor]

    def arrange(self, endpoints: Iterable[Endpoint]) -> None:
        """Makes what is heard agree with what was asked for."""
        if len(self._conference) == 2:
            one, other = self._conference
            one.pair(other)
        if len(self._conference) < 3:
            self._conference = ()
        pairs = {one: one.peer for one in endpoints if one.peer is not None}
        plain = {one: peer for one, peer in pairs.items() if peer.relays_to(one)}
        if self._room is None and not self._conference and not self._supervisions and plain == pairs:
            return
        hears = mixed(matrix(pairs, self._conference, self._supervisions.values()), plain)
        if self._room is None and hears:
            self._room = Room(next(iter(hears)).ticker)
        if self._room is not None:
            self._room.arrange(hears)
            if not hears:
                self._room = None
