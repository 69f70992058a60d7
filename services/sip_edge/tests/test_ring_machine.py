"""Several agents ring for one customer, the machine alone: one of them gets the call, whatever comes."""

from __future__ import annotations

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seatbus.acd.v1 import service_pb2 as acd
from seatbus.agent.v1 import service_pb2 as agent
from seatbus.call.v1 import events_pb2 as facts
from seatbus.call.v1 import types_pb2 as call_types
from seatbus.ivr.v1 import types_pb2 as ivr
from seatbus.tenancy.v1 import types_pb2 as tenancy
from seatbus_sip_edge.domain import effects as fx
from seatbus_sip_edge.domain import inputs as on
from seatbus_sip_edge.domain.model import Call, Leg, LegPhase, Phase
from seatbus_testkit.properties import examples

from .driver import Alone, Ids

AGENTS = ("anna", "bert", "carl", "dora")
ELSEWHERE = call_types.HANGUP_CAUSE_ANSWERED_ELSEWHERE
FINALS = {
    agent.WORK_EVENT_ENDED, agent.WORK_EVENT_NO_ANSWER, agent.WORK_EVENT_BUSY, agent.WORK_EVENT_REJECTED,
    agent.WORK_EVENT_UNREACHABLE, agent.WORK_EVENT_CANCELLED, agent.WORK_EVENT_ANSWERED_ELSEWHERE,
}  # fmt: skip


class Floor(Alone):
    """A customer in a queue whose agents ring together, and the books on what came out."""

    def __init__(self) -> None:
        call = Call("acme", "call", "edge", "1", "2", call_types.DIRECTION_INBOUND, "caller")
        super().__init__(call, Ids(start=100))
        self.restarts = 0
        self.rings = 0
        step = ivr.Step(step_seq=1, node_id="n")
        step.enqueue.queue_id = "q"
        self.feed(on.Arrived("v=0", "udp:1", "x"))
        self.feed(on.OfferAccepted("v=0", "PCMU"))
        self.feed(on.StepGiven(step, tenancy.Queue(record=True)))
        assert self.phase() is Phase.QUEUED

    def phase(self) -> Phase:
        return self.call.phase

    def ring(self, *agents: str) -> list[str]:
        """Offers of one ring, or more of the present one; the legs."""
        present = self.call.agent_leg
        self.rings += present is None
        legs = []
        for name in agents:
            leg_id, rid = self.ids(), self.ids()
            ring = f"ring-{self.rings}"
            self.feed(
                on.AgentOffered(self.call.contact_id, rid, "g", 1, "acme", name, "d", "q", leg_id, 5, ring)
            )
            legs.append(leg_id)
        return legs

    def do(self, name: str, leg_id: str) -> list[fx.Effect]:
        """What is told of one agent's leg."""
        leg = self.call.legs.get(leg_id)
        rid = leg.rid if leg is not None else ""
        said: dict[str, on.Input] = {
            "made": on.AgentOfferMade(leg_id, "v=0"),
            "ringing": on.AgentRinging(leg_id),
            "answered": on.AgentAnswered(leg_id, "v=0"),
            "busy": on.AgentFailed(leg_id, 486),
            "timeout": on.RingTimedOut(leg_id),
            "hung_up": on.AgentHungUp(leg_id),
            "accepted": on.WorkAccepted(leg_id),
            "refused": on.WorkRefused(leg_id, "no"),
            "connected": on.Connected(leg_id, "PCMU"),
            "withdrawn": on.OfferWithdrawn(rid),
            "dropped": on.OfferDropped(rid),
            "replaced": on.LegReplaced(leg_id, self.phone(leg), "v=0"),
        }
        return self.feed(said[name])

    def phone(self, of: Leg | None) -> Leg:
        """Another phone of the same agent, with an INVITE that replaces."""
        made = Leg(self.ids(), call_types.LEG_ROLE_AGENT, agent_tenant_id="acme", incoming=True)
        made.agent_id, made.rid = (of.agent_id, of.rid) if of is not None else ("zoe", self.ids())
        return made

    def restart(self) -> list[fx.Effect]:
        self.restarts += 1
        self.call = Call.from_dict(orjson.loads(orjson.dumps(self.call)))
        return self.feed(on.Restored("v=0", ("PCMU",), "lan"))

    def reports(self, leg: Leg) -> list[int]:
        return [e.event for e in self.effects if isinstance(e, fx.ReportWork) and e.leg_id == leg.leg_id]

    def outcomes(self) -> list[tuple[str, int]]:
        return [
            (self.call.legs[e.leg_id].agent_id, e.outcome)
            for e in self.effects
            if isinstance(e, fx.ReportOffer) and not e.repeated
        ]

    def rang_in_vain(self) -> None:
        """Whoever's call somebody else has answered: agent_state has heard that and nothing else."""
        for leg in self.call.legs.values():
            if leg.cause == ELSEWHERE:
                assert agent.WORK_EVENT_ANSWERED not in self.reports(leg)
                assert set(self.reports(leg)) & FINALS == {agent.WORK_EVENT_ANSWERED_ELSEWHERE}

    def ends(self) -> None:
        """The call is over, each of its facts is numbered, and each leg that was made has ended."""
        self.feed(on.Aborted(call_types.HANGUP_CAUSE_SYSTEM))
        self.feed(on.SessionEnded())
        assert self.call.phase is Phase.ENDED
        records = [effect for effect in self.effects if isinstance(effect, fx.Record)]
        assert [effect.seq for effect in records] == list(range(1, self.call.seq + 1))
        told = self.told()
        created = [fact.leg_id for fact in told if isinstance(fact, facts.LegCreated)]
        ended = [fact.leg_id for fact in told if isinstance(fact, facts.LegEnded)]
        assert sorted(created) == sorted(ended)

    def told(self) -> list[object]:
        return [effect.message for effect in self.effects if isinstance(effect, fx.Record)]

    def told_once_how_it_ended(self, legs: list[Leg], refused: bool) -> None:
        """`refused`: agent_state may have taken an answer back."""
        for leg in legs:
            finals = [event for event in self.reports(leg) if event in FINALS]
            assert len(finals) == 1 or self.restarts or (refused and not finals)
            # Told again after a restart, it is the same.
            assert len(set(finals)) == 1 or refused
            assert leg.phase is LegPhase.ENDED

    def agents_of(self, legs: list[Leg]) -> set[str]:
        return {leg.agent_id for leg in legs}


