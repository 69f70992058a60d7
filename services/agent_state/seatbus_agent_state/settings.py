"""Settings of this service."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from seatbus_kit.settings import ServiceSettings


class Settings(ServiceSettings):
    service: ClassVar[str] = "agent_state"

    # The safety net behind the scheduled messages, and the rhythm of reconciliation with live dialogs.
    sweep_s: float = Field(default=2.0, ge=0.2, le=300)
    # A conversation is checked with its edge no more often than this.
    reconcile_s: float = Field(default=60.0, ge=0.2, le=3600)
