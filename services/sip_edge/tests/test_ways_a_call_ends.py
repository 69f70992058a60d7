"""Every way out of a call that is not the good one."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from seatbus.agent.v1 import service_pb2 as agent
from seatbus.call.v1 import service_pb2 as call_pb
from seatbus.call.v1 import types_pb2 as call_types
from seatbus.tenancy.v1 import types_pb2 as tenancy
from seatbus_kit.errors import InvalidArgument, NotFound, Refused, ResourceExhausted, StaleEpoch, Unavailable
from seatbus_kit.ids import uuid7
from seatbus_testkit.phone import Policy

BUSY, REJECTED = 486, 603


async def _waiting(world: Any, steps: Any) -> tuple[Any, Any]:
    """A caller in the queue, and the agent's registered phone."""
    caller = await world.phone()
    await world.configure(caller)
    phone = await world.agent_phone()
    world.script(steps.enqueue(), steps.hang_up())
    call = await caller.dial(world.number)
    await world.until(lambda: world.acd.enqueued)
    return call, phone


async def test_caller_hangs_up_in_the_flow(world: Any, steps: Any) -> None:
    caller = await world.phone()
    await world.configure(caller)
    world.script(steps.play())
    call = await caller.dial(world.number)
    await call.wait_answered()
    await world.until(lambda: "play" in world.media.names())
    await call.hang_up()
    ended = await world.ended()
    assert ended.cause == call_types.HANGUP_CAUSE_ABANDONED_IN_FLOW
    assert world.told == []


async def test_caller_cancels_before_the_answer(world: Any, steps: Any) -> None:
    caller = await world.phone()
    await world.configure(caller)
    world.script(steps.play())
    world.media.hold_accept.clear()
    call = await caller.dial(world.number)
    await world.until(lambda: world.media.commands)
    await asyncio.sleep(0.3)
    await call.cancel()
    world.media.hold_accept.set()
    assert await call.wait_status() == 487
    ended = await world.ended()
    assert (ended.cause, ended.sip_status) == (call_types.HANGUP_CAUSE_ABANDONED_IN_FLOW, 487)


@pytest.mark.parametrize(
    ("error", "status", "cause"),
    [
        (InvalidArgument("no codec", field="sdp"), 488, call_types.HANGUP_CAUSE_NOT_ACCEPTABLE),
        (ResourceExhausted("no pair of RTP ports is free"), 503, call_types.HANGUP_CAUSE_MEDIA_FAILED),
    ],
)
async def test_what_media_refuses_is_the_offers_fault_or_media_s_own(
    world: Any, error: Exception, status: int, cause: int
) -> None:
    caller = await world.phone()
    await world.configure(caller)
    world.media.refuse["accept_offer"] = error
    call = await caller.dial(world.number)
    assert await call.wait_status() == status
    ended = await world.ended()
    assert (ended.cause, ended.sip_status) == (cause, status)


async def test_caller_hangs_up_in_the_queue(world: Any, steps: Any) -> None:
    call, _ = await _waiting(world, steps)
    await call.hang_up()
    ended = await world.ended()
    assert ended.cause == call_types.HANGUP_CAUSE_ABANDONED_IN_QUEUE
    await world.until(lambda: world.told == ["cancel"])
    assert world.last("CallDequeued").outcome == "abandoned"


async def test_caller_hangs_up_while_the_phone_rings(world: Any, steps: Any) -> None:
    call, phone = await _waiting(world, steps)
    await world.offer()
    ringing = await phone.next_call()
    await world.until(lambda: "work ringing" in world.told)
    await call.hang_up()
    await ringing.wait_ended()
    ended = await world.ended()
    assert ended.cause == call_types.HANGUP_CAUSE_ABANDONED_IN_QUEUE
    await world.until(lambda: world.told == ["work ringing", "work cancelled", "cancel"])


@pytest.mark.parametrize(
    ("status", "word"),
    [(486, "busy"), (600, "busy"), (603, "rejected"), (480, "no_answer"), (503, "unreachable")],
)
async def test_a_phone_that_refuses_sends_the_contact_back(
    world: Any, steps: Any, status: int, word: str
) -> None:
    call, phone = await _waiting(world, steps)
    phone.policy = Policy.reject(status)
    await world.offer()
    await world.until(lambda: world.told == [f"work {word}", f"offer {word}"])
    phone.policy = Policy.answer()
    await world.offer()
    await world.until(lambda: "CallBridged" in world.types())
    await call.hang_up()
    assert (await world.ended()).cause == call_types.HANGUP_CAUSE_CALLER_HUNG_UP


