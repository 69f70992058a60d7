"""The phones against SIPp, which knows nothing of our stack: its own scenarios as caller and as callee."""

from __future__ import annotations

import asyncio
import shutil
import socket
from pathlib import Path

import pytest

from seatbus_testkit.actors import Policy
from seatbus_testkit.phone import Phone

pytestmark = [
    pytest.mark.peer,
    pytest.mark.skipif(shutil.which("sipp") is None, reason="SIPp is not installed (make setup)"),
]
CALLS = 10


def _port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


async def _sipp(tmp_path: Path, *arguments: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        "sipp", *arguments, "-i", "127.0.0.1", "-m", str(CALLS), "-nostdin", "-timeout", "20s",
        cwd=tmp_path,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip


async def test_sipp_calls_a_phone(tmp_path: Path) -> None:
    phone = await Phone.start(("127.0.0.1", 9), username="bob")
    phone.policy = Policy.answer(0.05)
    sipp = await _sipp(
        tmp_path, "-sn", "uac", f"127.0.0.1:{phone.address[1]}", "-p", str(_port()), "-r", "20", "-d", "200"
    )
    _, errors = await asyncio.wait_for(sipp.communicate(), 25)
    assert sipp.returncode == 0, errors.decode()
    for _ in range(CALLS):
        call = await phone.next_call(0.1)
        assert (call.status, call.ended_by) == (200, "remote")
        assert "ACK received" in [text for _, text in call.history]
    assert phone.malformed == []
    await phone.close()


async def test_a_phone_calls_sipp(tmp_path: Path) -> None:
    port = _port()
    sipp = await _sipp(tmp_path, "-sn", "uas", "-p", str(port))
    phone = await Phone.start(("127.0.0.1", port), username="alice")
    for _ in range(CALLS):
        call = await phone.dial("service")
        await call.wait_ringing()
        await call.wait_answered()
        await call.hang_up()
        assert call.history[-1][1] == "BYE answered 200"
    _, errors = await asyncio.wait_for(sipp.communicate(), 25)
    assert sipp.returncode == 0, errors.decode()
    await phone.close()
