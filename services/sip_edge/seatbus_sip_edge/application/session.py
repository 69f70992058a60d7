"""One call in this process: feeds the machine, journals what it says, then performs it."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

from seatbus_kit.events import OutEvent
from seatbus_kit.log import get_logger
from seatbus_kit.trace import TraceContext
from seatbus_sip_edge.adapters.journal import frame
from seatbus_sip_edge.application.commands import Commands
from seatbus_sip_edge.application.performing import PERFORMERS
from seatbus_sip_edge.application.sip_side import SipSide
from seatbus_sip_edge.application.snapshots import snapshot
from seatbus_sip_edge.application.spans import CallSpans
from seatbus_sip_edge.domain import effects as fx
from seatbus_sip_edge.domain import inputs as on
from seatbus_sip_edge.domain.device_inputs import DeviceGone
from seatbus_sip_edge.domain.errors import IllegalInput, WrongPhase
from seatbus_sip_edge.domain.machine import apply
from seatbus_sip_edge.domain.model import Cause, Phase

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Sequence

    from seatbus_sip_edge.application.edge import Edge
    from seatbus_sip_edge.domain.model import Call

log = get_logger("sip_edge.call")

_REMEMBERED = 64


class Session:
    """Everything of a call but its truth, which is `call`."""

    def __init__(self, edge: Edge, call: Call) -> None:
        self.edge = edge
        self.call = call
        self.trace = TraceContext.for_call(call.call_id)
        self.sip = SipSide(self)
        self.commands = Commands(self)
        self.spans = CallSpans(self)
        self.over_at: float | None = None
        self.recovered = False
        self.adopted = False
        self._forgotten = False
        self._done: dict[str, None] = {}
        self._timers: dict[tuple[fx.Timer, str], asyncio.TimerHandle] = {}

    # ---- requests that were done ------------------------------------------------------------------------
    def has_done(self, request_id: str) -> bool:
        return request_id in self._done

    def first_time(self, request_id: str) -> bool:
        """False for a repeat. The last 64 are remembered, in this process."""
        if request_id in self._done:
            return False
        self._done[request_id] = None
        if len(self._done) > _REMEMBERED:
            del self._done[next(iter(self._done))]
        return True

    def not_done(self, request_id: str) -> None:
        self._done.pop(request_id, None)

    @property
    def over(self) -> bool:
        return self.call.phase is Phase.ENDED

    def feed(self, event: on.Input) -> bool:
        """Applies an input; False when the call could not take it where it is, or a bug has ended it."""
        call = self.call
        fits = True
        edge = self.edge
        if not edge.standstill.awake():
            edge.standstill.after(lambda: edge.sessions.get(call.call_id) is self and self.feed(event))
            return True
        now = edge.micros()
        try:
            effects = apply(call, event, now, edge.ids)
        except IllegalInput as error:
            log.warning(
                "input does not fit, ignored",
                tenant=call.tenant_id,
                call=call.call_id,
                phase=error.phase,
                what=error.event,
            )
            return False
        except WrongPhase as error:
            log.error(
                "a bug of the call table, the call is ended",
                tenant=call.tenant_id,
                call=call.call_id,
                phase=error.phase,
                what=error.event,
                error=str(error),
            )
            effects, fits = list(error.effects), False
        if not effects:
            return True
        events: list[OutEvent] = []
        for effect in effects:
            if isinstance(effect, fx.Record):
                events.append(self._event(effect, now))
            elif isinstance(effect, fx.Dial):
                self.sip.outgoing.prepare(effect.leg_id, effect.sdp)
        self._journal(events, now)
        self.spans.after(event, effects)
        if isinstance(event, on.AgentOffered):
            effects = self._ask_ahead(effects)
        edge.journal.then(lambda: self._perform(effects, events))
        return fits

    def _ask_ahead(self, effects: Sequence[fx.Effect]) -> list[fx.Effect]:
        """An agent's SDP is asked for while the journal is written; the INVITE waits for it as ever.

        Nobody sees a port that media sets aside; one that the journal does not know goes with its session.
        """
        for effect in effects:
            if isinstance(effect, fx.Media) and effect.reply is fx.MediaReply.OFFER:
                self.commands.media.perform(effect)
        return [e for e in effects if not (isinstance(e, fx.Media) and e.reply is fx.MediaReply.OFFER)]

    def checkpoint(self) -> None:
        """Journals the state as it is, without a fact."""
        self._journal((), 0)

    def state_frame(self, events: Sequence[OutEvent] = (), micros: int = 0) -> bytes:
        return frame(
            [
                "t",
                self.call.call_id,
                self.call,
                self.sip.restoring.to_dict(),
                [
                    [item.seq, item.type_name, micros, base64.b64encode(item.payload).decode()]
                    for item in events
                ],
            ]
        )

    def _journal(self, events: Sequence[OutEvent], micros: int) -> None:
        self.edge.journal.append(self.state_frame(events, micros))

    def _event(self, item: fx.Record, now: int) -> OutEvent:
        return self.edge.make_event(
            self.call.tenant_id,
            self.call.call_id,
            item.seq,
            item.message.DESCRIPTOR.full_name,
            item.message.SerializeToString(),
            now,
        )

    def _perform(self, effects: Sequence[fx.Effect], events: Sequence[OutEvent]) -> None:
        """Runs once the journal has the transition."""
        for effect in effects:
            perform = PERFORMERS.get(type(effect))
            if perform is None:
                continue
            try:
                perform(self, effect)
            except Exception as error:
                log.error(
                    "effect failed",
                    tenant=self.call.tenant_id,
                    call=self.call.call_id,
                    effect=type(effect).__name__,
                    error=repr(error),
                    exc_info=error,
                )
                # Nobody is left in a call that cannot go on. Once: an end that fails ends nothing more.
                if self.call.phase not in (Phase.ENDING, Phase.ENDED):
                    self.edge.loop.call_soon(self.feed, on.Aborted(Cause.HANGUP_CAUSE_SYSTEM))
        if events:
            self.edge.publisher.push(events)
        if not self.over:
            self.edge.records.changed(self.call, self._snapshot)

    def _snapshot(self) -> bytes:
        return snapshot(self, self.edge.publisher.unpublished(self.call.call_id))

    def forget(self) -> None:
        """The peers can repeat nothing any more.

        Taken apart, a call is freed at once. Otherwise only a collection finds it, for which the whole edge
        stands still: 60 to 180 ms at 20 calls a second.
        """
        if self._forgotten:
            return
        self._forgotten = True
        self.sip.forget()
        self.sip.take_apart()
        self.commands.take_apart()
        del self.commands, self.spans

    # ---- timers -----------------------------------------------------------------------------------------
    def set_timer(self, effect: fx.SetTimer) -> None:
        key = (effect.timer, effect.leg_id)
        self._stop_timer(key)
        event: on.Input
        match effect.timer:
            case fx.Timer.RING:
                event = on.RingTimedOut(effect.leg_id)
            case fx.Timer.PROGRESS:
                event = on.ProgressDue()
            case fx.Timer.UNANSWERED:
                event = on.AnswerOverdue()
            case fx.Timer.VOICEMAIL:
                event = on.VoicemailFull()
            case fx.Timer.PARK:
                event = on.ParkedTooLong()
            case fx.Timer.DEVICE:
                event = DeviceGone()
        self._timers[key] = self.edge.loop.call_later(effect.seconds, self._fired, key, event)

    def _fired(self, key: tuple[fx.Timer, str], event: on.Input) -> None:
        self._timers.pop(key, None)
        self.feed(event)

    def stop_timers(self, timer: fx.Timer, leg_id: str) -> None:
        for key in list(self._timers):
            if key[0] is timer and leg_id in ("", key[1]):
                self._stop_timer(key)

    def _stop_timer(self, key: tuple[fx.Timer, str]) -> None:
        handle = self._timers.pop(key, None)
        if handle is not None:
            handle.cancel()

    def close(self) -> None:
        """Stops everything at once; the journal has what a successor needs."""
        for handle in self._timers.values():
            handle.cancel()
        self._timers.clear()
        self.sip.close()
        self.commands.cancel()