async def test_no_answer_cancels_the_phone_and_keeps_the_caller(world: Any, steps: Any) -> None:
    call, phone = await _waiting(world, steps)
    await world.offer(ring_timeout_s=1)
    ringing = await phone.next_call()
    await ringing.wait_ended()
    await world.until(lambda: world.told == ["work ringing", "work no_answer", "offer no_answer"])
    assert not call.over()
    found = await world.ask(
        "GetCall", call_pb.GetCallRequest(tenant_id=world.tenant, call_id=world.acd.enqueued[0].call_id)
    )
    assert found.call.state == call_types.CALL_STATE_QUEUED


async def test_an_agent_without_a_phone_is_unreachable(world: Any, steps: Any) -> None:
    caller = await world.phone()
    await world.configure(caller)
    world.script(steps.enqueue())
    await caller.dial(world.number)
    await world.until(lambda: world.acd.enqueued)
    await world.offer()
    await world.until(lambda: world.told == ["work unreachable", "offer unreachable"])


async def test_an_unknown_number_gets_404_and_a_record(world: Any) -> None:
    caller = await world.phone()
    await world.configure(caller)
    call = await caller.dial("999")
    assert await call.wait_status() == 404
    ended = await world.ended()
    assert (ended.cause, ended.sip_status) == (call_types.HANGUP_CAUSE_UNKNOWN_NUMBER, 404)
    assert world.types() == ["CallStarted", "LegCreated", "LegEnded", "CallEnded"]
    assert ended.call.dialed == "999"


async def test_an_unknown_source_gets_403_and_no_record(world: Any) -> None:
    caller = await world.phone()
    await world.configure(caller)
    stranger = await world.phone()
    call = await stranger.dial(world.number)
    assert await call.wait_status() == 403
    assert world.events == []


async def test_an_agent_that_was_given_away_is_dropped_and_the_caller_waits(world: Any, steps: Any) -> None:
    call, phone = await _waiting(world, steps)
    phone.policy = Policy.answer()
    world.agents.refuse[agent.WORK_EVENT_ANSWERED] = Refused("no_such_reservation")
    await world.offer()
    dropped = await phone.next_call()
    await dropped.wait_ended()
    await world.until(lambda: world.told[-1:] == ["offer failed"])
    assert not call.over()
    assert "CallBridged" not in world.types()


async def test_an_absent_agent_state_does_not_keep_people_apart(world: Any, steps: Any) -> None:
    call, phone = await _waiting(world, steps)
    phone.policy = Policy.answer()
    world.agents.refuse[agent.WORK_EVENT_ANSWERED] = Unavailable("starting")
    await world.offer()
    await world.until(lambda: "CallBridged" in world.types())
    assert "work answered" not in world.told
    world.agents.refuse.clear()
    await world.until(lambda: "work answered" in world.told)
    await call.hang_up()
    await world.until(lambda: world.told[-1] == "work ended")


async def test_acd_that_gave_the_contact_away_gets_its_caller_back(world: Any, steps: Any) -> None:
    call, phone = await _waiting(world, steps)
    phone.policy = Policy.answer()
    world.acd.refuse["ReportOffer"] = Refused("not_the_current_offer")
    await world.offer()
    dropped = await phone.next_call()
    await dropped.wait_ended()
    await world.until(lambda: len(world.acd.enqueued) == 2)
    assert world.acd.enqueued[0].contact_id == world.acd.enqueued[1].contact_id
    assert world.told[-1] == "work ended"
    assert not call.over()


async def test_a_full_queue_is_told_to_the_flow(world: Any, steps: Any) -> None:
    caller = await world.phone()
    await world.configure(caller)
    world.acd.refuse["Enqueue"] = ResourceExhausted("full")
    world.script(steps.enqueue(), steps.hang_up())
    call = await caller.dial(world.number)
    await call.wait_ended()
    ended = await world.ended()
    assert ended.cause == call_types.HANGUP_CAUSE_FLOW_ENDED
    assert world.ivr.outcomes[0].kind == 4


