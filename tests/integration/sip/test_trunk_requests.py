"""What carriers say and hear beside the plain INVITE: forms of numbers, sessions, another address."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack

import pytest

from seatbus_sip import Response, initial_request
from seatbus_testkit.tenant import TestTenant
from tests.integration.agents import agent_phone
from tests.integration.outside import DIALLED, branch, configure, trunk_is_asked

from .wire import Talk, Wire, carrier, sdp, token

pytestmark = pytest.mark.platform


async def test_a_carrier_refreshes_rarely_rings_reliably_and_answers_from_another_address(
    tenant: TestTenant,
) -> None:
    async with AsyncExitStack() as stack:
        door = await stack.enter_async_context(await Wire.open(tenant.platform.sip, "127.0.0.24"))
        inner = await stack.enter_async_context(await Wire.open(tenant.platform.sip, "127.0.0.25"))
        trunk = {
            "name": "out",
            "host": door.host,
            "port": door.address[1],
            "outbound": True,
            "no_options": True,
        }
        await configure(tenant, branch(), {"id": "out", "trunk": {**trunk, "setup_timeout_s": 20}})
        await trunk_is_asked(tenant, "out")
        phone = await stack.enter_async_context(agent_phone(tenant, "a1", ready=False))
        call = await phone.dial(DIALLED)
        ring = await Talk.ringing(door)
        assert {"100rel", "timer"} <= ring.invite.tokens("Supported")
        assert ring.invite.get("Session-Expires") == "60"
        ring.reply(422, headers={"Min-SE": "120"})
        await door.request("ACK")
        while (ring := await Talk.ringing(door)).invite.cseq.number == 1:
            # Repeated before it was refused.
            pass
        assert (ring.invite.get("Session-Expires"), ring.invite.get("Min-SE")) == ("120", "120")
        there = {"Contact": inner.contact}
        ring.reply(183, body=sdp(), headers={**there, "Require": "100rel", "RSeq": "5"})
        inner.send(Response.to_request(await inner.request("PRACK"), 200))
        ring.reply(200, headers={**there, "Require": "timer", "Session-Expires": "120;refresher=uas"})
        await inner.request("ACK")
        await call.wait_answered()
        await call.hang_up()
        bye = await inner.request("BYE")
        inner.send(Response.to_request(bye, 200))
        assert bye.get("Reason") == "Q.850;cause=16"
        assert {line.split()[0] for line in door.seen} == {"INVITE", "ACK"}


async def test_numbers_come_in_every_form_and_a_withheld_one_stays_so(tenant: TestTenant) -> None:
    number, (host, port) = tenant.number, tenant.platform.sip
    asserted = {"P-Asserted-Identity": '"A" <sip:+4930555777;npdi@carrier.example;user=phone>'}
    cases = (
        (f"tel:{number[:2]}-{number[2:]};phone-context=carrier.example", {}, "+49307770"),
        (f"sip:{number};npdi;rn=+4930@{host}:{port};user=phone", asserted, "+4930555777"),
        (f"sip:{number}@{host}:{port}", {**asserted, "Privacy": "id"}, "+49307772"),
    )
    for case, (target, headers, shown) in enumerate(cases):
        async with await carrier(tenant) as caller:
            invite = initial_request(
                "INVITE",
                target,
                from_=f"<tel:+49-30-777-{case}>",
                to=f"<{target}>",
                call_id=token() + "@wire",
                tag=token(),
                contact=caller.contact,
                headers=headers,
                body=sdp(),
            )
            caller.send(caller.stamped(invite))
            talk = Talk(caller, invite.call_id, invite.require("From"), invite.require("To"), target, 1)
            await talk.answered()
            calls = (await asyncio.to_thread(tenant.platform.get, tenant.path("calls")))["calls"]
            found = [(call["caller"], call["dialed"]) for call in calls]
            await talk.ask("BYE")
        assert (shown, number) in found, target


async def test_a_refusal_says_why_in_the_terms_of_carriers(caller: Wire) -> None:
    call = Talk.dial(caller, "999000111")
    answer = await caller.response(404, "INVITE")
    call.ack_refusal(answer)
    assert answer.get("Reason") == "Q.850;cause=1"
