"""The call of the contracts page, step by step, with real SIP on both sides."""

from __future__ import annotations

from typing import Any

from seatbus.call.v1 import types_pb2 as call_types
from seatbus_testkit.phone import Policy


async def test_a_call_goes_through_flow_queue_and_agent_to_its_record(world: Any, steps: Any) -> None:
    caller = await world.phone()
    await world.configure(caller)
    phone = await world.agent_phone()
    world.script(steps.play(), steps.collect(), steps.enqueue())

    call = await caller.dial(world.number, caller="4930123456")
    await call.wait_answered()
    await world.until(lambda: "play" in world.media.names())
    (session_id,) = world.media.sessions
    world.media.played(session_id)
    await world.until(lambda: "collect" in world.media.names())
    world.media.collected(session_id, "1")
    await world.until(lambda: world.acd.enqueued)
    assert world.acd.enqueued[0].edge_instance == world.instance_id
    await world.until(lambda: world.media.last("play").play_id == "music")

    rid = await world.offer()
    ringing = await phone.next_call()
    assert ringing.caller == "4930123456"
    await world.until(lambda: "work ringing" in world.told)
    await ringing.answer()
    await world.until(lambda: "offer answered" in world.told)
    await world.until(lambda: "CallBridged" in world.types())
    connect = world.media.names().index("connect")
    assert world.media.names()[connect - 1 : connect + 2] == ["accept_answer", "connect", "start_recording"]

    await call.hang_up()
    await ringing.wait_ended()
    ended = await world.ended()
    assert ended.cause == call_types.HANGUP_CAUSE_CALLER_HUNG_UP
    assert ended.digits == "1"
    assert ended.last_seq == len(world.events)
    assert [event.seq for event in world.events] == list(range(1, ended.last_seq + 1))
    assert world.told == ["work ringing", "work answered", "offer answered", "work ended"]
    assert world.types() == [
        "CallStarted",
        "LegCreated",
        "CallAnswered",
        "LegAnswered",
        "CallFlowEntered",
        "CallNodeEntered",
        "CallNodeEntered",
        "CallDigitsCollected",
        "CallNodeEntered",
        "CallQueued",
        "LegCreated",
        "LegRinging",
        "CallDequeued",
        "LegAnswered",
        "CallBridged",
        "CallRecordingStarted",
        "CallUnbridged",
        "CallRecordingStopped",
        "LegEnded",
        "LegEnded",
        "CallQualityReported",
        "CallQualityReported",
        "CallEnded",
    ]
    agent_leg = next(leg for leg in ended.call.legs if leg.role == call_types.LEG_ROLE_AGENT)
    assert agent_leg.rid == rid
    assert agent_leg.agent_id == "anna"
    assert agent_leg.device_id == "anna-phone"
    await world.until(lambda: world.ivr.ended == [session_id])
    await world.until(lambda: not world.app.edge.sessions)


async def test_the_agent_hangs_up(world: Any, steps: Any) -> None:
    caller = await world.phone()
    await world.configure(caller)
    phone = await world.agent_phone()
    phone.policy = Policy.answer()
    world.script(steps.enqueue())
    call = await caller.dial(world.number)
    await world.until(lambda: world.acd.enqueued)
    await world.offer()
    await world.until(lambda: "CallBridged" in world.types())
    answered = await phone.next_call()
    await answered.hang_up()
    await call.wait_ended()
    ended = await world.ended()
    assert ended.cause == call_types.HANGUP_CAUSE_AGENT_HUNG_UP
    assert world.told[-1] == "work ended"
