"""What happens when this process, its media or the bus goes away in the middle of a call."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from seatbus.call.v1 import service_pb2 as call_pb
from seatbus.call.v1 import types_pb2 as call_types
from seatbus.media.v1 import service_pb2_grpc as media_grpc
from seatbus_kit.buckets import Bucket
from seatbus_kit.burst import tail
from seatbus_kit.events import OutEvent
from seatbus_kit.ids import uuid7
from seatbus_sip_edge.adapters.publisher import Publisher
from seatbus_testkit.history import History
from seatbus_testkit.nats import NatsServer
from seatbus_testkit.otlp import OtlpCollector
from seatbus_testkit.phone import Phone, Policy

from .colleagues import talking
from .test_recovery import restart


async def test_a_killed_edge_takes_its_calls_up_again(empty_world: Any, steps: Any) -> None:
    world = empty_world
    caller = await Phone.start(("127.0.0.1", 1))
    world.phones.append(caller)
    await world.configure(caller)
    await world.start_process()
    caller.server = world.sip
    phone = await world.agent_phone()
    phone.policy = Policy.answer()
    world.script(steps.enqueue())
    talking = await caller.dial(world.number)
    await world.until(lambda: world.acd.enqueued)
    await world.offer()
    await world.until(lambda: "CallBridged" in world.types())
    agent_leg = await phone.next_call()
    waiting = await caller.dial(world.number)
    await world.until(lambda: len(world.acd.enqueued) == 2)
    await world.until(lambda: world.types().count("CallQueued") == 2)
    contact = world.acd.enqueued[1].contact_id
    sessions = dict(world.media.sessions)

    world.kill()
    await world.process.wait()
    await world.start_process()
    # The contact is asked for again, under its own id: it keeps its place.
    await world.until(lambda: [item.contact_id for item in world.acd.enqueued[2:]] == [contact])
    assert world.media.sessions == sessions
    assert (talking.state, waiting.state, agent_leg.state) == ("answered", "answered", "answered")
    listed = await world.ask("ListCalls", call_pb.ListCallsRequest(tenant_id=world.tenant))
    assert len(listed.calls) == 2

    await agent_leg.hold()
    await world.until(lambda: "LegHeld" in world.types())
    await talking.hold()
    await agent_leg.hang_up()
    await talking.wait_ended()
    await waiting.hang_up()
    await world.until(lambda: world.types().count("CallEnded") == 2)
    causes = set()
    for call_id in {event.entity for event in world.events}:
        mine = [event for event in world.events if event.entity == call_id]
        last = mine[-1].decode()
        causes.add(last.cause)
        assert sorted({event.seq for event in mine}) == list(range(1, last.last_seq + 1))
    assert causes == {call_types.HANGUP_CAUSE_AGENT_HUNG_UP, call_types.HANGUP_CAUSE_ABANDONED_IN_QUEUE}
    # What the killed one had published is not there twice, though its successor cuts its messages anew.
    assert (await History.read(world.bus, world.tenant)).gaps() == []
    await world.until(lambda: "work ended" in world.told and "cancel" in world.told)
    bucket = Bucket(world.bus, "calls")

    async def gone() -> bool:
        return all(
            entry is None for entry in [await bucket.get(key) for key in await bucket.keys(world.tenant)]
        )

    await world.until(gone)


async def test_what_was_published_just_before_the_end_is_not_published_again(
    world: Any, steps: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The bus has it, the journal does not know: killed between the answer and the note of it."""
    in_doubt: list[OutEvent] = []
    resume = Publisher.resume

    def resumed(publisher: Publisher, events: Iterable[OutEvent]) -> None:
        in_doubt.extend(events)
        resume(publisher, in_doubt)

    monkeypatch.setattr(Publisher, "resume", resumed)
    publisher = world.app.edge.publisher
    publisher._published = lambda *_: None
    call, _ = await talking(world, steps)
    await world.until(lambda: not list(publisher.pending()))
    assert (await History.read(world.bus, world.tenant)).gaps() == []
    await restart(world)
    assert [event.seq for event in in_doubt] == list(range(1, len(in_doubt) + 1))
    assert len(in_doubt) > 1
    await call.hang_up()
    await world.ended()
    assert (await History.read(world.bus, world.tenant)).gaps() == []


