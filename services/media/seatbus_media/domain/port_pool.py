"""Pairs of ports: RTP on the even one, RTCP on the odd one above (RFC 3550 11)."""

from __future__ import annotations

from collections import deque


class PortPool:
    """Which pairs are free. A freed pair rests, so that packets of the call before do not reach the next.

    Pairs are given out in turn, the longest unused first. `now` is monotonic seconds.
    """

    def __init__(self, low: int, high: int, quarantine_s: float) -> None:
        first = low + low % 2
        self._free: deque[int] = deque(range(first, high, 2))
        self._resting: deque[tuple[float, int]] = deque()
        self._used: set[int] = set()
        self._quarantine_s = quarantine_s

    @property
    def used(self) -> int:
        return len(self._used)

    @property
    def size(self) -> int:
        return len(self._free) + len(self._resting) + len(self._used)

    def acquire(self, now: float) -> int | None:
        """The even port of a free pair, None while all are used or resting."""
        while self._resting and self._resting[0][0] <= now:
            self._free.append(self._resting.popleft()[1])
        if not self._free:
            return None
        port = self._free.popleft()
        self._used.add(port)
        return port

    def claim(self, port: int) -> bool:
        """Takes this pair if it is one of ours and free: a leg of a process that is gone had it."""
        if port in self._used or port not in self._free:
            return False
        self._free.remove(port)
        self._used.add(port)
        return True

    def release(self, port: int, now: float) -> None:
        """Gives a pair back. One that is not in use is left alone: two releases must not free it twice."""
        if port in self._used:
            self._used.remove(port)
            self._resting.append((now + self._quarantine_s, port))
