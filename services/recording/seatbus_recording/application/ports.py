"""What the use cases need from outside."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from seatbus.recording.v1.service_pb2 import Open
from seatbus.recording.v1.types_pb2 import Recording


@dataclass(frozen=True, slots=True)
class Finished:
    """A file that is complete."""

    duration_ms: int
    size_bytes: int
    channels: int
    sha256: str
    incomplete: bool


class Catalogue(Protocol):
    """The records in the bus."""

    async def opened(self, recording_id: str, opening: Open, object_name: str) -> None: ...

    async def completed(
        self, recording_id: str, opening: Open, object_name: str, finished: Finished
    ) -> None: ...

    async def get(self, tenant: str, recording_id: str) -> Recording:
        """Raises NotFound."""
        ...

    def listed(self, tenant: str, call_id: str, cursor: str, limit: int) -> tuple[list[Recording], str]:
        """Newest first, and the cursor of the next page. Raises Unavailable."""
        ...

    async def deleted(self, tenant: str, recording_id: str, request_id: str, reason: str) -> None: ...
