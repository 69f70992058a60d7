"""The thin shell around the SIP engine: its sockets, one timer, protection before anything is parsed."""

from __future__ import annotations

import asyncio
import re
import ssl
from collections import OrderedDict, deque
from dataclasses import replace
from typing import TYPE_CHECKING, Final, Protocol

from seatbus_kit.log import get_logger
from seatbus_sip.events import KeepAlive, ParseFailed
from seatbus_sip.flow import Flow, host_port
from seatbus_sip.framing import PING
from seatbus_sip.ids import RandomIds
from seatbus_sip.layer import SipLayer
from seatbus_sip.layer_config import LayerConfig
from seatbus_sip.transactions import DEFAULT_TIMING
from seatbus_sip_edge.adapters.transport_limits import ConnectionLimits
from seatbus_sip_edge.adapters.transports import Transports
from seatbus_sip_edge.adapters.udp import UdpSocket

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable, Sequence

    from seatbus_sip.events import LayerEvent
    from seatbus_sip.flow import Address
    from seatbus_sip.framing import FramingError
    from seatbus_sip.message import Request, Response
    from seatbus_sip.transactions import Timing
    from seatbus_sip_edge.adapters.udp import Datagrams

log = get_logger("sip_edge.sip")

_REMEMBERED_SOURCES = 20_000
# Messages held between binding and serving.
_EARLY = 1_000
_HELD_S = 0.1
# Transactions that linger end together: four wake-ups a second instead of several a call.
_GRAIN_S: Final = 0.25
# New calls of one turn of the loop; what belongs to older ones goes first.
_NEW_A_TURN: Final = 8
# A longer turn of the loop is a pause of process or machine: it says nothing about the work.
_LONGEST_TURN_S: Final = 0.1
_TAGGED: Final = re.compile(rb"\n(?:To|t)[ \t]*:[^\r\n]*;[ \t]*tag[ \t]*=", re.IGNORECASE)


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


class HintedIds(RandomIds):
    """Tokens that end with a hint to the edge that made them."""

    def __init__(self, hint: str) -> None:
        super().__init__()
        self._hint = hint

    def token(self) -> str:
        return super().token() + self._hint


def _begins_a_call(data: bytes) -> bool:
    return data.startswith(b"INVITE ") and _TAGGED.search(data) is None


