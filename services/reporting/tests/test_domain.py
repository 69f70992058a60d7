"""Folds without a platform: any order and any number of repeats give the same result."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from seatbus.agent.v1 import events_pb2 as agent
from seatbus.agent.v1 import types_pb2 as agent_types
from seatbus.call.v1 import events_pb2 as call
from seatbus.call.v1 import types_pb2 as call_types
from seatbus_kit.events import InEvent, OutEvent
from seatbus_reporting.domain import metrics
from seatbus_reporting.domain.board import TenantBoard
from seatbus_reporting.domain.board_snapshot import dump, load
from seatbus_reporting.domain.board_view import agent_message, update
from seatbus_reporting.domain.cdr import CallFact, build, contiguous, missing
from seatbus_testkit.properties import examples

from .script_events import CallScript, answered_call

NOON = datetime(2030, 1, 7, 12, 0, tzinfo=UTC)


def delivered(events: list[OutEvent]) -> list[InEvent]:
    return [
        InEvent(
            e.subject, e.tenant, e.domain, e.entity, e.seq, e.type_name, e.payload, e.occurred_at, e.producer,
            e.causation, e.trace, e.domain.upper(), number, 1,
        )
        for number, e in enumerate(events, 1)
    ]  # fmt: skip


def script() -> list[InEvent]:
    calls = [answered_call("t", at=NOON, agent="a1"), answered_call("t", at=NOON, agent="a2", queue="q2")]
    calls.append(CallScript("t", at=NOON).arrive().enqueue().wait(4).abandon())
    events = delivered([event for call in calls for event in call.events])
    return [event for event in events if event.domain != "recording"]


def counts(board: TenantBoard) -> object:
    return (
        {
            id: (q.offered, q.answered, q.abandoned, q.answered_in_time, q.wait_answered_us, len(q.waiting))
            for id, q in board.queues.items()
        },
        dict(board.calls),
        {id: line.shown()[0] for id, line in board.agents.items()},
    )


@settings(max_examples=examples(40), deadline=None)
@given(st.data())
def test_repeats_and_late_arrivals_change_nothing_on_the_board(data: st.DataObject) -> None:
    events = script()
    plain = TenantBoard("t")
    for event in events:
        plain.fold([event], 0)
    # An agent's first event is where its history begins here, so agents' events keep their order.
    agents = [event for event in events if event.domain == "agent"]
    others = data.draw(st.permutations([event for event in events if event.domain != "agent"]))
    repeats = data.draw(st.lists(st.sampled_from(others), max_size=20))
    mixed = TenantBoard("t")
    renumbered = [
        InEvent(**{f: getattr(e, f) for f in InEvent.__slots__} | {"stream_seq": n})
        for n, e in enumerate([*agents, *others, *repeats], 1)
    ]
    for event in renumbered:
        mixed.fold([event], 0)
    assert counts(mixed) == counts(plain)


def test_a_board_goes_on_from_its_snapshot_wherever_it_was_cut() -> None:
    events = script()
    plain = TenantBoard("t")
    for event in events:
        plain.fold([event], 0)
    for cut in range(0, len(events), 7):
        board = TenantBoard("t")
        for event in events[:cut]:
            board.fold([event], 0)
        board = load("t", dump(board))
        for event in events[max(0, cut - 10) :]:
            board.fold([event], 0)
        assert counts(board) == counts(plain), cut


def test_a_call_for_help_is_on_the_board_as_long_as_it_runs() -> None:
    help_ = call.CallEmergency(
        number="112", agent_id="a1", seat_id="s1", branch_id="berlin", callback="+4930"
    )
    script_ = CallScript("t", at=NOON).arrive().call(help_)
    events = delivered(script_.end(call_types.HANGUP_CAUSE_AGENT_HUNG_UP).events)
    board = TenantBoard("t")
    for event in events[:-1]:
        board.fold([event], 0)
    assert board.touched.calls
    board = load("t", dump(board))
    told = update("delta", board, {}, (), (), 0).emergencies
    assert [(item.number, item.agent_id, item.seat_id, item.branch_id) for item in told] == [
        ("112", "a1", "s1", "berlin")
    ]
    assert told[0].since.ToDatetime(UTC) == script_.at
    for event in events:
        board.fold([event], 0)
    assert not update("delta", board, {}, (), (), 0).emergencies


def test_of_an_agent_who_works_for_another_company_a_board_shows_that_and_no_more() -> None:
    taken = agent.AgentWorkChanged(
        rid="r1",
        to=agent_types.WORK_STATE_TALKING,
        contact_tenant_id="acme",
        queue_id="q1",
        call_id="c1",
        presence=agent_types.PRESENCE_READY,
        open_items=1,
    )
    board = TenantBoard("operator")
    board.fold(delivered(CallScript("operator", at=NOON).say("agent", "ann", taken).events), 0)

    def line(viewer: str) -> tuple[str, str, str, str]:
        shown = agent_message(viewer, "operator", "ann", load("operator", dump(board)).agents["ann"], "Ann")
        return shown.state, shown.contact_tenant_id, shown.queue_id, shown.call_id

    assert line("acme") == ("talking", "acme", "q1", "c1")
    assert line("operator") == ("talking", "acme", "", "c1"), "queues are named within their tenant"
    assert line("globex") == ("talking", "", "", "")


def test_an_event_held_by_a_gap_is_not_claimed_by_the_snapshot_and_is_given_up_in_time() -> None:
    events = delivered(CallScript("t", at=NOON).arrive().enqueue().abandon().of("contact"))
    board = TenantBoard("t")
    board.fold([events[1]], now=10)
    assert board.included()["CONTACT"] == events[1].stream_seq - 1
    board.release(now=11)
    assert board.queues == {}
    board.release(now=14)
    assert board.queues["q1"].abandoned == 1


def test_counters_begin_anew_at_midnight_and_yesterdays_visit_is_not_todays() -> None:
    late = CallScript("t", at=datetime(2030, 1, 7, 23, 59, 58, tzinfo=UTC)).arrive()
    late.at = datetime(2030, 1, 7, 23, 59, 59, tzinfo=UTC)
    board = TenantBoard("t")
    events = delivered(late.enqueue().wait(5).abandon().of("contact"))
    board.fold([events[0]], 0)
    assert (board.queues["q1"].offered, len(board.queues["q1"].waiting)) == (1, 1)
    board.fold([events[1]], 0)
    queue = board.queues["q1"]
    assert (queue.offered, queue.abandoned, len(queue.waiting), queue.service_level) == (0, 0, 0, -1.0)


@settings(max_examples=examples(60), deadline=None)
@given(st.data())
def test_a_record_is_final_exactly_when_every_fact_is_there(data: st.DataObject) -> None:
    call = answered_call("t", at=NOON)
    facts = [CallFact(e.seq, e.occurred_at, e.decode()) for e in delivered(call.of("call"))]
    last = facts[-1]
    some = data.draw(st.lists(st.sampled_from(facts), max_size=40))
    record = build("t", call.call_id, some)
    if last not in some:
        assert record is None
        return
    assert record is not None
    assert record.final == ({fact.seq for fact in some} == set(range(1, last.seq + 1)))
    assert record.cause == "caller_hung_up"
    assert record.caller == "+49301"
    whole = build("t", call.call_id, [*some, *facts])
    assert whole == build("t", call.call_id, facts)
    assert whole is not None
    assert whole.talk_us == timedelta(seconds=5) // timedelta(microseconds=1)


def test_gaps_are_ranges() -> None:
    assert missing({2, 3, 6}, 8) == [(1, 1), (4, 5), (7, 8)]
    assert missing({1, 2}, 2) == []
    assert contiguous({1, 2, 4}) == 2


def test_formulas_count_what_they_say() -> None:
    visits = metrics.Visits(
        offered=20, answered=10, answered_in_time=8, abandoned=4, abandoned_in_time=1, short_abandoned=2,
        overflowed=3, refused=1, wait_answered_us=50_000_000,
    )  # fmt: skip
    expected = {
        "service_level_answered": 0.8, "service_level_offered": 8 / 14,
        "service_level_early_abandon_positive": 9 / 14, "service_level_abandon_ignored": 8 / 13, "asa": 5.0,
        "abandonment": 0.2, "abandonment_with_short": 0.3,
    }  # fmt: skip
    for name, value in expected.items():
        formula = metrics.find(f"{name}@1")
        assert isinstance(formula, metrics.VisitFormula)
        assert formula.compute(visits) == value, name
        assert formula.compute(metrics.Visits()) is None
    work = metrics.Work(
        handled=2, talk_us=6, hold_us=1, wrap_up_us=3, busy_us=12, ready_us=22, logged_in_us=40
    )
    for name, value in {"aht": 5e-6, "occupancy": 0.5, "utilisation": 0.25}.items():
        found = metrics.find(name)
        assert isinstance(found, metrics.WorkFormula)
        assert found.compute(work) == value, name
    assert metrics.find("asa@2") is None
