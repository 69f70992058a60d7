"""The audio of the next agent's leg is made while the customer waits: real media, its ports counted."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from seatbus.media.v1 import service_pb2 as media
from seatbus.media.v1.service_pb2_grpc import MediaStub
from seatbus_kit.bus import Bus
from seatbus_kit.instances import Instances
from seatbus_kit.rpc import Channels, invoke
from seatbus_testkit.eventually import eventually
from seatbus_testkit.phone import Phone, PhoneCall
from seatbus_testkit.platform import Platform
from seatbus_testkit.tenant import TestTenant

from .agents import agent_phone, caller_of, until_agent, until_queued
from .conversations import CALLER, FIRST, hears, hears_music

pytestmark = pytest.mark.platform

STRAIGHT = [
    {"id": "sales", "queue": {"queue_id": "q1", "on_overflow": "bye"}},
    {"id": "bye", "hang_up": {"audio": [{"text": "Good bye."}]}},
]


class Ports:
    """Looks into the platform's media."""

    def __init__(self, instances: Instances, channels: Channels) -> None:
        self._instances, self._channels = instances, channels

    async def of(self, call_id: str) -> dict[str, int]:
        """The ports of a call's endpoints."""
        found = self._instances.get("media-0")
        if found is None:
            return {}
        stub = MediaStub(self._channels.get(found.address))
        answer = await invoke(stub.ListSessions, media.ListSessionsRequest(), 5.0)
        ports = {}
        for session in answer.sessions:
            if session.session_id == call_id:
                ports = {item.endpoint_id: item.local_port for item in session.endpoints}
        return ports

    async def until(self, call_id: str, count: int) -> dict[str, int]:
        found: dict[str, int] = {}

        async def there() -> bool:
            nonlocal found
            found = await self.of(call_id)
            return len(found) == count

        await eventually(there, 30.0)
        return found


@asynccontextmanager
async def ports_of(platform: Platform) -> AsyncIterator[Ports]:
    settings = platform.bus_settings()
    bus = await Bus.connect(settings)
    instances, channels = Instances(bus, settings), Channels()
    await instances.start()
    try:
        yield Ports(instances, channels)
    finally:
        await instances.stop()
        await channels.close()
        await bus.close()


async def waits(caller: Phone, tenant: TestTenant) -> tuple[PhoneCall, str]:
    call = await caller.dial(tenant.number)
    await call.wait_answered()
    await until_queued(tenant)

    def alone() -> str:
        """The call before may be about to end."""
        calls = tenant.platform.get(tenant.path("calls"))["calls"]
        return str(calls[0]["call_id"]) if len(calls) == 1 else ""

    return call, await asyncio.to_thread(tenant.platform.until, alone, 30, "the call before to be over")


async def test_it_lives_through_the_death_of_media_and_ends_with_the_wait(platform: Platform) -> None:
    tenant = TestTenant.create(platform, agents=1, flow_nodes=STRAIGHT)
    async with (
        caller_of(tenant) as caller,
        agent_phone(tenant, "a1") as phone,
        ports_of(platform) as ports,
    ):
        # The edge learns how this queue's agents are met.
        call, call_id = await waits(caller, tenant)
        side = await phone.next_call()
        await side.answer()
        await until_agent(tenant, "a1", presence="READY", work="TALKING")
        await asyncio.to_thread(tenant.agent_do, "a1", "not_ready", reason="break")
        await call.hang_up()
        await ports.until(call_id, 0)
        await until_agent(tenant, "a1", presence="NOT_READY")

        # Who gives up leaves nothing.
        call, call_id = await waits(caller, tenant)
        await ports.until(call_id, 2)
        await call.hang_up()
        await ports.until(call_id, 0)

        call, call_id = await waits(caller, tenant)
        before = await ports.until(call_id, 2)
        await hears_music(call)
        pid = platform.kill("media-0")
        await asyncio.to_thread(platform.wait_restarted, "media-0", pid)
        assert await ports.until(call_id, 2) == before
        await asyncio.to_thread(tenant.agent_do, "a1", "ready")
        side = await phone.next_call()
        (live,) = platform.get(tenant.path("calls"))["calls"]
        assert {leg["leg_id"] for leg in live["legs"]} == set(before), "the phone was offered another leg"
        call.mouth.play_tone(CALLER, -15.0)
        await side.answer()
        side.mouth.play_tone(FIRST, -15.0)
        await hears(call, FIRST)
        await hears(side, CALLER)
        assert await ports.of(call_id) == before
        await call.hang_up()
        await side.wait_ended()
        await ports.until(call_id, 0)
