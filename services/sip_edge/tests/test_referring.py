"""A phone that has sent its customer on learns how that went before its dialog ends."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from seatbus_sip_edge.application.legs import referring
from seatbus_testkit.phone import PhoneCall

from .colleagues import offer_to, phone_of, talking
from .test_recovery import restart

TOLD = ["SIP/2.0 100 Trying", "SIP/2.0 200 OK"]


def lost(phone: Any, monkeypatch: pytest.MonkeyPatch, times: int) -> Callable[[], int]:
    """The outcome does not arrive so many times; returns how often it was sent."""
    sent = 0
    hears = phone.wants

    def wants(data: bytes) -> bool:
        nonlocal sent
        if data.startswith(b"NOTIFY ") and b"SIP/2.0 200 OK" in data:
            sent += 1
            return sent > times and hears(data)
        return bool(hears(data))

    monkeypatch.setattr(phone, "wants", wants)
    return lambda: sent


async def sent_on(
    world: Any, steps: Any, monkeypatch: pytest.MonkeyPatch, times: int
) -> tuple[PhoneCall, Callable[[], int]]:
    """anna's phone, which has sent her customer to a colleague, and how often it was told the outcome."""
    await (await phone_of(world, "ben", "ben-phone", "2002")).register()
    _, side = await talking(world, steps)
    sent = lost(world.phones[-1], monkeypatch, times)
    assert await side.refer("sip:2002@seatbus") == 202
    return side, sent


async def test_the_bye_waits_until_the_phone_has_the_outcome(
    world: Any, steps: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    side, sent = await sent_on(world, steps, monkeypatch, 2)
    await side.wait_ended()
    assert (side.ended_by, side.notified, sent()) == ("remote", TOLD, 3)


async def test_a_phone_that_never_hears_it_is_not_waited_for(
    world: Any, steps: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(referring, "_TOLD_T1", 1)
    side, _ = await sent_on(world, steps, monkeypatch, 99)
    await side.wait_ended()
    assert (side.ended_by, side.notified) == ("remote", TOLD[:1])


async def test_a_phone_that_hangs_up_itself_gets_no_bye(
    world: Any, steps: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    side, sent = await sent_on(world, steps, monkeypatch, 2)
    await world.until(lambda: sent())
    await side.hang_up()
    assert (side.ended_by, side.notified) == ("local", TOLD[:1])
    # It answers the next repeat: it knows no such dialog any more.
    session = next(iter(world.app.edge.sessions.values()))
    leg = next(leg for leg in session.sip.legs.values() if leg.dialog.call_id == side.dialog.call_id)
    await world.until(lambda: not leg.telling and not leg.awaited)
    assert not leg.bye_waits


async def test_a_bye_that_waited_when_the_edge_died_is_sent_by_the_next_one(
    world: Any, steps: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The customer waits for another agent by then, or that one's phone rings."""
    ben = await phone_of(world, "ben", "ben-phone", "2002")
    await ben.register()
    _, side = await talking(world, steps)
    sent = lost(world.phones[-1], monkeypatch, 99)
    assert await side.refer(f"sip:{world.QUEUE}@seatbus") == 202
    await world.until(lambda: sent() and len(world.acd.enqueued) == 2)
    await offer_to(world, "ben", world.acd.enqueued[-1])
    there = await ben.next_call()
    await there.ring()
    await world.until(lambda: world.types().count("LegRinging") == 2)
    assert side.ended_by is None
    await restart(world)
    await side.wait_ended()
    assert side.ended_by == "remote"
