"""The rules of flows, one broken rule a case, and the laws that hold for every flow that passes."""

from __future__ import annotations

import pytest
from google.protobuf.message import DecodeError
from hypothesis import given, settings
from hypothesis import strategies as st

from seatbus.ivr.v1 import types_pb2 as ivr
from seatbus_contracts.flows import EXITS, MAX_NODES, WAITS, FlowError, FlowRule, edges_of, validate_flow
from seatbus_testkit.properties import examples


def node(id: str, kind: str, **fields: object) -> ivr.Node:
    made = ivr.Node(id=id)
    getattr(made, kind).SetInParent()
    part = getattr(made, kind)
    part.MergeFrom(type(part)(**fields))
    return made


def flow(*nodes: ivr.Node, start: str = "") -> ivr.Flow:
    return ivr.Flow(name="test", start=start or nodes[0].id, nodes=nodes)


def play(id: str, next: str) -> ivr.Node:
    return node(id, "play", audio=[ivr.Audio(text="hello")], next=next)


def menu(id: str, choices: dict[str, str], **more: object) -> ivr.Node:
    return node(id, "menu", audio=[ivr.Audio(text="choose")], choices=choices, **more)


END = node("end", "hang_up")


def set_(id: str, next: str) -> ivr.Node:
    return node(id, "set_attributes", attributes={"a": "b"}, next=next)


def hours(**fields: object) -> ivr.Node:
    return node("h", "hours", on_open="end", on_closed="end", **fields)


def period(weekday: int, begin: str, until: str) -> ivr.OpenPeriod:
    return ivr.OpenPeriod(weekday=weekday, until=until, **{"from": begin})


BROKEN = [
    (flow(play("a", "end"), END, END), "flow.nodes[2].id", FlowRule.UNIQUE),
    (flow(play("a", "end"), END, start="zz"), "flow.start", FlowRule.START),
    (flow(play("a", "zz"), END), "flow.nodes[0].play.next", FlowRule.EDGE_EXISTS),
    (flow(play("a", ""), END), "flow.nodes[0].play.next", FlowRule.EDGE_REQUIRED),
    (
        flow(play("a", "m"), menu("m", {"1": "end", "2": "zz"}), END),
        "flow.nodes[1].menu.choices[2]",
        FlowRule.EDGE_EXISTS,
    ),
    (flow(menu("m", {"1": ""}), END), "flow.nodes[0].menu.choices[1]", FlowRule.EDGE_REQUIRED),
    (
        flow(menu("m", {"1": "end"}, on_timeout="zz"), END),
        "flow.nodes[0].menu.on_timeout",
        FlowRule.EDGE_EXISTS,
    ),
    (flow(menu("m", {"12": "end"}), END), "flow.nodes[0].menu.choices[12]", FlowRule.CHOICE),
    (flow(menu("m", {}), END), "flow.nodes[0].menu.choices", FlowRule.CHOICES),
    (flow(play("a", "end"), END, play("b", "end")), "flow.nodes[2]", FlowRule.REACHABLE),
    (flow(play("a", "b"), play("b", "a")), "flow.nodes[0]", FlowRule.LOOP_EXIT),
    (flow(play("a", "a")), "flow.nodes[0]", FlowRule.LOOP_EXIT),
    (flow(menu("m", {"1": "m"}, on_timeout="m")), "flow.nodes[0]", FlowRule.LOOP_EXIT),
    (
        flow(
            node("c", "condition", attribute="x", equals={"1": "end"}, otherwise="s"), set_("s", "p"),
            play("p", "c"), END,
        ),
        "flow.nodes[0]",
        FlowRule.LOOP_WAITS,
    ),
    (
        flow(play("p", "t"), node("t", "transfer", number="4711", on_failure="p")),
        "flow.nodes[0]",
        FlowRule.LOOP_WAITS,
    ),
    (
        flow(node("c", "collect", attribute="pin", min_digits=5, max_digits=4, next="end"), END),
        "flow.nodes[0].collect.min_digits",
        FlowRule.DIGITS,
    ),
    (flow(hours(), END), "flow.nodes[0].hours.open", FlowRule.HOURS_SOURCE),
    (
        flow(hours(schedule_id="s", time_zone="UTC"), END),
        "flow.nodes[0].hours.schedule_id",
        FlowRule.HOURS_SOURCE,
    ),
    (
        flow(hours(time_zone="Mars/Base", open=[period(1, "08:00", "17:00")]), END),
        "flow.nodes[0].hours.time_zone",
        FlowRule.TIME_ZONE,
    ),
    (
        flow(hours(time_zone="UTC", open=[period(1, "22:00", "06:00")]), END),
        "flow.nodes[0].hours.open[0].until",
        FlowRule.PERIOD,
    ),
    (flow(ivr.Node(id="a")), "flow.nodes[0]", FlowRule.NODE_KIND),
    (flow(ivr.Node(id="A", hang_up=ivr.HangUpNode())), "flow.nodes[0].id", FlowRule.NODE_ID),
    (ivr.Flow(name="x", start="a"), "flow.nodes", FlowRule.NODES),
    (flow(*(play(f"n{i}", "end") for i in range(MAX_NODES)), END), "flow.nodes", FlowRule.NODES),
    (
        flow(play("a", "end"), node("end", "hang_up", audio=[ivr.Audio(text="x" * 263_000)])),
        "flow",
        FlowRule.SIZE,
    ),
]  # fmt: skip


