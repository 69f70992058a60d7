"""Events in, reports out: the service as its neighbours see it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, ClassVar

from seatbus.call.v1 import service_pb2 as call_rpc
from seatbus.call.v1 import service_pb2_grpc as call_grpc
from seatbus.reporting.v1 import service_pb2 as rpc
from seatbus.reporting.v1 import types_pb2 as types
from seatbus.tenancy.v1 import types_pb2 as tenancy
from seatbus_contracts.subjects import config_key
from seatbus_kit.buckets import Bucket
from seatbus_kit.ids import uuid7
from seatbus_kit.instances import Instances
from seatbus_kit.rpc import RpcServer
from seatbus_kit.settings import ServiceSettings

from .script_events import CallScript, Seqs, answered_call, presence

if TYPE_CHECKING:
    from .conftest import Served, Start


class EdgeSettings(ServiceSettings):
    service: ClassVar[str] = "sip_edge"


async def until(condition: Callable[[], Awaitable[bool]], timeout: float = 20.0) -> None:
    async with asyncio.timeout(timeout):
        while not await condition():  # noqa: ASYNC110
            await asyncio.sleep(0.03)


async def publish(served: Served, script: CallScript, *, skip: tuple[int, ...] = ()) -> None:
    for event in script.events:
        if event.domain != "call" or event.seq not in skip:
            await served.bus.publish(event)


async def configure(
    served: Served, tenant: str, queues: tuple[str, ...], agents: tuple[str, ...] = ()
) -> None:
    """Writes what `tenancy` would."""
    config = Bucket(served.bus, "config")
    for id in queues:
        item = tenancy.ConfigObject(tenant_id=tenant, id=id, queue=tenancy.Queue(name=f"Queue {id}"))
        await config.create(config_key(tenant, "queue", id), item.SerializeToString())
    for id in agents:
        item = tenancy.ConfigObject(tenant_id=tenant, id=id, agent=tenancy.Agent(name=f"Agent {id}"))
        await config.create(config_key(tenant, "agent", id), item.SerializeToString())


async def cdrs(served: Served, tenant: str, **more: object) -> list[types.Cdr]:
    answer = await served.rpc.ListCdrs(
        rpc.ListCdrsRequest(tenant_id=tenant, **more), timeout=20, wait_for_ready=True
    )
    return list(answer.cdrs)


async def test_a_call_becomes_one_final_record_with_its_times_and_its_recording(start: Start) -> None:
    served, tenant = await start(), f"t{uuid7()}"
    script = answered_call(tenant)
    await publish(served, script)

    async def there() -> bool:
        found = await cdrs(served, tenant)
        return bool(found) and found[0].recording_ms > 0

    await until(there)
    (cdr,) = await cdrs(served, tenant)
    assert cdr.final
    assert cdr.call_id == script.call_id
    assert (cdr.cause, cdr.direction, cdr.digits) == ("caller_hung_up", "inbound", "1")
    assert (cdr.queue_id, cdr.agent_id, cdr.offers, cdr.queue_visits) == ("q1", "a1", 1, 1)
    assert (cdr.wait_us, cdr.talk_us, cdr.duration_us) == (3_050_000, 5_000_000, 10_150_000)
    assert (cdr.recording_id, cdr.recording_ms, cdr.recording_bytes) == (script.recording_id, 5000, 160044)
    assert cdr.caller_mos == 4.2
    assert [(s.agent_id, s.cause) for s in cdr.segments] == [("a1", "caller_hung_up")]
    one = await served.rpc.GetCdr(rpc.GetCdrRequest(tenant_id=tenant, call_id=script.call_id), timeout=20)
    assert one.cdr == cdr
    visits = await served.rpc.ListQueueVisits(rpc.ListQueueVisitsRequest(tenant_id=tenant), timeout=20)
    assert [(v.outcome, v.agent_id, v.wait_us) for v in visits.visits] == [("answered", "a1", 3_050_000)]


async def test_board_and_store_agree_at_a_quiet_moment(start: Start) -> None:
    served, tenant = await start(), f"t{uuid7()}"
    await configure(served, tenant, ("q1", "q2", "quiet"), ("a1",))
    now = datetime.now(UTC)
    await served.bus.publish(presence(tenant, "a1", 1, "READY", now, now))
    agents = Seqs()
    agents.last[f"{tenant}/a1"] = 1
    scripts = [CallScript(tenant, queue=("q1", "q2")[i % 2], agents=agents) for i in range(1, 13)]
    for i, script in enumerate(scripts):
        script.arrive().enqueue()
        if i % 4 == 3:
            script.wait(1).abandon()
        else:
            script.offer().wait(i * 3).answer().wait(1).hang_up()
    for script in scripts:
        await publish(served, script)

    async def quiet() -> bool:
        visits = await served.rpc.ListQueueVisits(rpc.ListQueueVisitsRequest(tenant_id=tenant), timeout=20)
        if len(visits.visits) != 12 or not all(v.outcome for v in visits.visits):
            return False
        # Board and store read the streams each at its own pace: both have to have come to the end.
        board = await served.rpc.GetBoard(rpc.GetBoardRequest(tenant_id=tenant), timeout=20)
        ended = sum(q.answered + q.abandoned for q in board.queues)
        return ended == 12 and board.calls_now == 0 and [a.state for a in board.agents] == ["ready"]

    await until(quiet, 20)
    board = await served.rpc.GetBoard(rpc.GetBoardRequest(tenant_id=tenant), timeout=20)
    shown = {q.queue_id: q for q in board.queues}
    assert {id: q.name for id, q in shown.items()} == {
        "q1": "Queue q1",
        "q2": "Queue q2",
        "quiet": "Queue quiet",
    }
    assert (shown["quiet"].offered, shown["quiet"].service_level) == (0, -1.0)
    assert {a.agent_id: a.state for a in board.agents} == {"a1": "ready"}
    assert board.calls_now == 0
    del shown["quiet"]
    for metric, field in (
        ("offered", lambda q: q.offered),
        ("answered", lambda q: q.answered),
        ("abandoned", lambda q: q.abandoned),
        ("service_level_offered", lambda q: q.service_level),
        ("asa", lambda q: q.asa_s),
    ):
        request = rpc.QueryMetricRequest(tenant_id=tenant, metric=metric, group_by="queue")
        answer = await served.rpc.QueryMetric(request, timeout=20)
        for queue_id, queue in shown.items():
            assert abs(answer.values[queue_id] - field(queue)) < 1e-9, (metric, queue_id)


async def test_a_gap_is_asked_for_and_the_record_becomes_final(start: Start) -> None:
    served, tenant = await start(instance_id="reporting-gap"), f"t{uuid7()}"
    script = answered_call(tenant, owner="edge-gap")
    asked: list[tuple[int, int]] = []

    class Edge(call_grpc.CallControlServicer):
        async def Republish(self, request: call_rpc.RepublishRequest, _context: object) -> object:
            asked.append((request.from_seq, request.to_seq))
            found = [e for e in script.of("call") if request.from_seq <= e.seq <= request.to_seq]
            for event in found:
                await served.bus.publish(event)
            return call_rpc.RepublishResponse(republished=len(found))

    server = RpcServer(served.runtime.settings)
    server.add(call_grpc.add_CallControlServicer_to_server, Edge())
    await server.start()
    edge = Instances(served.bus, EdgeSettings(instance_id="edge-gap"))
    await edge.start()
    await edge.announce(lambda: 0.0, address=server.address)
    try:
        await publish(served, script, skip=(2, 3))

        async def final(wanted: bool) -> bool:
            found = await cdrs(served, tenant)
            return bool(found) and found[0].final == wanted

        await until(lambda: final(False))
        assert len(await cdrs(served, tenant)) == 1
        assert (await watermark(served, script.call_id)) == 1
        await until(lambda: final(True))
        assert asked == [(2, 3)]
        assert (await watermark(served, script.call_id)) == script.of("call")[-1].seq
        assert len(await cdrs(served, tenant)) == 1
    finally:
        await edge.stop()
        await server.stop(0)


async def watermark(served: Served, call_id: str) -> int:
    request = rpc.CommittedWatermarkRequest(call_ids=[call_id])
    answer = await served.rpc.CommittedWatermark(request, timeout=20)
    return int(answer.committed[call_id])


async def test_watchers_get_a_snapshot_then_deltas_then_heartbeats(start: Start) -> None:
    served, tenant = await start(board_heartbeat_s=0.4), f"t{uuid7()}"
    await configure(served, tenant, ("q1",))
    await asyncio.sleep(0.1)
    stream = served.rpc.WatchBoard(rpc.GetBoardRequest(tenant_id=tenant), timeout=30)
    first = await stream.read()
    assert (first.kind, [q.queue_id for q in first.queues]) == ("snapshot", ["q1"])
    script = CallScript(tenant).arrive().enqueue()
    await publish(served, script)
    delta = await stream.read()
    while not (delta.queues and delta.queues[0].waiting):
        delta = await stream.read()
    assert (delta.kind, delta.calls_now, delta.minutes[0].offered) == ("delta", 1, 1)
    while delta.kind != "heartbeat":
        delta = await stream.read()
    await configure(served, tenant, ("q2",))
    while not delta.queues:
        delta = await stream.read()
    assert {q.queue_id for q in delta.queues} == {"q1", "q2"}
    stream.cancel()
