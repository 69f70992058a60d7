"""A reservation is made while its contact is read: what the contact does not confirm is taken back."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from seatbus.acd.v1 import types_pb2 as acd
from seatbus.agent.v1 import service_pb2 as api
from seatbus.agent.v1 import types_pb2 as wire
from seatbus.agent.v1.events_pb2 import AgentWorkChanged
from seatbus.call.v1 import types_pb2 as call_types
from seatbus_agent_state.adapters.contacts import WaitingContacts
from seatbus_agent_state.application import reconcile
from seatbus_kit.errors import DeadlineExceeded, OutcomeUnknown, Refused, SeatbusError, StaleEpoch
from seatbus_kit.ids import uuid7
from seatbus_kit.rpc import invoke
from seatbus_testkit.eventually import eventually
from seatbus_testkit.history import History

from .agent_replicas import AGENT, Replicas


class Reads:
    """Leader reads of contacts: the next ones wait until they are let go, or fail."""

    def __init__(self, read: Callable[[WaitingContacts, str], Awaitable[acd.Contact | None]]) -> None:
        self._read = read
        self.go = asyncio.Event()
        self.go.set()
        self.error: SeatbusError | None = None

    async def __call__(self, contacts: WaitingContacts, key: str) -> acd.Contact | None:
        await self.go.wait()
        if self.error is not None:
            raise self.error
        return await self._read(contacts, key)


@pytest.fixture
async def reads(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Reads]:
    made = Reads(WaitingContacts._read)
    monkeypatch.setattr(WaitingContacts, "_read", lambda contacts, key: made(contacts, key))
    yield made
    made.go.set()


async def until_reserved(replicas: Replicas, rid: str) -> None:
    async def reserved() -> bool:
        return [(i.rid, i.state) for i in (await replicas.agent()).work] == [(rid, wire.WORK_STATE_RESERVED)]

    await eventually(reserved)


async def work_facts(replicas: Replicas) -> list[tuple[str, str]]:
    history = await History.read(replicas.bus, replicas.tenant)
    facts = (event.decode() for event in history.events)
    return [(fact.rid, fact.cause) for fact in facts if isinstance(fact, AgentWorkChanged)]


async def test_what_its_contact_does_not_confirm_costs_the_agent_nothing(replicas: Replicas) -> None:
    before = await replicas.agent()
    withdrawn, stale = uuid7(), uuid7()
    contact = await replicas.offered(uuid7(), epoch=5)
    with pytest.raises(Refused) as refused:
        await replicas.reserve(withdrawn, contact, epoch=5)
    assert refused.value.reason == "offer_withdrawn"
    # The answer comes after the agent is free again.
    assert await replicas.agent() == before
    with pytest.raises(StaleEpoch) as late:
        await replicas.reserve(stale, contact, epoch=4)
    assert late.value.current == 5
    assert await replicas.agent() == before

    async def told() -> bool:
        return await work_facts(replicas) == [
            (withdrawn, "reserved"),
            (withdrawn, "released"),
            (stale, "reserved"),
            (stale, "released"),
        ]

    await eventually(told)


async def test_the_contact_is_read_while_the_agent_is_reserved(replicas: Replicas, reads: Reads) -> None:
    rid = uuid7()
    contact = await replicas.offered(uuid7())
    reads.go.clear()
    reserving = asyncio.create_task(replicas.reserve(rid, contact))
    await until_reserved(replicas, rid)
    assert not reserving.done()
    # His own word counts though he is reserved for nobody.
    await replicas.presence(wire.PRESENCE_NOT_READY, "lunch")
    reads.go.set()
    with pytest.raises(Refused):
        await reserving
    agent = await replicas.agent()
    assert (agent.presence, agent.reason, list(agent.work)) == (wire.PRESENCE_NOT_READY, "lunch", [])


async def test_a_replica_that_ends_before_its_answer_leaves_nobody_reserved(
    replicas: Replicas, reads: Reads, monkeypatch: pytest.MonkeyPatch
) -> None:
    # What no edge knows is doubted for long here: the contact has to tell.
    monkeypatch.setattr(reconcile, "_UNKNOWN_LIMIT", 1000)
    before = await replicas.agent()
    rid = uuid7()
    contact = await replicas.offered(uuid7())
    reads.go.clear()
    request = api.ReserveRequest(
        context=replicas.context(rid),
        agent_id=AGENT,
        rid=rid,
        contact_id=contact,
        contact_tenant_id=replicas.tenant,
        call_id=uuid7(),
        queue_id="sales",
        edge_instance=replicas.edge_id,
        epoch=1,
        ring_timeout_s=60,
    )
    with pytest.raises((DeadlineExceeded, OutcomeUnknown)):
        await invoke(replicas.stub().Reserve, request, 1.0)
    await until_reserved(replicas, rid)
    reads.go.set()
    await eventually(replicas.is_free)
    assert await replicas.agent() == before


async def test_a_contact_that_cannot_be_read_is_asked_for_again(replicas: Replicas, reads: Reads) -> None:
    replicas.edge.state = call_types.LEG_STATE_RINGING
    rid = uuid7()
    contact = await replicas.offered(rid)
    reads.error = OutcomeUnknown("no answer in time")
    with pytest.raises(OutcomeUnknown):
        await replicas.reserve(rid, contact)
    await until_reserved(replicas, rid)
    reads.error = None
    # At the other replica, under the same request id.
    await replicas.reserve(rid, contact)
    await until_reserved(replicas, rid)

    # Whoever asks late undoes nothing: the agent's phone rings for this one.
    await replicas.withdraw(contact)
    with pytest.raises(Refused):
        await replicas.reserve(rid, contact)
    await until_reserved(replicas, rid)


async def test_a_holder_who_took_the_offer_over_keeps_the_agent(replicas: Replicas) -> None:
    replicas.edge.state = call_types.LEG_STATE_RINGING
    rid = uuid7()
    contact = await replicas.offered(rid, epoch=2)
    with pytest.raises(StaleEpoch):
        await replicas.reserve(rid, contact, epoch=1)
    await until_reserved(replicas, rid)
