"""What the SIP actors share: how an incoming call is met, and what they raise."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from seatbus_sip.sdp import G722, OPUS, PCMA, PCMU, TELEPHONE_EVENT, TELEPHONE_EVENT_48K, Codec

CallState = Literal["trying", "ringing", "answered", "ended"]
EndedBy = Literal["local", "remote"]
History = list[tuple[float, str]]
"""(monotonic seconds, what happened), in order."""

_CODECS = {
    "PCMU": PCMU,
    "PCMA": PCMA,
    "G722": G722,
    "G729": Codec(18, "G729"),
    "OPUS": OPUS,
}
"""G729 is not spoken; it can be offered, to see it refused."""


class ActorError(Exception):
    """Base of what a phone or call refuses to do."""


class RegistrationRefused(ActorError):
    """The registrar's final answer was not 200. Status 408: there was no answer."""

    def __init__(self, username: str, status: int, reason: str) -> None:
        super().__init__(f"{username}: REGISTER answered {status} {reason}")
        self.username = username
        self.status = status
        self.reason = reason


class CallActionError(ActorError):
    """The call is not in a state in which this can be done, or the peer refused it."""

    def __init__(self, call_id: str, action: str, why: str, status: int = 0) -> None:
        super().__init__(f"call {call_id}: {action}: {why}")
        self.call_id = call_id
        self.action = action
        self.status = status


class CallEndedFirst(TimeoutError):
    """What was waited for cannot come any more: a TimeoutError known early."""


@dataclass(frozen=True, slots=True)
class Policy:
    """What an incoming INVITE meets. The default rings at once and leaves the rest to the test.

    `ignored` drops the INVITE unseen, as a phone whose cable is out. `max_calls` answers 486 beyond it.
    """

    ring_after_s: float | None = 0.0
    answer_after_s: float | None = None
    reject_code: int | None = None
    reject_after_s: float = 0.0
    ignored: bool = False
    max_calls: int | None = None

    @classmethod
    def ring(cls, after_s: float = 0.0) -> Policy:
        return cls(ring_after_s=after_s)

    @classmethod
    def answer(cls, after_s: float = 0.0, ring_after_s: float | None = 0.0) -> Policy:
        """`after_s` counts from the INVITE. Without ringing for None."""
        return cls(ring_after_s=ring_after_s, answer_after_s=after_s)

    @classmethod
    def reject(cls, code: int = 486, after_s: float = 0.0) -> Policy:
        return cls(ring_after_s=0.0 if after_s else None, reject_code=code, reject_after_s=after_s)

    @classmethod
    def ignore(cls) -> Policy:
        return cls(ignored=True)

    @classmethod
    def manual(cls) -> Policy:
        """Nothing by itself, not even 180."""
        return cls(ring_after_s=None)


def codecs_named(names: tuple[str, ...]) -> tuple[Codec, ...]:
    """These codecs in order, and RFC 4733 events. Raises ValueError for an unknown name."""
    unknown = [name for name in names if name.upper() not in _CODECS]
    if unknown or not names:
        raise ValueError(f"codecs: at least one, of {', '.join(_CODECS)}; not {', '.join(unknown) or 'none'}")
    codecs = tuple(_CODECS[name.upper()] for name in names)
    wide = (TELEPHONE_EVENT_48K,) if OPUS in codecs else ()
    return (*codecs, *wide, TELEPHONE_EVENT)


def told(history: History) -> str:
    """A history as one line, times relative to its first entry."""
    if not history:
        return "nothing happened"
    start = history[0][0]
    return "; ".join(f"+{at - start:.3f} {text}" for at, text in history)