def rung(*agents: str) -> tuple[Floor, list[str]]:
    floor = Floor()
    legs = floor.ring(*agents)
    for leg in legs:
        floor.do("made", leg)
        floor.do("ringing", leg)
    return floor, legs


def kinds(effects: list[fx.Effect], leg_id: str) -> list[str]:
    return [
        type(e).__name__ for e in effects if getattr(e, "leg_id", "") == leg_id and type(e) is not fx.Media
    ]


def test_the_first_that_answers_and_is_confirmed_has_the_call_and_the_others_are_told_at_once() -> None:
    floor, legs = rung(*AGENTS[:3])
    assert floor.phase() is Phase.OFFERED
    asked = floor.do("answered", legs[1])
    assert kinds(asked, legs[1]) == ["StopTimer", "ReportWork"]
    assert kinds(asked, legs[0]) == [], "nobody is sent away before agent_state has said yes"
    said = floor.do("accepted", legs[1])
    for loser in (legs[0], legs[2]):
        assert kinds(said, loser) == ["StopTimer", "CancelDial", "ReportWork"]
        assert floor.reports(floor.call.legs[loser])[-1] == agent.WORK_EVENT_ANSWERED_ELSEWHERE
        assert floor.call.legs[loser].cause == ELSEWHERE
    floor.do("connected", legs[1])
    assert floor.phase() is Phase.BRIDGED
    assert floor.outcomes() == [("bert", acd.OFFER_OUTCOME_ANSWERED)]


