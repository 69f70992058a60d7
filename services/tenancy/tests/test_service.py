"""The service as its neighbours use it: real NATS, real gRPC."""

from __future__ import annotations

import asyncio
import hashlib
import io
import os
import signal
import subprocess
import sys
from pathlib import Path

import nats.js.errors
import numpy as np
import pytest

from seatbus.common.v1.types_pb2 import RequestContext
from seatbus.ivr.v1 import types_pb2 as ivr
from seatbus.tenancy.v1 import events_pb2
from seatbus.tenancy.v1 import service_pb2 as rpc
from seatbus.tenancy.v1 import types_pb2 as tenancy
from seatbus.tenancy.v1.service_pb2_grpc import TenancyServiceStub
from seatbus_kit.buckets import Bucket, Write
from seatbus_kit.burst import read_events
from seatbus_kit.bus import Bus, InEvent
from seatbus_kit.config_view import ConfigView
from seatbus_kit.errors import (
    AlreadyExists,
    Conflict,
    DeadlineExceeded,
    InvalidArgument,
    NotFound,
    OutcomeUnknown,
    Refused,
    SeatbusError,
    Unavailable,
)
from seatbus_kit.events import Delivery
from seatbus_kit.ids import uuid7
from seatbus_kit.instances import Instance, Instances
from seatbus_kit.provision import ensure
from seatbus_kit.rpc import Channels, invoke
from seatbus_kit.settings import ServiceSettings
from seatbus_rtp.wav import WavWriter
from seatbus_testkit.demo_tenant import TENANT, demo_objects
from seatbus_testkit.nats import NatsServer

from .conftest import Replica, company


def agent(id: str, **fields: object) -> tenancy.ConfigObject:
    return tenancy.ConfigObject(id=id, agent=tenancy.Agent(name=id, **fields))


def phone(id: str, agent_id: str, username: str, password: str = "") -> tenancy.ConfigObject:
    device = tenancy.Device(
        agent_id=agent_id, kind=tenancy.DEVICE_KIND_SIP, username=username, password=password
    )
    return tenancy.ConfigObject(id=id, device=device)


def number(id: str, e164: str) -> tenancy.ConfigObject:
    return tenancy.ConfigObject(id=id, number=tenancy.Number(e164=e164))


async def stored(replica: Replica, key: str) -> bytes:
    entry = await Bucket(replica.bus, "config").get(key)
    assert entry is not None
    return entry.value


async def test_the_demo_tenant_is_written_at_once_and_seen_by_everybody(replica: Replica) -> None:
    answer = await replica.apply(TENANT, *demo_objects(agents=10, password="secret-of-demo"))
    assert answer.version >= 1
    assert all(item.version == answer.version for item in answer.objects)
    view = ConfigView(replica.bus)
    await view.start()
    try:
        hit = view.number("+4930555000")
        assert hit is not None
        assert hit[2].flow_id == "main"
        device = view.device_by_username("demo-1001")
        assert device is not None
        assert device[2].ha1_md5 == hashlib.md5(b"demo-1001:seatbus:secret-of-demo").hexdigest()
        assert device[2].ha1_sha256 == hashlib.sha256(b"demo-1001:seatbus:secret-of-demo").hexdigest()
        trunk = view.trunk_by_source("127.0.0.1", 5099)
        assert trunk is not None
        assert trunk[1] == "demo-trunk"
        assert view.version(TENANT) == answer.version
    finally:
        await view.stop()
    assert TENANT in [item.id for item in (await _tenants(replica)).tenants]


async def _tenants(replica: Replica) -> rpc.ListTenantsResponse:
    request = rpc.ListTenantsRequest()
    request.page.limit = 1000
    return await invoke(replica.stub.ListTenants, request, 5.0)


async def test_a_password_is_neither_stored_nor_returned(replica: Replica, tenant: str) -> None:
    answer = await replica.apply(
        tenant, company(tenant), agent("a1"), phone("d1", "a1", f"{tenant}-1", "hunter2-hunter2")
    )
    shown = [item.device for item in answer.objects if item.HasField("device")]
    shown.append((await replica.get(tenant, "device", "d1")).device)
    shown += [item.device for item in await replica.list(tenant, "device")]
    for device in shown:
        assert (device.password, device.ha1_md5, device.ha1_sha256) == ("", "", "")
    raw = await stored(replica, f"{tenant}.device.d1")
    assert b"hunter2" not in raw
    before = tenancy.ConfigObject.FromString(raw).device.ha1_sha256
    assert len(before) == 64
    # Written again as it was read, it keeps its password.
    await replica.apply(tenant, phone("d1", "a1", f"{tenant}-1"))
    again = tenancy.ConfigObject.FromString(await stored(replica, f"{tenant}.device.d1"))
    assert again.device.ha1_sha256 == before
    # Under another name the hashes would be wrong.
    with pytest.raises(InvalidArgument) as caught:
        await replica.apply(tenant, phone("d1", "a1", f"{tenant}-renamed"))
    assert (caught.value.field, caught.value.rule) == ("upserts[0].device.password", "required")