@pytest.mark.parametrize(("broken", "field", "rule"), BROKEN, ids=[f"{c[2].value}-{c[1]}" for c in BROKEN])
def test_a_broken_rule_is_named_with_its_field(broken: ivr.Flow, field: str, rule: FlowRule) -> None:
    with pytest.raises(FlowError) as caught:
        validate_flow(broken)
    assert (caught.value.field, caught.value.rule) == (field, rule.value)
    assert caught.value.message


GOOD = [
    flow(END),
    flow(menu("m", {"1": "m"})),
    flow(menu("m", {"1": "end", "9": "m"}, on_timeout="m", on_invalid="m"), END),
    flow(play("p", "q"), node("q", "queue", queue_id="sales", on_overflow="p")),
    flow(hours(time_zone="Asia/Shanghai", open=[period(7, "00:00", "24:00")]), END),
    flow(hours(schedule_id="s"), END),
    flow(node("c", "collect", attribute="pin", max_digits=4, next="k", on_failure="end"),
         node("k", "condition", attribute="pin", equals={"1234": "end"}, otherwise="c"), END),
    flow(node("v", "voicemail", queue_id="q")),
]  # fmt: skip


@pytest.mark.parametrize("good", GOOD)
def test_a_flow_that_keeps_the_rules_passes(good: ivr.Flow) -> None:
    validate_flow(good)


def test_a_long_chain_is_checked_without_recursion() -> None:
    chain = [play(f"n{i}", f"n{i + 1}") for i in range(MAX_NODES - 1)]
    validate_flow(flow(*chain, node(f"n{MAX_NODES - 1}", "hang_up")))


@st.composite
def flows(draw: st.DrawFn) -> ivr.Flow:
    count = draw(st.integers(1, 7))
    target = st.sampled_from(
        ["", *(f"n{i}" for i in range(count)), "zz"]
        if draw(st.booleans())
        else [f"n{i}" for i in range(count)]
    )
    nodes = []
    for number in range(count):
        id = f"n{number}"
        match draw(st.integers(0, 8)):
            case 0:
                nodes.append(play(id, draw(target)))
            case 1:
                choices = {key: draw(target) for key in draw(st.sets(st.sampled_from("0123*#"), min_size=1))}
                nodes.append(menu(id, choices, on_timeout=draw(target), on_invalid=draw(target)))
            case 2:
                nodes.append(node(id, "queue", queue_id="q", on_overflow=draw(target)))
            case 3:
                nodes.append(node(id, "hours", schedule_id="s", on_open=draw(target), on_closed=draw(target)))
            case 4:
                nodes.append(
                    node(
                        id, "collect", attribute="a", max_digits=3, next=draw(target), on_failure=draw(target)
                    )
                )
            case 5:
                nodes.append(node(id, "transfer", number="12", on_failure=draw(target)))
            case 6:
                nodes.append(set_(id, draw(target)))
            case 7:
                nodes.append(
                    node(id, "condition", attribute="a", equals={"1": draw(target)}, otherwise=draw(target))
                )
            case _:
                nodes.append(node(id, "hang_up"))
    return flow(*nodes)


def refusal_of(checked: ivr.Flow) -> FlowError | None:
    try:
        validate_flow(checked)
    except FlowError as error:
        return error
    return None


def _paths_are_lawful(checked: ivr.Flow) -> None:
    by_id = {n.id: n for n in checked.nodes}
    assert len(by_id) == len(checked.nodes)
    ways = {n.id: [e.target for e in edges_of(n) if e.target] for n in checked.nodes}
    assert all(t in by_id for targets in ways.values() for t in targets)

    def reach(id: str, through: frozenset[str] | set[str]) -> set[str]:
        seen: set[str] = set()
        todo = list(ways[id])
        while todo:
            at = todo.pop()
            if at not in seen:
                seen.add(at)
                if at in through:
                    todo.extend(ways[at])
        return seen

    everything = set(by_id)
    assert reach(checked.start, everything) | {checked.start} == everything
    hasty = {id for id, n in by_id.items() if n.WhichOneof("kind") not in WAITS}
    for id in by_id:
        around = reach(id, everything) | {id}
        assert any(
            by_id[at].WhichOneof("kind") in EXITS or any(not e.target for e in edges_of(by_id[at]))
            for at in around
        )
        if id in hasty:
            assert id not in reach(id, hasty)


@given(flows())
@settings(max_examples=examples(400), deadline=None)
def test_every_flow_either_keeps_the_laws_or_is_refused_with_a_field(checked: ivr.Flow) -> None:
    refusal = refusal_of(checked)
    if refusal is None:
        _paths_are_lawful(checked)
    else:
        assert refusal.field.startswith("flow")
        assert refusal.rule in {rule.value for rule in FlowRule}


@given(st.binary(max_size=300))
@settings(max_examples=examples(200), deadline=None)
def test_no_bytes_that_parse_as_a_flow_break_the_check(raw: bytes) -> None:
    garbage = ivr.Flow()
    try:
        garbage.ParseFromString(raw)
    except DecodeError:
        return
    refusal = refusal_of(garbage)
    assert refusal is None or refusal.field
