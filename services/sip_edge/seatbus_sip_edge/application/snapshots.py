"""What the bucket `calls` holds of a call for the edge that may have to take it over."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

from seatbus_sip_edge.adapters.journal import encode

if TYPE_CHECKING:
    from collections.abc import Iterable

    from seatbus_kit.events import OutEvent
    from seatbus_sip_edge.application.session import Session


def snapshot(session: Session, pending: Iterable[OutEvent]) -> bytes:
    """What an adopter needs beside the record: call, dialogs, and facts that may not be on their stream."""
    facts = [
        [
            item.seq,
            item.type_name,
            round(item.occurred_at.timestamp() * 1e6),
            base64.b64encode(item.payload).decode(),
        ]
        for item in pending
    ]
    return encode([session.call, session.sip.restoring.to_dict(), facts])
