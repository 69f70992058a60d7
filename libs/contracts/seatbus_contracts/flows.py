"""The rules that every flow keeps before a call may walk through it.

Where a node leaves a way out empty, this is what happens (the interpreter does the same):

| node | field | empty means |
|---|---|---|
| menu | `on_timeout` | the flow ends: the call is hung up |
| menu | `on_invalid` | as `on_timeout` |
| menu | `timeout_ms`, `attempts` | 5000 ms, 3 attempts |
| collect | `on_failure` | the flow ends |
| collect | `timeout_ms`, `inter_digit_ms`, `attempts` | 5000 ms, 3000 ms, 1 attempt |
| queue | `on_overflow` | the queue's overflow route; the flow ends where it has none |
| transfer | `on_failure` | the flow ends |
| voicemail, callback | `next` | the flow ends |
| request, callback | `on_failure` | as `next` |

Every other edge must be set: `next` of play, collect, set_attributes, request and subflow, both edges of
hours, `otherwise` of condition, and the target of every choice and value.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from seatbus.ivr.v1 import types_pb2 as ivr

MAX_NODES = 500
MAX_BYTES = 256 * 1024
MAX_VALUES = 200

# The flow may end here: each of these hands the call over or ends it.
EXITS = frozenset({"hang_up", "queue", "transfer", "voicemail", "callback"})
# Here time passes at the caller's pace, so that a cycle through one of them is not a hot loop.
WAITS = frozenset({"menu", "collect", "queue", "voicemail"})

_NODE_ID = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")
_TIME = re.compile(r"([01][0-9]|2[0-3]):[0-5][0-9]|24:00")


class FlowRule(StrEnum):
    """Names of the rules, stable for those who show or count refusals."""

    SIZE = "flow.size"
    NODES = "flow.nodes"
    NODE_ID = "node.id"
    NODE_KIND = "node.kind"
    UNIQUE = "node.unique"
    START = "flow.start.exists"
    EDGE_REQUIRED = "edge.required"
    EDGE_EXISTS = "edge.exists"
    REACHABLE = "node.reachable"
    LOOP_EXIT = "loop.exit"
    LOOP_WAITS = "loop.waits"
    DIGITS = "collect.digits"
    CHOICE = "menu.choice"
    CHOICES = "menu.choices"
    VALUES = "condition.values"
    HOURS_SOURCE = "hours.source"
    TIME_ZONE = "hours.time_zone"
    PERIOD = "hours.period"


class FlowError(ValueError):
    """A flow that breaks a rule. `field` is a path such as `flow.nodes[3].menu.choices[2]`."""

    def __init__(self, field: str, rule: FlowRule, message: str) -> None:
        super().__init__(f"{field}: {message} ({rule.value})")
        self.field = field
        self.rule = rule.value
        self.message = message


@dataclass(frozen=True, slots=True)
class Edge:
    """A way out of a node. `target` empty and not `required` means the default of the table above."""

    field: str
    target: str
    required: bool = True


def edges_of(node: ivr.Node) -> list[Edge]:
    """The ways out of a node as written, with field names below the node (`menu.choices[2]`)."""
    kind = node.WhichOneof("kind")
    if kind in ("play", "collect", "set_attributes", "subflow", "request"):
        edges = [Edge(f"{kind}.next", getattr(node, kind).next)]
        if kind in ("collect", "request"):
            edges.append(Edge(f"{kind}.on_failure", getattr(node, kind).on_failure, required=False))
        return edges
    if kind == "menu":
        return [
            *(Edge(f"menu.choices[{key}]", target) for key, target in sorted(node.menu.choices.items())),
            Edge("menu.on_timeout", node.menu.on_timeout, required=False),
            Edge("menu.on_invalid", node.menu.on_invalid, required=False),
        ]
    if kind == "queue":
        return [Edge("queue.on_overflow", node.queue.on_overflow, required=False)]
    if kind == "hours":
        return [Edge("hours.on_open", node.hours.on_open), Edge("hours.on_closed", node.hours.on_closed)]
    if kind == "transfer":
        return [Edge("transfer.on_failure", node.transfer.on_failure, required=False)]
    if kind == "condition":
        return [
            *(Edge(f"condition.equals[{v}]", target) for v, target in sorted(node.condition.equals.items())),
            Edge("condition.otherwise", node.condition.otherwise),
        ]
    if kind in ("voicemail", "callback"):
        edges = [Edge(f"{kind}.next", getattr(node, kind).next, required=False)]
        if kind == "callback":
            edges.append(Edge("callback.on_failure", node.callback.on_failure, required=False))
        return edges
    return []


def validate_flow(flow: ivr.Flow) -> None:
    """Returns when every rule holds. Raises FlowError for the first one broken, with its field's path."""
    if flow.ByteSize() > MAX_BYTES:
        raise FlowError("flow", FlowRule.SIZE, f"a flow has at most {MAX_BYTES} bytes")
    if not 1 <= len(flow.nodes) <= MAX_NODES:
        raise FlowError("flow.nodes", FlowRule.NODES, f"a flow has 1 to {MAX_NODES} nodes")
    index = _index(flow)
    for number, node in enumerate(flow.nodes):
        _check_node(f"flow.nodes[{number}]", node, index)
    if flow.start not in index:
        raise FlowError("flow.start", FlowRule.START, f"no node {flow.start!r} in this flow")
    targets = [
        [index[edge.target] for edge in edges_of(node) if edge.target] for node in flow.nodes
    ]  # positions that each position leads to
    _check_reachable(flow, targets, index[flow.start])
    _check_exits(flow, targets)
    _check_waits(flow, targets)


