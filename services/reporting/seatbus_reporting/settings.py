"""Settings of `reporting`."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from seatbus_kit.settings import ServiceSettings


class Settings(ServiceSettings):
    service: ClassVar[str] = "reporting"

    store_url: str = Field(default="", pattern=r"^$|^(chdb|clickhouse|clickhouses)://.+")
    # One insert writes one part a table, and costs the same for one row as for a hundred. Whoever asks for
    # rows has those stored first that are older than `fresh_s`; on a server, where others may ask than the
    # process that holds them, `fresh_s` is the interval.
    flush_interval_s: float = Field(default=10.0, ge=0.01, le=60)
    flush_rows: int = Field(default=5000, ge=1, le=100_000)
    fresh_s: float = Field(default=1.0, ge=0.01, le=60)
    read_pace_s: float = Field(default=0.15, ge=0.005, le=1)
    board_delta_s: float = Field(default=0.05, ge=0.01, le=5)
    board_heartbeat_s: float = Field(default=5.0, ge=0.1, le=60)
    board_snapshot_s: float = Field(default=5.0, ge=0.1, le=600)

    @property
    def store(self) -> str:
        """The store's URL; without one an embedded store below the data directory."""
        return self.store_url or f"chdb:///{self.data_dir.absolute() / 'store'}".replace("////", "///")
