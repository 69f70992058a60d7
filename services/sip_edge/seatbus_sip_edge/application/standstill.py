"""A process that has stood still (SIGSTOP, a suspended machine) does not know whose its calls are."""

from __future__ import annotations

from typing import TYPE_CHECKING

from seatbus_kit.instances import STALE_S
from seatbus_kit.log import get_logger

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable

    from seatbus_sip_edge.application.edge import Edge

log = get_logger("sip_edge")

_TICK_S = 0.5


class Standstill:
    """Asked before anything is done: after a gap nothing is, until the calls are known to be ours."""

    def __init__(self, edge: Edge) -> None:
        self._edge = edge
        self._awake_at = edge.loop.time()
        self._stands = False
        self._held: list[Callable[[], object]] = []
        self._ticker: asyncio.TimerHandle | None = None

    def start(self) -> None:
        self._awake_at = self._edge.loop.time()
        self._tick()

    def stop(self) -> None:
        if self._ticker is not None:
            self._ticker.cancel()

    def awake(self) -> bool:
        """False while it is not known whether calls were taken over during a standstill of this process."""
        edge = self._edge
        now = edge.loop.time()
        gap, self._awake_at = now - self._awake_at, now
        if (
            gap > STALE_S / 2
            and edge.settings.adopt_after_s
            and gap > edge.adoption.surely_ours_s
            and edge.restored
            and not self._stands
        ):
            self._stands = True
            log.error("this process has stood still, its calls are checked", seconds=round(gap, 1))
            edge.stack.hold()
            edge.adoption.check_all()
        return not self._stands

    def _tick(self) -> None:
        self.awake()
        self._ticker = self._edge.loop.call_later(_TICK_S, self._tick)

    def go_on(self) -> None:
        """What came meanwhile is served, by those calls that are left."""
        self._stands = False
        self._edge.stack.resume()
        held, self._held = self._held, []
        for feed in held:
            feed()

    def after(self, feed: Callable[[], object]) -> None:
        """Runs it when the process goes on."""
        self._held.append(feed)
