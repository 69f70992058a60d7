"""Chats that no call belongs to, on real NATS with the services as processes, and no edge for them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from seatbus.acd.v1 import service_pb2 as acd
from seatbus.acd.v1 import types_pb2 as acd_types
from seatbus.agent.v1 import service_pb2 as agent
from seatbus.agent.v1 import types_pb2 as agent_types
from seatbus.tenancy.v1 import types_pb2 as tenancy
from seatbus_kit.errors import InvalidArgument, Refused, SeatbusError
from seatbus_kit.ids import uuid7
from seatbus_kit.rpc import invoke, stream
from seatbus_testkit.eventually import eventually
from seatbus_testkit.nats import NatsServer

from .world import T, World


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    with NatsServer.start(tmp_path / "nats") as server:
        async with World(server.url, tmp_path) as made:
            yield made


@dataclass
class Shop:
    """The tenant's own system: it knows of contacts what the stream says, and answers for its agents."""

    world: World
    known: dict[str, acd_types.ContactStatus] = field(default_factory=dict)
    ended: dict[str, acd_types.ContactStatus] = field(default_factory=dict)

    async def follow(self) -> None:
        """At another replica when the stream breaks."""
        request = acd.WatchContactsRequest(tenant_id=T, channel="chat")
        while True:
            try:
                async for update in stream(self.world.acd().WatchContacts, request):
                    self._heard(update)
            except SeatbusError:
                await asyncio.sleep(0.1)

    def _heard(self, update: acd.ContactsUpdate) -> None:
        if update.snapshot:
            self.known.clear()
        self.known.update({one.contact_id: one for one in update.contacts})
        for one in update.ended:
            self.known.pop(one.contact_id, None)
            self.ended[one.contact_id] = one

    async def enqueue(self, **fields: Any) -> str:
        contact_id = uuid7()
        request = acd.EnqueueRequest(
            context=self.world.context(contact_id),
            contact_id=contact_id,
            call_id=contact_id,
            **{"queue_id": "sales", "channel": "chat", **fields},
        )
        await self.world.insist(lambda: invoke(self.world.acd().Enqueue, request, 3))
        return contact_id

    async def offered(self, contact_id: str, agent_id: str = "a1") -> acd_types.Offer:
        """As the stream tells; the agent is reserved by his own record."""
        found: list[acd_types.Offer] = []

        async def held() -> bool:
            status = self.known.get(contact_id)
            found[:] = status.offered if status is not None else []
            if [made.agent_id for made in found] != [agent_id]:
                return False
            return found[0].rid in [item.rid for item in (await self.world.agent(agent_id)).work]

        await eventually(held)
        return found[0]

    async def report(self, contact_id: str, rid: str, outcome: acd.OfferOutcome) -> None:
        request = acd.ReportOfferRequest(
            context=self.world.context(), contact_id=contact_id, rid=rid, outcome=outcome
        )
        await self.world.insist(lambda: invoke(self.world.acd().ReportOffer, request, 3))

    async def cancel(self, contact_id: str) -> acd_types.VisitOutcome:
        request = acd.CancelRequest(
            context=self.world.context(),
            contact_id=contact_id,
            outcome=acd_types.VISIT_OUTCOME_ABANDONED,
            without_call=True,
        )
        answer = await self.world.insist(lambda: invoke(self.world.acd().Cancel, request, 3))
        outcome: acd_types.VisitOutcome = answer.outcome
        return outcome

    async def work(self, agent_id: str) -> list[agent_types.WorkState]:
        return [item.state for item in (await self.world.agent(agent_id)).work]


@pytest.fixture
async def shop(world: World) -> AsyncIterator[Shop]:
    """Two agents, of whom only a1 is there, and two queues."""
    agents = ["a1", "a2"]
    await world.configure(agents, capacities={"voice": 1, "chat": 1}, ring_timeout_s=60)
    members = [tenancy.Member(agent_id=agent_id) for agent_id in agents]
    quick = tenancy.Queue(name="Quick", members=members, ring_timeout_s=1)
    await world.put([tenancy.ConfigObject(tenant_id=T, id="quick", queue=quick)])
    await asyncio.gather(world.start("acd", "acd-1", "acd-2"), world.start("agent_state", "as-1", "as-2"))
    await world.login("a1")
    made = Shop(world)
    following = asyncio.create_task(made.follow())
    yield made
    following.cancel()
    await asyncio.gather(following, return_exceptions=True)


