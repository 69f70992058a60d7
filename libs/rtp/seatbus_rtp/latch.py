"""Symmetric RTP latching: where a leg's packets may come from, and so where ours go.

Laws: the first source to send inside the window becomes the candidate; the address from the peer's SDP
beats a candidate; when the window is over the candidate is locked and strangers are refused for good. Only
signalling unlocks (`renegotiated` with another address, or `release` by the call's owner); packets never do.
"""

from __future__ import annotations

from enum import Enum
from typing import Final

Address = tuple[str, int]
"""Host and port. An IPv6 socket gives two more fields: cut them off before comparing."""


class LatchState(Enum):
    UNLATCHED = "unlatched"
    LATCHING = "latching"
    LOCKED = "locked"


class LatchInput(Enum):
    CANDIDATE = "packet from the candidate"
    SIGNALLED = "packet from the address in the SDP"
    STRANGER = "packet from elsewhere"
    STRANGER_AFTER_SILENCE = "packet from elsewhere while the candidate is silent"
    WINDOW_OVER = "the window is over"
    RELEASED = "signalling moved or released the leg"


class LatchVerdict(Enum):
    TAKE = "accept, and this source becomes the candidate"
    ACCEPT = "accept"
    REFUSE = "drop"
    NONE = "no packet"


class LatchError(Exception):
    """An input that the state has no entry for. The state is unchanged."""

    def __init__(self, state: LatchState, event: LatchInput) -> None:
        super().__init__(f"no transition from {state.name} on {event.name}")
        self.state = state
        self.event = event


_S = LatchState
_I = LatchInput
_V = LatchVerdict

TRANSITIONS: Final[dict[LatchState, dict[LatchInput, tuple[LatchState, LatchVerdict]]]] = {
    _S.UNLATCHED: {
        _I.SIGNALLED: (_S.LOCKED, _V.TAKE),
        _I.STRANGER: (_S.LATCHING, _V.TAKE),
        _I.RELEASED: (_S.UNLATCHED, _V.NONE),
    },
    _S.LATCHING: {
        _I.CANDIDATE: (_S.LATCHING, _V.ACCEPT),
        _I.SIGNALLED: (_S.LOCKED, _V.TAKE),
        _I.STRANGER: (_S.LATCHING, _V.REFUSE),
        _I.STRANGER_AFTER_SILENCE: (_S.LATCHING, _V.TAKE),
        _I.WINDOW_OVER: (_S.LOCKED, _V.NONE),
        _I.RELEASED: (_S.UNLATCHED, _V.NONE),
    },
    _S.LOCKED: {
        _I.CANDIDATE: (_S.LOCKED, _V.ACCEPT),
        _I.SIGNALLED: (_S.LOCKED, _V.REFUSE),
        _I.STRANGER: (_S.LOCKED, _V.REFUSE),
        _I.RELEASED: (_S.UNLATCHED, _V.NONE),
    },
}


class Latch:
    """One leg's latch. On the hot path compare the source with `locked` first and call `accept` only if it
    differs.
    """

    __slots__ = (
        "_candidate",
        "_heard",
        "_opened",
        "_silence",
        "_window",
        "locked",
        "refused",
        "signalled",
        "state",
    )

    def __init__(
        self, signalled: Address | None = None, *, window_s: float = 0.5, silence_s: float = 0.1
    ) -> None:
        self.state = LatchState.UNLATCHED
        self.signalled = signalled
        self.locked: Address | None = None
        self.refused = 0
        self._candidate: Address | None = None
        self._window = window_s
        self._silence = silence_s
        self._opened = 0.0
        self._heard = 0.0

    @property
    def destination(self) -> Address | None:
        """Where our packets go: the latched source, before that the signalled address."""
        return self._candidate or self.signalled

    def accept(self, source: Address, now: float) -> bool:
        """Whether a valid RTP packet from `source` belongs to the leg. Give it validated RTP only."""
        if self.state is LatchState.LATCHING and now - self._opened >= self._window:
            self._step(LatchInput.WINDOW_OVER)
            self.locked = self._candidate
        verdict = self._step(self._classify(source, now))
        if verdict is LatchVerdict.REFUSE:
            self.refused += 1
            return False
        if verdict is LatchVerdict.TAKE:
            if self._candidate is None:
                self._opened = now
            self._candidate = source
            if self.state is LatchState.LOCKED:
                self.locked = source
        self._heard = now
        return True

    def restore(self, locked: Address | None, signalled: Address | None) -> None:
        """As it was in a process that is gone: what was locked is locked again."""
        self.signalled = signalled
        self._candidate = self.locked = locked
        self.state = LatchState.LOCKED if locked is not None else LatchState.UNLATCHED

    def renegotiated(self, signalled: Address | None) -> None:
        """A new offer or answer: an unchanged address keeps the lock, another one opens a new window."""
        if signalled != self.signalled:
            self.signalled = signalled
            self.release()

    def release(self) -> None:
        """The owner says that the peer moved (a reloaded page, a new flow): latch anew."""
        self._step(LatchInput.RELEASED)
        self._candidate = None
        self.locked = None

    def _classify(self, source: Address, now: float) -> LatchInput:
        if source == self._candidate:
            return LatchInput.CANDIDATE
        if source == self.signalled:
            return LatchInput.SIGNALLED
        if self.state is LatchState.LATCHING and now - self._heard >= self._silence:
            return LatchInput.STRANGER_AFTER_SILENCE
        return LatchInput.STRANGER

    def _step(self, event: LatchInput) -> LatchVerdict:
        entry = TRANSITIONS[self.state].get(event)
        if entry is None:
            raise LatchError(self.state, event)
        self.state, verdict = entry
        return verdict
