"""Measures how long agents stay in work whose leg is over, and objects to a stay that is too long."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass

_ROUND_S = 1.0
_FOLLOW_S = 0.1
# So many agents are asked for at the same time.
_AT_ONCE = 10


@dataclass(frozen=True, slots=True)
class Leftover:
    """Work that has no live leg, since a time of the wall clock. `key` is the same in each state of it."""

    key: str
    what: str
    since: float


class StuckAgents:
    """`look` tells an agent's leftovers as they are now. A stay counts from the later of the leg's end and
    `faults_over`; one of more than `limit_s` is found whenever it is seen, by whoever polls.
    """

    def __init__(
        self,
        look: Callable[[str], Awaitable[Iterable[Leftover]]],
        faults_over: float,
        limit_s: float,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._look = look
        self._faults_over = faults_over
        self._limit_s = limit_s
        self._clock = clock
        self._found: dict[str, str] = {}
        self.longest_s = 0.0

    @property
    def complaints(self) -> list[str]:
        return sorted(self._found.values())

    async def watch(self, agents: Sequence[str], over: Callable[[], bool]) -> None:
        """Looks at all of them again and again; the last round begins when it is `over`, and no round ends
        before each agent seen in it is free of leftovers, or was objected to.
        """
        gate = asyncio.Semaphore(_AT_ONCE)

        async def one(agent: str) -> None:
            async with gate:
                left = await self._see(agent)
            while left:
                await asyncio.sleep(_FOLLOW_S)
                left = await self._see(agent)

        while True:
            last = over()
            async with asyncio.TaskGroup() as group:
                for agent in agents:
                    group.create_task(one(agent))
            if last:
                return
            await asyncio.sleep(_ROUND_S)

    async def _see(self, agent: str) -> bool:
        """Whether there is a leftover to which no objection was made yet."""
        # What the answer shows was so when it was asked for: an answer that is slow is no stay.
        asked = self._clock()
        open_ = False
        for left in await self._look(agent):
            stay = asked - max(left.since, self._faults_over)
            self.longest_s = max(self.longest_s, stay)
            if stay > self._limit_s:
                self._found[left.key] = f"{left.what}: {stay:.1f} s after its leg had ended"
            open_ = open_ or left.key not in self._found
        return open_
