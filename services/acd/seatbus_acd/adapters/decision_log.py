"""Why contacts went to whom: decisions as their events keep them, whoever made them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from seatbus.acd.v1.events_pb2 import ContactOffered
from seatbus_kit.burst import stored_events
from seatbus_kit.errors import InvalidArgument, NotFound
from seatbus_kit.log import get_logger

if TYPE_CHECKING:
    from seatbus.acd.v1.types_pb2 import Decision
    from seatbus_acd.domain.model import ContactKey
    from seatbus_kit.bus import Bus

log = get_logger("acd.decision_log")

_STREAM: Final = "CONTACT"
_MOST_EVENTS: Final = 200
_OFFERED: Final = ContactOffered.DESCRIPTOR.full_name


class DecisionLog:
    def __init__(self, bus: Bus) -> None:
        self._bus = bus

    async def of(self, key: ContactKey) -> list[Decision]:
        """Each decision that chose an agent for the contact, in order, while the stream keeps events."""
        subject, at = f"sb.{key[0]}.contact.{key[1]}", 1
        found: list[Decision] = []
        seen: set[int] = set()
        for _ in range(_MOST_EVENTS):
            try:
                answer = await self._bus.api(
                    f"STREAM.MSG.GET.{_STREAM}", {"seq": at, "next_by_subj": subject}, 2.0
                )
            except NotFound:
                break
            message = answer["message"]
            if not isinstance(message, dict):
                break
            at = int(message["seq"]) + 1
            try:
                events = stored_events(_STREAM, answer)
            except InvalidArgument as error:
                log.warning("a message of a contact is left out", subject=subject, reason=str(error))
                continue
            for event in events:
                # A repeated fact may stand in a burst that was cut another way.
                if event.seq in seen or event.type_name != _OFFERED:
                    continue
                seen.add(event.seq)
                offered = ContactOffered.FromString(event.payload)
                # A simultaneous ring has one decision and an event for each agent.
                if offered.decision.chosen_agent_id == offered.agent_id:
                    found.append(offered.decision)
        return found
