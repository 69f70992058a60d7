"""Calls as the bus has them, for an edge that takes over what a dead one left, or comes back itself."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Final

from google.protobuf.message import DecodeError

from seatbus.call.v1 import types_pb2 as call_types
from seatbus.call.v1.events_pb2 import CallEnded
from seatbus_contracts.subjects import record_key
from seatbus_kit.buckets import Bucket
from seatbus_kit.burst import tail
from seatbus_kit.errors import Conflict, NotFound, SeatbusError
from seatbus_kit.log import get_logger

if TYPE_CHECKING:
    from collections.abc import Callable

    from seatbus_kit.bus import Bus

log = get_logger("sip_edge.estate")

_AT_ONCE: Final = 16
_ENDED: Final = CallEnded.DESCRIPTOR.full_name


@dataclass(frozen=True, slots=True)
class Left:
    """A call's record, at the revision that has to be named to take it over."""

    key: str
    revision: int
    call: call_types.Call


@dataclass(frozen=True, slots=True)
class LastFact:
    """What the stream has of a call: the number of its last fact, and whether that was its end."""

    seq: int
    ended: bool


class Estate:
    def __init__(self, bus: Bus) -> None:
        self._bus = bus
        self._calls = Bucket(bus, "calls")
        self._instances = Bucket(bus, "instances")

    async def left_by(self, owned: Callable[[str], bool]) -> list[Left]:
        """Records whose owner `owned` names. Raises SeatbusError when the bus cannot be read."""
        gate = asyncio.Semaphore(_AT_ONCE)

        async def one(key: str) -> Left | None:
            async with gate:
                entry = await self._calls.get(key)
            if entry is None:
                return None
            try:
                call = call_types.Call.FromString(entry.value)
            except DecodeError:
                log.error("a call's record is unreadable, left alone", key=key)
                return None
            return Left(key, entry.revision, call) if owned(call.owner) else None

        found = await asyncio.gather(*[one(key) for key in await self._calls.keys()])
        return [item for item in found if item is not None]

    async def read(self, tenant: str, call_id: str) -> Left | None:
        """Raises SeatbusError when the bus cannot be read."""
        key = record_key(tenant, call_id)
        entry = await self._calls.get(key)
        if entry is None:
            return None
        return Left(key, entry.revision, call_types.Call.FromString(entry.value))

    async def claim(self, left: Left, owner: str, epoch: int) -> int:
        """Makes `owner` the owner under a higher epoch; the new revision, 0 when somebody else was faster."""
        taken = call_types.Call()
        taken.CopyFrom(left.call)
        taken.owner, taken.epoch = owner, epoch
        try:
            return await self._calls.put(left.key, taken.SerializeToString(), left.revision)
        except Conflict:
            return 0

    async def remove(self, left: Left) -> None:
        try:
            await self._calls.purge(left.key, left.revision)
        except Conflict:
            log.info("a call's record has changed, left alone", key=left.key)

    async def last_fact(self, tenant: str, call_id: str) -> LastFact:
        """Raises SeatbusError when the bus cannot be read."""
        found = await tail(self._bus, "CALL", f"sb.{tenant}.call.{call_id}")
        return LastFact(found.seq, ended=found.type_name == _ENDED)

    async def away_for(self, instance_id: str, now: datetime) -> float:
        """Seconds since the last heartbeat of this instance; infinity when the bus has none."""
        try:
            answer = await self._bus.api(
                f"STREAM.MSG.GET.{self._instances.stream}",
                {"last_by_subj": f"$KV.{self._instances.name}.{instance_id}"},
                2.0,
            )
        except NotFound:
            return float("inf")
        except SeatbusError as error:
            log.info("the last heartbeat is not known", reason=str(error))
            return float("inf")
        message = answer.get("message")
        told = message.get("time") if isinstance(message, dict) else None
        if not isinstance(told, str):
            return float("inf")
        # Nanoseconds are more than Python reads.
        at = datetime.fromisoformat(told[:19] + "+00:00")
        return max(0.0, (now - at).total_seconds())
