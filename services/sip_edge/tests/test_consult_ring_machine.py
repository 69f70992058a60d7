"""Several agents of a queue ring for an agent who asks it, the machine alone: one of them comes."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seatbus.acd.v1 import service_pb2 as acd
from seatbus.agent.v1 import service_pb2 as agent
from seatbus.call.v1 import service_pb2 as control
from seatbus.call.v1 import types_pb2 as call_types
from seatbus.tenancy.v1 import types_pb2 as tenancy
from seatbus_sip_edge.domain import effects as fx
from seatbus_sip_edge.domain import inputs as on
from seatbus_sip_edge.domain.destinations import Destination, Kind
from seatbus_sip_edge.domain.model import Leg, Phase
from seatbus_testkit.properties import examples

from .test_ring_machine import AGENTS, ELSEWHERE, Floor, kinds


class Asking(Floor):
    """zoe talks with the customer and has asked a queue."""

    def __init__(self) -> None:
        super().__init__()
        [self.zoe] = self.ring("zoe")
        for name in ("made", "answered", "accepted", "connected"):
            self.do(name, self.zoe)
        assert self.phase() is Phase.BRIDGED
        experts = Destination(Kind.QUEUE, "experts", queue=tenancy.Queue())
        self.feed(on.ConsultAsked(experts))
        assert self.phase() is Phase.CONSULTING

    def offer(self, *agents: str) -> list[str]:
        call = self.call
        present = call.consult_leg if call.phase is Phase.CONSULTING else call.agent_leg
        self.rings += present is None
        contact = call.consult_contact_id or call.contact_id
        legs = []
        for name in agents:
            leg_id, rid, ring = self.ids(), self.ids(), f"ring-{self.rings}"
            offer = on.AgentOffered(contact, rid, "g", 1, "acme", name, "d", "experts", leg_id, 5, ring)
            self.feed(offer)
            legs.append(leg_id)
        return legs

    def complete(self, end: control.ConsultEnd) -> list[fx.Effect]:
        return self.feed(on.CompleteAsked(end))

    def asked(self) -> list[Leg]:
        """Whom the queue has sent."""
        return [leg for leg in self.call.legs.values() if leg.ring and leg.leg_id != self.zoe]


def asked(*agents: str) -> tuple[Asking, list[str]]:
    floor = Asking()
    legs = floor.offer(*agents)
    for leg in legs:
        floor.do("made", leg)
        floor.do("ringing", leg)
    return floor, legs


def plays(effects: list[fx.Effect]) -> bool:
    return any(isinstance(e, fx.Media) and "play" in str(e.commands) for e in effects)


def test_who_answers_first_comes_and_the_others_are_told_when_agent_state_has_said_yes() -> None:
    floor, legs = asked(*AGENTS[:3])
    said = floor.do("answered", legs[1])
    assert kinds(said, legs[0]) == []
    crossed = floor.do("answered", legs[2])
    assert kinds(crossed, legs[2]) == ["StopTimer", "HangUp", "ReportWork"]
    said = floor.do("accepted", legs[1])
    assert kinds(said, legs[0]) == ["StopTimer", "CancelDial", "ReportWork"]
    for loser in (legs[0], legs[2]):
        assert floor.reports(floor.call.legs[loser])[-1] == agent.WORK_EVENT_ANSWERED_ELSEWHERE
        assert floor.call.legs[loser].cause == ELSEWHERE
    floor.do("connected", legs[1])
    assert (floor.phase(), floor.call.consult_leg_id) == (Phase.CONSULTING, legs[1])
    assert floor.outcomes()[1:] == [("bert", acd.OFFER_OUTCOME_ANSWERED)]
    floor.complete(control.CONSULT_END_TRANSFER)
    assert (floor.phase(), floor.call.agent_leg_id) == (Phase.BRIDGED, legs[1])


def test_who_fails_leaves_the_others_ringing_and_the_last_one_leaves_the_agent_with_music() -> None:
    floor, (anna, bert, carl) = asked(*AGENTS[:3])
    for name, leg in (("busy", anna), ("timeout", carl)):
        assert not plays(floor.do(name, leg)), "zoe hears that it rings on"
    assert (floor.call.consult_leg_id, floor.call.consult_rung) == (bert, [])
    floor.do("answered", bert)
    assert plays(floor.do("refused", bert))
    assert (floor.phase(), floor.call.consult_leg_id, floor.call.consult_waiting) == (
        Phase.CONSULTING,
        "",
        True,
    )
    assert [outcome for _, outcome in floor.outcomes()[1:]] == [
        acd.OFFER_OUTCOME_BUSY,
        acd.OFFER_OUTCOME_NO_ANSWER,
        acd.OFFER_OUTCOME_FAILED,
    ]


@pytest.mark.parametrize("how", ["return", "customer", "queue"])
def test_nobody_rings_on_when_nobody_is_wanted(how: str) -> None:
    floor, legs = asked(*AGENTS[:3])
    match how:
        case "return":
            said = floor.complete(control.CONSULT_END_RETURN)
        case "customer":
            said = floor.feed(on.CallerHungUp())
        case _:
            said = floor.feed(on.LeftQueue(floor.call.consult_contact_id, "max_wait"))
    for leg in legs:
        assert "CancelDial" in kinds(said, leg)
        assert floor.reports(floor.call.legs[leg])[-1] == agent.WORK_EVENT_CANCELLED


@pytest.mark.parametrize("by_phone", [False, True])
def test_who_leaves_while_they_ring_leaves_all_of_them_to_the_customer(by_phone: bool) -> None:
    floor, (anna, bert) = asked("anna", "bert")
    if by_phone:
        floor.do("hung_up", floor.zoe)
    else:
        floor.complete(control.CONSULT_END_TRANSFER)
    assert floor.phase() is Phase.OFFERED
    assert {leg.role for leg in floor.asked()} == {call_types.LEG_ROLE_AGENT}
    [carl] = floor.offer("carl")
    assert {leg.leg_id for leg in floor.call.rung} | {floor.call.agent_leg_id} == {anna, bert, carl}
    for name in ("answered", "accepted", "connected"):
        floor.do(name, bert)
    assert (floor.phase(), floor.call.agent_leg_id) == (Phase.BRIDGED, bert)
    assert {floor.call.legs[leg].cause for leg in (anna, carl)} == {ELSEWHERE}


def test_after_a_restart_all_ring_on_and_nobody_joins_another_ring_or_one_that_is_decided() -> None:
    floor, legs = asked(*AGENTS[:2])
    again = floor.restart()
    assert {e.leg_id for e in again if isinstance(e, fx.ResumeDial)} == set(legs)
    contact = floor.call.consult_contact_id
    other = on.AgentOffered(contact, "r", "g", 1, "acme", "carl", "d", "experts", "leg", 5, "ring-9")
    assert floor.feed(other) == []
    floor.do("answered", legs[0])
    floor.do("accepted", legs[0])
    assert floor.offer("carl")[0] not in floor.call.legs


_NAMES = st.sampled_from(
    [
        "made", "made", "ringing", "answered", "answered", "busy", "timeout", "hung_up", "accepted",
        "accepted", "refused", "connected", "withdrawn", "dropped",
    ]
)  # fmt: skip
_OF_A_LEG = st.tuples(_NAMES, st.integers(0, 3))
_OTHERS = st.sampled_from(
    [
        "offer", "offer", "offer", "restart", "moved", "bye", "left", "agent_bye", "back", "over", "confer",
        "swap", "hang_up",
    ]
)  # fmt: skip
_BEGINNINGS = st.sampled_from([[], [("answered", 0)], [("busy", 1)], [("answered", 1), ("accepted", 1)]])
_STEPS = st.tuples(_BEGINNINGS, st.lists(st.one_of(*[_OF_A_LEG] * 6, _OTHERS), max_size=40)).map(
    lambda parts: [*parts[0], *parts[1]]
)


def _step(floor: Asking, step: str | tuple[str, int]) -> None:
    call = floor.call
    live = [leg for leg in floor.asked() if leg.live]
    if isinstance(step, tuple):
        name, index = step
        leg = live[index % len(live)] if live else None
        needs = {"accepted": "was_answered", "refused": "was_answered", "connected": "confirmed"}
        if leg is None or (name in needs and not getattr(leg, needs[name])):
            return
        if name != "busy" or not leg.was_answered:
            floor.do(name, leg.leg_id)
        return
    events: dict[str, on.Input] = {
        "moved": on.MediaMoved(),
        "bye": on.CallerHungUp(),
        "left": on.LeftQueue(call.consult_contact_id or call.contact_id, "max_wait"),
        "agent_bye": on.AgentHungUp(floor.zoe),
        "back": on.CompleteAsked(control.CONSULT_END_RETURN),
        "over": on.CompleteAsked(control.CONSULT_END_TRANSFER),
        "confer": on.CompleteAsked(control.CONSULT_END_CONFERENCE),
        "swap": on.SwapAsked(),
        "hang_up": on.HangUpAsked(live[0].leg_id if live else "", call_types.HANGUP_CAUSE_API),
    }
    if step == "offer":
        floor.offer(AGENTS[len(call.legs) % 4])
    elif step == "restart":
        floor.restart()
    else:
        floor.feed(events[step])


def _holds(floor: Asking) -> None:
    call = floor.call
    ringing = [leg for leg in floor.asked() if leg.live]
    answered = [leg for leg in ringing if leg.was_answered]
    if call.phase is Phase.CONSULTING:
        assert {leg.leg_id for leg in ringing} == {
            leg.leg_id for leg in (call.consult_leg, *call.consult_rung) if leg is not None
        }
        assert answered in ([], [call.consult_leg]), "agent_state is asked for one at a time"
        assert call.consult_waiting != any(leg.confirmed for leg in ringing)
        assert call.consult_waiting or not call.consult_rung
    elif call.phase is Phase.OFFERED:
        assert call.agent_leg is not None
        assert ringing == [leg for leg in ringing if leg in (call.agent_leg, *call.rung)]
        assert answered in ([], [call.agent_leg])
    elif call.phase is Phase.CONFERENCED:
        assert ringing == [call.consult_leg]
    elif call.phase is Phase.BRIDGED:
        assert ringing in ([], [call.agent_leg])
    else:
        assert not ringing
    floor.rang_in_vain()


@settings(max_examples=examples(150), deadline=None)
@given(st.integers(1, 4), _STEPS)
def test_whatever_happens_one_of_them_comes_and_the_books_are_right(
    size: int, steps: list[str | tuple[str, int]]
) -> None:
    floor, _ = asked(*AGENTS[:size])
    for step in steps:
        _step(floor, step)
        _holds(floor)
    floor.ends()
    refused = "refused" in {step[0] for step in steps if isinstance(step, tuple)}
    floor.told_once_how_it_ended(floor.asked(), refused)
