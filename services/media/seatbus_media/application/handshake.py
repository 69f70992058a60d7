"""A DTLS handshake beside the event loop: its steps take milliseconds, so a worker takes them, one at a time
and in order.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from time import monotonic
from typing import Final, Protocol

from seatbus_rtp.dtls import DtlsSrtp, DtlsState
from seatbus_rtp.srtp import SrtpKeys

_WAITING: Final = 16
"""Datagrams of one peer that wait for the worker; DTLS sends again what is dropped."""

Step = Callable[[], list[bytes]]


class Worker(Protocol):
    """Carries out steps away from the loop."""

    def submit(self, step: Step) -> asyncio.Future[list[bytes]]: ...


class HandshakeUser(Protocol):
    """The leg whose handshake it is."""

    def flight(self, datagrams: list[bytes]) -> None:
        """To be sent to the peer."""
        ...

    def connected(self, keys: SrtpKeys) -> None: ...

    def ended(self, reason: str) -> None:
        """It failed, or the peer said farewell."""
        ...


class Handshake:
    """Drives one `DtlsSrtp` until it is closed."""

    def __init__(self, dtls: DtlsSrtp, worker: Worker, user: HandshakeUser) -> None:
        self._dtls = dtls
        self._worker = worker
        self._user = user
        self._steps: deque[Step] = deque()
        self._busy = False
        self._told = False
        self._closed = False
        self._timer: asyncio.TimerHandle | None = None

    @property
    def finished(self) -> bool:
        """Whether it has come to its end, good or bad."""
        return self._told or self._closed

    def begin(self) -> None:
        """Sends the first flight, if it is ours to send, and lets the clock of the handshake run."""
        self._enqueue(lambda: self._dtls.start(monotonic()))

    def feed(self, datagram: bytes) -> None:
        if len(self._steps) < _WAITING:
            self._enqueue(lambda: self._dtls.receive(datagram, monotonic()))

    def close(self, farewell: bool) -> None:
        """Nothing more is done; `farewell` tells the peer."""
        if self._closed:
            return
        self._closed = True
        self._stop_timer()
        self._steps.clear()
        if farewell and not self._busy and self._dtls.state is DtlsState.CONNECTED:
            self._user.flight(self._dtls.close())

    def _enqueue(self, step: Step) -> None:
        if not self._closed:
            self._steps.append(step)
            self._next()

    def _next(self) -> None:
        if self._busy or self._closed or not self._steps:
            return
        self._busy = True
        self._worker.submit(self._steps.popleft()).add_done_callback(self._done)

    def _done(self, future: asyncio.Future[list[bytes]]) -> None:
        self._busy = False
        if self._closed:
            return
        error = None if future.cancelled() else future.exception()
        if future.cancelled() or error is not None:
            self._end(f"the handshake could not be worked on: {error}")
            return
        self._user.flight(future.result())
        state = self._dtls.state
        if state is DtlsState.CONNECTED and not self._told and self._dtls.keys is not None:
            self._told = True
            self._user.connected(self._dtls.keys)
        elif state in (DtlsState.FAILED, DtlsState.CLOSED):
            self._end(self._dtls.failure or "the peer closed its connection")
            return
        self._arm()
        self._next()

    def _end(self, reason: str) -> None:
        self.close(farewell=False)
        self._user.ended(reason)

    def _arm(self) -> None:
        self._stop_timer()
        deadline = self._dtls.deadline(monotonic())
        if deadline is not None:
            self._timer = asyncio.get_running_loop().call_at(
                deadline, self._enqueue, lambda: self._dtls.expire(monotonic())
            )

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
