"""SIPp as the caller: each scenario of `scenarios/` goes through as it is written; the record is right."""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path

import pytest

from seatbus_testkit.platform import Platform

from .peers import free_port, need
from .wire import company, record_of

pytestmark = [pytest.mark.platform, pytest.mark.peer]

SCENARIOS = Path(__file__).parent / "scenarios"
EARLY = {"reliable_early_media"}


@pytest.mark.parametrize("name", sorted(path.stem for path in SCENARIOS.glob("*.xml")))
async def test_the_scenario_goes_through(platform: Platform, tmp_path: Path, name: str) -> None:
    early = {"answer_supervision": "ANSWER_SUPERVISION_AT_AGENT"} if name in EARLY else {}
    tenant = await company(platform, number=early)
    program = need("sipp", "sip-tester")
    host, port = platform.sip
    process = await asyncio.create_subprocess_exec(
        program, f"{host}:{port}", "-sf", str(SCENARIOS / f"{name}.xml"), "-s", tenant.number,
        "-m", "1", "-l", "1", "-i", tenant.caller_host, "-p", str(free_port(tenant.caller_host)),
        "-timeout", "20", "-recv_timeout", "8000", "-trace_err", "-nostdin", cwd=tmp_path,
        stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    try:
        output, _ = await asyncio.wait_for(process.communicate(), 30)
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
    said = "".join(path.read_text(errors="replace") for path in tmp_path.glob("*errors.log"))
    assert process.returncode == 0, said[-3000:] or output.decode(errors="replace")[-3000:]
    found = await record_of(tenant)
    assert found["cause"] in ("abandoned_in_queue", "abandoned_in_flow")
    assert bool(found["answered_at"]) is (name not in EARLY)
