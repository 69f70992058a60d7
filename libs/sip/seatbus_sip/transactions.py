"""Transactions: one table, one state, the bytes they may have to repeat, and their timers."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass
from math import ceil
from typing import Protocol

from seatbus_sip.flow import Flow
from seatbus_sip.message import Request, Response
from seatbus_sip.tables import TABLES, Again, Do, Event, Machine, Slow, Start, State, Stop, Timer, step


@dataclass(frozen=True, slots=True)
class Timing:
    """Base intervals of RFC 3261 section 17, in seconds.

    With a `grain` transactions that only linger end on its multiples, many at once: nobody waits for them.
    """

    t1: float = 0.5
    t2: float = 4.0
    t4: float = 5.0
    trying: float = 0.2
    grain: float = 0.0

    def first(self, timer: Timer, reliable: bool) -> float | None:
        """First duration of a timer; None where a reliable transport needs none."""
        if timer in _REPEATS:
            return None if reliable else self.t1
        if timer in _LINGERS:
            if reliable:
                return 0.0
            return self.t4 if timer in _SHORT else 64 * self.t1
        if timer is Timer.TRYING:
            return self.trying
        if timer is Timer.ANSWER:
            return self.t1
        return 64 * self.t1

    def deadline(self, timer: Timer, at: float) -> float:
        """When a timer that would be due at `at` is set to."""
        if self.grain and timer in _COARSE:
            return ceil(at / self.grain) * self.grain
        return at


DEFAULT_TIMING = Timing()
_REPEATS = frozenset({Timer.A, Timer.E, Timer.G})
_LINGERS = frozenset({Timer.D, Timer.I, Timer.J, Timer.K})
_SHORT = frozenset({Timer.I, Timer.K})
_COARSE = _LINGERS | {Timer.L, Timer.M}


class Host(Protocol):
    """What a transaction asks of the engine that holds it."""

    timing: Timing

    def arm(self, transaction: Transaction, timer: Timer, deadline: float) -> None:
        """Call `fire` for this timer at the deadline."""

    def transmit(self, flow: Flow, data: bytes) -> None:
        """Queue bytes for the network."""

    def perform(
        self, transaction: Transaction, effect: Do, now: float, message: Request | Response | None
    ) -> None:
        """Carry out an effect that concerns the transaction user."""

    def ended(self, transaction: Transaction) -> None:
        """Forget the transaction."""


class Transaction:
    """One run of a table. `data` is what Do.SEND repeats; parsed messages are dropped as soon as possible."""

    __slots__ = ("_intervals", "ack", "data", "deadlines", "flow", "key", "machine", "request", "state")

    def __init__(self, machine: Machine, key: Hashable, flow: Flow, request: Request | None) -> None:
        self.machine = machine
        self.key = key
        self.flow = flow
        self.state = State.INITIAL
        self.request = request
        self.data = b""
        self.ack = b""
        self.deadlines: dict[Timer, float] = {}
        self._intervals: dict[Timer, float] = {}

    @property
    def terminated(self) -> bool:
        """Whether the transaction is over."""
        return self.state is State.TERMINATED

    def accepts(self, event: Event) -> bool:
        """Whether the table has an entry for this event now."""
        return event in TABLES[self.machine].get(self.state, ())

    def feed(self, event: Event, now: float, host: Host, message: Request | Response | None = None) -> None:
        """Take one step. Raises `IllegalTransitionError` and changes nothing if the table has no entry."""
        self.state, effects = step(self.machine, self.state, event)
        for effect in effects:
            if isinstance(effect, Do):
                if effect is Do.SEND:
                    if self.data:
                        host.transmit(self.flow, self.data)
                elif effect is Do.SEND_ACK and self.ack:
                    host.transmit(self.flow, self.ack)
                else:
                    host.perform(self, effect, now, message)
            elif isinstance(effect, Stop):
                self.deadlines.pop(effect.timer, None)
            else:
                self._start(effect, now, host)
        if self.state is State.TERMINATED:
            self.deadlines.clear()
            host.ended(self)

    def _start(self, effect: Start | Again | Slow, now: float, host: Host) -> None:
        timer, timing = effect.timer, host.timing
        duration: float | None
        if isinstance(effect, Again):
            duration = self._intervals.get(timer, timing.t1) * 2
            # INVITE requests back off without a cap (RFC 3261 section 17.1.1.2).
            if timer is not Timer.A:
                duration = min(duration, timing.t2)
        elif isinstance(effect, Slow):
            duration = timing.t2
        else:
            # A server that still owes its answer gives up after 64*T1 on any transport.
            early = timer is Timer.J and self.state is State.TRYING
            duration = 64 * timing.t1 if early else timing.first(timer, self.flow.reliable)
        if duration is None:
            return
        self._intervals[timer] = duration
        deadline = timing.deadline(timer, now + duration) if duration else now
        self.deadlines[timer] = deadline
        host.arm(self, timer, deadline)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.machine.value} {self.state.value} {self.key}>"


class ClientTransaction(Transaction):
    """A request sent. `request` is kept until its final response; an INVITE's as long as forks may answer."""

    __slots__ = ("_acked", "call_id", "cancel_pending", "cancel_request", "instead", "method")

    def __init__(self, machine: Machine, key: Hashable, flow: Flow, request: Request) -> None:
        super().__init__(machine, key, flow, request)
        self.method = request.method
        self.call_id = request.call_id
        self.cancel_pending = False
        self.cancel_request: Request | None = None
        # To tag of an answered fork -> where and what ACK was sent: a repeated 2xx gets the same again.
        self._acked: dict[str, tuple[Flow, bytes]] = {}
        # What is sent, and where, if this cannot be brought to the peer.
        self.instead: tuple[Request, Flow] | None = None

    def fall_back(self, sent_by: Callable[[Flow], str]) -> Request | None:
        """Becomes the other attempt and is to be started anew; None: there is none, or the peer has spoken.

        Its branch follows from the first one: what a successor of the process sends again is a repeat.
        """
        if self.instead is None or self.state not in (State.CALLING, State.TRYING):
            return None
        (request, self.flow), self.instead = self.instead, None
        branch = f"{request.via.branch}u"
        via = f"SIP/2.0/{self.flow.transport} {sent_by(self.flow)};branch={branch};rport"
        request.set("Via", via, *request.get_all("Via")[1:])
        if self.cancel_request is not None:
            self.cancel_request.set("Via", via)
        self.request, self.key, self.state = request, (branch, self.method), State.INITIAL
        self.deadlines.clear()
        return request


class ServerTransaction(Transaction):
    """A request received. `local_tag` goes into To of responses that have none."""

    __slots__ = ("call_id", "local_tag", "merge_key", "method", "seen_as")

    def __init__(self, machine: Machine, key: Hashable, flow: Flow, request: Request, local_tag: str) -> None:
        super().__init__(machine, key, flow, request)
        self.method = request.method
        self.call_id = request.call_id
        self.local_tag = local_tag
        self.merge_key: Hashable = None
        # What a repeat of its request looks like, unread.
        self.seen_as: Hashable = None

    def response(self, status: int, reason: str = "") -> Response:
        """A response to the request with this transaction's To tag. Not possible once it is finished."""
        if self.request is None:
            raise ValueError("the transaction has finished and forgotten its request")
        return Response.to_request(self.request, status, reason, self.local_tag)


class Answer(Transaction):
    """A 2xx to INVITE, repeated until its ACK."""

    __slots__ = ("server",)

    def __init__(self, key: Hashable, flow: Flow, server: ServerTransaction, data: bytes) -> None:
        super().__init__(Machine.ANSWER, key, flow, None)
        self.server = server
        self.data = data