async def test_ids_are_made_when_left_out(replica: Replica, tenant: str) -> None:
    answer = await replica.apply(tenant, company(tenant), tenancy.ConfigObject(agent=tenancy.Agent(name="A")))
    made = answer.objects[1]
    assert made.tenant_id == tenant
    assert len(made.id) == 36
    assert (await replica.get(tenant, "agent", made.id)).agent.name == "A"


async def test_the_same_request_twice_is_one_change(replica: Replica, tenant: str) -> None:
    new = tenancy.ConfigObject(agent=tenancy.Agent(name="A"))
    first = await replica.apply(tenant, company(tenant), new, request_id="r1")
    await replica.apply(tenant, agent("other"))
    again = await replica.apply(tenant, company(tenant), new, request_id="r1")
    assert again.version == first.version == 1
    assert [item.id for item in again.objects] == [item.id for item in first.objects]
    assert len(await replica.list(tenant, "agent")) == 2


async def test_a_dangling_reference_is_refused_with_its_field(replica: Replica, tenant: str) -> None:
    await replica.apply(tenant, company(tenant), agent("a1"))
    queue = tenancy.Queue(name="Q", members=[tenancy.Member(agent_id="a1"), tenancy.Member(agent_id="a2")])
    with pytest.raises(Refused) as caught:
        await replica.apply(tenant, agent("a9"), tenancy.ConfigObject(id="q", queue=queue))
    assert caught.value.field == "upserts[1].queue.members[1].agent_id"
    with pytest.raises(NotFound):
        await replica.get(tenant, "agent", "a9")
    await replica.apply(tenant, agent("a2"), tenancy.ConfigObject(id="q", queue=queue))
    with pytest.raises(Refused) as caught:
        await replica.apply(tenant, deletes=(("agent", "a1"),))
    assert (caught.value.field, caught.value.rule) == ("deletes[0]", "reference.in_use")
    await replica.apply(tenant, deletes=(("queue", "q"), ("agent", "a1")))
    with pytest.raises(NotFound):
        await replica.get(tenant, "agent", "a1")


async def test_a_flow_that_breaks_a_rule_is_refused_with_field_and_rule(
    replica: Replica, tenant: str
) -> None:
    say = [ivr.Audio(text="hello")]
    menu = ivr.MenuNode(audio=say, choices={"1": "end", "2": "nowhere"})
    dangling = ivr.Flow(
        name="f", start="m", nodes=[ivr.Node(id="m", menu=menu), ivr.Node(id="end", hang_up=ivr.HangUpNode())]
    )
    with pytest.raises(InvalidArgument) as caught:
        await replica.apply(tenant, company(tenant), tenancy.ConfigObject(id="f", flow=dangling))
    assert (caught.value.field, caught.value.rule) == (
        "upserts[1].flow.nodes[0].menu.choices[2]",
        "edge.exists",
    )
    endless = ivr.Flow(
        name="f",
        start="a",
        nodes=[
            ivr.Node(id="a", play=ivr.PlayNode(audio=say, next="b")),
            ivr.Node(id="b", play=ivr.PlayNode(audio=say, next="a")),
        ],
    )
    with pytest.raises(InvalidArgument) as caught:
        await replica.apply(tenant, company(tenant), tenancy.ConfigObject(id="f", flow=endless))
    assert (caught.value.field, caught.value.rule) == ("upserts[1].flow.nodes[0]", "loop.exit")


async def test_a_capacity_is_of_a_channel_that_exists(replica: Replica, tenant: str) -> None:
    """A channel of another name would leave the agent without calls, and nobody would see why."""
    await replica.apply(tenant, company(tenant), agent("a1", capacities={"voice": 1, "chat": 2}))
    for wrong in ({"chats": 2}, {"chat": 101}):
        with pytest.raises(InvalidArgument) as caught:
            await replica.apply(tenant, agent("a1", capacities=wrong))
        assert "capacities" in (caught.value.field or "")


