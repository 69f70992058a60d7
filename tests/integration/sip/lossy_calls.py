"""Calls of one company over a bad network: its carrier and two phones, each behind a proxy that loses."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from urllib.parse import quote

from seatbus_sip import Timing
from seatbus_sip.replaces import Replaces
from seatbus_testkit.lossy import LossyProxy, Weather
from seatbus_testkit.phone import Phone, PhoneCall
from seatbus_testkit.tenant import PASSWORD, TestTenant

from .held import T1_S

TIMING = Timing(t1=T1_S, t2=8 * T1_S, t4=10 * T1_S)
SEEN = {"caller_hung_up": ("local", "remote"), "agent_hung_up": ("remote", "local")}
COLLEAGUE = "2002"


class Company:
    """Phones of one company in one weather."""

    def __init__(self, tenant: TestTenant, weather: Weather, seed: int, stack: AsyncExitStack) -> None:
        self.tenant, self.weather, self.seed = tenant, weather, seed
        self._stack = stack
        self.caller: Phone
        self.agent: Phone
        self.colleague: Phone

    async def open(self, *, colleague: bool = False) -> None:
        name = self.tenant.username
        self.caller = await self._phone(2 * self.seed, self.tenant.caller_host)
        self.agent = await self._phone(2 * self.seed + 1, "127.0.0.1", name("a1"))
        await self.agent.register()
        if colleague:
            self.colleague = await self._phone(1000 + self.seed, "127.0.0.1", name("a2"))
            await self.colleague.register()
            await asyncio.to_thread(self.tenant.agent_do, "a2", "login", ready=False)
        await asyncio.to_thread(self.tenant.agent_do, "a1", "login", ready=True)

    async def _phone(self, seed: int, host: str, username: str = "") -> Phone:
        proxy = await LossyProxy.start(
            self.tenant.platform.sip, host=host, seed=seed, up=self.weather, down=self.weather
        )
        self._stack.callback(proxy.close)
        password = PASSWORD if username else ""
        made = await Phone.start(
            proxy.address, host=host, username=username, password=password, timing=TIMING
        )
        self._stack.push_async_callback(made.close)
        return made

    # ---- what happens -----------------------------------------------------------------------------------
    async def talk(self, **headers: str) -> tuple[PhoneCall, PhoneCall]:
        """A call that the agent has answered."""
        call = await self.caller.dial(self.tenant.number, headers=headers)
        ringing = await self.agent.next_call(30)
        await ringing.answer()
        await call.wait_answered(30)
        await self._until_bridged()
        return call, ringing

    async def _until_bridged(self) -> None:
        tenant = self.tenant

        def there() -> bool:
            calls = tenant.platform.get(tenant.path("calls"))["calls"]
            return any(call["state"] == "CALL_STATE_BRIDGED" for call in calls)

        await asyncio.to_thread(tenant.platform.until, there, 30, f"two people who talk in {tenant.id}")

    async def ends(self, end: str) -> None:
        """A call that ends like this, held and taken back before by who is hung up on."""
        if end == "abandoned_in_queue":
            call = await self.caller.dial(self.tenant.number)
            ringing = await self.agent.next_call(30)
            await ringing.wait_ringing(30)
            await call.hang_up()
            await both_ended(call, ringing)
            return
        call, ringing = await self.talk()
        holds = ringing if end == "caller_hung_up" else call
        await holds.hold()
        await holds.hold(False)
        await (call if end == "caller_hung_up" else ringing).hang_up()
        await both_ended(call, ringing)
        assert (call.ended_by, ringing.ended_by) == SEEN[end], (call.history, ringing.history)

    async def reliable_and_refreshed(self) -> None:
        """Early media that wants its PRACK, then UPDATE of either side."""
        call, ringing = await self.talk(Supported="100rel")
        # The answer to the PRACK may be lost: the 200 of the INVITE does not wait for it.
        await call.until(lambda: bool(call.pracked), 30, "acknowledged")
        assert set(call.pracked) == {200}, call.history
        assert await call.update() == 200
        assert await ringing.update() == 200
        await call.hang_up()
        await both_ended(call, ringing)
        assert (call.ended_by, ringing.ended_by) == SEEN["caller_hung_up"]

    async def referred(self) -> None:
        """A blind transfer to the colleague."""
        call, ringing = await self.talk()
        assert await ringing.refer(f"sip:{COLLEAGUE}@seatbus") == 202
        second = await self.colleague.next_call(30)
        await second.answer()
        await ringing.wait_ended(30)
        assert ringing.ended_by == "remote"
        # The outcome comes before the BYE; the progress before it may be late and is then refused.
        assert "SIP/2.0 200 OK" in ringing.notified, ringing.history
        assert set(ringing.notified) <= {"SIP/2.0 100 Trying", "SIP/2.0 200 OK"}, ringing.history
        await self._until_bridged()
        await second.hang_up()
        await both_ended(call, second)
        assert (call.ended_by, second.ended_by) == SEEN["agent_hung_up"]

    async def joined(self) -> None:
        """The agent asks the colleague by a second call, which is challenged, and joins the two."""
        call, ringing = await self.talk()
        await ringing.hold()
        asked = await self.agent.dial(COLLEAGUE)
        second = await self.colleague.next_call(30)
        await second.answer()
        await asked.wait_answered(30)
        assert any("407" in text for _, text in asked.history), asked.history
        dialog = asked.dialog
        assert dialog is not None
        named = quote(str(Replaces(dialog.call_id, str(dialog.remote_tag), dialog.local_tag)), safe="")
        assert await ringing.refer(f"sip:{COLLEAGUE}@seatbus?Replaces={named}") == 202
        await both_ended(ringing, asked)
        assert not call.over()
        await call.hang_up()
        await both_ended(call, second)
        assert (call.ended_by, second.ended_by) == SEEN["caller_hung_up"]

    async def redirected(self) -> None:
        """A phone that redirects: not followed, the caller waits on and gives up."""
        call = await self.caller.dial(self.tenant.number)
        ringing = await self.agent.next_call(30)
        await ringing.reject(302, contacts=["<sip:00900123456@198.51.100.7>"])

        def refused() -> bool:
            return bool(self.tenant.agent("a1")["presence"] == "PRESENCE_NOT_READY")

        await asyncio.to_thread(self.tenant.platform.until, refused, 30, "an agent who does not answer")
        await call.hang_up()
        await call.wait_ended(30)


async def both_ended(call: PhoneCall, ringing: PhoneCall) -> None:
    await call.wait_ended(30)
    await ringing.wait_ended(30)
