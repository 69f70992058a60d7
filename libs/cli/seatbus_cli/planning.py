"""`seatbus size` and `seatbus simulate`: passed on whole to the programs of the routing service.

A library knows no service, so these are run, not imported.
"""

from __future__ import annotations

import subprocess
import sys
from typing import Any, Final

import typer

# Every argument, --help too, is the program's own.
PASSED_ON: Final[dict[str, Any]] = {
    "add_help_option": False,
    "context_settings": {"allow_extra_args": True, "ignore_unknown_options": True},
}
_INTERRUPTED: Final = 130


def size(context: typer.Context) -> None:
    """How many seats and agents a load needs: rule of thumb, Erlang C, Erlang A, simulation."""
    raise typer.Exit(_run("seatbus_acd.sizing", context.args))


def simulate(context: typer.Context) -> None:
    """Simulate a day on the routing engine: service level, waits, abandonment, occupancy."""
    raise typer.Exit(_run("seatbus_acd.simulator", context.args))


def _run(module: str, arguments: list[str]) -> int:
    with subprocess.Popen([sys.executable, "-m", module, *arguments]) as process:
        try:
            return process.wait()
        except KeyboardInterrupt:
            # The terminal has interrupted the program as well.
            process.wait()
            return _INTERRUPTED
