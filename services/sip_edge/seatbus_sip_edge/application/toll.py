"""What calls to the outside have cost today: of each tenant and agent, of all edges, across restarts."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import orjson

from seatbus_kit.buckets import Bucket
from seatbus_kit.errors import Conflict, SeatbusError
from seatbus_kit.log import get_logger
from seatbus_kit.watch import Change, Watcher
from seatbus_sip_edge.domain.fraud import NOTHING, Spent, cost

if TYPE_CHECKING:
    from collections.abc import Callable

    from seatbus_kit.bus import Bus
    from seatbus_sip_edge.application.quotas import Quotas
    from seatbus_sip_edge.application.session import Session
    from seatbus_sip_edge.domain.model import Call, Leg

log = get_logger("sip_edge.toll")

_BUCKET: Final = "toll"
_WRITE_S: Final = 0.5
_RETRY_S: Final = 1.0
_KEPT_DAYS: Final = 2


class _Day:
    """What one edge has counted of one tenant on one day: all, and by agent."""

    __slots__ = ("agents", "revision", "total")

    def __init__(self, total: Spent = NOTHING, revision: int = 0) -> None:
        self.total = total
        self.agents: dict[str, Spent] = {}
        self.revision = revision

    def add(self, agent_id: str, spent: Spent) -> None:
        self.total += spent
        if agent_id:
            self.agents[agent_id] = self.agents.get(agent_id, NOTHING) + spent

    def to_bytes(self) -> bytes:
        agents = {agent: [spent.seconds, spent.micros] for agent, spent in self.agents.items()}
        return orjson.dumps({"total": [self.total.seconds, self.total.micros], "agents": agents})

    @classmethod
    def read(cls, value: bytes, revision: int) -> _Day:
        """Raises ValueError, KeyError or TypeError for what is no such record."""
        body = orjson.loads(value)
        made = cls(Spent(*body["total"]), revision)
        made.agents = {agent: Spent(*spent) for agent, spent in body["agents"].items()}
        return made


class TollBook:
    """Key `<tenant>.<day>.<edge>` of bucket `toll`: each edge writes its own, all read all."""

    def __init__(
        self, bus: Bus, instance_id: str, quotas: Quotas, sessions: Callable[[], list[Session]]
    ) -> None:
        self._bucket = Bucket(bus, _BUCKET)
        self._watcher = Watcher(bus, _BUCKET)
        self._own_id = instance_id
        self._quotas = quotas
        self._sessions = sessions
        self._own: dict[tuple[str, str], _Day] = {}
        self._others: dict[tuple[str, str], dict[str, _Day]] = {}
        self._unwritten: set[tuple[str, str]] = set()
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        self._watcher.subscribe(self._changed)
        await self._watcher.start()
        self._task = asyncio.create_task(self._write_for_ever(), name="toll")

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        try:
            async with asyncio.timeout(1.0):
                await self._write_all()
        except (SeatbusError, TimeoutError) as error:
            log.warning("today's cost of calls is not stored, this edge forgets it", reason=repr(error))
        await self._watcher.stop()

    # ---- counting ---------------------------------------------------------------------------------------
    def today(self, tenant: str) -> str:
        name = self._quotas.guard(tenant).time_zone or "UTC"
        try:
            zone = ZoneInfo(name)
        except (ZoneInfoNotFoundError, ValueError):
            log.error("no such time zone, the day is that of UTC", tenant=tenant, zone=name)
            zone = ZoneInfo("UTC")
        return datetime.now(UTC).astimezone(zone).strftime("%Y%m%d")

    def spent(self, tenant: str, agent_id: str) -> tuple[Spent, Spent]:
        """Today's sums of the tenant and of the agent, calls under way included."""
        key = tenant, self.today(tenant)
        days = [*self._others.get(key, {}).values()]
        if key in self._own:
            days.append(self._own[key])
        total = agent = NOTHING
        for day in days:
            total += day.total
            agent += day.agents.get(agent_id, NOTHING)
        now = datetime.now(UTC).timestamp() * 1e6
        for session in self._sessions():
            call = session.call
            if call.tenant_id != tenant or session.over:
                continue
            for leg in call.legs.values():
                if leg.ways and leg.live and leg.was_answered:
                    spent = self._of(call, leg, int(now))
                    total += spent
                    if agent_id and _agent_of(call) == agent_id:
                        agent += spent
        return total, agent

    def _of(self, call: Call, leg: Leg, until: int) -> Spent:
        seconds = max(0, round((until - leg.answered_at) / 1e6))
        return Spent(seconds, cost(leg.number, seconds, self._quotas.guard(call.tenant_id).rates))

    def ended(self, call: Call) -> None:
        """A call is over: its outside legs are entered."""
        for leg in call.legs.values():
            if leg.ways and leg.was_answered and not call.emergency:
                key = call.tenant_id, self.today(call.tenant_id)
                day = self._own.setdefault(key, _Day())
                day.add(_agent_of(call), self._of(call, leg, leg.ended_at or call.ended_at))
                self._unwritten.add(key)

    # ---- the bucket -------------------------------------------------------------------------------------
    def _changed(self, change: Change) -> None:
        tenant, day, edge = [*change.key.split(".", 2), "", ""][:3]
        key = tenant, day
        if change.entry is None:
            self._others.get(key, {}).pop(edge, None)
            return
        try:
            read = _Day.read(change.entry.value, change.entry.revision)
        except (ValueError, KeyError, TypeError) as error:
            log.error("unreadable record of the cost of calls", key=change.key, reason=repr(error))
            return
        if edge != self._own_id:
            self._others.setdefault(key, {})[edge] = read
        elif key not in self._own:
            # A predecessor of this process.
            self._own[key] = read

    async def _write_for_ever(self) -> None:
        while True:
            await asyncio.sleep(_WRITE_S)
            try:
                await self._write_all()
            except SeatbusError as error:
                log.info("the cost of calls is stored later", reason=str(error))
                await asyncio.sleep(_RETRY_S)

    async def _write_all(self) -> None:
        for key in list(self._unwritten):
            day = self._own[key]
            name = f"{key[0]}.{key[1]}.{self._own_id}"
            self._unwritten.discard(key)
            try:
                day.revision = await self._bucket.put(name, day.to_bytes(), day.revision)
            except Conflict as error:
                day.revision = error.revision
                self._unwritten.add(key)
            except SeatbusError:
                self._unwritten.add(key)
                raise
        await self._forget_old()

    async def _forget_old(self) -> None:
        limit = (datetime.now(UTC) - timedelta(days=_KEPT_DAYS)).strftime("%Y%m%d")
        for key in [key for key in self._own if key[1] < limit]:
            day = self._own.pop(key)
            if day.revision:
                await self._bucket.purge(f"{key[0]}.{key[1]}.{self._own_id}", day.revision)


def _agent_of(call: Call) -> str:
    leg = call.legs.get(call.agent_leg_id)
    return leg.agent_id if leg is not None else ""
