"""What the edge holds in memory for calls, counted: nothing, once 64*T1 have passed after the last."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from seatbus_kit import metrics

if TYPE_CHECKING:
    import asyncio

    from seatbus_sip_edge.application.edge import Edge

_EVERY_S: Final = 0.5

_HELD = metrics.gauge("seatbus_sip_held", "what the edge holds in memory", ["kind"])


class Held:
    """Reports the sizes of the tables, twice a second."""

    def __init__(self, edge: Edge) -> None:
        self._edge = edge
        self._timer: asyncio.TimerHandle | None = None

    def counts(self) -> dict[str, int]:
        edge = self._edge
        return {
            "transactions": len(edge.stack.layer),
            "dialogs": len(edge.legs),
            "calls": len(edge.sessions),
        }

    def start(self) -> None:
        for kind, count in self.counts().items():
            _HELD.set(count, kind=kind)
        self._timer = self._edge.loop.call_later(_EVERY_S, self.start)

    def stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
