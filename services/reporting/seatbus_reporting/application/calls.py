"""The facts of live calls in memory, and what is committed of each call.

The store has the same facts: what is missing here after a restart is read there.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from seatbus_reporting.domain.cdr import CallFact, contiguous, missing

LIVE_LIMIT: Final = 50_000
ENDED_LIMIT: Final = 50_000


@dataclass(slots=True)
class LiveCall:
    tenant: str
    facts: dict[int, CallFact] = field(default_factory=dict)
    committed: set[int] = field(default_factory=set)
    ended: bool = False


class Calls:
    """Bounded: the oldest calls are forgotten first."""

    def __init__(self) -> None:
        self._live: OrderedDict[str, LiveCall] = OrderedDict()
        self._complete: OrderedDict[str, int] = OrderedDict()

    def add(self, tenant: str, call_id: str, fact: CallFact) -> LiveCall:
        call = self._live.get(call_id)
        if call is None:
            call = self._live[call_id] = LiveCall(tenant)
            if len(self._live) > LIVE_LIMIT:
                self._live.popitem(last=False)
        call.facts.setdefault(fact.seq, fact)
        return call

    def get(self, call_id: str) -> LiveCall | None:
        return self._live.get(call_id)

    def is_complete(self, call_id: str, seq: int) -> bool:
        """Whether the call's final record is stored and includes `seq`: a repeat changes nothing."""
        return seq <= self._complete.get(call_id, 0)

    def committed(self, call_id: str, seqs: Iterable[int]) -> None:
        call = self._live.get(call_id)
        if call is not None:
            call.committed.update(seqs)

    def complete(self, call_id: str, last_seq: int) -> None:
        """All of the call is stored: only that is remembered."""
        self._live.pop(call_id, None)
        self._complete[call_id] = last_seq
        if len(self._complete) > ENDED_LIMIT:
            self._complete.popitem(last=False)

    def clear(self) -> None:
        self._live.clear()
        self._complete.clear()

    def watermark(self, call_id: str) -> int | None:
        """The contiguous committed sequence; None when this process cannot tell."""
        known = self._complete.get(call_id)
        if known is not None:
            return known
        call = self._live.get(call_id)
        if call is None:
            return None
        # What an earlier process committed is known to the store alone.
        return contiguous(call.committed) if 1 in call.committed else None

    @staticmethod
    def whole(call: LiveCall) -> bool:
        """Whether the facts here run from the first to the last."""
        last = max(call.facts, default=0)
        return last > 0 and not missing(call.facts, last)
