"""Starts processes, shows their logs, starts again what crashed, stops all in the right order.

A process that ends while the platform runs is started again, at once the first time, then with a growing
pause; one that was healthy for a while starts at once again. Pid files under `run/` let a person (or a
test) find and kill one process without touching another.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from seatbus_cli.render import LogStyle
from seatbus_cli.specs import ProcessSpec

HEALTHY_AFTER_S = 20.0
LONGEST_PAUSE_S = 10.0
MAX_LOG_BYTES = 20 * 1024 * 1024


class Supervised:
    """One process with its log and its restarts."""

    def __init__(
        self, spec: ProcessSpec, style: LogStyle, log_dir: Path, run_dir: Path, show: Callable[[str], None]
    ) -> None:
        self.spec = spec
        self.restarts = 0
        self._style = style
        self._log_path = log_dir / f"{spec.instance}.log"
        self._pid_path = run_dir / f"{spec.instance}.pid"
        self._show = show
        self._process: asyncio.subprocess.Process | None = None
        self._stop_asked = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process and self._process.returncode is None else None

    def start(self) -> None:
        self._task = asyncio.create_task(self._run(), name=f"supervise {self.spec.instance}")

    async def _run(self) -> None:
        pause = 0.0
        while not self._stop_asked.is_set():
            began = time.monotonic()
            code = await self._once()
            if self._stop_asked.is_set():
                return
            self.restarts += 1
            lived = time.monotonic() - began
            pause = 0.0 if lived > HEALTHY_AFTER_S else min(LONGEST_PAUSE_S, max(0.2, pause * 2))
            how = f"killed by signal {-code}" if code < 0 else f"exit code {code}"
            self._say(f"ended ({how}) after {lived:.1f} s; started again in {pause:.1f} s")
            await asyncio.sleep(pause)

    async def _once(self) -> int:
        self._process = await asyncio.create_subprocess_exec(
            *self.spec.argv,
            env={**os.environ, "PYTHONUNBUFFERED": "1", **self.spec.env},
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            limit=1024 * 1024,
            start_new_session=True,
        )
        self._pid_path.write_text(f"{self._process.pid}\n")
        stream = self._process.stdout
        if stream is None:
            raise RuntimeError(f"{self.spec.instance}: no pipe for its log")
        with self._open_log() as log:
            while True:
                try:
                    raw = await stream.readline()
                except ValueError:
                    self._say("a log line over 1 MiB was left out")
                    continue
                if not raw:
                    break
                log.write(raw)
                log.flush()
                self._show(self._style.render(raw.decode(errors="replace").rstrip()))
        code = await self._process.wait()
        self._pid_path.unlink(missing_ok=True)
        return code

    def _open_log(self) -> BinaryIO:
        if self._log_path.exists() and self._log_path.stat().st_size > MAX_LOG_BYTES:
            self._log_path.replace(self._log_path.with_suffix(".log.1"))
        return self._log_path.open("ab")

    async def stop(self) -> None:
        """SIGTERM, then SIGKILL after the time that the process may take to drain."""
        self._stop_asked.set()
        process = self._process
        if process and process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.send_signal(signal.SIGTERM)
            try:
                await asyncio.wait_for(process.wait(), self.spec.stop_seconds)
            except TimeoutError:
                self._say(f"did not stop within {self.spec.stop_seconds:.0f} s: killed")
                with contextlib.suppress(ProcessLookupError):
                    process.kill()
        if self._task:
            with contextlib.suppress(asyncio.CancelledError):
                self._task.cancel()
                await self._task

    def _say(self, text: str) -> None:
        self._show(self._style.render(text))


class Supervisor:
    """All processes of one embedded platform."""

    def __init__(self, log_dir: Path, run_dir: Path, show: Callable[[str], None] = print) -> None:
        self._log_dir = log_dir
        self._run_dir = run_dir
        self._show = show
        self.processes: dict[str, Supervised] = {}
        for path in (log_dir, run_dir):
            path.mkdir(parents=True, exist_ok=True)

    def start(self, spec: ProcessSpec) -> Supervised:
        style = LogStyle.of(spec.instance, len(self.processes))
        process = Supervised(spec, style, self._log_dir, self._run_dir, self._show)
        self.processes[spec.instance] = process
        process.start()
        return process

    async def stop(self) -> None:
        """Those started last stop first; the bus last of all."""
        running = list(self.processes.values())
        bus = [p for p in running if p.spec.service == "nats"]
        others = [p for p in running if p.spec.service != "nats"]
        await asyncio.gather(*(p.stop() for p in reversed(others)))
        for process in bus:
            await process.stop()
