"""`seatbus up`: the embedded platform from nothing to 'place a call', with progress, until Ctrl-C."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Awaitable, Callable
from pathlib import Path

from seatbus_cli.client import Client, ClientError
from seatbus_cli.specs import (
    SERVICES,
    PlatformOptions,
    ProcessSpec,
    find_web_dir,
    nats_spec,
    secret,
    service_specs,
)
from seatbus_cli.supervisor import Supervisor

START_TIMEOUT_S = 90.0


class StartError(Exception):
    """Why the platform did not come up, and what to look at."""


def say(text: str) -> None:
    if sys.stdout.isatty():
        print(f"\033[1;32m{text}\033[0m", flush=True)
    else:
        print(text, flush=True)


async def run_platform(
    options: PlatformOptions,
    *,
    quiet: bool = False,
    after_start: Callable[[Client, Supervisor], Awaitable[str]] | None = None,
) -> int:
    """Runs until SIGINT or SIGTERM; returns the exit code. Raises StartError when it cannot start."""
    _lock(options.run_dir)
    try:
        if taken := options.ports.taken(options.host):
            raise StartError(
                f"in use by another process: {', '.join(taken)}. Choose others with --port-base, "
                "or stop what holds them."
            )
        return await _run(options, quiet, after_start)
    finally:
        (options.run_dir / "up.pid").unlink(missing_ok=True)
        (options.run_dir / "platform.json").unlink(missing_ok=True)


async def _run(
    options: PlatformOptions,
    quiet: bool,
    after_start: Callable[[Client, Supervisor], Awaitable[str]] | None,
) -> int:
    began = time.monotonic()
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    supervisor = Supervisor(
        options.log_dir,
        options.run_dir,
        show=(lambda _line: None) if quiet else lambda line: print(line, flush=True),
    )
    try:
        say(f"starting Seatbus (data in {options.data_dir})")
        supervisor.start(nats_spec(options))
        await _until(
            stop,
            lambda: _answers(f"http://127.0.0.1:{options.ports.nats_monitor}/healthz"),
            "the bus (nats)",
            options,
        )
        for spec in service_specs(options, find_web_dir()):
            supervisor.start(spec)
        _write_state(options, supervisor)
        client = Client(options.http_url, secret(options.operator_key_file))
        await _until(stop, lambda: not _missing(client, options), "all services", options)
        if stop.is_set():
            return 0
        _write_state(options, supervisor)
        text = await after_start(client, supervisor) if after_start else ""
        _write_state(options, supervisor, ready=True)
        say(f"ready in {time.monotonic() - began:.1f} s")
        print(_banner(options, text), flush=True)
        await stop.wait()
        return 0
    finally:
        say("stopping")
        await supervisor.stop()
        say("stopped")


async def _until(stop: asyncio.Event, ready: Callable[[], bool], what: str, options: PlatformOptions) -> None:
    """Waits for a condition and says each second what is waited for. Raises StartError at the limit."""
    began = time.monotonic()
    told = began
    while not await asyncio.to_thread(ready):
        if stop.is_set():
            return
        now = time.monotonic()
        if now - began > START_TIMEOUT_S:
            raise StartError(
                f"{what} did not come up within {START_TIMEOUT_S:.0f} s; logs: {options.log_dir}"
            )
        if now - told >= 1:
            told = now
            print(f"  … waiting for {what} ({now - began:.0f} s)", flush=True)
        await asyncio.sleep(0.1)


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=1) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def _missing(client: Client, options: PlatformOptions) -> list[str]:
    """Instances that should run and are not announced yet."""
    try:
        status = client.get("/status")
    except ClientError:
        return list(SERVICES)
    up = {item["id"] for instances in status["services"].values() for item in instances}
    wanted = {f"{s}-{i}" for s in SERVICES for i in range(options.replicas.get(s, 1))}
    return sorted(wanted - up)


def _write_state(options: PlatformOptions, supervisor: Supervisor, *, ready: bool = False) -> None:
    """`run/platform.json`: how the other commands (and tests) find this platform."""
    state = {
        "http": options.http_url,
        "sip": f"{options.host}:{options.ports.sip}",
        "nats": f"nats://127.0.0.1:{options.ports.nats}",
        "nats_password_file": str(options.data_dir / "secrets" / "nats.password"),
        "operator_key_file": str(options.operator_key_file),
        "pid": os.getpid(),
        "ready": ready,
        "processes": {
            name: {"pid": p.pid, "metrics_port": int(p.spec.env.get("SEATBUS_METRICS_PORT", 0))}
            for name, p in supervisor.processes.items()
        },
    }
    path = options.run_dir / "platform.json"
    path.with_suffix(".tmp").write_text(json.dumps(state, indent=2))
    path.with_suffix(".tmp").replace(path)


def _lock(run_dir: Path) -> None:
    """One platform a data directory. Raises StartError when another one runs."""
    run_dir.mkdir(parents=True, exist_ok=True)
    path = run_dir / "up.pid"
    if path.exists():
        text = path.read_text().strip()
        if text.isdigit() and _alive(int(text)):
            raise StartError(f"a platform with this data directory runs already (process {text})")
    path.write_text(f"{os.getpid()}\n")


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _banner(options: PlatformOptions, text: str) -> str:
    lines = [
        "",
        f"  pages       {options.http_url}/   (ask for a key of the tenant)",
        f"  API         {options.http_url}/docs   (key in {options.operator_key_file})",
        f"  SIP         {options.host}:{options.ports.sip} (UDP, TCP), {options.ports.sip_tls} (TLS), "
        f"{options.ports.sip_ws} (WS), {options.ports.sip_wss} (WSS)",
        f"  logs        {options.log_dir}",
    ]
    if text:
        lines += ["", text]
    return "\n".join([*lines, "", "  Ctrl-C stops everything.", ""])


def simulator_spec(options: PlatformOptions, argv: list[str]) -> ProcessSpec:
    """The simulated agents and callers, as a supervised process of their own."""
    return ProcessSpec(
        "simulator",
        "simulator",
        (sys.executable, "-m", "seatbus_cli.simulator", "--data-dir", str(options.data_dir), *argv),
        {"SEATBUS_LOG_FORMAT": "json"},
        5.0,
    )
