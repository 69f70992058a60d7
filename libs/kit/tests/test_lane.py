"""Lanes: finding them, losing them, and what comes over the wire, however broken it is."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import grpc
import grpc.aio
import pytest
import uvloop
from hypothesis import given
from hypothesis import strategies as st
from structlog.testing import capture_logs

from seatbus.acd.v1 import service_pb2, service_pb2_grpc
from seatbus.common.v1.lane_pb2 import WhereRequest, WhereResponse
from seatbus.common.v1.lane_pb2_grpc import (
    LaneServiceServicer,
    LaneServiceStub,
    add_LaneServiceServicer_to_server,
)
from seatbus_kit import errors
from seatbus_kit.rpc import Channels, RpcServer, frames, invoke
from seatbus_kit.rpc.lane import LaneTimes
from seatbus_kit.settings import ServiceSettings
from seatbus_kit.trace import TraceContext
from seatbus_testkit.eventually import eventually
from seatbus_testkit.standstill import stand_still

from .rpc_bench import Acd, Bench, Held, bench, estimate_request, lane_open

__all__ = ["bench"]

only_lane = pytest.mark.parametrize("bench", ["lane"], indirect=True)
pieces = st.lists(st.integers(1, 4000), max_size=40)
a_frame = st.tuples(st.integers(1, 7), st.integers(0, 2**32 - 1), st.binary(max_size=300))


def chunked(data: bytes, sizes: list[int]) -> Iterator[bytes]:
    at = 0
    for size in sizes:
        yield data[at : at + size]
        at += size
    yield data[at:]


@given(st.lists(a_frame, max_size=30), pieces)
def test_frames_are_the_same_however_they_are_chunked(
    sent: list[tuple[int, int, bytes]], sizes: list[int]
) -> None:
    splitter = frames.Splitter()
    data = b"".join(frames.frame(*one) for one in sent)
    assert [found for chunk in chunked(data, sizes) for found in splitter.feed(chunk)] == sent


@given(st.lists(a_frame, max_size=3), st.binary(min_size=9, max_size=400), pieces)
def test_garbage_is_noticed_or_kept_within_one_frame(
    sent: list[tuple[int, int, bytes]], garbage: bytes, sizes: list[int]
) -> None:
    splitter = frames.Splitter()
    data = b"".join(frames.frame(*one) for one in sent) + garbage
    try:
        for chunk in chunked(data, sizes):
            splitter.feed(chunk)
    except frames.BrokenFrame:
        return
    assert len(splitter._rest) <= len(garbage)


@given(
    st.integers(0, 2**32 - 1),
    st.integers(0, 2**16 - 1),
    st.none() | st.floats(0, 86_400),
    st.none() | st.builds(TraceContext, st.integers(1, 2**128 - 1), st.integers(1, 2**64 - 1)),
    st.lists(
        st.tuples(st.from_regex(r"[a-z-]{1,20}", fullmatch=True), st.text("aé1 ", max_size=30)), max_size=4
    ),
    st.binary(max_size=300),
)
def test_a_request_is_read_as_it_was_written(
    call_id: int,
    method: int,
    timeout: float | None,
    trace: TraceContext | None,
    metadata: list[tuple[str, str]],
    message: bytes,
) -> None:
    data = frames.request_frame(call_id, method, timeout, trace, tuple(metadata), message)
    ((kind, number, body),) = frames.Splitter().feed(data)
    read = frames.parse_request(body)
    assert (kind, number, read.method, read.trace) == (frames.REQUEST, call_id, method, trace)
    assert (read.metadata, read.message) == (tuple(metadata), message)
    if timeout is None:
        assert read.timeout is None
    else:
        assert read.timeout == pytest.approx(timeout, abs=0.002)


@given(st.binary(max_size=64))
def test_a_broken_body_is_a_broken_frame(body: bytes) -> None:
    for parse in (frames.parse_request, frames.parse_failure):
        try:
            parse(body)
        except frames.BrokenFrame:
            continue


async def where(address: str) -> WhereResponse:
    async with grpc.aio.insecure_channel(address) as channel:
        stub: Any = LaneServiceStub(channel)
        answer: WhereResponse = await stub.Where(WhereRequest(), timeout=30)
        return answer


async def raw(bench: Bench) -> tuple[asyncio.StreamReader, asyncio.StreamWriter, WhereResponse]:
    found = await where(bench.server.address)
    reader, writer = await asyncio.open_connection("127.0.0.1", found.port)
    return reader, writer, found


@only_lane
@pytest.mark.parametrize(
    ("sent", "reason"),
    [
        (b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", "another protocol"),
        (b"SBLN\x63" + b"t" * 16, "version 99"),
        (frames.greeting(b"t" * 16), "another process"),
        (b"ok" + b"\xff\xff\xff\x7f\x01" + b"\0" * 4, "2147483647 bytes"),
        (b"ok" + frames.frame(frames.REQUEST, 1, b"\0"), "cannot be read"),
        (b"ok" + frames.request_frame(1, 999, 1.0, None, (), b""), "method 999"),
        (b"ok" + frames.frame(frames.ANSWER, 1), "from a client"),
    ],
)
async def test_who_speaks_otherwise_is_shown_the_door(bench: Bench, sent: bytes, reason: str) -> None:
    reader, writer, found = await raw(bench)
    if sent.startswith(b"ok"):
        sent = frames.greeting(found.token) + sent[2:]
    with capture_logs() as logs:
        writer.write(sent)
        async with asyncio.timeout(30):
            try:
                await reader.read()
            except ConnectionResetError:
                pass
    assert any(line["event"] == "lane closed" and reason in line["reason"] for line in logs)
    writer.close()
    assert await bench.estimate() == service_pb2.EstimateWaitResponse()


@only_lane
async def test_a_message_that_is_none_is_an_error_of_its_call_alone(bench: Bench) -> None:
    reader, writer, found = await raw(bench)
    index = list(found.methods).index("/seatbus.acd.v1.AcdService/EstimateWait")
    writer.write(frames.greeting(found.token) + frames.request_frame(7, index, 5.0, None, (), b"\xff\xff"))
    await reader.readexactly(frames.GREETING_BYTES)
    ((kind, call_id, body),) = frames.Splitter().feed(await reader.read(4096))
    assert (kind, call_id) == (frames.FAILURE, 7)
    assert frames.parse_failure(body)[0] == grpc.StatusCode.INTERNAL.value[0]
    writer.close()


@only_lane
async def test_a_caller_that_does_not_read_gets_no_more_work_done(bench: Bench) -> None:
    done: list[None] = []

    def answer() -> Any:
        done.append(None)
        return service_pb2.SnapshotResponse(unreachable=["x" * 1_000_000])

    bench.servicer.snapshot = answer
    reader, writer, found = await raw(bench)
    index = list(found.methods).index("/seatbus.acd.v1.AcdService/Snapshot")
    request = service_pb2.SnapshotRequest(tenant_id="acme").SerializeToString()
    writer.write(frames.greeting(found.token))
    for call_id in range(60):
        writer.write(frames.request_frame(call_id, index, 60.0, None, (), request))
        await asyncio.sleep(0)
        await bench.estimate()
    assert 1 <= len(done) < 60
    await reader.readexactly(frames.GREETING_BYTES)
    splitter, answered = frames.Splitter(), 0
    async with asyncio.timeout(20):
        while answered < 60:
            answered += len(list(splitter.feed(await reader.read(1 << 20))))
    writer.close()


@only_lane
async def test_too_many_calls_in_flight_are_refused_with_their_number(bench: Bench) -> None:
    held, first = await bench.held(timeout=30)
    calls = [asyncio.create_task(bench.estimate(timeout=30)) for _ in range(10_000)]
    refused = 0
    await eventually(lambda: sum(call.done() for call in calls) == 10_001 - frames.MAX_CALLS, 30)
    for call in calls:
        if call.done():
            with pytest.raises(errors.ResourceExhausted, match=f"^{frames.MAX_CALLS} calls to"):
                await call
            refused += 1
    held.go_on.set()
    answers = await asyncio.gather(first, *calls, return_exceptions=True)
    assert (
        len([one for one in answers if not isinstance(one, Exception)])
        == frames.MAX_CALLS
        == 10_001 - refused
    )


@only_lane
async def test_a_call_whose_time_is_up_is_not_made(bench: Bench) -> None:
    with pytest.raises(errors.DeadlineExceeded):
        await bench.estimate(timeout=0)
    assert bench.servicer.contexts == []


class OtherVersion(LaneServiceServicer):
    async def Where(self, request: Any, context: Any) -> WhereResponse:
        return WhereResponse(port=1, token=b"t" * 16, version=99)


@pytest.mark.parametrize("other_version", [False, True])
async def test_a_peer_without_a_lane_that_is_known_is_called_by_grpc(other_version: bool) -> None:
    server = grpc.aio.server()
    if other_version:
        add_LaneServiceServicer_to_server(OtherVersion(), server)  # type: ignore[no-untyped-call]
    service_pb2_grpc.add_AcdServiceServicer_to_server(Acd(), server)  # type: ignore[no-untyped-call]
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    channels = Channels()
    stub: Any = service_pb2_grpc.AcdServiceStub(channels.get(f"127.0.0.1:{port}"))
    for _ in range(20):
        assert await invoke(stub.EstimateWait, estimate_request(), 5) == service_pb2.EstimateWaitResponse()
    await channels.close()
    await server.stop(0)


@only_lane
async def test_a_restarted_neighbour_has_its_lane_found_again(bench: Bench) -> None:
    await bench.estimate()
    await bench.server.stop(0)
    with pytest.raises((errors.Unavailable, errors.OutcomeUnknown)):
        await bench.estimate()
    port = int(bench.server.address.rpartition(":")[2])
    again, servicer = RpcServer(ServiceSettings(grpc_port=port)), Acd()
    again.add(service_pb2_grpc.add_AcdServiceServicer_to_server, servicer)
    await again.start()

    async def by_lane() -> bool:
        try:
            await bench.estimate()
        except (errors.Unavailable, errors.OutcomeUnknown):
            return False
        return type(servicer.contexts[-1]).__name__ == "LaneContext"

    await eventually(by_lane)
    await again.stop(0)


@pytest.fixture
async def frozen() -> AsyncIterator[tuple[Channels, Any]]:
    """A service in a process that stands still, and a caller with an open lane to it."""
    program = Path(__file__).with_name("served.py")
    process = await asyncio.create_subprocess_exec(sys.executable, program, stdout=asyncio.subprocess.PIPE)
    assert process.stdout is not None
    address = (await asyncio.wait_for(process.stdout.readline(), 30)).decode().strip()
    channels = Channels(LaneTimes(ping_after_s=0.3, pong_within_s=0.3))
    await lane_open(channels, address)
    stand_still(process.pid)
    yield channels, service_pb2_grpc.AcdServiceStub(channels.get(address))  # type: ignore[no-untyped-call]
    await channels.close()
    process.kill()
    await process.wait()


async def test_a_peer_that_stands_still_costs_the_deadline_and_is_given_up(
    frozen: tuple[Channels, Any],
) -> None:
    with pytest.raises(errors.DeadlineExceeded):
        await invoke(frozen[1].EstimateWait, estimate_request(), 0.05)
    with pytest.raises(errors.OutcomeUnknown, match="does not answer"):
        await invoke(frozen[1].EstimateWait, estimate_request(), 30)


async def test_what_a_peer_does_not_read_waits_at_the_caller(frozen: tuple[Channels, Any]) -> None:
    request = estimate_request(queue_id="q" * 1_000_000)
    calls = [asyncio.create_task(invoke(frozen[1].EstimateWait, request, 30)) for _ in range(40)]
    late = asyncio.create_task(invoke(frozen[1].EstimateWait, request, 0.2))
    with pytest.raises(errors.DeadlineExceeded, match=r"does not read|no answer"):
        await late
    lane = frozen[0].get(next(iter(frozen[0]._channels))).lane  # type: ignore[attr-defined]
    assert lane._connection._transport.get_write_buffer_size() < 8_000_000
    # Given up: those that had left may have arrived, the others are certainly not done.
    outcomes = await asyncio.gather(*calls, return_exceptions=True)
    assert {type(one) for one in outcomes} == {errors.OutcomeUnknown, errors.Unavailable}


def test_a_lane_without_calls_stays_open() -> None:
    # On the loop of the services, whose clock has milliseconds: an answer may come at its question's time.
    async def idle() -> list[Any]:
        server = RpcServer(ServiceSettings())
        server.add(service_pb2_grpc.add_AcdServiceServicer_to_server, Acd())
        await server.start()
        channels = Channels(LaneTimes(ping_after_s=0.02, pong_within_s=0.05))
        await lane_open(channels, server.address)
        with capture_logs() as logs:
            await asyncio.sleep(1.5)
        await channels.close()
        await server.stop(0)
        return logs

    assert uvloop.run(idle()) == []


@only_lane
async def test_a_process_that_stood_still_itself_does_not_blame_its_peer(bench: Bench) -> None:
    channels = Channels(LaneTimes(ping_after_s=0.1, pong_within_s=0.1))
    await lane_open(channels, bench.server.address)
    stub: Any = service_pb2_grpc.AcdServiceStub(channels.get(bench.server.address))
    held = Held()
    bench.servicer.answer = held
    call = asyncio.create_task(invoke(stub.EstimateWait, estimate_request(), 30))
    await asyncio.wait_for(held.started.wait(), 30)
    for _ in range(3):
        time.sleep(0.4)
        await asyncio.sleep(0.05)
    held.go_on.set()
    assert (await call).estimated_wait_s == 7
    await channels.close()
