"""Several facts in one message: however they were cut, and cut anew when repeated, each counts once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from itertools import groupby
from typing import TYPE_CHECKING

from hypothesis import given, settings
from hypothesis import strategies as st

from seatbus.reporting.v1 import service_pb2 as rpc
from seatbus.reporting.v1 import types_pb2 as types
from seatbus_kit.burst import message_of, read_events
from seatbus_kit.errors import InvalidArgument
from seatbus_kit.events import Delivery, InEvent, OutEvent, unreadable
from seatbus_kit.ids import uuid7
from seatbus_reporting.domain.board import TenantBoard
from seatbus_reporting.domain.board_snapshot import dump, load
from seatbus_reporting.domain.tables import AGENT_INTERVALS, CALL_EVENTS, CDR, QUEUE_VISITS
from seatbus_testkit.eventually import eventually
from seatbus_testkit.properties import examples

from .script_events import CallScript, answered_call
from .test_domain import NOON, counts
from .test_rows import Memory, make_rows
from .test_service import cdrs, configure, until

if TYPE_CHECKING:
    from .conftest import Served, Start

Message = list[InEvent]


def delivered(bursts: Sequence[Sequence[OutEvent]]) -> list[Message]:
    """As the streams would deliver them: each message has one place in its stream."""
    last: dict[str, int] = {}
    found = []
    for burst in bursts:
        made, stream = message_of(burst), burst[0].domain.upper()
        last[stream] = last.get(stream, 0) + 1
        delivery = Delivery(stream, "c", 1, last[stream], last[stream], 0, 0)
        found.append(read_events(made.subject, made.payload, made.headers(), delivery))
    return found


def by_entity(events: Sequence[OutEvent]) -> list[list[OutEvent]]:
    found: dict[str, list[OutEvent]] = {}
    for event in events:
        if event.domain != "recording":
            found.setdefault(event.entity, []).append(event)
    return list(found.values())


def scripts() -> list[OutEvent]:
    calls = [answered_call("t", at=NOON, agent="a1"), answered_call("t", at=NOON, agent="a2", queue="q2")]
    calls.append(CallScript("t", at=NOON).arrive().enqueue().wait(4).abandon())
    return [event for each in calls for event in each.events]


def folded(messages: Sequence[Message], board: TenantBoard | None = None) -> TenantBoard:
    board = board or TenantBoard("t")
    for message in messages:
        assert board.fold(message, 0) == []
    return board


@settings(max_examples=examples(40), deadline=None)
@given(st.data())
def test_however_facts_are_cut_and_cut_anew_the_board_is_the_same(data: st.DataObject) -> None:
    events = scripts()
    plain = folded(delivered([[event] for event in events if event.domain != "recording"]))
    bursts: list[list[OutEvent]] = []
    repeats: list[list[OutEvent]] = []
    for facts in by_entity(events):
        rest = facts
        while rest:
            count = data.draw(st.integers(1, len(rest)))
            bursts.append(rest[:count])
            rest = rest[count:]
        for _ in range(data.draw(st.integers(0, 2))):
            first = data.draw(st.integers(0, len(facts) - 1))
            repeats.append(facts[first : data.draw(st.integers(first + 1, len(facts)))])
    # An agent's first event is where its history begins here, so agents' events keep their order.
    agents = [burst for burst in bursts if burst[0].domain == "agent"]
    others = [burst for burst in [*bursts, *repeats] if burst[0].domain != "agent"]
    late = [burst for burst in repeats if burst[0].domain == "agent"]
    messages = delivered([*agents, *data.draw(st.permutations(others)), *late])
    assert counts(folded(messages)) == counts(plain)
    # From a snapshot at any message, with some of the last ones once more.
    cut = data.draw(st.integers(0, len(messages)))
    board = load("t", dump(folded(messages[:cut])))
    mark = dict(board.stream_seqs)
    again = [
        message
        for number, message in enumerate(messages)
        if number >= cut - 3 or message[0].stream_seq > mark.get(message[0].stream, 0)
    ]
    assert counts(folded(again, board)) == counts(plain)


def test_a_board_that_begins_in_the_middle_of_a_visit_gets_all_of_a_burst() -> None:
    facts = CallScript("t", at=NOON).arrive().enqueue().abandon().of("contact")
    script = CallScript("t", at=NOON).arrive().enqueue().offer().wait(1).answer()
    offered, ended = script.of("contact")[1:]
    board = TenantBoard("t")
    (message,) = delivered([[offered, ended]])
    board.fold(message, now=10)
    assert board.included()["CONTACT"] == message[0].stream_seq - 1
    board.release(now=14)
    assert board.queues["q1"].answered == 1
    assert len(facts) == 2


async def test_a_burst_is_stored_as_a_whole_and_once() -> None:
    memory = Memory()
    rows = make_rows(memory)
    await rows.activate()
    script = answered_call("t1")
    messages = delivered([list(facts) for _, facts in groupby(script.events, lambda event: event.entity)])
    for message in [*messages, *messages]:
        rows.take(message)
    await eventually(lambda: len(memory.saved) == 4)
    await rows.close()
    assert memory.saved == {message[0].stream: message[0].stream_seq for message in messages}
    assert [row[2] for row in memory.rows[CALL_EVENTS]] == [event.seq for event in script.of("call")]
    assert [row[2] for row in memory.rows[QUEUE_VISITS]] == [1, 2, 3]
    assert len(memory.rows[AGENT_INTERVALS]) == 5
    assert [row[CDR.columns.index("final")] for row in memory.rows[CDR]] == [1]


async def test_one_broken_fact_of_a_burst_harms_no_other() -> None:
    memory = Memory()
    rows = make_rows(memory)
    await rows.activate()
    script = answered_call("t1")
    (message,) = delivered([script.of("call")])
    message[1] = replace(message[1], payload=b"\xff\xff")
    message[3] = replace(message[3], payload=b"\xff\xff")
    rows.take(message)
    await eventually(lambda: len(memory.dead) == 2)
    assert set(memory.dead) == {message[1].event_id, message[3].event_id}
    assert len(memory.rows[CALL_EVENTS]) == len(message) - 2
    board = TenantBoard("t1")
    assert [event.seq for event, _ in board.fold(message, 0)] == []  # neither is of those that it shows
    assert not board.calls
    await rows.close()


async def test_a_burst_that_cannot_be_read_is_a_dead_letter_with_the_reason_and_a_place() -> None:
    memory = Memory()
    rows = make_rows(memory)
    await rows.activate()
    made = message_of(answered_call("t1").of("call"))
    delivery = Delivery("CALL", "c", 1, 7, 7, 0, 0)
    error = InvalidArgument("malformed burst on x: it is empty", field="facts", rule="burst")
    (event,) = [unreadable(made.subject, made.payload, made.headers(), delivery, error)]
    reasons: list[str] = []

    async def letter(_: InEvent, error: Exception) -> None:
        reasons.append(str(error))

    memory.event = letter  # type: ignore[method-assign]
    rows.take([event])
    await eventually(lambda: memory.saved == {"CALL": 7})
    assert "malformed burst on x: it is empty" in reasons[0]
    await rows.close()


async def publish_bursts(served: Served, bursts: Sequence[Sequence[OutEvent]]) -> None:
    for burst in bursts:
        await served.bus.publish(message_of(burst))


async def read(
    served: Served, tenant: str
) -> tuple[list[types.Cdr], list[types.QueueVisit], rpc.BoardUpdate]:
    visits = await served.rpc.ListQueueVisits(rpc.ListQueueVisitsRequest(tenant_id=tenant), timeout=20)
    board = await served.rpc.GetBoard(rpc.GetBoardRequest(tenant_id=tenant), timeout=20)
    return await cdrs(served, tenant), list(visits.visits), board


async def test_a_call_told_in_bursts_that_were_cut_twice_counts_once_in_rows_and_on_the_board(
    start: Start,
) -> None:
    served, tenant = await start(), f"t{uuid7()}"
    await configure(served, tenant, ("q1",))
    script = answered_call(tenant, at=datetime.now(UTC))
    live = CallScript(tenant).arrive().enqueue()
    facts = script.of("call")
    # What an edge sends, is killed after, and sends again with other facts.
    await publish_bursts(served, [facts[:3], facts[3:9], facts[1:11], facts[:]])
    for domain in ("contact", "agent", "recording"):
        told = script.of(domain)
        await publish_bursts(served, [told[:1], told, told[1:]])
    broken = message_of(live.of("call"))
    await served.bus.store(broken.subject, broken.payload[:-3], broken.headers())
    await publish_bursts(served, [live.of("call")[:2], live.of("call"), live.of("contact")])

    async def there() -> bool:
        records, visits, board = await read(served, tenant)
        return bool(
            [r for r in records if r.final and r.recording_ms]
            and len(visits) == 2
            and board.calls_now == 1
            and board.queues[0].waiting == 1
        )

    await until(there)
    records, visits, board = await read(served, tenant)
    (record,) = [record for record in records if record.call_id == script.call_id]
    assert (record.wait_us, record.talk_us, record.duration_us) == (3_050_000, 5_000_000, 10_150_000)
    assert (record.offers, record.queue_visits) == (1, 1)
    assert sorted(visit.outcome for visit in visits) == ["", "answered"]
    (queue,) = board.queues
    assert (queue.offered, queue.answered, queue.abandoned, queue.waiting) == (2, 1, 0, 1)
    for metric, value in (("offered", 2.0), ("answered", 1.0), ("abandoned", 0.0)):
        request = rpc.QueryMetricRequest(tenant_id=tenant, metric=metric, group_by="queue")
        answer = await served.rpc.QueryMetric(request, timeout=20)
        assert answer.values["q1"] == value, metric
    letters = await served.bus.js.subscribe("sb_dlq.CALL.reporting", ordered_consumer=True)
    while True:
        letter = await letters.next_msg(timeout=30)
        if letter.headers["Sb-Subject"] == broken.subject:
            break
    assert "malformed burst" in letter.headers["Sb-Error"]
    assert letter.data == broken.payload[:-3]
