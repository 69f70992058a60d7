"""The asyncio shell around `SipLayer` for one UDP socket."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Protocol, cast

from seatbus_sip import (
    AckReceived,
    AckTimeout,
    Address,
    CancelReceived,
    ClientTransaction,
    Flow,
    LayerConfig,
    LayerEvent,
    ParseFailed,
    Request,
    RequestReceived,
    Response,
    ResponseReceived,
    ServerTransaction,
    SipLayer,
    Timing,
    TransactionTimeout,
    TransportFailed,
)
from seatbus_sip.ids import RandomIds

IDS = RandomIds()
"""Shared by all phones of the process: each stock of tokens costs a system call."""

INVITE_MEMORY_S = 40.0
"""A fork may answer an INVITE until 64*T1 after the first answer; its sink is remembered that long."""


class ResponseSink(Protocol):
    """Who sent a request."""

    def on_response(self, tx: ClientTransaction, response: Response, request: Request) -> None: ...

    def on_failure(self, tx: ClientTransaction, status: int) -> None:
        """No answer (408) or no transport (503)."""


class SipUser(Protocol):
    """Who owns the socket."""

    def on_request(self, tx: ServerTransaction, request: Request) -> None: ...

    def on_ack(self, request: Request) -> None: ...

    def on_cancel(self, tx: ServerTransaction, request: Request) -> None: ...

    def on_ack_timeout(self, tx: ServerTransaction) -> None: ...

    def wants(self, data: bytes) -> bool:
        """False drops the datagram before anything sees it."""

    def on_malformed(self, event: ParseFailed) -> None: ...


class _Awaited:
    """A sink that is a future of the final answer."""

    def __init__(self, request: Request) -> None:
        self._request = request
        self.future: asyncio.Future[Response] = asyncio.get_running_loop().create_future()

    def on_response(self, tx: ClientTransaction, response: Response, request: Request) -> None:
        if response.status >= 200 and not self.future.done():
            self.future.set_result(response)

    def on_failure(self, tx: ClientTransaction, status: int) -> None:
        if not self.future.done():
            self.future.set_result(Response.to_request(self._request, status))


class SipSocket(asyncio.DatagramProtocol):
    """One socket, one layer, one timer. Everything happens on the loop that opened it."""

    def __init__(
        self, user: SipUser, timing: Timing | None, sent_by: Callable[[Flow], str] | None = None
    ) -> None:
        self._user = user
        config = LayerConfig(timing=timing or Timing(), agent_name="Seatbus-Testkit", sent_by=sent_by)
        self._layer = SipLayer(config, IDS)
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.BaseTransport | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._armed = 0.0
        self._sinks: dict[ClientTransaction, ResponseSink] = {}
        self._pumping = False
        self.address: Address = ("", 0)

    @classmethod
    async def open(cls, host: str, user: SipUser, timing: Timing | None = None) -> SipSocket:
        loop = asyncio.get_running_loop()
        _, made = await loop.create_datagram_endpoint(lambda: cls(user, timing), local_addr=(host, 0))
        return made

    # ---- asyncio ----------------------------------------------------------------------------------------
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        name = transport.get_extra_info("sockname")
        self.address = (str(name[0]), int(name[1]))

    def datagram_received(self, data: bytes, addr: tuple[str | int, ...]) -> None:
        self._received(data, self.flow((str(addr[0]), int(addr[1]))))

    def _received(self, data: bytes, flow: Flow) -> None:
        if self._transport is None or not self._user.wants(data):
            return
        self._layer.receive(data, flow, self._loop.time())
        self._pump()

    def _put(self, data: bytes, flow: Flow) -> None:
        cast(asyncio.DatagramTransport, self._transport).sendto(data, flow.remote)

    def flow(self, remote: Address) -> Flow:
        return Flow("UDP", self.address, remote)

    def close(self) -> None:
        """No more messages, in either direction. Waiting requests fail with 503."""
        if self._timer is not None:
            self._timer.cancel()
        if self._transport is not None:
            self._transport.close()
        self._transport = None
        for tx, sink in list(self._sinks.items()):
            sink.on_failure(tx, 503)
        self._sinks.clear()

    # ---- sending ----------------------------------------------------------------------------------------
    def send(self, request: Request, remote: Address, sink: ResponseSink) -> ClientTransaction:
        """A request (not ACK, CANCEL); its answers go to the sink."""
        tx = self._layer.send_request(request, self.flow(remote), self._loop.time())
        self._sinks[tx] = sink
        self._pump()
        return tx

    async def ask(self, request: Request, remote: Address) -> tuple[ClientTransaction, Response]:
        """The final answer; 408 or 503 made up here where there is none."""
        sink = _Awaited(request)
        tx = self.send(request, remote, sink)
        return tx, await sink.future

    def respond(self, tx: ServerTransaction, response: Response) -> None:
        self._layer.respond(tx, response, self._loop.time())
        self._pump()

    def ack(self, tx: ClientTransaction, ack: Request, remote: Address) -> None:
        self._layer.send_ack(tx, ack, self._loop.time(), self.flow(remote))
        self._pump()

    def cancel(self, tx: ClientTransaction) -> bool:
        """False: the INVITE has its final answer already."""
        sent = self._layer.cancel(tx, self._loop.time())
        self._pump()
        return sent

    # ---- inside -----------------------------------------------------------------------------------------
    def _pump(self) -> None:
        # Handlers send: their calls end here at once, and the outer run takes their messages and events.
        if self._pumping:
            return
        self._pumping = True
        try:
            while True:
                if self._transport is not None:
                    for flow, data in self._layer.outgoing():
                        self._put(data, flow)
                events = self._layer.events()
                if not events:
                    break
                for event in events:
                    self._dispatch(event)
        finally:
            self._pumping = False
        self._arm()

    def _dispatch(self, event: LayerEvent) -> None:
        if isinstance(event, ResponseReceived):
            sink = self._sinks.get(event.tx)
            if sink is not None:
                if event.response.status >= 200:
                    self._forget(event.tx)
                sink.on_response(event.tx, event.response, event.request)
        elif isinstance(event, RequestReceived):
            self._user.on_request(event.tx, event.request)
        elif isinstance(event, AckReceived):
            self._user.on_ack(event.request)
        elif isinstance(event, CancelReceived):
            self._user.on_cancel(event.tx, event.request)
        elif isinstance(event, AckTimeout):
            self._user.on_ack_timeout(event.tx)
        elif isinstance(event, TransactionTimeout | TransportFailed):
            if isinstance(event.tx, ClientTransaction):
                sink = self._sinks.pop(event.tx, None)
                if sink is not None:
                    sink.on_failure(event.tx, 408 if isinstance(event, TransactionTimeout) else 503)
        elif isinstance(event, ParseFailed):
            self._user.on_malformed(event)

    def _forget(self, tx: ClientTransaction) -> None:
        if tx.method == "INVITE":
            self._loop.call_later(INVITE_MEMORY_S, self._sinks.pop, tx, None)
        else:
            self._sinks.pop(tx, None)

    def _arm(self) -> None:
        deadline = self._layer.next_deadline()
        if self._transport is None or deadline is None:
            return
        if self._timer is not None and not self._timer.cancelled() and self._armed <= deadline:
            return
        if self._timer is not None:
            self._timer.cancel()
        self._armed = deadline
        self._timer = self._loop.call_at(deadline, self._tick)

    def _tick(self) -> None:
        self._timer = None
        self._layer.tick(self._loop.time())
        self._pump()
