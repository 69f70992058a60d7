"""The stack's UDP socket: what is kept, and what comes first when much has gathered."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest

from seatbus_sip.flow import Flow
from seatbus_sip_edge.adapters.sip_stack import SipStack
from seatbus_sip_edge.application.guard import Guard
from seatbus_testkit.eventually import eventually


@dataclass
class _Read:
    """What reached the engine, and how long it had waited."""

    stack: SipStack
    names: list[str] = field(default_factory=list)
    waited: list[float] = field(default_factory=list)

    def receive(self, data: bytes, flow: Flow, now: float) -> None:
        self.names.append(data.partition(b"\r\nCall-ID: ")[2].decode().strip())
        self.waited.append(self.stack.waited_s)


@asynccontextmanager
async def _opened() -> AsyncIterator[tuple[SipStack, socket.socket]]:
    stack = SipStack(max_datagram=16_384, rate=1e6, burst=1e6)
    await stack.open("127.0.0.1", 0, "127.0.0.1")
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            sender.connect(stack.local)
            yield stack, sender
    finally:
        stack.close()


def _message(method: str, call_id: str, tag: str = "") -> bytes:
    return f"{method} sip:x SIP/2.0\r\nTo: <sip:x>{tag}\r\nCall-ID: {call_id}\r\n\r\n".encode()


async def test_a_burst_that_comes_while_the_loop_is_busy_is_kept() -> None:
    """The default buffer holds 166 of these; twice that is given on any machine."""
    async with _opened() as (stack, sender):
        for _ in range(250):
            sender.send(b"x" * 500)
        await eventually(lambda: len(stack._early) == 250)


async def test_what_belongs_to_calls_comes_before_new_ones_and_those_in_portions() -> None:
    async with _opened() as (stack, sender):
        read = _Read(stack)
        stack.layer.receive = read.receive  # type: ignore[method-assign]
        stack.serve(lambda event: None)
        for number in range(20):
            sender.send(_message("INVITE", f"new{number}"))
        # Repeated while it waits, and given up by its caller.
        sender.send(_message("INVITE", "new3"))
        sender.send(_message("CANCEL", "cancel of new19"))
        sender.send(_message("BYE", "bye", ";tag=1"))
        sender.send(_message("INVITE", "hold", ";tag=2"))
        turns: list[int] = []
        while len(read.names) < 23:
            await asyncio.sleep(0)
            turns.append(len(read.names))
        assert read.names[:2] == ["bye", "hold"]
        assert read.names[2:] == [*(f"new{number}" for number in range(20)), "cancel of new19"]
        assert max(now - before for before, now in zip([2, *turns], turns, strict=False)) <= 8
        assert not stack._new_seen
        # A single one does not wait for anything.
        sender.send(_message("INVITE", "alone"))
        await eventually(lambda: read.names[-1] == "alone")
        assert read.waited[-1] == 0.0


@pytest.mark.parametrize(
    ("turns", "limit", "calls", "refused"), [([0.06] * 4, 0.15, 44, 12), ([0.7], 0.35, 20, 0)]
)
async def test_new_calls_that_wait_too_long_are_refused_but_not_for_a_pause(
    turns: list[float], limit: float, calls: int, refused: int
) -> None:
    """`turns`: for how long the first call of each turn keeps the loop."""
    async with _opened() as (stack, sender):
        guard = Guard(stack, asyncio.get_running_loop(), limit)
        behind: list[bool] = []

        def receive(data: bytes, flow: Flow, now: float) -> None:
            turn, first = divmod(len(behind), 8)
            if not first and turn < len(turns):
                time.sleep(turns[turn])
            behind.append(guard.behind)

        stack.layer.receive = receive  # type: ignore[method-assign]
        stack.serve(lambda event: None)
        for number in range(calls):
            sender.send(_message("INVITE", f"new{number}"))
        await eventually(lambda: len(behind) == calls)
        assert behind[0] is False
        assert sum(behind) >= refused if refused else not any(behind)
        assert not guard.behind


async def test_a_message_that_meets_a_bug_takes_no_other_along() -> None:
    async with _opened() as (stack, sender):
        read = _Read(stack)

        def receive(data: bytes, flow: Flow, now: float) -> None:
            read.receive(data, flow, now)
            if b"broken" in data:
                raise RuntimeError("a bug")

        stack.layer.receive = receive  # type: ignore[method-assign]
        stack.serve(lambda event: None)
        for name in ("broken", "a", "also broken", *(f"new{number}" for number in range(10))):
            sender.send(_message("INVITE", name))
        sender.send(_message("OPTIONS", "broken options"))
        sender.send(_message("OPTIONS", "options"))
        await eventually(lambda: len(read.names) == 15)
