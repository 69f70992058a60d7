"""Trunks on the whole platform: accounts, re-routing, the toll guard, forwarding, emergency calls."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import pytest

from seatbus_sip import DigestServer, Request, ServerTransaction, ha1
from seatbus_testkit.phone import Phone, Policy
from seatbus_testkit.platform import Platform
from seatbus_testkit.tenant import PASSWORD, TestTenant

from .agents import agent_phone, caller_of
from .outside import DIALLED, NUMBER, branch, carrier, configure, until_state

pytestmark = pytest.mark.platform

SECRET = "carrier-pw"


class Exchange(Phone):
    """A carrier with accounts: it challenges REGISTER and INVITE."""

    guard: DigestServer
    registered_as: list[str]

    def on_request(self, tx: ServerTransaction, request: Request) -> None:
        if request.method in ("REGISTER", "INVITE") and request.to.tag is None:
            proxy = request.method == "INVITE"
            result = self.guard.verify(
                request, lambda user, kind: ha1(kind, user, "carrier", SECRET), time.time(), proxy=proxy
            )
            if not result.ok:
                self.sip.respond(tx, self.guard.challenge(request, time.time(), proxy=proxy))
                return
        if request.method == "REGISTER":
            self.registered_as.append(request.to.uri.username)
            response = tx.response(200)
            response.set("Contact", f"{request.require('Contact').partition(';')[0]};expires=60")
            self.sip.respond(tx, response)
            return
        super().on_request(tx, request)


async def test_a_trunk_with_an_account_is_registered_and_proves_itself(platform: Platform) -> None:
    tenant = TestTenant.create(platform, agents=1)
    await configure(tenant, branch())
    exchange = await Exchange.start(platform.sip, username="exchange")
    exchange.guard, exchange.registered_as = DigestServer(b"x", "carrier"), []
    exchange.policy = Policy(answer_after_s=0.1)
    host, port = exchange.address
    trunk = {
        "name": "Carrier",
        "host": host,
        "port": port,
        "outbound": True,
        "username": "acme",
        "secret": SECRET,
        "registers": True,
    }
    try:
        await configure(tenant, {"id": "account", "trunk": trunk})
        await asyncio.to_thread(platform.until, lambda: exchange.registered_as, 30, "a registration")
        async with agent_phone(tenant, "a1") as phone:
            call = await phone.dial(DIALLED)
            await call.wait_answered()
            await call.hang_up()
        shown = await asyncio.to_thread(platform.get, tenant.path("trunks/account"))
        assert SECRET not in str(shown)
    finally:
        await exchange.close()


async def test_calls_go_on_by_the_next_trunk_and_stop_at_the_guard(platform: Platform) -> None:
    tenant = TestTenant.create(platform, agents=1)
    await configure(tenant, branch())
    async with AsyncExitStack() as stack:
        phone = await stack.enter_async_context(agent_phone(tenant, "a1"))
        await stack.enter_async_context(carrier(tenant, "first", policy=Policy.reject(503)))
        second = await stack.enter_async_context(carrier(tenant, "second"))
        route: dict[str, Any] = {
            "name": "All",
            "trunks": [{"trunk_id": "first"}, {"trunk_id": "second", "order": 1}],
        }
        await asyncio.to_thread(platform.post, tenant.path("outbound-routes"), {"id": "all", **route})
        call = await phone.dial(DIALLED)
        await second.next_call()
        await call.wait_answered()
        await call.hang_up()
        row = await asyncio.to_thread(tenant.wait_cdr, dialed=NUMBER)
        assert row["cause"] == "agent_hung_up"
        await until_state(tenant, "a1", "idle")
        quota = {"toll_guard": {"denied_prefixes": ["44"]}, "max_outbound_calls": 5}
        await configure(tenant, {"id": "agreed", "quota": quota})
        refused = await phone.dial("00442079460000")
        assert await refused.wait_status() == 403
        row = await asyncio.to_thread(tenant.wait_cdr, dialed="+442079460000")
        assert row["cause"] == "forbidden"


async def test_a_number_whose_flow_is_gone_is_forwarded_to_its_fallback_number(platform: Platform) -> None:
    tenant = TestTenant.create(
        platform,
        agents=1,
        number={"flow_id": "", "fallback": {"number": NUMBER}},
    )
    await configure(tenant, branch())
    async with AsyncExitStack() as stack:
        caller = await stack.enter_async_context(caller_of(tenant))
        out = await stack.enter_async_context(
            carrier(tenant, diversion_header="DIVERSION_HEADER_DIVERSION", caller_ids=["+4930*"])
        )
        call = await caller.dial(tenant.number, caller="+4930777888")
        there = await out.next_call()
        assert (there.dialed, there.caller) == (NUMBER, "+4930777888")
        assert tenant.number in (there.request.get("Diversion") or "")
        await there.wait_answered()
        await call.wait_answered()
        await call.hang_up()
        await there.wait_ended()


async def test_help_is_called_past_every_limit(platform: Platform) -> None:
    tenant = TestTenant.create(platform, agents=1)
    async with AsyncExitStack() as stack:
        # Not even logged in.
        phone = await stack.enter_async_context(registered(tenant, "a1"))
        out = await stack.enter_async_context(carrier(tenant, "help"))
        await configure(
            tenant,
            branch(emergency_numbers=["112"], emergency_trunk_id="help", emergency_callback="+4930112112"),
            {"id": "agreed", "quota": {"max_outbound_calls": 1, "toll_guard": {"allowed_prefixes": ["1"]}}},
        )
        for _ in range(2):
            call = await phone.dial("112")
            there = await out.next_call()
            assert (there.dialed, there.caller) == ("112", "+4930112112")
            await call.wait_answered()
        refused = await phone.dial(DIALLED)
        assert await refused.wait_status() == 403


@asynccontextmanager
async def registered(tenant: TestTenant, agent: str) -> AsyncIterator[Phone]:
    """A registered phone whose agent is logged out."""
    phone = await Phone.start(tenant.platform.sip, username=tenant.username(agent), password=PASSWORD)
    try:
        await phone.register()
        yield phone
    finally:
        await phone.close()
