"""Who carries out each effect of the machine. One table for all calls."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from seatbus_sip_edge.domain import effects as fx

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from seatbus_sip_edge.application.session import Session


def _table() -> dict[type, Callable[[Session, Any], None]]:
    return {
        fx.Media: lambda session, effect: session.commands.media.perform(effect),
        fx.AnswerCaller: lambda session, effect: session.sip.incoming.answer(
            session.call.caller_leg_id, effect.sdp
        ),
        fx.ProgressCaller: lambda session, effect: session.sip.incoming.progress(
            session.call.caller_leg_id, effect.sdp
        ),
        fx.RefuseCaller: lambda session, effect: session.sip.incoming.refuse(
            session.call.caller_leg_id, effect.status
        ),
        fx.AnswerLeg: lambda session, effect: session.sip.incoming.answer(effect.leg_id, effect.sdp),
        fx.ProgressLeg: lambda session, effect: session.sip.incoming.progress(effect.leg_id, effect.sdp),
        fx.RingLeg: lambda session, effect: session.sip.incoming.ring(effect.leg_id),
        fx.RefuseLeg: lambda session, effect: session.sip.incoming.refuse(effect.leg_id, effect.status),
        fx.Dial: lambda session, effect: session.sip.outgoing.dial(effect.leg_id),
        fx.ResumeDial: lambda session, effect: session.sip.restoring.resume_dial(effect.leg_id),
        fx.ResumeCaller: lambda session, effect: session.sip.restoring.resume_caller(
            answered=effect.answered, sdp=effect.sdp
        ),
        fx.Probe: lambda session, effect: session.sip.restoring.probe(effect.leg_id),
        fx.RepeatReports: lambda session, _: session.commands.repeat_reports(),
        fx.TakeFallback: lambda session, effect: session.commands.flow.fall_back(effect.reason),
        fx.CancelDial: lambda session, effect: session.sip.outgoing.cancel(effect.leg_id),
        fx.HangUp: lambda session, effect: session.sip.within.hang_up(effect.leg_id),
        fx.BeginFlow: lambda session, effect: session.commands.flow.begin_flow(effect),
        fx.AdvanceFlow: lambda session, effect: session.commands.flow.advance_flow(effect),
        fx.EndFlow: lambda session, effect: session.commands.flow.end_flow(effect),
        fx.Enqueue: lambda session, effect: session.commands.queue.enqueue(effect),
        fx.CancelContact: lambda session, effect: session.commands.queue.cancel_contact(effect),
        fx.RequestCallback: lambda session, effect: session.commands.queue.request_callback(effect),
        fx.BeginWork: lambda session, effect: session.commands.work.begin_work(effect),
        fx.ReportWork: lambda session, effect: session.commands.work.report_work(effect),
        fx.ReportOffer: lambda session, effect: session.commands.queue.report_offer(effect),
        fx.AwaitDevice: lambda session, effect: session.edge.lost_devices.expect(session, effect.leg_id),
        fx.Retake: lambda session, effect: session.edge.lost_devices.retake(session, effect.leg_id),
        fx.SetTimer: lambda session, effect: session.set_timer(effect),
        fx.StopTimer: lambda session, effect: session.stop_timers(effect.timer, effect.leg_id),
        fx.Finished: lambda session, _: session.edge.finished(session),
    }


PERFORMERS: Final[Mapping[type, Callable[[Session, Any], None]]] = _table()
