"""What is asked of the store, as the contract's messages."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final, cast

from google.protobuf.message import DecodeError
from google.protobuf.timestamp_pb2 import Timestamp

from seatbus.reporting.v1 import service_pb2 as rpc
from seatbus.reporting.v1 import types_pb2 as types
from seatbus_kit.errors import InvalidArgument, NotFound
from seatbus_kit.events import message_class
from seatbus_reporting.application import cursor
from seatbus_reporting.domain import metrics
from seatbus_reporting.domain.cdr import CallFact, contiguous
from seatbus_reporting.domain.cdr_row import RecordingFacts, cdr_message, set_time
from seatbus_reporting.domain.event import EPOCH, micros

if TYPE_CHECKING:
    from types import ModuleType

    from seatbus_kit.clock import Clock
    from seatbus_reporting.application.calls import Calls
    from seatbus_reporting.application.ports import Params, Record, Store

# An id is made a moment before or after the time that its row is asked by.
_ID_SLACK: Final = timedelta(days=1)
_REPUBLISH_DAYS: Final = 7


def first_id(since_us: int) -> str:
    """The lowest UUIDv7 of a time, as text: reads then skip older parts of the table."""
    return f"{max(0, since_us // 1000):012x}" if since_us > 0 else ""


def _id_bound(from_us: int) -> str:
    text = first_id(from_us - int(_ID_SLACK.total_seconds() * 1e6)) if from_us else ""
    return f"{text[:8]}-{text[8:]}" if text else ""


def _us(stamp: Timestamp) -> int:
    return stamp.ToMicroseconds() if stamp.seconds or stamp.nanos else 0


def _number(value: object) -> int:
    return cast("int", value)


class Queries:
    """`sql` is the module of statements: one text for every store."""

    def __init__(self, store: Store, sql: ModuleType, calls: Calls, clock: Clock) -> None:
        self._store = store
        self._sql = sql
        self._calls = calls
        self._clock = clock

    async def call_facts(self, tenant: str, call_ids: list[str]) -> dict[str, list[CallFact]]:
        """The stored facts of calls, in order."""
        rows = await self._store.query(self._sql.CALL_FACTS, {"tenant": tenant, "calls": call_ids})
        found: dict[str, list[CallFact]] = {}
        for row in rows:
            found.setdefault(str(row["call_id"]), []).append(_fact(row))
        return found

    async def provisional(self) -> list[tuple[str, str, str]]:
        """Tenant, call and owner of the records of the last week that wait for facts."""
        since = micros(self._clock.now() - timedelta(days=_REPUBLISH_DAYS))
        rows = await self._store.query(self._sql.PROVISIONAL, {"since_id": _id_bound(since)})
        return [(str(row["tenant"]), str(row["call_id"]), str(row["owner"])) for row in rows]

    async def cdrs(self, request: rpc.ListCdrsRequest) -> rpc.ListCdrsResponse:
        limit = cursor.limit_of(request.page.limit)
        before = cursor.unpack(request.page.cursor, str)
        from_us = _us(getattr(request, "from"))
        params: Params = {
            "tenant": request.tenant_id,
            "before_id": str(before[0]) if before else "",
            "first_id": _id_bound(from_us),
            "queue_id": request.queue_id,
            "agent_id": request.agent_id,
            "cause": request.cause,
            "caller": request.caller,
            "from_us": from_us,
            "until_us": _us(request.until),
            "limit": limit,
        }
        rows = await self._store.query(self._sql.CDRS, params)
        answer = rpc.ListCdrsResponse(cdrs=await self._cdr_messages(request.tenant_id, rows))
        if len(rows) == limit:
            answer.next_cursor = cursor.pack(str(rows[-1]["call_id"]))
        return answer

    async def cdr(self, tenant: str, call_id: str) -> types.Cdr:
        """One call's record. Raises NotFound while the call lives, and for an unknown one."""
        rows = await self._store.query(self._sql.CDR, {"tenant": tenant, "call_id": call_id})
        if not rows:
            raise NotFound(f"no record of call {call_id}", field="call_id")
        return (await self._cdr_messages(tenant, rows))[0]

    async def _cdr_messages(self, tenant: str, rows: list[Record]) -> list[types.Cdr]:
        if not rows:
            return []
        recordings: dict[str, list[RecordingFacts]] = {}
        found = await self._store.query(
            self._sql.RECORDINGS_OF, {"tenant": tenant, "calls": [str(row["call_id"]) for row in rows]}
        )
        for row in found:
            recordings.setdefault(str(row["call_id"]), []).append(
                RecordingFacts(
                    str(row["recording_id"]), _number(row["duration_ms"]), _number(row["size_bytes"])
                )
            )
        return [cdr_message(row, recordings.get(str(row["call_id"]), ())) for row in rows]

    async def visits(self, request: rpc.ListQueueVisitsRequest) -> rpc.ListQueueVisitsResponse:
        limit = cursor.limit_of(request.page.limit)
        before = cursor.unpack(request.page.cursor, str)
        from_us = _us(getattr(request, "from"))
        params: Params = {
            "tenant": request.tenant_id,
            "before_id": str(before[0]) if before else "",
            "first_id": _id_bound(from_us),
            "queue_id": request.queue_id,
            "call_id": request.call_id,
            "from_us": from_us,
            "until_us": _us(request.until),
            "limit": limit,
        }
        rows = await self._store.query(self._sql.VISITS, params)
        answer = rpc.ListQueueVisitsResponse()
        for row in rows:
            plain: dict[str, Any] = {name: v for name, v in row.items() if not name.endswith("_at")}
            visit = types.QueueVisit(**plain)
            set_time(visit.enqueued_at, _number(row["enqueued_at"]))
            set_time(visit.ended_at, _number(row["ended_at"]))
            answer.visits.append(visit)
        if len(rows) == limit:
            answer.next_cursor = cursor.pack(str(rows[-1]["contact_id"]))
        return answer

    async def intervals(self, request: rpc.ListAgentIntervalsRequest) -> rpc.ListAgentIntervalsResponse:
        """Newest first; the first page begins with the intervals that are still open (no `until`)."""
        limit = cursor.limit_of(request.page.limit)
        before = cursor.unpack(request.page.cursor, int, str, int)
        until_us = _us(request.until)
        params: Params = {
            "tenant": request.tenant_id,
            "agent_id": request.agent_id,
            "from_us": _us(getattr(request, "from")),
            "until_us": until_us,
            "before_us": _number(before[0]) if before else 0,
            "before_agent": str(before[1]) if before else "",
            "before_seq": _number(before[2]) if before else 0,
            "limit": limit,
        }
        answer = rpc.ListAgentIntervalsResponse()
        if before is None:
            scope: Params = {"tenant": request.tenant_id, "agent_id": request.agent_id}
            for row in await self._store.query(self._sql.OPEN_INTERVALS, scope):
                if row["next_state"] not in ("", "done") and (
                    not until_us or _number(row["until_us"]) < until_us
                ):
                    answer.intervals.append(_open_interval(row))
        rows = await self._store.query(self._sql.INTERVALS, params)
        answer.intervals.extend(_interval(row) for row in rows)
        if len(rows) == limit:
            last = rows[-1]
            answer.next_cursor = cursor.pack(
                _number(last["until_us"]), str(last["agent_id"]), _number(last["seq"])
            )
        return answer

    async def metric(self, request: rpc.QueryMetricRequest) -> rpc.QueryMetricResponse:
        """Values by group; `""` for the whole. Percentiles stand beside their average as `<group>:p90`."""
        formula = metrics.find(request.metric)
        if formula is None:
            known = ", ".join(sorted(metrics.FORMULAS))
            raise InvalidArgument(f"no metric {request.metric!r}", field="metric", rule=f"one of: {known}")
        groups = metrics.VISIT_GROUPS if isinstance(formula, metrics.VisitFormula) else formula.groups
        if request.group_by not in groups:
            raise InvalidArgument(
                f"{formula.name} has no group {request.group_by!r}",
                field="group_by",
                rule=f"one of: {', '.join(sorted(groups))}",
            )
        from_us = _us(getattr(request, "from"))
        params: Params = {
            "tenant": request.tenant_id,
            "from_us": from_us,
            "until_us": _us(request.until),
            "first_id": _id_bound(from_us),
        }
        answer = rpc.QueryMetricResponse(formula=f"{formula.name}@{formula.version}: {formula.text}")
        if isinstance(formula, metrics.VisitFormula):
            for row in await self._store.query(self._sql.visit_totals(request.group_by), params):
                visits = metrics.Visits(**_totals(row))
                _put(answer, str(row["grp"]), formula.compute(visits), formula.extra(visits))
        else:
            for row in await self._store.query(self._sql.work_totals(request.group_by), params):
                work = metrics.Work(**_totals(row))
                _put(answer, str(row["grp"]), formula.compute(work), {})
        return answer

    async def committed(self, call_ids: list[str]) -> dict[str, int]:
        """Call -> N with 1..N stored. Calls without a stored first event are 0."""
        found: dict[str, int] = {}
        unknown: list[str] = []
        for call_id in call_ids:
            known = self._calls.watermark(call_id)
            if known is None:
                unknown.append(call_id)
            else:
                found[call_id] = known
        if unknown:
            found |= dict.fromkeys(unknown, 0)
            for row in await self._store.query(self._sql.COMMITTED, {"calls": unknown}):
                seqs = {_number(seq) for seq in cast("list[object]", row["seqs"])}
                found[str(row["call_id"])] = contiguous(seqs)
        return found


