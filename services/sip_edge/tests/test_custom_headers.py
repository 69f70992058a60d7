"""Headers in and out: what strangers write stays on its line, what phones are told has its limits."""

from __future__ import annotations

import pytest

from seatbus.call.v1 import types_pb2 as call_types
from seatbus.tenancy.v1 import types_pb2 as tenancy
from seatbus_sip.message import Request
from seatbus_sip_edge.application.legs.custom_headers import attributes_of, one_line, screen_pop
from seatbus_sip_edge.domain.model import Call, Leg, Role
from services.sip_edge.tests.conftest import Steps, World


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


def test_data_that_does_not_fit_is_left_out_in_whole_pairs() -> None:
    call, leg = _call(a="x" * 900, b="y" * 900, c="z")
    assert screen_pop(call, leg, {})["X-Seatbus-Data"] == "a=" + "x" * 900 + ";c=z"


def test_only_headers_that_the_tenant_names_become_attributes() -> None:
    request = Request("INVITE", "sip:a@b")
    request.set("X-Account", "4711")
    request.set("X-Other", "no")
    assert attributes_of(request, {"X-Account": "account", "X-Absent": "absent"}) == {"account": "4711"}


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
    call = await caller.dial(world.number, headers={"X-Account": "4711"})
    await world.until(lambda: world.acd.enqueued)
    assert world.acd.enqueued[0].attributes["account"] == "4711"
    await world.offer()
    ringing = await agent.next_call()
    invite = ringing.request
    assert invite.get("X-Crm") == "4711"
    assert invite.get("X-Seatbus-Data") == "account=4711"
    assert invite.get("X-Seatbus-Queue") == world.QUEUE
    assert "answer-after=0" in (invite.get("Call-Info") or "")
    await call.hang_up()
