"""The live copy of the configuration against a real server."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from seatbus.common.v1.types_pb2 import Skill
from seatbus.tenancy.v1 import types_pb2 as tenancy
from seatbus_contracts.sources import SourceError, parse_source
from seatbus_kit.buckets import Bucket, Write
from seatbus_kit.bus import Bus
from seatbus_kit.config_view import ConfigView
from seatbus_kit.ids import uuid7
from seatbus_kit.provision import ensure
from seatbus_kit.settings import ServiceSettings
from seatbus_testkit.nats import NatsServer


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NatsServer]:
    running = NatsServer.start(Path(tmp_path_factory.mktemp("nats")), sync_always=False)
    yield running
    running.kill()


@pytest.fixture
async def bus(server: NatsServer) -> AsyncIterator[Bus]:
    connected = await Bus.connect(ServiceSettings(nats_url=server.url))
    await ensure(connected)
    for key in await Bucket(connected, "config").keys():
        entry = await Bucket(connected, "config").get(key)
        if entry is not None:
            await Bucket(connected, "config").purge(key, entry.revision)
    yield connected
    await connected.close()


async def write(bus: Bus, version: int, *objects: tenancy.ConfigObject, gone: tuple[str, ...] = ()) -> None:
    """One atomic change, as the owner of the bucket makes it."""
    tenant = objects[0].tenant_id if objects else gone[0].partition(".")[0]
    record = tenancy.ConfigVersion(tenant_id=tenant)
    record.meta.seq = version
    writes = [
        Write(f"{o.tenant_id}.{o.WhichOneof('object')}.{o.id}", o.SerializeToString(), None) for o in objects
    ]
    writes += [Write(key, None, None) for key in gone]
    writes.append(Write(f"{tenant}.version", record.SerializeToString(), None))
    await Bucket(bus, "config").commit(writes, uuid7())


def number(id: str, e164: str, tenant: str = "acme") -> tenancy.ConfigObject:
    return tenancy.ConfigObject(tenant_id=tenant, id=id, number=tenancy.Number(e164=e164, flow_id="main"))


def device(id: str, agent: str, username: str, priority: int = 0) -> tenancy.ConfigObject:
    made = tenancy.Device(agent_id=agent, kind=tenancy.DEVICE_KIND_SIP, username=username, priority=priority)
    return tenancy.ConfigObject(tenant_id="acme", id=id, device=made)


def trunk(id: str, *sources: str) -> tenancy.ConfigObject:
    return tenancy.ConfigObject(
        tenant_id="acme", id=id, trunk=tenancy.Trunk(name=id, source_addresses=sources)
    )


async def until(view: ConfigView, version: int) -> None:
    arrived = asyncio.Event()
    view.on_version(lambda _tenant, at: arrived.set() if at >= version else None)
    if view.version("acme") < version:
        async with asyncio.timeout(30):
            await arrived.wait()


@pytest.fixture
async def view(bus: Bus) -> AsyncIterator[ConfigView]:
    await write(
        bus,
        1,
        tenancy.ConfigObject(tenant_id="acme", id="acme", tenant=tenancy.Tenant(name="Acme")),
        number("main", "+4930555000"),
        number("short", "4000"),
        tenancy.ConfigObject(
            tenant_id="acme", id="a1", agent=tenancy.Agent(name="A", skills=[Skill(name="de", level=3)])
        ),
        device("d2", "a1", "acme-2", priority=2),
        device("d1", "a1", "acme-1", priority=1),
        trunk("wide", "10.0.0.0/8", "2001:db8::/32"),
        trunk("narrow", "10.1.0.0/16", "10.1.0.0/16:5070"),
        trunk("host", "10.1.2.3", "[2001:db8::1]:5060", "198.51.100.7:5080"),
        trunk("port", "10.1.0.0/16:5090"),
    )
    made = ConfigView(bus)
    await made.start()
    yield made
    await made.stop()


def test_lookups_after_a_full_load(view: ConfigView) -> None:
    assert view.version("acme") == 1
    assert list(view.tenants()) == ["acme"]
    found = view.get("acme", "agent", "a1")
    assert found is not None
    assert found.agent.skills[0].name == "de"
    assert view.get("acme", "agent", "zz") is None
    assert view.get("other", "agent", "a1") is None
    assert set(view.objects("acme", "number")) == {"main", "short"}
    assert view.objects("other", "number") == {}
    for dialed in ("+4930555000", "4930555000"):
        hit = view.number(dialed)
        assert hit is not None
        assert (hit[0], hit[1], hit[2].flow_id) == ("acme", "main", "main")
    assert view.number("4711") is None
    by_name = view.device_by_username("acme-1")
    assert by_name is not None
    assert by_name[:2] == ("acme", "d1")
    assert view.device_by_username("") is None
    assert [id for id, _ in view.devices_of("acme", "a1")] == ["d1", "d2"]
    assert view.devices_of("acme", "zz") == []
    assert view.staleness() < 20


@pytest.mark.parametrize(
    ("host", "port", "id"),
    [
        ("10.9.9.9", 5060, "wide"),
        ("10.1.9.9", 5060, "narrow"),
        ("10.1.9.9", 5090, "port"),
        ("10.1.2.3", 5090, "host"),
        ("::ffff:10.1.2.3", 5060, "host"),
        ("2001:db8::1", 5060, "host"),
        ("2001:db8::1", 5061, "wide"),
        ("198.51.100.7", 5080, "host"),
        ("198.51.100.7", 5060, None),
        ("192.0.2.1", 5060, None),
        ("not-an-address", 5060, None),
    ],
)
def test_the_most_specific_source_names_the_trunk(
    view: ConfigView, host: str, port: int, id: str | None
) -> None:
    found = view.trunk_by_source(host, port)
    assert (found[1] if found else None) == id


async def test_changes_arrive_and_indexes_follow(bus: Bus, view: ConfigView) -> None:
    heard: list[tuple[str, str, str]] = []
    versions: list[tuple[str, int]] = []
    view.on_change(lambda tenant, kind, id: heard.append((tenant, kind, id)))
    view.on_version(lambda tenant, version: versions.append((tenant, version)))
    # A number moves to a new object and a username to another device, in one change.
    await write(
        bus, 2, number("new", "4000"), device("d1", "a2", "acme-2"), trunk("host", "192.0.2.1"),
        gone=("acme.number.short", "acme.device.d2"),
    )  # fmt: skip
    await until(view, 2)
    moved = view.number("+4000")
    assert moved is not None
    assert moved[1] == "new"
    owner = view.device_by_username("acme-2")
    assert owner is not None
    assert owner[1] == "d1"
    assert view.device_by_username("acme-1") is None
    assert view.devices_of("acme", "a1") == []
    assert [id for id, _ in view.devices_of("acme", "a2")] == ["d1"]
    narrow = view.trunk_by_source("10.1.2.3", 5060)
    assert narrow is not None
    assert narrow[1] == "narrow"
    assert view.get("acme", "number", "short") is None
    assert ("acme", "number", "new") in heard
    assert ("acme", "number", "short") in heard
    assert versions == [("acme", 2)]


async def test_what_has_not_arrived_yet_is_asked_for(bus: Bus, view: ConfigView) -> None:
    await view.stop()
    await write(bus, 2, number("new", "5000"), gone=("acme.agent.a1",))
    assert view.get("acme", "number", "new") is None
    assert await view.ask("acme", "number", "new") is not None
    owner = view.number("5000")
    assert owner is not None
    assert owner[1] == "new"
    for id in ("nobody", "no.id", ""):
        assert await view.ask("acme", "number", id) is None
    assert await view.ask("acme", "agent", "a1") is not None, "what is here is not asked for"
    await view.start()
    await until(view, 2)
    assert view.get("acme", "agent", "a1") is None
    assert view.get("acme", "number", "new") is not None


async def test_an_unreadable_object_leaves_the_last_one_in_place(bus: Bus, view: ConfigView) -> None:
    bucket = Bucket(bus, "config")
    entry = await bucket.get("acme.agent.a1")
    assert entry is not None
    await bucket.update("acme.agent.a1", b"\xff\xff\xff", entry.revision)
    await write(bus, 2, number("n3", "5000"))
    await until(view, 2)
    assert view.get("acme", "agent", "a1") is not None
    assert view.number("5000") is not None


@pytest.mark.parametrize(
    "text",
    ["", "host.example", "10.0.0.1/8", "10.0.0.1:0", "10.0.0.1:", "[::1", "[::1]5060", "10.0.0.1:99999"],
)
def test_a_malformed_source_address_is_refused(text: str) -> None:
    with pytest.raises(SourceError):
        parse_source(text)
