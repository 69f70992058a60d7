"""Calls over a bad network: signalling gets through, sound shows what was lost and nothing else."""

from __future__ import annotations

import asyncio

import pytest

from seatbus_rtp.receiver import Fault
from seatbus_sip import Timing
from seatbus_testkit.actors import Policy
from seatbus_testkit.lossy import LossyProxy, Weather
from seatbus_testkit.phone import Phone

QUICK = Timing(t1=0.05, t2=0.4, t4=0.5)


@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_calls_are_made_and_ended_at_ten_percent_loss(seed: int) -> None:
    bob = await Phone.start(("127.0.0.1", 9), username="bob", timing=QUICK)
    bob.policy = Policy.answer()
    bad = Weather(loss=0.1, doubled=0.05, reorder=0.1, reorder_by_s=0.03)
    proxy = await LossyProxy.start(bob.address, seed=seed, up=bad, down=bad)
    alice = await Phone.start(proxy.address, username="alice", timing=QUICK)
    near = await alice.dial("bob")
    await near.wait_answered()
    far = await bob.next_call()
    assert far.request.contact is not None
    assert far.request.contact.uri.port != alice.address[1]
    near.mouth.play_tone(440)
    far.mouth.play_tone(1000)
    await far.ears.wait_tone(440)
    await near.ears.wait_tone(1000)
    await near.mouth.send_dtmf("4711")
    await far.ears.wait_digits("4711")
    await near.hang_up()
    await far.wait_ended()
    assert proxy.rtp_up.lost > 0
    assert far.ears.faults(Fault.LOST)
    assert far.ears.faults(Fault.TIMESTAMP_BACK, Fault.SSRC_CHANGED, Fault.PAYLOAD_TYPE) == []
    await asyncio.gather(alice.close(), bob.close())
    proxy.close()


async def test_the_same_seed_gives_the_same_fate() -> None:
    import random

    weather = Weather(loss=0.3, doubled=0.1, reorder=0.2, delay_s=0.01, jitter_s=0.02)
    first, second = random.Random(7), random.Random(7)
    fates = [weather.fates(first) for _ in range(2000)]
    assert fates == [weather.fates(second) for _ in range(2000)]
    assert sum(not fate for fate in fates) / 2000 == pytest.approx(0.3, abs=0.04)
