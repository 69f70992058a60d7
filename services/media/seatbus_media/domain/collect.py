"""Collection of digits, without clock or I/O: digits and times in, an outcome out."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class CollectReason(Enum):
    """Values are those of CollectFinished.reason."""

    TERMINATOR = "terminator"
    MAX_DIGITS = "max_digits"
    TIMEOUT = "timeout"
    INTER_DIGIT_TIMEOUT = "inter_digit_timeout"


@dataclass(frozen=True, slots=True)
class CollectRules:
    """Times in seconds. `inter_digit_s` 0 means the same as `timeout_s`."""

    max_digits: int
    min_digits: int = 0
    terminators: str = ""
    timeout_s: float = 5.0
    inter_digit_s: float = 0.0
    barge_in: bool = True

    @property
    def between_s(self) -> float:
        return self.inter_digit_s or self.timeout_s


@dataclass(frozen=True, slots=True)
class Collected:
    digits: str
    reason: CollectReason


class Collector:
    """One collection, over once it returned a `Collected`.

    Laws: the timeout runs from the end of the playlist, and not while it plays; each digit restarts it as
    inter-digit time. A digit during a playlist without barge-in is dropped. A terminator ends the collection
    and is no part of it; before `min_digits` it is dropped, for a slip must not end the entry.
    """

    def __init__(self, rules: CollectRules, *, playing: bool, now: float) -> None:
        self.rules = rules
        self.digits = ""
        self.done: Collected | None = None
        self._playing = playing
        self._deadline: float | None = None if playing else now + rules.timeout_s

    @property
    def deadline(self) -> float | None:
        """When `expire` wants to be called; None while a playlist runs or after the end."""
        return None if self.done else self._deadline

    def playlist_ended(self, now: float) -> None:
        if self._playing:
            self._playing = False
            self._deadline = now + (self.rules.between_s if self.digits else self.rules.timeout_s)

    def digit(self, digit: str, now: float) -> Collected | None:
        """One key press. The caller stops the playlist if the rules say barge-in."""
        if self.done is not None or (self._playing and not self.rules.barge_in):
            return None
        self._playing = False
        self._deadline = now + self.rules.between_s
        if digit in self.rules.terminators:
            if len(self.digits) >= self.rules.min_digits:
                return self._finish(CollectReason.TERMINATOR)
            return None
        self.digits += digit
        if len(self.digits) >= self.rules.max_digits:
            return self._finish(CollectReason.MAX_DIGITS)
        return None

    def expire(self, now: float) -> Collected | None:
        """The outcome if the deadline has passed."""
        if self.done is not None or self._deadline is None or now < self._deadline:
            return None
        return self._finish(CollectReason.INTER_DIGIT_TIMEOUT if self.digits else CollectReason.TIMEOUT)

    def _finish(self, reason: CollectReason) -> Collected:
        self.done = Collected(self.digits, reason)
        return self.done
