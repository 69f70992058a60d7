"""Reliable provisional responses (RFC 3262), both ways, without I/O."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from seatbus_sip.errors import SipParseError
from seatbus_sip.message import Message, Request, Response

OPTION: Final = "100rel"
_LAST: Final = 2**31 - 1


def wants_reliable(request: Request) -> bool:
    """The INVITE's sender requires it, or at least knows it."""
    return OPTION in request.tokens("Supported") or OPTION in request.tokens("Require")


def is_reliable(response: Response) -> bool:
    """A provisional response that wants a PRACK."""
    return 100 < response.status < 200 and OPTION in response.tokens("Require") and "RSeq" in response


def rack(request: Message) -> tuple[int, int, str]:
    """RSeq, CSeq number and method of a PRACK. Raises SipParseError."""
    parts = request.require("RAck").split()
    if len(parts) != 3 or not all(part.isdigit() and len(part) <= 10 for part in parts[:2]):
        raise SipParseError("RAck", "is RSeq, CSeq number and method")
    return int(parts[0]), int(parts[1]), parts[2]


class ReliableSender:
    """Responses of ours to one INVITE: one at a time, repeated from T1 on until its PRACK (section 3).

    `first` is the number of the first one, random between 1 and 2^31 - 1.
    """

    def __init__(self, first: int, t1: float) -> None:
        self.rseq = first - 1
        self.unacknowledged = False
        # A session description went with one of them: the 2xx has none then.
        self.described = False
        self.waiting: Response | None = None
        self._t1 = t1
        self._pause = t1
        self._limit = 0.0
        self.next_at: float | None = None

    def send(self, response: Response, now: float) -> Response:
        """Numbers the response and makes it require a PRACK. Until that comes the number stays."""
        if not self.unacknowledged:
            self.rseq = 1 if self.rseq >= _LAST else self.rseq + 1
        self.unacknowledged = True
        self.described = self.described or bool(response.body)
        response.set("Require", OPTION)
        response.set("RSeq", str(self.rseq))
        self.waiting, self._pause, self._limit = response, self._t1, now + 64 * self._t1
        self.next_at = now + self._t1
        return response

    def repeat(self, now: float) -> Response | None:
        """At `next_at`: the response to send again; None once 64*T1 have passed (the INVITE fails then)."""
        if self.waiting is None or now >= self._limit:
            self.stop()
            return None
        self._pause *= 2
        self.next_at = min(now + self._pause, self._limit)
        return self.waiting.copy()

    def acknowledge(self, prack: Request, invite_cseq: int) -> bool:
        """Whether the PRACK is for the response that waits. Raises SipParseError."""
        number, cseq, method = rack(prack)
        if not self.unacknowledged or (number, cseq, method) != (self.rseq, invite_cseq, "INVITE"):
            return False
        self.unacknowledged = False
        self.stop()
        return True

    def stop(self) -> None:
        """Nothing is repeated any more."""
        self.waiting = None
        self.next_at = None

    def to_dict(self) -> dict[str, object]:
        """What a successor needs; JSON-ready."""
        return {"rseq": self.rseq, "unacknowledged": self.unacknowledged, "described": self.described}

    def restore(self, data: Mapping[str, object]) -> None:
        """Takes up what `to_dict` gave. Raises ValueError."""
        self.rseq = int(str(data.get("rseq")))
        self.unacknowledged = data.get("unacknowledged") is True
        self.described = data.get("described") is True


class ReliableReceiver:
    """Responses of a peer to one INVITE of ours, of one dialog: each is acknowledged once, in order."""

    def __init__(self) -> None:
        self._last: int | None = None

    def take(self, response: Response) -> str | None:
        """The RAck value of the PRACK to send; None for a repeat, or one out of order (section 4)."""
        number = response.integer("RSeq", 1, 2**32 - 1)
        if number is None or (self._last is not None and number != self._last + 1):
            return None
        self._last = number
        return f"{number} {response.cseq.number} {response.cseq.method}"
