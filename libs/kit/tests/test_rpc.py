"""Calls by lane and by gRPC: one error table, validation, deadlines, traces. Health, reflection, streams."""

from __future__ import annotations

import asyncio
from typing import Any

import grpc
import pytest

from seatbus.acd.v1 import service_pb2, service_pb2_grpc
from seatbus_kit import errors, metrics
from seatbus_kit.rpc import Channels, invoke, stream
from seatbus_kit.rpc.frames import MAX_MESSAGE
from seatbus_kit.rpc.status import STATUS
from seatbus_kit.trace import TraceContext, current_trace
from seatbus_testkit.eventually import eventually
from seatbus_testkit.proxy import TcpProxy

from .rpc_bench import Bench, bench, estimate_request

__all__ = ["bench"]


ERRORS = [
    errors.InvalidArgument("too long", field="name", rule="string.max_len: 5"),
    errors.NotFound("no such queue"),
    errors.AlreadyExists("it exists"),
    errors.Conflict("changed", revision=17),
    errors.StaleEpoch(sent=3, current=4),
    errors.Refused("agent_not_ready", "the agent is on a break", current=17),
    errors.PermissionDenied("not yours"),
    errors.ResourceExhausted("30 calls are the quota"),
    errors.Unavailable("the bus is away"),
    errors.OutcomeUnknown("no answer"),
    errors.DeadlineExceeded("too late"),
    errors.Unimplemented("later"),
]


def test_every_error_has_a_status() -> None:
    named = {
        value
        for value in vars(errors).values()
        if isinstance(value, type) and issubclass(value, errors.SeatbusError)
    }
    assert named == set(STATUS)
    assert {type(error) for error in ERRORS} | {errors.SeatbusError} == named


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: error.code)
async def test_an_error_arrives_as_it_was_raised(bench: Bench, error: errors.SeatbusError) -> None:
    async def fail() -> None:
        raise error

    bench.servicer.answer = fail
    with pytest.raises(type(error)) as caught:
        await bench.estimate()
    got = caught.value
    for name in ("current", "revision"):
        assert getattr(got, name, 0) == getattr(error, name, 0)
    assert (got.code, got.message, got.field, got.rule, got.retryable) == (
        error.code,
        error.message,
        error.field,
        error.rule,
        error.retryable,
    )
    for name in ("reason", "current", "revision"):
        assert getattr(got, name, None) == getattr(error, name, None)


async def test_an_internal_error_tells_nothing_of_the_inside(bench: Bench) -> None:
    async def fail() -> None:
        raise KeyError("the password is hunter2")

    bench.servicer.answer = fail
    with pytest.raises(errors.SeatbusError, match=r"^internal error in AcdService.EstimateWait$"):
        await bench.estimate()
    await bench.goes_on()


async def test_a_bad_request_is_refused_with_field_and_rule(bench: Bench) -> None:
    with pytest.raises(errors.InvalidArgument) as caught:
        await bench.estimate(queue_id="")
    assert (caught.value.field, caught.value.rule) == ("queue_id", "string.min_len: 1")
    request = service_pb2.SetQueueModeRequest()
    request.context.request_id = "r"
    request.context.tenant_id = "Not A Tenant"
    with pytest.raises(errors.InvalidArgument) as caught:
        await invoke(bench.stub.SetQueueMode, request, 2.0)
    assert caught.value.field == "context.tenant_id"
    assert "pattern" in (caught.value.rule or "")


async def test_a_method_that_is_not_served_says_so(bench: Bench) -> None:
    request = service_pb2.SetQueueModeRequest(queue_id="q", mode="open")
    request.context.request_id = "r"
    request.context.tenant_id = "acme"
    with pytest.raises(errors.Unimplemented):
        await invoke(bench.stub.SetQueueMode, request, 2.0)


async def test_a_neighbour_that_greets_late_is_connected_all_the_same(bench: Bench) -> None:
    bench.servicer.answer = service_pb2.EstimateWaitResponse
    proxy = TcpProxy(int(bench.server.address.rpartition(":")[2]), late_s=0.8)
    await proxy.start()
    channels = Channels(None)
    stub: Any = service_pb2_grpc.AcdServiceStub(channels.get(f"127.0.0.1:{proxy.port}"))

    async def answered() -> bool:
        try:
            await invoke(stub.EstimateWait, estimate_request(), 1.0)
        except (errors.Unavailable, errors.DeadlineExceeded):
            return False
        return True

    await eventually(answered, every=0.05)
    await channels.close()
    await proxy.stop()


async def test_a_call_without_deadline_is_refused(bench: Bench) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await bench.stub.EstimateWait(estimate_request())
    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert "deadline" in caught.value.details()


async def test_a_late_answer_is_a_deadline_exceeded_and_ends_the_handler(bench: Bench) -> None:
    held, call = await bench.held(timeout=0.3)
    with pytest.raises(errors.DeadlineExceeded):
        await call
    await asyncio.wait_for(held.cancelled.wait(), 30)
    await bench.goes_on()


async def test_a_caller_that_gives_up_ends_the_handler(bench: Bench) -> None:
    held, call = await bench.held()
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    await asyncio.wait_for(held.cancelled.wait(), 30)
    await bench.goes_on()


async def test_the_handler_knows_how_much_time_is_left(bench: Bench) -> None:
    await bench.estimate(timeout=30)
    assert 0 <= bench.servicer.contexts[0].time_remaining() <= 30.1


