"""Calls of an edge that does not come back are taken over, and those that were taken over are let go.

The record in bucket `calls` decides who owns a call: whoever changes hands raises its epoch there by
compare-and-set first. An edge counts as dead when it has not announced itself for `ADOPT_AFTER_S` and answers
no question either: one that only lost the bus keeps its calls.
"""

from __future__ import annotations

import asyncio
import base64
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

import orjson

from seatbus.call.v1 import service_pb2 as call_pb
from seatbus.call.v1.service_pb2_grpc import CallControlStub
from seatbus.media.v1 import service_pb2 as media
from seatbus_kit import metrics
from seatbus_kit.errors import DeadlineExceeded, OutcomeUnknown, SeatbusError, Unavailable
from seatbus_kit.instances import STALE_S
from seatbus_kit.log import get_logger
from seatbus_kit.rpc import invoke
from seatbus_sip_edge.adapters.edges import SERVICE
from seatbus_sip_edge.adapters.journal import frame
from seatbus_sip_edge.domain.model import Call, Phase

if TYPE_CHECKING:
    from seatbus_kit.instances import Instance
    from seatbus_kit.rpc import Channels
    from seatbus_sip_edge.adapters.estate import Estate, Left
    from seatbus_sip_edge.application.edge import Edge
    from seatbus_sip_edge.application.recovery import Fact, StoredCall
    from seatbus_sip_edge.application.session import Session

log = get_logger("sip_edge.adoption")

_LOOK_S: Final = 0.5
_ASK_S: Final = 1.0
_MEDIA_S: Final = 2.0
_AT_ONCE: Final = 16
_WAIT_S: Final = 2.0

_ADOPTED = metrics.counter("seatbus_calls_adopted_total", "calls taken over from a dead edge", ["outcome"])
_LET_GO = metrics.counter(
    "seatbus_calls_let_go_total", "calls that another edge has taken over from this one", []
)


