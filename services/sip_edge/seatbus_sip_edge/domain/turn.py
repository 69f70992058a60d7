"""One turn of the machine: an input is applied, facts are numbered, effects are collected in order."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from seatbus.call.v1 import events_pb2 as facts
from seatbus.common.v1 import types_pb2 as common
from seatbus.ivr.v1 import types_pb2 as ivr
from seatbus.media.v1 import service_pb2 as media
from seatbus_sip_edge.domain import effects as fx
from seatbus_sip_edge.domain.causes import status_of
from seatbus_sip_edge.domain.legs import LegEvent, leg_step
from seatbus_sip_edge.domain.model import LegPhase, Phase

if TYPE_CHECKING:
    from collections.abc import Sequence

    from google.protobuf.message import Message

    from seatbus.agent.v1 import service_pb2 as agent
    from seatbus.call.v1 import types_pb2 as call_types
    from seatbus_sip_edge.domain.model import Call, Leg

FOR_EVER = 4_294_967_295


class Ids(Protocol):
    """Gives new UUIDv7 identifiers: randomness is an input."""

    def __call__(self) -> str: ...


def _playing(
    endpoint_id: str, play_id: str, audio: Sequence[ivr.Audio], loops: int = 0, *, barge_in: bool = False
) -> media.Command:
    playlist = {"items": audio, "loops": loops, "barge_in": barge_in}
    return media.Command(play=media.Play(endpoint_id=endpoint_id, play_id=play_id, playlist=playlist))


def music(call: Call, leg_id: str = "") -> media.Command:
    prompt = call.music_prompt_id
    audio = ivr.Audio(prompt_id=prompt) if prompt else ivr.Audio(tone="music")
    return _playing(leg_id or call.caller_leg_id, "music", [audio], FOR_EVER)


class Turn:
    """What the actions of the table work with. `now` is in microseconds since 1970, on one edge's clock."""

    __slots__ = ("call", "effects", "ids", "now")

    def __init__(self, call: Call, now: int, ids: Ids) -> None:
        self.call = call
        self.now = now
        self.ids = ids
        self.effects: list[fx.Effect] = []

    def do(self, *effects: fx.Effect) -> None:
        self.effects.extend(effects)

    def record(self, message: Message) -> None:
        """A fact: it takes the next number of the call's gap-free sequence."""
        self.call.seq += 1
        self.effects.append(fx.Record(self.call.seq, message))

    def media(
        self,
        *commands: media.Command,
        reply: fx.MediaReply = fx.MediaReply.NOTHING,
        leg_id: str = "",
        spare: str = "",
    ) -> None:
        self.effects.append(fx.Media(commands, reply, leg_id, spare))

    def play(
        self,
        play_id: str,
        audio: Sequence[ivr.Audio],
        *,
        loops: int = 0,
        barge_in: bool = False,
        leg_id: str = "",
    ) -> None:
        self.media(_playing(leg_id or self.call.caller_leg_id, play_id, audio, loops, barge_in=barge_in))

    def play_music(self, leg_id: str = "") -> None:
        """Music to the customer, or to another leg that waits."""
        self.media(music(self.call, leg_id))

    def play_ringback(self, leg_id: str = "") -> None:
        self.play("ringback", [ivr.Audio(tone="ringback")], loops=FOR_EVER, leg_id=leg_id)

    def stop_play(self, leg_id: str = "") -> None:
        self.media(media.Command(stop_play=media.StopPlay(endpoint_id=leg_id or self.call.caller_leg_id)))

    def report(self, leg: Leg, event: agent.WorkEvent) -> None:
        """Tells agent_state of its agent; legs without a reservation are no agents' work."""
        if leg.rid:
            self.do(fx.ReportWork(leg.leg_id, event))

    def advance(self, kind: ivr.OutcomeKind, *, digits: str = "", reason: str = "") -> Phase:
        """Reports how the current step went. The answer comes as StepGiven."""
        call = self.call
        call.action = ""
        call.outcome = [] if call.secret and digits else [int(kind), digits, reason[:200]]
        self.do(fx.AdvanceFlow(call.step_seq, ivr.Outcome(kind=kind, digits=digits, reason=reason[:200])))
        return Phase.IN_FLOW

    def enqueue_again(self) -> None:
        """The same contact with the same wishes: harmless while it lives, a clear refusal if not."""
        call = self.call
        self.do(
            fx.Enqueue(
                call.contact_id,
                call.queue_id,
                tuple(common.Skill(name=name, level=level) for name, level in call.requirements.items()),
                call.priority,
                call.preferred_agent_id,
                call.first_fifo,
                call.first_enqueued_at,
            )
        )

    def move_leg(self, leg: Leg, event: LegEvent) -> None:
        leg.phase = leg_step(leg.phase, event)

    def answer_caller(self) -> None:
        """Charging starts here. Nothing happens when the caller was answered before."""
        call, leg = self.call, self.call.caller_leg
        if call.answered_at:
            return
        call.answered_at = leg.answered_at = self.now
        self.move_leg(leg, LegEvent.CONNECTED)
        self.do(
            fx.StopTimer(fx.Timer.PROGRESS),
            fx.StopTimer(fx.Timer.UNANSWERED),
            fx.AnswerCaller(call.local_sdp),
        )
        self.record(facts.CallAnswered())
        self.record(facts.LegAnswered(leg_id=leg.leg_id, codec=call.codec))

    def end_leg(self, leg: Leg, cause: call_types.HangupCause, sip_status: int = 0) -> None:
        """The leg is over; its SIP side is ended by an effect of the caller of this."""
        self.move_leg(leg, LegEvent.ENDED)
        leg.ended_at, leg.cause, leg.sip_status = self.now, cause, sip_status
        fact = facts.LegEnded(
            leg_id=leg.leg_id,
            cause=cause,
            sip_status=sip_status,
            agent_id=leg.agent_id,
            agent_tenant_id=leg.agent_tenant_id,
            role=leg.role,
            queue_id=leg.queue_id,
        )
        for name in ("created_at", "ringing_at", "answered_at"):
            moment = getattr(leg, name)
            if moment:
                getattr(fact, name).FromMicroseconds(moment)
        self.record(fact)

    def close_sip(self, leg: Leg) -> None:
        """CANCEL, BYE or refuse a leg, whatever it has come to."""
        if leg.was_answered or leg.accepting:
            self.do(fx.HangUp(leg.leg_id))
        elif leg.incoming:
            self.do(fx.RefuseLeg(leg.leg_id, self.call.sip_status or status_of(self.call.cause)))
        elif leg.phase in (LegPhase.DIALLED, LegPhase.RINGING):
            self.do(fx.CancelDial(leg.leg_id))
