"""SIPp as both peers of a call on the platform: many cases at once, each in a company of its own."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from seatbus_testkit.platform import Platform, PlatformError
from seatbus_testkit.tenant import PASSWORD, TestTenant

from .peers import SCENARIOS, free_port, need
from .wire import DIRECT, Wire, agent, outside

AT_AGENT = {"answer_supervision": "ANSWER_SUPERVISION_AT_AGENT"}
AT_ONCE: dict[str, Any] = {}
NONCE_LIFE_S = 10
"""Of this directory's platform: five minutes in production."""
AT_THE_SAME_TIME = 12
BRIDGED, RINGING = "CALL_STATE_BRIDGED", "CALL_STATE_RINGING_AGENT"
GO = 'request="MESSAGE"'
"""A scenario that waits for this is told when the call is as its case says."""
DONE = "touch done"


@dataclass(frozen=True)
class Case:
    """Scenarios of the peers, and what is there in the end: the record's fields, or no record at all."""

    caller: str
    record: Mapping[str, object] | None
    agent: str = ""
    second: str = ""
    number: Mapping[str, Any] = field(default_factory=lambda: AT_AGENT)
    go_at: str = BRIDGED
    by_phone: bool = False
    """The caller is the agent's phone, not the carrier."""
    transport: str = "UDP"
    host: str = ""


@dataclass
class Outcome:
    """What each peer said when it ended (nothing, if all went as written), and what the platform knows."""

    peers: dict[str, str] = field(default_factory=dict)
    records: list[dict[str, Any]] = field(default_factory=list)
    live: list[dict[str, Any]] = field(default_factory=list)
    error: str = ""


class Sipp:
    """One SIPp that goes through one scenario once."""

    def __init__(self, role: str, scenario: str, folder: Path, host: str) -> None:
        self.role, self.folder, self.host = role, folder, host
        self.path = SCENARIOS / f"{scenario}.xml"
        self.text = self.path.read_text()
        self.port = free_port(host)
        self._process: asyncio.subprocess.Process | None = None
        folder.mkdir(parents=True)

    async def start(self, server: tuple[str, int], number: str, user: str, *, transport: str = "UDP") -> None:
        calls = self.text.find("<send") < self.text.find("<recv")
        at = f"[{server[0]}]:{server[1]}" if ":" in server[0] else f"{server[0]}:{server[1]}"
        # For the digest's URI SIPp takes the server's address, which is right for REGISTER alone.
        dials = "[authentication]" in self.text and "REGISTER" not in self.text
        digest = ["-auth_uri", f"{number}@{at}"] if dials else []
        self._process = await asyncio.create_subprocess_exec(
            need("sipp", "sip-tester"), *([at] if calls else []), "-sf", str(self.path), "-s", number,
            "-i", self.host, "-p", str(self.port), "-t", "t1" if transport == "TCP" else "u1",
            "-m", "1", "-l", "1", "-d", str((NONCE_LIFE_S + 2) * 1000), "-nostdin", "-trace_err",
            "-default_behaviors", "abortunexp", *digest,
            "-timeout", "90", "-timeout_error", "-recv_timeout", "40000",
            "-au", user, "-ap", PASSWORD, "-key", "user", user, "-key", "secret", PASSWORD, cwd=self.folder,
            stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )  # fmt: skip

    @property
    def done(self) -> bool:
        """Whether the scenario is where it says so to the others."""
        return (self.folder / "done").exists()

    async def end(self) -> str:
        """Waits for the end; what went otherwise than written."""
        assert self._process is not None
        output, _ = await self._process.communicate()
        if not self._process.returncode:
            return ""
        said = "".join(path.read_text(errors="replace") for path in self.folder.glob("*errors.log"))
        said = (said or output.decode(errors="replace"))[-3000:]
        return f"{self.path.name}: exit {self._process.returncode}: {said}"

    async def kill(self) -> None:
        if self._process is not None and self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()
            await self._process.wait()


async def play(platform: Platform, case: Case, folder: Path) -> Outcome:
    """Goes through one case. What it finds is judged elsewhere."""
    outcome = Outcome()
    peers: list[Sipp] = []
    try:
        async with asyncio.timeout(120):
            await _play(platform, case, folder, peers, outcome)
    except (PlatformError, TimeoutError, httpx.HTTPError) as error:
        outcome.error = repr(error)
    finally:
        for peer in peers:
            await peer.kill()
    return outcome


