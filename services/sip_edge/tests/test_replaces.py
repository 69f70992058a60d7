"""INVITE with Replaces (RFC 3891): who may take which call, and what becomes of the others."""

from __future__ import annotations

from typing import Any

import pytest

from seatbus.acd.v1 import types_pb2 as acd_types
from seatbus.agent.v1 import types_pb2 as agent_types
from seatbus.call.v1 import service_pb2 as control
from seatbus.call.v1 import types_pb2 as call_types
from seatbus.tenancy.v1 import types_pb2 as tenancy
from seatbus_kit.buckets import Bucket
from seatbus_kit.errors import Refused
from seatbus_kit.ids import uuid7
from seatbus_sip.replaces import Replaces
from seatbus_testkit.phone import PhoneCall
from seatbus_testkit.platform import free_port_base

from .colleagues import phone_of, ringing, talking
from .two_edges import Second

RINGING, TALKING = tenancy.PHONE_TAKEOVER_RINGING, tenancy.PHONE_TAKEOVER_TALKING


async def _permit(world: Any, takeover: tenancy.PhoneTakeover) -> None:
    await world.put("tenant", world.tenant, tenancy.Tenant(name="T", phone_takeover=takeover))
    view = world.app.edge.config

    def there() -> bool:
        found = view.get(world.tenant, "tenant", world.tenant)
        return found is not None and found.tenant.phone_takeover == takeover

    await world.until(there)


def named(call: PhoneCall, *, early_only: bool = False) -> dict[str, object]:
    """The dialog of a phone as another one names it to the platform."""
    dialog = call.dialog
    assert dialog is not None
    value = Replaces(dialog.call_id, str(dialog.remote_tag), dialog.local_tag, early_only)
    return {"Replaces": str(value), "Require": "replaces"}


async def test_a_colleague_s_phone_takes_what_rings(world: Any, steps: Any) -> None:
    call, rings = await ringing(world, steps)
    await _permit(world, RINGING)
    phone = await phone_of(world, "ben", "ben-phone")
    taken = await phone.dial(world.number, headers=named(rings, early_only=True))
    await taken.wait_answered()
    await rings.wait_ended()
    await call.wait_answered()
    await world.until(lambda: "CallBridged" in world.types())
    assert world.last("CallBridged").agent_id == "ben"
    assert world.last("CallPickedUp").agent_id == "ben"
    await world.until(lambda: world.acd.cancelled)
    assert world.acd.cancelled[-1].outcome == acd_types.VISIT_OUTCOME_TRANSFERRED_OUT
    assert [work.agent_id for work in world.agents.begun] == ["ben"]
    await taken.hang_up()
    await call.wait_ended()
    assert (await world.ended()).cause == call_types.HANGUP_CAUSE_AGENT_HUNG_UP


async def test_another_phone_of_the_agent_takes_what_rings_under_the_same_reservation(
    world: Any, steps: Any
) -> None:
    call, rings = await ringing(world, steps)
    phone = await phone_of(world, "anna", "anna-mobile")
    taken = await phone.dial(world.number, headers=named(rings))
    await taken.wait_answered()
    await rings.wait_ended()
    await world.until(lambda: "CallBridged" in world.types())
    assert world.last("CallBridged").agent_id == "anna"
    await world.until(lambda: "offer answered" in world.told)
    assert not world.agents.begun
    assert not world.acd.cancelled
    assert len({work.rid for work in world.agents.work}) == 1
    await call.hang_up()
    await taken.wait_ended()
    assert (await world.ended()).cause == call_types.HANGUP_CAUSE_CALLER_HUNG_UP


@pytest.mark.parametrize(("agent", "reservations"), [("anna", 1), ("ben", 2)])
async def test_a_conversation_goes_on_at_another_phone(
    world: Any, steps: Any, agent: str, reservations: int
) -> None:
    call, talks = await talking(world, steps)
    await _permit(world, TALKING)
    phone = await phone_of(world, agent, "other")
    taken = await phone.dial(world.number, headers=named(talks))
    await taken.wait_answered()
    await talks.wait_ended()
    assert talks.ended_by == "remote"
    await world.until(lambda: "CallTransferred" in world.types())
    assert world.last("CallTransferred").kind == "replaced"
    await world.until(lambda: world.types().count("CallBridged") == 2)
    await taken.hold()
    await world.until(lambda: "LegHeld" in world.types())
    await taken.hold(False)
    await call.hang_up()
    await taken.wait_ended()
    ended = await world.ended()
    legs = [leg for leg in ended.call.legs if leg.agent_id]
    assert [leg.agent_id for leg in legs] == ["anna", agent]
    assert len({work.rid for work in world.agents.work}) == reservations


