"""Who owns what, as the bus has it: dialogs that have changed hands, and the calls of busy agents.

A dialog is written to the bucket `dialogs` only when it moves to another edge: until then its own tag names
the owner, which costs nothing for a call and needs no bus.
"""

from __future__ import annotations

import asyncio
import hashlib
from typing import TYPE_CHECKING, Final

import orjson
from google.protobuf.message import DecodeError

from seatbus.agent.v1 import types_pb2 as agent_types
from seatbus_contracts.subjects import record_key
from seatbus_kit.buckets import Bucket
from seatbus_kit.errors import Conflict, SeatbusError
from seatbus_kit.log import get_logger

if TYPE_CHECKING:
    from collections.abc import Iterable

    from seatbus_kit.bus import Bus
    from seatbus_kit.config_view import ConfigView

log = get_logger("sip_edge.owners")

_RETRY_S: Final = 0.5
_TRIES: Final = 20
# Nobody repeats a request for longer.
_ORIGINATED_S: Final = 600


def dialog_key(call_id: str, tag: str) -> str:
    text = f"{call_id}\n{tag}".encode("utf-8", "surrogateescape")
    return hashlib.blake2s(text, digest_size=16).hexdigest()


class Owners:
    def __init__(self, bus: Bus, config: ConfigView) -> None:
        self._config = config
        self._dialogs = Bucket(bus, "dialogs", timeout=0.4)
        self._agents = Bucket(bus, "agents", timeout=0.4)
        self._tasks: set[asyncio.Task[None]] = set()

    async def stop(self) -> None:
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    # ---- reading ----------------------------------------------------------------------------------------
    async def owner_of(self, call_id: str, tag: str) -> str:
        """The edge that has taken over the call of this dialog; empty for one that never moved."""
        try:
            entry = await self._dialogs.get(dialog_key(call_id, tag))
        except SeatbusError as error:
            log.info("the owner of a dialog cannot be looked up", reason=str(error))
            return ""
        return str(orjson.loads(entry.value)["owner"]) if entry is not None else ""

    async def busy_at(self, username: str) -> str:
        """The edge that owns the call which this device's agent has in hand."""
        device = self._config.device_by_username(username)
        if device is None:
            return ""
        tenant, _, found = device
        try:
            entry = await self._agents.get(record_key(tenant, found.agent_id))
            state = agent_types.AgentState.FromString(entry.value) if entry is not None else None
        except (SeatbusError, DecodeError) as error:
            log.info("an agent's call cannot be looked up", tenant=tenant, reason=str(error))
            return ""
        if state is None:
            return ""
        return next((item.edge_instance for item in state.work if item.edge_instance), "")

    async def originated(self, tenant: str, request_id: str, call_id: str) -> str:
        """The call that this request has made, at whatever edge: the first one that says so is it.

        While the bus is away a repeat is known to the edge alone that had the request before.
        """
        key = dialog_key(f"originate\n{tenant}", request_id)
        try:
            await self._dialogs.put(key, call_id.encode(), 0, ttl_s=_ORIGINATED_S)
        except Conflict:
            entry = await self._dialogs.get(key)
            return entry.value.decode() if entry is not None else call_id
        except SeatbusError as error:
            log.warning("a repeat at another edge would call once more", tenant=tenant, reason=str(error))
        return call_id

    # ---- writing ----------------------------------------------------------------------------------------
    def moved(self, keys: Iterable[tuple[str, str]], owner: str) -> None:
        """These dialogs are found at `owner` from now on. Written after the fact, never waited for."""
        value = orjson.dumps({"owner": owner})
        for call_id, tag in keys:
            self._spawn(dialog_key(call_id, tag), value)

    def ended(self, keys: Iterable[tuple[str, str]]) -> None:
        for call_id, tag in keys:
            self._spawn(dialog_key(call_id, tag), None)

    def _spawn(self, key: str, value: bytes | None) -> None:
        task = asyncio.create_task(self._write(key, value))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _write(self, key: str, value: bytes | None) -> None:
        for _ in range(_TRIES):
            try:
                entry = await self._dialogs.read(key)
                if value is not None:
                    await self._dialogs.put(key, value, entry.revision if entry is not None else 0)
                elif entry is not None and not entry.deleted:
                    await self._dialogs.purge(key, entry.revision)
            except Conflict:
                continue
            except SeatbusError as error:
                log.info("the index of dialogs is written later", reason=str(error))
                await asyncio.sleep(_RETRY_S)
            else:
                return
        log.warning("an entry of the index of dialogs was not written", key=key)
