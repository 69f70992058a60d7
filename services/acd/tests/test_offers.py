"""What an offer leaves behind when agent_state refuses it."""

from __future__ import annotations

from typing import Any

import pytest

from seatbus_acd.application.offers import Offers
from seatbus_acd.application.ports import Visit
from seatbus_acd.domain.model import AgentReserved, Decision, Offer, OfferFailed, Rule
from seatbus_acd.domain.visit import Fence
from seatbus_kit.errors import Refused
from seatbus_kit.ids import uuid7

KEY, AGENT = ("acme", uuid7()), ("acme", "a1")


class Elsewhere:
    """Agents, edges and the holder, as far as one offer goes; notes what is asked of them, in order."""

    def __init__(self, refusal: str) -> None:
        self.refusal = refusal
        self.done: list[str] = []
        self.fence = Fence("g", 1)
        self.contacts = self
        self.visits: dict[Any, Visit] = {}
        self.alive = True

    async def reserve(self, *_: object) -> int:
        if self.refusal:
            raise Refused(self.refusal, "no")
        return 7

    async def release(self, visit: Visit, agent: tuple[str, str], rid: str) -> None:
        self.done.append(f"release {agent[1]}")

    async def offer(self, *args: object) -> None:
        self.done.append("phone rings" if len(args) == 4 else "contact offered")

    async def give_back(self, *_: object) -> None:
        self.done.append("contact given back")

    def present(self, _instance: str) -> bool:
        return True

    def is_current(self, *_: object) -> bool:
        return True

    def fifo(self, _key: object) -> int:
        return 1

    def apply(self, event: object) -> None:
        self.done.append({OfferFailed: "failed", AgentReserved: "reserved"}[type(event)])  # type: ignore[index]


@pytest.mark.parametrize(
    ("refusal", "last"),
    [
        # An earlier try, whose answer was lost, may have taken the agent before the offer was withdrawn.
        ("offer_withdrawn", ["contact given back", "failed", "release a1"]),
        ("no_capacity", ["contact given back", "failed"]),
        ("agent_not_ready", ["contact given back", "failed"]),
        ("", ["reserved", "phone rings"]),
    ],
)
async def test_an_offer_withdrawn_before_it_was_reserved_leaves_no_agent_behind(
    refusal: str, last: list[str]
) -> None:
    world: Any = Elsewhere(refusal)
    visit = Visit(*KEY, uuid7(), "sales", "edge-1", "voice", 0.0)
    world.visits[KEY] = visit
    decision = Decision(KEY, ("acme", "sales"), 0.0, Rule.LONGEST_IDLE, AGENT)
    await Offers(world, world, world).make(Offer(KEY, uuid7(), AGENT, 1, 20, 0, decision))
    assert world.done == ["contact offered", *last]
