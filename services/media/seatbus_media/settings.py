"""Settings of `media`."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field, field_validator, model_validator

from seatbus_kit.settings import ServiceSettings
from seatbus_media.domain.zones import Zone, parse_zones


class MediaSettings(ServiceSettings):
    service: ClassVar[str] = "media"

    rtp_host: str = "127.0.0.1"
    rtp_advertised_host: str | None = None
    rtp_zones: str = ""
    rtp_dscp: int = Field(default=46, ge=0, le=63)
    rtp_port_min: int = Field(default=20000, ge=1024, le=65534)
    rtp_port_max: int = Field(default=29999, ge=1025, le=65535)
    webrtc_port: int = Field(default=0, ge=0, le=65535)
    ice_consent_s: float = Field(default=30.0, ge=1.0, le=60.0)
    rtp_timeout_s: float = Field(default=20.0, gt=0)
    rtcp_interval_s: float = Field(default=5.0, gt=0)
    port_quarantine_s: float = Field(default=10.0, ge=0)
    audio_cache_bytes: int = Field(default=64 * 1024 * 1024, ge=1024 * 1024)
    tts_language: str = Field(default="en", pattern=r"^[A-Za-z0-9-]{2,16}$")
    alarm_after_s: float = Field(default=5.0, gt=0)
    orphan_after_s: float = Field(default=600.0, gt=0)

    @model_validator(mode="after")
    def _range(self) -> MediaSettings:
        if self.rtp_port_max < self.rtp_port_min + 1:
            raise ValueError("rtp_port_max: must leave at least one pair of ports above rtp_port_min")
        return self

    @field_validator("rtp_zones")
    @classmethod
    def _zones(cls, value: str) -> str:
        parse_zones(value)
        return value

    @property
    def zones(self) -> dict[str, Zone]:
        """By name; the one without a name is where legs are that ask for none."""
        unnamed = Zone("", self.rtp_host, self.rtp_advertised_host or self.rtp_host)
        return {"": unnamed, **parse_zones(self.rtp_zones)}
