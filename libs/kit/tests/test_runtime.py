"""The life of a process, with real processes."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest

from seatbus_testkit.eventually import eventually
from seatbus_testkit.nats import NatsServer, free_ports

TOY = """
import asyncio
from typing import ClassVar
from seatbus_kit.runtime import Runtime, main
from seatbus_kit.settings import ServiceSettings

class ToySettings(ServiceSettings):
    service: ClassVar[str] = "toy"
    work_s: float = 0.5

class Toy:
    def __init__(self, runtime: Runtime) -> None:
        self.runtime = runtime
    def load(self) -> float:
        return 0.25
    async def start(self) -> None:
        self.runtime.log.info("app started")
    async def drain(self) -> None:
        await asyncio.sleep(self.runtime.settings.work_s)
        self.runtime.log.info("app drained")
    async def stop(self) -> None:
        self.runtime.log.info("app stopped", password="hunter2")

async def bootstrap(runtime: Runtime) -> Toy:
    runtime.attributes["zone"] = "z1"
    return Toy(runtime)

main(ToySettings, bootstrap)
"""


class ToyProcess:
    def __init__(self, path: Path, url: str, **extra: str) -> None:
        (path / "toy.py").write_text(TOY)
        self.port = free_ports(1)[0]
        self.output = path / "out"
        with self.output.open("wb") as out:
            self.process = subprocess.Popen(
                [sys.executable, str(path / "toy.py")],
                stdout=out,
                stderr=subprocess.STDOUT,
                env=os.environ
                | {"SEATBUS_NATS_URL": url, "SEATBUS_METRICS_PORT": str(self.port)}
                | {f"SEATBUS_{name}": value for name, value in extra.items()},
            )

    def get(self, path: str) -> tuple[int, str]:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=20) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()
        except OSError:
            return 0, ""

    def lines(self) -> list[dict[str, Any]]:
        return [orjson.loads(line) for line in self.output.read_bytes().splitlines() if line.startswith(b"{")]

    def said(self, event: str) -> bool:
        return any(line["event"] == event for line in self.lines())


@pytest.fixture
def end_all() -> Iterator[list[ToyProcess]]:
    started: list[ToyProcess] = []
    yield started
    for toy in started:
        toy.process.kill()
        toy.process.wait()


async def test_sigterm_drains_and_the_registry_and_probes_tell_it(
    tmp_path: Path, nats_server: NatsServer, bus: Any, end_all: list[ToyProcess]
) -> None:
    toy = ToyProcess(tmp_path, nats_server.url)
    end_all.append(toy)
    await eventually(lambda: toy.said("ready"))
    assert toy.get("/readyz") == (200, "ready\n")
    assert toy.get("/healthz")[0] == 200
    assert "python_info" in toy.get("/metrics")[1]
    assert toy.get("/other")[0] == 404
    entry = await bus.js.get_last_msg("KV_instances", "$KV.instances.toy-0")
    announced = orjson.loads(entry.data)
    assert (announced["load"], announced["attributes"], announced["draining"]) == (
        0.25,
        {"zone": "z1"},
        False,
    )
    toy.process.send_signal(signal.SIGTERM)
    await eventually(lambda: toy.said("draining"))
    assert toy.get("/readyz") == (503, "draining\n")
    entry = await bus.js.get_last_msg("KV_instances", "$KV.instances.toy-0")
    assert orjson.loads(entry.data)["draining"] is True
    assert await asyncio.to_thread(toy.process.wait, 30) == 0
    events = [line["event"] for line in toy.lines()]
    assert events == ["app started", "ready", "draining", "app drained", "drained", "app stopped", "stopped"]
    assert toy.lines()[0]["service"] == "toy"
    assert "hunter2" not in toy.output.read_text()
    entry = await bus.js.get_last_msg("KV_instances", "$KV.instances.toy-0")
    assert entry.headers["KV-Operation"] == "PURGE"


async def test_the_grace_period_and_sigint_end_a_drain(
    tmp_path: Path, nats_server: NatsServer, end_all: list[ToyProcess]
) -> None:
    toys = []
    for name, extra in (("grace", {"DRAIN_GRACE_S": "0.3"}), ("sigint", {})):
        (tmp_path / name).mkdir()
        toys.append(ToyProcess(tmp_path / name, nats_server.url, WORK_S="60", INSTANCE_ID=name, **extra))
    end_all.extend(toys)
    for toy in toys:
        await eventually(lambda toy=toy: toy.said("ready"))
        toy.process.send_signal(signal.SIGTERM)
        await eventually(lambda toy=toy: toy.said("draining"))
    toys[1].process.send_signal(signal.SIGINT)
    # Sooner than the work is done.
    for toy in toys:
        assert await asyncio.to_thread(toy.process.wait, 30) == 0
        assert toy.said("stopped before the drain was complete")


async def test_a_service_waits_for_the_bus_and_says_so(tmp_path: Path, end_all: list[ToyProcess]) -> None:
    port = free_ports(1)[0]
    toy = ToyProcess(tmp_path, f"nats://127.0.0.1:{port}", NICE="3")
    end_all.append(toy)
    await eventually(lambda: toy.said("waiting for the bus"))
    own = os.getpriority(os.PRIO_PROCESS, 0)
    for thread in Path(f"/proc/{toy.process.pid}/task").iterdir():
        assert os.getpriority(os.PRIO_PROCESS, int(thread.name)) == min(own + 3, 19)
    assert toy.get("/readyz") == (503, "starting\n")
    with NatsServer.start(tmp_path / "nats", port):
        await eventually(lambda: toy.said("ready"))


@pytest.mark.parametrize(
    ("extra", "words"),
    [
        ({"GRPC_PORT": "many"}, ["toy", "SEATBUS_GRPC_PORT", "many"]),
        ({"ENVIRONMENT": "staging"}, ["SEATBUS_ENVIRONMENT", "staging"]),
        ({"NICE": "-1"}, ["SEATBUS_NICE", "-1"]),
        ({"INSTANCE_ID": "a.b"}, ["SEATBUS_INSTANCE_ID"]),
    ],
)
async def test_bad_settings_end_with_one_clear_line(
    tmp_path: Path, end_all: list[ToyProcess], extra: dict[str, str], words: list[str]
) -> None:
    toy = ToyProcess(tmp_path, "nats://127.0.0.1:1", **extra)
    end_all.append(toy)
    assert await asyncio.to_thread(toy.process.wait, 10) == 1
    lines = toy.output.read_text().splitlines()
    assert len(lines) == 1
    for word in words:
        assert word in lines[0]


async def test_production_refuses_a_bus_that_does_not_sync(tmp_path: Path, end_all: list[ToyProcess]) -> None:
    with NatsServer.start(tmp_path / "nats", sync_always=False) as server:
        toy = ToyProcess(tmp_path, server.url, ENVIRONMENT="production", NATS_MONITOR_URL=server.monitor_url)
        end_all.append(toy)
        assert await asyncio.to_thread(toy.process.wait, 10) == 1
        assert "sync_interval" in toy.output.read_text().splitlines()[-1]
