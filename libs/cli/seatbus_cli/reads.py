"""The commands that read the running platform. Each prints a table, or JSON with `--json`."""

from __future__ import annotations

import json
import sys
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from seatbus_cli.client import Client

WIDE = 200

DataDir = Annotated[Path, typer.Option(help="data directory of the platform", envvar="SEATBUS_DATA_DIR")]
Json = Annotated[bool, typer.Option("--json", help="machine-readable output")]
Url = Annotated[str | None, typer.Option(help="address of the gateway", envvar="SEATBUS_URL")]
Key = Annotated[str | None, typer.Option(help="API key", envvar="SEATBUS_KEY")]
Tenant = Annotated[str, typer.Option(help="tenant", envvar="SEATBUS_TENANT")]


def agents(
    tenant: Tenant = "demo",
    data_dir: DataDir = Path(".data"),
    url: Url = None,
    key: Key = None,
    json_output: Json = False,
) -> None:
    """Agents and what each does now."""
    board = Client.find(data_dir, url, key).get(f"/tenants/{tenant}/board")
    rows = sorted(board.get("agents", []), key=lambda row: str(row["agent_id"]))
    _show(rows, ("agent_id", "name", "state", "reason", "since", "queue_id", "call_id"), json_output)


def queues(
    tenant: Tenant = "demo",
    data_dir: DataDir = Path(".data"),
    url: Url = None,
    key: Key = None,
    json_output: Json = False,
) -> None:
    """Queues: waiting, service level, answered and abandoned today."""
    board = Client.find(data_dir, url, key).get(f"/tenants/{tenant}/board")
    rows = sorted(board.get("queues", []), key=lambda row: str(row["queue_id"]))
    columns = (
        "queue_id",
        "name",
        "waiting",
        "offered",
        "answered",
        "abandoned",
        "service_level",
        "asa_s",
        "talking",
    )
    _show(rows, columns, json_output)


def cdr(
    call_id: Annotated[str | None, typer.Argument(help="one call; without it the newest calls")] = None,
    tenant: Tenant = "demo",
    limit: Annotated[int, typer.Option(min=1, max=1000)] = 20,
    cause: Annotated[str | None, typer.Option(help="only this cause")] = None,
    queue: Annotated[str | None, typer.Option(help="only this queue")] = None,
    agent: Annotated[str | None, typer.Option(help="only this agent")] = None,
    recording: Annotated[Path | None, typer.Option(help="with a call id: save its recording here")] = None,
    data_dir: DataDir = Path(".data"),
    url: Url = None,
    key: Key = None,
    json_output: Json = False,
) -> None:
    """Call records."""
    client = Client.find(data_dir, url, key)
    if call_id is None:
        found = client.get(
            f"/tenants/{tenant}/cdrs", limit=limit, cause=cause, queue_id=queue, agent_id=agent
        )
        columns = (
            "started_at",
            "call_id",
            "caller",
            "digits",
            "queue_id",
            "agent_id",
            "wait_us",
            "talk_us",
            "cause",
        )
        _show(found["cdrs"], columns, json_output)
        return
    row = client.get(f"/tenants/{tenant}/cdrs/{call_id}")
    if recording is not None:
        if not row.get("recording_id"):
            raise typer.BadParameter(f"call {call_id} has no recording")
        size = client.download(f"/tenants/{tenant}/recordings/{row['recording_id']}/audio", recording)
        typer.echo(f"{recording}: {size} bytes", err=True)
    _show_one(row, json_output)


def call(
    number: Annotated[
        str | None, typer.Argument(help="place a test call to this number; without it: live calls")
    ] = None,
    digits: Annotated[str, typer.Option(help="digits to press, two seconds apart")] = "",
    seconds: Annotated[float, typer.Option(help="hang up after this time", min=1, max=3600)] = 20.0,
    tenant: Tenant = "demo",
    data_dir: DataDir = Path(".data"),
    url: Url = None,
    key: Key = None,
    json_output: Json = False,
) -> None:
    """Live calls, or a test call with a 1000 Hz tone as its voice."""
    if number is None:
        found = Client.find(data_dir, url, key).get(f"/tenants/{tenant}/calls")
        columns = ("started_at", "call_id", "caller", "dialed", "state", "queue_id")
        _show(found["calls"], columns, json_output)
        return
    from seatbus_cli.testcall import place_call

    result = place_call(data_dir, number, digits, seconds)
    _show_one(result, json_output)


def _show(rows: list[dict[str, Any]], columns: tuple[str, ...], json_output: bool) -> None:
    if json_output:
        typer.echo(json.dumps(rows, indent=2, ensure_ascii=False))
        return
    table = Table(box=None, header_style="bold", pad_edge=False)
    for column in columns:
        table.add_column(column.removesuffix("_us").removesuffix("_id"), no_wrap=True)
    for row in rows:
        table.add_row(*(_cell(column, row.get(column)) for column in columns))
    # A pipe has no width of its own: nothing is folded or cut there.
    width = None if sys.stdout.isatty() else WIDE
    Console(width=width, soft_wrap=True).print(table if rows else "nothing yet")


def _show_one(row: dict[str, Any], json_output: bool) -> None:
    if json_output:
        typer.echo(json.dumps(row, indent=2, ensure_ascii=False))
        return
    width = max((len(key) for key in row), default=0)
    for key, value in row.items():
        if value not in (None, "", [], {}):
            typer.echo(f"{key:<{width}}  {_cell(key, value)}")


def _cell(column: str, value: object) -> str:
    if value is None:
        return ""
    if column in ("since", "started_at") and isinstance(value, str) and value:
        return f"{datetime.fromisoformat(value).astimezone():%H:%M:%S}"
    if column == "state" and isinstance(value, str):
        return value.removeprefix("CALL_STATE_").lower()
    if column.endswith("_us") and isinstance(value, int | float | str):
        return f"{int(value) / 1e6:.1f} s"
    if column == "service_level" and isinstance(value, int | float):
        return "" if value < 0 else f"{value:.0%}"
    if column == "asa_s" and isinstance(value, int | float):
        return "" if value < 0 else f"{value:.1f} s"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
