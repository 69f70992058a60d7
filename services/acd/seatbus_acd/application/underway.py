"""Requests that have begun: they run to their end, whether or not their callers wait for it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from functools import partial
from typing import TYPE_CHECKING, Any, Final, TypeVar

from seatbus_kit.errors import OutcomeUnknown, SeatbusError, StaleEpoch, Unavailable
from seatbus_kit.log import get_logger

if TYPE_CHECKING:
    from seatbus_acd.application.shard import Shard

T = TypeVar("T")

log = get_logger("acd.underway")

_FIRST_PAUSE_S: Final = 0.1
_LONGEST_PAUSE_S: Final = 1.0


class Underway:
    """A request that was given up half-way would have its write in the bus, and the engine would not know.

    A repetition of one that still runs joins it.
    """

    def __init__(self) -> None:
        self._tasks: dict[Hashable, asyncio.Task[Any]] = {}

    async def run(self, shard: Shard, name: Hashable, work: Callable[[], Awaitable[T]]) -> T:
        """The answer of `work`. Equal names are the same request. Raises what `work` raises."""
        key = (shard, name)
        task: asyncio.Task[T] | None = self._tasks.get(key)
        if task is None:
            task = self._tasks[key] = asyncio.create_task(_to_the_end(shard, work))
            task.add_done_callback(partial(self._ended, key))
        return await asyncio.shield(task)

    def _ended(self, key: Hashable, task: asyncio.Task[Any]) -> None:
        del self._tasks[key]
        error = None if task.cancelled() else task.exception()
        # Who has asked and gone asks again, and is refused then.
        if error is not None and not isinstance(error, SeatbusError):
            log.error("request failed", error=repr(error), exc_info=error)

    async def settle(self, timeout: float) -> None:
        """Waits for what has begun, `timeout` seconds at most."""
        if self._tasks:
            await asyncio.wait(tuple(self._tasks.values()), timeout=timeout)

    async def stop(self) -> None:
        tasks = tuple(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _to_the_end(shard: Shard, work: Callable[[], Awaitable[T]]) -> T:
    """While it is in doubt what was written it is asked again, under its request id, as its caller would."""
    doubt, pause = False, _FIRST_PAUSE_S
    while True:
        try:
            return await work()
        except StaleEpoch:
            shard.doubt()
            raise
        except (OutcomeUnknown, Unavailable) as error:
            if not doubt and isinstance(error, Unavailable):
                raise
            if not shard.alive:
                raise OutcomeUnknown(error.message) from error
            if not doubt:
                log.info("outcome unknown, asked again", group=shard.fence.group, reason=error.message)
            doubt = True
        await asyncio.sleep(pause)
        pause = min(2 * pause, _LONGEST_PAUSE_S)
