"""All calls of this instance, and what they share."""

from __future__ import annotations

import asyncio
import base64
import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, TypeAlias

from seatbus.call.v1 import types_pb2 as call_types
from seatbus.tenancy.v1 import types_pb2 as tenancy
from seatbus_kit.errors import NotFound
from seatbus_kit.events import OutEvent
from seatbus_kit.ids import uuid7
from seatbus_kit.log import get_logger
from seatbus_kit.trace import TraceContext
from seatbus_sip_edge.adapters.call_records import CallRecords
from seatbus_sip_edge.adapters.journal import Journal, frame, read_segment, recover, segments
from seatbus_sip_edge.adapters.neighbours import Neighbours
from seatbus_sip_edge.adapters.publisher import Publisher
from seatbus_sip_edge.application.media_watch import MediaWatch
from seatbus_sip_edge.application.session import Session
from seatbus_sip_edge.domain import inputs as on
from seatbus_sip_edge.domain.model import Call, Cause, Phase

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from seatbus_kit.config_view import ConfigView
    from seatbus_kit.runtime import Runtime
    from seatbus_sip_edge.adapters.sip_stack import SipStack
    from seatbus_sip_edge.application.registrar import Registrar
    from seatbus_sip_edge.settings import Settings

log = get_logger("sip_edge")

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# A call with its SIP side, and a fact: tenant, call, sequence, type, microseconds, payload in base64.
_Stored: TypeAlias = "dict[str, dict[str, object]]"
_Fact: TypeAlias = "tuple[str, str, int, str, int, str]"


