"""All calls of this instance, and what they share."""

from __future__ import annotations

import asyncio
import base64
import time
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from math import ceil
from typing import TYPE_CHECKING, TypeAlias

from seatbus.call.v1 import types_pb2 as call_types
from seatbus_kit.errors import NotFound, Unavailable
from seatbus_kit.events import OutEvent
from seatbus_kit.ids import uuid7
from seatbus_kit.log import get_logger
from seatbus_kit.trace import TraceContext
from seatbus_sip.errors import SipError
from seatbus_sip.subscriptions import SubscriptionPolicy
from seatbus_sip_edge.adapters.call_records import CallRecords
from seatbus_sip_edge.adapters.estate import Estate
from seatbus_sip_edge.adapters.journal import Journal, frame
from seatbus_sip_edge.adapters.neighbours import Neighbours
from seatbus_sip_edge.adapters.owners import Owners
from seatbus_sip_edge.adapters.publisher import Publisher
from seatbus_sip_edge.application.adoption import Adoption
from seatbus_sip_edge.application.busy_lamps import BusyLamps
from seatbus_sip_edge.application.calling_back import CallingBack
from seatbus_sip_edge.application.dialling import Dialling
from seatbus_sip_edge.application.directory import Directory
from seatbus_sip_edge.application.guard import Guard
from seatbus_sip_edge.application.link_move import LinkMove
from seatbus_sip_edge.application.lost_devices import LostDevices
from seatbus_sip_edge.application.media_move import MediaMove
from seatbus_sip_edge.application.media_watch import MediaWatch
from seatbus_sip_edge.application.outside import Outside
from seatbus_sip_edge.application.proxy import Proxy
from seatbus_sip_edge.application.quotas import Quotas
from seatbus_sip_edge.application.reaper import Reaper
from seatbus_sip_edge.application.recovery import Fact, StoredCall, facts_of, frames_of, read_journal
from seatbus_sip_edge.application.session import Session
from seatbus_sip_edge.application.spare_offers import LastPhones
from seatbus_sip_edge.application.standstill import Standstill
from seatbus_sip_edge.application.toll import TollBook
from seatbus_sip_edge.application.trimming import Trimming
from seatbus_sip_edge.domain import inputs as on
from seatbus_sip_edge.domain.hops import Signer
from seatbus_sip_edge.domain.model import Call, Cause, Phase

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from seatbus_kit.config_view import ConfigView
    from seatbus_kit.runtime import Runtime
    from seatbus_sip.flow import Flow
    from seatbus_sip.message import Request, Response
    from seatbus_sip_edge.adapters.edges import Edges
    from seatbus_sip_edge.adapters.sip_stack import SipStack
    from seatbus_sip_edge.application.registrar import Registrar
    from seatbus_sip_edge.application.trunks import Trunks
    from seatbus_sip_edge.settings import Settings

log = get_logger("sip_edge")

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# Each fact of a call carries the same one.
_trace_of = lru_cache(1024)(TraceContext.for_call)
_Found: TypeAlias = "tuple[list[StoredCall], list[Fact]]"


