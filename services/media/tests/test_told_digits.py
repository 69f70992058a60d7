"""Keys that a leg tells in its signalling go to the one owner that keys in its audio go to, once."""

from __future__ import annotations

import asyncio

from seatbus.media.v1 import service_pb2 as pb


def told(endpoint, digit):
    return pb.Command(heard_dtmf=pb.HeardDtmf(endpoint_id=endpoint, digit=digit))


def collect(endpoint, **options):
    settings = {"max_digits": 8, "timeout_ms": 3000, "inter_digit_ms": 600} | options
    return pb.Command(collect=pb.Collect(endpoint_id=endpoint, collect_id="c", **settings))


async def finished(desk):
    event = await desk.wait(lambda event: event.HasField("collect_finished"), 8.0)
    return event.collect_finished.digits


async def test_a_told_key_is_collected(desk):
    caller = await desk.caller()
    await desk.execute(collect(caller.id, terminators="#"))
    await desk.execute(told(caller.id, "4"), told(caller.id, "2"), told(caller.id, "#"))
    assert await finished(desk) == "42"


async def test_a_key_that_is_heard_and_told_counts_once(desk):
    caller = await desk.caller()
    await desk.execute(collect(caller.id))
    await caller.mouth.send_dtmf("7")
    await desk.execute(told(caller.id, "7"))
    await desk.execute(told(caller.id, "8"))
    await caller.mouth.send_dtmf("8")
    assert await finished(desk) == "78"


async def test_told_keys_reach_the_partner_as_events_one_after_the_other(desk):
    caller, agent = await desk.caller(), await desk.caller()
    await desk.execute(pb.Command(connect=pb.Connect(endpoint_a=caller.id, endpoint_b=agent.id)))
    await desk.execute(told(caller.id, "1"), told(caller.id, "2"), told(caller.id, "3"))
    await agent.ears.wait_digits("123")
    await asyncio.sleep(0.2)
    assert caller.ears.digits == ""
    assert desk.seen("digit_heard") == []
