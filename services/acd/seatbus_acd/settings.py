"""Settings of this service."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from seatbus_kit.settings import ServiceSettings


class Settings(ServiceSettings):
    service: ClassVar[str] = "acd"

    # How often a holder compares its contacts with the bucket.
    reconcile_s: float = Field(default=10.0, ge=0.2, le=300)
