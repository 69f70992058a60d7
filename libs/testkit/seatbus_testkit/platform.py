"""The whole platform, started as its users start it (`seatbus up`), seen from outside only.

Tests share one platform; each takes a tenant of its own, with a trunk on a loopback address of its own, so
that they never meet. Processes are found by their pid files, to be killed and watched coming back.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import random
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import httpx
import psutil
from pydantic import SecretStr

from seatbus_kit.settings import ServiceSettings

START_TIMEOUT_S = 120.0


class PlatformError(Exception):
    """The platform did not do what a test needs; carries the end of its logs."""


# Blocks of ports that this process has taken lately, by the lock that says so to other test runs.
_blocks: deque[IO[bytes]] = deque(maxlen=40)


def free_port_base() -> int:
    """The start of a block of ports that nobody holds now (the first sixteen are tried), and that no other
    run of tests on this machine gets while it is one of the last forty blocks given out here.
    """
    for _ in range(400):
        base = random.randrange(10000, 30000, 100)
        if not _locked(base):
            continue
        if all(_free(base + i, kind) for i in range(16) for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM)):
            return base
    raise PlatformError("no free block of ports on the loopback")


def _locked(base: int) -> bool:
    folder = Path(tempfile.gettempdir()) / f"seatbus-ports-{os.getuid()}"
    folder.mkdir(exist_ok=True)
    lock = (folder / str(base)).open("wb")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        lock.close()
        return False
    if len(_blocks) == _blocks.maxlen:
        _blocks.popleft().close()
    _blocks.append(lock)
    return True


def _free(port: int, kind: socket.SocketKind) -> bool:
    with socket.socket(socket.AF_INET, kind) as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


@dataclass
class Platform:
    """A running `seatbus up`."""

    data_dir: Path
    port_base: int
    process: subprocess.Popen[bytes]
    http: httpx.Client
    key: str
    log: Path

    @classmethod
    def start(
        cls, data_dir: Path, *options: str, env: Mapping[str, str] | None = None, edges: int = 1
    ) -> Platform:
        """Runs `seatbus up` on a free block of ports and returns when every service is announced.

        Raises PlatformError with the end of the log when it does not come up.
        """
        base = free_port_base()
        data_dir.mkdir(parents=True, exist_ok=True)
        log = data_dir / "up.log"
        command = [sys.executable, "-m", "seatbus_cli.main", "up"]
        command += ["--data-dir", str(data_dir), "--port-base", str(base), "--edges", str(edges), *options]
        with log.open("wb") as out:
            process = subprocess.Popen(
                command,
                stdout=out,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                env={**os.environ, **(env or {})},
            )
        state_file = data_dir / "run" / "platform.json"
        deadline = time.monotonic() + START_TIMEOUT_S
        while time.monotonic() < deadline:
            with contextlib.suppress(OSError, ValueError):
                state = json.loads(state_file.read_text())
                if state["ready"]:
                    key = Path(state["operator_key_file"]).read_text().strip()
                    http = httpx.Client(
                        base_url=f"{state['http']}/api/v1",
                        headers={"Authorization": f"Bearer {key}"},
                        timeout=30,
                        trust_env=False,
                    )
                    return cls(data_dir, base, process, http, key, log=log)
            if process.poll() is not None:
                break
            time.sleep(0.1)
        if process.poll() is None:
            process.terminate()
            process.wait(30)
        raise PlatformError(f"the platform did not start:\n{log.read_text(errors='replace')[-6000:]}")

    @property
    def sip(self) -> tuple[str, int]:
        return "127.0.0.1", self.port_base + 1

    def sip_over(self, transport: str, host: str = "127.0.0.1", edge: int = 0) -> tuple[str, int]:
        """Address of UDP, TCP, WS, TLS or WSS; of the edge with this number."""
        if edge:
            order = {"UDP": 0, "TCP": 0, "WS": 1, "TLS": 2, "WSS": 3}
            return host, self.port_base + 96 - 4 * (edge - 1) + order[transport]
        return host, self.port_base + {"UDP": 1, "TCP": 1, "WS": 4, "TLS": 5, "WSS": 6}[transport]

    def stop(self) -> None:
        self.http.close()
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(60)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait(10)

    # -- processes -------------------------------------------------------------------------------------

    def pid(self, instance: str) -> int:
        return int((self.data_dir / "run" / f"{instance}.pid").read_text())

    def pids(self) -> dict[str, int]:
        return {
            path.stem: int(path.read_text())
            for path in (self.data_dir / "run").glob("*.pid")
            if path.stem != "up"
        }

    def kill(self, instance: str, number: int = signal.SIGKILL) -> int:
        """Sends a signal to one process; returns its pid."""
        pid = self.pid(instance)
        os.kill(pid, number)
        return pid

    def wait_restarted(self, instance: str, old_pid: int, timeout: float = 60) -> None:
        """Returns when the supervisor has a new process for the instance, and it says that it is ready."""
        self.until(lambda: self._restarted(instance, old_pid), timeout, f"{instance} to come back")

    def _restarted(self, instance: str, old_pid: int) -> bool:
        with contextlib.suppress(OSError, ValueError):
            return self.pid(instance) != old_pid and self.ready(instance)
        return False

    def ready(self, instance: str) -> bool:
        """What the readiness probe of one process says."""
        try:
            return self._probe(instance, "readyz").status_code == 200
        except httpx.HTTPError:
            return False

    def metrics(self, instance: str) -> str:
        """What one process tells Prometheus."""
        return self._probe(instance, "metrics").text

    def _probe(self, instance: str, path: str) -> httpx.Response:
        state = json.loads((self.data_dir / "run" / "platform.json").read_text())
        port = state["processes"][instance]["metrics_port"]
        return httpx.get(f"http://127.0.0.1:{port}/{path}", timeout=10, trust_env=False)

    def cpu_seconds(self) -> dict[str, float]:
        """User and system time of every process of the platform, by instance."""
        found = {}
        for name, pid in self.pids().items():
            with contextlib.suppress(psutil.NoSuchProcess):
                times = psutil.Process(pid).cpu_times()
                found[name] = times.user + times.system
        return found

    def log_text(self, instance: str) -> str:
        return (self.data_dir / "logs" / f"{instance}.log").read_text(errors="replace")

    def bus_settings(self) -> ServiceSettings:
        """For a look into the platform's bus, as one more client of it."""
        state = json.loads((self.data_dir / "run" / "platform.json").read_text())
        password = Path(state["nats_password_file"]).read_text().strip()
        return ServiceSettings(
            instance_id="looking-on",
            nats_url=state["nats"],
            nats_user="seatbus",
            nats_password=SecretStr(password),
        )

    # -- API -------------------------------------------------------------------------------------------

    def get(self, path: str, **params: Any) -> Any:
        return self._checked(self.http.get(path, params=params))

    def post(self, path: str, body: Any) -> Any:
        return self._checked(self.http.post(path, json=body))

    @staticmethod
    def _checked(answer: httpx.Response) -> Any:
        if answer.status_code >= 400:
            raise PlatformError(
                f"{answer.request.method} {answer.request.url}: {answer.status_code} {answer.text}"
            )
        return answer.json() if answer.content else None

    def until(self, check: Callable[[], Any], timeout: float, what: str) -> Any:
        """The first true answer of `check`; raises PlatformError when there is none in time."""
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            if answer := check():
                return answer
            time.sleep(0.05)
        raise PlatformError(f"waited {timeout:.0f} s for {what}")
