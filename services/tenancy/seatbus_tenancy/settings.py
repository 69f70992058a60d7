"""Settings of `tenancy`."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field, SecretStr

from seatbus_kit.settings import ServiceSettings


class Settings(ServiceSettings):
    service: ClassVar[str] = "tenancy"
    asks_others: ClassVar[bool] = False

    sip_realm: str = Field(default="seatbus", pattern=r"^[A-Za-z0-9._-]{1,64}$")
    """Realm of every phone's digest account: its hashes are made for this one."""

    config_key: SecretStr | None = None
    """Base64 of 32 bytes: seals trunks' secrets. Without it a trunk's secret is refused."""

    tenant_max_objects: int = Field(default=50_000, ge=1)