async def taken_and_ended(shop: Shop) -> None:
    first, second = await shop.enqueue(), await shop.enqueue(attributes={"page": "cart"})
    offer = await shop.offered(first)
    await eventually(lambda: second in shop.known)
    assert shop.known[second].attributes["page"] == "cart"
    for _ in range(2):
        await shop.report(first, offer.rid, acd.OFFER_OUTCOME_ANSWERED)
    assert await shop.work("a1") == [agent_types.WORK_STATE_TALKING]
    await eventually(lambda: first in shop.ended)
    assert shop.ended[first].outcome == acd_types.VISIT_OUTCOME_ANSWERED
    assert [made.rid for made in shop.ended[first].offered] == [offer.rid]
    assert not shop.known[second].offered, "one chat at a time"
    assert await shop.world.report_work("a1", offer.rid, agent.WORK_EVENT_ENDED)
    # The second one is his now, and its customer goes.
    given = await shop.offered(second)
    assert await shop.cancel(second) in (
        acd_types.VISIT_OUTCOME_ABANDONED,
        acd_types.VISIT_OUTCOME_SHORT_ABANDONED,
    )
    assert await shop.work("a1") == []
    with pytest.raises(Refused):
        await shop.report(second, given.rid, acd.OFFER_OUTCOME_ANSWERED)
    free = await shop.world.agent("a1")
    assert (free.presence, list(free.work)) == (agent_types.PRESENCE_READY, [])


async def refused_by_one_and_kept_for_another(shop: Shop) -> str:
    contact = await shop.enqueue()
    offer = await shop.offered(contact)
    await shop.report(contact, offer.rid, acd.OFFER_OUTCOME_REJECTED)
    agent_1 = await shop.world.agent("a1")
    assert (agent_1.presence, agent_1.reason) == (agent_types.PRESENCE_NOT_READY, "rejected")
    with pytest.raises(Refused):
        await shop.report(contact, offer.rid, acd.OFFER_OUTCOME_ANSWERED)
    await shop.world.login("a2")
    await shop.offered(contact, "a2")
    return contact


async def kept_by_the_next_holder(shop: Shop, contact: str) -> None:
    """The last one dies when the agent's record has the answer, and before the visit has ended."""
    offer = await shop.offered(contact, "a2")
    (await shop.world.holder()).kill()
    assert await shop.world.report_work("a2", offer.rid, agent.WORK_EVENT_ANSWERED)
    await eventually(lambda: contact in shop.ended)
    assert shop.ended[contact].outcome == acd_types.VISIT_OUTCOME_ANSWERED
    assert await shop.world.report_work("a2", offer.rid, agent.WORK_EVENT_ENDED)


async def not_taken_in_time(shop: Shop) -> None:
    contact = await shop.enqueue(queue_id="quick")

    async def missed() -> bool:
        found = await shop.world.agent("a2")
        return (found.presence, found.reason) == (agent_types.PRESENCE_NOT_READY, "no_answer")

    await eventually(missed)
    await eventually(lambda: not shop.known[contact].offered)
    await shop.cancel(contact)


async def what_has_a_call_ends_with_it(shop: Shop) -> None:
    call = await shop.world.enqueue(script=["hang"])
    with pytest.raises(Refused) as refused:
        await shop.cancel(call.contact_id)
    assert refused.value.reason == "has_a_call"
    await shop.world.hang_up(call)
    with pytest.raises(InvalidArgument) as wrong:
        await shop.enqueue(channel="voice")
    assert wrong.value.field == "edge_instance"


async def test_contacts_without_a_call_are_offered_taken_refused_and_ended(shop: Shop) -> None:
    await taken_and_ended(shop)
    contact = await refused_by_one_and_kept_for_another(shop)
    await kept_by_the_next_holder(shop, contact)
    await what_has_a_call_ends_with_it(shop)
    await not_taken_in_time(shop)
