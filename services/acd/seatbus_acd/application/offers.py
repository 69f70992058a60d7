"""P2: one contact, one agent, both ways. The contact's record first, then the agent's, then the phone."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final, Protocol

from seatbus_acd.application.ports import Leg
from seatbus_acd.domain.model import (
    DEFAULT_RING_TIMEOUT_S,
    AgentReserved,
    CheckOffer,
    Decision,
    Offer,
    OfferFailed,
    Rule,
    Skip,
)
from seatbus_kit import metrics
from seatbus_kit.errors import NotFound, Refused, SeatbusError, StaleEpoch
from seatbus_kit.log import get_logger

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from seatbus.acd.v1 import types_pb2 as wire
    from seatbus_acd.application.callbacks import Callbacks
    from seatbus_acd.application.contacts import Contacts
    from seatbus_acd.application.digital import Digital
    from seatbus_acd.application.ports import Agents, Edges, Visit
    from seatbus_acd.domain.engine import Engine
    from seatbus_acd.domain.model import AgentKey, ContactKey, Event
    from seatbus_acd.domain.visit import Fence

log = get_logger("acd.offers")

_EDGE_ABSENT_RETRY_S: Final = 2.0
_RETRY_S: Final = 1.0
# An edge that died at the same time is back within seconds, and its phones ring on.
_RESTART_TRIES: Final = 8
offers_ended = metrics.counter(
    "seatbus_acd_offers_total", "Offers of contacts to agents by how they ended", ("outcome",)
)
# The agent's fault, or that of his record as we saw it.
_AGENT_REASONS: Final = frozenset({"agent_not_ready", "no_capacity", "logged_out"})


class Holder(Protocol):
    """The shard, as far as offers need it."""

    fence: Fence
    engine: Engine
    contacts: Contacts
    visits: dict[ContactKey, Visit]
    callbacks: Callbacks
    digital: Digital

    @property
    def alive(self) -> bool: ...
    def apply(self, event: Event) -> None: ...
    def is_current(self, key: ContactKey, rid: str) -> bool: ...
    def fifo(self, key: ContactKey) -> int: ...
    def start(self, work: Coroutine[Any, Any, None]) -> None: ...
    async def end_gone(self, visit: Visit) -> None: ...
    async def answered(self, key: ContactKey, rid: str, request_id: str = "") -> None: ...
    async def give_back(self, visit: Visit, rid: str, reason: str) -> None: ...


class Offers:
    def __init__(self, holder: Holder, agents: Agents, edges: Edges) -> None:
        self._holder = holder
        self._agents = agents
        self._edges = edges

    async def make(self, offer: Offer) -> None:
        holder = self._holder
        visit = holder.visits.get(offer.key)
        if visit is None or not holder.is_current(offer.key, offer.rid):
            return
        if visit.callback is not None:
            begun = holder.callbacks.begin(visit)
            if isinstance(begun, float):
                self._not_made(offer, begun)
                return
            visit = begun
        if not visit.without_call and not self._edges.present(visit.edge_instance):
            log.info(
                "edge is away, contact not offered",
                tenant=visit.tenant,
                call=visit.call_id,
                edge=visit.edge_instance,
            )
            self._not_made(offer, _EDGE_ABSENT_RETRY_S)
            return
        try:
            await holder.contacts.offer(visit, offer, holder.fifo(offer.key))
        except (NotFound, Refused) as error:
            log.info(
                "contact changed before it was offered",
                tenant=visit.tenant,
                call=visit.call_id,
                reason=str(error),
            )
            self._not_made(offer, _RETRY_S)
            return
        except StaleEpoch:
            raise
        except SeatbusError as error:
            for item in (offer, *offer.also):
                await self._undo(visit, item, str(error), whole=True)
            return
        for item in offer.also:
            holder.start(self._bring(visit, item))
        await self._bring(visit, offer)

    def _not_made(self, offer: Offer, retry_s: float) -> None:
        self._holder.apply(OfferFailed(offer.key, offer.rid, Skip.NONE, retry_s, whole=True))

    async def _bring(self, visit: Visit, offer: Offer) -> None:
        """Each agent of a ring by himself: who cannot be reserved or rung leaves the others be."""
        if await self._reserve(visit, offer):
            await self._ring(visit, offer)

    async def _reserve(self, visit: Visit, offer: Offer) -> bool:
        """P2 step 2. The loser's contact goes back and skips the agent until his record is newer."""
        holder = self._holder
        fence = holder.fence
        try:
            revision = await self._agents.reserve(visit, offer, fence.group, fence.epoch)
        except StaleEpoch:
            raise
        except Refused as error:
            skip = Skip.AGENT if error.reason in _AGENT_REASONS else Skip.NONE
            retry_s = 0.0 if skip is Skip.AGENT else _RETRY_S
            await self._back(visit, offer, "lost_reservation", skip, retry_s, str(error), error.current)
            if error.reason == "offer_withdrawn":
                # An earlier try, whose answer was lost, may have taken the agent while the offer stood.
                # No phone rings for it, and nobody else will use this rid.
                await self.release(visit, offer.agent, offer.rid)
            return False
        except NotFound as error:
            await self._back(visit, offer, "lost_reservation", Skip.AGENT, 0.0, str(error))
            return False
        except SeatbusError as error:
            await self._undo(visit, offer, str(error))
            return False
        if not holder.is_current(offer.key, offer.rid):
            # Without the lease the next holder decides what becomes of the reservation.
            if holder.alive:
                await self.release(visit, offer.agent, offer.rid)
            return False
        holder.apply(AgentReserved(offer.key, offer.rid, revision))
        return True

    async def _ring(self, visit: Visit, offer: Offer, patience: int = 0) -> None:
        """P2 step 3. An edge that is away is asked so many times more."""
        fence = self._holder.fence
        if visit.without_call:
            self._holder.digital.show(visit, offer.agent, offer.rid, offer.ring_timeout_s)
            return
        try:
            await self._edges.offer(visit, offer, fence.group, fence.epoch)
        except NotFound:
            await self._holder.end_gone(visit)
            await self.release(visit, offer.agent, offer.rid)
        except StaleEpoch:
            raise
        except SeatbusError as error:
            if not patience or not error.retryable:
                await self._undo(visit, offer, str(error))
                return
            await asyncio.sleep(_RETRY_S)
            if self._holder.is_current(offer.key, offer.rid):
                await self._ring(self._holder.visits.get(offer.key, visit), offer, patience - 1)

    async def resume(self, visit: Visit, made: wire.Offer) -> None:
        """After a takeover: the edge is told of an offer that stands. It may know the rid already."""
        key = (visit.tenant, visit.contact_id)
        if not self._holder.is_current(key, made.rid):
            return
        agent = (made.agent_tenant_id, made.agent_id)
        queue = self._holder.engine.queues.get((visit.tenant, visit.queue_id))
        ring_timeout_s = queue.spec.ring_timeout_s if queue is not None else DEFAULT_RING_TIMEOUT_S
        if visit.without_call:
            await self._holder.digital.resume(visit, agent, made.rid, ring_timeout_s)
            return
        decision = Decision(key, (visit.tenant, visit.queue_id), 0.0, Rule.LONGEST_IDLE, agent)
        offer = Offer(
            key, made.rid, agent, made.agent_revision, ring_timeout_s, 0, decision, ring=made.ring_rid
        )
        await self._ring(visit, offer, _RESTART_TRIES)

    async def check(self, effect: CheckOffer) -> None:
        """Nothing was heard of an offer: the edge knows."""
        holder = self._holder
        visit = holder.visits.get(effect.key)
        if visit is None or not holder.is_current(effect.key, effect.rid):
            return
        if visit.without_call:
            for agent, rid in holder.digital.held(visit):
                if rid == effect.rid:
                    await holder.digital.look(visit, agent, rid)
            return
        leg = Leg.NONE
        if self._edges.present(visit.edge_instance):
            try:
                leg = await self._edges.query(visit, effect.rid)
            except NotFound:
                await holder.end_gone(visit)
                return
            except SeatbusError as error:
                log.info("edge does not answer, asked again", call=visit.call_id, reason=str(error))
                return
        if leg is Leg.PENDING or not holder.is_current(effect.key, effect.rid):
            return
        if leg is Leg.LIVE:
            await holder.answered(effect.key, effect.rid)
            return
        log.warning(
            "offer without outcome, contact waits again",
            tenant=visit.tenant,
            call=visit.call_id,
            rid=effect.rid,
            edge=visit.edge_instance,
        )
        await holder.give_back(visit, effect.rid, "failed")
        holder.apply(OfferFailed(effect.key, effect.rid, Skip.NONE, _RETRY_S))

    async def moved(self, key: ContactKey, rid: str, agent: AgentKey) -> None:
        """The call of an offered contact is at another edge, which may have it as it was before the offer."""
        await self.check(CheckOffer(key, rid))
        visit = self._holder.visits.get(key)
        if visit is not None and not self._holder.is_current(key, rid):
            await self.release(visit, agent, rid)

    async def release(self, visit: Visit, agent: AgentKey, rid: str) -> None:
        """Frees the agent; if nobody takes the word, the reservation's deadline will."""
        try:
            await self._agents.release(visit, agent, rid)
        except SeatbusError as error:
            log.warning(
                "reservation not released, its deadline will free the agent",
                tenant=visit.tenant,
                call=visit.call_id,
                agent=agent[1],
                rid=rid,
                reason=str(error),
            )

    async def _undo(self, visit: Visit, offer: Offer, why: str, *, whole: bool = False) -> None:
        """It is not known how far the offer got. The fenced write comes first: a holder who has been replaced
        must not free an agent whom the next one has adopted. The contact does not wait for the agent to be
        freed: whoever keeps us waiting for the one would keep it from all others.
        """
        written = await self._write_back(visit, offer, "failed", why)
        self._holder.apply(OfferFailed(offer.key, offer.rid, Skip.NONE, _RETRY_S, whole=whole))
        if written:
            await self.release(visit, offer.agent, offer.rid)

    async def _back(
        self,
        visit: Visit,
        offer: Offer,
        reason: str,
        skip: Skip,
        retry_s: float,
        why: str,
        revision: int = 0,
    ) -> None:
        if not await self._write_back(visit, offer, reason, why):
            retry_s = max(retry_s, _RETRY_S)
        self._holder.apply(OfferFailed(offer.key, offer.rid, skip, retry_s, revision))

    async def _write_back(self, visit: Visit, offer: Offer, reason: str, why: str) -> bool:
        """False when the bus did not take it; the contact's next offer gives this one up then."""
        log.info(
            "offer failed, contact keeps its place",
            tenant=visit.tenant,
            call=visit.call_id,
            contact=visit.contact_id,
            agent=offer.agent[1],
            rid=offer.rid,
            reason=reason,
            why=why,
        )
        offers_ended.inc(outcome=reason)
        try:
            await self._holder.give_back(visit, offer.rid, reason)
        except StaleEpoch:
            raise
        except SeatbusError as error:
            log.warning(
                "contact not written back, tried again",
                tenant=visit.tenant,
                call=visit.call_id,
                reason=str(error),
            )
            return False
        return True
