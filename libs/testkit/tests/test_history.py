"""The history's judgement, on histories that are right and on ones that are not."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from seatbus.agent.v1.events_pb2 import AgentWorkChanged
from seatbus.agent.v1.types_pb2 import WORK_STATE_TALKING, WORK_STATE_WRAP_UP, WorkState
from seatbus_kit.bus import Bus
from seatbus_kit.events import InEvent, make_event
from seatbus_kit.ids import uuid7
from seatbus_kit.provision import ensure
from seatbus_kit.settings import ServiceSettings
from seatbus_testkit.history import History
from seatbus_testkit.nats import NatsServer

START = datetime(2026, 1, 5, tzinfo=UTC)


def change(agent: str, seq: int, contact: str, to: WorkState, at_s: float) -> InEvent:
    message = AgentWorkChanged(contact_id=contact, to=to)
    return InEvent(
        subject=f"sb.acme.agent.{agent}",
        tenant="acme",
        domain="agent",
        entity=agent,
        seq=seq,
        type_name=message.DESCRIPTOR.full_name,
        payload=message.SerializeToString(),
        occurred_at=START + timedelta(seconds=at_s),
        producer="test",
        causation="",
        trace=None,
        stream="AGENT",
        stream_seq=seq,
        deliveries=1,
    )


def test_one_contact_after_the_other_is_right() -> None:
    events = (
        change("a", 1, "c1", WORK_STATE_TALKING, 0),
        change("a", 2, "c1", WORK_STATE_WRAP_UP, 5),
        change("a", 3, "c2", WORK_STATE_TALKING, 6),
    )
    assert History(events).double_bookings() == []
    assert History(events).gaps() == []


def test_an_agent_with_two_contacts_is_found() -> None:
    events = (change("a", 1, "c1", WORK_STATE_TALKING, 0), change("a", 2, "c2", WORK_STATE_TALKING, 1))
    (found,) = History(events).double_bookings()
    assert "agent a talks to c1 and c2" in found


def test_a_contact_with_two_agents_is_found_whatever_the_order_of_delivery() -> None:
    events = (change("b", 1, "c1", WORK_STATE_TALKING, 1), change("a", 1, "c1", WORK_STATE_TALKING, 0))
    (found,) = History(events).double_bookings()
    assert "contact c1 has a and b" in found


def test_missing_repeated_and_swapped_numbers_are_gaps() -> None:
    for numbers in ([1, 3], [2], [1, 1], [2, 1]):
        events = tuple(change("a", seq, "c1", WORK_STATE_WRAP_UP, 0) for seq in numbers)
        assert History(events).gaps() == [f"agent a: {numbers}"]


async def test_the_events_of_one_tenant_are_read_in_order(nats_server: NatsServer) -> None:
    bus = await Bus.connect(ServiceSettings(nats_url=nats_server.url, instance_id="history"))
    await ensure(bus, 1)
    tenant = f"t-{uuid7()}"
    for seq in (1, 2, 3):
        message = AgentWorkChanged(contact_id=f"c{seq}")
        await bus.publish(make_event(tenant, "agent", "a", seq, message, producer="test"))
    await bus.publish(make_event(f"{tenant}-other", "agent", "a", 1, message, producer="test"))
    history = await History.read(bus, tenant)
    await bus.close()
    assert [(event.entity, event.seq) for event in history.events] == [("a", 1), ("a", 2), ("a", 3)]
