"""Which trunks a call to the outside may leave by, in which order, and when it goes on to the next one."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from seatbus.call.v1 import types_pb2 as call_types
from seatbus_sip_edge.domain.numbering import longest_prefix
from seatbus_sip_edge.domain.targets import drawn

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from seatbus.tenancy.v1 import types_pb2 as tenancy


@dataclass(frozen=True, slots=True)
class TrunkRef:
    """A trunk on the platform; its tenant is the caller's or the operator."""

    tenant: str
    trunk_id: str


def route_of(
    routes: Iterable[tuple[str, tenancy.OutboundRoute]], number: str, branch_id: str
) -> tenancy.OutboundRoute | None:
    """The route of a call: the longest prefix that fits, then the caller's own branch, then the id."""
    best: tuple[int, bool, str] | None = None
    found: tenancy.OutboundRoute | None = None
    for route_id, route in sorted(routes, key=lambda item: item[0]):
        if route.disabled or route.branch_id not in ("", branch_id):
            continue
        length = longest_prefix(number, route.prefixes) if route.prefixes else 0
        if length < 0:
            continue
        key = (length, bool(route.branch_id), route_id)
        if best is None or key[:2] > best[:2]:
            best, found = key, route
    return found


def in_order(trunks: Sequence[tenancy.RouteTrunk], tenant: str, roll: Callable[[], float]) -> list[TrunkRef]:
    """Trunks by `order`; equal ones drawn by weight. `roll` gives numbers from [0, 1)."""
    return drawn(
        (
            (item.order, item.weight or 1, TrunkRef(item.trunk_tenant_id or tenant, item.trunk_id))
            for item in trunks
        ),
        roll,
    )


class Next(StrEnum):
    """What follows on a failed attempt. TARGET: the trunk's next address, then as TRUNK."""

    TARGET = "next target"
    TRUNK = "next trunk"
    END = "end"


# The peer or the way to it failed: another address of the same trunk may do.
_NEXT_TARGET: Final = frozenset({0, 408, 500, 502, 503, 504, 513})
# This carrier does not take the call: our account, a codec, a number that it does not carry.
_NEXT_TRUNK: Final = frozenset(
    {305, 401, 402, 403, 407, 413, 415, 420, 421, 423, 488, 491, 501, 505, 580, 606}
)
# The network has spoken about the called number itself (RFC 3326, Q.850): no trunk will say anything else.
_Q850_END: Final = frozenset({1, 17, 18, 19, 20, 21, 22, 26, 28, 31})
_Q850_ON: Final = frozenset({2, 3, 6, 25, 27, 34, 38, 41, 42, 43, 44, 46, 47, 58, 65, 66, 69, 79, 88, 102})
_CAUSE: Final = re.compile(r"(?i)\bq\.850\b[^,]*?;\s*cause\s*=\s*(\d{1,3})")


def q850_of(reason: str) -> int:
    """The cause of the ISDN in a Reason header; 0 when there is none."""
    found = _CAUSE.search(reason)
    return int(found.group(1)) if found else 0


def next_step(status: int, reason: str = "", also: Iterable[int] = ()) -> Next:
    """What follows on a final status of a trunk; 0: it could not be sent to."""
    cause = q850_of(reason)
    if cause in _Q850_END:
        return Next.END
    if status in _NEXT_TARGET:
        return Next.TARGET
    if status in _NEXT_TRUNK or status in also or cause in _Q850_ON:
        return Next.TRUNK
    return Next.END


_CAUSES: Final[Mapping[int, call_types.HangupCause]] = {
    403: call_types.HANGUP_CAUSE_FORBIDDEN,
    404: call_types.HANGUP_CAUSE_UNKNOWN_NUMBER,
    408: call_types.HANGUP_CAUSE_NO_ANSWER,
    410: call_types.HANGUP_CAUSE_UNKNOWN_NUMBER,
    480: call_types.HANGUP_CAUSE_NO_ANSWER,
    484: call_types.HANGUP_CAUSE_UNKNOWN_NUMBER,
    486: call_types.HANGUP_CAUSE_BUSY,
    487: call_types.HANGUP_CAUSE_NO_ANSWER,
    488: call_types.HANGUP_CAUSE_NOT_ACCEPTABLE,
    600: call_types.HANGUP_CAUSE_BUSY,
    603: call_types.HANGUP_CAUSE_REJECTED,
    604: call_types.HANGUP_CAUSE_UNKNOWN_NUMBER,
    607: call_types.HANGUP_CAUSE_REJECTED,
    608: call_types.HANGUP_CAUSE_REJECTED,
}


def cause_of(status: int) -> call_types.HangupCause:
    """What a call met whose last trunk said this; 0: no trunk was left."""
    return _CAUSES.get(status, call_types.HANGUP_CAUSE_UNREACHABLE)


def status_for(status: int) -> int:
    """What the caller is told of a trunk's last word: our own accounts and ways are not his business."""
    if status in (401, 402, 407) or status == 0:
        return 503
    # Where a redirection leads is not for the caller to try.
    return 480 if status == 487 or 300 <= status < 400 else status
