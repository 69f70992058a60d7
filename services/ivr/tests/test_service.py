"""The service as the edge uses it: real NATS, real gRPC, several replicas."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys

import pytest

from seatbus.common.v1.types_pb2 import RequestContext
from seatbus.ivr.v1 import service_pb2 as rpc
from seatbus.ivr.v1 import types_pb2 as ivr
from seatbus.ivr.v1.service_pb2_grpc import IvrServiceStub
from seatbus.tenancy.v1 import types_pb2 as tenancy
from seatbus_ivr.application.calls import pause_s
from seatbus_kit.buckets import Bucket
from seatbus_kit.errors import InvalidArgument, NotFound, Refused, Unimplemented
from seatbus_kit.ids import uuid7
from seatbus_kit.instances import Instance, Instances
from seatbus_kit.rpc import invoke
from seatbus_kit.settings import ServiceSettings
from seatbus_kit.trace import TraceContext
from seatbus_testkit.demo_tenant import demo_flow
from seatbus_testkit.nats import NatsServer
from seatbus_testkit.otlp import OtlpCollector

from .conftest import Replica, configure

DIGITS = ivr.OUTCOME_KIND_DIGITS


@pytest.fixture
async def tenant(replica: Replica) -> str:
    name = f"t-{uuid7()[-8:]}"
    await configure(replica.bus, name, tenancy.ConfigObject(id="main", flow=demo_flow()))
    await _seen(replica, name)
    return name


async def _seen(replica: Replica, tenant: str) -> None:
    for _ in range(200):
        if replica.app._view.version(tenant):
            return
        await asyncio.sleep(0.01)
    raise TimeoutError("the configuration did not arrive")


async def test_a_call_walks_through_the_flow(replica: Replica, tenant: str) -> None:
    call = uuid7()
    step = await replica.begin(tenant, call, caller="+4930111", dialed="4000")
    assert (step.step_seq, step.node_id, step.WhichOneof("action")) == (1, "greeting", "play")
    assert step.play.audio[0].text == "Welcome to the demo company."
    step = await replica.advance(tenant, call, 1)
    assert (step.step_seq, step.collect.max_digits) == (2, 1)
    step = await replica.advance(tenant, call, 2, DIGITS, "1")
    assert step.enqueue.queue_id == "sales"
    entry = await Bucket(replica.bus, "ivr").get(f"{tenant}.{call}")
    assert entry is not None
    position = ivr.FlowPosition.FromString(entry.value)
    assert (position.node_id, position.caller, position.dialed) == ("sales", "+4930111", "4000")
    await replica.end(tenant, call)
    assert await Bucket(replica.bus, "ivr").get(f"{tenant}.{call}") is None
    await replica.end(tenant, call)


async def test_begin_and_advance_may_be_repeated(replica: Replica, tenant: str) -> None:
    call = uuid7()
    first = await replica.begin(tenant, call)
    assert await replica.begin(tenant, call) == first
    second = await replica.advance(tenant, call, 1)
    assert await replica.advance(tenant, call, 1) == second
    # Another outcome of a step that is done changes nothing.
    assert await replica.advance(tenant, call, 1, ivr.OUTCOME_KIND_HUNG_UP) == second
    assert await replica.begin(tenant, call) == second
    third = await replica.advance(tenant, call, 2, DIGITS, "2")
    assert third.step_seq == 3
    for seq in (1, 4, 99):
        with pytest.raises(Refused) as caught:
            await replica.advance(tenant, call, seq)
        assert caught.value.field == "step_seq"
    assert await replica.advance(tenant, call, 2) == third


async def test_an_outcome_reported_at_once_by_many_is_one_step(replica: Replica, tenant: str) -> None:
    call = uuid7()
    await replica.begin(tenant, call)
    steps = await asyncio.gather(*(replica.advance(tenant, call, 1) for _ in range(20)))
    assert {step.step_seq for step in steps} == {2}


async def test_any_replica_takes_over(replica: Replica, nats_server: NatsServer, tenant: str) -> None:
    second = await Replica.start(nats_server.url, instance_id="ivr-1")
    try:
        call = uuid7()
        await replica.begin(tenant, call)
        step = await second.advance(tenant, call, 1)
        assert step.step_seq == 2
        # The first one still has an older copy of the record in its cache.
        step = await replica.advance(tenant, call, 2, DIGITS, "9")
        assert (step.step_seq, step.node_id) == (3, "menu")
        step = await second.advance(tenant, call, 3, DIGITS, "2")
        assert step.enqueue.queue_id == "support"
        await replica.end(tenant, call)
        with pytest.raises(NotFound):
            await second.advance(tenant, call, 4)
    finally:
        await second.stop()


async def test_a_call_that_left_its_flow_does_not_come_back(replica: Replica, tenant: str) -> None:
    call = uuid7()
    await replica.begin(tenant, call)
    await replica.end(tenant, call)
    with pytest.raises(Refused) as caught:
        await replica.begin(tenant, call)
    assert caught.value.rule == "flow_left"
    with pytest.raises(NotFound):
        await replica.advance(tenant, call, 1)
    with pytest.raises(NotFound):
        await replica.advance(tenant, uuid7(), 1)


def test_ends_of_one_moment_meet_a_little_later() -> None:
    moments = [7000 + step / 1000 for step in range(400)]
    pauses = [pause_s(moment) for moment in moments]
    assert 0.049 <= min(pauses) < max(pauses) <= 0.151
    assert len({round(moment + pause, 3) for moment, pause in zip(moments, pauses, strict=True)}) == 5


async def test_a_flow_that_has_not_arrived_yet_is_asked_for(replica: Replica) -> None:
    await replica.app._view.stop()
    name = f"t-{uuid7()[-8:]}"
    await configure(replica.bus, name, tenancy.ConfigObject(id="main", flow=demo_flow()))
    step = await replica.begin(name, uuid7())
    assert (step.step_seq, step.node_id) == (1, "greeting")


async def test_unknown_and_unserved_flows_are_refused_at_begin(replica: Replica, tenant: str) -> None:
    with pytest.raises(NotFound) as missing:
        await replica.begin(tenant, uuid7(), "nothing")
    assert missing.value.field == "flow_id"
    # So an older version reads a node of a kind that came later.
    later = ivr.Flow(
        name="v",
        start="p",
        nodes=[
            ivr.Node(id="p", play=ivr.PlayNode(audio=[ivr.Audio(text="x")], next="box")),
            ivr.Node(id="box"),
        ],
    )
    other = f"{tenant}-v"
    await configure(replica.bus, other, tenancy.ConfigObject(id="main", flow=later))
    await _seen(replica, other)
    with pytest.raises(Unimplemented) as unserved:
        await replica.begin(other, uuid7())
    assert unserved.value.field == "flow.nodes[1].none"
    assert "'box'" in unserved.value.message
    with pytest.raises(InvalidArgument) as invalid:
        await invoke(replica.stub.ValidateFlow, rpc.ValidateFlowRequest(tenant_id=tenant, flow=later), 5.0)
    assert invalid.value.field == "flow.nodes[1].kind"


async def test_positions_of_lost_calls_are_swept(replica: Replica, tenant: str) -> None:
    lost, live = uuid7(), uuid7()
    for call in (lost, live):
        await replica.begin(tenant, call)
    bucket = Bucket(replica.bus, "ivr")
    entry = await bucket.get(f"{tenant}.{lost}")
    assert entry is not None
    position = ivr.FlowPosition.FromString(entry.value)
    position.started_at.seconds -= 25 * 3600
    await bucket.update(entry.key, position.SerializeToString(), entry.revision)
    await replica.app._sweep.once()
    assert await bucket.get(f"{tenant}.{lost}") is None
    assert (await replica.begin(tenant, live)).step_seq == 1


async def test_validate_flow_names_field_and_rule(replica: Replica, tenant: str) -> None:
    broken = demo_flow()
    broken.nodes[2].menu.choices["2"] = "nowhere"
    with pytest.raises(InvalidArgument) as caught:
        await invoke(replica.stub.ValidateFlow, rpc.ValidateFlowRequest(tenant_id=tenant, flow=broken), 5.0)
    assert (caught.value.field, caught.value.rule) == ("flow.nodes[2].menu.choices[2]", "edge.exists")
    await invoke(replica.stub.ValidateFlow, rpc.ValidateFlowRequest(tenant_id=tenant, flow=demo_flow()), 5.0)


async def test_steps_appear_in_the_trace_of_their_call(
    nats_server: NatsServer, otlp_collector: OtlpCollector
) -> None:
    traced = await Replica.start(nats_server.url, instance_id="ivr-traced", otlp_endpoint=otlp_collector.url)
    try:
        tenant, call = f"t-{uuid7()[-8:]}", uuid7()
        await configure(traced.bus, tenant, tenancy.ConfigObject(id="main", flow=demo_flow()))
        await _seen(traced, tenant)
        trace = TraceContext.for_call(call)
        context = RequestContext(request_id=uuid7(), tenant_id=tenant)
        begin = rpc.BeginRequest(context=context, call_id=call, flow_id="main")
        await invoke(traced.stub.Begin, begin, 5.0, trace)
        done = ivr.Outcome(kind=ivr.OUTCOME_KIND_DONE)
        advance = rpc.AdvanceRequest(context=context, call_id=call, step_seq=1, outcome=done)
        await invoke(traced.stub.Advance, advance, 5.0, trace)
    finally:
        await traced.stop()
    seen = {span.name for span in otlp_collector.trace(trace.trace_id) if span.service == "ivr"}
    assert {"IvrService.Begin", "IvrService.Advance"} <= seen


async def _announced(instances: Instances, id: str) -> Instance:
    for _ in range(500):
        found = instances.get(id)
        if found is not None:
            return found
        await asyncio.sleep(0.02)
    raise TimeoutError(f"{id} did not come up")


async def test_a_killed_replica_is_replaced_in_the_middle_of_a_call(
    replica: Replica, nats_server: NatsServer, tenant: str
) -> None:
    """The first answers come from a process that is then killed with -9."""
    id = f"ivr-{tenant}"
    env = os.environ | {
        "SEATBUS_NATS_URL": nats_server.url,
        "SEATBUS_INSTANCE_ID": id,
        "SEATBUS_LOG_LEVEL": "warning",
    }
    instances = Instances(replica.bus, ServiceSettings(instance_id="looking-on"))
    await instances.start()
    process = subprocess.Popen([sys.executable, "-m", "seatbus_ivr"], env=env)
    try:
        found = await _announced(instances, id)
        stub = IvrServiceStub(replica.channels.get(found.address))
        call = uuid7()
        context = RequestContext(request_id=uuid7(), tenant_id=tenant)
        begun = await invoke(stub.Begin, rpc.BeginRequest(context=context, call_id=call, flow_id="main"), 5.0)
        advance = rpc.AdvanceRequest(
            context=context, call_id=call, step_seq=1, outcome=ivr.Outcome(kind=ivr.OUTCOME_KIND_DONE)
        )
        stepped = await invoke(stub.Advance, advance, 5.0)
    finally:
        process.send_signal(signal.SIGKILL)
        await asyncio.to_thread(process.wait, 10)
        await instances.stop()
    assert begun.step.step_seq == 1
    # The answer may have been lost with the process: the outcome is repeated, and the call goes on.
    assert await replica.advance(tenant, call, 1) == stepped.step
    step = await replica.advance(tenant, call, 2, DIGITS, "1")
    assert step.enqueue.queue_id == "sales"
