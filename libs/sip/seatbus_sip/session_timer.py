"""Session timers (RFC 4028): who refreshes, how often, and when a session that nobody refreshes is over.

Times are seconds since 1970, so that a journal can hold them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

from seatbus_sip.errors import SipError, SipParseError
from seatbus_sip.headers import parse_params
from seatbus_sip.message import Message, Request, Response

SMALLEST_S: Final = 90
"""No Min-SE header means this (section 5)."""

_EARLY_S: Final = 32.0


class SessionIntervalTooSmallError(SipError):
    """The request asks for refreshes more often than is allowed: 422 with Min-SE."""

    status = 422

    def __init__(self, asked: int, min_se: int) -> None:
        super().__init__(f"Session-Expires: {asked} s is less than the smallest interval of {min_se} s")
        self.asked = asked
        self.min_se = min_se


@dataclass(frozen=True, slots=True)
class SessionPolicy:
    """`expires_s`: the interval we want; `min_se_s`: the smallest that we take."""

    expires_s: int = 1800
    min_se_s: int = SMALLEST_S


@dataclass(frozen=True, slots=True)
class SessionTimer:
    """What two sides agreed on. `ours`: we refresh."""

    interval_s: int
    ours: bool
    expires_at: float

    @property
    def due_at(self) -> float:
        """When the refresher acts: half way (section 10); who waits gives up shortly before the end."""
        if self.ours:
            return self.expires_at - self.interval_s / 2
        return self.expires_at - min(_EARLY_S, self.interval_s / 3)

    def refreshed(self, now: float) -> SessionTimer:
        """The same agreement, from now on."""
        return replace(self, expires_at=now + self.interval_s)

    def to_dict(self) -> dict[str, object]:
        """JSON-ready."""
        return {"interval_s": self.interval_s, "ours": self.ours, "expires_at": self.expires_at}

    @classmethod
    def from_dict(cls, data: Mapping[str, object]) -> SessionTimer:
        """Raises ValueError for a missing field."""
        return cls(
            int(str(data.get("interval_s"))), data.get("ours") is True, float(str(data.get("expires_at")))
        )


def session_expires(message: Message) -> tuple[int, str] | None:
    """Seconds and refresher (`uac`, `uas` or nothing) of Session-Expires. Raises SipParseError."""
    text = message.get("Session-Expires")
    if text is None:
        return None
    number, _, rest = text.partition(";")
    if not number.strip().isdigit() or len(number.strip()) > 10:
        raise SipParseError("Session-Expires", "is a number of seconds")
    refresher = (parse_params(rest, "Session-Expires").get("refresher") or "") if rest else ""
    if refresher not in ("", "uac", "uas"):
        raise SipParseError("Session-Expires", "refresher is uac or uas")
    return int(number), refresher


def speaks_timer(message: Message) -> bool:
    """Whether the sender knows the extension."""
    return "timer" in message.tokens("Supported") or "timer" in message.tokens("Require")


def check(request: Request, policy: SessionPolicy) -> None:
    """Raises SessionIntervalTooSmallError when the request asks for less than the policy takes."""
    asked = session_expires(request)
    if asked is not None and asked[0] < policy.min_se_s and speaks_timer(request):
        raise SessionIntervalTooSmallError(asked[0], policy.min_se_s)


def answer(request: Request, response: Response, policy: SessionPolicy, now: float) -> SessionTimer:
    """Puts the agreement into our 2xx (section 9). Who does not know timers is refreshed by us."""
    asked = session_expires(request)
    knows = speaks_timer(request)
    interval = max(policy.min_se_s, policy.expires_s, request.integer("Min-SE") or 0)
    if asked is not None:
        # Never above what was asked for.
        interval = asked[0]
    refresher = (asked[1] if asked is not None else "") or ("uac" if knows else "uas")
    if not knows:
        refresher = "uas"
    response.set("Session-Expires", f"{interval};refresher={refresher}")
    if refresher == "uac":
        response.set("Require", "timer")
    return SessionTimer(interval, refresher == "uas", now + interval)


def ask(request: Request, policy: SessionPolicy, *, refresher: str = "", interval_s: int = 0) -> None:
    """Puts our wish into a request of ours (sections 7.1 and 7.4)."""
    suffix = f";refresher={refresher}" if refresher else ""
    request.set("Session-Expires", f"{interval_s or policy.expires_s}{suffix}")
    if policy.min_se_s != SMALLEST_S:
        request.set("Min-SE", str(policy.min_se_s))


def agreed(response: Response, policy: SessionPolicy, now: float) -> SessionTimer:
    """What a 2xx to a request of ours says (section 7.2). Raises SipParseError.

    Without a word about it the peer does not know timers: we refresh, to notice when it is gone.
    """
    said = session_expires(response)
    if said is None:
        return SessionTimer(policy.expires_s, True, now + policy.expires_s)
    interval = max(said[0], 1)
    return SessionTimer(interval, said[1] != "uas", now + interval)