async def test_a_number_belongs_to_one_object_on_the_platform(replica: Replica, tenant: str) -> None:
    other = f"{tenant}-b"
    e164 = f"+49{os.getpid()}{uuid7()[-4:].translate(str.maketrans('abcdef', '012345'))}"
    await replica.apply(tenant, company(tenant), number("n1", e164))
    await replica.apply(other, company(other))
    for value in (e164, e164.removeprefix("+")):
        with pytest.raises(AlreadyExists) as caught:
            await replica.apply(other, number("n", value))
        assert caught.value.field == "upserts[0].number.e164"
        assert tenant not in caught.value.message
    with pytest.raises(AlreadyExists):
        await replica.apply(tenant, number("n2", e164))
    # Inside one change it moves from object to object; given up it is free for anybody, at once.
    await replica.apply(tenant, number("n2", e164), deletes=(("number", "n1"),))
    await replica.apply(tenant, number("n2", e164 + "9"))
    await replica.apply(other, number("n", e164))
    await replica.apply(other, deletes=(("number", "n"),))
    await replica.apply(tenant, number("n3", e164))


async def test_a_username_and_a_trunk_source_are_unique_too(replica: Replica, tenant: str) -> None:
    other = f"{tenant}-b"
    octet = int(uuid7()[-2:], 16)
    source = f"10.77.{octet}.0/24"
    trunk = tenancy.ConfigObject(id="tr", trunk=tenancy.Trunk(name="T", source_addresses=[source]))
    await replica.apply(tenant, company(tenant), agent("a"), phone("d", "a", f"{tenant}.x", "pw"), trunk)
    await replica.apply(other, company(other), agent("a"))
    with pytest.raises(AlreadyExists) as caught:
        await replica.apply(other, phone("d", "a", f"{tenant}.x", "pw"))
    assert caught.value.field == "upserts[0].device.username"
    with pytest.raises(AlreadyExists) as caught:
        await replica.apply(other, trunk)
    assert caught.value.field == "upserts[0].trunk.source_addresses[0]"


async def test_create_only_and_expected_version(replica: Replica, tenant: str) -> None:
    await replica.apply(tenant, company(tenant), create_only=True)
    with pytest.raises(AlreadyExists):
        await replica.apply(tenant, company(tenant), create_only=True)
    with pytest.raises(Refused) as caught:
        await replica.apply(tenant, agent("a"), expected_version=7)
    assert caught.value.field == "expected_version"
    assert (await replica.apply(tenant, agent("a"), expected_version=1)).version == 2


async def test_of_two_changes_of_one_version_one_is_refused(
    replica: Replica, nats_server: NatsServer, tenant: str
) -> None:
    second = await Replica.start(nats_server.url, instance_id="tenancy-1")
    try:
        await replica.apply(tenant, company(tenant))
        for round in range(10):
            version = round + 1
            results = await asyncio.gather(
                replica.apply(
                    tenant, agent("x", extension="1"), agent(f"left-{round}"), expected_version=version
                ),
                second.apply(
                    tenant, agent("x", extension="2"), agent(f"right-{round}"), expected_version=version
                ),
                return_exceptions=True,
            )
            refused = [result for result in results if isinstance(result, Refused)]
            done = [result for result in results if isinstance(result, rpc.ApplyResponse)]
            assert (len(refused), len(done)) == (1, 1)
            side = "left" if isinstance(results[0], rpc.ApplyResponse) else "right"
            ids = {item.id for item in await second.list(tenant, "agent")}
            assert f"{side}-{round}" in ids
            assert f"{'right' if side == 'left' else 'left'}-{round}" not in ids
            assert (await second.get(tenant, "agent", "x")).agent.extension == (
                "1" if side == "left" else "2"
            )
        # Without an expected version both are done, one after the other.
        both = await asyncio.gather(
            *(each.apply(tenant, agent(f"c{i}")) for i, each in enumerate((replica, second) * 5))
        )
        assert sorted(answer.version for answer in both) == list(range(12, 22))
    finally:
        await second.stop()


