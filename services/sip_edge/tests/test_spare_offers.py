"""Media offers the next agent's leg before there is an agent, beside the music of the customer who waits."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from seatbus.media.v1 import types_pb2 as media
from seatbus.tenancy.v1 import types_pb2 as tenancy
from seatbus_kit.errors import ResourceExhausted
from seatbus_sip_edge.application.spare_offers import SpareOffers
from seatbus_testkit.phone import Phone, PhoneCall

from .colleagues import offer_to, phone_of
from .test_recovery import restart


class Floor:
    """Anna's phone, and customers who wait for her one after the other."""

    def __init__(self, world: Any, caller: Phone, phone: Phone) -> None:
        self.world, self.caller, self.phone = world, caller, phone

    async def waits(self) -> PhoneCall:
        """One more customer, who hears music."""
        world, before = self.world, len(self.world.acd.enqueued)
        call = await self.caller.dial(world.number)
        await world.until(lambda: len(world.acd.enqueued) > before)
        call_id = self.call_id
        await world.until(lambda: "play" in world.media.names(call_id))
        media_lane = world.app.edge.sessions[call_id].commands.media.lane
        await world.until(lambda: not media_lane.busy)
        return call

    @property
    def call_id(self) -> str:
        """Of the last customer."""
        return str(self.world.acd.enqueued[-1].call_id)

    @property
    def call(self) -> Any:
        return self.world.app.edge.sessions[self.call_id].call

    def offers(self) -> list[Any]:
        """What media was asked to offer in the last call."""
        asked = [command for call_id, command in self.world.media.commands if call_id == self.call_id]
        return [command.make_offer for command in asked if command.HasField("make_offer")]

    def removed(self) -> list[str]:
        asked = [command for call_id, command in self.world.media.commands if call_id == self.call_id]
        return [
            command.remove_endpoint.endpoint_id for command in asked if command.HasField("remove_endpoint")
        ]

    async def browser_rings(self) -> PhoneCall:
        """Anna's phone is a browser by now: no offer made ahead suits it."""
        world = self.world
        device = world.app.edge.config.get(world.tenant, "device", "anna-phone").device
        device.kind = tenancy.DEVICE_KIND_WEBRTC
        await world.put("device", "anna-phone", device)

        def known() -> bool:
            phone = world.app.edge.registrar.reach(world.tenant, "anna")
            return phone is not None and phone.kind == media.ENDPOINT_KIND_WEBRTC

        await world.until(known)
        await world.offer(ring_timeout_s=20)
        return await self.phone.next_call()

    async def talks(self) -> PhoneCall:
        side = await self.phone.next_call()
        await side.answer()
        await self.world.until(lambda: self.call.phase == "bridged")
        return side

    async def gone(self, call: PhoneCall) -> None:
        """The customer hangs up, and nothing is left of the call anywhere."""
        call_id = self.call_id
        await call.hang_up()
        await self.world.until(lambda: call_id not in self.world.media.sessions)

    async def first(self) -> None:
        """The edge learns how Anna's phone is met."""
        call = await self.waits()
        assert not self.offers(), "nothing is known of the queue's phones yet"
        await self.world.offer()
        await self.talks()
        await self.gone(call)


@pytest.fixture
async def floor(world: Any, steps: Any) -> Floor:
    caller = await world.phone()
    await world.configure(caller)
    world.script(steps.enqueue())
    made = Floor(world, caller, await world.agent_phone())
    await made.first()
    return made


async def test_the_phone_rings_without_a_question_to_media(floor: Floor) -> None:
    world = floor.world
    call = await floor.waits()
    (spare,) = floor.offers()
    assert spare.like_endpoint_id == floor.call.caller_leg_id
    asked = len(world.media.results)
    rid = await world.offer()
    side = await floor.phone.next_call()
    assert len(world.media.results) == asked
    leg = floor.call.leg_of(rid)
    assert leg.leg_id == spare.endpoint_id
    assert leg.leg_id not in ("", floor.call.spare_leg_id)
    await side.answer()
    await world.until(lambda: floor.call.phase == "bridged")
    assert world.media.last("connect").endpoint_b == leg.leg_id
    assert not floor.removed()
    await floor.gone(call)


async def test_media_may_be_about_to_answer_when_the_agent_is_there(floor: Floor) -> None:
    world = floor.world
    world.media.hold_offer.clear()
    call = await floor.caller.dial(world.number)
    await world.until(lambda: len(world.acd.enqueued) == 2)
    await world.until(floor.offers)
    rid = await world.offer()
    assert floor.call.leg_of(rid).phase == "prepared"
    world.media.hold_offer.set()
    await floor.talks()
    assert {made.endpoint_id for made in floor.offers()} == {floor.call.leg_of(rid).leg_id}
    await floor.gone(call)


async def test_a_customer_who_gives_up_takes_it_along(floor: Floor) -> None:
    call = await floor.waits()
    assert floor.offers()
    await floor.gone(call)
    assert floor.world.media.names()[-1] == "end_session"


