"""What the tests of the kit share: a bus, and agent records to change."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from seatbus.agent.v1.events_pb2 import AgentPresenceChanged
from seatbus.agent.v1.types_pb2 import AgentState
from seatbus_kit.burst import read_events
from seatbus_kit.bus import Bus
from seatbus_kit.events import Delivery
from seatbus_kit.ids import uuid7
from seatbus_kit.provision import ensure
from seatbus_kit.records import Change, RecordStore
from seatbus_kit.settings import ServiceSettings
from seatbus_testkit.nats import NatsServer

OpenBus = Callable[..., Awaitable[Bus]]


@pytest.fixture
async def open_bus() -> AsyncIterator[OpenBus]:
    """`await open_bus(url, replicas=1)`: a provisioned connection that is closed after the test."""
    opened: list[Bus] = []

    async def open_one(url: str, replicas: int = 1) -> Bus:
        bus = await Bus.connect(ServiceSettings(nats_url=url))
        opened.append(bus)
        await ensure(bus, replicas)
        return bus

    yield open_one
    for bus in opened:
        await bus.close()


@pytest.fixture
async def bus(nats_server: NatsServer, open_bus: OpenBus) -> Bus:
    return await open_bus(nats_server.url)


@pytest.fixture
def agent_id() -> str:
    return uuid7()


class Agents:
    """Agent records as an example of records with events."""

    @staticmethod
    def store(bus: Bus, producer: str = "test-0") -> RecordStore[AgentState]:
        return RecordStore(
            bus,
            "agents",
            AgentState,
            "agent",
            tenant_of=lambda record: record.tenant_id,
            entity_of=lambda record: record.agent_id,
            producer=producer,
        )

    @staticmethod
    def reason(
        agent_id: str, reason: str, events: int = 1
    ) -> Callable[[AgentState | None], Change[AgentState]]:
        """A decision that writes `reason` and makes `events` facts of it."""

        def decide(record: AgentState | None) -> Change[AgentState]:
            record = record or AgentState(tenant_id="acme", agent_id=agent_id)
            record.reason = reason
            facts = [AgentPresenceChanged(reason=f"{reason}-{i}") for i in range(events)]
            return Change(record, facts, result=reason.encode())

        return decide

    @staticmethod
    async def published(bus: Bus, agent_id: str) -> list[tuple[int, str]]:
        """(sequence, reason) of the agent's events in stream order."""
        sub = await bus.js.subscribe(f"sb.acme.agent.{agent_id}", ordered_consumer=True)
        found: list[tuple[int, str]] = []
        info = await bus.api("STREAM.INFO.AGENT", {"subjects_filter": f"sb.acme.agent.{agent_id}"})
        state = info["state"]
        assert isinstance(state, dict)
        for _ in range(sum((state.get("subjects") or {}).values())):
            msg = await sub.next_msg(timeout=2)
            for event in read_events(msg.subject, msg.data, msg.headers, Delivery.parse(msg.reply)):
                found.append((event.seq, AgentPresenceChanged.FromString(event.payload).reason))
        await sub.unsubscribe()
        return found


@pytest.fixture
def agents() -> type[Agents]:
    return Agents