async def test_each_change_is_an_event_in_order(replica: Replica, tenant: str) -> None:
    await replica.apply(tenant, company(tenant), agent("a"))
    await replica.apply(tenant, agent("b"), deletes=(("agent", "a"),))
    assert await replica.app._ledger.versions.flush()
    found = await replica.bus.js.subscribe(f"sb.{tenant}.config.{tenant}", ordered_consumer=True)
    events: list[InEvent] = []
    while len(events) < 2:
        msg = await found.next_msg(timeout=10)
        events += read_events(msg.subject, msg.data, msg.headers, Delivery.parse(msg.reply))
    await found.unsubscribe()
    changes = [events_pb2.ConfigChanged.FromString(event.payload) for event in events]
    assert [change.version for change in changes] == [1, 2]
    assert [event.event_id for event in events] == [f"{tenant}/{tenant}/{seq}" for seq in (1, 2)]
    assert [(ref.kind, ref.id) for ref in changes[1].written] == [("agent", "b")]
    assert [(ref.kind, ref.id) for ref in changes[1].removed] == [("agent", "a")]


async def test_an_event_that_a_killed_replica_left_is_published_by_another(
    replica: Replica, tenant: str
) -> None:
    record = tenancy.ConfigVersion(tenant_id=tenant)
    record.meta.seq = 1
    left = events_pb2.ConfigChanged(version=1)
    record.meta.pending.add(seq=1, type=left.DESCRIPTOR.full_name, payload=left.SerializeToString())
    await Bucket(replica.bus, "config").create(f"{tenant}.version", record.SerializeToString())
    found = await replica.bus.js.subscribe(f"sb.{tenant}.config.{tenant}", ordered_consumer=True)
    event = await found.next_msg(timeout=15)
    await found.unsubscribe()
    assert event.headers["Nats-Msg-Id"] == f"{tenant}/{tenant}/1"


def wav(seconds: float, rate: int = 8000) -> bytes:
    file = io.BytesIO()
    writer = WavWriter(file, 1, rate)
    writer.write(np.zeros(int(seconds * rate), dtype=np.int16))
    writer.finish()
    return file.getvalue()


async def test_prompt_audio_is_checked_and_stored(replica: Replica, tenant: str) -> None:
    prompt = tenancy.ConfigObject(id="hello", prompt=tenancy.Prompt(name="Hello"))
    await replica.apply(tenant, company(tenant), prompt)

    async def put(audio: bytes, prompt_id: str = "hello") -> rpc.PutPromptAudioResponse:
        request = rpc.PutPromptAudioRequest(
            context=RequestContext(request_id=uuid7(), tenant_id=tenant), prompt_id=prompt_id, audio=audio
        )
        return await invoke(replica.stub.PutPromptAudio, request, 5.0)

    answer = await put(wav(1.5))
    assert (answer.version, answer.duration_ms) == (2, 1500)
    name = f"{tenant}/hello"
    assert (await replica.get(tenant, "prompt", "hello")).prompt.object_name == name
    store = await replica.bus.js.object_store("prompts")
    assert (await store.get(name)).data == wav(1.5)
    assert (await put(wav(0.5, 16000))).duration_ms == 500
    assert (await store.get(name)).data == wav(0.5, 16000)
    for bad in (b"ID3 not a wav", wav(1.5)[:60], wav(0.1, 96000)):
        with pytest.raises(InvalidArgument) as caught:
            await put(bad)
        assert caught.value.field == "audio"
    with pytest.raises(NotFound):
        await put(wav(0.1), "nothing")
    # Written again without its audio's name it keeps it; another tenant's audio cannot be named.
    await replica.apply(tenant, prompt)
    assert (await replica.get(tenant, "prompt", "hello")).prompt.object_name == name
    prompt.prompt.object_name = "other/hello"
    with pytest.raises(InvalidArgument) as caught:
        await replica.apply(tenant, prompt)
    assert caught.value.rule == "prompt.own_audio"
    await replica.apply(tenant, deletes=(("prompt", "hello"),))
    with pytest.raises(nats.js.errors.NotFoundError):
        await store.get(name)


async def test_a_trunks_secret_is_sealed_or_refused(
    nats_server: NatsServer, replica: Replica, tenant: str
) -> None:
    trunk = tenancy.ConfigObject(
        id="tr", trunk=tenancy.Trunk(name="T", host="sip.example", secret="trunk-pw")
    )
    with pytest.raises(InvalidArgument) as caught:
        await replica.apply(tenant, company(tenant), trunk)
    assert caught.value.rule == "sealing_key"
    sealing = await Replica.start(
        nats_server.url, instance_id="tenancy-2", config_key="MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="
    )
    try:
        answer = await sealing.apply(tenant, company(tenant), trunk)
        assert answer.objects[1].trunk.secret == ""
        raw = await stored(sealing, f"{tenant}.trunk.tr")
        assert b"trunk-pw" not in raw
        assert tenancy.ConfigObject.FromString(raw).trunk.secret.startswith("v1:")
    finally:
        await sealing.stop()


