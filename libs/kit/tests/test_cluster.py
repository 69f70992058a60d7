"""The same promises on three replicas (R3)."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest

from seatbus.agent.v1.events_pb2 import AgentPresenceChanged
from seatbus.agent.v1.types_pb2 import AgentState
from seatbus_kit.errors import Conflict
from seatbus_kit.provision import check_durability
from seatbus_kit.records import Bucket, Change
from seatbus_kit.settings import ServiceSettings
from seatbus_kit.watch import Watcher
from seatbus_testkit.eventually import eventually
from seatbus_testkit.nats import NatsCluster


@pytest.fixture
def cluster(tmp_path: Any) -> Iterator[NatsCluster]:
    with NatsCluster.start(tmp_path) as running:
        yield running


async def test_compare_and_set_holds_through_the_loss_of_the_leader(
    cluster: NatsCluster, open_bus: Any, agents: Any, agent_id: str
) -> None:
    bus = await open_bus(cluster.url, 3)
    await check_durability(ServiceSettings(environment="production", nats_monitor_url=cluster.monitor_url))
    bucket = Bucket(bus, "toll")
    first = await bucket.create(agent_id, b"1")
    await bucket.update(agent_id, b"2", first)
    with pytest.raises(Conflict):
        await bucket.update(agent_id, b"3", first)
    watcher = Watcher(bus, "agents")
    await watcher.start()
    store = agents.store(bus)

    def count(record: AgentState | None) -> Change[AgentState]:
        record = record or AgentState(tenant_id="acme", agent_id=agent_id)
        record.contacts_handled += 1
        return Change(record, [AgentPresenceChanged(reason=str(record.contacts_handled))])

    for i in range(10):
        await store.mutate(agent_id, count, request_id=f"a{i}")
    info = await bus.api("STREAM.INFO.KV_agents")
    state = info["cluster"]
    assert isinstance(state, dict)
    changes = [
        asyncio.create_task(store.mutate(agent_id, count, request_id=f"b{i}", timeout=30)) for i in range(10)
    ]
    await asyncio.sleep(0)
    await asyncio.to_thread(cluster.by_name(state["leader"]).kill)
    await asyncio.gather(*changes)
    # Repeating every request changes nothing, whatever its first outcome was.
    for i in range(10):
        assert (await store.mutate(agent_id, count, request_id=f"b{i}", timeout=15)).repeated
    found = await store.read(agent_id)
    assert found is not None
    assert (found[0].contacts_handled, found[0].meta.seq) == (20, 20)
    assert await store.flush(20)
    assert await agents.published(bus, agent_id) == [(i, str(i)) for i in range(1, 21)]
    await eventually(
        lambda: AgentState.FromString(watcher.entries[agent_id].value).contacts_handled == 20, 10, 0.1
    )
    await watcher.stop()