class Edge:
    """Owns every call it has admitted, from the INVITE to the last report."""

    def __init__(
        self,
        runtime: Runtime,
        settings: Settings,
        config: ConfigView,
        stack: SipStack,
        registrar: Registrar,
    ) -> None:
        self.settings = settings
        self.instance_id = settings.instance_id
        self.incarnation = uuid7()[-12:]
        self.config = config
        self.stack = stack
        self.registrar = registrar
        self.tracer = runtime.tracer
        self.clock = runtime.clock
        self.loop = asyncio.get_running_loop()
        self.ids = uuid7
        self.neighbours = Neighbours(runtime.instances, runtime.channels, runtime.clock)
        self.media_watch = MediaWatch(self)
        self.journal = Journal(
            settings.data_dir / settings.instance_id / "journal",
            keep_bytes=settings.journal_keep_mb * 1024 * 1024,
        )
        self.publisher = Publisher(runtime.bus, self._published)
        self.records = CallRecords(runtime.bus)
        self.sessions: dict[str, Session] = {}
        # (Call-ID, own tag) of each dialog and open INVITE.
        self.legs: dict[tuple[str, str], tuple[Session, str]] = {}
        self.draining = False
        self._empty = asyncio.Event()
        self._empty.set()

    # ---- clocks and small helpers -----------------------------------------------------------------------
    def monotonic(self) -> float:
        return self.clock.monotonic()

    @staticmethod
    def micros() -> int:
        return time.time_ns() // 1000

    def make_event(
        self, tenant: str, call_id: str, seq: int, type_name: str, payload: bytes, micros: int
    ) -> OutEvent:
        return OutEvent(
            tenant,
            "call",
            call_id,
            seq,
            type_name,
            payload,
            _EPOCH + timedelta(microseconds=micros),
            self.instance_id,
            "",
            TraceContext.for_call(call_id),
        )

    def queue(self, tenant: str, queue_id: str) -> tenancy.Queue | None:
        found = self.config.get(tenant, "queue", queue_id)
        return found.queue if found is not None else None

    def fallback(self, tenant: str, number_id: str) -> tenancy.Route | None:
        found = self.config.get(tenant, "number", number_id)
        if found is None or not found.number.HasField("fallback"):
            return None
        return found.number.fallback

    def session(self, tenant: str, call_id: str) -> Session:
        """Raises NotFound, for a call of another tenant too."""
        session = self.sessions.get(call_id)
        if session is None or session.call.tenant_id != tenant or session.over:
            raise NotFound(f"no live call {call_id}", field="call_id")
        return session

    def load(self) -> float:
        return min(1.0, len(self.sessions) / 2000)

    def live_calls(self) -> int:
        return sum(1 for session in self.sessions.values() if not session.over)

    # ---- life of a call ---------------------------------------------------------------------------------
    def open(self, call: Call) -> Session:
        session = self.sessions[call.call_id] = Session(self, call)
        self._empty.clear()
        return session

    def finished(self, session: Session) -> None:
        """The last fact is journalled. Reports may still be owed."""
        session.over_at = self.monotonic()
        call = session.call
        log.info(
            "call ended",
            tenant=call.tenant_id,
            call=call.call_id,
            cause=call_types.HangupCause.Name(call.cause).removeprefix("HANGUP_CAUSE_").lower(),
            seconds=round((call.ended_at - call.started_at) / 1e6, 1),
            queue=call.queue_id,
            facts=call.seq,
        )
        if not session.recovered:
            session.spans.finish()
        self.records.ended(session.call, was_stored=session.recovered)
        if not session.commands.busy:
            self.settled(session)

    def settled(self, session: Session) -> None:
        """Nothing is owed any more. The dialogs stay known for as long as the peers may repeat themselves."""
        if session.over_at is None or self.sessions.get(session.call.call_id) is not session:
            return
        del self.sessions[session.call.call_id]
        self.journal.append_lazily(frame(["x", session.call.call_id]))
        self.loop.call_later(32.0, session.sip.forget)
        if not self.sessions:
            self._empty.set()

    def _published(self, call_id: str, seq: int) -> None:
        if seq:
            self.journal.append_lazily(frame(["p", call_id, seq]))

    async def until_empty(self) -> None:
        while self.sessions:
            self._empty.clear()
            await self._empty.wait()

    # ---- start, recovery, stop --------------------------------------------------------------------------
    async def start(self) -> None:
        """Reads the journal, opens a new segment, and settles what the predecessor left behind."""
        unfinished, owed, unpublished = await asyncio.to_thread(_read_journal, self.journal.directory)
        for stored in (*unfinished, *owed):
            call = Call.from_dict(stored["call"])
            session = self.open(call)
            session.recovered = True
            session.sip.restore(stored["sip"])
        events = [
            self.make_event(tenant, call_id, seq, name, base64.b64decode(payload), micros)
            for tenant, call_id, seq, name, micros, payload in unpublished
        ]
        self._held_back = events
        await self.journal.start(self._checkpoint)
        self._held_back = []
        self.publisher.push(events)
        self.media_watch.start()
        if unfinished or owed or events:
            log.warning(
                "calls of a predecessor are ended",
                calls=len(unfinished),
                owing_reports=len(owed),
                unpublished_facts=len(events),
            )
        for session in list(self.sessions.values()):
            if session.over:
                session.commands.repeat_reports()
                self.finished(session)
            elif session.call.phase is Phase.ENDING:
                session.commands.repeat_reports()
                session.feed(on.SessionEnded())
            else:
                session.feed(on.Aborted(Cause.HANGUP_CAUSE_SYSTEM))

    _held_back: Sequence[OutEvent] = ()

    def _checkpoint(self) -> Iterable[bytes]:
        """What a new segment begins with: every call that lives or owes, and every unpublished fact."""
        waiting: dict[str, list[OutEvent]] = {}
        for event in (*self._held_back, *self.publisher.pending()):
            waiting.setdefault(event.entity, []).append(event)
        for session in self.sessions.values():
            yield session.state_frame()
        for call_id, events in waiting.items():
            yield frame(
                [
                    "e",
                    call_id,
                    events[0].tenant,
                    [
                        [
                            item.seq,
                            item.type_name,
                            int((item.occurred_at - _EPOCH) / timedelta(microseconds=1)),
                            base64.b64encode(item.payload).decode(),
                        ]
                        for item in events
                    ],
                ]
            )

    async def stop(self) -> None:
        await self.media_watch.stop()
        for session in self.sessions.values():
            session.close()
        await self.journal.flush()
        try:
            async with asyncio.timeout(2.0):
                await self.publisher.drain()
        except TimeoutError:
            log.warning("facts are left for the next start: the bus does not take them")
        await self.publisher.stop()
        await self.records.stop()
        await self.journal.stop()

    # ---- repeats ----------------------------------------------------------------------------------------
    async def republish(self, tenant: str, call_id: str, first: int, last: int) -> int:
        """Publishes facts of a call again, from the journal; returns how many it still has."""
        await self.journal.flush()
        stored = await asyncio.to_thread(_facts_of, self.journal.directory, tenant, call_id)
        wanted = [
            self.make_event(tenant, call_id, seq, name, base64.b64decode(payload), micros)
            for seq, (name, micros, payload) in sorted(stored.items())
            if seq >= first and (not last or seq <= last)
        ]
        self.publisher.push(wanted)
        return len(wanted)


def _read_journal(
    directory: Path,
) -> tuple[
    list[dict[str, dict[str, object]]],
    list[dict[str, dict[str, object]]],
    list[tuple[str, str, int, str, int, str]],
]:
    """Calls that had not ended, ended ones that may owe reports, and facts that may not be published."""
    states: dict[str, _Stored] = {}
    facts: dict[str, dict[int, _Fact]] = {}
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
    unpublished = [
        fact
        for call_id, of_call in facts.items()
        for seq, fact in sorted(of_call.items())
        if seq > published.get(call_id, 0)
    ]
    unfinished = [item for item in states.values() if item["call"]["phase"] != Phase.ENDED]
    owed = [item for item in states.values() if item["call"]["phase"] == Phase.ENDED]
    return unfinished, owed, unpublished


def _take_facts(facts: dict[str, dict[int, _Fact]], tenant: str, call_id: str, items: object) -> None:
    if isinstance(items, list):
        for seq, name, micros, payload in items:
            facts.setdefault(call_id, {})[seq] = (tenant, call_id, seq, name, micros, payload)


def _facts_of(directory: Path, tenant: str, call_id: str) -> dict[int, tuple[str, int, str]]:
    """Every fact of one call that any segment still has."""
    found: dict[int, tuple[str, int, str]] = {}
    for path in segments(directory):
        for entry in read_segment(path):
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