def test_two_answers_at_once_connect_one_and_let_the_other_go_without_a_wrap_up() -> None:
    floor, (first, second, _) = rung(*AGENTS[:3])
    floor.do("answered", first)
    crossed = floor.do("answered", second)
    assert kinds(crossed, second) == ["StopTimer", "HangUp", "ReportWork"]
    late = floor.call.legs[second]
    assert agent.WORK_EVENT_ANSWERED not in floor.reports(late)
    assert floor.reports(late)[-1] == agent.WORK_EVENT_ANSWERED_ELSEWHERE
    floor.do("accepted", first)
    floor.do("connected", first)
    assert floor.call.agent_leg_id == first
    # A 200 that crosses our CANCEL: ACK and BYE.
    floor, (first, second) = rung("anna", "bert")
    floor.do("answered", first)
    floor.do("accepted", first)
    assert kinds(floor.do("answered", second), second) == ["HangUp"]


def test_one_is_busy_one_does_not_answer_and_the_third_does() -> None:
    floor, (anna, bert, carl) = rung(*AGENTS[:3])
    floor.do("busy", anna)
    floor.do("timeout", bert)
    assert floor.phase() is Phase.OFFERED
    assert (floor.call.agent_leg_id, floor.call.rung) == (carl, [])
    assert floor.outcomes() == [("anna", acd.OFFER_OUTCOME_BUSY), ("bert", acd.OFFER_OUTCOME_NO_ANSWER)]
    floor.do("answered", carl)
    floor.do("accepted", carl)
    floor.do("connected", carl)
    assert floor.phase() is Phase.BRIDGED


def test_when_all_have_failed_the_customer_waits_in_his_place() -> None:
    floor, (anna, bert) = rung("anna", "bert")
    floor.do("busy", anna)
    floor.do("busy", bert)
    assert (floor.phase(), floor.call.agent_leg_id, floor.call.waiting) == (Phase.QUEUED, "", True)


def test_an_answer_that_agent_state_refuses_leaves_the_others_ringing() -> None:
    floor, (anna, bert, carl) = rung(*AGENTS[:3])
    floor.do("answered", anna)
    said = floor.do("refused", anna)
    assert kinds(said, anna)[0] == "HangUp"
    assert floor.phase() is Phase.OFFERED
    assert {leg.leg_id for leg in floor.call.legs.values() if leg.live} == {"caller", bert, carl}


@pytest.mark.parametrize(
    "event",
    [on.CallerHungUp(), on.LeftQueue("", "max_wait"), on.PickUpAsked("zoe", "acme")],
    ids=lambda event: type(event).__name__,
)
def test_a_customer_who_goes_elsewhere_silences_all(event: on.Input) -> None:
    floor, legs = rung(*AGENTS[:3])
    if isinstance(event, on.LeftQueue):
        event = on.LeftQueue(floor.call.contact_id, "max_wait")
    said = floor.feed(event)
    for leg in legs:
        assert "CancelDial" in kinds(said, leg)
        assert floor.reports(floor.call.legs[leg])[-1] == agent.WORK_EVENT_CANCELLED


def test_nobody_joins_another_ring_or_one_that_is_decided() -> None:
    floor, (anna, _) = rung("anna", "bert")
    offer = on.AgentOffered(floor.call.contact_id, "r", "g", 1, "acme", "carl", "d", "q", "leg", 5, "ring-9")
    assert floor.feed(offer) == []
    floor.do("answered", anna)
    floor.do("accepted", anna)
    assert floor.ring("carl")[0] not in floor.call.legs


def test_after_a_restart_all_ring_on_and_who_has_lost_is_told_again() -> None:
    floor, legs = rung(*AGENTS[:3])
    floor.do("busy", legs[2])
    again = floor.restart()
    assert {e.leg_id for e in again if isinstance(e, fx.ResumeDial)} == {legs[0], legs[1]}
    assert any(isinstance(e, fx.ReportOffer) and e.leg_id == legs[2] and e.repeated for e in again)
    floor.do("answered", legs[0])
    floor.do("accepted", legs[0])
    again = floor.restart()
    assert kinds(again, legs[1])[:2] == ["CancelDial", "ReportWork"]
    assert floor.reports(floor.call.legs[legs[1]])[-1] == agent.WORK_EVENT_ANSWERED_ELSEWHERE


