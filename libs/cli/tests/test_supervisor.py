"""The supervisor with real processes: what crashes comes back, what is stopped stays away."""

import asyncio
import os
import signal
import sys
from pathlib import Path

from seatbus_cli.ports import PortPlan
from seatbus_cli.specs import BUS_TIMERS_LATE_NS, PlatformOptions, ProcessSpec, nats_server_program, nats_spec
from seatbus_cli.supervisor import Supervisor
from seatbus_testkit.platform import free_port_base

SLEEP = (sys.executable, "-c", "import time; print('up', flush=True); time.sleep(60)")
STUBBORN = (
    sys.executable,
    "-c",
    "from signal import *; import time; signal(SIGTERM, SIG_IGN); print('up', flush=True); time.sleep(60)",
)


async def until(check, timeout: float = 30.0) -> None:  # type: ignore[no-untyped-def]
    deadline = asyncio.get_running_loop().time() + timeout
    while not check():
        assert asyncio.get_running_loop().time() < deadline, "waited in vain"
        await asyncio.sleep(0.02)


async def test_a_killed_process_is_started_again_and_the_restart_is_told(tmp_path: Path) -> None:
    shown: list[str] = []
    supervisor = Supervisor(tmp_path / "logs", tmp_path / "run", shown.append)
    process = supervisor.start(ProcessSpec("toy", "toy-0", SLEEP))
    await until(lambda: any("up" in line for line in shown))
    first = process.pid
    assert first is not None
    assert (tmp_path / "run" / "toy-0.pid").read_text().strip() == str(first)
    os.kill(first, signal.SIGKILL)
    await until(lambda: process.pid not in (None, first))
    assert any("killed by signal 9" in line for line in shown)
    await supervisor.stop()
    assert process.pid is None
    assert not (tmp_path / "run" / "toy-0.pid").exists()
    assert "up" in (tmp_path / "logs" / "toy-0.log").read_text()


async def test_a_process_that_ignores_sigterm_is_killed_after_its_time(tmp_path: Path) -> None:
    shown: list[str] = []
    supervisor = Supervisor(tmp_path / "logs", tmp_path / "run", shown.append)
    process = supervisor.start(ProcessSpec("toy", "toy-0", STUBBORN, stop_seconds=0.3))
    await until(lambda: any("up" in line for line in shown))
    pid = process.pid
    await supervisor.stop()
    assert any("did not stop within" in line for line in shown)
    assert pid is not None
    await until(lambda: not Path(f"/proc/{pid}").exists() or " Z " in Path(f"/proc/{pid}/stat").read_text())


async def test_the_bus_stops_last(tmp_path: Path) -> None:
    order: list[str] = []
    supervisor = Supervisor(tmp_path / "logs", tmp_path / "run", lambda _line: None)
    for name in ("nats", "acd"):
        process = supervisor.start(ProcessSpec(name, f"{name}-0", SLEEP))
        stop = process.stop

        async def noted(stop=stop, name=name) -> None:  # type: ignore[no-untyped-def]
            await stop()
            order.append(name)

        process.stop = noted  # type: ignore[method-assign]
    await asyncio.sleep(0.3)
    await supervisor.stop()
    assert order == ["acd", "nats"]


async def test_the_bus_runs_with_timers_that_may_be_late(tmp_path: Path) -> None:
    spec = nats_spec(PlatformOptions(data_dir=tmp_path / "data", ports=PortPlan.from_base(free_port_base())))
    before = spec.argv[: spec.argv.index(nats_server_program())]
    script = "print(open('/proc/self/timerslack_ns').read())"
    shown: list[str] = []
    supervisor = Supervisor(tmp_path / "logs", tmp_path / "run", shown.append)
    supervisor.start(ProcessSpec("nats", "nats", (*before, sys.executable, "-c", script)))
    await until(lambda: any(str(BUS_TIMERS_LATE_NS) in line for line in shown))
    await supervisor.stop()
