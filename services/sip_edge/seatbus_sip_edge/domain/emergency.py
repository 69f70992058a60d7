"""Which emergency number a caller means: one that was dialled, or a service that a phone names (RFC 5031)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

# Where a branch names none: each means help somewhere, and nobody else's number is as short.
NUMBERS: Final = ("110", "112", "119", "120", "911")
_SOS: Final = "urn:service:sos"
_GENERAL: Final = ("112", "911")
# Where one number is not for everything. A branch that does not have the number has it at the general one.
_OWN: Final = {"police": "110", "fire": "119", "ambulance": "120"}
_CHINA: Final = "86"


def is_sos(written: str) -> bool:
    """Whether this is `urn:service:sos` or one of its services."""
    return written == _SOS or written.startswith(f"{_SOS}.")


def meant(written: str, numbers: Sequence[str], country: str, outside_prefix: str) -> str:
    """The emergency number that is meant, with or without the digit for an outside line; empty: none.

    `numbers` are the branch's own; `country` is its code, where it is known.
    """
    if is_sos(written):
        return _of_service(written.removeprefix(_SOS).removeprefix("."), numbers, country)
    known = numbers or NUMBERS
    for number in (written, written.removeprefix(outside_prefix)):
        if number in known:
            return number
    return ""


def _of_service(service: str, numbers: Sequence[str], country: str) -> str:
    own = _OWN.get(service.partition(".")[0], "")
    if not numbers:
        if country == _CHINA:
            return own or "110"
        return "911" if country == "1" else "112"
    return own if own in numbers else next((number for number in _GENERAL if number in numbers), numbers[0])