_NAMES = st.sampled_from(
    [
        "made", "made", "ringing", "answered", "answered", "busy", "timeout", "hung_up", "accepted",
        "accepted", "refused", "connected", "withdrawn", "dropped", "replaced",
    ]
)  # fmt: skip
_OF_A_LEG = st.tuples(_NAMES, st.integers(0, 3))
_OTHERS = st.sampled_from(["offer", "offer", "offer", "restart", "moved", "bye", "left", "pick_up"])
# Endings are rare, so that many things happen before.
_BEGINNINGS = st.sampled_from([[], [("answered", 0)], [("busy", 1)], [("answered", 1), ("accepted", 1)]])
_STEPS = st.tuples(_BEGINNINGS, st.lists(st.one_of(*[_OF_A_LEG] * 6, _OTHERS), max_size=40)).map(
    lambda parts: [*parts[0], *parts[1]]
)


def _step(floor: Floor, step: str | tuple[str, int]) -> None:
    call = floor.call
    live = [leg.leg_id for leg in call.legs.values() if leg.ring and leg.live]
    if isinstance(step, tuple):
        name, index = step
        leg_id = live[index % len(live)] if live else "nobody"
        leg = call.legs.get(leg_id)
        # agent_state says something of an answer, audio is joined when it has said yes.
        needs = {"accepted": "was_answered", "refused": "was_answered", "connected": "confirmed"}
        asked = name not in needs or (leg is not None and getattr(leg, needs[name]))
        if name == "busy" and leg is not None and leg.was_answered:
            return
        if asked and (name != "replaced" or call.phase is Phase.OFFERED):
            floor.do(name, leg_id)
    elif step == "offer":
        floor.ring(AGENTS[len(call.legs) % 4])
    elif step == "restart":
        floor.restart()
    elif step == "moved":
        floor.feed(on.MediaMoved())
    elif step == "bye":
        floor.feed(on.CallerHungUp())
    elif step == "left":
        floor.feed(on.LeftQueue(call.contact_id, "max_wait"))
    elif step == "pick_up":
        floor.feed(on.PickUpAsked("zoe", "acme"))


def _holds(floor: Floor) -> None:
    call = floor.call
    live = [leg for leg in call.legs.values() if leg.live and leg.leg_id != call.caller_leg_id]
    ringing = [leg for leg in live if leg.ring]
    if call.phase is Phase.OFFERED:
        assert call.agent_leg is not None
        assert {leg.leg_id for leg in live} == {call.agent_leg_id} | {leg.leg_id for leg in call.rung}
        answered = [leg for leg in ringing if leg.was_answered]
        assert answered in ([], [call.agent_leg]), "agent_state is asked for one at a time"
        if call.agent_leg.confirmed:
            assert not call.rung
    elif call.phase is Phase.BRIDGED:
        assert ringing == [call.agent_leg]
    else:
        assert not ringing
    floor.rang_in_vain()


@settings(max_examples=examples(150), deadline=None)
@given(st.integers(1, 4), _STEPS)
def test_whatever_happens_one_agent_has_the_call_and_the_books_are_right(
    size: int, steps: list[str | tuple[str, int]]
) -> None:
    floor, _ = rung(*AGENTS[:size])
    for step in steps:
        _step(floor, step)
        _holds(floor)
    floor.ends()
    happened = {step[0] for step in steps if isinstance(step, tuple)}
    bridged = sum(isinstance(fact, facts.CallBridged) for fact in floor.told())
    assert bridged <= 1 + ("dropped" in happened) * len(steps)
    rang = [leg for leg in floor.call.legs.values() if leg.rid and leg.ring]
    floor.told_once_how_it_ended(rang, "refused" in happened)
