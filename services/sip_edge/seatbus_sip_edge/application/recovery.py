"""What the journal says after a restart: calls as they were last, and facts that may not be published."""

from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final, TypeAlias

from seatbus_sip_edge.adapters.journal import frame, read_segment, recover, segments

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from seatbus_kit.events import OutEvent

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
# A call with its SIP side, and a fact: tenant, call, sequence, type, microseconds, payload in base64.
StoredCall: TypeAlias = "dict[str, dict[str, object]]"
Fact: TypeAlias = "tuple[str, str, int, str, int, str]"


def read_journal(
    directory: Path,
) -> tuple[list[StoredCall], list[Fact]]:
    """Calls that live or may owe reports, and facts that may not be published yet."""
    states: dict[str, StoredCall] = {}
    facts: dict[str, dict[int, Fact]] = {}
    published: dict[str, int] = {}
    if directory.exists():
        for entry in recover(directory):
            kind, call_id = entry[0], str(entry[1]) if len(entry) > 1 else ""
            if kind == "t":
                state = entry[2]
                states[call_id] = {"call": state, "sip": entry[3]}  # type: ignore[dict-item]
                _take_facts(facts, str(state["tenant_id"]), call_id, entry[4])  # type: ignore[index]
            elif kind == "e":
                _take_facts(facts, str(entry[2]), call_id, entry[3])
            elif kind == "p":
                published[call_id] = max(published.get(call_id, 0), int(str(entry[2])))
            elif kind == "x":
                states.pop(call_id, None)
            elif kind == "a":
                states.pop(call_id, None)
                facts.pop(call_id, None)
    unpublished = [
        fact
        for call_id, of_call in facts.items()
        for seq, fact in sorted(of_call.items())
        if seq > published.get(call_id, 0)
    ]
    return list(states.values()), unpublished


def _take_facts(facts: dict[str, dict[int, Fact]], tenant: str, call_id: str, items: object) -> None:
    if isinstance(items, list):
        for seq, name, micros, payload in items:
            facts.setdefault(call_id, {})[seq] = (tenant, call_id, seq, name, micros, payload)


def facts_of(directory: Path, tenant: str, call_id: str) -> dict[int, tuple[str, int, str]]:
    """Every fact of one call that any segment still has."""
    found: dict[int, tuple[str, int, str]] = {}
    for path in segments(directory):
        # Trimmed meanwhile: reporting has what was in it.
        for entry in read_segment(path) if path.exists() else ():
            if len(entry) < 2 or entry[1] != call_id or entry[0] not in ("t", "e"):
                continue
            if entry[0] == "t":
                owner, items = entry[2]["tenant_id"], entry[4]  # type: ignore[index]
            else:
                owner, items = entry[2], entry[3]
            if owner == tenant and isinstance(items, list):
                for seq, name, micros, payload in items:
                    found[seq] = (name, micros, payload)
    return found


def frames_of(events: Iterable[OutEvent]) -> Iterator[bytes]:
    """Facts that are not published yet, for a checkpoint."""
    waiting: dict[str, list[OutEvent]] = {}
    for event in events:
        waiting.setdefault(event.entity, []).append(event)
    for call_id, of_call in waiting.items():
        facts = [
            [
                item.seq,
                item.type_name,
                int((item.occurred_at - _EPOCH) / timedelta(microseconds=1)),
                base64.b64encode(item.payload).decode(),
            ]
            for item in of_call
        ]
        yield frame(["e", call_id, of_call[0].tenant, facts])
