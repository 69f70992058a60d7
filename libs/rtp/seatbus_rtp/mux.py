"""One UDP port shared by many legs: whose datagram is it? (RFC 7983, RFC 8445 7.3)

Laws: an address belongs to one leg, and only an authentic check gives it to one; while its leg is alive no
other leg can take it. Datagrams of unknown sources cost little and are limited by source.
"""

from __future__ import annotations

from collections.abc import Hashable
from enum import Enum
from typing import Final, Generic, TypeVar

STRANGERS_A_SECOND: Final = 100
"""Messages of one unknown host that are looked at in a second: a browser's first checks are some ten, many
browsers may stand behind one address."""
ALL_STRANGERS_A_SECOND: Final = 2000
MAX_HOSTS: Final = 4096
"""Unknown hosts that are counted apart in one second."""
_FRESH_S: Final = 10.0
"""An address that was checked this recently stays with its leg: browsers check every 2.5 s."""

Source = tuple[object, ...]
Leg = TypeVar("Leg", bound=Hashable)


class Content(Enum):
    """What a datagram is, by its first byte (RFC 7983)."""

    STUN = "stun"
    DTLS = "dtls"
    MEDIA = "media"
    OTHER = "other"


def content(datagram: bytes) -> Content:
    if not datagram:
        return Content.OTHER
    first = datagram[0]
    if 128 <= first <= 191:
        return Content.MEDIA
    if first <= 3:
        return Content.STUN
    return Content.DTLS if 20 <= first <= 63 else Content.OTHER


class UdpMux(Generic[Leg]):
    """Who owns which address and which username fragment. `by_address` is read on the hot path."""

    def __init__(self) -> None:
        self.by_address: dict[Source, Leg] = {}
        self._checked: dict[Source, float] = {}
        self._of_leg: dict[Leg, set[Source]] = {}
        self._by_ufrag: dict[str, Leg] = {}
        self._strangers = _SourceLimit()

    def __len__(self) -> int:
        return len(self._of_leg)

    def add(self, leg: Leg, ufrag: str) -> None:
        """Checks that name the fragment are the leg's."""
        self._by_ufrag[ufrag] = leg
        self._of_leg.setdefault(leg, set())

    def drop(self, ufrag: str) -> None:
        """The fragment is no longer good."""
        self._by_ufrag.pop(ufrag, None)

    def named(self, username: str) -> Leg | None:
        """The leg of a check's username, `<our fragment>:<the peer's>`."""
        return self._by_ufrag.get(username.partition(":")[0])

    def let_in(self, host: str, now: float) -> bool:
        """Whether a message of an unknown source is looked at at all."""
        return self._strangers.let_in(host, now)

    def free_for(self, leg: Leg, source: Source, now: float) -> bool:
        """Whether the leg may be reached there: False while the address belongs to another that is alive."""
        owner = self.by_address.get(source)
        return owner is None or owner is leg or now - self._checked[source] >= _FRESH_S

    def checked(self, leg: Leg, source: Source, now: float) -> None:
        """An authentic check of the leg came from there; `free_for` said that it may."""
        owner = self.by_address.get(source)
        if owner is not None and owner is not leg:
            self._of_leg[owner].discard(source)
        self.by_address[source] = leg
        self._checked[source] = now
        self._of_leg.setdefault(leg, set()).add(source)

    def keep(self, leg: Leg, sources: set[Source]) -> None:
        """The leg is known at these addresses only."""
        for source in self._of_leg.get(leg, set()) - sources:
            self._forget(leg, source)

    def remove(self, leg: Leg) -> None:
        """The leg is over: nothing that arrives is for it."""
        for source in tuple(self._of_leg.get(leg, ())):
            self._forget(leg, source)
        self._of_leg.pop(leg, None)
        for ufrag in [name for name, owner in self._by_ufrag.items() if owner is leg]:
            del self._by_ufrag[ufrag]

    def _forget(self, leg: Leg, source: Source) -> None:
        self._of_leg[leg].discard(source)
        if self.by_address.get(source) is leg:
            del self.by_address[source]
            del self._checked[source]


class _SourceLimit:
    """How many messages of unknown hosts came within the current second."""

    def __init__(self) -> None:
        self._second = -1
        self._all = 0
        self._counts: dict[str, int] = {}

    def let_in(self, host: str, now: float) -> bool:
        if int(now) != self._second:
            self._second = int(now)
            self._all = 0
            self._counts.clear()
        count = self._counts.get(host, 0)
        if count >= STRANGERS_A_SECOND or self._all >= ALL_STRANGERS_A_SECOND:
            return False
        if not count and len(self._counts) >= MAX_HOSTS:
            return False
        self._counts[host] = count + 1
        self._all += 1
        return True