class Adoption:
    def __init__(self, edge: Edge, estate: Estate, channels: Channels, after_s: float) -> None:
        self._edge = edge
        self._estate = estate
        self._channels = channels
        self._after_s = after_s
        self._instances = edge.neighbours.instances
        # Every edge that was ever seen, at the address it had, and since when it is silent.
        self._addresses: dict[str, str] = {}
        self._absent: dict[str, float] = {}
        self._done: set[str] = set()
        self._task: asyncio.Task[None] | None = None
        self._checks: set[asyncio.Task[None]] = set()

    def start(self) -> None:
        if self._after_s:
            self._instances.subscribe(self._changed)
            self._task = asyncio.create_task(self._run())

    async def stop(self) -> None:
        tasks = [task for task in (self._task, *self._checks) if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    # ---- who is dead ------------------------------------------------------------------------------------
    def _changed(self, instance_id: str, instance: Instance | None) -> None:
        if instance is not None and instance.service == SERVICE:
            self._addresses[instance_id] = instance.address

    async def _run(self) -> None:
        """Looks around twice a second; what owners left that nobody has ever seen is taken over once."""
        unknown_at = self._edge.monotonic() + self._after_s
        for instance in self._instances.all(SERVICE):
            self._addresses.setdefault(instance.id, instance.address)
        while True:
            await asyncio.sleep(_LOOK_S)
            now = self._edge.monotonic()
            try:
                for name in list(self._addresses):
                    await self._look_at(name, now)
                if now > unknown_at:
                    unknown_at = float("inf")
                    await self._adopt(
                        await self._estate.left_by(
                            lambda owner: owner not in self._addresses and self._instances.get(owner) is None
                        )
                    )
            except SeatbusError as error:
                log.warning("calls of a dead edge are taken over later", reason=str(error))

    async def _look_at(self, name: str, now: float) -> None:
        if name == self._edge.instance_id or self._instances.get(name) is not None:
            self._absent.pop(name, None)
            self._done.discard(name)
            return
        since = self._absent.setdefault(name, now)
        # `Instances` has waited for the silence to be one.
        if name in self._done or now - since < max(0.0, self._after_s - STALE_S):
            return
        if await self._answers(self._addresses[name]):
            self._absent[name] = now
            log.warning("an edge is not announced but alive, its calls stay with it", edge=name)
            return
        left = await self._estate.left_by(lambda owner: owner == name)
        await self._adopt(left)
        self._done.add(name)

    async def _answers(self, address: str) -> bool:
        stub: Any = CallControlStub(self._channels.get(address))  # type: ignore[no-untyped-call]
        try:
            await invoke(stub.ListRegistrations, call_pb.ListRegistrationsRequest(tenant_id="none"), _ASK_S)
        except (Unavailable, OutcomeUnknown, DeadlineExceeded):
            return False
        except SeatbusError as error:
            log.info("an edge answers", address=address, with_=str(error))
        return True

    # ---- taking over ------------------------------------------------------------------------------------
    async def _adopt(self, left: list[Left]) -> None:
        """Edges that live share what a dead one left, by call."""
        mine = [
            item
            for item in left
            if self._chosen(item.call.call_id) and item.call.call_id not in self._edge.sessions
        ]
        if not mine:
            return
        began = self._edge.monotonic()
        gate = asyncio.Semaphore(_AT_ONCE)

        async def one(item: Left) -> str:
            async with gate:
                return await self._adopt_one(item)

        outcomes = await asyncio.gather(*[one(item) for item in mine])
        for outcome in outcomes:
            _ADOPTED.inc(outcome=outcome)
        log.warning(
            "calls of a dead edge are taken over",
            edge=mine[0].call.owner,
            calls=outcomes.count("adopted"),
            had_ended=outcomes.count("ended"),
            left_alone=outcomes.count("lost"),
            unreadable=outcomes.count("unreadable"),
            took_ms=round((self._edge.monotonic() - began) * 1000),
        )

    def _chosen(self, call_id: str) -> bool:
        chosen = self._instances.pick(SERVICE, key=call_id)
        return chosen is None or chosen.id == self._edge.instance_id

    async def _adopt_one(self, left: Left) -> str:
        edge, record = self._edge, left.call
        last = await self._estate.last_fact(record.tenant_id, record.call_id)
        if last.ended:
            await self._estate.remove(left)
            return "ended"
        try:
            state, sip, pending = orjson.loads(record.snapshot)
            call = Call.from_dict(state)
        except (ValueError, TypeError) as error:
            log.error(
                "a call's snapshot cannot be read, it goes on without an edge",
                tenant=record.tenant_id,
                call=record.call_id,
                error=repr(error),
            )
            return "unreadable"
        call.owner, call.epoch = edge.instance_id, record.epoch + 1
        # What the dead edge published after its last snapshot keeps its numbers.
        call.seq = max(call.seq, last.seq)
        # First the journal: were this process killed now, its successor would go on with the same claim.
        edge.journal.append(frame(["t", call.call_id, call, sip, []]))
        await edge.until_journalled()
        revision = await self._estate.claim(left, edge.instance_id, call.epoch)
        if not revision:
            edge.journal.append(frame(["a", call.call_id]))
            return "lost"
        await self._move_audio(call)
        events = [
            edge.make_event(call.tenant_id, call.call_id, seq, name, base64.b64decode(payload), micros)
            for seq, name, micros, payload in pending
            if seq > last.seq
        ]
        edge.take_over(call, sip, events, revision)
        return "adopted"

    async def _move_audio(self, call: Call) -> None:
        """From here on media tells this edge, and refuses the dead one, should it come back."""
        if not call.has_session or not call.media_instance:
            return
        places = {leg.met_by: leg.leg_id for leg in call.legs.values() if leg.met_by}
        places[call.media_instance] = call.caller_leg_id
        for name, leg_id in places.items():
            await self._move_audio_at(call, name, leg_id)

    async def _move_audio_at(self, call: Call, name: str, leg_id: str) -> None:
        found = self._instances.get(name)
        if found is None:
            return
        request = media.ExecuteRequest(
            session_id=call.call_id,
            owner=call.owner,
            epoch=call.epoch,
            commands=[media.Command(stop_collect=media.StopCollect(endpoint_id=leg_id))],
        )
        request.context.request_id = f"{call.call_id}:adopted:{call.epoch}"
        request.context.tenant_id = call.tenant_id
        try:
            await invoke(self._edge.neighbours.stub("media", found.address).Execute, request, _MEDIA_S)
        except SeatbusError as error:
            log.warning(
                "media does not follow the call to this edge yet",
                tenant=call.tenant_id,
                call=call.call_id,
                reason=str(error),
            )

    @property
    def surely_ours_s(self) -> float:
        """Nobody takes calls over within this time, not even after a farewell."""
        return max(0.0, self._after_s - STALE_S) / 2

    # ---- letting go -------------------------------------------------------------------------------------
    async def still_ours(
        self, stored: list[StoredCall], unpublished: list[Fact]
    ) -> tuple[list[StoredCall], list[Fact], dict[str, int]]:
        """Of what the journal holds after an absence, that which nobody has taken over, claimed anew.

        After a short one nobody can have: then nothing is asked, and nothing waits for the bus.
        """
        edge = self._edge
        if not self._after_s or not (stored or unpublished):
            return stored, unpublished, {}
        away_s = await self._estate.away_for(edge.instance_id, datetime.now(UTC))
        if away_s < self.surely_ours_s:
            return stored, unpublished, {}
        log.warning(
            "back after a while, each call is claimed anew", calls=len(stored), seconds=round(away_s, 1)
        )
        revisions: dict[str, int] = {}
        kept: list[StoredCall] = []
        for item in stored:
            if await self._claim_again(item, revisions):
                kept.append(item)
            else:
                _LET_GO.inc()
                edge.journal.append(frame(["a", str(item["call"]["call_id"])]))
        ours = {str(item["call"]["call_id"]) for item in kept}
        gone = {str(item["call"]["call_id"]) for item in stored} - ours
        return kept, [fact for fact in unpublished if fact[1] not in gone], revisions

    async def _claim_again(self, item: StoredCall, revisions: dict[str, int]) -> bool:
        state = item["call"]
        tenant, call_id = str(state["tenant_id"]), str(state["call_id"])
        epoch, seq = int(str(state["epoch"])), int(str(state["seq"]))
        while True:
            try:
                left = await self._estate.read(tenant, call_id)
                last = await self._estate.last_fact(tenant, call_id)
                if left is None:
                    # Ended here, or never written: only a fact that is not ours says that another one had it.
                    return state.get("phase") == Phase.ENDED.value or last.seq <= seq
                if left.call.epoch > epoch or left.call.owner != self._edge.instance_id:
                    log.warning(
                        "another edge has taken this call over",
                        tenant=tenant,
                        call=call_id,
                        owner=left.call.owner,
                    )
                    return False
                revision = await self._estate.claim(left, self._edge.instance_id, epoch + 1)
                if revision:
                    state["epoch"] = epoch + 1
                    revisions[call_id] = revision
                    return True
            except SeatbusError as error:
                log.warning("calls wait: the bus does not tell whose they are", reason=str(error))
                await asyncio.sleep(_WAIT_S)

    def check_all(self) -> None:
        """This process has stood still: are its calls still its own? Until that is known, it holds."""
        task = asyncio.create_task(self._check_all())
        self._checks.add(task)
        task.add_done_callback(self._checks.discard)

    async def _check_all(self) -> None:
        edge = self._edge
        try:
            for session in list(edge.sessions.values()):
                await self._check(session)
        finally:
            edge.standstill.go_on()

    async def _check(self, session: Session) -> None:
        call = session.call
        while True:
            try:
                left = await self._estate.read(call.tenant_id, call.call_id)
                last = await self._estate.last_fact(call.tenant_id, call.call_id)
            except SeatbusError as error:
                log.warning("calls wait: the bus does not tell whose they are", reason=str(error))
                await asyncio.sleep(_WAIT_S)
                continue
            if (left is not None and left.call.epoch > call.epoch) or (left is None and last.seq > call.seq):
                self._edge.let_go(session, left.call.owner if left is not None else "")
            return
