"""Due timers, shared by the replicas."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from seatbus_agent_state.adapters.timers import DURABLE, KIND, decode
from seatbus_kit.consumer import Consumer
from seatbus_kit.log import get_logger
from seatbus_kit.schedule import STREAM, due_subject

if TYPE_CHECKING:
    from seatbus_agent_state.application.reconcile import Reconciler
    from seatbus_kit.bus import Bus, InEvent

log = get_logger("agent_state.deadlines")


def deadline_consumer(bus: Bus, reconciler: Reconciler) -> Consumer:
    async def handle(events: list[InEvent]) -> None:
        due = []
        for event in events:
            try:
                due.append(decode(event.payload))
            except ValueError as error:
                log.error("unreadable timer dropped", subject=event.subject, reason=str(error))
        await asyncio.gather(*(reconciler.due(deadline) for deadline in due))

    return Consumer(bus, STREAM, DURABLE, handle, [due_subject(KIND)], batch=100, linger=0.01)
