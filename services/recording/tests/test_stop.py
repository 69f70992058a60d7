"""The end of the process while calls are recorded."""

from __future__ import annotations

import pytest

from seatbus.recording.v1 import service_pb2 as pb
from seatbus_kit.clock import SystemClock
from seatbus_kit.errors import Unavailable
from seatbus_kit.ids import uuid7
from seatbus_kit.telemetry import Tracer
from seatbus_recording.adapters.files import FileStore
from seatbus_recording.application.intake import Intake
from seatbus_recording.settings import RecordingSettings


class NoCatalogue:
    async def opened(self, *_: object) -> None:
        """Nobody asks."""

    async def completed(self, *_: object) -> None:
        """Nobody asks."""


def intake(files: FileStore) -> Intake:
    tracer = Tracer(RecordingSettings())
    return Intake(files, NoCatalogue(), SystemClock(), tracer, lost_after_s=60, max_s=3600)


async def test_chunks_that_come_while_the_process_ends_are_left_to_the_next(tmp_path, opening):
    files = FileStore(tmp_path)
    files.prepare()
    recording_id = uuid7()
    first = pb.Chunk(recording_id=recording_id, left=b"\xff" * 800, right=b"\xff" * 800, encoding="pcmu")
    second = pb.Chunk(offset_samples=800)
    second.MergeFrom(pb.Chunk(recording_id=recording_id, left=first.left, right=first.right, encoding="pcmu"))
    first.open.CopyFrom(opening)
    one = intake(files)
    assert one.chunk(first).next_offset_samples == 800
    await one.stop()
    with pytest.raises(Unavailable):
        one.chunk(second)
    other = intake(files)
    assert other.resume() == 1
    assert other.chunk(second).next_offset_samples == 1600
    await other.stop()
