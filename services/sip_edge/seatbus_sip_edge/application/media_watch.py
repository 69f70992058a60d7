"""Follows the events of every media instance, and notices when one has lost our sessions."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from seatbus.media.v1 import service_pb2 as media
from seatbus_kit.errors import SeatbusError, Unavailable
from seatbus_kit.log import get_logger
from seatbus_kit.rpc.client import invoke, stream
from seatbus_sip_edge.application.media_commands import end_of
from seatbus_sip_edge.domain import inputs as on
from seatbus_sip_edge.domain.model import Phase

if TYPE_CHECKING:
    from collections.abc import Iterable

    from seatbus.media.v1 import events_pb2 as media_events
    from seatbus.media.v1.service_pb2_grpc import MediaStub
    from seatbus_kit.instances import Instance
    from seatbus_sip_edge.application.edge import Edge
    from seatbus_sip_edge.domain.model import Call, Leg

log = get_logger("sip_edge.media")

_RETRY_S = 0.1
# A media instance that stays away this long has taken its sessions along.
_LOST_S = 20.0
# Restarted in place within this time it goes on with them; then they move to another one, if there is one.
_MOVE_S = 1.2
# Its stream, which has a sign of life twice a second, is silent: it is asked whether it still lives. The two
# together are longer than the time after which media takes itself for stale, 1.5 s.
_SILENT_S, _REPLY_S = 1.2, 0.6
# Where its calls cannot go elsewhere nothing is won by haste.
_PATIENT_S = 2.5
_NOBODY = "-"
_HELLO_S = 3.0
# Without an answer to their checks browsers give up after 16 s; until then they go on by themselves.
_ICE_GIVEN_UP_S = 12.0
_SUSPECT_S = 1.0


class MediaWatch:
    """One stream an instance. Calls are only given to instances whose stream is open."""

    def __init__(self, edge: Edge) -> None:
        self._edge = edge
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._incarnations: dict[str, str] = {}
        # Of an instance that has been told which of its sessions are ours: it ends none that is made now.
        self._confirmed: dict[str, str] = {}
        self._open: dict[str, asyncio.Event] = {}
        self._suspects: dict[str, float] = {}
        self._beats: dict[str, float] = {}
        self._streams: dict[str, asyncio.Timeout] = {}
        self._looker: asyncio.Task[None] | None = None

    def start(self) -> None:
        instances = self._edge.neighbours.instances
        instances.subscribe(self._changed)
        for instance in instances.all("media"):
            self._follow(instance.id)
        self._looker = asyncio.create_task(self._look())

    async def stop(self) -> None:
        tasks = list(self._tasks.values())
        if self._looker is not None:
            tasks.append(self._looker)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def suspect(self, instance_id: str) -> None:
        """It did not answer: others are preferred for a moment."""
        self._suspects[instance_id] = self._edge.monotonic() + _SUSPECT_S

    @staticmethod
    def is_in(instance: Instance, zone: str) -> bool:
        """Whether the instance is in this network; in the common one they all are."""
        return not zone or zone in instance.attributes.get("zones", "").split(",")

    def _outside(self, zones: Iterable[str]) -> set[str]:
        """Instances that are not in all of these networks."""
        there = self._edge.neighbours.instances.all("media")
        return {item.id for item in there if not all(self.is_in(item, zone) for zone in zones)}

    async def choose(self, deadline: float, zone: str = "") -> str:
        """The least loaded instance in this network that we hear. Raises Unavailable when none is there by
        `deadline`.
        """
        edge = self._edge
        while True:
            now = edge.monotonic()
            bad = {name for name, until in self._suspects.items() if until > now}
            silent = {name for name, event in self._open.items() if not event.is_set()}
            picked = edge.neighbours.instances.pick("media", exclude=bad | silent | self._outside((zone,)))
            if picked is not None:
                self._follow(picked.id)
                opened = self._open.get(picked.id)
                if opened is not None and opened.is_set():
                    return picked.id
            if now >= deadline:
                raise Unavailable(
                    f"no media instance is in zone {zone}" if zone else "no media instance is there"
                )
            await asyncio.sleep(0.02)

    def other(self, call: Call) -> str:
        """An instance that we hear, for a call whose own is lost; the same one where it has come back without
        the call. Nothing when there is none.
        """
        legs = [leg for leg in call.legs.values() if leg.live and not leg.met_by]
        zones = {leg.media_zone for leg in legs if leg.media_zone}
        return self._instead(call.media_instance, call.media_incarnation, zones)

    def other_for(self, leg: Leg) -> str:
        """The same for a leg that is met by an instance of its own."""
        return self._instead(leg.met_by, leg.met_incarnation, {leg.media_zone or ""})

    def _instead(self, lost: str, incarnation: str, zones: Iterable[str]) -> str:
        found = self._another(lost, zones)
        if found:
            return found
        back = self._confirmed.get(lost, "")
        return lost if lost in self._streams and back and back != incarnation else ""

    def lost(self, leg: Leg) -> bool:
        """Whether the instance of its own that meets the leg is away, or has come back without it."""
        return not self.hears(leg.met_by, leg.met_incarnation)

    def hears(self, instance_id: str, incarnation: str) -> bool:
        opened = self._open.get(instance_id)
        return opened is not None and opened.is_set() and self.incarnation(instance_id) == incarnation

    def meets(self, instance_id: str, leg: Leg) -> bool:
        """Whether the instance is in the leg's network."""
        found = self._edge.neighbours.instances.get(instance_id)
        return found is not None and self.is_in(found, leg.media_zone or "")

    def incarnation(self, instance_id: str) -> str:
        """What it said last that it is."""
        return self._incarnations.get(instance_id, "")

    def _another(self, lost: str, zones: Iterable[str] = ()) -> str:
        bad = {name for name, event in self._open.items() if not event.is_set()}
        picked = self._edge.neighbours.instances.pick("media", exclude={lost} | bad | self._outside(zones))
        return picked.id if picked is not None and picked.id in self._open else ""

    async def _look(self) -> None:
        """An instance that stands still keeps its connection: its stream is ended here."""
        looked = self._edge.monotonic()
        while True:
            await asyncio.sleep(_RETRY_S)
            now = self._edge.monotonic()
            if now - looked > _REPLY_S:
                # It was us who stood still.
                self._beats = dict.fromkeys(self._beats, now)
            looked = now
            for name, stream_limit in list(self._streams.items()):
                silent_s = now - self._beats.get(name, now)
                patience_s = _SILENT_S if self._another(name) else _PATIENT_S
                if silent_s > patience_s and not await self._lives(name):
                    log.error("media instance stands still", media=name)
                    if self._streams.get(name) is stream_limit and not stream_limit.expired():
                        stream_limit.reschedule(self._edge.loop.time())
                    self._streams.pop(name, None)
                    looked = self._edge.monotonic()

    async def _lives(self, instance_id: str) -> bool:
        instance = self._edge.neighbours.instances.get(instance_id)
        if instance is None:
            return False
        stub = self._edge.neighbours.stub("media", instance.address)
        try:
            await invoke(stub.ListSessions, media.ListSessionsRequest(owner=_NOBODY), _REPLY_S)
        except SeatbusError as error:
            log.info("media instance does not answer", media=instance_id, reason=str(error))
            return False
        # Not asked again with every look.
        self._beats[instance_id] = self._edge.monotonic()
        return True

    def _changed(self, instance_id: str, instance: Instance | None) -> None:
        if instance is not None:
            self._beats[instance_id] = self._edge.monotonic()
        else:
            self._beats.pop(instance_id, None)
        if instance is not None and instance.service == "media":
            self._follow(instance_id)

    def _follow(self, instance_id: str) -> None:
        if instance_id not in self._tasks:
            self._open[instance_id] = asyncio.Event()
            self._tasks[instance_id] = asyncio.create_task(self._run(instance_id))

    async def _run(self, instance_id: str) -> None:
        opened = self._open[instance_id]
        gone_since: float | None = None
        heard_at: float | None = None
        while True:
            edge = self._edge
            instance = edge.neighbours.instances.get(instance_id)
            if instance is not None:
                try:
                    stub = edge.neighbours.stub("media", instance.address)
                    async with asyncio.timeout(_HELLO_S) as limit:
                        async for event in stream(stub.Watch, media.WatchRequest(owner=edge.instance_id)):
                            gone_since = None
                            now = edge.monotonic()
                            away_s = now - heard_at if heard_at is not None else 0.0
                            self._beats[instance_id] = heard_at = now
                            if limit.when() is not None and instance_id not in self._streams:
                                limit.reschedule(None)
                                self._streams[instance_id] = limit
                            if event.WhichOneof("event") == "hello":
                                await self._hello(instance_id, instance.address, event.hello.incarnation)
                                opened.set()
                                if away_s > _ICE_GIVEN_UP_S:
                                    self._restart_ice(instance_id)
                            else:
                                self._deliver(instance_id, event)
                except TimeoutError:
                    # It stood still before this was found out.
                    gone_since = gone_since if gone_since is not None else self._beats.get(instance_id)
                except SeatbusError as error:
                    if opened.is_set():
                        log.warning(
                            "media stream is broken, opened again", media=instance_id, reason=str(error)
                        )
            opened.clear()
            self._streams.pop(instance_id, None)
            now = edge.monotonic()
            gone_since = gone_since if gone_since is not None else now
            if now - gone_since > _MOVE_S:
                self._move(instance_id)
            if now - gone_since > _LOST_S:
                self._lose(instance_id, frozenset(), "media instance is gone")
                if instance is None:
                    # Followed again when it announces itself.
                    del self._tasks[instance_id], self._open[instance_id]
                    return
                gone_since = now
            await asyncio.sleep(_RETRY_S)

    async def _hello(self, instance_id: str, address: str, incarnation: str) -> None:
        """After a break: sessions that are gone end their calls, steps whose end was missed go on."""
        known = self._incarnations.get(instance_id)
        self._incarnations[instance_id] = incarnation
        calls = [
            session
            for session in self._edge.sessions.values()
            if session.call.audio_at(instance_id)
            and session.call.has_session
            and not self._leaves(session.call, instance_id)
        ]
        if not calls and known is None:
            self._confirmed[instance_id] = incarnation
            return
        stub = self._edge.neighbours.stub("media", address)
        answer = await invoke(stub.ListSessions, media.ListSessionsRequest(owner=self._edge.instance_id), 2.0)
        alive = frozenset(item.session_id for item in answer.sessions)
        ours = [session.call.call_id for session in calls if session.call.call_id in alive]
        confirm = media.ConfirmRequest(owner=self._edge.instance_id, session_ids=ours)
        await invoke(stub.Confirm, confirm, 2.0)
        self._confirmed[instance_id] = incarnation
        self._lose(instance_id, alive, "media was restarted without the session")
        for session in calls:
            call = session.call
            if call.call_id not in alive:
                continue
            if call.media_instance == instance_id:
                call.media_incarnation = incarnation
            for leg in call.legs_met_by(instance_id):
                leg.met_incarnation = incarnation
        await self._end_strays(stub, instance_id, answer.sessions)
        if known is None:
            return
        for session in calls:
            call = session.call
            here = call.media_instance == instance_id and call.call_id in alive
            if here and call.phase is Phase.IN_FLOW:
                session.feed(on.PlayFinished(f"step-{call.step_seq}", "failed"))
                session.feed(on.CollectFinished(f"step-{call.step_seq}", "", "failed"))

    def _leaves(self, call: Call, instance_id: str) -> bool:
        """The call is on its way from this instance; legs that are met there stay."""
        return call.media_instance == instance_id and self._edge.media_move.under_way(call.call_id)

    def _restart_ice(self, instance_id: str) -> None:
        """Browsers have given up the way to this instance, or are about to, and look for no other."""
        for session in list(self._edge.sessions.values()):
            for leg in session.call.legs.values():
                if leg.live and instance_id == (leg.met_by or session.call.media_instance):
                    self._edge.media_move.offers.restart_ice(session, leg)

    async def _end_strays(
        self, stub: MediaStub, instance_id: str, held: Iterable[media.GetSessionResponse]
    ) -> None:
        """Calls that have moved meanwhile and that this instance, which was away, still serves."""
        for item in held:
            session = self._edge.sessions.get(item.session_id)
            if session is None or session.call.audio_at(instance_id):
                continue
            if self._edge.media_move.under_way(item.session_id):
                continue
            log.warning("audio that has moved is ended where it was", call=item.session_id, media=instance_id)
            await invoke(stub.Execute, end_of(item, self._edge.instance_id, "moved"), 2.0)

    def _move(self, instance_id: str) -> None:
        """What can go elsewhere goes; the rest waits for the instance until it is lost."""
        for session in list(self._edge.sessions.values()):
            call = session.call
            if call.media_instance == instance_id and call.has_session:
                self._edge.media_move.start(session, "media instance is away")
            for leg in call.legs_met_by(instance_id):
                self._edge.link_move.start(session, leg, "media instance is away")

    def _lose(self, instance_id: str, alive: frozenset[str], reason: str) -> None:
        for session in list(self._edge.sessions.values()):
            call = session.call
            if (
                call.media_instance == instance_id
                and call.has_session
                and call.has_audio
                and call.call_id not in alive
                and call.phase not in (Phase.ENDING, Phase.ENDED)
                and not self._edge.media_move.start(session, reason)
            ):
                log.error(
                    "call has lost its audio, it is ended",
                    tenant=call.tenant_id,
                    call=call.call_id,
                    reason=reason,
                )
                session.feed(on.MediaLost(reason))
            if call.call_id in alive or call.phase in (Phase.ENDING, Phase.ENDED):
                continue
            for leg in call.legs_met_by(instance_id):
                if not self._edge.link_move.start(session, leg, reason):
                    self._edge.link_move.give_up(session, leg, reason)

    def _deliver(self, instance_id: str, event: media_events.MediaEvent) -> None:
        session = self._edge.sessions.get(event.session_id)
        if session is None:
            return
        kind = event.WhichOneof("event")
        if session.call.media_instance != instance_id:
            # Of a leg that is met there, what concerns its peer; the rest is told by the call's own instance.
            leg = session.call.legs.get(event.endpoint_id)
            if leg is None or leg.met_by != instance_id or kind not in ("leg_lost", "rtp_timed_out"):
                return
        if kind == "play_finished":
            found = event.play_finished
            session.feed(on.PlayFinished(found.play_id, found.reason))
        elif kind == "collect_finished":
            collected = event.collect_finished
            session.feed(on.CollectFinished(collected.collect_id, collected.digits, collected.reason))
        elif kind == "leg_lost":
            self._edge.media_move.offers.leg_lost(session, event.endpoint_id, event.leg_lost.reason)
        elif kind == "audio_alarm":
            alarm = event.audio_alarm
            log.warning(
                "a conversation sounds right again" if alarm.over else "a conversation does not sound right",
                tenant=session.call.tenant_id,
                call=session.call.call_id,
                kind=alarm.kind,
                leg=event.endpoint_id,
            )
            leg = session.call.legs.get(event.endpoint_id)
            if leg is not None and alarm.kind == "one_way" and not alarm.over:
                self._edge.media_move.offers.leg_silent(session, leg)
        elif kind in ("rtp_timed_out", "recording_failed"):
            if kind == "rtp_timed_out":
                session.sip.vanishing.silent(event.endpoint_id)
            log.warning(
                "trouble with the audio of a call",
                tenant=session.call.tenant_id,
                call=session.call.call_id,
                kind=kind,
                leg=event.endpoint_id,
                reason=event.recording_failed.reason,
            )