def _fact(row: Mapping[str, object]) -> CallFact:
    at = EPOCH + timedelta(microseconds=_number(row["occurred_us"]))
    try:
        message = message_class(f"seatbus.call.v1.{row['type']}")()
        message.ParseFromString(base64.b64decode(str(row["payload"])))
    except (InvalidArgument, DecodeError):
        return CallFact(_number(row["seq"]), at, None)
    return CallFact(_number(row["seq"]), at, message)


def _interval(row: Mapping[str, object]) -> types.AgentInterval:
    interval = types.AgentInterval(
        tenant_id=str(row["tenant_id"]),
        agent_id=str(row["agent_id"]),
        seq=_number(row["seq"]),
        kind=str(row["kind"]),
        state=str(row["state"]),
        reason=str(row["reason"]),
        call_id=str(row["call_id"]),
        queue_id=str(row["queue_id"]),
        contact_tenant_id=str(row["contact_tenant"]),
        next_state=str(row["next_state"]),
        cause=str(row["cause"]),
        disposition=str(row["disposition"]),
        rid=str(row["rid"]),
    )
    set_time(getattr(interval, "from"), _number(row["from_us"]))
    set_time(interval.until, _number(row["until_us"]))
    return interval


def _open_interval(row: Mapping[str, object]) -> types.AgentInterval:
    reason = str(row["cause"]) if row["kind"] == "presence" else ""
    interval = _interval({**row, "state": row["next_state"], "reason": reason, "from_us": row["until_us"]})
    for field in ("until", "next_state", "cause", "disposition"):
        interval.ClearField(field)
    return interval


def _totals(row: Mapping[str, object]) -> dict[str, int]:
    return {name: _number(value) for name, value in row.items() if name != "grp"}


def _put(
    answer: rpc.QueryMetricResponse, group: str, value: float | None, extra: Mapping[str, float]
) -> None:
    if value is not None:
        answer.values[group] = value
        for name, number in extra.items():
            answer.values[f"{group}:{name}"] = number
