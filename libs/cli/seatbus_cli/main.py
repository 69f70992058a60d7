"""The `seatbus` command."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import Annotated

import typer

from seatbus_cli import planning, reads
from seatbus_cli.client import ClientError

app = typer.Typer(
    no_args_is_help=True, add_completion=False, help="Seatbus: contact-centre seats on a message bus."
)
app.command("call")(reads.call)
app.command("agents")(reads.agents)
app.command("queues")(reads.queues)
app.command("cdr")(reads.cdr)
app.command("size", **planning.PASSED_ON)(planning.size)
app.command("simulate", **planning.PASSED_ON)(planning.simulate)


@app.command()
def up(
    demo: Annotated[bool, typer.Option("--demo", help="create the demo tenant and simulate its day")] = False,
    no_sim: Annotated[
        bool, typer.Option("--no-sim", help="with --demo: no simulated agents and callers")
    ] = False,
    rate: Annotated[float, typer.Option(help="simulated calls a minute", min=0.1, max=600)] = 12.0,
    port_base: Annotated[
        int | None, typer.Option(help="move every port into a block that begins here")
    ] = None,
    data_dir: reads.DataDir = Path(".data"),
    public: Annotated[str | None, typer.Option(help="listen on this address instead of the loopback")] = None,
    otlp: Annotated[str | None, typer.Option(help="send traces to this OTLP/HTTP endpoint")] = None,
    replicas: Annotated[list[str] | None, typer.Option(help="service=count, repeatable (media=2)")] = None,
    edges: Annotated[int, typer.Option(help="how many SIP edges (replicas of sip_edge)", min=1, max=16)] = 1,
    log_level: Annotated[str, typer.Option(help="debug, info, warning or error")] = "info",
    quiet: Annotated[bool, typer.Option("--quiet", help="logs to files only")] = False,
) -> None:
    """Start the embedded platform: the bus, every service, the pages. Ctrl-C stops it."""
    from seatbus_cli.demo import prepare_demo
    from seatbus_cli.ports import PortPlan
    from seatbus_cli.specs import PlatformOptions
    from seatbus_cli.up import StartError, run_platform

    try:
        ports = PortPlan.from_base(port_base) if port_base is not None else PortPlan.default()
        options = PlatformOptions(
            data_dir=data_dir.resolve(),
            ports=ports,
            host=public or "127.0.0.1",
            otlp_endpoint=otlp,
            log_level=log_level,
            replicas={**({"sip_edge": edges} if edges > 1 else {}), **_replicas(replicas or [])},
        )
        after = prepare_demo(options, simulate=not no_sim, rate=rate) if demo else None
        code = asyncio.run(run_platform(options, quiet=quiet, after_start=after))
    except (StartError, ClientError, ValueError, FileNotFoundError) as error:
        _fail(str(error))
    raise typer.Exit(code)


@app.command()
def doctor(
    port_base: Annotated[int | None, typer.Option(help="the block of ports to look at")] = None,
    data_dir: reads.DataDir = Path(".data"),
    json_output: reads.Json = False,
) -> None:
    """Look at versions, ports, disk and the running platform, and say what is missing."""
    from seatbus_cli.doctor import examine

    raise typer.Exit(examine(data_dir, port_base, json_output))


def _replicas(pairs: list[str]) -> dict[str, int]:
    from seatbus_cli.specs import SERVICES

    found = {}
    for pair in pairs:
        name, _, count = pair.partition("=")
        if name not in SERVICES or not count.isdigit() or not 1 <= int(count) <= 16:
            raise ValueError(
                f"--replicas {pair}: service=count with a service of {', '.join(SERVICES)} and 1 to 16"
            )
        found[name] = int(count)
    return found


def _fail(text: str) -> None:
    typer.secho(f"seatbus: {text}", fg="red", err=True)
    raise typer.Exit(1)


def main() -> None:
    """Entry point of the console script."""
    try:
        app()
    except ClientError as error:
        typer.secho(f"seatbus: {error}", fg="red", err=True)
        sys.exit(1)


if __name__ == "__main__":
    main()
