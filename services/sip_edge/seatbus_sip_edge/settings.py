"""Settings of `sip_edge`, from `SEATBUS_*` variables."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar, Literal

from pydantic import Field, SecretStr, model_validator

from seatbus_kit.settings import ServiceSettings


class Settings(ServiceSettings):
    service: ClassVar[str] = "sip_edge"

    sip_host: str = "127.0.0.1"
    sip_port: int = Field(default=5060, ge=0, le=65535)
    sip_advertised_host: str | None = None
    # A second address to listen on with every transport: IPv6 beside IPv4.
    sip_host6: str | None = None
    sip_advertised_host6: str | None = None
    # 0: off.
    sip_tcp_port: int = Field(default=0, ge=0, le=65535)
    sip_tls_port: int = Field(default=0, ge=0, le=65535)
    sip_ws_port: int = Field(default=0, ge=0, le=65535)
    sip_wss_port: int = Field(default=0, ge=0, le=65535)
    # PEM files of TLS and WSS. Outside of production a self-signed certificate is made in DATA_DIR/tls.
    sip_tls_cert_file: Path | None = None
    sip_tls_key_file: Path | None = None
    # Who signs the certificates of trunks that connect to us (not set: none is asked for), and of those
    # that we connect to (not set: the system's authorities). `sip_tls_ca_file` is each that is not set.
    sip_tls_client_ca_file: Path | None = None
    sip_tls_trunk_ca_file: Path | None = None
    sip_tls_ca_file: Path | None = None
    # Origins of web pages that may open a WebSocket, separated by commas; all where it is not set.
    sip_ws_origins: str | None = None
    sip_realm: str = Field(default="seatbus", min_length=1, max_length=128)
    # Nonces are its HMACs: all edges of a platform share it.
    digest_secret: SecretStr | None = None
    # Offered to phones, strongest first. Many phones (libre's baresip 1.0 among them) give up when a second
    # challenge names an algorithm they do not know, so SHA-256 is for sites whose phones all take it.
    sip_digest_algorithms: Literal["MD5", "SHA-256,MD5", "SHA-256"] = "MD5"
    # A phone that answers a challenge later than that is challenged again (stale=true).
    sip_nonce_life_s: float = Field(default=300.0, ge=1, le=86_400)
    # Where names of trunks' peers are looked up (host or host:port); the system's servers if not set.
    dns_server: str = ""
    # Opens trunks' passwords; the same as tenancy's, base64 of 32 bytes.
    config_key: SecretStr | None = None
    no_ivr_timeout_s: float = Field(default=2.0, gt=0, le=30)
    # T1 of RFC 3261 (round trip estimate); T2 and T4 keep their proportion. More for satellite links.
    sip_t1_s: float = Field(default=0.5, ge=0.05, le=2.0)
    # RFC 4028: how long a call lives without a refresh, and the shortest interval a peer may ask for.
    sip_session_expires_s: int = Field(default=1_800, ge=4)
    sip_min_se_s: int = Field(default=90, ge=2)

    sip_max_datagram: int = Field(default=16_384, ge=1_500, le=65_535)
    # Datagrams a second from one address before they are dropped.
    sip_source_rate: float = Field(default=2_000, gt=0)
    sip_source_burst: float = Field(default=4_000, ge=1)
    sip_max_message: int = Field(default=65_535, ge=1_500, le=65_535)
    sip_connections: int = Field(default=20_000, ge=1)
    sip_connections_per_source: int = Field(default=1_000, ge=1)
    # Connections of one address that have not brought a whole message yet, and the time they have for it.
    sip_half_open_per_source: int = Field(default=100, ge=1)
    sip_half_open_s: float = Field(default=10.0, gt=0)
    # A message, once begun, has to be complete within this time.
    sip_message_s: float = Field(default=10.0, gt=0)
    # Wrong digests a minute from one address before it is ignored for a minute.
    sip_digest_failures: int = Field(default=60, ge=1)
    # How often it is looked for what has outlived its call.
    reap_every_s: float = Field(default=30.0, gt=0, le=3_600)
    # Beyond this lag of the event loop new calls are answered 503 with a time to come back.
    sip_overload_lag_s: float = Field(default=1.0, gt=0, le=10)
    registration_min_s: int = Field(default=60, ge=1)
    registration_max_s: int = Field(default=3_600, ge=1)
    # An edge that is silent for so long is taken for dead, and others take its calls over. 0: never.
    adopt_after_s: float = Field(default=15.0, ge=0, le=300)
    # How often reporting is asked what it has committed: segments whose facts it has all go.
    journal_trim_s: float = Field(default=60.0, gt=0)
    journal_keep_mb: int = Field(default=512, ge=16)

    @model_validator(mode="after")
    def _secret_in_production(self) -> Settings:
        if self.environment == "production" and self.digest_secret is None:
            raise ValueError("SEATBUS_DIGEST_SECRET is required in production")
        if self.sip_min_se_s > self.sip_session_expires_s:
            raise ValueError("SEATBUS_SIP_MIN_SE_S is at most SEATBUS_SIP_SESSION_EXPIRES_S")
        secure = self.sip_tls_port or self.sip_wss_port
        if (self.sip_tls_cert_file is None) != (self.sip_tls_key_file is None):
            raise ValueError("SEATBUS_SIP_TLS_CERT_FILE and SEATBUS_SIP_TLS_KEY_FILE are set together")
        if self.environment == "production" and secure and self.sip_tls_cert_file is None:
            raise ValueError("SEATBUS_SIP_TLS_CERT_FILE is required in production for TLS and WSS")
        return self

    @property
    def client_authorities(self) -> Path | None:
        return self.sip_tls_client_ca_file or self.sip_tls_ca_file

    @property
    def trunk_authorities(self) -> Path | None:
        return self.sip_tls_trunk_ca_file or self.sip_tls_ca_file

    @property
    def sip_public_host(self) -> str:
        return self.sip_advertised_host or self.sip_host

    @property
    def sip_listeners(self) -> list[tuple[str, int]]:
        """Transport and port of what is switched on beside UDP."""
        ports = {
            "TCP": self.sip_tcp_port,
            "TLS": self.sip_tls_port,
            "WS": self.sip_ws_port,
            "WSS": self.sip_wss_port,
        }
        return [(transport, port) for transport, port in ports.items() if port]

    @property
    def sip_addresses(self) -> list[tuple[str, str]]:
        """Hosts to listen on, each with the host that others are told."""
        found = [(self.sip_host, self.sip_public_host)]
        if self.sip_host6:
            found.append((self.sip_host6, self.sip_advertised_host6 or self.sip_host6))
        return found
