"""What no row can be made of, on `sb_dlq.<stream>.reporting`, for people to look at."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import orjson

from seatbus_kit import events
from seatbus_kit.clock import to_rfc3339
from seatbus_kit.log import get_logger

if TYPE_CHECKING:
    from seatbus_kit.bus import Bus
    from seatbus_kit.events import InEvent
    from seatbus_reporting.domain.tables import Row, Table

log = get_logger("reporting.dead_letters")

_CONSUMER: Final = "reporting"


class DeadLetterStream:
    """Implements `DeadLetters`. Repeats are dropped by the message id."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus

    async def event(self, event: InEvent, error: Exception) -> None:
        headers = {
            events.MSG_ID: f"{event.stream}/{_CONSUMER}/{event.stream_seq}/{event.seq}",
            events.TYPE: event.type_name,
            events.SEQ: str(event.seq),
            events.TIME: to_rfc3339(event.occurred_at),
            events.PRODUCER: event.producer,
            "Sb-Subject": event.subject,
            "Sb-Error": _line(error),
        }
        await self._bus.store(f"sb_dlq.{event.stream}.{_CONSUMER}", event.payload, headers)
        log.error("event moved to the dead letters", event_id=event.event_id, error=_line(error))

    async def row(self, table: Table, row: Row, error: Exception) -> None:
        headers = {
            events.MSG_ID: f"{table.name}/{_CONSUMER}/{row[0]}/{row[1]}/{row[2]}",
            "Sb-Subject": table.name,
            "Sb-Error": _line(error),
        }
        payload = orjson.dumps(dict(zip(table.columns, row, strict=True)), option=orjson.OPT_UTC_Z)
        await self._bus.store(f"sb_dlq.{table.name}.{_CONSUMER}", payload, headers)
        log.error("row moved to the dead letters", table=table.name, entity=str(row[1]), error=_line(error))


def _line(error: Exception) -> str:
    return " ".join(repr(error).split())[:512]
