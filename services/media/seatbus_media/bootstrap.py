"""The one place where `media` is put together."""

from __future__ import annotations

import asyncio
import gc
from time import monotonic
from typing import Final

from seatbus.media.v1.service_pb2_grpc import add_MediaServicer_to_server
from seatbus_kit.log import get_logger
from seatbus_kit.runtime import App, Runtime
from seatbus_media.adapters.ledger_log import LedgerLog
from seatbus_media.adapters.prompts import StoredPrompts
from seatbus_media.adapters.recorder import GrpcRecorder
from seatbus_media.adapters.speech import EspeakSpeech
from seatbus_media.adapters.udp import UdpSockets
from seatbus_media.adapters.websocket_fork import WebSocketForker
from seatbus_media.application.audio import AudioLibrary
from seatbus_media.application.commands import Commands
from seatbus_media.application.hearing_commands import HearingCommands
from seatbus_media.application.hub import Hub
from seatbus_media.application.ledger import Reclaim, record_of
from seatbus_media.application.negotiation import Negotiation
from seatbus_media.application.service import MediaService
from seatbus_media.application.session import Session
from seatbus_media.application.ticker import Ticker
from seatbus_media.application.vigil import VIGIL
from seatbus_media.domain.port_pool import PortPool
from seatbus_media.entrypoints.servicer import Servicer
from seatbus_media.settings import MediaSettings

log = get_logger("seatbus.media")

_FLUSH_S: Final = 2.0
_AWAY_S: Final = 1.0
"""Shorter than the time after which owners move the calls of an instance that is gone."""
_YOUNG: Final = 5000
"""Objects made before the youngest are looked through; packets that wait for a recording are among them."""


class MediaApp:
    def __init__(self, runtime: Runtime, settings: MediaSettings) -> None:
        self._ticker = Ticker()
        self._hub = Hub()
        self._speech = EspeakSpeech()
        self._recorder = GrpcRecorder(settings.instance_id, runtime.instances, runtime.channels)
        pool = PortPool(settings.rtp_port_min, settings.rtp_port_max, settings.port_quarantine_s)
        self._sockets = UdpSockets(
            settings.zones,
            pool,
            self._ticker,
            runtime.clock,
            webrtc_port=settings.webrtc_port,
            consent_s=settings.ice_consent_s,
            dscp=settings.rtp_dscp,
        )
        audio = AudioLibrary(
            self._speech,
            StoredPrompts(runtime.bus),
            language=settings.tts_language,
            limit=settings.audio_cache_bytes,
            now=monotonic,
        )
        negotiation = Negotiation(self._sockets)
        self._ledger = LedgerLog(settings.data_dir / settings.instance_id)
        hearing = HearingCommands(WebSocketForker())
        commands = Commands(negotiation, audio, self._recorder, runtime.clock, hearing)
        self._reclaim = Reclaim(self._sockets, negotiation, commands, self._hub)

        def keep(session: Session) -> None:
            record = record_of(session, negotiation, monotonic())
            if record is not None:
                self._ledger.save(session.id, record)
            else:
                # What was kept before a browser began to agree on keys is not the session any more.
                self._ledger.forget(session.id)

        self.service = MediaService(
            commands,
            self._hub,
            keep=keep,
            forget=self._ledger.forget,
            rtp_timeout_s=settings.rtp_timeout_s,
            rtcp_interval_s=settings.rtcp_interval_s,
            orphan_after_s=settings.orphan_after_s,
            alarm_after_s=settings.alarm_after_s,
        )
        self._recorder.failures = self.service
        runtime.attributes["zones"] = ",".join(sorted(filter(None, settings.zones)))
        self._tasks: list[asyncio.Task[None]] = []
        self._sounds: list[asyncio.Task[None]] = []
        servicer = Servicer(self.service, self._hub, settings.instance_id, runtime.instances.incarnation)
        runtime.rpc.add(add_MediaServicer_to_server, servicer)

    def load(self) -> float:
        return self._sockets.load

    async def reclaim(self) -> None:
        """The calls of a process that was killed go on. One that was away for long asks first."""
        records = self._ledger.load()
        if not records:
            return
        now = monotonic()
        away_s = now - self._ledger.last_beat
        for record in records:
            session = await self._reclaim.session(record, now)
            if session is None:
                self._ledger.forget(str(record.get("id", "")))
                continue
            if away_s > _AWAY_S:
                session.doubt(True)
            self.service.adopt(session)
            self._sounds.append(asyncio.create_task(self._reclaim.sounds(session, record, now)))
        log.warning("calls of a killed process go on", sessions=len(self._sounds), away_s=round(away_s, 2))

    async def start(self) -> None:
        VIGIL.start(self.service.stalled, self._ledger.beat)
        # A collection that walks through all that was imported stands in the way of every packet for tens of
        # milliseconds. What is here now stays. Calls leave nothing behind that has to be collected: with
        # these thresholds it would wait for some 25,000 calls.
        gc.collect()
        gc.freeze()
        gc.set_threshold(_YOUNG, 20, 20)
        self._tasks = [
            asyncio.create_task(self.service.run(), name="upkeep"),
            asyncio.create_task(self._recorder.run(), name="recorder"),
        ]

    async def drain(self) -> None:
        """The calls that are here end here; then their last audio is stored."""
        await self.service.wait_empty()
        await self._recorder.wait_idle()

    async def stop(self) -> None:
        VIGIL.stop()
        self.service.close()
        try:
            await asyncio.wait_for(self._recorder.wait_idle(), _FLUSH_S)
        except TimeoutError:
            log.error("stopped with recordings that nobody took", recordings=self._recorder.taps)
        self._hub.close()
        self._ticker.stop()
        self._sockets.stop()
        tasks = (*self._tasks, *self._sounds)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._speech.close()


async def bootstrap(runtime: Runtime) -> App:
    settings = runtime.settings
    if not isinstance(settings, MediaSettings):
        raise TypeError(f"media needs MediaSettings, not {type(settings).__name__}")
    app = MediaApp(runtime, settings)
    await app.reclaim()
    return app
