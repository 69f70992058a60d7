"""An agent's call in the machine alone: whatever comes in whatever order, its books are right."""

from __future__ import annotations

import orjson
from hypothesis import given, settings
from hypothesis import strategies as st

from seatbus.agent.v1 import service_pb2 as agent
from seatbus.call.v1 import types_pb2 as call_types
from seatbus_sip_edge.domain import effects as fx
from seatbus_sip_edge.domain import inputs as on
from seatbus_sip_edge.domain.model import Call, LegPhase, Phase
from seatbus_testkit.properties import examples

from .driver import Alone, Ids

AGENT, CUSTOMER = "agent-leg", "customer-leg"
_OVER = {agent.WORK_EVENT_ENDED, agent.WORK_EVENT_CANCELLED}


class Desk(Alone):
    """A call that an agent makes."""

    def __init__(self, *, originated: bool, emergency: bool = False) -> None:
        call = Call(
            tenant_id="acme",
            call_id="c",
            owner="edge-0",
            caller="+4930555000",
            dialed="+4989123456",
            direction=call_types.DIRECTION_OUTBOUND,
            caller_leg_id=CUSTOMER,
            record=True,
            emergency=emergency,
        )
        super().__init__(call, Ids())
        if originated:
            self.feed(on.Originated(AGENT, "acme", "anna", "rid-1", 20, {}))
        else:
            self.feed(on.AgentDialled("v=0", "udp:1", "x", AGENT, "acme", "anna", "d", "rid-1"))

    def facts(self) -> list[str]:
        return [type(item.message).__name__ for item in self.of(fx.Record)]  # type: ignore[attr-defined]


INPUTS: dict[str, on.Input] = {
    "accepted": on.OfferAccepted("v=0", "PCMU"),
    "unacceptable": on.OfferUnacceptable("no"),
    "begun": on.WorkBegun(AGENT),
    "away": on.WorkNotBegun(AGENT, "unavailable"),
    "refused": on.WorkNotBegun(AGENT, "logged_out"),
    "a_made": on.AgentOfferMade(AGENT, "v=0"),
    "a_ringing": on.AgentRinging(AGENT),
    "a_answered": on.AgentAnswered(AGENT, "v=0"),
    "a_failed": on.AgentFailed(AGENT, 486),
    "a_timeout": on.RingTimedOut(AGENT),
    "a_bye": on.AgentHungUp(AGENT),
    "made": on.AgentOfferMade(CUSTOMER, "v=0"),
    "ringing": on.AgentRinging(CUSTOMER),
    "early": on.EarlyMedia(CUSTOMER, "v=0"),
    "rerouted": on.LegRerouted(CUSTOMER, "second", 503, "v=0"),
    "answered": on.AgentAnswered(CUSTOMER, "v=0"),
    "failed": on.AgentFailed(CUSTOMER, 486),
    "nowhere": on.AgentFailed(CUSTOMER, 0),
    "timeout": on.RingTimedOut(CUSTOMER),
    "connected": on.Connected(CUSTOMER, "PCMU"),
    "connect_failed": on.ConnectFailed(CUSTOMER, "no"),
    "cancel": on.CallerCancelled(),
    "bye": on.CallerHungUp(),
    "ok": on.WorkAccepted(AGENT),
    "not_ok": on.WorkRefused(AGENT, "no"),
    "hold": on.HoldChanged(AGENT, True),
    "media_lost": on.MediaLost("gone"),
    "asked": on.HangUpAsked("", call_types.HANGUP_CAUSE_API),
    "session_ended": on.SessionEnded(),
    "restored": on.Restored("v=0"),
}
_DIALLED = ["accepted", "begun", "made", "ringing", "answered", "connected"]
_ORIGINATED = ["begun", "a_made", "a_answered", "made", "answered", "connected"]


