"""One platform for all cases of SIP, with short timers; each case has a company of its own."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest

from seatbus_testkit.platform import Platform
from seatbus_testkit.tenant import TestTenant

from .held import T1_S
from .sipp_cases import NONCE_LIFE_S
from .wire import Wire, agent, carrier, company


@pytest.fixture(scope="package")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    timers = {
        "SEATBUS_SIP_T1_S": str(T1_S),
        "SEATBUS_SIP_SESSION_EXPIRES_S": "60",
        "SEATBUS_SIP_MIN_SE_S": "2",
        "SEATBUS_SIP_NONCE_LIFE_S": str(NONCE_LIFE_S),
    }
    running = Platform.start(tmp_path_factory.mktemp("sip") / "data", env=timers)
    try:
        yield running
    finally:
        running.stop()


@pytest.fixture
async def tenant(platform: Platform) -> TestTenant:
    """One agent; the number leads into the queue at once."""
    return await company(platform)


@pytest.fixture
async def caller(tenant: TestTenant) -> AsyncIterator[Wire]:
    async with await carrier(tenant) as wire:
        yield wire


@pytest.fixture
async def phone(tenant: TestTenant) -> AsyncIterator[Wire]:
    """The phone of agent a1, who is ready."""
    async with await agent(tenant) as wire:
        yield wire
