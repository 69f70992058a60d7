"""Chunks through the real service: idempotence, gaps, kills, refusals."""

from __future__ import annotations

import hashlib
import io

import grpc
import numpy as np
import pytest

from seatbus.common.v1.types_pb2 import Actor, Page, RequestContext
from seatbus.recording.v1 import service_pb2 as pb
from seatbus.recording.v1.events_pb2 import RecordingCompleted, RecordingStarted
from seatbus_kit.burst import read_events
from seatbus_kit.bus import Bus
from seatbus_kit.events import Delivery
from seatbus_kit.ids import uuid7
from seatbus_kit.settings import ServiceSettings
from seatbus_kit.trace import TraceContext
from seatbus_rtp.g711 import encode_pcmu
from seatbus_rtp.wav import WavReader
from seatbus_testkit.eventually import eventually

SECOND = 8000


def voice(value):
    return encode_pcmu(np.full(SECOND, value, np.int16))


def chunk(recording_id, second, opening=None, *, left=1000, right=-1000, **fields):
    made = pb.Chunk(
        recording_id=recording_id,
        offset_samples=int(second * SECOND),
        left=voice(left),
        right=voice(right),
        encoding="pcmu",
        **fields,
    )
    if opening is not None:
        made.open.CopyFrom(opening)
    return made


def close(recording_id, opening=None):
    made = pb.Chunk(recording_id=recording_id, close=True)
    if opening is not None:
        made.open.CopyFrom(opening)
    return made


def samples(pieces):
    reader = WavReader(io.BytesIO(b"".join(piece.data for piece in pieces)))
    return reader.read(reader.info.frames)


async def test_a_recording_is_stored_announced_listed_and_downloaded(client, opening, store, nats_server):
    bus = await Bus.connect(ServiceSettings(nats_url=nats_server.url, instance_id="test"))
    recording_id = uuid7()
    seen = await bus.nc.subscribe(f"sb.acme.recording.{recording_id}")
    acks = await client.send(chunk(recording_id, 0, opening), chunk(recording_id, 1), close(recording_id))
    assert [ack.next_offset_samples for ack in acks] == [SECOND, 2 * SECOND, 2 * SECOND]
    assert [ack.closed for ack in acks] == [False, False, True]
    record = await client.completed(recording_id)
    day = opening.started_at.ToDatetime()
    assert record.object_name == f"acme/{day:%Y/%m/%d}/{recording_id}.wav"
    data = (store.files / record.object_name).read_bytes()
    assert (record.duration_ms, record.size_bytes, record.channels) == (2000, len(data), 2)
    assert record.sha256 == hashlib.sha256(data).hexdigest()
    pieces = await client.download(recording_id)
    assert b"".join(piece.data for piece in pieces) == data
    assert pieces[0].total_bytes == len(data)
    assert max(len(piece.data) for piece in pieces) <= 65536
    both = samples(pieces)
    assert both[:, 0].min() > 900
    assert both[:, 1].max() < -900
    listed = await client.stub.ListRecordings(
        pb.ListRecordingsRequest(tenant_id="acme", call_id=opening.call_id, page=Page(limit=5)), timeout=3
    )
    assert [found.recording_id for found in listed.recordings] == [recording_id]
    types = []
    while len(types) < 2:
        msg = await seen.next_msg(10)
        events = read_events(msg.subject, msg.data, msg.headers, Delivery("RECORDING", "", 1, 0, 0, 0, 0))
        types += [event.type_name for event in events]
    assert types == [made.DESCRIPTOR.full_name for made in (RecordingStarted, RecordingCompleted)]
    await bus.close()


async def test_repeated_and_overlapping_chunks_change_nothing_and_gaps_are_silence(client, opening):
    recording_id = uuid7()
    await client.send(chunk(recording_id, 0, opening), chunk(recording_id, 0.5, left=3000))
    acks = await client.send(
        chunk(recording_id, 0, opening, left=9000),
        chunk(recording_id, 2.5),
        close(recording_id),
        close(recording_id, opening),
    )
    assert [ack.next_offset_samples for ack in acks] == [12000, 28000, 28000, 28000]
    assert acks[-1].closed
    await client.completed(recording_id)
    both = samples(await client.download(recording_id))
    assert abs(int(both[4000, 0]) - 1000) < 50
    assert abs(int(both[10000, 0]) - 3000) < 150
    assert not both[12000:20000].any()
    assert abs(int(both[24000, 0]) - 1000) < 50