def _books(desk: Desk) -> None:
    call = desk.call
    assert [item.seq for item in desk.of(fx.Record)] == list(range(1, call.seq + 1))  # type: ignore[attr-defined]
    orjson.dumps(call)
    if call.phase is Phase.BRIDGED:
        assert {leg.phase for leg in call.legs.values()} == {LegPhase.TALKING}
        assert call.answered_at
        assert "CallBridged" in desk.facts()
    if call.phase not in (Phase.ENDING, Phase.ENDED):
        return
    assert not any(leg.live for leg in call.legs.values()), "no leg outlives its call"
    reports = [item.event for item in desk.of(fx.ReportWork)]  # type: ignore[attr-defined]
    leg = call.legs[AGENT]
    if leg.rid:
        assert sum(event in _OVER for event in reports) >= 1, "the agent is told free"
    if leg.incoming:
        answers = [*desk.of(fx.AnswerLeg), *desk.of(fx.RefuseLeg)]
        assert answers, "the phone's INVITE gets a final answer"
        finals = {type(item) for item in answers}
        assert len(finals) == 1, "and one only"
    if call.phase is Phase.ENDED:
        assert desk.facts()[-1] == "CallEnded"


@settings(max_examples=examples(200), deadline=None)
@given(
    st.booleans(),
    st.booleans(),
    st.integers(0, 6),
    st.lists(st.sampled_from(sorted(INPUTS)), max_size=25),
)
def test_whatever_happens_to_an_agents_call_its_books_are_right(
    originated: bool, emergency: bool, far: int, then: list[str]
) -> None:
    desk = Desk(originated=originated, emergency=emergency)
    for name in [*(_ORIGINATED if originated else _DIALLED)[:far], *then]:
        desk.feed(INPUTS[name])
        _books(desk)
    desk.feed(INPUTS["asked"])
    desk.feed(INPUTS["session_ended"])
    _books(desk)
    assert desk.call.phase is Phase.ENDED


def test_nobody_is_dialled_before_the_agent_is_bound() -> None:
    desk = Desk(originated=False)
    desk.feed(INPUTS["accepted"])
    assert not desk.of(fx.Dial)
    assert desk.call.caller_leg.phase is LegPhase.TRYING
    desk.feed(INPUTS["begun"])
    assert desk.call.caller_leg.phase is LegPhase.PREPARED


def test_help_is_dialled_before_anybody_has_agreed() -> None:
    desk = Desk(originated=False, emergency=True)
    desk.feed(INPUTS["accepted"])
    assert desk.call.caller_leg.phase is LegPhase.PREPARED
    assert "CallEmergency" in desk.facts()


def test_agent_state_is_told_of_a_call_that_it_did_not_hear_of() -> None:
    desk = Desk(originated=False)
    for name in ("accepted", "away", "made", "answered"):
        desk.feed(INPUTS[name])
    made = desk.feed(INPUTS["connected"])
    kinds = [type(item) for item in made if isinstance(item, fx.BeginWork | fx.ReportWork)]
    assert kinds == [fx.BeginWork, fx.ReportWork], "the beginning before the answer"


def test_the_phone_hears_the_answer_once_the_audio_is_joined() -> None:
    desk = Desk(originated=False)
    for name in _DIALLED[:-1]:
        desk.feed(INPUTS[name])
    assert not desk.of(fx.AnswerLeg)
    desk.feed(INPUTS["connected"])
    assert len(desk.of(fx.AnswerLeg)) == 1


def test_a_phone_that_waits_hears_every_minute_that_it_rings() -> None:
    desk = Desk(originated=False)
    desk.feed(on.OfferAccepted("v=0", "PCMU"))
    desk.feed(on.WorkBegun(AGENT))
    desk.feed(on.AgentOfferMade(CUSTOMER, "v=0"))
    ringing = desk.feed(on.AgentRinging(CUSTOMER))
    minute = fx.SetTimer(fx.Timer.PROGRESS, 60.0)
    assert ringing[-2:] == [fx.RingLeg(AGENT), minute]
    assert desk.feed(on.ProgressDue()) == [fx.RingLeg(AGENT), minute]
    desk.feed(on.EarlyMedia(CUSTOMER, "v=0"))
    assert desk.feed(on.ProgressDue()) == [fx.ProgressLeg(AGENT, "v=0"), minute]
    # Nobody rings for ever.
    assert desk.feed(on.RingTimedOut(CUSTOMER))
    assert desk.call.sip_status == 480
    assert desk.call.phase is Phase.ENDING


def test_a_phone_that_has_its_answer_hears_nothing_more() -> None:
    desk = Desk(originated=True)
    assert desk.feed(on.ProgressDue()) == []
