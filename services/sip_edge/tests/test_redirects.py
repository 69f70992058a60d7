"""Redirections (302) of carriers and of agents' phones: followed only as far as trunk and tenant say."""

from __future__ import annotations

from typing import Any

import pytest

from seatbus.call.v1 import types_pb2 as call_types
from seatbus.tenancy.v1 import types_pb2 as tenancy
from seatbus_testkit.phone import Phone, PhoneCall, Policy

from .outside_world import E164, OUTSIDE, PLAN, Carrier, carrier, company

NEXT = "+4940777888"
FOLLOW = {"follow": True}


async def _redirects(out: Carrier, *contacts: str) -> PhoneCall:
    """The next call of the carrier is sent elsewhere."""
    there = await out.call()
    await there.reject(302, contacts=contacts)
    return there


async def _dialled(world: Any, **redirects: Any) -> tuple[Phone, Carrier]:
    phone = await company(world)
    fields: dict[str, Any] = {"redirects": redirects} if redirects else {}
    return phone, await carrier(world, policy=Policy.manual(), dial_plan=PLAN, **fields)


async def _fact(world: Any) -> Any:
    await world.until(lambda: "LegRedirected" in world.types())
    return world.last("LegRedirected")


@pytest.mark.parametrize("contact", [f"<sip:{NEXT}@198.51.100.7>", "<tel:+49-40-777.888;npdi>"])
async def test_a_carrier_s_302_is_followed_where_the_trunk_says_so(world: Any, contact: str) -> None:
    phone, out = await _dialled(world, **FOLLOW)
    out.phone.policy = Policy.manual()
    call = await phone.dial(OUTSIDE)
    await _redirects(out, contact)
    there = await out.call()
    assert there.request.target.username == NEXT
    await there.answer()
    await call.wait_answered()
    fact = await _fact(world)
    assert (fact.from_number, fact.to_number, fact.sip_status, fact.refused_by) == (E164, NEXT, 302, "")
    await call.hang_up()
    await there.wait_ended()
    ended = await world.ended()
    assert ended.cause == call_types.HANGUP_CAUSE_AGENT_HUNG_UP
    assert [leg.number for leg in ended.call.legs if leg.number] == [NEXT]


async def test_the_contact_with_the_highest_q_that_may_be_called_is_taken(world: Any) -> None:
    phone, out = await _dialled(world, follow=True, prefixes=["4940"])
    call = await phone.dial(OUTSIDE)
    await _redirects(
        out, "<sip:+33123456@x>;q=0.9", "<sip:+4940111222@x>;q=0.2", f"<sip:{NEXT}@198.51.100.7>;q=0.5"
    )
    there = await out.call()
    assert there.request.target.username == NEXT
    await there.answer()
    await call.wait_answered()


@pytest.mark.parametrize(
    ("redirects", "contact", "rule"),
    [
        ({}, f"<sip:{NEXT}@x>", "redirects_not_followed"),
        ({"follow": False}, f"<sip:{NEXT}@x>", "redirects_not_followed"),
        ({"follow": True, "prefixes": ["4989"]}, f"<sip:{NEXT}@x>", "redirect_prefix"),
        (FOLLOW, f"<sip:{OUTSIDE}@x>", "redirect_loop"),
        (FOLLOW, "<sip:alice@x>", "no_number"),
        # The toll guard looks at the new number as at any other.
        (FOLLOW, "<sip:+882123456789@x>", "premium_number"),
        (FOLLOW, "", "no_number"),
    ],
)
async def test_what_is_not_followed_ends_the_leg(
    world: Any, redirects: dict[str, Any], contact: str, rule: str
) -> None:
    phone, out = await _dialled(world, **redirects)
    call = await phone.dial(OUTSIDE)
    await _redirects(out, *([contact] if contact else []))
    assert await call.wait_status() == 480
    assert (await _fact(world)).refused_by == rule
    await world.ended()
    assert not out.phone.calls


async def test_each_hop_is_counted_and_a_circle_is_refused(world: Any) -> None:
    phone, out = await _dialled(world, follow=True, max_hops=2)
    call = await phone.dial(OUTSIDE)
    for contact in ("<sip:+4940111@x>", "<sip:+4940222@x>", "<sip:+4940333@x>"):
        await _redirects(out, contact)
    assert await call.wait_status() >= 300
    await world.ended()
    assert (await _fact(world)).refused_by == "too_many_redirects"
    assert world.types().count("LegRedirected") == 3


async def test_the_tenant_s_policy_is_for_trunks_without_their_own(world: Any) -> None:
    policy = tenancy.RedirectPolicy(follow=True, same_trunk=True)
    await world.put("tenant", world.tenant, tenancy.Tenant(name="T", redirects=policy))
    phone, out = await _dialled(world)
    other = await carrier(world, "other", policy=Policy.manual())
    route = tenancy.OutboundRoute(name="to Hamburg", prefixes=["4940"])
    route.trunks.add(trunk_id="other")
    rest = tenancy.OutboundRoute(name="rest")
    rest.trunks.add(trunk_id="out")
    await world.put("outbound_route", "hamburg", route)
    await world.put("outbound_route", "rest", rest)
    view = world.app.edge.config
    await world.until(lambda: len(view.objects(world.tenant, "outbound_route")) == 2)
    call = await phone.dial(OUTSIDE)
    await _redirects(out, f"<sip:{NEXT}@x>")
    assert await call.wait_status() >= 300
    assert (await _fact(world)).refused_by == "no_trunk"
    assert not other.phone.calls


async def test_an_agent_s_phone_forwards_and_the_key_is_pressed_there(world: Any, steps: Any) -> None:
    """As with an agent's outside number: a voicemail that picks up is no answer."""
    out = await carrier(world, policy=Policy.manual())
    policy = tenancy.RedirectPolicy(follow=True)
    await world.put("tenant", world.tenant, tenancy.Tenant(name="T", phone_forwards=policy))
    caller = await world.phone()
    await world.configure(caller)
    phone = await world.agent_phone()
    world.script(steps.enqueue())
    call = await caller.dial(world.number)
    await world.until(lambda: world.acd.enqueued)
    await world.offer()
    ringing = await phone.next_call()
    await ringing.reject(302, contacts=[f"<sip:{NEXT}@x>"])
    there = await out.call()
    assert there.request.target.username == NEXT
    await there.answer()
    await world.until(lambda: "collect" in world.media.names())
    assert "CallBridged" not in world.types()
    world.media.collected(world.acd.enqueued[-1].call_id, "1")
    await world.until(lambda: "CallBridged" in world.types())
    assert world.last("CallBridged").agent_id == "anna"
    fact = await _fact(world)
    assert (fact.from_number, fact.to_number) == ("", NEXT)
    await call.hang_up()
    await there.wait_ended()


async def test_without_leave_of_the_tenant_a_phone_forwards_nothing(world: Any, steps: Any) -> None:
    out = await carrier(world, policy=Policy.manual())
    caller = await world.phone()
    await world.configure(caller)
    phone = await world.agent_phone()
    world.script(steps.enqueue())
    await caller.dial(world.number)
    await world.until(lambda: world.acd.enqueued)
    await world.offer()
    ringing = await phone.next_call()
    await ringing.reject(302, contacts=[f"<sip:{NEXT}@x>"])
    assert (await _fact(world)).refused_by == "redirects_not_followed"
    await world.until(lambda: world.acd.offers)
    assert not out.phone.calls
