"""History-Info (RFC 7044): whom a call has been sent to before it came, counted and carried on."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from seatbus_sip.errors import SipError
from seatbus_sip.headers import parse_name_addr
from seatbus_sip_edge.domain.numbering import digits_of, number_in

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from seatbus_sip.headers import NameAddr

_NAME: Final = "History-Info"
# What is carried on: the newest of them. A reader sees by the indices that some are missing.
_MOST: Final = 20
_LONGEST: Final = 256
_INDEX: Final = re.compile(r"\d{1,3}(\.\d{1,3}){0,39}\Z", re.ASCII)
# RFC 7544: who has sent it on is not known.
_UNKNOWN: Final = "sip:unknown@unknown.invalid"


def _read(text: str) -> NameAddr | None:
    try:
        return parse_name_addr(text, _NAME)
    except SipError:
        return None


def _diverts(place: int, entry: NameAddr) -> bool:
    """Whether it stands for another party: not the first, the same one (np), or where it registered (rc)."""
    if "mp" in entry.params or "cause" in entry.uri.params:
        return True
    return place > 0 and not {"np", "rc"} & entry.params.keys()


def diverted(values: Iterable[str]) -> int:
    """How often a call has been diverted, by these entries; what cannot be read counts for nothing."""
    return sum(_diverts(place, entry) for place, text in enumerate(values) if (entry := _read(text)))


def kept(values: Iterable[str]) -> list[str]:
    """The entries that may stand in a header of ours, the newest of them."""
    found = [
        text
        for text in values
        if len(text) <= _LONGEST
        and text.isascii()
        and text.isprintable()
        and (entry := _read(text)) is not None
        and _INDEX.match(entry.params.get("index") or "")
    ]
    return found[-_MOST:]


def carried_on(entries: Sequence[str], before: int, by: str, target: str) -> str:
    """The header of a call to `by` (an address) that goes on to `target`.

    `before`: how often it was diverted until it came. Where the entries say less, such as of a call that came
    with Diversion, others stand for what is missing: whoever counts comes to an end.
    """
    made, at = list(entries), ""
    last = _read(made[-1]) if made else None
    if last is not None:
        at = last.params.get("index") or ""

    def add(address: str, tag: str) -> None:
        nonlocal at
        parent, at = at, f"{at}.1" if at else "1"
        made.append(f"<{address}>;index={at}" + (f";{tag}={parent}" if parent else ""))

    missing = max(0, before - diverted(entries))
    if missing and not made:
        add(_UNKNOWN, "mp")
    for _ in range(missing - 1):
        add(f"{_UNKNOWN};cause=404", "mp")
    if missing or last is None or not _same(last, by):
        add(by, "mp" if missing else "np")
    # RFC 4458: 302 says that it was diverted on purpose, before anybody rang.
    add(f"{target};cause=302", "mp")
    return ", ".join(made)


def _same(last: NameAddr, by: str) -> bool:
    ours = _read(f"<{by}>")
    return ours is not None and digits_of(number_in(last.uri)) == digits_of(number_in(ours.uri))
