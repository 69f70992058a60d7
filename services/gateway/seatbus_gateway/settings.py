"""Settings of `gateway`."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from pydantic import Field

from seatbus_kit.settings import ServiceSettings


class Settings(ServiceSettings):
    service: ClassVar[str] = "gateway"

    http_host: str = "127.0.0.1"
    http_port: int = Field(default=8080, ge=0, le=65535)
    web_dir: Path | None = None
    operator_key_file: Path | None = None

    @property
    def operator_key(self) -> Path:
        return self.operator_key_file or self.data_dir / "secrets" / "operator.key"