class Edge:
    """Owns every call it has admitted, from the INVITE to the last report."""

    def __init__(
        self,
        runtime: Runtime,
        settings: Settings,
        config: ConfigView,
        stack: SipStack,
        registrar: Registrar,
        edges: Edges,
        secret: bytes,
        trunks: Trunks,
    ) -> None:
        self.settings = settings
        self.instance_id = settings.instance_id
        self.incarnation = uuid7()[-12:]
        self.config = config
        self.directory = Directory(config)
        self.stack = stack
        self.registrar = registrar
        self.edges = edges
        self.owners = Owners(runtime.bus, config)
        self.proxy = Proxy(
            stack,
            Signer(secret),
            edges,
            self.owners,
            lambda call_id, tag: (call_id, tag) in self.legs or self.lamps.knows(call_id, tag),
            lambda request, flow: self.dialling.about(request, flow),
        )
        self.reaper = Reaper(self, settings.reap_every_s)
        self.trimming = Trimming(self, settings.journal_trim_s)
        self.guard = Guard(stack, asyncio.get_running_loop(), settings.sip_overload_lag_s)
        stack.divert = self._divert
        self.trunks = trunks
        self.quotas = Quotas(
            config,
            runtime.instances,
            settings.instance_id,
            lambda: list(self.sessions.values()),
            self.monotonic,
        )
        self.toll = TollBook(
            runtime.bus, settings.instance_id, self.quotas, lambda: list(self.sessions.values())
        )
        self.outside = Outside(self, trunks, self.quotas, self.toll)
        self.dialling = Dialling(self)
        self.calling_back = CallingBack(self)
        self.tracer = runtime.tracer
        self.clock = runtime.clock
        self.loop = asyncio.get_running_loop()
        self.standstill = Standstill(self)
        stack.awake = self.standstill.awake
        self.ids = uuid7
        self.neighbours = Neighbours(runtime.instances, runtime.channels, runtime.clock)
        self.media_watch = MediaWatch(self)
        self.media_move = MediaMove(self)
        self.link_move = LinkMove(self)
        self.last_phones = LastPhones()
        self.lost_devices = LostDevices(self)
        self.lamps = BusyLamps(self, runtime.bus, SubscriptionPolicy(settings.registration_min_s))
        self.journal = Journal(
            settings.data_dir / settings.instance_id / "journal",
            keep_bytes=settings.journal_keep_mb * 1024 * 1024,
        )
        self.publisher = Publisher(runtime.bus, self._published)
        self.records = CallRecords(runtime.bus, self._lost)
        self.adoption = Adoption(self, Estate(runtime.bus), runtime.channels, settings.adopt_after_s)
        self.sessions: dict[str, Session] = {}
        # (Call-ID, own tag) of each dialog and open INVITE.
        self.legs: dict[tuple[str, str], tuple[Session, str]] = {}
        self.draining = False
        # Until then nothing can be said about any call.
        self.restored = False
        self._found: _Found = ([], [])
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
            _trace_of(call_id),
        )

    def _divert(self, message: Request | Response, flow: Flow, now: float) -> bool:
        """Whether a message is done with before the engine sees it."""
        return self.guard.turns_away(message, flow) or self.proxy.divert(message, flow, now)

    def session(self, tenant: str, call_id: str) -> Session:
        """Raises NotFound, for a call of another tenant too; Unavailable before the calls are back."""
        self.must_be_restored()
        session = self.sessions.get(call_id)
        if session is None or session.call.tenant_id != tenant or session.over:
            raise NotFound(f"no live call {call_id}", field="call_id")
        return session

    def must_be_restored(self) -> None:
        """Raises Unavailable: whoever asks would take a call for gone that is only being read."""
        if not self.restored:
            raise Unavailable("the calls are being taken up after a restart")

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
        self.toll.ended(call)
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
        if session.adopted:
            self.owners.ended(session.sip.keys)
        # On whole seconds: many calls are forgotten in one turn of the loop.
        self.loop.call_at(ceil(self.loop.time() + 64 * self.settings.sip_t1_s), session.forget)
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
    async def read_journal(self) -> None:
        """What a predecessor has left. Comes before the SIP socket is opened."""
        self._found = await asyncio.to_thread(read_journal, self.journal.directory)

    async def start(self) -> None:
        """Restores the predecessor's calls and opens a new segment. SIP is served from then on."""
        began = self.monotonic()
        stored_calls, unpublished, revisions = await self.adoption.still_ours(*self._found)
        self._found = ([], [])
        restored_calls = [
            self._restore(Call.from_dict(stored["call"]), stored["sip"]) for stored in stored_calls
        ]
        broken = [session for session in restored_calls if session is not None]
        self._held_back = [
            self.make_event(tenant, call_id, seq, name, base64.b64decode(payload), micros)
            for tenant, call_id, seq, name, micros, payload in unpublished
        ]
        await self.journal.start(self._checkpoint)
        events, self._held_back = self._held_back, []
        self.publisher.resume(events)
        self.media_watch.start()
        self.restored = True
        self.standstill.start()
        self.adoption.start()
        self.guard.start()
        self.reaper.start()
        self.trimming.start()
        restored = list(self.sessions.values())
        for session in restored:
            if revision := revisions.get(session.call.call_id):
                self.records.known(session.call, revision)
            self._take_up(session, broken=session in broken)
        if restored or events:
            log.warning(
                "calls of a predecessor are taken up",
                calls=sum(1 for session in restored if not session.over),
                owing_reports=sum(1 for session in restored if session.over),
                broken=len(broken),
                unpublished_facts=len(events),
                took_ms=round((self.monotonic() - began) * 1000),
            )

    def _restore(self, call: Call, sip: Mapping[str, object], *, adopted: bool = False) -> Session | None:
        """Returns the session only when its SIP side cannot be read: such a call is ended."""
        session = self.open(call)
        session.recovered, session.adopted = True, adopted
        try:
            session.sip.restoring.restore(sip)
        except (SipError, KeyError, TypeError, ValueError) as error:
            log.error(
                "a call's dialogs cannot be read from the journal",
                tenant=session.call.tenant_id,
                call=session.call.call_id,
                error=repr(error),
            )
            return session
        return None

    def _take_up(self, session: Session, *, broken: bool) -> None:
        call = session.call
        if broken and call.phase not in (Phase.ENDING, Phase.ENDED):
            session.feed(on.Aborted(Cause.HANGUP_CAUSE_SYSTEM))
            return
        trunk = self.config.get(call.tenant_id, "trunk", call.trunk_id) if call.trunk_id else None
        session.feed(
            on.Restored(
                session.sip.restoring.offer if call.phase in (Phase.ARRIVED, Phase.DIALLING) else "",
                tuple(trunk.trunk.codecs) if trunk is not None else (),
                trunk.trunk.media_zone if trunk is not None else "",
            )
        )

    # ---- changing hands ---------------------------------------------------------------------------------
    async def until_journalled(self) -> None:
        """Returns when all that was appended is on disk."""
        done: asyncio.Future[None] = self.loop.create_future()
        self.journal.then(lambda: None if done.done() else done.set_result(None))
        await done

    def take_over(
        self, call: Call, sip: Mapping[str, object], events: Sequence[OutEvent], revision: int
    ) -> None:
        """A dead edge's call is this one's: its record and its audio are already."""
        broken = self._restore(call, sip, adopted=True)
        session = self.sessions[call.call_id]
        self.records.known(session.call, revision)
        self.publisher.push(events)
        self.owners.moved(session.sip.keys, self.instance_id)
        self._take_up(session, broken=broken is not None)
        if session.call.phase is Phase.OFFERED:
            session.commands.queue.enqueue_again()
        session.sip.restoring.tell_all()

    def _lost(self, call_id: str, owner: str) -> None:
        session = self.sessions.get(call_id)
        if session is not None:
            self.let_go(session, owner)

    def let_go(self, session: Session, owner: str) -> None:
        """Another edge has taken the call over: not a word about it is said here any more."""
        call = session.call
        log.error(
            "a call is let go, another edge has taken it over",
            tenant=call.tenant_id,
            call=call.call_id,
            owner=owner,
        )
        session.close()
        session.over_at = self.monotonic()
        self.sessions.pop(call.call_id, None)
        self.publisher.discard(call.call_id)
        self.records.forget(call.call_id)
        self.journal.append(frame(["a", call.call_id]))
        session.sip.forget()
        if not self.sessions:
            self._empty.set()

    _held_back: Sequence[OutEvent] = ()

    def _checkpoint(self) -> Iterable[bytes]:
        """What a new segment begins with: every call that lives or owes, and every unpublished fact."""
        for session in self.sessions.values():
            yield session.state_frame()
        yield from frames_of((*self._held_back, *self.publisher.pending()))

    async def stop(self) -> None:
        self.standstill.stop()
        self.guard.stop()
        await self.reaper.stop()
        await self.trimming.stop()
        await self.adoption.stop()
        await self.proxy.stop()
        await self.owners.stop()
        await self.media_watch.stop()
        await self.lost_devices.stop()
        await self.lamps.stop()
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
        stored = await asyncio.to_thread(facts_of, self.journal.directory, tenant, call_id)
        wanted = [
            self.make_event(tenant, call_id, seq, name, base64.b64decode(payload), micros)
            for seq, (name, micros, payload) in sorted(stored.items())
            if seq >= first and (not last or seq <= last)
        ]
        self.publisher.push(wanted)
        return len(wanted)