async def test_a_phone_of_another_kind_has_an_offer_of_its_own_and_the_other_one_goes(floor: Floor) -> None:
    world = floor.world
    call = await floor.waits()
    (spare,) = floor.offers()
    device = world.app.edge.config.get(world.tenant, "device", "anna-phone").device
    device.media_security = tenancy.MEDIA_SECURITY_SDES_REQUIRED
    await world.put("device", "anna-phone", device)

    def known() -> bool:
        phone = world.app.edge.registrar.reach(world.tenant, "anna")
        return phone is not None and phone.kind == media.ENDPOINT_KIND_SRTP_SDES

    await world.until(known)
    await world.offer()
    side = await floor.phone.next_call()
    assert [(made.kind, made.endpoint_id == spare.endpoint_id) for made in floor.offers()] == [
        (media.ENDPOINT_KIND_RTP, True),
        (media.ENDPOINT_KIND_SRTP_SDES, False),
    ]
    assert not floor.removed()
    await side.answer()
    await world.until(lambda: floor.removed() == [spare.endpoint_id])
    assert not floor.call.spare_leg_id
    await floor.gone(call)
    # The next one is made for the phone that the agents have now.
    call = await floor.waits()
    assert [made.kind for made in floor.offers()] == [media.ENDPOINT_KIND_SRTP_SDES]
    await floor.gone(call)


async def test_of_several_who_ring_the_first_has_it(floor: Floor) -> None:
    world = floor.world
    bert = await phone_of(world, "bert", "bert-phone")
    await bert.register()
    call = await floor.waits()
    (spare,) = floor.offers()
    ring = await offer_to(world, "anna", world.acd.enqueued[-1], ring_rid="ring")
    other = await offer_to(world, "bert", world.acd.enqueued[-1], ring_rid="ring")
    sides = await asyncio.gather(floor.phone.next_call(), bert.next_call())
    assert floor.call.leg_of(ring).leg_id == spare.endpoint_id
    assert [made.endpoint_id for made in floor.offers()] == [
        spare.endpoint_id,
        floor.call.leg_of(other).leg_id,
    ]
    await sides[1].answer()
    await world.until(lambda: floor.call.phase == "bridged")
    await world.until(lambda: floor.removed() == [spare.endpoint_id])
    await floor.gone(call)


async def test_after_an_agent_who_did_not_answer_the_next_is_asked_for_as_ever(floor: Floor) -> None:
    world = floor.world
    call = await floor.waits()
    (spare,) = floor.offers()
    await world.offer()
    side = await floor.phone.next_call()
    await side.reject(486)
    await world.until(lambda: floor.removed() == [spare.endpoint_id])
    rid = await world.offer()
    await floor.talks()
    assert [made.endpoint_id for made in floor.offers()[1:]] == [floor.call.leg_of(rid).leg_id]
    await floor.gone(call)


async def test_without_ports_for_it_the_customer_waits_as_ever(floor: Floor) -> None:
    world = floor.world
    refusal = ResourceExhausted("no port is left")
    refusal.field = "commands[1]"
    world.media.refuse["make_offer"] = refusal
    call = await floor.waits()
    assert not floor.offers()
    del world.media.refuse["make_offer"]
    rid = await world.offer()
    await floor.talks()
    assert [made.endpoint_id for made in floor.offers()] == [floor.call.leg_of(rid).leg_id]
    assert "play" in world.media.names(floor.call_id)
    await floor.gone(call)


async def test_an_instance_with_many_ports_in_use_is_asked_for_none(floor: Floor) -> None:
    world = floor.world
    instances = world.neighbours["media"].instances
    await instances.announce(lambda: 0.6, address=world.neighbours["media"].rpc.address)

    def known() -> bool:
        found = world.app.edge.neighbours.instances.get("media-fake")
        return found is not None and found.load == 0.6

    await world.until(known)
    call = await floor.waits()
    assert not floor.offers()
    await floor.gone(call)


async def test_who_restarts_takes_away_what_was_made_and_the_agent_is_reached(floor: Floor) -> None:
    world = floor.world
    call = await floor.waits()
    (spare,) = floor.offers()
    await restart(world)
    await world.until(lambda: floor.removed() == [spare.endpoint_id])
    rid = await world.offer()
    await floor.talks()
    assert floor.call.leg_of(rid).leg_id != spare.endpoint_id
    await floor.gone(call)


async def test_who_restarts_while_another_phone_rings_takes_it_away_at_last(floor: Floor) -> None:
    world = floor.world
    call = await floor.waits()
    (spare,) = floor.offers()
    side = await floor.browser_rings()
    await restart(world)
    assert floor.call.spare_leg_id == spare.endpoint_id
    await side.answer()
    await world.until(lambda: floor.call.phase == "bridged")
    await world.until(lambda: floor.removed() == [spare.endpoint_id])
    await floor.gone(call)
    call = await floor.waits()
    assert not floor.offers()
    await floor.gone(call)


async def test_who_dies_before_media_was_asked_to_take_it_away_asks_after_the_restart(
    floor: Floor, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = floor.world
    call = await floor.waits()
    (spare,) = floor.offers()
    side = await floor.browser_rings()
    # The journal has it that the spare leg is given back, and media is not asked.
    monkeypatch.setattr(SpareOffers, "fitted", lambda *_: [])
    await side.answer()
    await world.until(lambda: floor.call.phase == "bridged")
    assert not floor.call.spare_leg_id
    monkeypatch.undo()
    assert not floor.removed()
    await restart(world)
    await world.until(lambda: floor.removed() == [spare.endpoint_id])
    assert side.state == "answered"
    await floor.gone(call)
