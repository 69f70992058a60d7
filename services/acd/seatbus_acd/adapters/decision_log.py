"""Why contacts went to whom: decisions as their events keep them, whoever made them."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Final

from seatbus.acd.v1.events_pb2 import ContactOffered
from seatbus_kit.errors import NotFound

if TYPE_CHECKING:
    from seatbus.acd.v1.types_pb2 import Decision
    from seatbus_acd.domain.model import ContactKey
    from seatbus_kit.bus import Bus

_STREAM: Final = "CONTACT"
_MOST_EVENTS: Final = 200
_OFFERED: Final = ContactOffered.DESCRIPTOR.full_name.encode()


class DecisionLog:
    def __init__(self, bus: Bus) -> None:
        self._bus = bus

    async def of(self, key: ContactKey) -> list[Decision]:
        """Each decision that chose an agent for the contact, in order, while the stream keeps events."""
        subject, at = f"sb.{key[0]}.contact.{key[1]}", 1
        found: list[Decision] = []
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
            headers = base64.b64decode(message.get("hdrs") or "")
            if _OFFERED in headers:
                offered = ContactOffered.FromString(base64.b64decode(message.get("data") or ""))
                # A simultaneous ring has one decision and an event for each agent.
                if offered.decision.chosen_agent_id == offered.agent_id:
                    found.append(offered.decision)
        return found
