"""Settings of `ivr`: those every service has."""

from __future__ import annotations

from typing import ClassVar

from seatbus_kit.settings import ServiceSettings


class Settings(ServiceSettings):
    service: ClassVar[str] = "ivr"
    asks_others: ClassVar[bool] = False
