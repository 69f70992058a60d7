"""The trace of a call: one root with the call's id, and a span for each step and each offer."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from seatbus_sip_edge.domain import effects as fx
from seatbus_sip_edge.domain import inputs as on

if TYPE_CHECKING:
    from collections.abc import Sequence

    from seatbus_kit.trace import TraceContext
    from seatbus_sip_edge.application.session import Session


class CallSpans:
    """Costs a comparison when no collector is configured."""

    __slots__ = ("_enabled", "_offer", "_session", "_start", "_step", "_tracer")

    def __init__(self, session: Session) -> None:
        self._session = session
        self._tracer = session.edge.tracer
        self._enabled = self._tracer.enabled
        self._start = time.time_ns()
        self._step: tuple[str, TraceContext, int] | None = None
        self._offer: tuple[TraceContext, int] | None = None

    def after(self, event: on.Input, effects: Sequence[fx.Effect]) -> None:
        """Opens and closes spans for what an input did."""
        if not self._enabled:
            return
        call, trace = self._session.call, self._session.trace
        now = time.time_ns()
        if isinstance(event, on.OfferAccepted | on.OfferUnacceptable | on.RefusedAtDoor):
            self._tracer.export(
                "sip_edge.invite", trace.child(), trace, "internal", self._start, now, {"dialed": call.dialed}
            )
        if isinstance(event, on.AgentOffered):
            self._offer = (trace.child(), now)
        for effect in effects:
            if isinstance(effect, fx.AdvanceFlow | fx.Finished):
                self._close_step(now)
            if isinstance(effect, fx.ReportOffer | fx.CancelContact | fx.Finished):
                self._close_offer(now)
        if isinstance(event, on.StepGiven) and call.action:
            self._step = (f"sip_edge.step.{call.action}", trace.child(), now)

    def _close_step(self, now: int) -> None:
        if self._step is not None:
            name, context, start = self._step
            self._step = None
            node = self._session.call.node_id
            self._tracer.export(name, context, self._session.trace, "internal", start, now, {"node": node})

    def _close_offer(self, now: int) -> None:
        if self._offer is not None:
            context, start = self._offer
            self._offer = None
            self._tracer.export("sip_edge.offer", context, self._session.trace, "internal", start, now, {})

    def finish(self) -> None:
        """Exports the root."""
        if not self._enabled:
            return
        call = self._session.call
        now = time.time_ns()
        self._close_step(now)
        self._close_offer(now)
        self._tracer.export(
            "sip_edge.call",
            self._session.trace,
            None,
            "server",
            call.started_at * 1000 or self._start,
            now,
            {
                "tenant": call.tenant_id,
                "caller": call.caller,
                "dialed": call.dialed,
                "cause": int(call.cause),
            },
        )
