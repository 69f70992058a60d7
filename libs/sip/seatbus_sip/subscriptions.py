"""Subscriptions to event packages (RFC 6665), seen by who notifies, and the dialog package (RFC 4235)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple
from xml.sax.saxutils import quoteattr

from seatbus_sip.errors import IllegalTransitionError
from seatbus_sip.message import Request

DIALOG_INFO = "application/dialog-info+xml"


class SubscriptionState(Enum):
    """Life of a subscription."""

    ACTIVE = "active"
    TERMINATED = "terminated"


class SubscriptionEvent(Enum):
    """What moves it."""

    REFRESHED = "SUBSCRIBE"
    LEFT = "SUBSCRIBE with Expires 0"
    EXPIRED = "expired"
    REFUSED = "NOTIFY refused or unanswered"


SUBSCRIPTION: Mapping[SubscriptionState, Mapping[SubscriptionEvent, SubscriptionState]] = {
    SubscriptionState.ACTIVE: {
        SubscriptionEvent.REFRESHED: SubscriptionState.ACTIVE,
        SubscriptionEvent.LEFT: SubscriptionState.TERMINATED,
        SubscriptionEvent.EXPIRED: SubscriptionState.TERMINATED,
        SubscriptionEvent.REFUSED: SubscriptionState.TERMINATED,
    },
    SubscriptionState.TERMINATED: {SubscriptionEvent.REFUSED: SubscriptionState.TERMINATED},
}


def subscription_step(state: SubscriptionState, event: SubscriptionEvent) -> SubscriptionState:
    """Next state. Raises `IllegalTransitionError` for a missing entry."""
    following = SUBSCRIPTION[state].get(event)
    if following is None:
        raise IllegalTransitionError("subscription", state.value, event.value)
    return following


@dataclass(frozen=True, slots=True)
class SubscriptionPolicy:
    """Bounds in seconds."""

    min_expires: int = 60
    max_expires: int = 3600
    default_expires: int = 3600


class Grant(NamedTuple):
    """What a SUBSCRIBE gets: the status, the seconds granted (0: it ends), headers of the answer."""

    status: int
    seconds: int = 0
    headers: tuple[tuple[str, str], ...] = ()


def package_of(request: Request) -> str:
    """The event package that is asked for, in lower case; empty without one."""
    return (request.get("Event") or "").partition(";")[0].strip().lower()


def grant(
    request: Request, package: str, media_type: str, policy: SubscriptionPolicy = SubscriptionPolicy()
) -> Grant:
    """489 for another package, 406 for who does not take what is sent, 423 for too short a time.

    Raises `SipParseError` (400) for an Expires that cannot be read.
    """
    if package_of(request) != package:
        return Grant(489, headers=(("Allow-Events", package),))
    taken = {value.partition(";")[0].strip().lower() for value in request.values("Accept")}
    if taken and not taken & {media_type, "*/*", f"{media_type.partition('/')[0]}/*"}:
        return Grant(406, headers=(("Accept", media_type),))
    asked = request.integer("Expires")
    wanted = policy.default_expires if asked is None else asked
    if 0 < wanted < policy.min_expires:
        return Grant(423, headers=(("Min-Expires", str(policy.min_expires)),))
    seconds = min(wanted, policy.max_expires)
    return Grant(200, seconds, (("Expires", str(seconds)),))


class WatchedDialog(NamedTuple):
    """A dialog as a lamp shows it. `state`: trying, early or confirmed."""

    id: str
    state: str
    initiator: bool = False


def dialog_info(entity: str, version: int, dialogs: Iterable[WatchedDialog]) -> str:
    """All dialogs of the entity (RFC 4235 section 4, `state="full"`)."""
    lines = [
        '<?xml version="1.0"?>',
        '<dialog-info xmlns="urn:ietf:params:xml:ns:dialog-info"'
        f' version="{version}" state="full" entity={quoteattr(entity)}>',
    ]
    for item in dialogs:
        direction = "initiator" if item.initiator else "recipient"
        lines.append(
            f'<dialog id={quoteattr(item.id)} direction="{direction}"><state>{item.state}</state></dialog>'
        )
    return "\r\n".join([*lines, "</dialog-info>", ""])
