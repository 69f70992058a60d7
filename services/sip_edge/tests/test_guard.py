"""What gets no answer, what gets 503, and what an error inside looks like from outside."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest

from seatbus.call.v1 import types_pb2 as call_types
from seatbus_testkit.actors import CallActionError
from seatbus_testkit.phone import Phone, RegistrationRefused

from .colleagues import device_of


async def _options(phone: Phone) -> int | None:
    """The answer's status; None for silence."""
    try:
        return await asyncio.wait_for(phone.options(), 0.4)
    except TimeoutError:
        return None


async def _dial(world: Any, caller: Phone, **headers: str) -> Any:
    return await caller.dial(world.number, headers={name.replace("_", "-"): v for name, v in headers.items()})


async def test_a_scanner_hears_nothing(world: Any, steps: Any) -> None:
    caller = await world.phone()
    await world.configure(caller)
    call = await _dial(world, caller, User_Agent="friendly-scanner")
    await asyncio.sleep(0.5)
    assert call.state == "trying"
    assert not world.app.edge.sessions
    assert len(world.app.edge.stack.layer) == 0
    call.abandon()


async def test_who_guesses_passwords_is_ignored_for_a_while(empty_world: Any, steps: Any) -> None:
    world = empty_world
    await world.start_edge(sip_digest_failures=2)
    caller = await world.phone()
    await world.configure(caller)
    guesser = await Phone.start(world.sip, host="127.0.0.77", username=world.username, password="guess")
    world.phones.append(guesser)
    for _ in range(2):
        with pytest.raises(Exception, match="403"):
            await guesser.register()
    assert await _options(guesser) is None
    assert world.app.edge.guard.is_banned("127.0.0.77")
    # Others are served, and after the while this address is, too.
    assert await caller.options() == 200
    world.app.edge.guard._banned["127.0.0.77"] = 0.0
    assert await guesser.options() == 200


async def test_a_carrier_and_registered_phones_do_not_suffer_for_who_guesses_at_their_address(
    empty_world: Any, steps: Any
) -> None:
    world = empty_world
    await world.start_edge(sip_digest_failures=2)
    caller = await world.phone()
    await world.configure(caller)
    anna = await world.agent_phone()
    username = await device_of(world, "ben", "ben-phone")
    for _ in range(2):
        guesser = await world.phone(username=username, password="guess")
        with pytest.raises(RegistrationRefused, match="403"):
            await guesser.register()
    assert world.app.edge.guard.is_banned("127.0.0.1")
    assert await _options(guesser) is None
    await anna.register()
    assert await caller.options() == 200
    world.script(steps.enqueue())
    call = await caller.dial(world.number)
    await call.wait_answered()
    await call.hang_up()
    # Who guesses the password of a phone that is registered there has no more tries than for any other.
    guesser = await world.phone(username=world.username, password="guess")
    for _ in range(2):
        with pytest.raises(RegistrationRefused, match="403"):
            await guesser.register()
    assert await _options(guesser) is None


async def test_a_loop_that_lags_takes_no_new_calls_but_goes_on_with_those_it_has(
    empty_world: Any, steps: Any
) -> None:
    world = empty_world
    await world.start_edge(sip_overload_lag_s=0.5)
    caller = await world.phone()
    await world.configure(caller)
    world.script(steps.enqueue())
    first = await caller.dial(world.number)
    await first.wait_answered()
    await asyncio.sleep(0.2)
    # A pause is no overload.
    time.sleep(0.8)
    await asyncio.sleep(0.05)
    assert not world.app.edge.guard.behind
    for _ in range(3):
        time.sleep(0.8)
        await asyncio.sleep(0.01)
    assert world.app.edge.guard.behind
    refused = await caller.dial(world.number)
    assert await refused.wait_status() == 503
    assert len(world.app.edge.sessions) == 1
    await first.hang_up()
    await world.until(lambda: not world.app.edge.guard.behind)
    world.events.clear()
    again = await caller.dial(world.number)
    await again.wait_answered()
    await again.hang_up()


async def test_a_request_that_breaks_the_edge_is_answered_500(world: Any, steps: Any) -> None:
    caller = await world.phone()
    await world.configure(caller)

    def broken(*_: Any, **__: Any) -> Any:
        raise RuntimeError("as a defect would")

    world.app.edge.config.number = broken
    call = await caller.dial(world.number)
    assert await call.wait_status() == 500


async def test_a_call_whose_step_fails_ends_and_says_so(world: Any, steps: Any) -> None:
    caller = await world.phone()
    await world.configure(caller)
    world.script(steps.enqueue())

    def broken(*_: Any, **__: Any) -> Any:
        raise RuntimeError("as a defect would")

    call = await caller.dial(world.number)
    await call.wait_answered()
    await world.until(lambda: world.acd.enqueued)
    phone = await world.agent_phone()
    session = next(iter(world.app.edge.sessions.values()))
    session.sip.outgoing.dial = broken
    await world.offer()
    ended = await world.ended()
    assert ended.cause == call_types.HANGUP_CAUSE_SYSTEM
    await call.wait_ended()
    assert phone.registered
    with pytest.raises(CallActionError):
        await call.hold()