async def test_metadata_reaches_the_handler(bench: Bench) -> None:
    metadata = (("sb-forwarded", "1"), ("traceparent", TraceContext(0xABC, 0xDEF).to_traceparent()))
    await bench.stub.EstimateWait(estimate_request(), timeout=30, metadata=metadata)
    assert set(metadata) <= set(bench.servicer.contexts[0].invocation_metadata())


async def test_messages_of_4_mib_pass_and_larger_ones_are_refused(bench: Bench) -> None:
    def answer(size: int) -> Any:
        found = service_pb2.SnapshotResponse()
        found.unreachable.append("x" * size)
        return found

    async def ask(size: int) -> Any:
        bench.servicer.snapshot = lambda: answer(size)
        return await bench.snapshot()

    assert (await ask(MAX_MESSAGE - 64)).ByteSize() > MAX_MESSAGE - 64
    with pytest.raises(errors.ResourceExhausted):
        await ask(MAX_MESSAGE + 64)
    with pytest.raises(errors.ResourceExhausted):
        await bench.estimate(tenant_id="x" * MAX_MESSAGE)
    await bench.goes_on()


async def test_answers_find_their_calls_in_any_order(bench: Bench) -> None:
    began, order = [], list(range(200))

    async def one() -> Any:
        number = len(began)
        began.append(asyncio.Event())
        await began[number].wait()
        return service_pb2.EstimateWaitResponse(estimated_wait_s=number)

    bench.servicer.answer = one
    calls = [asyncio.create_task(bench.estimate(timeout=30)) for _ in order]
    await eventually(lambda: len(began) == len(order), 20)
    for number in reversed(order):
        began[number].set()
    assert sorted(answer.estimated_wait_s for answer in await asyncio.gather(*calls)) == order


async def test_a_call_in_progress_is_finished_while_the_server_stops(bench: Bench) -> None:
    held, call = await bench.held()
    stopping = asyncio.create_task(bench.server.stop(10))

    async def refused() -> bool:
        try:
            await bench.snapshot()
        # gRPC cannot say of a call that meets the end of its connection whether it was taken.
        except (errors.Unavailable, errors.OutcomeUnknown):
            return True
        return False

    await eventually(refused)
    held.go_on.set()
    assert (await call).estimated_wait_s == 7
    await asyncio.wait_for(stopping, 30)


async def test_calls_are_measured_by_their_outcome(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metrics, "_enabled", True)

    def count(code: str) -> float:
        prefix = f'seatbus_rpc_seconds_count{{code="{code}",method="AcdService.EstimateWait"}}'
        lines = metrics.render().decode().splitlines()
        return sum(float(line.split()[-1]) for line in lines if line.startswith(prefix))

    before = count("ok"), count("invalid_argument")
    await bench.estimate()
    with pytest.raises(errors.InvalidArgument):
        await bench.estimate(queue_id="")
    assert (count("ok"), count("invalid_argument")) == (before[0] + 1, before[1] + 1)


async def test_nobody_listening_means_certainly_not_done() -> None:
    channels = Channels()
    stub = service_pb2_grpc.AcdServiceStub(channels.get("127.0.0.1:1"))
    with pytest.raises(errors.Unavailable):
        await invoke(stub.EstimateWait, estimate_request(), 2.0)
    await channels.close()


async def test_a_server_that_dies_during_the_call_leaves_the_outcome_unknown(bench: Bench) -> None:
    _, call = await bench.held()
    await bench.server.stop(0)
    with pytest.raises(errors.OutcomeUnknown):
        await call


async def test_the_trace_crosses_the_call(bench: Bench) -> None:
    seen: list[TraceContext | None] = []

    def answer() -> Any:
        seen.append(current_trace())
        return service_pb2.EstimateWaitResponse()

    bench.servicer.answer = answer
    trace = TraceContext(0xABC, 0xDEF)
    await invoke(bench.stub.EstimateWait, estimate_request(), 2.0, trace)
    await bench.estimate()
    assert seen == [trace, None]


async def test_a_stream_gives_its_messages_and_then_its_error(bench: Bench) -> None:
    messages = stream(bench.stub.WatchSnapshot, service_pb2.SnapshotRequest(tenant_id="acme"), 2.0)
    assert await anext(messages) == service_pb2.SnapshotResponse()
    with pytest.raises(errors.Refused, match="not_the_owner"):
        await anext(messages)


async def test_health_follows_the_drain_and_reflection_lists_the_services(bench: Bench) -> None:
    from grpc_health.v1 import health_pb2, health_pb2_grpc
    from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

    channel = bench.channels.get(bench.server.address)
    health: Any = health_pb2_grpc.HealthStub(channel)
    request = health_pb2.HealthCheckRequest(service="seatbus.acd.v1.AcdService")
    assert (await health.Check(request, timeout=30)).status == health_pb2.HealthCheckResponse.SERVING
    await bench.server.drain()
    assert (await health.Check(request, timeout=30)).status == health_pb2.HealthCheckResponse.NOT_SERVING
    await bench.estimate()
    reflection: Any = reflection_pb2_grpc.ServerReflectionStub(channel)
    call = reflection.ServerReflectionInfo(timeout=30)
    await call.write(reflection_pb2.ServerReflectionRequest(list_services=""))
    listed = {service.name for service in (await call.read()).list_services_response.service}
    await call.done_writing()
    assert "seatbus.acd.v1.AcdService" in listed
