"""Sizing for the API: the program that `seatbus size` runs, in a process of its own, one at a time.

Formulas take milliseconds, a simulation seconds of a processor: neither may hold routing up.
"""

from __future__ import annotations

import asyncio
import os
import sys
from typing import TYPE_CHECKING, Final

from seatbus_kit.errors import DeadlineExceeded, InvalidArgument, ResourceExhausted

if TYPE_CHECKING:
    from seatbus.acd.v1.service_pb2 import SizeRequest

_TIMEOUT_S: Final = 60.0
_NICE: Final = 15


def arguments(request: SizeRequest) -> list[str]:
    given = ["--json"]
    for field, value in request.ListFields():
        if field.name != "simulate":
            text = f"{value:.15g}" if isinstance(value, float) else str(value)
            given += ["--" + field.name.replace("_", "-"), text]
    return given if request.simulate else [*given, "--no-simulation"]


class Sizing:
    def __init__(self) -> None:
        self._busy = False

    async def size(self, request: SizeRequest) -> str:
        """The document. Raises InvalidArgument (in the words of the program), or a retryable SeatbusError."""
        if self._busy:
            raise ResourceExhausted(
                "another sizing is under way, try again when it is done", rule="one at a time"
            )
        self._busy = True
        try:
            return await self._run(arguments(request))
        finally:
            self._busy = False

    async def _run(self, given: list[str]) -> str:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "seatbus_acd.sizing",
            *given,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        os.setpriority(os.PRIO_PROCESS, process.pid, _NICE)
        try:
            async with asyncio.timeout(_TIMEOUT_S):
                out, err = await process.communicate()
        except TimeoutError:
            raise DeadlineExceeded(
                f"sizing took more than {_TIMEOUT_S:.0f} s: ask without simulation"
            ) from None
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        if process.returncode:
            lines = err.decode(errors="replace").strip().splitlines()
            raise InvalidArgument(lines[-1] if lines else "sizing failed", field="body", rule="seatbus size")
        return out.decode()
