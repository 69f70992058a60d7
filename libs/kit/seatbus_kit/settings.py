"""Settings every service has. They are read once from `SEATBUS_*` variables and never change afterwards."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar, Literal

from pydantic import Field, SecretStr, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict


class ServiceSettings(BaseSettings):
    """A service derives its own class, sets `service` and adds its fields.

    Raises pydantic.ValidationError when a variable is wrong; `seatbus_kit.runtime.main` turns that into one
    line and a non-zero exit.
    """

    model_config = SettingsConfigDict(env_prefix="SEATBUS_", frozen=True, extra="ignore")

    service: ClassVar[str] = "service"
    # Whether it looks for instances of other services: each of them wakes it once a second.
    asks_others: ClassVar[bool] = True

    instance_id: str = Field(default="", pattern=r"^[A-Za-z0-9_-]{0,64}$")
    region: str = Field(default="local", pattern=r"^[A-Za-z0-9_-]{1,64}$")
    environment: Literal["dev", "production"] = "dev"

    nats_url: str = "nats://127.0.0.1:4222"
    nats_monitor_url: str | None = None
    nats_user: str | None = None
    nats_password: SecretStr | None = None
    nats_creds: Path | None = None
    jetstream_replicas: int = Field(default=1, ge=1, le=5)

    data_dir: Path = Path(".data")

    grpc_host: str = "127.0.0.1"
    advertise_host: str | None = None
    grpc_port: int = Field(default=0, ge=0, le=65535)
    # Where this platform's own processes call; others learn it by gRPC. 0: any free port.
    lane_port: int = Field(default=0, ge=0, le=65535)
    metrics_port: int = Field(default=0, ge=0, le=65535)

    log_level: Literal["debug", "info", "warning", "error"] = "info"
    log_format: Literal["json", "console"] = "json"
    otlp_endpoint: str | None = None

    drain_grace_s: float = Field(default=30.0, ge=0)
    # Who shares cores with others and is on the way of no call gives way to those who are.
    nice: int = Field(default=0, ge=0, le=19)

    @field_validator("log_level", mode="before")
    @classmethod
    def _lower(cls, value: object) -> object:
        return value.lower() if isinstance(value, str) else value

    @model_validator(mode="after")
    def _default_instance(self) -> ServiceSettings:
        if not self.instance_id:
            object.__setattr__(self, "instance_id", f"{type(self).service}-0")
        return self

    @property
    def nats_servers(self) -> list[str]:
        return [url.strip() for url in self.nats_url.split(",") if url.strip()]

    @property
    def nats_monitors(self) -> list[str]:
        """Monitoring endpoints of every NATS node; empty where none is configured."""
        return [url.strip().rstrip("/") for url in (self.nats_monitor_url or "").split(",") if url.strip()]
