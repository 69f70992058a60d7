"""The call's transition table: phase x input -> action and the phases it may lead to.

The table is data. Actions are pure: they change the call and collect effects.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, get_args

from seatbus.call.v1 import events_pb2 as facts
from seatbus_sip_edge.domain import (
    arrival,
    callback,
    callback_wish,
    calling,
    consult,
    consult_queue,
    controls,
    device_lost,
    dialling,
    ending,
    external,
    flow,
    merging,
    moving,
    offer,
    overflow,
    parking,
    reaching,
    recovery,
    redirects,
    replaces,
    supervise,
    transfer,
)
from seatbus_sip_edge.domain import callback_inputs as cb
from seatbus_sip_edge.domain import device_inputs as dev
from seatbus_sip_edge.domain import inputs as on
from seatbus_sip_edge.domain.model import Phase
from seatbus_sip_edge.domain.turn import Turn

# The input of each action is the type that the table files it under.
Action = Callable[[Turn, Any], Phase]


class Rule(NamedTuple):
    action: Action
    to: frozenset[Phase]


def _rule(action: Action, *to: Phase) -> Rule:
    return Rule(action, frozenset(to))


def _stay(turn: Turn, _event: object) -> Phase:
    return turn.call.phase


def _attributes_set(turn: Turn, event: on.AttributesSet) -> Phase:
    turn.call.attributes.update(event.attributes)
    turn.record(facts.CallAttributesSet(attributes=event.attributes))
    return turn.call.phase


P = Phase
ENDS = (P.ENDING, P.ENDED)
# Where a customer goes whom nobody took that was called without a queue.
_UNREACHED = (P.IN_FLOW, P.QUEUED, P.PARKED, *ENDS)
# Where a customer goes who is sent somewhere.
_SENT = (P.IN_FLOW, P.QUEUED, P.REACHING, *ENDS)
# Where a customer goes whose agent has asked a queue and leaves before anybody has come.
_ASKED_QUEUE = (P.QUEUED, P.OFFERED)
_LEAVES: Mapping[type, Rule] = {
    on.CallerCancelled: _rule(ending.caller_left, *ENDS),
    on.CallerHungUp: _rule(ending.caller_left, *ENDS),
    on.CallerNotAcknowledged: _rule(ending.not_acknowledged, *ENDS),
    on.MediaLost: _rule(ending.media_lost, *ENDS),
    on.HangUpAsked: _rule(ending.hang_up_asked, *ENDS),
    on.Aborted: _rule(ending.aborted, *ENDS),
}


def _waits(phase: Phase) -> Mapping[type, Rule]:
    """What may come at any moment of a call that lives, and leaves it where it is."""
    return {
        on.HoldChanged: _rule(controls.hold_changed, phase),
        on.AttributesSet: _rule(_attributes_set, phase),
        on.ProgressDue: _rule(arrival.progress_due, phase),
        on.AnswerOverdue: _rule(ending.answer_overdue, *ENDS),
        on.Enqueued: _rule(_stay, phase),
        on.ComfortDue: _rule(_stay, phase),
        on.LegRerouted: _rule(dialling.rerouted, phase),
        on.LegRedirected: _rule(redirects.redirected, phase),
        on.EarlyMedia: _rule(_stay, phase),
        on.ExternalAnswered: _rule(_stay, phase),
        # Reports of what was replaced or withdrawn meanwhile.
        on.PlayFinished: _rule(_stay, phase),
        on.CollectFinished: _rule(_stay, phase),
        on.WorkBegun: _rule(_stay, phase),
        on.WorkNotBegun: _rule(_stay, phase),
        on.WorkAccepted: _rule(_stay, phase),
        # Cutting a conversation would be worse than an agent's record that is put right later.
        on.WorkRefused: _rule(_stay, phase),
        on.OfferDropped: _rule(_stay, phase),
        on.EnqueueRefused: _rule(_stay, phase),
        on.RingTimedOut: _rule(_stay, phase),
        on.OfferWithdrawn: _rule(_stay, phase),
        on.ParkedTooLong: _rule(_stay, phase),
        on.VoicemailFull: _rule(_stay, phase),
        on.Connected: _rule(_stay, phase),
        # Whoever is being called is told what to hear as they answer.
        on.MediaMoved: _rule(_stay, phase),
        **{kind: _rule(_stay, phase) for kind in (*get_args(dev.OfDevice), *get_args(cb.OfCallback))},
    }


def _talks(phase: Phase) -> Mapping[type, Rule]:
    """What can be asked of a conversation."""
    return {
        on.HoldAsked: _rule(controls.hold_asked, phase),
        on.MuteAsked: _rule(controls.mute_asked, phase),
        on.DigitsAsked: _rule(controls.digits_asked, phase),
        on.RecordingAsked: _rule(controls.recording_asked, phase),
        on.SuperviseAsked: _rule(supervise.asked, phase, P.BRIDGED),
    }


_OVER: Mapping[type, Rule] = {
    kind: _rule(_stay, P.ENDING)
    for kind in (
        *_LEAVES,
        *_waits(P.ENDING),
        on.OfferAccepted,
        on.CallerAnswerGiven,
        on.CallerReady,
        on.OfferUnacceptable,
        on.StepGiven,
        on.FlowUnavailable,
        on.LeftQueue,
        on.ConnectFailed,
    )
}

CALLS: Mapping[Phase, Mapping[type, Rule]] = {
    P.ARRIVED: {
        **_waits(P.ARRIVED),
        **_LEAVES,
        on.Arrived: _rule(arrival.arrived, P.ARRIVED),
        on.AgentDialled: _rule(dialling.dialled, P.DIALLING),
        on.Originated: _rule(dialling.originated, P.DIALLING),
        on.OriginatedTo: _rule(calling.originated, P.CALLING),
        cb.CalledBack: _rule(callback.called_back, P.CALLING_BACK),
        on.RefusedAtDoor: _rule(arrival.refused_at_door, P.ENDED),
        on.OfferAccepted: _rule(arrival.offer_accepted, P.ARRIVED, P.IN_FLOW, P.REACHING),
        on.CallerAnswerGiven: _rule(arrival.answer_given, P.ARRIVED, *ENDS),
        on.CallerReady: _rule(arrival.caller_ready, P.ARRIVED, P.IN_FLOW, P.REACHING),
        on.WorkBegun: _rule(arrival.work_begun, P.REACHING),
        on.WorkNotBegun: _rule(arrival.work_not_begun, P.REACHING, *ENDS),
        on.OfferUnacceptable: _rule(arrival.offer_unacceptable, *ENDS),
        on.Restored: _rule(recovery.arrived, P.ARRIVED, *ENDS),
    },
    P.IN_FLOW: {
        **_waits(P.IN_FLOW),
        **_LEAVES,
        on.StepGiven: _rule(flow.step_given, P.IN_FLOW, P.QUEUED, P.REACHING, *ENDS),
        on.FlowUnavailable: _rule(flow.flow_unavailable, P.IN_FLOW, P.QUEUED, P.REACHING, *ENDS),
        on.PlayFinished: _rule(flow.play_finished, P.IN_FLOW, *ENDS),
        on.CollectFinished: _rule(flow.collect_finished, P.IN_FLOW, *ENDS),
        on.VoicemailFull: _rule(flow.message_left, P.IN_FLOW, *ENDS),
        cb.CallbackTaken: _rule(callback_wish.taken_in_flow, P.IN_FLOW),
        cb.CallbackRefused: _rule(callback_wish.refused_in_flow, P.IN_FLOW),
        on.MediaMoved: _rule(moving.in_flow, P.IN_FLOW),
        on.Restored: _rule(recovery.in_flow, P.IN_FLOW),
    },
    P.QUEUED: {
        **_waits(P.QUEUED),
        **_LEAVES,
        on.EnqueueRefused: _rule(overflow.enqueue_refused, *_SENT),
        on.LeftQueue: _rule(overflow.left_queue, *_SENT),
        on.ComfortDue: _rule(overflow.announced, P.QUEUED),
        on.PlayFinished: _rule(overflow.comforted, P.QUEUED),
        on.CollectFinished: _rule(callback_wish.collected, P.QUEUED),
        cb.CallbackTaken: _rule(callback_wish.taken_in_queue, P.QUEUED, P.IN_FLOW),
        cb.CallbackRefused: _rule(callback_wish.refused_in_queue, P.QUEUED),
        on.AgentOffered: _rule(offer.offered, P.OFFERED),
        on.TransferAsked: _rule(transfer.moved, *_SENT),
        on.PickUpAsked: _rule(parking.taken, P.REACHING),
        on.MediaMoved: _rule(moving.waiting, P.QUEUED),
        on.Restored: _rule(recovery.queued, P.QUEUED),
    },
    P.OFFERED: {
        **_waits(P.OFFERED),
        **_LEAVES,
        on.AgentOffered: _rule(offer.offered_too, P.OFFERED),
        on.AgentOfferMade: _rule(offer.offer_made, P.OFFERED),
        on.ExternalAnswered: _rule(external.answered, P.OFFERED),
        on.CollectFinished: _rule(external.collected, P.OFFERED),
        on.AgentRinging: _rule(offer.ringing, P.OFFERED),
        on.AgentAnswered: _rule(offer.answered, P.OFFERED),
        on.AgentFailed: _rule(offer.failed, P.OFFERED, P.QUEUED),
        on.RingTimedOut: _rule(offer.ring_timed_out, P.OFFERED, P.QUEUED),
        on.OfferWithdrawn: _rule(offer.withdrawn, P.OFFERED, P.QUEUED),
        on.WorkAccepted: _rule(offer.work_accepted, P.OFFERED),
        on.WorkRefused: _rule(offer.work_refused, P.OFFERED, P.QUEUED),
        on.Connected: _rule(offer.connected, P.BRIDGED),
        on.ConnectFailed: _rule(offer.connect_failed, *ENDS),
        on.AgentHungUp: _rule(offer.hung_up_early, P.OFFERED, P.QUEUED, *ENDS),
        on.OfferDropped: _rule(offer.dropped, P.OFFERED, P.QUEUED),
        on.LeftQueue: _rule(overflow.left_queue, P.OFFERED, *_SENT),
        on.PlayFinished: _rule(offer.whispered, P.OFFERED),
        on.PickUpAsked: _rule(parking.taken, P.REACHING),
        on.LegReplaced: _rule(replaces.offered, P.OFFERED, P.REACHING),
        on.MediaMoved: _rule(moving.offered, P.OFFERED),
        on.Restored: _rule(recovery.offered, P.OFFERED, *ENDS),
    },
    P.DIALLING: {
        **_waits(P.DIALLING),
        **_LEAVES,
        on.OfferAccepted: _rule(dialling.offer_accepted, P.DIALLING),
        on.OfferUnacceptable: _rule(arrival.offer_unacceptable, *ENDS),
        on.WorkBegun: _rule(dialling.work_begun, P.DIALLING),
        on.WorkNotBegun: _rule(dialling.work_not_begun, P.DIALLING, *ENDS),
        on.AgentOfferMade: _rule(dialling.offer_made, P.DIALLING),
        on.ExternalAnswered: _rule(external.answered, P.DIALLING),
        on.CollectFinished: _rule(external.collected, P.DIALLING),
        on.AgentRinging: _rule(dialling.ringing, P.DIALLING),
        on.EarlyMedia: _rule(dialling.early_media, P.DIALLING),
        on.ProgressDue: _rule(dialling.progress_due, P.DIALLING),
        on.AgentAnswered: _rule(dialling.answered, P.DIALLING),
        on.AgentFailed: _rule(dialling.failed, P.DIALLING, *ENDS),
        on.RingTimedOut: _rule(dialling.ring_timed_out, P.DIALLING, *ENDS),
        on.Connected: _rule(dialling.connected, P.DIALLING, P.BRIDGED),
        on.ConnectFailed: _rule(offer.connect_failed, *ENDS),
        on.CallerCancelled: _rule(dialling.given_up, *ENDS),
        on.CallerHungUp: _rule(dialling.customer_left, *ENDS),
        on.AgentHungUp: _rule(dialling.agent_left, *ENDS),
        on.MediaMoved: _rule(moving.dialling, P.DIALLING),
        on.Restored: _rule(dialling.restored, P.DIALLING, *ENDS),
    },
    P.CALLING_BACK: {
        **_waits(P.CALLING_BACK),
        **_LEAVES,
        on.ExternalAnswered: _rule(external.answered, P.CALLING_BACK),
        on.CollectFinished: _rule(external.collected, P.CALLING_BACK, P.OFFERED),
        on.MediaMoved: _rule(moving.dialling, P.CALLING_BACK),
        **{kind: _rule(action, *to) for kind, (action, to) in callback.ROWS.items()},
    },
    P.CALLING: {
        **_waits(P.CALLING),
        **_LEAVES,
        on.WorkBegun: _rule(calling.begun, P.CALLING),
        on.WorkNotBegun: _rule(calling.not_begun, *ENDS),
        on.AgentOfferMade: _rule(offer.offer_made, P.CALLING),
        on.AgentRinging: _rule(offer.ringing, P.CALLING),
        on.AgentAnswered: _rule(calling.answered, P.CALLING),
        on.AgentFailed: _rule(calling.failed, *ENDS),
        on.RingTimedOut: _rule(calling.ring_timed_out, P.CALLING, *ENDS),
        on.CallerReady: _rule(calling.ready, P.CALLING, P.IN_FLOW, P.QUEUED, P.REACHING, *ENDS),
        on.OfferUnacceptable: _rule(arrival.offer_unacceptable, *ENDS),
        on.MediaMoved: _rule(moving.dialling, P.CALLING),
        on.Restored: _rule(calling.restored, P.CALLING),
    },
    P.REACHING: {
        **_waits(P.REACHING),
        **_LEAVES,
        on.WorkBegun: _rule(reaching.begun, P.REACHING),
        on.WorkNotBegun: _rule(reaching.failed, *_UNREACHED),
        on.AgentOfferMade: _rule(offer.offer_made, P.REACHING),
        on.ExternalAnswered: _rule(external.answered, P.REACHING),
        on.CollectFinished: _rule(external.collected, P.REACHING),
        on.AgentRinging: _rule(offer.ringing, P.REACHING),
        on.AgentAnswered: _rule(reaching.answered, P.REACHING),
        on.AgentFailed: _rule(reaching.failed, *_UNREACHED),
        on.RingTimedOut: _rule(reaching.ring_timed_out, P.REACHING, *_UNREACHED),
        on.WorkAccepted: _rule(reaching.work_accepted, P.REACHING),
        on.WorkRefused: _rule(reaching.work_refused, P.REACHING, *_UNREACHED),
        on.PlayFinished: _rule(offer.whispered, P.REACHING),
        on.Connected: _rule(reaching.connected, P.BRIDGED),
        on.ConnectFailed: _rule(offer.connect_failed, *ENDS),
        on.AgentHungUp: _rule(reaching.hung_up, *_UNREACHED),
        on.LegReplaced: _rule(replaces.reached, P.REACHING),
        on.MediaMoved: _rule(moving.reaching, P.REACHING),
        on.Restored: _rule(recovery.reaching, P.REACHING, *ENDS),
    },
    P.BRIDGED: {
        **_waits(P.BRIDGED),
        **_LEAVES,
        **_talks(P.BRIDGED),
        on.AgentHungUp: _rule(ending.agent_hung_up, *ENDS),
        dev.DeviceLost: _rule(device_lost.lost, P.BRIDGED, P.DEVICE_LOST),
        on.OfferDropped: _rule(offer.dropped, P.BRIDGED, P.QUEUED),
        on.TransferAsked: _rule(transfer.transferred, *_SENT),
        on.ConsultAsked: _rule(consult.started, P.CONSULTING),
        on.ParkAsked: _rule(parking.parked, P.PARKED),
        on.PartyJoined: _rule(merging.joined, P.BRIDGED),
        on.PartyLeft: _rule(merging.left, *ENDS),
        on.LegReplaced: _rule(replaces.talking, P.BRIDGED),
        on.MediaMoved: _rule(moving.bridged, P.BRIDGED),
        on.Restored: _rule(recovery.bridged, P.BRIDGED),
    },
    P.DEVICE_LOST: {
        **_waits(P.DEVICE_LOST),
        **_LEAVES,
        **{kind: _rule(action, *to) for kind, (action, to) in device_lost.ROWS.items()},
        on.TransferAsked: _rule(transfer.transferred, *_SENT),
        on.MediaMoved: _rule(moving.device_lost, P.DEVICE_LOST),
        on.Restored: _rule(recovery.device_lost, P.DEVICE_LOST, *ENDS),
    },
    P.CONSULTING: {
        **_waits(P.CONSULTING),
        **_LEAVES,
        **_talks(P.CONSULTING),
        on.WorkBegun: _rule(consult.begun, P.CONSULTING),
        on.WorkNotBegun: _rule(consult.failed, P.CONSULTING, P.BRIDGED),
        on.AgentOfferMade: _rule(offer.offer_made, P.CONSULTING),
        on.AgentRinging: _rule(offer.ringing, P.CONSULTING),
        on.AgentAnswered: _rule(consult.answered, P.CONSULTING),
        on.AgentFailed: _rule(consult.failed, P.CONSULTING, P.BRIDGED),
        on.RingTimedOut: _rule(consult.ring_timed_out, P.CONSULTING, P.BRIDGED),
        on.WorkAccepted: _rule(consult.work_accepted, P.CONSULTING),
        on.WorkRefused: _rule(consult.work_refused, P.CONSULTING, P.BRIDGED),
        on.Connected: _rule(consult.connected, P.CONSULTING),
        on.ConnectFailed: _rule(consult.connect_failed, P.CONSULTING, P.BRIDGED),
        on.AgentHungUp: _rule(consult.hung_up, P.CONSULTING, P.BRIDGED, P.REACHING, *_ASKED_QUEUE, *ENDS),
        dev.DeviceLost: _rule(device_lost.lost_while_asking, P.CONSULTING, P.DEVICE_LOST),
        on.HangUpAsked: _rule(consult.leg_hang_up_asked, P.BRIDGED, *ENDS),
        on.SwapAsked: _rule(consult.swapped, P.CONSULTING),
        on.CompleteAsked: _rule(
            consult.completed, P.CONSULTING, P.CONFERENCED, P.BRIDGED, P.REACHING, *_ASKED_QUEUE, *ENDS
        ),
        on.AgentOffered: _rule(consult_queue.offered, P.CONSULTING),
        on.OfferWithdrawn: _rule(consult_queue.withdrawn, P.CONSULTING),
        on.OfferDropped: _rule(consult_queue.dropped, P.CONSULTING),
        on.EnqueueRefused: _rule(consult.queue_failed, P.CONSULTING, P.BRIDGED, *ENDS),
        on.LeftQueue: _rule(consult.queue_failed, P.CONSULTING, P.BRIDGED, *ENDS),
        on.LegReplaced: _rule(replaces.consulting, P.CONSULTING),
        on.MediaMoved: _rule(moving.consulting, P.CONSULTING),
        on.Restored: _rule(recovery.consulting, P.CONSULTING),
    },
    P.CONFERENCED: {
        **_waits(P.CONFERENCED),
        **_LEAVES,
        **_talks(P.CONFERENCED),
        on.AgentHungUp: _rule(consult.hung_up, P.BRIDGED, *ENDS),
        dev.DeviceLost: _rule(device_lost.lost_in_conference, P.CONFERENCED, P.BRIDGED),
        on.HangUpAsked: _rule(consult.leg_hang_up_asked, P.BRIDGED, *ENDS),
        on.CompleteAsked: _rule(consult.completed, P.CONFERENCED, P.BRIDGED, *ENDS),
        on.LegReplaced: _rule(replaces.conferenced, P.CONFERENCED),
        on.MediaMoved: _rule(moving.conferenced, P.CONFERENCED),
        on.Restored: _rule(recovery.conferenced, P.CONFERENCED),
    },
    P.PARKED: {
        **_waits(P.PARKED),
        **_LEAVES,
        on.ParkedTooLong: _rule(parking.too_long, P.REACHING),
        on.PickUpAsked: _rule(parking.picked_up, P.REACHING),
        on.TransferAsked: _rule(transfer.unparked, *_SENT),
        on.MediaMoved: _rule(moving.waiting, P.PARKED),
        on.Restored: _rule(recovery.parked, P.PARKED),
    },
    P.ENDING: {
        **_OVER,
        on.SessionEnded: _rule(ending.session_ended, P.ENDED),
        on.Restored: _rule(recovery.ending, *ENDS),
    },
    P.ENDED: {
        **{kind: _rule(_stay, P.ENDED) for kind in _OVER},
        on.SessionEnded: _rule(_stay, P.ENDED),
        on.Restored: _rule(recovery.ended, P.ENDED),
    },
}
