"""What routing remembers beyond a holder: who served a customer last, and how fast queues are answered.

None of it is needed to route: a bus that does not answer costs a preference or an estimate, no call.
"""

from __future__ import annotations

from hashlib import blake2b
from typing import TYPE_CHECKING, Final

from seatbus.acd.v1.types_pb2 import LastAgent, WaitStatistics
from seatbus_kit.buckets import Bucket
from seatbus_kit.errors import Conflict, SeatbusError
from seatbus_kit.log import get_logger

if TYPE_CHECKING:
    from collections.abc import Iterable

    from seatbus_acd.domain.model import AgentKey, QueueKey
    from seatbus_kit.bus import Bus
    from seatbus_kit.clock import Clock

log = get_logger("acd.memory")

_DAY_S: Final = 86_400


class RoutingMemory:
    def __init__(self, bus: Bus, clock: Clock) -> None:
        self._bucket = Bucket(bus, "routing")
        self._clock = clock

    async def last_agent(self, tenant: str, customer: str, within_s: int) -> str:
        """Who served this number last, within so many seconds; empty: nobody, or it is not known."""
        try:
            entry = await self._bucket.get(_customer_key(tenant, customer))
        except SeatbusError as error:
            log.info("last agent not known", tenant=tenant, reason=str(error))
            return ""
        if entry is None:
            return ""
        found = LastAgent.FromString(entry.value)
        age = self._clock.now().timestamp() - found.at.ToMicroseconds() / 1e6
        return found.agent_id if found.customer == customer and age <= within_s else ""

    async def served(self, queue: QueueKey, customer: str, agent: AgentKey, keep_s: int) -> None:
        tenant = queue[0]
        record = LastAgent(
            tenant_id=tenant,
            customer=customer,
            agent_tenant_id=agent[0],
            agent_id=agent[1],
            queue_id=queue[1],
        )
        record.at.FromDatetime(self._clock.now())
        await self._keep(_customer_key(tenant, customer), record.SerializeToString(), keep_s)

    async def waits(self, tenants: Iterable[str]) -> dict[QueueKey, tuple[float, float, float]]:
        """Of each queue: time of the last answer, smoothed interval between answers, smoothed error."""
        found: dict[QueueKey, tuple[float, float, float]] = {}
        for tenant in tenants:
            try:
                entries = await self._bucket.load(f"wait.{tenant}")
            except SeatbusError as error:
                log.info("wait estimates begin anew", tenant=tenant, reason=str(error))
                continue
            for entry in entries:
                kept = WaitStatistics.FromString(entry.value)
                queue = (tenant, entry.key.rpartition(".")[2])
                found[queue] = (kept.last_answer_at, kept.interval_s, kept.error_s)
        return found

    async def keep_wait(self, queue: QueueKey, statistics: tuple[float, float, float]) -> None:
        last, interval, error = statistics
        kept = WaitStatistics(last_answer_at=last, interval_s=interval, error_s=error)
        await self._keep(f"wait.{queue[0]}.{queue[1]}", kept.SerializeToString(), _DAY_S)

    async def _keep(self, key: str, value: bytes, ttl_s: int) -> None:
        """The last word counts; of two at once either does."""
        try:
            entry = await self._bucket.read(key)
            await self._bucket.put(key, value, entry.revision if entry is not None else 0, ttl_s=ttl_s)
        except Conflict:
            log.debug("somebody else remembered at the same moment", key=key)
        except SeatbusError as error:
            log.info("not remembered", key=key, reason=str(error))


def _customer_key(tenant: str, customer: str) -> str:
    return f"last.{tenant}.{blake2b(customer.encode(), digest_size=16).hexdigest()}"
