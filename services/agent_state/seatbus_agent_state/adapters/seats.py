"""Who sits where: one claim a seat, arbitrated by compare-and-set."""

from __future__ import annotations

from datetime import UTC, timedelta
from typing import TYPE_CHECKING, Final

from seatbus.agent.v1.types_pb2 import PRESENCE_LOGGED_OUT, AgentState, SeatClaim
from seatbus_contracts.subjects import record_key
from seatbus_kit.errors import Refused
from seatbus_kit.records import Change, RecordStore

if TYPE_CHECKING:
    from seatbus_kit.clock import Clock

# Between its claim and its login an agent sits nowhere by its record. A claim of this age was left behind.
_SETTLED_S: Final = 10


class SeatClaims:
    """The agent's record is the truth: a claim whose agent sits elsewhere is void and may be taken."""

    def __init__(self, store: RecordStore[SeatClaim], agents: RecordStore[AgentState], clock: Clock) -> None:
        self._store = store
        self._agents = agents
        self._clock = clock

    async def claim(self, tenant: str, seat_id: str, agent_id: str, request_id: str) -> None:
        """Raises Refused(seat_taken)."""
        key = record_key(tenant, seat_id)
        found = await self._store.read(key)
        void = 0
        if found is not None:
            claim, revision = found
            if claim.agent_id == agent_id:
                return
            if claim.agent_id and await self._sits_there(claim):
                raise Refused("seat_taken", f"agent {claim.agent_id} sits at seat {seat_id}")
            void = revision

        def decide(record: SeatClaim | None) -> Change[SeatClaim]:
            claim = record or SeatClaim(tenant_id=tenant, seat_id=seat_id)
            if claim.agent_id not in ("", agent_id, found[0].agent_id if found is not None else ""):
                raise Refused("seat_taken", f"agent {claim.agent_id} sits at seat {seat_id}")
            claim.agent_id = agent_id
            claim.claimed_at.FromDatetime(self._clock.now())
            return Change(claim)

        await self._store.mutate(key, decide, request_id=f"{request_id}:{agent_id}:{void}")

    async def holder(self, tenant: str, seat_id: str) -> str:
        found = await self._store.read(record_key(tenant, seat_id))
        return found[0].agent_id if found is not None else ""

    async def _sits_there(self, claim: SeatClaim) -> bool:
        if self._clock.now() - claim.claimed_at.ToDatetime(UTC) < timedelta(seconds=_SETTLED_S):
            return True
        found = await self._agents.read(record_key(claim.tenant_id, claim.agent_id))
        if found is None:
            return False
        agent = found[0]
        return agent.seat_id == claim.seat_id and agent.presence != PRESENCE_LOGGED_OUT

    async def free(self, tenant: str, seat_id: str, agent_id: str, request_id: str) -> None:
        """Whoever left gives the seat up at once; if this is not heard the claim is void by the record."""

        def decide(record: SeatClaim | None) -> Change[SeatClaim]:
            if record is None or record.agent_id != agent_id:
                return Change(record, write=False)
            record.agent_id = ""
            return Change(record)

        await self._store.mutate(record_key(tenant, seat_id), decide, request_id=f"{request_id}:free")