@pytest.mark.parametrize(
    ("takeover", "early", "flag", "status"),
    [
        (tenancy.PHONE_TAKEOVER_UNSPECIFIED, True, False, 403),
        (RINGING, False, False, 403),
        (TALKING, False, True, 486),
    ],
)
async def test_what_may_not_be_taken_stays_as_it_is(
    world: Any, steps: Any, takeover: tenancy.PhoneTakeover, early: bool, flag: bool, status: int
) -> None:
    call, side = await (ringing if early else talking)(world, steps)
    await _permit(world, takeover)
    phone = await phone_of(world, "ben", "ben-phone")
    refused = await phone.dial(world.number, headers=named(side, early_only=flag))
    assert await refused.wait_status() == status
    assert side.state == ("ringing" if early else "answered")
    assert call.state == "answered"
    assert not world.agents.begun


async def test_a_dialog_that_nobody_knows_or_that_has_ended(world: Any, steps: Any) -> None:
    call, talks = await talking(world, steps)
    dialog = named(talks)
    phone = await phone_of(world, "anna", "anna-mobile")
    for wrong in ("x;to-tag=1;from-tag=2", f"{str(dialog['Replaces']).rpartition('=')[0]}=other"):
        refused = await phone.dial(world.number, headers={"Replaces": wrong})
        assert await refused.wait_status() == 481
    unreadable = await phone.dial(world.number, headers={"Replaces": "x"})
    assert await unreadable.wait_status() == 400
    await call.hang_up()
    await world.ended()
    late = await phone.dial(world.number, headers=dialog)
    assert await late.wait_status() == 603


async def test_a_phone_takes_no_customer_s_place_and_a_carrier_no_phone_s(world: Any, steps: Any) -> None:
    call, talks = await talking(world, steps)
    await _permit(world, TALKING)
    phone = await phone_of(world, "ben", "ben-phone")
    refused = await phone.dial(world.number, headers=named(call))
    assert await refused.wait_status() == 403
    trunk = world.phones[0]
    stranger = await trunk.dial(world.number, headers=named(talks))
    assert await stranger.wait_status() == 403
    assert talks.state == "answered"


async def test_whom_agent_state_does_not_give_cannot_take_a_call(world: Any, steps: Any) -> None:
    _, rings = await ringing(world, steps)
    await _permit(world, RINGING)
    world.agents.not_begun = Refused("logged_out", "the agent is logged out", field="agent_id")
    phone = await phone_of(world, "ben", "ben-phone")
    refused = await phone.dial(world.number, headers=named(rings))
    assert await refused.wait_status() == 403
    assert rings.state == "ringing"
    # Its audio is not left behind.
    await world.until(lambda: world.media.names()[-1] == "remove_endpoint")
    await rings.answer()
    await world.until(lambda: "CallBridged" in world.types())
    assert world.last("CallBridged").agent_id == "anna"


async def test_the_phone_s_invite_finds_the_call_s_edge(empty_world: Any, steps: Any) -> None:
    """The agent's other phone is at another edge, which passes its INVITE on."""
    world = empty_world
    port = free_port_base()
    await world.start_edge(sip_port=port, sip_tcp_port=port)
    second = await Second.start(world, "b")
    try:
        first = world.app.edge
        await world.until(lambda: second.edge.edges.hop(first.edges.own_id, reliable=True))
        await world.until(lambda: first.edges.hop(second.edge.edges.own_id, reliable=True))
        call, talks = await talking(world, steps)
        phone = await phone_of(world, "anna", "anna-mobile")
        await world.until(lambda: second.edge.config.device_by_username(phone.username))
        phone.server = second.at("UDP")
        taken = await phone.dial(world.number, headers=named(talks))
        await taken.wait_answered()
        await talks.wait_ended()
        assert not second.edge.sessions
        await taken.hang_up()
        await call.wait_ended()
    finally:
        await second.stop()


async def _may_pick_up(world: Any, *edges: Any) -> Any:
    """Ben, whose branch has a code for it, and his phone."""
    plan = tenancy.DialPlan(pickup_prefix="**")
    await world.put("branch", "berlin", tenancy.Branch(name="Berlin", time_zone="UTC", dial_plan=plan))
    phone = await phone_of(world, "ben", "ben-phone")
    await world.put("agent", "ben", tenancy.Agent(name="ben", branch_id="berlin"))

    def known() -> bool:
        return all(
            edge.dialling.picks_up(world.tenant, "berlin", "**1001") == "anna" for edge in edges
        ) and all(edge.config.get(world.tenant, "agent", "ben").agent.branch_id for edge in edges)

    await world.until(known)
    return phone


async def test_a_code_before_an_extension_takes_what_rings_there(world: Any, steps: Any) -> None:
    call, rings = await ringing(world, steps)
    phone = await _may_pick_up(world, world.app.edge)
    refused = await phone.dial("**1001")
    assert await refused.wait_status() == 403
    assert rings.state == "ringing"
    await _permit(world, RINGING)
    taken = await phone.dial("**1001")
    await taken.wait_answered()
    await rings.wait_ended()
    await world.until(lambda: "CallBridged" in world.types())
    assert world.last("CallPickedUp").agent_id == "ben"
    nothing = await phone.dial("**1001")
    assert await nothing.wait_status() == 480
    await taken.hang_up()
    await call.wait_ended()


