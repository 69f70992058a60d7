"""The thin shell around the SIP engine: one UDP socket, one timer, protection before anything is parsed."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from typing import TYPE_CHECKING, Protocol

from seatbus_kit.log import get_logger
from seatbus_sip.events import KeepAlive, ParseFailed
from seatbus_sip.flow import Flow, host_port
from seatbus_sip.layer import LayerConfig, SipLayer

if TYPE_CHECKING:
    from seatbus_sip.events import LayerEvent

log = get_logger("sip_edge.sip")

_REMEMBERED_SOURCES = 20_000
_EARLY_DATAGRAMS = 2_000


class Handler(Protocol):
    """Who hears what the engine tells."""

    def __call__(self, event: LayerEvent, /) -> None: ...


class TokenBuckets:
    """A bucket for each source address; the least recently seen ones are forgotten."""

    def __init__(self, rate: float, burst: float) -> None:
        self._rate = rate
        self._burst = burst
        self._level: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def allow(self, source: str, now: float) -> bool:
        known = self._level.get(source)
        if known is None:
            level = self._burst
            if len(self._level) >= _REMEMBERED_SOURCES:
                self._level.popitem(last=False)
        else:
            level = min(self._burst, known[0] + (now - known[1]) * self._rate)
            self._level.move_to_end(source)
        allowed = level >= 1.0
        self._level[source] = (level - 1.0 if allowed else level, now)
        return allowed


class SipStack(asyncio.DatagramProtocol):
    """Owns the engine. `pump` runs after everything that may have queued bytes or events."""

    def __init__(self, *, max_datagram: int, rate: float, burst: float) -> None:
        self._max_datagram = max_datagram
        self._buckets = TokenBuckets(rate, burst)
        self._transport: asyncio.DatagramTransport | None = None
        self._loop: asyncio.AbstractEventLoop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        self._deadline = float("inf")
        self._pumping = False
        self._handler: Handler | None = None
        self.local = ("127.0.0.1", 0)
        self.advertised = ("127.0.0.1", 0)
        self.layer = SipLayer(LayerConfig(sent_by=lambda _flow: host_port(self.advertised)))
        self.dropped = 0
        self._limited: OrderedDict[str, float] = OrderedDict()
        self._early: list[tuple[bytes, tuple[str, int]]] = []

    async def open(self, host: str, port: int, advertised_host: str) -> None:
        """Binds the socket; what comes in waits for `serve`. Raises OSError when the address is taken."""
        transport, _ = await self._loop.create_datagram_endpoint(lambda: self, local_addr=(host, port))
        self._transport = transport
        bound = transport.get_extra_info("sockname")
        self.local = (bound[0], bound[1])
        self.advertised = (advertised_host, bound[1])

    def serve(self, handler: Handler) -> None:
        """From now on what comes in is handled, what has come since `open` first."""
        self._handler = handler
        early, self._early = self._early, []
        for data, addr in early:
            self.datagram_received(data, addr)
        self.pump()

    def close(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        if self._transport is not None:
            self._transport.close()

    def flow_to(self, host: str, port: int) -> Flow:
        return Flow("UDP", self.local, (host, port))

    @property
    def now(self) -> float:
        return self._loop.time()

    # ---- asyncio ----------------------------------------------------------------------------------------
    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        if self._handler is None:
            if len(self._early) < _EARLY_DATAGRAMS:
                self._early.append((data, addr))
            return
        now = self._loop.time()
        if len(data) > self._max_datagram:
            self.dropped += 1
            return
        if not self._buckets.allow(addr[0], now):
            self._limit(addr[0], now)
            return
        self.layer.receive(data, Flow("UDP", self.local, (addr[0], addr[1])), now)
        self.pump()

    def error_received(self, exc: Exception) -> None:
        # An ICMP answer names no transaction: the transaction's own timer decides.
        log.debug("socket error", error=repr(exc))

    def _limit(self, source: str, now: float) -> None:
        self.dropped += 1
        if now - self._limited.get(source, float("-inf")) > 10.0:
            if len(self._limited) >= 1000:
                self._limited.popitem(last=False)
            self._limited[source] = now
            log.warning("source sends too fast, its datagrams are dropped", source=source)

    # ---- driving the engine -----------------------------------------------------------------------------
    def pump(self) -> None:
        """Hands events to the handler and bytes to the socket until there are none."""
        if self._pumping:
            return
        self._pumping = True
        try:
            layer = self.layer
            while True:
                self._send()
                events = layer.events()
                if not events:
                    break
                for event in events:
                    self._dispatch(event)
        finally:
            self._pumping = False
        self._arm()

    def _dispatch(self, event: LayerEvent) -> None:
        if isinstance(event, ParseFailed):
            self.dropped += 1
            log.info(
                "malformed message",
                source=host_port(event.source.remote),
                field=event.error.field,
                rule=event.error.rule,
                answered=event.answered,
            )
            return
        if isinstance(event, KeepAlive) or self._handler is None:
            return
        try:
            self._handler(event)
        except Exception as error:
            log.error("a SIP event was not handled", kind=type(event).__name__, exc_info=error)

    def _send(self) -> None:
        transport = self._transport
        for flow, data in self.layer.outgoing():
            if transport is None or transport.is_closing():
                continue
            try:
                transport.sendto(data, flow.remote)
            except (OSError, ValueError) as error:
                log.warning("cannot send", to=host_port(flow.remote), error=str(error))

    def _arm(self) -> None:
        deadline = self.layer.next_deadline()
        if deadline is None or deadline >= self._deadline:
            return
        if self._timer is not None:
            self._timer.cancel()
        self._deadline = deadline
        self._timer = self._loop.call_at(deadline, self._tick)

    def _tick(self) -> None:
        self._timer = None
        self._deadline = float("inf")
        self.layer.tick(self._loop.time() + 0.0005)
        self.pump()
        self._arm()
