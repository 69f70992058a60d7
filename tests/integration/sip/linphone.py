"""Linphone's console phone as a registered agent, told what to do as a person at its prompt would."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from .peers import free_port, need


class Linphone:
    def __init__(self, process: asyncio.subprocess.Process, screen: Path) -> None:
        self._process = process
        self.screen = screen

    async def say(self, command: str) -> None:
        """Types a line."""
        if self._process.stdin is not None:
            self._process.stdin.write(command.encode() + b"\n")
            await self._process.stdin.drain()

    async def shows(self, text: str, seconds: float = 20.0) -> None:
        """Returns when the screen has this text. Raises TimeoutError with all of it."""
        deadline = asyncio.get_running_loop().time() + seconds
        while text not in self.screen.read_text(errors="replace"):
            if asyncio.get_running_loop().time() > deadline:
                raise TimeoutError(f"no {text!r} from linphone: {self.screen.read_text(errors='replace')}")
            await asyncio.sleep(0.05)


@asynccontextmanager
async def linphone_agent(
    folder: Path, server: tuple[str, int], username: str, password: str, transport: str
) -> AsyncIterator[Linphone]:
    """A linphonec that registers. It plays and records files: no sound card is needed."""
    program = need("linphonec", "linphone-cli")
    for place in (".local/share/linphone", ".config/linphone"):
        (folder / place).mkdir(parents=True, exist_ok=True)
    (folder / "linphonerc").write_text(
        "\n".join(
            [
                "[sip]",
                f"sip_port={free_port('127.0.0.1')}",
                f"sip_tcp_port={free_port('127.0.0.1')}",
                f"sip_tls_port={free_port('127.0.0.1')}",
                "guess_hostname=0",
                f"contact=sip:{username}@127.0.0.1",
                "verify_server_certs=0",
                "verify_server_cn=0",
                "register_only_when_network_is_up=0",
                "[rtp]",
                f"audio_rtp_port={free_port('127.0.0.1')}",
                "[sound]",
                "echocancellation=0",
                "[auth_info_0]",
                f"username={username}",
                f"passwd={password}",
                "realm=seatbus",
                "",
            ]
        )
    )
    screen = folder / "screen.txt"
    with screen.open("wb") as out:
        process = await asyncio.create_subprocess_exec(
            program, "-c", str(folder / "linphonerc"), "-d", "6", "-l", str(folder / "linphone.log"),
            stdin=asyncio.subprocess.PIPE, stdout=out, stderr=asyncio.subprocess.STDOUT,
            cwd=folder, env={**os.environ, "HOME": str(folder)},
        )  # fmt: skip
    phone = Linphone(process, screen)
    try:
        await phone.shows("linphonec>")
        await phone.say("soundcard use files")
        host = f"{server[0]}:{server[1]}"
        await phone.say(f"register sip:{username}@{host} sip:{host};transport={transport} {password}")
        yield phone
    finally:
        with contextlib.suppress(ConnectionError):
            await phone.say("quit")
        try:
            await asyncio.wait_for(process.wait(), 5)
        except TimeoutError:
            process.kill()
            await process.wait()