def _index(flow: ivr.Flow) -> dict[str, int]:
    index: dict[str, int] = {}
    for number, node in enumerate(flow.nodes):
        field = f"flow.nodes[{number}].id"
        if not _NODE_ID.fullmatch(node.id):
            raise FlowError(field, FlowRule.NODE_ID, "an id is 1 to 64 of a-z 0-9 _ -")
        if node.id in index:
            raise FlowError(field, FlowRule.UNIQUE, f"nodes[{index[node.id]}] has the id {node.id!r} too")
        index[node.id] = number
    return index


def _check_node(path: str, node: ivr.Node, index: Mapping[str, int]) -> None:
    kind = node.WhichOneof("kind")
    if kind is None:
        raise FlowError(path, FlowRule.NODE_KIND, f"node {node.id!r} is of no kind")
    if kind == "menu":
        if not node.menu.choices:
            raise FlowError(f"{path}.menu.choices", FlowRule.CHOICES, "a menu has at least one choice")
        for key in node.menu.choices:
            if len(key) != 1 or key not in "0123456789*#":
                raise FlowError(f"{path}.menu.choices[{key}]", FlowRule.CHOICE, "a choice is one of 0-9 * #")
    elif kind == "collect":
        collect = node.collect
        if collect.max_digits < 1 or collect.min_digits > collect.max_digits:
            raise FlowError(
                f"{path}.collect.min_digits", FlowRule.DIGITS, "min_digits <= max_digits, and max_digits >= 1"
            )
    elif kind == "condition" and len(node.condition.equals) > MAX_VALUES:
        raise FlowError(
            f"{path}.condition.equals", FlowRule.VALUES, f"a condition has at most {MAX_VALUES} values"
        )
    elif kind == "hours":
        _check_hours(f"{path}.hours", node.hours)
    for edge in edges_of(node):
        if edge.target and edge.target not in index:
            raise FlowError(
                f"{path}.{edge.field}", FlowRule.EDGE_EXISTS, f"no node {edge.target!r} in this flow"
            )
        if not edge.target and edge.required:
            raise FlowError(f"{path}.{edge.field}", FlowRule.EDGE_REQUIRED, "a node must be named here")


def _check_hours(path: str, hours: ivr.HoursNode) -> None:
    if hours.schedule_id:
        if hours.time_zone or hours.open:
            raise FlowError(
                f"{path}.schedule_id", FlowRule.HOURS_SOURCE, "either a schedule or periods of its own"
            )
        return
    if not hours.open:
        raise FlowError(f"{path}.open", FlowRule.HOURS_SOURCE, "a schedule or at least one period")
    check_periods(path, hours.time_zone, hours.open)


