"""What outlives its call is found, removed and told."""

from __future__ import annotations

import asyncio
import gc
import weakref
from typing import Any

from seatbus_kit.ids import uuid7


async def _ended_call(world: Any, steps: Any) -> Any:
    """Its session, just before the end."""
    caller = await world.phone()
    await world.configure(caller)
    world.script(steps.enqueue())
    call = await caller.dial(world.number)
    await call.wait_answered()
    await world.until(lambda: world.acd.enqueued)
    session = next(iter(world.app.edge.sessions.values()))
    await call.hang_up()
    await world.ended()
    return session


async def test_a_call_leaves_nothing_behind(empty_world: Any, steps: Any) -> None:
    world = empty_world
    await world.start_edge(sip_t1_s=0.05)
    await _ended_call(world, steps)
    edge = world.app.edge
    await world.until(lambda: not edge.sessions and not edge.legs and len(edge.stack.layer) == 0, 10)
    await edge.reaper.look()
    assert not edge.reaper._suspects
    assert not world.media.sessions


async def test_audio_that_no_call_knows_is_ended_at_the_second_look(empty_world: Any, steps: Any) -> None:
    world = empty_world
    await world.start_edge(reap_every_s=0.2)
    lost = uuid7()
    world.media.sessions[lost] = [uuid7()]
    await world.until(lambda: lost not in world.media.sessions)
    assert world.media.commands[-1][0] == lost


async def test_a_dialog_and_a_call_that_stayed_are_removed(empty_world: Any, steps: Any) -> None:
    world = empty_world
    await world.start_edge(sip_t1_s=0.05)
    session = await _ended_call(world, steps)
    edge = world.app.edge
    await world.until(lambda: not edge.sessions, 10)
    # As a defect would leave them.
    session.over_at = edge.monotonic() - 1_000
    edge.sessions[session.call.call_id] = session
    await edge.reaper.look()
    await asyncio.sleep(0)
    assert not edge.sessions
    await world.until(lambda: not edge.legs, 10)
    edge.legs["stayed", "tag"] = (session, "leg")
    await edge.reaper.look()
    assert edge.legs
    edge.reaper._suspects[("dialog", "stayed tag")] -= 60
    await edge.reaper.look()
    assert not edge.legs


async def test_an_ended_call_needs_no_collection(empty_world: Any, steps: Any) -> None:
    world = empty_world
    await world.start_edge(sip_t1_s=0.05)
    gc.collect()
    gc.disable()
    try:
        ended = weakref.ref(await _ended_call(world, steps))
        sip, call = weakref.ref(ended().sip), weakref.ref(ended().call)
        await world.until(lambda: not world.app.edge.legs, 10)
        # The last turn of the loop may hold it.
        await world.until(lambda: not (ended() or sip() or call()), 5)
    finally:
        gc.enable()


async def test_a_call_that_lives_is_left_alone(empty_world: Any, steps: Any) -> None:
    world = empty_world
    await world.start_edge(reap_every_s=0.1)
    caller = await world.phone()
    await world.configure(caller)
    world.script(steps.enqueue())
    call = await caller.dial(world.number)
    await call.wait_answered()
    await asyncio.sleep(0.5)
    assert call.state == "answered"
    assert len(world.media.sessions) == 1
    await call.hang_up()
    await world.ended()
