"""No media instance is in the networks of both customer and agent: two carry a leg each, joined by a link."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import grpc.aio
import pytest

from seatbus.media.v1.service_pb2 import ListSessionsRequest
from seatbus.media.v1.service_pb2_grpc import MediaStub
from seatbus_testkit.phone import PhoneCall
from seatbus_testkit.platform import Platform
from seatbus_testkit.tenant import PASSWORD, TestTenant

from .conversations import CALLER, FIRST, HEARD_DBFS, SECOND, SPOKEN_DBFS, hears, hears_music, talk
from .media_instances import BACK_S, back_in_talk, gone, until_moved
from .stored_audio import loudest, stored, tones_when_complete

pytestmark = pytest.mark.platform

CITY, BRANCH = "127.0.0.2", "127.0.0.3"


@dataclass
class Site:
    """The platform's own media is in the city's network; instances of the branch are started here."""

    platform: Platform
    branch: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def start(self, name: str) -> None:
        settings = self.platform.bus_settings()
        low = random.randrange(10_000, 20_000, 2)
        own: dict[str, object] = {
            "instance_id": name,
            "nats_url": settings.nats_url,
            "nats_user": settings.nats_user,
            "nats_password": settings.nats_password.get_secret_value() if settings.nats_password else "",
            "data_dir": self.platform.data_dir / name,
            "rtp_zones": f"branch={BRANCH}",
            "rtp_port_min": low,
            "rtp_port_max": low + 40,
        }
        env = os.environ | {f"SEATBUS_{key.upper()}": str(value) for key, value in own.items()}
        log = (self.platform.data_dir / f"{name}.log").open("wb")
        command = [sys.executable, "-m", "seatbus_media"]
        self.branch[name] = subprocess.Popen(command, env=env, stdout=log, stderr=log)

    def until_there(self) -> None:
        def announced() -> bool:
            there = self.platform.get("/status")["services"]["media"]
            return set(self.branch) <= {item["id"] for item in there}

        self.platform.until(announced, 60, "the edge to hear the branch's media")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder: Path = tmp_path_factory.mktemp("sites")
    env = {"SEATBUS_RTP_ZONES": f"city={CITY}"}
    running = Site(Platform.start(folder / "data", "--replicas", "media=2", env=env))
    try:
        for name in ("branch-0", "branch-1"):
            running.start(name)
        running.until_there()
        yield running
    finally:
        for process in running.branch.values():
            process.kill()
            process.wait()
        running.platform.process.send_signal(signal.SIGCONT)
        running.platform.stop()


def company(site: Site) -> TestTenant:
    """Customers come in by the city, the agent's phone is in the branch."""
    tenant = TestTenant.create(site.platform, agents=1)
    trunk = {"name": "Carrier", "source_addresses": [tenant.caller_host], "media_zone": "city"}
    device = {
        "agent_id": "a1",
        "kind": "DEVICE_KIND_SIP",
        "username": tenant.username("a1"),
        "password": PASSWORD,
        "media_zone": "branch",
    }
    upserts = [{"id": "trunk", "trunk": trunk}, {"id": "a1-phone", "device": device}]
    site.platform.post(tenant.path("config"), {"upserts": upserts})
    return tenant


def met_at(call: PhoneCall) -> str:
    """The address at which media meets a phone."""
    return call.agreed.remote[0] if call.agreed is not None else ""


async def carries(site: Site, call_id: str) -> str:
    """The branch's instance that meets a leg of the call."""
    there = {item["id"]: item["address"] for item in site.platform.get("/status")["services"]["media"]}
    for name, process in site.branch.items():
        if process.poll() is not None:
            continue
        async with grpc.aio.insecure_channel(there[name]) as channel:
            stub = MediaStub(channel)  # type: ignore[no-untyped-call]
            found = await stub.ListSessions(ListSessionsRequest(), timeout=10)
        if call_id in [item.session_id for item in found.sessions]:
            return name
    raise AssertionError("no instance of the branch has the call")


