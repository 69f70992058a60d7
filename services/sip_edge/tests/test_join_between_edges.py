"""REFER with Replaces where the phone's two calls are on two edges: the party comes over, or all stays."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import quote

import pytest

from seatbus.agent.v1 import service_pb2 as agent
from seatbus.call.v1 import service_pb2 as call_pb
from seatbus.call.v1 import types_pb2 as call_types
from seatbus_kit.ids import uuid7
from seatbus_kit.rpc import invoke
from seatbus_sip.replaces import Replaces
from seatbus_testkit.phone import Phone, PhoneCall
from seatbus_testkit.platform import free_port_base

from .colleagues import device_of
from .two_edges import Second


@pytest.fixture
async def other(empty_world: Any) -> AsyncIterator[Second]:
    """The second edge, beside the world's own."""
    world = empty_world
    port = free_port_base()
    await world.start_edge(sip_port=port, sip_tcp_port=port)
    second = await Second.start(world, "b")
    first = world.app.edge
    await world.until(
        lambda: (
            first.edges.hop(second.edge.edges.own_id, reliable=True)
            and second.edge.edges.hop(first.edges.own_id, reliable=True)
            and first.neighbours.instances.get(second.edge.instance_id)
        )
    )
    yield second
    await second.stop()


async def _ben(world: Any, second: Second, transport: str) -> Phone:
    """A colleague whose phone is registered at the second edge."""
    username = await device_of(world, "ben", "ben-phone", "2002")
    await world.until(lambda: second.edge.config.device_by_username(username))
    await world.until(lambda: second.edge.config.device_by_username(world.username))
    phone = await Phone.start(second.at(transport), username=username, password="pw", transport=transport)
    world.phones.append(phone)
    await phone.register()
    await world.until(lambda: second.edge.registrar.reach(world.tenant, "ben"))
    return phone


class Two:
    """anna's phone with a customer at one edge and a colleague at the other."""

    customer: PhoneCall
    first: PhoneCall
    asked: PhoneCall
    colleague: PhoneCall

    @property
    def replaces(self) -> str:
        dialog = self.asked.dialog
        assert dialog is not None
        named = Replaces(dialog.call_id, str(dialog.remote_tag), dialog.local_tag)
        return f"sip:2002@seatbus?Replaces={quote(str(named), safe='')}"


async def _two_calls(world: Any, steps: Any, second: Second, transport: str = "UDP") -> Two:
    made = Two()
    caller = await world.phone()
    await world.configure(caller)
    anna = await world.agent_phone()
    ben = await _ben(world, second, transport)
    world.script(steps.enqueue())
    made.customer = await caller.dial(world.number)
    await world.until(lambda: world.acd.enqueued)
    await world.offer()
    made.first = await anna.next_call()
    await made.first.answer()
    await world.until(lambda: "CallBridged" in world.types())
    # The phone calls its colleague through the other edge.
    anna.server = second.at("UDP")
    made.asked = await anna.dial("2002")
    made.colleague = await ben.next_call()
    await made.colleague.answer()
    await made.asked.wait_answered()
    await world.until(lambda: len(second.edge.sessions) == 1 and _phase(second) == "bridged")
    assert len(world.app.edge.sessions) == 1
    return made


def _phase(second: Second) -> str:
    return str(next(iter(second.edge.sessions.values())).call.phase.value)


@pytest.mark.parametrize("transport", ["UDP", "WS"])
async def test_the_colleague_comes_over_to_the_customer_s_edge(
    empty_world: Any, other: Second, steps: Any, transport: str
) -> None:
    world = empty_world
    two = await _two_calls(world, steps, other, transport)
    assert await two.first.refer(two.replaces) == 202
    await two.first.wait_ended()
    await two.asked.wait_ended()
    assert two.first.notified == ["SIP/2.0 100 Trying", "SIP/2.0 200 OK"]
    assert two.customer.state == two.colleague.state == "answered"
    session = next(iter(world.app.edge.sessions.values()))
    leg = session.call.agent_leg
    assert leg is not None
    assert leg.agent_id == "ben"
    # agent_state hears from whom it has the reservation now.
    await world.until(
        lambda: any(
            work.rid == leg.rid
            and work.event == agent.WORK_EVENT_ANSWERED
            and work.edge_instance == world.instance_id
            for work in world.agents.work
        )
    )
    answer = await world.ask(
        "QueryReservation",
        call_pb.QueryReservationRequest(tenant_id=world.tenant, call_id=uuid7(), rid=leg.rid),
    )
    assert answer.state == call_types.LEG_STATE_ANSWERED
    # The dialog is served here in all: hold from the phone, and its BYE.
    await world.until(lambda: session.sip.legs[leg.leg_id].refreshing is False)
    await two.colleague.hold()
    await world.until(lambda: "LegHeld" in world.types())
    await two.colleague.hold(False)
    await two.colleague.hang_up()
    await two.customer.wait_ended()
    await world.until(lambda: world.types().count("CallEnded") == 2)
    causes = {event.decode().cause for event in world.events if event.type_name.endswith(".CallEnded")}
    assert causes == {call_types.HANGUP_CAUSE_TRANSFERRED, call_types.HANGUP_CAUSE_AGENT_HUNG_UP}
    assert world.last("CallTransferred").kind == "attended"


