"""A recorded day: callers, and agents who came and went, from CSV or JSON.

Columns of CSV, keys of JSON: `at_s` in seconds of the day, or `queued_at`, `enqueued_at` or `started_at`
as a date and time; `event` (`call` if absent, `ready`, `not_ready`); `queue` or `queue_id`; `agent` or
`agent_id` for agents' events; `priority`, and `patience_s`, `talk_s`, `wrap_up_s` or the same in `_us`, empty
where unknown. So the output of `seatbus cdr --json` is a recorded day: a caller who left the queue without an
answer had the patience that he waited.
"""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from seatbus_acd.simulator.arrivals import Arrival
from seatbus_acd.simulator.errors import ScenarioError

_TIMES: Final = ("queued_at", "enqueued_at", "started_at")
MOST_ROWS: Final = 5_000_000


@dataclass(frozen=True, slots=True)
class PresenceChange:
    at: float
    agent: str
    ready: bool


@dataclass(frozen=True, slots=True)
class Day:
    """Sorted by time; seconds since the first midnight (UTC) before the first event."""

    calls: tuple[Arrival, ...]
    presence: tuple[PresenceChange, ...] = ()

    @property
    def whole(self) -> bool:
        """Nothing of it must be drawn."""
        return all(None not in (call.patience_s, call.talk_s, call.wrap_up_s) for call in self.calls)


def day_of(name: str, text: str) -> Day:
    """Reads a file's text; JSON if it begins like JSON. Raises ScenarioError with the row's number."""
    rows = _json_rows(name, text) if text.lstrip()[:1] in ("[", "{") else _csv_rows(name, text)
    calls: list[Arrival] = []
    presence: list[PresenceChange] = []
    if len(rows) > MOST_ROWS:
        raise ScenarioError(name, f"at most {MOST_ROWS:,} rows")
    for number, row in enumerate(rows, 1):
        where = f"{name} row {number}"
        event = str(row.get("event") or "call")
        if event == "call":
            queue = row.get("queue") or row.get("queue_id")
            # A call that never came to a queue waited for nobody.
            if queue or "call_id" not in row:
                calls.append(_call(where, row, queue))
        elif event in ("ready", "not_ready"):
            agent = row.get("agent") or row.get("agent_id")
            if not isinstance(agent, str):
                raise ScenarioError(where, f"event {event} must name its agent")
            presence.append(PresenceChange(_at(where, row), agent, event == "ready"))
        else:
            raise ScenarioError(where, f"event must be call, ready or not_ready, not {event!r}")
    if not calls:
        raise ScenarioError(name, "there must be a call in a recorded day")
    midnight = math.floor(min(c.at for c in calls) / 86_400) * 86_400
    if presence:
        midnight = min(midnight, math.floor(min(p.at for p in presence) / 86_400) * 86_400)
    moved = [
        Arrival(c.at - midnight, c.queue, c.priority, c.patience_s, c.talk_s, c.wrap_up_s) for c in calls
    ]
    shown = [PresenceChange(p.at - midnight, p.agent, p.ready) for p in presence]
    # Sorting keeps the file's order of what happened at one instant.
    return Day(tuple(sorted(moved, key=lambda c: c.at)), tuple(sorted(shown, key=lambda p: p.at)))


def _csv_rows(name: str, text: str) -> list[Mapping[str, object]]:
    reader = csv.DictReader(io.StringIO(text))
    names = reader.fieldnames or ()
    if "at_s" not in names and not set(_TIMES) & set(names):
        raise ScenarioError(
            name, f"the first line must name the columns, one of them at_s or {', '.join(_TIMES)}"
        )
    return [{key: value for key, value in row.items() if value not in (None, "")} for row in reader]


def _json_rows(name: str, text: str) -> list[Mapping[str, object]]:
    try:
        found = json.loads(text)
    except ValueError as error:
        raise ScenarioError(name, f"is not JSON: {error}") from None
    if isinstance(found, dict):
        lists = [value for key, value in found.items() if key in ("events", "cdrs", "visits")]
        found = lists[0] if lists else found
    if not isinstance(found, list) or not all(isinstance(row, dict) for row in found):
        raise ScenarioError(name, "must be a list of objects, or have one as events, cdrs or visits")
    return found


def _call(where: str, row: Mapping[str, object], queue: object) -> Arrival:
    if not isinstance(queue, str) or not queue:
        raise ScenarioError(where, "a call must name its queue")
    patience, talk = _seconds(where, row, "patience"), _seconds(where, row, "talk")
    answered = bool(row.get("bridged_at") or row.get("answered_by") or talk)
    if patience is None and "wait_us" in row and not answered:
        patience = _seconds(where, row, "wait")
    if talk == 0 and "talk_us" in row:
        talk = None
    priority = _number(f"{where} priority", row.get("priority") or 0)
    return Arrival(_at(where, row), queue, int(priority), patience, talk, _seconds(where, row, "wrap_up"))


def _seconds(where: str, row: Mapping[str, object], name: str) -> float | None:
    if row.get(f"{name}_s") is not None:
        return _number(f"{where} {name}_s", row[f"{name}_s"])
    if row.get(f"{name}_us") is not None:
        return _number(f"{where} {name}_us", row[f"{name}_us"]) / 1e6
    return None


def _number(where: str, value: object) -> float:
    try:
        number = float(str(value))
    except ValueError:
        number = math.nan
    if not 0 <= number < math.inf:
        raise ScenarioError(where, f"must be a number of 0 or more, not {value!r}")
    return number


def _at(where: str, row: Mapping[str, object]) -> float:
    if row.get("at_s") is not None:
        return _number(f"{where} at_s", row["at_s"])
    for name in _TIMES:
        value = row.get(name)
        if value:
            try:
                moment = datetime.fromisoformat(str(value))
            except ValueError:
                raise ScenarioError(f"{where} {name}", f"{value!r} is not a date and time") from None
            return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    raise ScenarioError(where, f"must have at_s or one of {', '.join(_TIMES)}")