async def test_what_rings_at_another_edge_is_picked_up_there(empty_world: Any, steps: Any) -> None:
    world = empty_world
    port = free_port_base()
    await world.start_edge(sip_port=port, sip_tcp_port=port)
    second = await Second.start(world, "b")
    try:
        first = world.app.edge
        await world.until(lambda: second.edge.edges.hop(first.edges.own_id, reliable=True))
        await world.until(lambda: first.edges.hop(second.edge.edges.own_id, reliable=True))
        _, rings = await ringing(world, steps)
        await _permit(world, RINGING)
        phone = await _may_pick_up(world, first, second.edge)
        state = agent_types.AgentState(tenant_id=world.tenant, agent_id="anna")
        state.work.add(rid=uuid7(), edge_instance=world.instance_id)
        await Bucket(world.bus, "agents").put(f"{world.tenant}.anna", state.SerializeToString(), 0)
        phone.server = second.at("UDP")
        taken = await phone.dial("**1001")
        await taken.wait_answered()
        await rings.wait_ended()
        assert not second.edge.sessions
        await taken.hang_up()
    finally:
        await second.stop()


async def _asking(world: Any, steps: Any, *, answers: bool = True) -> tuple[PhoneCall, PhoneCall, PhoneCall]:
    """The customer, anna who asks, and ben who is asked."""
    call, talks = await talking(world, steps)
    await _permit(world, TALKING)
    ben = await phone_of(world, "ben", "ben-phone")
    await ben.register()
    target = call_types.OutboundTarget(agent_id="ben")
    await world.ask(
        "StartConsult",
        control.StartConsultRequest(
            context=world.context(), call_id=world.acd.enqueued[-1].call_id, target=target
        ),
    )
    asked = await ben.next_call()
    await asked.ring()
    await world.until(lambda: world.types().count("LegRinging") == 2)
    if answers:
        await asked.answer()
        await world.until(lambda: world.types().count("LegAnswered") == 3)
    return call, talks, asked


@pytest.mark.parametrize(("agent", "device"), [("anna", "anna-mobile"), ("carl", "carl-phone")])
async def test_who_asks_a_colleague_goes_on_at_another_phone(
    world: Any, steps: Any, agent: str, device: str
) -> None:
    call, talks, asked = await _asking(world, steps)
    phone = await phone_of(world, agent, device)
    taken = await phone.dial(world.number, headers=named(talks))
    await taken.wait_answered()
    await talks.wait_ended()
    await world.until(lambda: "CallTransferred" in world.types())
    assert asked.state == call.state == "answered"
    legs = next(iter(world.app.edge.sessions.values())).call

    def connected() -> set[str]:
        last = world.media.last("connect")
        return {last.endpoint_a, last.endpoint_b}

    await world.until(lambda: connected() == {legs.agent_leg_id, legs.consult_leg_id})
    # The new phone goes, as who asked would: the two others have each other.
    await taken.hang_up()
    await world.until(lambda: world.types().count("CallTransferred") == 2)
    await asked.hang_up()
    await call.wait_ended()
    assert (await world.ended()).cause == call_types.HANGUP_CAUSE_AGENT_HUNG_UP


@pytest.mark.parametrize("answers", [True, False])
async def test_another_phone_of_who_is_asked_takes_the_question(
    world: Any, steps: Any, answers: bool
) -> None:
    call, talks, asked = await _asking(world, steps, answers=answers)
    phone = await phone_of(world, "ben", "ben-mobile")
    taken = await phone.dial(world.number, headers=named(asked))
    await taken.wait_answered()
    await asked.wait_ended()
    await world.until(lambda: world.types().count("LegAnswered") == (4 if answers else 3))
    assert [work.agent_id for work in world.agents.begun] == ["ben"]
    assert talks.state == "answered"
    # The question is over, the agent is with the customer again.
    await taken.hang_up()
    await world.until(lambda: "CallConsultEnded" in world.types())
    assert talks.state == call.state == "answered"
    await call.hang_up()
    await talks.wait_ended()


async def test_a_phone_that_has_taken_a_place_in_a_question_is_there_after_a_restart(
    world: Any, steps: Any
) -> None:
    call, _, asked = await _asking(world, steps)
    phone = await phone_of(world, "ben", "ben-mobile")
    taken = await phone.dial(world.number, headers=named(asked))
    await taken.wait_answered()
    await asked.wait_ended()
    await world.until(lambda: world.types().count("LegAnswered") == 4)
    await world.stop_edge()
    await world.start_edge(sip_port=world.sip[1])
    await taken.hang_up()
    await world.until(lambda: "CallConsultEnded" in world.types())
    assert call.state == "answered"
    await call.hang_up()
