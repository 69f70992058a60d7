"""The connection to the bus ends when it is told to, whatever it is doing."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from seatbus_testkit.nats import NatsServer


async def test_it_closes_in_the_moment_after_the_server_was_lost(tmp_path: Path, open_bus: Any) -> None:
    with NatsServer.start(tmp_path) as server:
        bus = await open_bus(server.url)
        server.kill()
        while not bus.nc.is_reconnecting:  # noqa: ASYNC110 - each turn of the loop counts
            await asyncio.sleep(0)
        # The client's own task now waits for the end of the lost socket.
        await asyncio.sleep(0)
        await bus.close()
        assert bus.nc.is_closed


async def test_a_close_that_is_itself_cancelled_says_so(tmp_path: Path, open_bus: Any) -> None:
    with NatsServer.start(tmp_path) as server:
        bus = await open_bus(server.url)
        closing = asyncio.create_task(bus.close())
        await asyncio.sleep(0)
        closing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await closing
        await bus.close()
