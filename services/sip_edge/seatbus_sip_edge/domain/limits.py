"""How many calls at once and a second: of a trunk, of a tenant. Time is an input."""

from __future__ import annotations


class Rate:
    """A token bucket: `per_second` calls, bursts of one second's worth (at least one call)."""

    __slots__ = ("_at", "_level", "per_second")

    def __init__(self, per_second: float, now: float) -> None:
        self.per_second = per_second
        self._level = max(1.0, per_second)
        self._at = now

    def take(self, now: float) -> bool:
        """Whether one more call may come now."""
        room = max(1.0, self.per_second)
        self._level = min(room, self._level + (now - self._at) * self.per_second)
        self._at = now
        if self._level < 1.0:
            return False
        self._level -= 1.0
        return True


class Rates:
    """A bucket for each key that has a limit; one whose limit changed starts anew."""

    def __init__(self) -> None:
        self._buckets: dict[tuple[str, ...], Rate] = {}

    def take(self, key: tuple[str, ...], limit: int, edges: int, now: float) -> bool:
        """`limit` calls a second of the whole platform, 0: none; each of `edges` gives its share."""
        if not limit:
            return True
        share = limit / max(1, edges)
        bucket = self._buckets.get(key)
        if bucket is None or bucket.per_second != share:
            bucket = self._buckets[key] = Rate(share, now)
        return bucket.take(now)