class SipStack:
    """Owns the engine. `pump` runs after everything that may have queued bytes or events."""

    def __init__(
        self,
        *,
        max_datagram: int,
        rate: float,
        burst: float,
        connections: ConnectionLimits | None = None,
        origins: Sequence[str] | None = None,
        client_tls: Callable[[], ssl.SSLContext] = ssl.create_default_context,
        timing: Timing = DEFAULT_TIMING,
        hint: str = "",
    ) -> None:
        self._max_datagram = max_datagram
        self._buckets = TokenBuckets(rate, burst)
        self._loop: asyncio.AbstractEventLoop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        self._deadline = float("inf")
        self._pumping = False
        self._handler: Handler | None = None
        self._held_handler: Handler | None = None
        # Asked before anything is read or timed: false holds the engine still.
        self.awake: Callable[[], bool] = lambda: True
        self._early: list[tuple[bytes, Flow]] = []
        # INVITEs that came with others, when, and how long the one that is being read has waited.
        self._new: deque[tuple[bytes, Flow, float]] = deque()
        self._new_seen: set[Hashable] = set()
        self._turns_s, self._turn_at = 0.0, 0.0
        self.waited_s = 0.0
        # One UDP socket for each family; of every transport and family what is bound and what is told.
        self._udp: dict[bool, UdpSocket] = {}
        self._bound: dict[tuple[str, bool], Address] = {}
        self._told: dict[tuple[str, bool], Address] = {}
        self.local = ("127.0.0.1", 0)
        self.advertised = ("127.0.0.1", 0)
        self.layer = SipLayer(
            LayerConfig(
                timing=replace(timing, grain=_GRAIN_S),
                sent_by=lambda flow: host_port(self.advertised_for(flow)),
                divert=lambda message, flow, now: self.divert is not None and self.divert(message, flow, now),
            ),
            HintedIds(hint),
        )
        self.transports = Transports(
            self, connections or ConnectionLimits(), origins=origins, client_tls=client_tls
        )
        self.on_flow_lost: Callable[[Flow], None] | None = None
        # Sees every message first; true takes it over.
        self.divert: Callable[[Request | Response, Flow, float], bool] | None = None
        self.dropped = 0
        self._limited: OrderedDict[str, float] = OrderedDict()

    async def open(self, host: str, port: int, advertised_host: str) -> None:
        """Binds UDP. Raises OSError when the address is taken. The first one opened is the main one."""
        udp = UdpSocket(self._loop, self._max_datagram, self._datagrams)
        udp.open(host, port)
        self._bind("UDP", udp.local, advertised_host)
        if not self._udp:
            self.local = udp.local
            self.advertised = (advertised_host, udp.local[1])
        self._udp[":" in udp.local[0]] = udp

    def hold(self) -> None:
        """Messages wait until `resume`."""
        if self._handler is not None:
            self._held_handler, self._handler = self._handler, None

    def resume(self) -> None:
        if self._held_handler is not None:
            handler, self._held_handler = self._held_handler, None
            self.serve(handler)
            self.pump()

    def serve(self, handler: Handler) -> None:
        """From now on messages are read; those that came since `open` are first."""
        self._handler = handler
        early, self._early = self._early, []
        for data, flow in early:
            self.message(data, flow)

    def listen(
        self, transport: str, host: str, port: int, advertised_host: str, tls: ssl.SSLContext | None = None
    ) -> Address:
        """Accepts TCP, TLS, WS or WSS; returns what is bound. Raises OSError when the address is taken."""
        local = self.transports.listen(transport, host, port, tls)
        self._bind(transport, local, advertised_host)
        return local

    def _bind(self, transport: str, local: Address, advertised_host: str) -> None:
        version6 = ":" in local[0]
        self._bound[(transport, version6)] = local
        self._told[(transport, version6)] = (advertised_host, local[1])

    def close(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self.transports.close()
        for udp in self._udp.values():
            udp.close()

    def flow_to(self, host: str, port: int, transport: str = "UDP") -> Flow:
        local = self._bound.get((transport, ":" in host), self.local)
        return Flow(transport, local, (host, port))

    def advertised_for(self, flow: Flow) -> Address:
        """What the far end of this flow is told as our address."""
        return self._told.get((flow.transport, ":" in flow.remote[0]), self.advertised)

    def keep_open(self, addresses: Iterable[Address]) -> None:
        """Two line ends by UDP, which no phone answers or minds: what translates addresses sees traffic."""
        for host, port in addresses:
            self.layer.transmit(self.flow_to(host, port), PING)
        self.pump()

    def told_over(self, transport: str) -> Address | None:
        """What others are told as our address of a transport, in the main address's family."""
        return self._told.get((transport, ":" in self.local[0]))

    @property
    def told(self) -> Iterable[Address]:
        """Every address that others know us by."""
        return self._told.values()

    def alive(self, flow: Flow) -> bool:
        """Whether something sent now over this flow may arrive."""
        return not flow.reliable or self.transports.is_connected(flow.transport, flow.remote)

    @property
    def now(self) -> float:
        return self._loop.time()

    # ---- from the network -------------------------------------------------------------------------------
    def _datagrams(self, udp: UdpSocket, came: Datagrams) -> None:
        """What lay in a socket: new calls come after what belongs to those that are there."""
        alone = len(came) == 1 and not self._new
        for data, source in came:
            if len(data) > self._max_datagram:
                self.dropped += 1
                continue
            flow = Flow("UDP", udp.local, (source[0], source[1]))
            if not self.allow(source[0]):
                continue
            # A CANCEL stays behind the INVITE that it may be meant for.
            if alone or not (_begins_a_call(data) or (self._new and data.startswith(b"CANCEL "))):
                self._read(data, flow)
            else:
                self._wait_for_turn(data, flow)
        self.pump()

    def _wait_for_turn(self, data: bytes, flow: Flow) -> None:
        key = (hash(data), flow.remote)
        if key in self._new_seen:
            return
        if not self._new:
            self._loop.call_soon(self._admit)
        self._new_seen.add(key)
        self._new.append((data, flow, self._turns()))

    def _turns(self) -> float:
        """A clock that goes on while new calls wait, pauses of the process left out."""
        now = self._loop.time()
        self._turns_s += min(now - self._turn_at, _LONGEST_TURN_S)
        self._turn_at = now
        return self._turns_s

    def _admit(self) -> None:
        if len(self._new) > _NEW_A_TURN:
            self._loop.call_soon(self._admit)
        now = self._turns()
        for _ in range(min(_NEW_A_TURN, len(self._new))):
            data, flow, came_at = self._new.popleft()
            self._new_seen.discard((hash(data), flow.remote))
            self.waited_s = now - came_at
            self._read(data, flow)
        self.waited_s = 0.0
        self.pump()

    def allow(self, source: str) -> bool:
        """Takes a token of the source's bucket."""
        now = self._loop.time()
        if self._buckets.allow(source, now):
            return True
        self._limit(source, now)
        return False

    def message(self, data: bytes, flow: Flow) -> None:
        """One message of a connection."""
        self._read(data, flow)
        self.pump()

    def _read(self, data: bytes, flow: Flow) -> None:
        if self._handler is not None and self.awake():
            try:
                self.layer.receive(data, flow, self._loop.time())
            except Exception as error:
                # A bug: what came together with this message is served all the same.
                log.error("a SIP message was not read", source=host_port(flow.remote), exc_info=error)
        elif len(self._early) < _EARLY:
            self._early.append((data, flow))

    def unframed(self, error: FramingError, flow: Flow) -> None:
        """A stream broke; its last message may still be answered."""
        self.layer.refuse_unframed(error.head, flow, error)
        self.pump()

    def flow_lost(self, flow: Flow) -> None:
        """A connection has gone, or could not be made."""
        self.layer.connection_lost(flow, self._loop.time())
        if self.on_flow_lost is not None:
            self.on_flow_lost(flow)
        self.pump()

    def _limit(self, source: str, now: float) -> None:
        self.dropped += 1
        if now - self._limited.get(source, float("-inf")) > 10.0:
            if len(self._limited) >= 1000:
                self._limited.popitem(last=False)
            self._limited[source] = now
            log.warning("source sends too fast, its messages are dropped", source=source)

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
        for flow, data in self.layer.outgoing():
            if flow.transport != "UDP":
                self.transports.send(flow, data)
                continue
            udp = self._udp.get(":" in flow.remote[0])
            if udp is not None:
                udp.send(data, flow.remote)

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
        if not self.awake():
            self._timer = self._loop.call_later(_HELD_S, self._tick)
            return
        self.layer.tick(self._loop.time() + 0.0005)
        self.pump()
        self._arm()
