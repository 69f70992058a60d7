"""Which codecs are offered and answered, in which order.

Laws: what two legs can relay goes before what has to be transcoded; then the order of those who set the
codecs (a trunk, a device), then the offer's. An answer names one family of codecs, so that it is clear what
is spoken: the two laws of G.711 are one, because packets of one become the other's by a table.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from seatbus_sip.sdp import G722, OPUS, PCMA, PCMU, TELEPHONE_EVENT, TELEPHONE_EVENT_48K, Codec, Media

SERVED: Final = {codec.name.upper(): codec for codec in (PCMU, PCMA, G722, OPUS)}


def family(name: str) -> str:
    """Codecs of one family need no transcoding between each other."""
    upper = name.upper()
    return "G711" if upper in ("PCMU", "PCMA") else upper


def audio_codecs(names: Iterable[str]) -> list[Codec]:
    """The served ones of these in their order; all where nothing is named."""
    wanted = [name.upper() for name in names] or list(SERVED)
    return [SERVED[name] for name in dict.fromkeys(wanted) if name in SERVED]


def with_events(codecs: Sequence[Codec]) -> list[Codec]:
    """And RFC 4733 events, in the clock of each codec."""
    events = [TELEPHONE_EVENT] if any(codec.rate == 8000 for codec in codecs) else []
    if any(codec.rate == 48_000 for codec in codecs):
        # Phones without 48 kHz events are met, too.
        events = [TELEPHONE_EVENT_48K, TELEPHONE_EVENT]
    return [*codecs, *events]


def for_partner(codecs: Iterable[Codec], partner: str) -> list[Codec]:
    """The partner's codec first, then what it can be relayed to, then the rest as it was."""

    def rank(codec: Codec) -> int:
        if codec.name.upper() == partner.upper():
            return 0
        return 1 if family(codec.name) == family(partner) else 2

    return sorted(codecs, key=rank) if partner else list(codecs)


def for_answer(section: Media | None, allowed: Sequence[Codec], partner: str, own_order: bool) -> list[Codec]:
    """What of `allowed` an answer may name: the family of the best that was offered."""
    if section is None:
        return list(allowed)
    offered = [codec for codec in section.codecs if any(codec.same(mine) for mine in allowed)]
    if own_order:
        offered.sort(key=lambda codec: next(at for at, mine in enumerate(allowed) if mine.same(codec)))
    if partner:
        offered.sort(key=lambda codec: family(codec.name) != family(partner))
    if not offered:
        return list(allowed)
    return [codec for codec in allowed if family(codec.name) == family(offered[0].name)]