async def test_the_colleague_who_comes_over_is_met_in_the_network_and_the_way_as_before(
    empty_world: Any, other: Second, steps: Any
) -> None:
    world = empty_world
    media = world.neighbours["media"]
    media.instances.set_attributes(zones="site")
    await media.instances.beat_now()
    for edge in (world.app.edge, other.edge):
        found = edge.neighbours.instances
        await world.until(lambda found=found: "zones" in found.get("media-fake").attributes)
    two = await _two_calls(world, steps, other)
    call = next(iter(other.edge.sessions.values())).call
    party = call.legs[call.agent_leg_id]
    party = party if party.agent_id == "ben" else call.caller_leg
    party.media_zone = "site"
    assert await two.first.refer(two.replaces) == 202
    await two.first.wait_ended()
    await world.until(lambda: two.first.notified[-1] == "SIP/2.0 200 OK")
    session = next(iter(world.app.edge.sessions.values()))
    made = world.media.last("make_offer", session.call.call_id)
    assert made.zone == "site"
    assert made.continues
    leg = session.call.agent_leg
    assert leg is not None
    assert (leg.agent_id, leg.media_zone) == ("ben", "site")
    await two.customer.hang_up()


async def test_a_dialog_that_the_other_edge_does_not_know(
    empty_world: Any, other: Second, steps: Any
) -> None:
    world = empty_world
    two = await _two_calls(world, steps, other)
    wrong = two.replaces.replace(two.asked.dialog.call_id, "other") if two.asked.dialog else ""
    assert await two.first.refer(wrong) == 202
    await world.until(lambda: len(two.first.notified) == 2)
    assert two.first.notified[1].startswith("SIP/2.0 481")
    assert [side.state for side in (two.first, two.asked, two.colleague, two.customer)] == ["answered"] * 4
    # What was made for the colleague is gone again.
    await world.until(lambda: world.media.names()[-1] == "remove_endpoint")


async def test_another_edge_that_does_not_answer(empty_world: Any, other: Second, steps: Any) -> None:
    world = empty_world
    two = await _two_calls(world, steps, other)
    await other.runtime.rpc.stop(0)
    assert await two.first.refer(two.replaces) == 202
    await world.until(lambda: len(two.first.notified) == 2, 15)
    assert two.first.notified[1].startswith("SIP/2.0 503")
    assert [side.state for side in (two.first, two.asked, two.colleague, two.customer)] == ["answered"] * 4
    await two.first.hold()
    await world.until(lambda: "LegHeld" in world.types())


async def test_a_party_that_is_not_released_gets_its_audio_back(
    empty_world: Any, other: Second, steps: Any
) -> None:
    """The first edge has thought better of it: its customer has hung up meanwhile."""
    world = empty_world
    two = await _two_calls(world, steps, other)
    held = next(iter(other.edge.sessions.values()))
    dialog = two.asked.dialog
    assert dialog is not None
    named = call_pb.AgentDialog(
        sip_call_id=dialog.call_id,
        own_tag=str(dialog.remote_tag),
        peer_tag=dialog.local_tag,
        agent_tenant_id=world.tenant,
        agent_id="anna",
    )
    stub = world.app.edge.neighbours.edge_stub(other.runtime.rpc.address)
    offer = next(iter(world.app.edge.sessions.values())).call.local_sdp
    asked = call_pb.OfferPartyRequest(context=world.context(), dialog=named, sdp=offer)
    assert (await invoke(stub.OfferParty, asked, 3.0)).status == 200
    assert (await invoke(stub.OfferParty, asked, 3.0)).status == 491
    before = world.media.names(held.call.call_id).count("accept_answer")
    undo = call_pb.ReleasePartyRequest(
        context=world.context(), dialog=named, undo=True, owner=world.instance_id
    )
    await invoke(stub.ReleaseParty, undo, 3.0)
    await world.until(lambda: world.media.names(held.call.call_id).count("accept_answer") > before)
    assert _phase(other) == "bridged"
    assert two.colleague.state == two.asked.state == "answered"
