"""baresip as an agent's phone that does what it is told, by its control port."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from .peers import baresip_agent, free_port


class Baresip:
    """Commands are those of its menu. Everything it says is a JSON object in a netstring."""

    def __init__(self, folder: Path, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.folder = folder
        self.events: list[str] = []
        self._reader, self._writer = reader, writer
        self._answers: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self._listener = asyncio.ensure_future(self._listen())

    async def _listen(self) -> None:
        while True:
            size = int((await self._reader.readuntil(b":"))[:-1])
            said = json.loads((await self._reader.readexactly(size + 1))[:-1])
            if said.get("event"):
                self.events.append(str(said["type"]))
            else:
                self._answers.put_nowait(said)

    async def say(self, command: str, params: str = "") -> str:
        """Gives a command; returns what it printed. Raises RuntimeError when it is refused."""
        text = json.dumps({"command": command, "params": params}).encode()
        self._writer.write(b"%d:%s," % (len(text), text))
        answer = await asyncio.wait_for(self._answers.get(), 10)
        if not answer["ok"]:
            raise RuntimeError(f"baresip: {command} {params}: {answer['data']}")
        return str(answer["data"])

    async def until(self, event: str, seconds: float = 30.0) -> None:
        """Returns once this has happened. Raises TimeoutError with all that did."""
        deadline = asyncio.get_running_loop().time() + seconds
        while event not in self.events:
            if asyncio.get_running_loop().time() > deadline:
                raise TimeoutError(f"no {event} from baresip: {self.events}")
            await asyncio.sleep(0.05)

    def close(self) -> None:
        self._listener.cancel()
        self._writer.close()


@asynccontextmanager
async def told_baresip(
    folder: Path, server: tuple[str, int], username: str, password: str, *, hz: int, transport: str
) -> AsyncIterator[Baresip]:
    port = free_port("127.0.0.1")
    folder.mkdir(exist_ok=True)
    async with baresip_agent(folder, server, username, password, hz=hz, transport=transport, control=port):
        deadline = asyncio.get_running_loop().time() + 40
        while True:
            try:
                reader, writer = await asyncio.open_connection("127.0.0.1", port)
                break
            except OSError:
                if asyncio.get_running_loop().time() > deadline:
                    raise
                await asyncio.sleep(0.1)
        phone = Baresip(folder, reader, writer)
        try:
            yield phone
        finally:
            phone.close()
