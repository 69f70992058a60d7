"""A peer that is gone without a word: silence, then no answer, ends the call with its cause."""

from __future__ import annotations

import asyncio
from typing import Any

from seatbus.call.v1 import types_pb2 as call_types
from seatbus.media.v1 import events_pb2 as media_events

from .colleagues import talking


def _silence(world: Any, who: str) -> None:
    """Media hears nothing of the caller or the agent."""
    session = next(iter(world.app.edge.sessions.values()))
    call = session.call
    leg_id = call.caller_leg_id if who == "caller" else call.agent_leg_id
    world.media.say(
        media_events.MediaEvent(
            session_id=call.call_id,
            endpoint_id=leg_id,
            rtp_timed_out=media_events.RtpTimedOut(silent_ms=20_000),
        )
    )


async def test_a_customer_who_neither_speaks_nor_answers_has_left(empty_world: Any, steps: Any) -> None:
    world = empty_world
    await world.start_edge(sip_t1_s=0.05)
    _, leg = await talking(world, steps)
    world.phones[0].vanish()
    _silence(world, "caller")
    ended = await world.ended()
    assert ended.cause == call_types.HANGUP_CAUSE_MEDIA_TIMEOUT
    await leg.wait_ended()


async def test_an_agents_phone_that_neither_speaks_nor_answers_is_waited_for(
    empty_world: Any, steps: Any
) -> None:
    world = empty_world
    await world.start_edge(sip_t1_s=0.05)
    call, _ = await talking(world, steps)
    world.phones[1].vanish()
    _silence(world, "agent")
    await world.until(lambda: "CallDeviceLost" in world.types())
    assert call.state == "answered"
    await call.hang_up()
    assert (await world.ended()).cause == call_types.HANGUP_CAUSE_CALLER_HUNG_UP
    await world.until(lambda: "work device_lost" in world.told)


async def test_who_is_silent_but_there_goes_on_talking(empty_world: Any, steps: Any) -> None:
    world = empty_world
    await world.start_edge(sip_t1_s=0.05)
    call, leg = await talking(world, steps)
    _silence(world, "caller")
    await asyncio.sleep(3.5)
    assert call.state == leg.state == "answered"
    await call.hang_up()
    assert (await world.ended()).cause == call_types.HANGUP_CAUSE_CALLER_HUNG_UP
