"""Timers kept by the bus: they survive every process. Measured lateness: at most 0.26 s.

A due timer arrives on `sb_timer.due.<kind>.<key>` in the stream SCHEDULE; any replica consumes it with a
`Consumer` on that stream. The reader checks that the deadline still holds: a timer may be late or outdated.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

from seatbus_kit.buckets import check_key
from seatbus_kit.clock import to_rfc3339
from seatbus_kit.errors import InvalidArgument

if TYPE_CHECKING:
    from seatbus_kit.bus import Bus

STREAM: Final = "SCHEDULE"
_DUE_TTL: Final = "1h"


def due_subject(kind: str) -> str:
    """The filter of all due timers of a kind."""
    return f"sb_timer.due.{check_key(kind)}.>"


async def schedule(bus: Bus, subject: str, delay_s: float, payload: bytes, key: str) -> None:
    """Delivers `payload` on `sb_timer.due.<subject>.<key>` after `delay_s` seconds.

    `subject` is the kind of timer, such as `reservation`. Scheduling the same key again replaces its timer.
    Raises as `Bus.store` does; after OutcomeUnknown it may be set, and setting it again is harmless.
    """
    if delay_s < 0:
        raise InvalidArgument(f"a delay of {delay_s} s", field="delay_s", rule=">= 0")
    due = datetime.now(UTC) + timedelta(seconds=delay_s)
    await bus.store(
        _timer(key),
        payload,
        {
            "Nats-Schedule": f"@at {to_rfc3339(due)}",
            "Nats-Schedule-Target": f"sb_timer.due.{check_key(subject)}.{key}",
            "Nats-Schedule-TTL": _DUE_TTL,
            "Nats-Rollup": "sub",
        },
    )


async def cancel(bus: Bus, key: str) -> None:
    """Removes a timer that has not fired; nothing happens when there is none."""
    await bus.api(f"STREAM.PURGE.{STREAM}", {"filter": _timer(key)})


def _timer(key: str) -> str:
    return f"sb_timer.sched.{check_key(key)}"