async def test_lists_come_in_pages(replica: Replica, tenant: str) -> None:
    await replica.apply(tenant, company(tenant), *(agent(f"a{i:03d}") for i in range(25)))
    seen: list[str] = []
    request = rpc.ListRequest(tenant_id=tenant, kind="agent")
    request.page.limit = 10
    for expected in (10, 10, 5):
        answer = await invoke(replica.stub.List, request, 5.0)
        assert len(answer.objects) == expected
        seen += [item.id for item in answer.objects]
        request.page.cursor = answer.next_cursor
    assert seen == [f"a{i:03d}" for i in range(25)]
    assert not request.page.cursor
    assert len(await replica.list(tenant)) == 26


BAD_OBJECTS = {
    "upserts[0].tenant_id": tenancy.ConfigObject(tenant_id="foreign", id="a", agent=tenancy.Agent(name="A")),
    "upserts[0].agent.name": tenancy.ConfigObject(id="a", agent=tenancy.Agent()),
    "upserts[0].object": tenancy.ConfigObject(id="a"),
    "upserts[0].branch.time_zone": tenancy.ConfigObject(
        id="b", branch=tenancy.Branch(name="B", time_zone="Mars/Base")
    ),
    "upserts[0].trunk.source_addresses[0]": tenancy.ConfigObject(
        id="t", trunk=tenancy.Trunk(name="T", source_addresses=["nowhere"])
    ),
    "upserts[0].id": tenancy.ConfigObject(id="x", tenant=tenancy.Tenant(name="X")),
}


@pytest.mark.parametrize(("field", "change"), BAD_OBJECTS.items(), ids=list(BAD_OBJECTS))
async def test_a_bad_object_is_refused_with_its_field(
    replica: Replica, tenant: str, field: str, change: tenancy.ConfigObject
) -> None:
    with pytest.raises(InvalidArgument) as caught:
        await replica.apply(tenant, change)
    assert caught.value.field == field
    assert caught.value.rule


@pytest.mark.parametrize("bad", ["*", ">", "a.b", "..", "\0", "é", "A"])
async def test_only_an_id_is_looked_up(replica: Replica, tenant: str, bad: str) -> None:
    for question in (replica.get(bad, "agent", "a"), replica.get(tenant, "agent", bad), replica.list(bad)):
        with pytest.raises(InvalidArgument) as caught:
            await question
        assert caught.value.rule == "id"


@pytest.mark.parametrize(
    "item",
    [
        tenancy.ConfigObject(id="k", api_key=tenancy.ApiKey(label="K", role=tenancy.ROLE_OPERATOR)),
        tenancy.ConfigObject(id="u", user=tenancy.User(email="a@b.example", role=tenancy.ROLE_OPERATOR)),
    ],
    ids=["key", "user"],
)
async def test_only_the_operators_tenant_has_operators(
    replica: Replica, tenant: str, item: tenancy.ConfigObject
) -> None:
    with pytest.raises(InvalidArgument) as caught:
        await replica.apply(tenant, company(tenant), item)
    assert caught.value.rule == "role.operator"


async def test_a_tenant_comes_first_and_goes_last(replica: Replica, tenant: str) -> None:
    with pytest.raises(NotFound) as caught:
        await replica.apply(tenant, agent("a"))
    assert caught.value.rule == "tenant.exists"
    await replica.apply(tenant, company(tenant), agent("a"))
    with pytest.raises(Refused):
        await replica.apply(tenant, deletes=(("tenant", tenant),))
    await replica.apply(tenant, deletes=(("tenant", tenant), ("agent", "a")))
    with pytest.raises(NotFound):
        await replica.get(tenant, "tenant", tenant)


# Kills


async def test_nothing_of_a_batch_whose_client_died_is_seen(
    nats_server: NatsServer, replica: Replica, tenant: str
) -> None:
    """A client sends half of a batch and is gone."""
    await replica.apply(tenant, company(tenant))
    dying = await Bus.connect(ServiceSettings(nats_url=nats_server.url))
    for at in range(1, 6):
        item = tenancy.ConfigObject(tenant_id=tenant, id=f"ghost{at}", agent=tenancy.Agent(name="ghost"))
        await dying.nc.publish(
            f"$KV.config.{tenant}.agent.ghost{at}",
            item.SerializeToString(),
            headers={"Nats-Batch-Id": "ghost", "Nats-Batch-Sequence": str(at)},
        )
    await dying.nc.flush()
    await dying.close()
    await replica.apply(tenant, agent("real"))
    assert [item.id for item in await replica.list(tenant, "agent")] == ["real"]