async def test_two_networks_talk_over_a_link(site: Site) -> None:
    tenant = company(site)
    async with talk(tenant) as made:
        assert (met_at(made.customer), met_at(made.first)) == (CITY, BRANCH)
        assert str(made.record()["media_instance"]).startswith("media-")
        await back_in_talk(made)
        made.customer.mouth.send_dtmf("5")
        await made.first.ears.wait_digits("5")
        # What is done to the leg's audio is done at the other end of the link.
        await made.ask("hold", {"leg_id": made.leg_of("a1"), "on": True})
        await hears_music(made.customer)
        await made.ask("hold", {"leg_id": made.leg_of("a1"), "on": False})
        await back_in_talk(made)
        await made.customer.hang_up()
        await made.first.wait_ended()
    cdr = await asyncio.to_thread(tenant.wait_cdr, cause="caller_hung_up")
    assert (cdr["agent_id"], cdr["offers"]) == ("a1", 1)
    assert min(cdr["caller_mos"], cdr["agent_mos"]) > 3.5
    levels = await asyncio.to_thread(tones_when_complete, site.platform, tenant, str(cdr["recording_id"]))
    assert min(levels) > HEARD_DBFS, f"a voice is missing: {levels}"


@asynccontextmanager
async def branch_gone(site: Site, name: str) -> AsyncIterator[None]:
    """An instance of the branch is killed, and is back at the end."""
    site.branch[name].kill()
    await asyncio.to_thread(site.branch[name].wait)
    try:
        yield
    finally:
        site.start(name)
        await asyncio.to_thread(site.until_there)


async def test_the_branch_gets_another_instance_when_its_own_dies(site: Site) -> None:
    """The call and its recording stay where they are."""
    tenant = company(site)
    async with talk(tenant) as made:
        await back_in_talk(made)
        before = made.record()
        async with branch_gone(site, await carries(site, made.call_id)):
            await back_in_talk(made)
            assert met_at(made.first) == BRANCH
            for name in ("media_instance", "recording_id"):
                assert made.record()[name] == before[name]
            made.first.mouth.play_tone(SECOND, SPOKEN_DBFS)
            await hears(made.customer, SECOND, timeout=BACK_S)
            await made.first.hang_up()
            await made.customer.wait_ended()
    cdr = await asyncio.to_thread(tenant.wait_cdr, cause="agent_hung_up")
    assert cdr["recording_id"] == before["recording_id"]
    both = await asyncio.to_thread(stored, site.platform, tenant, str(cdr["recording_id"]))
    for channel, hz in ((0, CALLER), (1, FIRST), (1, SECOND)):
        assert loudest(both[:, channel], hz) > HEARD_DBFS, f"{hz} Hz is not on channel {channel}"


async def test_the_city_gets_another_instance_when_the_calls_own_dies(site: Site) -> None:
    """The agent's phone stays where it is met, and is not asked anything."""
    tenant = company(site)
    async with talk(tenant) as made:
        await back_in_talk(made)
        agreed = made.first.agreed
        lost = str(made.record()["media_instance"])
        async with gone(site.platform, lost):
            await until_moved(site.platform, tenant, lost)
            await back_in_talk(made)
            assert made.first.agreed == agreed
            await made.customer.hang_up()
            await made.first.wait_ended()
    await asyncio.to_thread(tenant.wait_cdr, cause="caller_hung_up")


@pytest.mark.parametrize("first", ["city", "branch"])
async def test_both_get_another_instance_when_both_of_theirs_die(site: Site, first: str) -> None:
    """One after the other, before the first move can have ended."""
    tenant = company(site)
    async with talk(tenant) as made, AsyncExitStack() as lost:
        await back_in_talk(made)
        city = str(made.record()["media_instance"])
        own = await carries(site, made.call_id)
        deaths = [gone(site.platform, city), branch_gone(site, own)]
        for death in deaths if first == "city" else reversed(deaths):
            await lost.enter_async_context(death)
        await until_moved(site.platform, tenant, city)
        await back_in_talk(made)
        assert (met_at(made.customer), met_at(made.first)) == (CITY, BRANCH)
        assert await carries(site, made.call_id) != own
        await made.first.hang_up()
        await made.customer.wait_ended()
    cdr = await asyncio.to_thread(tenant.wait_cdr, cause="agent_hung_up")
    assert (cdr["agent_id"], cdr["offers"]) == ("a1", 1)
