"""302: followed where the trunk says so; of a phone never without leave of its company."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from seatbus_testkit.tenant import PASSWORD, TestTenant
from tests.integration.agents import agent_phone
from tests.integration.outside import DIALLED, branch, configure, trunk_is_asked

from .peers import sipp_agent, sipp_carrier
from .wire import Talk, Wire, record, record_of

pytestmark = pytest.mark.platform


async def test_a_redirect_is_not_followed_and_the_contact_waits_on(
    tenant: TestTenant, caller: Wire, phone: Wire
) -> None:
    call = Talk.dial(caller, tenant.number)
    await call.answered()
    ring = await Talk.ringing(phone)
    ring.reply(302, headers={"Contact": "<sip:00900123456@198.51.100.7>"})
    await phone.request("ACK")
    await phone.silence("INVITE", seconds=0.5)
    state = await asyncio.to_thread(tenant.agent, "a1")
    assert state["presence"] == "PRESENCE_NOT_READY"
    await call.ask("BYE")
    found = await record(tenant, "abandoned_in_queue")
    assert found["offers"] == 1


@pytest.mark.peer
async def test_a_phone_of_others_that_redirects(tenant: TestTenant, caller: Wire, tmp_path: Path) -> None:
    user = tenant.username("a1")
    async with sipp_agent(tmp_path, tenant.platform.sip, user, PASSWORD, "agent_redirects.xml") as sipp:
        await asyncio.to_thread(tenant.agent_do, "a1", "login", ready=True)
        call = Talk.dial(caller, tenant.number)
        await call.answered()
        output, _ = await asyncio.wait_for(sipp.communicate(), 40)
        assert sipp.returncode == 0, output.decode(errors="replace")[-3000:]
    await call.ask("BYE")
    found = await record(tenant, "abandoned_in_queue")
    assert found["offers"] == 1


@pytest.mark.peer
@pytest.mark.parametrize("follow", [True, False])
async def test_a_carrier_that_redirects(tenant: TestTenant, tmp_path: Path, follow: bool) -> None:
    host = "127.0.0.1"
    async with (
        agent_phone(tenant, "a1", ready=False) as phone,
        sipp_carrier(tmp_path, host, "carrier_redirects.xml") as port,
    ):
        trunk = {"name": "out", "host": host, "port": port, "outbound": True, "redirects": {"follow": follow}}
        await configure(tenant, branch(), {"id": "out", "trunk": trunk})
        await trunk_is_asked(tenant, "out")
        call = await phone.dial(DIALLED)
        if follow:
            # SIPp answers for the other number alone.
            await call.wait_answered()
            await call.hang_up()
        else:
            assert await call.wait_status() == 480
    found = await record_of(tenant)
    assert found["cause"] == ("agent_hung_up" if follow else "unreachable")