async def repeat_until_answered(replica: Replica, changes: list[tenancy.ConfigObject]) -> rpc.ApplyResponse:
    for _ in range(50):
        try:
            return await replica.apply("acme", *changes, request_id="big", timeout=30)
        except SeatbusError as error:
            if not error.retryable:
                raise
            await asyncio.sleep(0.1)
    raise TimeoutError("no answer")


@pytest.mark.parametrize("delay_ms", [0, 1, 2, 4])
async def test_a_server_killed_in_the_middle_leaves_all_or_nothing(tmp_path: Path, delay_ms: int) -> None:
    server = NatsServer.start(tmp_path)
    replica = await Replica.start(server.url)
    try:
        await replica.apply("acme", company("acme"))
        changes = [agent(f"a{i}") for i in range(200)]
        change = asyncio.create_task(replica.apply("acme", *changes, request_id="big", timeout=15))
        await asyncio.sleep(0.004 + delay_ms / 1000)
        await asyncio.to_thread(server.restart)
        try:
            answer = await change
            assert answer.version == 2
        except (OutcomeUnknown, Unavailable, Conflict, DeadlineExceeded):
            pass
        # Whatever it was told, the caller repeats: all of it is there, once.
        again = await repeat_until_answered(replica, changes)
        assert again.version == 2
        view = ConfigView(replica.bus)
        await view.start()
        assert len(view.objects("acme", "agent")) == 200
        assert view.version("acme") == 2
        await view.stop()
    finally:
        await replica.stop()
        server.kill()


async def test_a_batch_half_sent_when_the_server_dies_is_dropped(tmp_path: Path) -> None:
    server = NatsServer.start(tmp_path)
    bus = await Bus.connect(ServiceSettings(nats_url=server.url))
    try:
        await ensure(bus)
        bucket = Bucket(bus, "config")
        await bucket.create("acme.version", b"1")
        for at in range(1, 50):
            await bus.nc.publish(
                f"$KV.config.acme.agent.a{at}",
                b"x",
                headers={"Nats-Batch-Id": "half", "Nats-Batch-Sequence": str(at)},
            )
        await bus.nc.flush()
        back = asyncio.Event()
        bus.on_reconnect(back.set)
        await asyncio.to_thread(server.restart)
        async with asyncio.timeout(10):
            await back.wait()
        await bucket.commit([Write("acme.agent.b", b"y", 0), Write("acme.other", b"z", 0)], uuid7())
        assert await bucket.keys() == ["acme.agent.b", "acme.other", "acme.version"]
    finally:
        await bus.close()
        server.kill()


async def announced(instances: Instances, id: str) -> Instance:
    for _ in range(2500):  # a new process on a busy machine
        found = instances.get(id)
        if found is not None:
            return found
        await asyncio.sleep(0.02)
    raise TimeoutError(f"{id} did not come up")


async def test_a_killed_process_is_followed_by_one_that_knows_everything(
    nats_server: NatsServer, tenant: str
) -> None:
    """The process is started by its environment alone, as a user starts it."""
    bus = await Bus.connect(ServiceSettings(nats_url=nats_server.url))
    await ensure(bus)
    instances = Instances(bus, ServiceSettings(nats_url=nats_server.url))
    await instances.start()
    for at in (1, 2):
        env = os.environ | {
            "SEATBUS_NATS_URL": nats_server.url,
            "SEATBUS_INSTANCE_ID": f"tenancy-{tenant}-{at}",
            "SEATBUS_LOG_LEVEL": "warning",
        }
        process = subprocess.Popen([sys.executable, "-m", "seatbus_tenancy"], env=env)
        try:
            found = await announced(instances, f"tenancy-{tenant}-{at}")
            channels = Channels()
            stub = TenancyServiceStub(channels.get(found.address))
            context = RequestContext(request_id="first", tenant_id=tenant)
            answer = await invoke(
                stub.Apply, rpc.ApplyRequest(context=context, upserts=[company(tenant)]), 5.0
            )
            assert answer.version == 1
            await channels.close()
        finally:
            process.send_signal(signal.SIGKILL if at == 1 else signal.SIGTERM)
            code = await asyncio.to_thread(process.wait, 30)
        assert code == (-9 if at == 1 else 0)
    await instances.stop()
    await bus.close()