async def _play(platform: Platform, case: Case, folder: Path, peers: list[Sipp], outcome: Outcome) -> None:
    tenant = await asyncio.to_thread(
        TestTenant.create, platform, agents=2, number=dict(case.number), flow_nodes=DIRECT,
        queue={"ring_timeout_s": 30, "members": [{"agent_id": "a1"}]},
    )  # fmt: skip
    if case.second:
        body = {"name": "A2", "branch_id": "main", "extension": "2002"}
        answer = await asyncio.to_thread(platform.http.put, f"/tenants/{tenant.id}/agents/a2", json=body)
        answer.raise_for_status()
    if case.host:
        trunk = {"name": "Carrier", "source_addresses": [case.host]}
        upserts = {"upserts": [{"id": "trunk", "trunk": trunk}]}
        await asyncio.to_thread(platform.post, tenant.path("config"), upserts)
    # Every service has its own copy of the configuration; nobody calls a company in its first moment.
    await asyncio.sleep(0.4)
    for name, scenario in (("a1", case.agent), ("a2", case.second)):
        if scenario:
            phone = Sipp(name, scenario, folder / name, "127.0.0.1")
            peers.append(phone)
            async with await agent(tenant, name, ready=name == "a1", port=phone.port):
                """The same phone speaks on as SIPp."""
            await phone.start(platform.sip, tenant.number, tenant.username(name))
    host = case.host or ("127.0.0.1" if case.by_phone else tenant.caller_host)
    caller = Sipp("", case.caller, folder / "caller", host)
    peers.append(caller)
    server = platform.sip_over(case.transport, "::1" if ":" in host else "127.0.0.1")
    await caller.start(server, tenant.number, tenant.username("a1"), transport=case.transport)
    going = asyncio.ensure_future(_tell(tenant, case, peers))
    try:
        await asyncio.gather(*(_until_end(peer, peers, outcome) for peer in peers))
    finally:
        going.cancel()
        await asyncio.gather(going, return_exceptions=True)
    if not any(outcome.peers.values()):
        await asyncio.to_thread(_settle, tenant, case, outcome)
    else:
        outcome.records = await asyncio.to_thread(tenant.cdrs)


async def _until_end(peer: Sipp, peers: list[Sipp], outcome: Outcome) -> None:
    """Waits for one peer; the others need not wait for what one that failed does not say any more."""
    said = await peer.end()
    if said and not any(outcome.peers.values()):
        outcome.peers[peer.role or "caller"] = said
        await asyncio.sleep(2)
        for other in peers:
            await other.kill()
    outcome.peers.setdefault(peer.role or "caller", said)


async def _tell(tenant: TestTenant, case: Case, peers: list[Sipp]) -> None:
    """Says to each peer that waits for it that the call is where the case wants it."""
    waiting = [peer for peer in peers if GO in peer.text]
    signals = [peer for peer in peers if DONE in peer.text]
    async with await Wire.open(tenant.platform.sip) as wire:
        while waiting:
            calls = (await asyncio.to_thread(tenant.platform.get, tenant.path("calls")))["calls"]
            legs = [leg for call in calls if call["state"] == case.go_at for leg in call["legs"]]
            if case.go_at == RINGING and not any(leg["state"] == "LEG_STATE_RINGING" for leg in legs):
                legs = []
            for peer in list(waiting):
                mine = [
                    leg for leg in legs if leg["agent_id"] == peer.role and leg["state"] != "LEG_STATE_ENDED"
                ]
                if mine and all(one.done for one in signals):
                    message = outside(wire, "MESSAGE")
                    message.set("Call-ID", mine[0]["sip_call_id"])
                    wire.server = (peer.host, peer.port)
                    wire.send(message)
                    waiting.remove(peer)
            await asyncio.sleep(0.1)


def _settle(tenant: TestTenant, case: Case, outcome: Outcome) -> None:
    """Waits for what the platform is to know at last: no call, an agent without work, the record."""

    def settled() -> bool:
        outcome.live = tenant.platform.get(tenant.path("calls"))["calls"]
        outcome.records = tenant.cdrs()
        final = [row for row in outcome.records if row["final"]]
        free = not case.agent or not any(tenant.agent(one).get("work") for one in ("a1", "a2"))
        return not outcome.live and free and len(final) == (0 if case.record is None else 1)

    tenant.platform.until(settled, 40, f"{tenant.id} to be at rest")
