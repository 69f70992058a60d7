"""The one place where `recording` is put together."""

from __future__ import annotations

import asyncio

from seatbus.recording.v1.service_pb2_grpc import add_RecordingServiceServicer_to_server
from seatbus_kit.log import get_logger
from seatbus_kit.runtime import App, Runtime
from seatbus_recording.adapters.catalogue import BusCatalogue
from seatbus_recording.adapters.files import FileStore
from seatbus_recording.application.intake import Intake
from seatbus_recording.entrypoints.servicer import Servicer
from seatbus_recording.settings import RecordingSettings

log = get_logger("seatbus.recording")


class RecordingApp:
    def __init__(self, runtime: Runtime, settings: RecordingSettings) -> None:
        files = FileStore(settings.directory)
        files.prepare()
        self._catalogue = BusCatalogue(
            runtime.bus, settings.instance_id, runtime.clock, settings.copy_of_catalogue
        )
        self._intake = Intake(
            files,
            self._catalogue,
            runtime.clock,
            runtime.tracer,
            lost_after_s=settings.tap_lost_after_s,
            max_s=settings.max_recording_s,
        )
        self._task: asyncio.Task[None] | None = None
        # Before the first chunk can come: a tap that comes back must find its file.
        resumed = self._intake.resume()
        if resumed:
            log.info("half-written recordings taken up", recordings=resumed)
        servicer = Servicer(self._intake, self._catalogue, files, settings.instance_id)
        runtime.rpc.add(add_RecordingServiceServicer_to_server, servicer)

    async def start(self) -> None:
        await self._catalogue.start()
        self._task = asyncio.create_task(self._intake.run(), name="lost taps")

    async def drain(self) -> None:
        """Open recordings go on at the next start, or where their taps find one; closed ones are settled."""
        await self._intake.settled()

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
        await self._intake.stop()
        await self._catalogue.stop()


async def bootstrap(runtime: Runtime) -> App:
    settings = runtime.settings
    if not isinstance(settings, RecordingSettings):
        raise TypeError(f"recording needs RecordingSettings, not {type(settings).__name__}")
    return RecordingApp(runtime, settings)
