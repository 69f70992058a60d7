"""The stack's UDP socket."""

from __future__ import annotations

import socket

from seatbus_sip_edge.adapters.sip_stack import SipStack
from seatbus_testkit.eventually import eventually


async def test_a_burst_that_comes_while_the_loop_is_busy_is_kept() -> None:
    """The default buffer holds 166 of these; twice that is given on any machine."""
    stack = SipStack(max_datagram=16_384, rate=1e6, burst=1e6)
    await stack.open("127.0.0.1", 0, "127.0.0.1")
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            for _ in range(250):
                sender.sendto(b"x" * 500, stack.local)
        await eventually(lambda: len(stack._early) == 250)
    finally:
        stack.close()
