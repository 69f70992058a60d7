"""What is not worth a transaction: scanners, guessers of passwords, and new work when the loop is late."""

from __future__ import annotations

import random
import time
from collections import OrderedDict
from typing import TYPE_CHECKING, Final

from seatbus_kit import metrics
from seatbus_kit.log import get_logger
from seatbus_sip.errors import SipError
from seatbus_sip.flow import Flow, host_port
from seatbus_sip.message import Request
from seatbus_sip.stateless import refusal
from seatbus_sip_edge.domain import emergency

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable

    from seatbus_sip.message import Response
    from seatbus_sip_edge.adapters.sip_stack import SipStack

log = get_logger("sip_edge.guard")

# How tools name themselves that look for open doors.
_SCANNERS: Final = (
    "friendly-scanner",
    "friendly-request",
    "sipvicious",
    "sipcli",
    "sip-scan",
    "sipscan",
    "sundayddr",
    "vaxsipuseragent",
    "vaxipuseragent",
    "pplsip",
    "smap",
    "iwar",
    "siparmyknife",
    "sivus",
    "gulp",
)
_BEAT_S: Final = 0.1
_TOLD_EVERY_S: Final = 10.0
_REMEMBERED: Final = 10_000
_RETRY_AFTER_S: Final = (2, 8)

_DROPPED = metrics.counter("seatbus_sip_dropped_total", "requests left without an answer", ["why"])
_PUSHED_BACK = metrics.counter(
    "seatbus_sip_pushed_back_total", "new calls answered 503 because the loop lagged", []
)
_LAG = metrics.gauge("seatbus_loop_lag_seconds", "how late the event loop runs its timers", [])


class Guard:
    """`turns_away` is asked of each request outside of a dialog, before a transaction is made for it."""

    def __init__(self, stack: SipStack, loop: asyncio.AbstractEventLoop, lag_limit_s: float) -> None:
        self._stack = stack
        self._loop = loop
        self._limit_s = lag_limit_s
        self._banned: OrderedDict[str, float] = OrderedDict()
        self._told: OrderedDict[str, float] = OrderedDict()
        self._due = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._late_s = 0.0
        self._cpu_s = 0.0
        self._spoke_at = float("-inf")
        self.lag_s = 0.0
        # Whether a request comes from who is known at its address; whether it calls for help.
        self.is_known: Callable[[Request, Flow], bool] = lambda _request, _flow: False
        self.is_emergency: Callable[[Request], bool] = lambda _: False

    # ---- the loop ---------------------------------------------------------------------------------------
    def start(self) -> None:
        self._due = self._loop.time() + _BEAT_S
        self._timer = self._loop.call_at(self._due, self._beat)

    def stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()

    def _beat(self) -> None:
        late = max(0.0, self._loop.time() - self._due)
        # One late beat is a pause of process or machine; two in a row are more work than gets done.
        # Up at once, down slowly: one look at a busy moment is not the end of it.
        self.lag_s = max(min(late, self._late_s), self.lag_s * 0.8)
        cpu = time.process_time()
        if late > self._limit_s:
            self._tell_late(late, cpu - self._cpu_s)
        self._late_s, self._cpu_s = late, cpu
        _LAG.set(max(late, self.lag_s))
        self.start()

    def _tell_late(self, late: float, cpu_s: float) -> None:
        """Little CPU time for much lateness: the machine is short of it, or the process stood still."""
        now = self._loop.time()
        if now - self._spoke_at > _TOLD_EVERY_S:
            self._spoke_at = now
            log.warning("the event loop is late", late_s=round(late, 2), cpu_s=round(cpu_s, 2))

    @property
    def behind(self) -> bool:
        """The loop is late; or a new call waits in a queue of new calls that gets no shorter."""
        return self.lag_s > self._limit_s or self._stack.waited_s > self._limit_s

    # ---- who ---------------------------------------------------------------------------------------------
    def ban(self, source: str, seconds: float) -> None:
        """For a while nothing of this address is answered, but who is known there and calls that live."""
        if len(self._banned) >= _REMEMBERED:
            self._banned.popitem(last=False)
        self._banned[source] = self._loop.time() + seconds
        log.warning("source is ignored for a while: too many wrong digests", source=source, seconds=seconds)

    def is_banned(self, source: str) -> bool:
        until = self._banned.get(source)
        if until is None:
            return False
        if until > self._loop.time():
            return True
        del self._banned[source]
        return False

    def turns_away(self, message: Request | Response, flow: Flow) -> bool:
        if not isinstance(message, Request) or message.method in ("ACK", "CANCEL"):
            return False
        try:
            if message.to.tag is not None:
                return False
            helps = self.behind and (
                message.target.username in emergency.NUMBERS or self.is_emergency(message)
            )
            banned = bool(self._banned) and self.is_banned(flow.remote[0])
            banned = banned and not self.is_known(message, flow)
        except SipError:
            return False
        if banned:
            self._drop("banned", flow)
            return True
        agent = (message.get("User-Agent") or "").lower()
        if agent and any(name in agent for name in _SCANNERS):
            self._drop("scanner", flow)
            return True
        if message.method == "INVITE" and self.behind and not helps:
            self._push_back(message, flow)
            return True
        return False

    def _drop(self, why: str, flow: Flow) -> None:
        _DROPPED.inc(why=why)
        source, now = flow.remote[0], self._loop.time()
        if now - self._told.get(source, float("-inf")) > _TOLD_EVERY_S:
            if len(self._told) >= _REMEMBERED:
                self._told.popitem(last=False)
            self._told[source] = now
            log.info("requests are left without an answer", why=why, source=host_port(flow.remote))

    def _push_back(self, request: Request, flow: Flow) -> None:
        """Without a transaction: the answer costs less than the work that it refuses."""
        _PUSHED_BACK.inc()
        answer = refusal(request, 503, "", self._stack.layer.config.agent_name)
        answer.set("Retry-After", random.randint(*_RETRY_AFTER_S))
        via = request.via
        port = flow.remote[1] if flow.reliable or "rport" in via.params else via.port or 5060
        self._stack.layer.send_raw(answer, Flow(flow.transport, flow.local, (flow.remote[0], port)))