async def test_a_killed_service_goes_on_with_the_half_written_file(client, opening, store):
    recording_id, lost = uuid7(), uuid7()
    await client.send(chunk(recording_id, 0, opening), chunk(recording_id, 1))
    await client.send(chunk(lost, 0, opening))
    store.kill()
    store.start()
    await store.ready()
    acks = await client.send(chunk(recording_id, 1, opening), chunk(recording_id, 2), close(recording_id))
    assert [ack.next_offset_samples for ack in acks] == [2 * SECOND, 3 * SECOND, 3 * SECOND]
    assert not (await client.completed(recording_id)).incomplete
    both = samples(await client.download(recording_id))
    assert len(both) == 3 * SECOND
    assert both[:, 0].min() > 900
    # The tap of the other one never comes back.
    record = await client.completed(lost, 8)
    assert (record.incomplete, record.duration_ms) == (True, 1000)
    # The copy of the catalogue is made anew of what is in the bus; the newest comes first, a page at a time.
    pages, cursor = [], ""
    while not pages or cursor:
        page = Page(limit=1, cursor=cursor)
        request = pb.ListRecordingsRequest(tenant_id="acme", call_id=opening.call_id, page=page)
        answer = await client.stub.ListRecordings(request, timeout=20)
        pages.append([found.recording_id for found in answer.recordings])
        cursor = answer.next_cursor
    assert pages == [[lost], [recording_id]]
    (late,) = await client.send(chunk(lost, 1, opening))
    assert late.error.startswith("closed")


async def test_strangers_and_nonsense_are_refused_in_words(client, opening):
    recording_id = uuid7()
    (unopened,) = await client.send(chunk(recording_id, 0))
    assert unopened.error.startswith("not_open")
    bad = pb.Open(tenant_id="../../etc", call_id=uuid7())
    (escape,) = await client.send(chunk(recording_id, 0, bad))
    assert "tenant" in escape.error
    (uneven,) = await client.send(
        pb.Chunk(recording_id=recording_id, open=opening, left=b"123", right=b"1", encoding="pcmu")
    )
    assert uneven.error.startswith("right")
    other = pb.Open(tenant_id="globex", call_id=uuid7())
    (theft,) = await client.send(chunk(recording_id, 0, other))
    assert theft.error.startswith("tenant")
    await client.send(chunk(recording_id, 0), chunk(recording_id, 0, opening), close(recording_id))
    await client.completed(recording_id)
    for wanted in (
        client.get(recording_id, "globex"),
        client.download(recording_id, "globex"),
        client.get(uuid7()),
    ):
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await wanted
        assert refused.value.code() is grpc.StatusCode.NOT_FOUND


async def test_a_deleted_recording_leaves_no_audio(client, opening, store):
    recording_id = uuid7()
    await client.send(chunk(recording_id, 0, opening))
    context = RequestContext(request_id=uuid7(), tenant_id="acme", actor=Actor(id="qa"))
    delete = pb.DeleteRecordingRequest(context=context, recording_id=recording_id)
    # Audio is acknowledged before its record is in the bus: until then the recording is not found.
    await client.known(recording_id)
    with pytest.raises(grpc.aio.AioRpcError) as running:
        await client.stub.DeleteRecording(delete, timeout=20)
    assert running.value.code() is grpc.StatusCode.FAILED_PRECONDITION
    await client.send(close(recording_id, opening))
    record = await client.completed(recording_id)
    await client.stub.DeleteRecording(delete, timeout=20)
    await client.stub.DeleteRecording(delete, timeout=20)
    assert not (store.files / record.object_name).exists()
    with pytest.raises(grpc.aio.AioRpcError) as gone:
        await client.download(recording_id)
    assert gone.value.code() is grpc.StatusCode.NOT_FOUND


async def test_storing_is_a_span_in_the_trace_of_the_call(client, collector, opening):
    root = TraceContext.for_call(opening.call_id)
    opening.traceparent = root.to_traceparent()
    recording_id = uuid7()
    await client.send(chunk(recording_id, 0, opening), close(recording_id))

    def stored():
        return [
            span
            for span in collector.spans
            if (span.name, span.trace_id) == ("recording.store", root.trace_id)
        ]

    await eventually(stored)
    assert stored()[0].parent_id == root.span_id
