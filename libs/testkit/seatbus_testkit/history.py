"""What happened, read from the streams of a bus: for checkers that judge a whole run afterwards."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

from seatbus.agent.v1 import events_pb2 as agent_events
from seatbus.agent.v1 import types_pb2 as agent_types
from seatbus_contracts.subjects import Domain, tenant_events
from seatbus_kit.burst import read_events
from seatbus_kit.bus import Bus
from seatbus_kit.events import Delivery, InEvent

_READ_S = 10.0
_CONNECTED = frozenset(
    {
        agent_types.WORK_STATE_TALKING,
        agent_types.WORK_STATE_HELD,
        agent_types.WORK_STATE_CONSULTING,
        agent_types.WORK_STATE_CONFERENCED,
    }
)


@dataclass(frozen=True)
class History:
    """All events of one tenant, each stream in its order."""

    events: tuple[InEvent, ...]

    @classmethod
    async def read(cls, bus: Bus, tenant: str) -> History:
        """What the streams hold when they are asked."""
        found: list[InEvent] = []
        for domain in (Domain.CALL, Domain.AGENT, Domain.CONTACT, Domain.RECORDING, Domain.CONFIG):
            subject = tenant_events(tenant, domain)
            stream = await bus.js.find_stream_name_by_subject(subject)
            state = (await bus.js.stream_info(stream, subjects_filter=subject)).state
            subscription = await bus.js.subscribe(subject, ordered_consumer=True)
            for _ in range(sum((state.subjects or {}).values())):
                message = await subscription.next_msg(timeout=_READ_S)
                delivery = Delivery.parse(message.reply)
                found += read_events(message.subject, message.data, message.headers, delivery)
            await subscription.unsubscribe()
        return cls(tuple(found))

    def gaps(self) -> list[str]:
        """Entities whose sequence is not 1, 2, 3, …, each number once, with the numbers that were seen."""
        seen: dict[tuple[str, str], list[int]] = defaultdict(list)
        for event in self.events:
            seen[event.domain, event.entity].append(event.seq)
        return [
            f"{domain} {entity}: {numbers}"
            for (domain, entity), numbers in seen.items()
            if numbers != list(range(1, len(numbers) + 1))
        ]

    def double_bookings(self) -> list[str]:
        """Moments at which an agent was connected to two contacts, or a contact to two agents."""
        agents: dict[str, str] = {}  # agent -> contact
        contacts: dict[str, str] = {}  # contact -> agent
        found = []
        changes = [event for event in self.events if event.type_name.endswith("AgentWorkChanged")]
        for event in sorted(changes, key=lambda event: event.occurred_at):
            change = event.decode()
            if not isinstance(change, agent_events.AgentWorkChanged):
                continue
            agent, contact = event.entity, change.contact_id
            if change.to not in _CONNECTED:
                if agents.get(agent) == contact:
                    del agents[agent]
                    contacts.pop(contact, None)
                continue
            if agents.setdefault(agent, contact) != contact:
                found.append(f"{event.occurred_at}: agent {agent} talks to {agents[agent]} and {contact}")
            if contacts.setdefault(contact, agent) != agent:
                found.append(f"{event.occurred_at}: contact {contact} has {contacts[contact]} and {agent}")
        return found
