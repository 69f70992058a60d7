"""Settings of `recording`."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from pydantic import Field

from seatbus_kit.settings import ServiceSettings


class RecordingSettings(ServiceSettings):
    service: ClassVar[str] = "recording"
    asks_others: ClassVar[bool] = False

    recording_dir: Path | None = None
    tap_lost_after_s: float = Field(default=60.0, gt=0)
    max_recording_s: float = Field(default=6 * 3600.0, gt=0)

    @property
    def directory(self) -> Path:
        """Where the files are; below the data directory unless it is given."""
        return self.recording_dir or self.data_dir / "recordings"

    @property
    def copy_of_catalogue(self) -> Path:
        """This instance's own; made anew at each start."""
        return self.data_dir / self.instance_id / "catalogue.db"
