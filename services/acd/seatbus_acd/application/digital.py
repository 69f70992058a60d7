"""Contacts without a call: chats, e-mails, tasks.

No edge has them. The agent's record shows the offer, the tenant's system says through the API what the agent
does with it, and the holder of the contact is the one who waits for that.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from seatbus_acd.domain.model import OfferFailed, Skip
from seatbus_kit.errors import NotFound, Refused
from seatbus_kit.log import get_logger

if TYPE_CHECKING:
    from collections.abc import Iterable

    from seatbus_acd.application.ports import Visit
    from seatbus_acd.application.shard import Shard
    from seatbus_acd.domain.model import AgentKey

log = get_logger("acd.digital")

_RETRY_S: Final = 1.0


class Digital:
    """Each raises StaleEpoch once another replica has taken the group over."""

    def __init__(self, shard: Shard) -> None:
        self._shard = shard

    def show(self, visit: Visit, agent: AgentKey, rid: str, ring_timeout_s: float) -> None:
        """The agent is reserved, which is all that there is to ring. He has so long to answer."""
        asyncio.get_running_loop().call_later(ring_timeout_s, self._late, visit, agent, rid)

    def _late(self, visit: Visit, agent: AgentKey, rid: str) -> None:
        shard = self._shard
        if shard.is_current((visit.tenant, visit.contact_id), rid):
            shard.start(self.look(visit, agent, rid))

    async def resume(self, visit: Visit, agent: AgentKey, rid: str, ring_timeout_s: float) -> None:
        """After a takeover: the agent may have taken the contact already."""
        state = await self._shard.deps.agents.progress(agent, rid)
        if state == "offered":
            self.show(visit, agent, rid, ring_timeout_s)
        else:
            await self.look(visit, agent, rid)

    async def look(self, visit: Visit, agent: AgentKey, rid: str) -> None:
        """The time to answer is over, or the fate of the offer is in doubt: the agent's record knows."""
        shard = self._shard
        key = (visit.tenant, visit.contact_id)
        state = await shard.deps.agents.progress(agent, rid)
        if not shard.is_current(key, rid):
            return
        if state == "taken":
            await shard.answered(key, rid)
        elif state == "offered":
            try:
                await shard.requests.report(key, rid, "no_answer", f"{rid}/no_answer")
            except Refused as error:
                log.info("offer was overtaken", contact=visit.contact_id, rid=rid, reason=error.reason)
        else:
            log.warning(
                "reservation of an offer is gone, contact waits again",
                tenant=visit.tenant,
                contact=visit.contact_id,
                agent=agent[1],
                rid=rid,
            )
            await shard.give_back(visit, rid, "failed")
            shard.apply(OfferFailed(key, rid, Skip.NONE, _RETRY_S))

    async def agent_does(self, visit: Visit, rid: str, outcome: str) -> AgentKey:
        """First the agent, then the queue, as an edge does it. Raises Refused(not_current_offer)."""
        shard = self._shard
        agent = self._agent(visit, rid)
        try:
            await shard.deps.agents.report(visit, agent, rid, outcome)
        except Refused as error:
            shard.start(self.look(visit, agent, rid))
            raise Refused("not_current_offer", f"the agent does not hold {rid}: {error.message}") from error
        return agent

    async def answered(self, visit: Visit, rid: str, request_id: str) -> None:
        """The agent takes it: the visit ends, and others to whom it is offered are free again.

        Raises Refused(not_current_offer).
        """
        shard = self._shard
        agent = await self.agent_does(visit, rid, "answered")
        others = [held for held in self.held(visit) if held[1] != rid]
        try:
            await shard.answered((visit.tenant, visit.contact_id), rid, request_id)
        except (Refused, NotFound):
            # It was cancelled at this moment.
            await shard.deps.agents.report(visit, agent, rid, "ended")
            raise
        await self.free(visit, others, "answered_elsewhere")

    def held(self, visit: Visit) -> list[tuple[AgentKey, str]]:
        """To whom it is offered, under which reservation."""
        contact = self._shard.engine.contacts.get((visit.tenant, visit.contact_id))
        return [(held.agent.key, held.rid) for held in contact.held] if contact is not None else []

    async def free(self, visit: Visit, held: Iterable[tuple[AgentKey, str]], outcome: str) -> None:
        """It costs none of them anything."""
        for agent, rid in held:
            try:
                await self._shard.deps.agents.report(visit, agent, rid, outcome)
            except Refused as error:
                log.info("agent was free already", agent=agent[1], rid=rid, reason=error.reason)

    def _agent(self, visit: Visit, rid: str) -> AgentKey:
        for agent, held in self.held(visit):
            if held == rid:
                return agent
        raise Refused("not_current_offer", f"contact {visit.contact_id} is not offered under {rid}")
