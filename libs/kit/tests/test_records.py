"""Records: compare-and-set, idempotent requests, unknown outcomes, the outbox."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
import pytest

from seatbus.agent.v1.events_pb2 import AgentPresenceChanged
from seatbus.agent.v1.types_pb2 import AgentState
from seatbus_kit.bus import Answer, Bus
from seatbus_kit.drain import Drainer
from seatbus_kit.errors import Conflict, InvalidArgument, OutcomeUnknown, Refused, Unavailable
from seatbus_kit.records import Bucket, Change, Entry, Write
from seatbus_kit.watch import Watcher
from seatbus_testkit.eventually import eventually
from seatbus_testkit.nats import NatsServer
from seatbus_testkit.proxy import TcpProxy


async def test_a_bucket_refuses_a_write_on_another_revision(bus: Bus, agent_id: str) -> None:
    bucket = Bucket(bus, "toll")
    first = await bucket.create(agent_id, b"1")
    second = await bucket.update(agent_id, b"2", first)
    with pytest.raises(Conflict):
        await bucket.update(agent_id, b"3", first)
    with pytest.raises(Conflict):
        await bucket.create(agent_id, b"4")
    entry = await bucket.get(agent_id)
    assert entry is not None
    assert (entry.value, entry.revision) == (b"2", second)


async def test_a_purged_key_is_gone_and_can_be_created_again(bus: Bus, agent_id: str) -> None:
    bucket = Bucket(bus, "toll")
    revision = await bucket.create(agent_id, b"1")
    with pytest.raises(Conflict):
        await bucket.purge(agent_id, revision - 1)
    await bucket.purge(agent_id, revision)
    assert await bucket.get(agent_id) is None
    assert await bucket.load(agent_id) == []
    await bucket.create(agent_id, b"2")
    assert [entry.value for entry in await bucket.load(agent_id)] == [b"2"]


async def test_keys_are_loaded_by_leading_tokens(bus: Bus, agent_id: str) -> None:
    bucket = Bucket(bus, "toll")
    for name in ("a.1", "a.2", "b.1"):
        await bucket.create(f"{agent_id}.{name}", name.encode())
    assert [entry.value for entry in await bucket.load(f"{agent_id}.a")] == [b"a.1", b"a.2"]
    assert len(await bucket.load(agent_id)) == 3


@pytest.mark.parametrize("key", ["", ".a", "a.", "a..b", "a b", "a*", "ü"])
async def test_a_bad_key_is_refused(bus: Bus, key: str) -> None:
    with pytest.raises(InvalidArgument):
        await Bucket(bus, "toll").create(key, b"")


async def test_a_batch_is_applied_whole_or_not_at_all(bus: Bus, agent_id: str) -> None:
    bucket = Bucket(bus, "config")
    version = await bucket.commit(
        [Write(f"{agent_id}.queue.1", b"q", None), Write(f"{agent_id}.version", b"1", 0)], f"{agent_id}-1"
    )
    assert len(await bucket.load(agent_id)) == 2
    with pytest.raises(Conflict):
        await bucket.commit(
            [Write(f"{agent_id}.queue.2", b"q", None), Write(f"{agent_id}.version", b"2", version - 1)],
            f"{agent_id}-2",
        )
    assert len(await bucket.load(agent_id)) == 2
    await bucket.commit(
        [Write(f"{agent_id}.queue.1", None, None), Write(f"{agent_id}.version", b"2", version)],
        f"{agent_id}-3",
    )
    assert [entry.value for entry in await bucket.load(agent_id)] == [b"2"]


async def test_a_change_carries_its_sequence_and_its_event(bus: Bus, agents: Any, agent_id: str) -> None:
    store = agents.store(bus)
    outcome = await store.mutate(agent_id, agents.reason(agent_id, "lunch", events=2), request_id="r1")
    assert outcome.result == b"lunch"
    assert [event.event_id for event in outcome.events] == [f"acme/{agent_id}/1", f"acme/{agent_id}/2"]
    found = await store.read(agent_id)
    assert found is not None
    record, revision = found
    assert (record.reason, record.meta.seq, revision) == ("lunch", 2, outcome.revision)
    assert await store.flush()
    assert await agents.published(bus, agent_id) == [(1, "lunch-0"), (2, "lunch-1")]
    await store.mutate(agent_id, agents.reason(agent_id, "back"), request_id="r2")
    found = await store.read(agent_id)
    assert found is not None
    assert [pending.seq for pending in found[0].meta.pending] == [3]


async def test_facts_have_the_time_of_the_decision_that_made_them(
    bus: Bus, agent_id: str, agents: Any
) -> None:
    at = datetime(2026, 5, 1, 9, 30, 0, 123456, UTC)

    def decide(record: AgentState | None) -> Change[AgentState]:
        return replace(agents.reason(agent_id, "lunch", events=2)(record), at=at)

    outcome = await agents.store(bus).mutate(agent_id, decide, request_id="r1")
    assert [event.occurred_at for event in outcome.events] == [at, at]


async def test_two_tenants_may_have_an_agent_of_the_same_id(bus: Bus, agents: Any, agent_id: str) -> None:
    store = agents.store(bus)
    for tenant in ("acme", "globex"):

        def decide(_: AgentState | None, tenant: str = tenant) -> Change[AgentState]:
            record = AgentState(tenant_id=tenant, agent_id=agent_id)
            return Change(record, [AgentPresenceChanged(reason=tenant)])

        await store.mutate(f"{tenant}.{agent_id}", decide, request_id="r1")
    assert await store.flush()
    for tenant in ("acme", "globex"):
        assert store.published(tenant, agent_id) == 1
        answer = await bus.api("STREAM.MSG.GET.AGENT", {"last_by_subj": f"sb.{tenant}.agent.{agent_id}"})
        assert answer["message"]


async def test_the_same_request_twice_changes_once(bus: Bus, agents: Any, agent_id: str) -> None:
    store, other = agents.store(bus), agents.store(bus)
    first = await store.mutate(agent_id, agents.reason(agent_id, "lunch"), request_id="r1")
    for replica in (store, other):
        again = await replica.mutate(agent_id, agents.reason(agent_id, "ignored"), request_id="r1")
        assert (again.repeated, again.result, again.revision) == (True, b"lunch", first.revision)
    await store.flush()
    await other.flush()
    assert await agents.published(bus, agent_id) == [(1, "lunch-0")]


async def test_replicas_that_write_one_record_lose_nothing(bus: Bus, agents: Any, agent_id: str) -> None:
    stores = [agents.store(bus, f"r-{i}") for i in range(3)]

    def count(record: AgentState | None) -> Change[AgentState]:
        record = record or AgentState(tenant_id="acme", agent_id=agent_id)
        record.contacts_handled += 1
        return Change(record, [AgentPresenceChanged(reason=str(record.contacts_handled))])

    await asyncio.gather(
        *(store.mutate(agent_id, count, request_id="") for store in stores for _ in range(10))
    )
    found = await stores[0].read(agent_id)
    assert found is not None
    assert (found[0].contacts_handled, found[0].meta.seq) == (30, 30)
    for store in stores:
        assert await store.flush()
    assert await agents.published(bus, agent_id) == [(i, str(i)) for i in range(1, 31)]


async def test_a_refusal_rests_on_what_the_leader_has(bus: Bus, agents: Any, agent_id: str) -> None:
    store, other = agents.store(bus), agents.store(bus)
    await store.mutate(agent_id, agents.reason(agent_id, "busy"), request_id="r1")
    await other.mutate(agent_id, agents.reason(agent_id, "free"), request_id="r2")

    def only_if_free(record: AgentState | None) -> Change[AgentState]:
        if record is None or record.reason != "free":
            raise Refused("agent_not_free")
        record.reason = "reserved"
        return Change(record)

    # `store` has a cached copy that says "busy".
    await store.mutate(agent_id, only_if_free, request_id="r3")
    with pytest.raises(Refused, match="agent_not_free"):
        await other.mutate(agent_id, only_if_free, request_id="r4")


class Counting(Bucket):
    """Counts the leader reads."""

    reads = 0

    async def read(self, key: str) -> Entry | None:
        self.reads += 1
        return await super().read(key)


async def test_what_is_known_spares_the_leader_read_and_a_wrong_guess_costs_only_one(
    bus: Bus, agents: Any, agent_id: str
) -> None:
    store, other = agents.store(bus), agents.store(bus)
    for one in (store, other):
        one.bucket = Counting(bus, "agents")

    def count(record: AgentState | None) -> Change[AgentState]:
        record = record or AgentState(tenant_id="acme", agent_id=agent_id)
        record.contacts_handled += 1
        return Change(record, [AgentPresenceChanged(reason=str(record.contacts_handled))])

    await store.mutate(agent_id, count, request_id="r1", expect_new=True)
    assert store.bucket.reads == 0
    # Another replica believes that the record is new, and finds the request done.
    again = await other.mutate(agent_id, count, request_id="r1", expect_new=True)
    assert (again.repeated, other.bucket.reads) == (True, 1)
    await other.mutate(agent_id, count, request_id="r2")
    assert other.bucket.reads == 1
    # The first one's own copy is old; what its watcher holds is not.
    seen = await Bucket(bus, "agents").get(agent_id)
    await store.mutate(agent_id, count, request_id="r3", hint=seen)
    assert store.bucket.reads == 0
    # An outdated hint is refused by the compare-and-set.
    late = agents.store(bus)
    late.bucket = Counting(bus, "agents")
    await late.mutate(agent_id, count, request_id="r4", hint=seen)
    assert late.bucket.reads == 1
    found = await store.read(agent_id)
    assert found is not None
    assert (found[0].contacts_handled, found[0].meta.seq) == (4, 4)
    for one in (store, other, late):
        assert await one.flush()
    assert await agents.published(bus, agent_id) == [(i, str(i)) for i in range(1, 5)]


async def test_a_refusal_names_the_revision_it_rests_on(bus: Bus, agents: Any, agent_id: str) -> None:
    store = agents.store(bus)
    made = await store.mutate(agent_id, agents.reason(agent_id, "busy"), request_id="r1")

    def never(record: AgentState | None) -> Change[AgentState]:
        raise Refused("agent_not_ready")

    with pytest.raises(Refused) as refusal:
        await store.mutate(agent_id, never, request_id="r2")
    assert refusal.value.current == made.revision


async def test_an_ended_record_leaves_with_its_last_event(bus: Bus, agents: Any, agent_id: str) -> None:
    store = agents.store(bus)
    await store.mutate(agent_id, agents.reason(agent_id, "start"), request_id="r1")

    def end(record: AgentState | None) -> Change[AgentState]:
        return Change(None, [AgentPresenceChanged(reason="end")], result=b"ended")

    outcome = await store.mutate(agent_id, end, request_id="r2")
    assert outcome.record is None
    assert await store.read(agent_id) is None
    assert await store.flush()
    assert await agents.published(bus, agent_id) == [(1, "start-0"), (2, "end")]
    again = await store.mutate(agent_id, end, request_id="r2")
    assert (again.repeated, again.result) == (True, b"ended")

    async def its_outbox_is_empty() -> bool:
        marker = await store.bucket.read(agent_id)
        return marker is not None and marker.deleted and not store.parse(marker.value).meta.pending

    await eventually(its_outbox_is_empty)


async def test_a_write_whose_answer_was_lost_is_found_by_its_request_id(
    tmp_path: Path, open_bus: Any, agents: Any, agent_id: str
) -> None:
    with NatsServer.start(tmp_path) as server:
        proxy = TcpProxy(server.port)
        await proxy.start()
        bus = await open_bus(f"nats://127.0.0.1:{proxy.port}")
        store = agents.store(bus)
        await store.mutate(agent_id, agents.reason(agent_id, "first"), request_id="r1")
        await store.flush()
        calls = 0

        def decide(record: AgentState | None) -> Change[AgentState]:
            nonlocal calls
            calls += 1
            assert record is not None
            record.contacts_handled += 1
            return Change(record, [AgentPresenceChanged(reason="second")], result=b"done")

        proxy.answers_lost = True
        change = asyncio.create_task(store.mutate(agent_id, decide, request_id="r2", timeout=15))
        await asyncio.sleep(0.2)
        await asyncio.to_thread(server.kill)
        proxy.cut()
        proxy.answers_lost = False
        await asyncio.to_thread(server.restart)
        outcome = await change
        assert (outcome.repeated, outcome.result, calls) == (True, b"done", 1)
        found = await store.read(agent_id)
        assert found is not None
        assert found[0].contacts_handled == 1
        assert await store.flush()
        assert await agents.published(bus, agent_id) == [(1, "first-0"), (2, "second")]
        await proxy.stop()


async def test_without_the_bus_a_change_is_refused_as_not_done(
    tmp_path: Path, open_bus: Any, agents: Any, agent_id: str
) -> None:
    with NatsServer.start(tmp_path) as server:
        bus = await open_bus(server.url)
        store = agents.store(bus)
        server.kill()
        await eventually(lambda: not bus.connected)
        with pytest.raises(Unavailable):
            await store.mutate(agent_id, agents.reason(agent_id, "x"), request_id="r1", timeout=0.3)
        server.restart()
        await store.mutate(agent_id, agents.reason(agent_id, "y"), request_id="r2")


async def test_a_paused_server_leaves_the_outcome_unknown_until_it_answers(
    tmp_path: Path, open_bus: Any, agents: Any, agent_id: str
) -> None:
    with NatsServer.start(tmp_path) as server:
        bus = await open_bus(server.url)
        store = agents.store(bus)
        await store.mutate(agent_id, agents.reason(agent_id, "first"), request_id="r1")
        await store.flush()
        server.pause()
        with pytest.raises(OutcomeUnknown):
            await store.mutate(agent_id, agents.reason(agent_id, "second"), request_id="r2", timeout=0.5)
        server.resume()
        again = await store.mutate(agent_id, agents.reason(agent_id, "second"), request_id="r2", timeout=8)
        assert again.result == b"second"
        await store.flush()
        assert await agents.published(bus, agent_id) == [(1, "first-0"), (2, "second-0")]


async def test_a_record_that_could_not_even_be_read_was_not_changed(
    tmp_path: Path, open_bus: Any, agents: Any, agent_id: str
) -> None:
    with NatsServer.start(tmp_path) as server:
        bus = await open_bus(server.url)
        await agents.store(bus).mutate(agent_id, agents.reason(agent_id, "first"), request_id="r1")
        newcomer = agents.store(bus)
        server.pause()
        with pytest.raises(Unavailable):
            await newcomer.mutate(agent_id, agents.reason(agent_id, "second"), request_id="r2", timeout=0.5)
        server.resume()


def test_a_message_whose_first_attempt_is_still_under_way_is_no_refusal() -> None:
    """What a replicated stream says to a retry (its error 10158)."""
    error = {"code": 409, "err_code": 10158, "description": "duplicate message id is in process"}
    with pytest.raises(OutcomeUnknown):
        Bus.stored(Answer(orjson.dumps({"error": error}), b""))


KILLED_BETWEEN_CAS_AND_PUBLISH = """
import asyncio, os, signal, sys
from seatbus.agent.v1.events_pb2 import AgentPresenceChanged
from seatbus.agent.v1.types_pb2 import AgentState
from seatbus_kit.bus import Answer, Bus
from seatbus_kit.records import Change, RecordStore
from seatbus_kit.settings import ServiceSettings

