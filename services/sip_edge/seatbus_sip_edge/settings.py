"""Settings of `sip_edge`, from `SEATBUS_*` variables."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field, SecretStr, model_validator

from seatbus_kit.settings import ServiceSettings


class Settings(ServiceSettings):
    service: ClassVar[str] = "sip_edge"

    sip_host: str = "127.0.0.1"
    sip_port: int = Field(default=5060, ge=0, le=65535)
    sip_advertised_host: str | None = None
    sip_realm: str = Field(default="seatbus", min_length=1, max_length=128)
    # Nonces are its HMACs: all edges of a platform share it.
    digest_secret: SecretStr | None = None
    # Offered to phones, strongest first. Many phones (libre's baresip 1.0 among them) give up when a second
    # challenge names an algorithm they do not know, so SHA-256 is for sites whose phones all take it.
    sip_digest_algorithms: Literal["MD5", "SHA-256,MD5", "SHA-256"] = "MD5"
    no_ivr_timeout_s: float = Field(default=2.0, gt=0, le=30)

    sip_max_datagram: int = Field(default=16_384, ge=1_500, le=65_535)
    # Datagrams a second from one address before they are dropped.
    sip_source_rate: float = Field(default=2_000, gt=0)
    sip_source_burst: float = Field(default=4_000, ge=1)
    # Wrong digests a minute from one address before it is ignored for a minute.
    sip_digest_failures: int = Field(default=60, ge=1)
    registration_min_s: int = Field(default=60, ge=1)
    registration_max_s: int = Field(default=3_600, ge=1)
    journal_keep_mb: int = Field(default=512, ge=16)

    @model_validator(mode="after")
    def _secret_in_production(self) -> Settings:
        if self.environment == "production" and self.digest_secret is None:
            raise ValueError("SEATBUS_DIGEST_SECRET is required in production")
        return self

    @property
    def sip_public_host(self) -> str:
        return self.sip_advertised_host or self.sip_host