async def test_leaving_the_queue_goes_on_in_the_flow(world: Any, steps: Any) -> None:
    call, _ = await _waiting(world, steps)
    contact = world.acd.enqueued[0]
    request = call_pb.LeaveQueueRequest(
        context=world.context(),
        call_id=contact.call_id,
        contact_id=contact.contact_id,
        reason=call_pb.LEAVE_REASON_MAX_WAIT,
    )
    await world.ask("LeaveQueue", request)
    await call.wait_ended()
    assert world.ivr.outcomes[0].reason == "max_wait"
    await world.ended()
    assert world.last("CallDequeued").outcome == "overflowed"


async def test_without_ivr_the_fallback_queue_takes_the_call(world: Any, steps: Any) -> None:
    caller = await world.phone()
    await world.configure(caller, fallback=tenancy.Route(queue_id=world.QUEUE))
    await world.neighbours.pop("ivr").stop()
    call = await caller.dial(world.number)
    await world.until(lambda: world.acd.enqueued)
    assert world.acd.enqueued[0].queue_id == world.QUEUE
    await call.hang_up()
    assert (await world.ended()).cause == call_types.HANGUP_CAUSE_ABANDONED_IN_QUEUE


async def test_without_ivr_and_fallback_the_call_is_not_left_ringing(world: Any) -> None:
    caller = await world.phone()
    await world.configure(caller, answer_supervision=tenancy.ANSWER_SUPERVISION_AT_AGENT)
    await world.neighbours.pop("ivr").stop()
    call = await caller.dial(world.number)
    assert await call.wait_status() == 503
    assert (await world.ended()).cause == call_types.HANGUP_CAUSE_SYSTEM


async def test_answer_supervision_at_the_agent_answers_when_the_agent_does(world: Any, steps: Any) -> None:
    caller = await world.phone()
    await world.configure(caller, answer_supervision=tenancy.ANSWER_SUPERVISION_AT_AGENT)
    phone = await world.agent_phone()
    world.script(steps.enqueue())
    call = await caller.dial(world.number)
    await world.until(lambda: world.acd.enqueued)
    await call.wait_ringing()
    assert "CallAnswered" not in world.types()
    await world.offer()
    ringing = await phone.next_call()
    await ringing.answer()
    await call.wait_answered()
    await world.until(lambda: "CallBridged" in world.types())


async def test_offers_are_fenced_and_idempotent(world: Any, steps: Any) -> None:
    await _waiting(world, steps)
    rid = await world.offer(epoch=5)
    assert await world.offer(rid, epoch=5) == rid
    with pytest.raises(Refused):
        await world.offer(epoch=5)
    contact = world.acd.enqueued[0]
    withdraw = call_pb.WithdrawOfferRequest(context=world.context(), call_id=contact.call_id, rid=rid)
    await world.ask("WithdrawOffer", withdraw)
    await world.until(lambda: world.told[-1:] == ["work cancelled"])
    with pytest.raises(StaleEpoch):
        await world.offer(epoch=4)
    query = call_pb.QueryReservationRequest(tenant_id=world.tenant, call_id=contact.call_id, rid=rid)
    assert (await world.ask("QueryReservation", query)).state == call_types.LEG_STATE_ENDED
    unknown = call_pb.GetCallRequest(tenant_id=world.tenant, call_id=uuid7())
    with pytest.raises(NotFound):
        await world.ask("GetCall", unknown)


async def test_the_api_hangs_up_and_sets_attributes(world: Any, steps: Any) -> None:
    call, _ = await _waiting(world, steps)
    call_id = world.acd.enqueued[0].call_id
    await world.ask(
        "SetAttributes",
        call_pb.SetAttributesRequest(context=world.context(), call_id=call_id, attributes={"vip": "1"}),
    )
    listed = await world.ask("ListCalls", call_pb.ListCallsRequest(tenant_id=world.tenant))
    assert listed.calls[0].attributes["vip"] == "1"
    await world.ask("HangUp", call_pb.HangUpRequest(context=world.context(), call_id=call_id))
    await call.wait_ended()
    assert (await world.ended()).cause == call_types.HANGUP_CAUSE_API


async def test_hold_is_answered_on_its_leg(world: Any, steps: Any) -> None:
    call, phone = await _waiting(world, steps)
    phone.policy = Policy.answer()
    await world.offer()
    await world.until(lambda: "CallBridged" in world.types())
    answered = await phone.next_call()
    await answered.hold()
    await world.until(lambda: "work held" in world.told)
    await answered.hold(False)
    await world.until(lambda: "work resumed" in world.told)
    await call.hold()
    await world.until(lambda: world.types().count("LegHeld") == 2)
    await call.hang_up()
    await world.ended()
