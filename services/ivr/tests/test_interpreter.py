"""The interpreter: tables of small stories, and laws that hold for any flow under any outcomes."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seatbus.common.v1.types_pb2 import Skill
from seatbus.ivr.v1 import types_pb2 as ivr
from seatbus.tenancy.v1 import types_pb2 as tenancy
from seatbus_contracts.flows import FlowError, validate_flow
from seatbus_contracts.hours import is_open
from seatbus_ivr.domain.interpreter import Arrival, advance, begin, has_ended
from seatbus_ivr.domain.walk import MAX_IDLE_STEPS, Moved
from seatbus_testkit.demo_tenant import demo_flow
from seatbus_testkit.properties import examples

from .conftest import FakeBook

NOON_MONDAY = datetime(2030, 1, 7, 12, 0, tzinfo=UTC)
SAY = [ivr.Audio(text="hello")]


def node(id: str, **kind: object) -> ivr.Node:
    return ivr.Node(id=id, **kind)


def flow(*nodes: ivr.Node) -> ivr.Flow:
    made = ivr.Flow(name="test", version=3, start=nodes[0].id, nodes=nodes)
    validate_flow(made)
    return made


def start(book: FakeBook, now: datetime = NOON_MONDAY, **attributes: str) -> Moved:
    arrival = Arrival("acme", "call", "main", "+4930111", "4000", attributes)
    return begin(arrival, now, book)


def outcome(text: str) -> ivr.Outcome:
    """`done`, `1` (digits), `timeout`, `timeout:12` (digits so far), `overflowed`, `failed`, `hung_up`."""
    kind, _, digits = text.partition(":")
    if kind.upper() in {"DONE", "TIMEOUT", "OVERFLOWED", "FAILED", "HUNG_UP"}:
        return ivr.Outcome(kind=ivr.OutcomeKind.Value(f"OUTCOME_KIND_{kind.upper()}"), digits=digits)
    return ivr.Outcome(kind=ivr.OUTCOME_KIND_DIGITS, digits=text)


def tell(step: ivr.Step) -> str:
    action = step.WhichOneof("action")
    if action == "enqueue":
        return f"enqueue {step.enqueue.queue_id}"
    if action == "transfer":
        return f"transfer {step.transfer.number or step.transfer.agent_id}"
    return f"{action} {step.node_id}"


def story(book: FakeBook, outcomes: Iterable[str], now: datetime = NOON_MONDAY) -> list[str]:
    moved = start(book, now)
    told = [tell(moved.position.step)]
    for text in outcomes:
        moved = advance(moved.position, outcome(text), now, book)
        told.append(tell(moved.position.step))
    return told


def demo() -> FakeBook:
    return FakeBook({"main": demo_flow()})


OVERFLOWING = FakeBook(
    {
        "main": flow(node("q", queue=ivr.QueueNode(queue_id="a"))),
        "other": flow(
            node("o", play=ivr.PlayNode(audio=SAY, next="bye")), node("bye", hang_up=ivr.HangUpNode())
        ),
    },
    queues={
        "a": tenancy.Queue(name="a", overflow=tenancy.Route(queue_id="b")),
        "b": tenancy.Queue(name="b", overflow=tenancy.Route(flow_id="other")),
    },
)
NUMBERS = FakeBook(
    {
        "main": flow(
            node("c", collect=ivr.CollectNode(
                attribute="pin", min_digits=2, max_digits=4, attempts=2, next="k", on_failure="t")),
            node("k", condition=ivr.ConditionNode(attribute="pin", equals={"1234": "vip"}, otherwise="t")),
            node("vip", queue=ivr.QueueNode(queue_id="vip")),
            node("t", transfer=ivr.TransferNode(number="112", on_failure="bye")),
            node("bye", hang_up=ivr.HangUpNode(audio=SAY)),
        )
    }
)  # fmt: skip

STORIES = [
    ("one for sales", demo(), ["done", "1"], ["play greeting", "collect menu", "enqueue sales"]),
    ("two for support", demo(), ["done", "2", "done"],
     ["play greeting", "collect menu", "enqueue support", "hang_up support"]),
    ("pressed during the greeting", demo(), ["1"], ["play greeting", "enqueue sales"]),
    ("a wrong key during the greeting is forgotten", demo(), ["9", "2"],
     ["play greeting", "collect menu", "enqueue support"]),
    ("silence three times", demo(), ["done", "timeout", "timeout", "timeout"],
     ["play greeting", "collect menu", "collect menu", "collect menu", "hang_up goodbye"]),
    ("a wrong key replays", demo(), ["done", "9", "1"],
     ["play greeting", "collect menu", "collect menu", "enqueue sales"]),
    ("a broken prompt does not stop the call", demo(), ["failed", "failed"],
     ["play greeting", "collect menu", "hang_up goodbye"]),
    ("full queue", demo(), ["done", "1", "overflowed"],
     ["play greeting", "collect menu", "enqueue sales", "hang_up busy"]),
    ("the caller is gone", demo(), ["hung_up", "done"],
     ["play greeting", "hang_up greeting", "hang_up greeting"]),
    ("overflow by the queues' routes", OVERFLOWING, ["overflowed", "overflowed", "done"],
     ["enqueue a", "enqueue b", "play o", "hang_up bye"]),
    ("the right number", NUMBERS, ["1234"], ["collect c", "enqueue vip"]),
    ("another number, transfer fails", NUMBERS, ["99", "failed"],
     ["collect c", "transfer 112", "hang_up bye"]),
    ("transferred", NUMBERS, ["99", "done"], ["collect c", "transfer 112", "hang_up t"]),
    ("too short, then enough before the timeout", NUMBERS, ["1", "timeout:12"],
     ["collect c", "collect c", "transfer 112"]),
    ("nothing twice", NUMBERS, ["timeout", "timeout"], ["collect c", "collect c", "transfer 112"]),
]  # fmt: skip


@pytest.mark.parametrize(
    ("book", "outcomes", "told"), [case[1:] for case in STORIES], ids=[case[0] for case in STORIES]
)
def test_stories(book: FakeBook, outcomes: list[str], told: list[str]) -> None:
    assert story(book, outcomes) == told


def test_a_menu_without_ways_out_ends_the_call_after_three_attempts() -> None:
    book = FakeBook({"main": flow(node("m", menu=ivr.MenuNode(audio=SAY, choices={"1": "m"})))})
    assert story(book, ["timeout", "timeout", "timeout"])[-1] == "hang_up m"
    assert story(book, ["7", "7", "7"])[-1] == "hang_up m"
    step = start(book).position.step
    assert (step.collect.timeout_ms, step.collect.max_digits) == (5000, 1)


def test_on_invalid_and_on_timeout_are_told_apart_by_the_last_attempt() -> None:
    menu = ivr.MenuNode(audio=SAY, choices={"1": "m"}, attempts=2, on_timeout="late", on_invalid="wrong")
    book = FakeBook(
        {
            "main": flow(
                node("m", menu=menu),
                node("late", hang_up=ivr.HangUpNode()),
                node("wrong", hang_up=ivr.HangUpNode()),
            )
        }
    )
    assert story(book, ["timeout", "9"])[-1] == "hang_up wrong"
    assert story(book, ["9", "timeout"])[-1] == "hang_up late"


def test_steps_are_numbered_and_carry_the_attributes_set_since_the_last() -> None:
    book = FakeBook(
        {
            "main": flow(
                node("s", set_attributes=ivr.SetAttributesNode(attributes={"lang": "de"}, next="c")),
                node("c", collect=ivr.CollectNode(attribute="account", max_digits=4, next="p")),
                node("p", collect=ivr.CollectNode(attribute="pin", max_digits=4, secret=True, next="q")),
                node(
                    "q",
                    queue=ivr.QueueNode(
                        queue_id="a",
                        priority=4,
                        preferred_agent_attribute="account",
                        requirements=[Skill(name="de", level=3)],
                    ),
                ),
            )
        }
    )
    first = start(book, vip="yes")
    assert (first.position.step.step_seq, dict(first.position.step.attributes)) == (1, {"lang": "de"})
    second = advance(first.position, outcome("17"), NOON_MONDAY, book)
    assert (second.position.step.step_seq, dict(second.position.step.attributes)) == (2, {"account": "17"})
    assert second.position.step.collect.secret
    third = advance(second.position, outcome("9999"), NOON_MONDAY, book)
    # What was collected secretly stays with the position.
    assert "9999" not in str(third.position.step)
    assert third.position.attributes["pin"] == "9999"
    assert third.position.step.enqueue.preferred_agent_id == "17"
    assert third.position.step.enqueue.priority == 4
    assert third.position.step.enqueue.requirements[0].level == 3
    assert third.position.attributes["vip"] == "yes"


def test_conditions_see_caller_and_dialed_number() -> None:
    caller = ivr.ConditionNode(attribute="caller", equals={"+4930111": "d"}, otherwise="no")
    dialed = ivr.ConditionNode(attribute="dialed", equals={"4000": "q"}, otherwise="no")
    book = FakeBook(
        {
            "main": flow(
                node("c", condition=caller),
                node("d", condition=dialed),
                node("q", queue=ivr.QueueNode(queue_id="a")),
                node("no", hang_up=ivr.HangUpNode()),
            )
        }
    )  # fmt: skip
    assert story(book, []) == ["enqueue a"]


def open_period(weekday: int, begin: str, until: str) -> ivr.OpenPeriod:
    return ivr.OpenPeriod(weekday=weekday, until=until, **{"from": begin})


@pytest.mark.parametrize(
    ("now", "open_"),
    [
        (datetime(2030, 1, 7, 7, 59, tzinfo=UTC), False),  # Monday 08:59 in Berlin
        (datetime(2030, 1, 7, 8, 0, tzinfo=UTC), True),
        (datetime(2030, 1, 7, 15, 59, 59, tzinfo=UTC), True),
        (datetime(2030, 1, 7, 16, 0, tzinfo=UTC), False),
        (datetime(2030, 7, 1, 7, 0, tzinfo=UTC), True),  # summer time: 09:00
        (datetime(2030, 7, 1, 15, 0, tzinfo=UTC), False),
        (datetime(2030, 1, 13, 22, 59, tzinfo=UTC), True),  # Sunday 23:59, until 24:00
        (datetime(2030, 1, 13, 23, 0, tzinfo=UTC), False),  # Monday 00:00
        (datetime(2030, 1, 14, 9, 0, tzinfo=UTC), False),  # a closed Monday
    ],
)
def test_opening_hours_are_those_of_the_wall_clock_there(now: datetime, open_: bool) -> None:
    periods = [open_period(1, "09:00", "17:00"), open_period(7, "20:00", "24:00")]
    assert is_open("Europe/Berlin", periods, ["2030-01-14"], now) is open_


def test_hours_nodes_take_a_schedule_or_their_own_periods() -> None:
    schedule = tenancy.Schedule(
        time_zone="UTC", open=[open_period(1, "08:00", "18:00")], closed_dates=["2030-01-14"]
    )

    def hours(**fields: object) -> FakeBook:
        return FakeBook(
            {
                "main": flow(
                    node("h", hours=ivr.HoursNode(on_open="q", on_closed="no", **fields)),
                    node("q", queue=ivr.QueueNode(queue_id="a")),
                    node("no", hang_up=ivr.HangUpNode()),
                )
            },
            {"s": schedule},
        )

    assert story(hours(schedule_id="s"), []) == ["enqueue a"]
    assert story(hours(schedule_id="s"), [], datetime(2030, 1, 14, 12, tzinfo=UTC)) == ["hang_up no"]
    assert story(hours(time_zone="UTC", open=[open_period(2, "08:00", "18:00")]), []) == ["hang_up no"]
    # A schedule that is lost turns no caller away, and is told.
    moved = start(hours(schedule_id="lost"))
    assert tell(moved.position.step) == "enqueue a"
    assert "no schedule lost" in moved.notes[0].reason


def test_a_node_that_vanished_under_the_call_starts_the_new_flow() -> None:
    book = demo()
    moved = start(book)
    moved = advance(moved.position, outcome("done"), NOON_MONDAY, book)
    book.flows["main"] = flow(
        node("new", play=ivr.PlayNode(audio=SAY, next="end")), node("end", hang_up=ivr.HangUpNode())
    )
    moved = advance(moved.position, outcome("1"), NOON_MONDAY, book)
    assert tell(moved.position.step) == "play new"
    assert moved.notes
    del book.flows["main"]
    moved = advance(moved.position, outcome("done"), NOON_MONDAY, book)
    assert has_ended(moved.position)


def test_flows_that_lead_into_one_another_for_ever_end() -> None:
    def to(flow_id: str) -> ivr.Flow:
        return flow(node("t", transfer=ivr.TransferNode(flow_id=flow_id)))

    moved = start(FakeBook({"main": to("b"), "b": to("main")}))
    assert has_ended(moved.position)
    assert "for ever" in moved.notes[-1].reason


def test_a_dead_line_is_ended() -> None:
    menu = ivr.MenuNode(audio=SAY, choices={"1": "end"}, on_timeout="m")
    book = FakeBook({"main": flow(node("m", menu=menu), node("end", hang_up=ivr.HangUpNode()))})
    moved = start(book)
    steps = 1
    while not has_ended(moved.position):
        moved = advance(moved.position, outcome("timeout"), NOON_MONDAY, book)
        steps += 1
    assert steps == MAX_IDLE_STEPS + 1
    assert "without input" in moved.notes[-1].reason


def test_advance_leaves_the_old_position_alone() -> None:
    book = demo()
    before = start(book).position
    frozen = before.SerializeToString(deterministic=True)
    advance(before, outcome("done"), NOON_MONDAY, book)
    assert before.SerializeToString(deterministic=True) == frozen


# Laws


@st.composite
def valid_flows(draw: st.DrawFn) -> ivr.Flow | None:
    count = draw(st.integers(1, 6))
    target = st.sampled_from([f"n{i}" for i in range(count)])
    maybe = st.one_of(st.just(""), target)
    nodes: list[ivr.Node] = []
    for number in range(count):
        id = f"n{number}"
        match draw(st.integers(0, 9)):
            case 0 | 1:
                keys = draw(st.sets(st.sampled_from("0123456789*#"), min_size=1, max_size=4))
                menu = ivr.MenuNode(
                    audio=SAY, choices={key: draw(target) for key in keys}, attempts=draw(st.integers(0, 3)),
                    on_timeout=draw(maybe), on_invalid=draw(maybe),
                )  # fmt: skip
                nodes.append(node(id, menu=menu))
            case 2 | 3:
                nodes.append(node(id, queue=ivr.QueueNode(queue_id="a", on_overflow=draw(maybe))))
            case 4:
                collect = ivr.CollectNode(
                    attribute="x", max_digits=3, next=draw(target), on_failure=draw(maybe)
                )
                nodes.append(node(id, collect=collect))
            case 5:
                nodes.append(node(id, play=ivr.PlayNode(audio=SAY, next=draw(target))))
            case 6:
                hours = ivr.HoursNode(schedule_id="s", on_open=draw(target), on_closed=draw(target))
                nodes.append(node(id, hours=hours))
            case 7:
                condition = ivr.ConditionNode(
                    attribute="x", equals={"1": draw(target)}, otherwise=draw(target)
                )
                nodes.append(node(id, condition=condition))
            case 8:
                nodes.append(node(id, transfer=ivr.TransferNode(number="12", on_failure=draw(maybe))))
            case _:
                nodes.append(node(id, hang_up=ivr.HangUpNode()))
    made = ivr.Flow(name="any", start="n0", nodes=nodes)
    try:
        validate_flow(made)
    except FlowError:
        return None
    return made


OUTCOMES = st.builds(
    lambda kind, digits: ivr.Outcome(kind=kind, digits=digits, reason="r"),
    st.integers(1, 6),
    st.text("0123456789*#", max_size=4),
)
BOOKS = {"a": tenancy.Queue(name="a", overflow=tenancy.Route(queue_id="a"))}


@given(valid_flows().filter(lambda made: made is not None), st.lists(OUTCOMES, max_size=40))
@settings(max_examples=examples(300), deadline=None)
def test_any_valid_flow_under_any_outcomes_waits_or_has_ended(
    made: ivr.Flow, outcomes: list[ivr.Outcome]
) -> None:
    book = FakeBook({"main": made}, queues=BOOKS)
    moved = start(book)
    ids = {each.id for each in made.nodes}
    for number, happened in enumerate([*outcomes, None], 1):
        position = moved.position
        assert position.step.WhichOneof("action") is not None
        assert position.step.step_seq == position.step_seq == number
        assert position.node_id in ids
        assert position.idle_steps <= MAX_IDLE_STEPS
        if happened is None:
            break
        ended = has_ended(position)
        moved = advance(position, happened, NOON_MONDAY, book)
        # The end is the end.
        assert not ended or has_ended(moved.position)


@given(valid_flows().filter(lambda made: made is not None), st.integers(2, 6))
@settings(max_examples=examples(150), deadline=None)
def test_a_caller_who_never_presses_a_key_is_let_go_in_the_end(made: ivr.Flow, kind: int) -> None:
    book = FakeBook({"main": made}, queues=BOOKS)
    moved = start(book)
    for _ in range(MAX_IDLE_STEPS + 1):
        moved = advance(moved.position, ivr.Outcome(kind=kind), NOON_MONDAY, book)
    assert has_ended(moved.position)


@given(valid_flows().filter(lambda made: made is not None), st.lists(OUTCOMES, max_size=15))
@settings(max_examples=examples(100), deadline=None)
def test_the_same_outcomes_give_the_same_steps(made: ivr.Flow, outcomes: list[ivr.Outcome]) -> None:
    book = FakeBook({"main": made}, queues=BOOKS)

    def run() -> list[bytes]:
        moved = start(book)
        steps = [moved.position.SerializeToString(deterministic=True)]
        for happened in outcomes:
            moved = advance(moved.position, happened, NOON_MONDAY, book)
            steps.append(moved.position.SerializeToString(deterministic=True))
        return steps

    assert run() == run()


def test_a_call_back_goes_on_by_whether_it_was_taken_and_a_queue_node_names_several() -> None:
    wish = ivr.CallbackNode(queue_id="q1", number_attribute="n", next="q", on_failure="no")
    book = FakeBook(
        {
            "main": flow(
                node("back", callback=wish),
                node("q", queue=ivr.QueueNode(queue_id="q1", also_queue_ids=["q2"])),
                node("no", hang_up=ivr.HangUpNode()),
            )
        }
    )
    asked = start(book, n="0301234")
    assert asked.position.step.callback == ivr.CallbackAction(queue_id="q1", number="0301234")
    taken = ivr.Outcome(kind=ivr.OUTCOME_KIND_DONE)
    queued = advance(asked.position, taken, NOON_MONDAY, book).position.step.enqueue
    assert (queued.queue_id, list(queued.also_queue_ids)) == ("q1", ["q2"])
    refused = ivr.Outcome(kind=ivr.OUTCOME_KIND_FAILED, reason="callback_exists")
    assert advance(asked.position, refused, NOON_MONDAY, book).position.node_id == "no"
