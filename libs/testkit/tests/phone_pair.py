"""Two phones that call each other without a server."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from seatbus_testkit.actors import Policy
from seatbus_testkit.call import PhoneCall
from seatbus_testkit.phone import Phone

NOWHERE = ("127.0.0.1", 9)


@asynccontextmanager
async def pair(policy: Policy | None = None) -> AsyncIterator[tuple[Phone, Phone]]:
    bob = await Phone.start(NOWHERE, username="bob")
    alice = await Phone.start(bob.address, username="alice", display="Alice A.")
    bob.policy = policy or Policy()
    try:
        yield alice, bob
    finally:
        await alice.close()
        await bob.close()


async def connected(alice: Phone, bob: Phone) -> tuple[PhoneCall, PhoneCall]:
    """A call from alice that bob has answered: (alice's side, bob's side)."""
    near = await alice.dial("bob")
    far = await bob.next_call()
    await far.answer()
    await near.wait_answered()
    return near, far
