"""Events on their way to rows: what one flush will store, and up to where each stream is then stored."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from google.protobuf.message import Message

from seatbus.call.v1 import events_pb2 as call
from seatbus_kit.errors import InvalidArgument
from seatbus_kit.log import get_logger
from seatbus_reporting.domain import facts, tables

if TYPE_CHECKING:
    from seatbus_kit.events import InEvent
    from seatbus_reporting.domain.event import Event
    from seatbus_reporting.domain.tables import Row, Table

log = get_logger("reporting.batch")

ENDED = call.CallEnded.DESCRIPTOR.full_name

_MAKERS = {
    "CONTACT": (tables.QUEUE_VISITS, facts.visit_row),
    "AGENT": (tables.AGENT_INTERVALS, facts.interval_row),
    "RECORDING": (tables.RECORDINGS, facts.recording_row),
}


def decode(event: Event) -> Message | None:
    """The message; None for a type that only newer versions know. Raises InvalidArgument for a broken one."""
    try:
        return event.decode()
    except InvalidArgument as error:
        if error.rule != "registered type":
            raise
        log.info("event of an unknown type is kept undecoded", type=event.type_name, tenant=event.tenant)
        return None


@dataclass(slots=True)
class Batch:
    count: int = 0  # events
    rows: dict[Table, list[Row]] = field(default_factory=dict)
    seqs: dict[str, list[int]] = field(default_factory=dict)  # call -> its facts in `rows`
    ended: dict[str, str] = field(default_factory=dict)  # call that needs its record -> tenant
    endings: list[InEvent] = field(default_factory=list)  # of calls with a trace
    broken: list[tuple[InEvent, Exception]] = field(default_factory=list)
    positions: dict[str, int] = field(default_factory=dict)

    def add_row(self, table: Table, row: Row) -> None:
        self.rows.setdefault(table, []).append(row)

    def add_plain(self, event: InEvent) -> None:
        """An event of any stream but CALL. Raises InvalidArgument when it is broken."""
        table, make = _MAKERS[event.stream]
        message = decode(event)
        row = make(event, message) if message is not None else None
        if row is not None:
            self.add_row(table, row)
