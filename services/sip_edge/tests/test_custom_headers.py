"""Headers in and out: what strangers write stays on its line, what phones are told has its limits."""

from __future__ import annotations

import pytest

from seatbus.call.v1 import service_pb2 as call_pb
from seatbus.call.v1 import types_pb2 as call_types
from seatbus.tenancy.v1 import types_pb2 as tenancy
from seatbus_sip.message import Request
from seatbus_sip_edge.application.legs.custom_headers import (
    attributes_of,
    company_shown,
    diverted_from,
    one_line,
    screen_pop,
)
from seatbus_sip_edge.domain.model import Call, Leg, Role
from services.sip_edge.tests.conftest import Steps, World
from services.sip_edge.tests.outside_world import E164, carrier, company


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ("gold", "gold"),
        ("a\r\nX-Evil: 1", "a  X-Evil: 1"),
        ("a\x00b\x7fc", "a b c"),
        ("x" * 1000, "x" * 256),
        ("  ", ""),
        ("Gr\u00fc\u00dfe", "Gr\u00fc\u00dfe"),
    ],
)
def test_a_value_is_one_readable_line(written: str, kept: str) -> None:
    assert one_line(written) == kept


def _call(**attributes: str) -> tuple[Call, Leg]:
    call = Call("acme", "c1", "edge-0", "+4930", "55", call_types.DIRECTION_INBOUND, "l1")
    call.attributes = dict(attributes)
    return call, Leg("l2", Role.LEG_ROLE_AGENT, queue_id="sales")


def test_the_phone_is_told_of_the_call_and_no_attribute_breaks_out() -> None:
    call, leg = _call(customer="7; X=1\r\nVia: y", tier="gold\r\nVia: z")
    told = screen_pop(call, leg, {"tier": "X-Tier", "customer": "X-Seatbus-Call-Id", "absent": "X-None"})
    request = Request("INVITE", "sip:a@b")
    for name, value in told.items():
        request.set(name, value)
    assert told["X-Seatbus-Data"] == "customer=7%3B%20X%3D1%0D%0AVia%3A%20y;tier=gold%0D%0AVia%3A%20z"
    assert told["X-Tier"] == "gold  Via: z"
    # Our own names are not for the tenant to give away.
    assert told["X-Seatbus-Call-Id"] == "c1"
    assert "X-None" not in told


def test_a_lent_agent_is_shown_whose_call_it_is_in_one_short_line() -> None:
    call, leg = _call()
    assert screen_pop(call, leg, {})["X-Seatbus-Tenant"] == "acme"
    assert company_shown(call, leg, "Acme", "Sales") == ""
    leg.agent_tenant_id = "acme"
    assert company_shown(call, leg, "Acme", "Sales") == ""
    leg.agent_tenant_id = "operator"
    assert company_shown(call, leg, "Acme", "Sales") == "Acme: Sales"
    assert company_shown(call, leg, "", "") == "acme"
    assert company_shown(call, leg, 'A"\r\nVia: x', "y" * 100) == 'A"  Via: x: ' + "y" * 52


def test_data_that_does_not_fit_is_left_out_in_whole_pairs() -> None:
    call, leg = _call(a="x" * 900, b="y" * 900, c="z")
    assert screen_pop(call, leg, {})["X-Seatbus-Data"] == "a=" + "x" * 900 + ";c=z"


def test_only_headers_that_the_tenant_names_become_attributes() -> None:
    request = Request("INVITE", "sip:a@b")
    request.set("X-Account", "4711")
    request.set("X-Other", "no")
    assert attributes_of(request, {"X-Account": "account", "X-Absent": "absent"}) == {"account": "4711"}


@pytest.mark.parametrize(
    ("header", "value", "number"),
    [
        ("Diversion", "<tel:+49-30-1>;reason=no-answer, <sip:+49302@x>", "+49301"),
        ("History-Info", "<sip:+49301@x>;index=1, <sip:+49302@x;cause=302>;index=1.1;mp=1", "+49301"),
        ("History-Info", "<sip:+49302@x>;index=1", ""),
        ("Diversion", "nobody@<", ""),
        ("Subject", "+49301", ""),
    ],
)
def test_who_has_sent_a_call_on_is_known(header: str, value: str, number: str) -> None:
    request = Request("INVITE", "sip:a@b")
    request.set(header, value)
    assert diverted_from(request) == number


async def test_headers_come_in_as_attributes_and_reach_the_phone(world: World, steps: type[Steps]) -> None:
    """A carrier's header, the flow, the agent's phone: which picks up by itself if it shall."""
    caller = await world.phone()
    await world.configure(caller)
    await world.put(
        "tenant",
        world.tenant,
        tenancy.Tenant(name="T", headers_in={"X-Account": "account"}, headers_out={"account": "X-Crm"}),
    )
    await world.put("agent", "anna", tenancy.Agent(name="Anna", extension="1001", auto_answer=True))
    agent = await world.agent_phone()
    world.script(steps.enqueue())
    view = world.app.edge.config  # type: ignore[union-attr]

    def there() -> bool:
        found = view.get(world.tenant, "agent", "anna")
        told = view.get(world.tenant, "tenant", world.tenant)
        return told is not None and found is not None and found.agent.auto_answer

    await world.until(there)
    call = await caller.dial(world.number, headers={"X-Account": "4711", "Diversion": "<sip:+4930@x>"})
    await world.until(lambda: world.acd.enqueued)
    assert world.acd.enqueued[0].attributes == {"account": "4711", "diverted_from": "+4930"}
    await world.offer()
    ringing = await agent.next_call()
    invite = ringing.request
    assert invite.get("X-Crm") == "4711"
    assert invite.get("X-Seatbus-Data") == "account=4711;diverted_from=%2B4930"
    assert invite.get("X-Seatbus-Queue") == world.QUEUE
    assert "answer-after=0" in (invite.get("Call-Info") or "")
    await call.hang_up()


@pytest.mark.parametrize("wanted", [True, False])
async def test_a_carrier_is_told_what_the_tenant_names_where_its_trunk_says_so(
    world: World, wanted: bool
) -> None:
    phone = await company(world)
    await world.put("tenant", world.tenant, tenancy.Tenant(name="T", headers_out={"lead": "X-Lead"}))
    await world.until(lambda: world.app.edge.config.get(world.tenant, "tenant", world.tenant))  # type: ignore[union-attr]
    out = await carrier(world, custom_headers=wanted)
    target = call_types.OutboundTarget(number=E164)
    fields = {"agent_id": "anna", "target": target, "attributes": {"lead": "7", "secret": "8"}}
    await world.ask("Originate", call_pb.OriginateRequest(context=world.context(), **fields))
    await (await phone.next_call()).answer()
    invite = await out.invite()
    assert invite.get("X-Lead") == ("7" if wanted else None)
    assert not [name for name in ("X-Seatbus-Data", "X-Seatbus-Call-Id") if name in invite]