async def run(agent_id):
    bus = await Bus.connect(ServiceSettings())
    store = RecordStore(bus, "agents", AgentState, "agent",
        lambda r: r.tenant_id, lambda r: r.agent_id, "killed-0")
    def decide(record):
        record = record or AgentState(tenant_id="acme", agent_id=agent_id)
        return Change(record, [AgentPresenceChanged(reason=f"e{i}") for i in range(3)])
    await store.mutate(agent_id, decide, request_id="r1")
    os.kill(os.getpid(), signal.SIGKILL)

asyncio.run(run(sys.argv[1]))
"""


async def test_events_of_a_killed_process_are_published_once_and_in_order(
    bus: Bus, nats_server: NatsServer, agents: Any, agent_id: str
) -> None:
    store = agents.store(bus)
    watcher = Watcher(bus, "agents", markers=True)
    drainer = Drainer(store, older_than=0.5, watcher=watcher)
    await watcher.start()
    await drainer.start()
    child = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-c", KILLED_BETWEEN_CAS_AND_PUBLISH, agent_id],
        env=os.environ | {"SEATBUS_NATS_URL": nats_server.url},
        timeout=20,
    )
    assert child.returncode == -9
    assert await agents.published(bus, agent_id) == []

    async def all_are_there() -> bool:
        return len(await agents.published(bus, agent_id)) == 3

    await eventually(all_are_there, every=0.1)
    # The next change, by another replica, neither loses nor repeats them.
    await agents.store(bus).mutate(agent_id, agents.reason(agent_id, "next"), request_id="r2")
    await asyncio.sleep(1.2)
    await drainer.stop()
    await watcher.stop()
    assert await agents.published(bus, agent_id) == [(1, "e0"), (2, "e1"), (3, "e2"), (4, "next-0")]


async def test_a_record_that_cannot_be_read_holds_up_no_other(bus: Bus, agents: Any, agent_id: str) -> None:
    store = agents.store(bus)
    stray = f"{agent_id}-stray.x"
    await Bucket(bus, "agents").create(stray, b"\xff\xff no protobuf")
    record = AgentState(tenant_id="acme", agent_id=agent_id)
    record.meta.seq = 1
    left = AgentPresenceChanged(reason="left")
    record.meta.pending.add(seq=1, type=left.DESCRIPTOR.full_name, payload=left.SerializeToString())
    await Bucket(bus, "agents").create(agent_id, record.SerializeToString())
    drainer = Drainer(store, older_than=0.2)
    await drainer.start()

    async def is_there() -> bool:
        return await agents.published(bus, agent_id) == [(1, "left")]

    await eventually(is_there, every=0.1)
    await drainer.stop()
    entry = await Bucket(bus, "agents").get(stray)
    assert entry is not None
    await Bucket(bus, "agents").purge(stray, entry.revision)


async def test_one_pass_of_draining_finds_nothing_where_all_is_published(
    bus: Bus, agents: Any, agent_id: str
) -> None:
    store = agents.store(bus)
    await store.mutate(agent_id, agents.reason(agent_id, "x"), request_id="r1")
    await store.flush()
    assert await agents.store(bus).drain_pending(older_than=0.1) == 0
