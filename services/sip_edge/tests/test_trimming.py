"""The journal keeps a fact until reporting has committed it, and not much longer."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from seatbus.reporting.v1 import service_pb2 as reporting
from seatbus.reporting.v1 import service_pb2_grpc as reporting_grpc
from seatbus_kit.errors import Unavailable
from seatbus_sip_edge.adapters.journal import frame
from seatbus_sip_edge.application.trimming import last_facts


class FakeReporting(reporting_grpc.ReportingServiceServicer):
    def __init__(self) -> None:
        self.committed: dict[str, int] = {}

    async def CommittedWatermark(
        self, request: reporting.CommittedWatermarkRequest, context: Any
    ) -> reporting.CommittedWatermarkResponse:
        return reporting.CommittedWatermarkResponse(
            committed={call_id: self.committed.get(call_id, 0) for call_id in request.call_ids}
        )


def _segment(directory: Path, number: int, **last: int) -> Path:
    path = directory / f"{number:012d}.journal"
    frames = [frame(["c"])]
    for call_id, seq in last.items():
        frames.append(frame(["e", call_id, "t", [[item, "x", 0, ""] for item in range(1, seq + 1)]]))
    path.write_bytes(b"".join(frames))
    return path


def test_the_last_fact_of_each_call_is_found(tmp_path: Path) -> None:
    assert last_facts(_segment(tmp_path, 1, a=3, b=1)) == {"a": 3, "b": 1}


async def test_segments_go_when_reporting_has_their_facts(empty_world: Any) -> None:
    world = empty_world
    directory = world.directory / world.instance_id / "journal"
    directory.mkdir(parents=True)
    done, owed, empty = _segment(directory, 1, a=3), _segment(directory, 2, a=4, b=2), _segment(directory, 3)
    await world.start_edge()
    trimming = world.app.edge.trimming
    current = world.app.edge.journal.directory / f"{4:012d}.journal"
    assert current.exists()
    trimming._edge.neighbours.instances.pick = lambda *_, **__: None
    with pytest.raises(Unavailable):
        await trimming.trim()
    assert done.exists()
    del trimming._edge.neighbours.instances.pick
    fake = FakeReporting()
    await world.neighbour("reporting", reporting_grpc.add_ReportingServiceServicer_to_server, fake)
    fake.committed = {"a": 4, "b": 1}
    await world.until(lambda: world.runtime.instances.all("reporting"))
    assert await trimming.trim() == 2
    assert not done.exists()
    assert not empty.exists()
    assert owed.exists()
    fake.committed["b"] = 2
    assert await trimming.trim() == 1
    assert not owed.exists()
    assert current.exists()
