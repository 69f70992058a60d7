"""Nothing outlives its call: what should be gone by now is looked for, removed, counted and told.

What it finds is a defect of this program or the trace of a crash at a bad moment, never a normal case. Agents
are looked after by agent_state, which asks us for the dialog of each conversation.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from seatbus.media.v1 import service_pb2 as media
from seatbus_kit import metrics
from seatbus_kit.errors import SeatbusError
from seatbus_kit.log import get_logger
from seatbus_kit.rpc.client import invoke
from seatbus_sip_edge.application.media_commands import end_of

if TYPE_CHECKING:
    from seatbus_sip_edge.application.edge import Edge

log = get_logger("sip_edge.reaper")

# Reports are owed for 60 s after the end, dialogs known for 64*T1 after that.
_CALL_S: Final = 150.0
_SLACK_S: Final = 30.0
_RPC_S: Final = 2.0

_REAPED = metrics.counter("seatbus_reaped_total", "what had outlived its call and was removed", ["kind"])


class Reaper:
    """Something is reaped when two looks in a row find it with nothing to belong to."""

    def __init__(self, edge: Edge, every_s: float) -> None:
        self._edge = edge
        self._every_s = every_s
        self._suspects: dict[tuple[str, str], float] = {}
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._task = asyncio.create_task(self._run())

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(self._every_s)
            await self.look()

    async def look(self) -> None:
        """One round."""
        self._calls()
        found = self._dialogs() | await self._audio()
        for key in self._suspects.keys() - found:
            del self._suspects[key]
        for key in found:
            self._suspects.setdefault(key, self._edge.monotonic())

    def _ripe(self, kind: str, name: str, after_s: float) -> bool:
        since = self._suspects.get((kind, name))
        return since is not None and self._edge.monotonic() - since >= after_s

    def _tell(self, kind: str, name: str, call_id: str) -> None:
        _REAPED.inc(kind=kind)
        log.error("it had outlived its call and is removed", kind=kind, what=name, call=call_id)

    def _calls(self) -> None:
        edge = self._edge
        for call_id, session in list(edge.sessions.items()):
            if session.over_at is None or edge.monotonic() - session.over_at < _CALL_S:
                continue
            self._tell("call", call_id, call_id)
            session.close()
            edge.settled(session)

    def _dialogs(self) -> set[tuple[str, str]]:
        edge, found = self._edge, set()
        for key, (session, leg_id) in list(edge.legs.items()):
            call_id = session.call.call_id
            if edge.sessions.get(call_id) is session:
                continue
            name = f"{key[0]} {key[1]}"
            if self._ripe("dialog", name, 64 * edge.settings.sip_t1_s + _SLACK_S):
                self._tell("dialog", leg_id, call_id)
                edge.legs.pop(key, None)
                session.forget()
            else:
                found.add(("dialog", name))
        return found

    async def _audio(self) -> set[tuple[str, str]]:
        """Sessions that media holds for us, with their ports, and no call of ours knows."""
        edge, found = self._edge, set()
        for instance in edge.neighbours.instances.all("media"):
            stub = edge.neighbours.stub("media", instance.address)
            try:
                answer = await invoke(
                    stub.ListSessions, media.ListSessionsRequest(owner=edge.instance_id), _RPC_S
                )
                for item in answer.sessions:
                    if item.session_id in edge.sessions or item.owner not in ("", edge.instance_id):
                        continue
                    if not self._ripe("audio", item.session_id, self._every_s):
                        found.add(("audio", item.session_id))
                        continue
                    await invoke(stub.Execute, end_of(item, edge.instance_id, "reaped"), _RPC_S)
                    self._tell("audio", item.session_id, item.session_id)
            except SeatbusError as error:
                log.info("audio is looked at later", media=instance.id, reason=str(error))
        return found
