"""One platform for all cases of SIP, with short timers; each case has a company of its own."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from seatbus_testkit.platform import Platform
from seatbus_testkit.tenant import TestTenant

from .held import T1_S
from .sipp_cases import NONCE_LIFE_S
from .wire import DIRECT, SETTLED_S, Wire, agent, carrier


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


class Companies:
    """Each has one agent; its number leads into the queue at once. The next is made while one is used."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform
        self._maker = ThreadPoolExecutor(1)
        self._next = self._maker.submit(self._make)

    def _make(self) -> tuple[TestTenant, float]:
        return TestTenant.create(self._platform, agents=1, flow_nodes=DIRECT), time.monotonic()

    async def take(self) -> TestTenant:
        taken, self._next = self._next, self._maker.submit(self._make)
        made, at = await asyncio.wrap_future(taken)
        await asyncio.sleep(max(0.0, at + SETTLED_S - time.monotonic()))
        return made

    def close(self) -> None:
        self._maker.shutdown()


@pytest.fixture(scope="package")
def companies(platform: Platform) -> Iterator[Companies]:
    made = Companies(platform)
    try:
        yield made
    finally:
        made.close()


@pytest.fixture
async def tenant(companies: Companies) -> TestTenant:
    """One agent; the number leads into the queue at once."""
    return await companies.take()


@pytest.fixture
async def caller(tenant: TestTenant) -> AsyncIterator[Wire]:
    async with await carrier(tenant) as wire:
        yield wire


@pytest.fixture
async def phone(tenant: TestTenant) -> AsyncIterator[Wire]:
    """The phone of agent a1, who is ready."""
    async with await agent(tenant) as wire:
        yield wire
