"""Events on their way to the owners that watch."""

from __future__ import annotations

import asyncio
from typing import Final

from seatbus.media.v1.events_pb2 import MediaEvent
from seatbus_kit.log import get_logger

log = get_logger("seatbus.media")

_LIMIT: Final = 10_000


class Subscription:
    """One Watch stream. `overrun` says that its reader was too slow and events were lost."""

    def __init__(self, owner: str) -> None:
        self.owner = owner
        self.queue: asyncio.Queue[MediaEvent | None] = asyncio.Queue()
        self.overrun = False


class Hub:
    """Passes each event to every stream of its owner; without one it is gone."""

    def __init__(self) -> None:
        self._by_owner: dict[str, list[Subscription]] = {}

    def subscribe(self, owner: str) -> Subscription:
        subscription = Subscription(owner)
        self._by_owner.setdefault(owner, []).append(subscription)
        return subscription

    def unsubscribe(self, subscription: Subscription) -> None:
        streams = self._by_owner.get(subscription.owner, [])
        if subscription in streams:
            streams.remove(subscription)
        if not streams:
            self._by_owner.pop(subscription.owner, None)

    def watched(self, owner: str) -> bool:
        return owner in self._by_owner

    def emit(self, owner: str, event: MediaEvent) -> None:
        for subscription in self._by_owner.get(owner, ()):
            if subscription.queue.qsize() >= _LIMIT:
                if not subscription.overrun:
                    log.error("watcher too slow, its stream is ended", owner=owner)
                    subscription.overrun = True
                    subscription.queue.put_nowait(None)
                continue
            subscription.queue.put_nowait(event)

    def close(self) -> None:
        for streams in tuple(self._by_owner.values()):
            for subscription in streams:
                subscription.queue.put_nowait(None)