def check_periods(path: str, time_zone: str, periods: Sequence[ivr.OpenPeriod]) -> None:
    """Zone and opening periods of an hours node or of a schedule. Raises FlowError.

    A period ends on the day that it begins; one past midnight is written as two.
    """
    try:
        ZoneInfo(time_zone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise FlowError(
            f"{path}.time_zone", FlowRule.TIME_ZONE, f"not an IANA time zone: {time_zone!r}"
        ) from None
    for number, period in enumerate(periods):
        begin, end = getattr(period, "from"), period.until
        if not 1 <= period.weekday <= 7 or not _TIME.fullmatch(begin) or not _TIME.fullmatch(end):
            raise FlowError(
                f"{path}.open[{number}]", FlowRule.PERIOD, "weekday 1 to 7, times as HH:MM, 24:00 as an end"
            )
        if begin >= end:
            raise FlowError(
                f"{path}.open[{number}].until",
                FlowRule.PERIOD,
                "a period ends after it begins, on the same day",
            )


def _check_reachable(flow: ivr.Flow, targets: Sequence[Sequence[int]], start: int) -> None:
    seen = _closure([start], targets)
    for number, node in enumerate(flow.nodes):
        if number not in seen:
            raise FlowError(
                f"flow.nodes[{number}]", FlowRule.REACHABLE, f"no way leads from the start to {node.id!r}"
            )


def _check_exits(flow: ivr.Flow, targets: Sequence[Sequence[int]]) -> None:
    """From every node an end can be reached: an exit, or an empty way out whose default ends the flow."""
    sources: list[list[int]] = [[] for _ in targets]
    for number, ways in enumerate(targets):
        for way in ways:
            sources[way].append(number)
    ends = [number for number, node in enumerate(flow.nodes) if _may_end(node)]
    good = _closure(ends, sources)
    for number, node in enumerate(flow.nodes):
        if number not in good:
            raise FlowError(
                f"flow.nodes[{number}]",
                FlowRule.LOOP_EXIT,
                f"from {node.id!r} the flow goes round for ever: no hang_up, queue, transfer or voicemail "
                "can be reached",
            )


def _may_end(node: ivr.Node) -> bool:
    kind = node.WhichOneof("kind")
    if kind in EXITS:
        return True
    if kind == "menu":
        # An empty on_invalid goes where on_timeout goes.
        return not node.menu.on_timeout
    return kind == "collect" and not node.collect.on_failure


def _check_waits(flow: ivr.Flow, targets: Sequence[Sequence[int]]) -> None:
    """No cycle without a node at which the caller is waited for."""
    hasty = [node.WhichOneof("kind") not in WAITS for node in flow.nodes]
    incoming = [0] * len(targets)
    for number, ways in enumerate(targets):
        if hasty[number]:
            for way in ways:
                incoming[way] += 1
    # Taking away what nothing hasty leads to leaves exactly the cycles and what hangs behind them.
    free = [number for number, count in enumerate(incoming) if hasty[number] and not count]
    left = {number for number, flag in enumerate(hasty) if flag}
    while free:
        number = free.pop()
        left.discard(number)
        for way in targets[number]:
            incoming[way] -= 1
            if hasty[way] and not incoming[way]:
                free.append(way)
    if not left:
        return
    number = _on_cycle(left, targets)
    raise FlowError(
        f"flow.nodes[{number}]",
        FlowRule.LOOP_WAITS,
        f"a loop through {flow.nodes[number].id!r} never waits for the caller: it needs a menu, a collect "
        "or a queue",
    )


def _on_cycle(left: set[int], targets: Sequence[Sequence[int]]) -> int:
    """The first position of `left` that leads back to itself."""
    for number in sorted(left):
        inner: list[Sequence[int]] = [
            [way for way in ways if way in left] if at in left else [] for at, ways in enumerate(targets)
        ]
        if number in _closure(inner[number], inner):
            return number
    return min(left)


def _closure(start: Iterable[int], targets: Sequence[Sequence[int]]) -> set[int]:
    seen = set(start)
    todo = list(seen)
    while todo:
        for way in targets[todo.pop()]:
            if way not in seen:
                seen.add(way)
                todo.append(way)
    return seen