async def test_restarted_media_gets_its_call_again_and_serves_the_next(world: Any, steps: Any) -> None:
    call, leg = await talking(world, steps)
    await world.neighbours.pop("media").stop()
    world.media.incarnation = uuid7()
    world.media.sessions.clear()
    await world.neighbour("media", media_grpc.add_MediaServicer_to_server, world.media)
    await world.until(lambda: len(world.media.sessions) == 1)
    caller = world.phones[0]
    again = await caller.dial(world.number)
    await again.wait_answered()
    assert call.state == leg.state == "answered"
    await call.hang_up()
    ended = await world.ended()
    assert ended.cause == call_types.HANGUP_CAUSE_CALLER_HUNG_UP


async def test_a_call_waits_for_media_that_is_being_restarted(world: Any, steps: Any) -> None:
    caller = await world.phone()
    await world.configure(caller)
    world.script(steps.play())
    await world.neighbours.pop("media").stop()
    call = await caller.dial(world.number)
    await asyncio.sleep(0.3)
    await world.neighbour("media", media_grpc.add_MediaServicer_to_server, world.media)
    await call.wait_answered()


@pytest.fixture
async def own_nats_world(tmp_path: Path) -> Any:
    from services.sip_edge.tests.conftest import World

    with NatsServer.start(tmp_path / "nats") as server:
        made = World(server.url, tmp_path)
        made.server = server  # type: ignore[attr-defined]
        await made.open()
        await made.start_edge()
        yield made
        await made.close()


async def test_a_call_goes_on_without_the_bus_and_is_told_afterwards(own_nats_world: Any, steps: Any) -> None:
    world = own_nats_world
    call, _ = await talking(world, steps)
    world.server.kill()
    await call.hang_up()
    await asyncio.sleep(0.2)
    assert "CallEnded" not in world.types()
    world.server.launch()
    await asyncio.to_thread(world.server.wait_ready)
    await world.until(lambda: world.bus.connected)

    async def complete() -> bool:
        last = await tail(world.bus, "CALL", f"sb.{world.tenant}.call.>")
        return last.type_name.endswith(".CallEnded")

    await world.until(complete, 10.0)
    history = await History.read(world.bus, world.tenant)
    assert history.gaps() == []
    assert len(history.events) >= 20


async def test_facts_are_published_again_on_request(world: Any, steps: Any) -> None:
    call, _ = await talking(world, steps)
    await call.hang_up()
    ended = await world.ended()
    before = len(world.events)
    answer = await world.ask(
        "Republish",
        call_pb.RepublishRequest(tenant_id=world.tenant, call_id=ended.call.call_id, from_seq=2, to_seq=4),
    )
    assert answer.republished == 3
    await world.until(lambda: len(world.events) == before + 3)
    assert [event.seq for event in world.events[before:]] == [2, 3, 4]


async def test_a_draining_edge_serves_what_lives_and_refuses_new_calls(world: Any, steps: Any) -> None:
    call, _ = await talking(world, steps)
    drained = asyncio.create_task(world.app.drain())
    await asyncio.sleep(0)
    caller = world.phones[0]
    assert await caller.options() == 503
    refused = await caller.dial(world.number)
    assert await refused.wait_status() == 503
    assert not drained.done()
    await call.hang_up()
    await asyncio.wait_for(drained, 30.0)


async def test_a_call_is_one_trace(empty_world: Any, steps: Any, otlp_collector: OtlpCollector) -> None:
    world = empty_world
    await world.start_edge(otlp_endpoint=otlp_collector.url)
    call, _ = await talking(world, steps)
    await call.hang_up()
    ended = await world.ended()
    await world.until(lambda: not world.app.edge.sessions)
    await world.stop_edge()
    trace_id = UUID(ended.call.call_id).int
    wanted = {"sip_edge.call", "sip_edge.invite", "sip_edge.step.enqueue", "sip_edge.offer"}
    wanted |= {"Media.Execute", "IvrService.Begin", "AcdService.Enqueue"}
    await asyncio.to_thread(
        otlp_collector.wait,
        lambda spans: wanted <= {span.name for span in spans if span.trace_id == trace_id},
    )
