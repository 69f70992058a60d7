"""What belongs to another edge is passed on without state: between it and a phone whose flow is held here,
and from wherever it arrived to the edge that owns its dialog.
"""

from __future__ import annotations

import asyncio
import functools
from typing import TYPE_CHECKING, Final, Protocol

from seatbus_kit.log import get_logger
from seatbus_sip.errors import SipError
from seatbus_sip.flow import Flow, host_port
from seatbus_sip.headers import Via, parse_name_addr, parse_via
from seatbus_sip.message import Request, Response
from seatbus_sip.stateless import refusal
from seatbus_sip_edge.domain.hops import BRANCH, FlowToken, hint_of

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from seatbus_sip_edge.adapters.edges import Edges
    from seatbus_sip_edge.adapters.sip_stack import SipStack
    from seatbus_sip_edge.application.phones import Phone
    from seatbus_sip_edge.domain.hops import Signer

log = get_logger("sip_edge.proxy")

_HOPS: Final = 70
_SEAL: Final = "hop"
# An INVITE may ring for as long; its CANCEL and the ACK of its refusal go where it went.
_REMEMBER_S: Final = 240.0
_REMEMBERED: Final = 20_000
_LOOKUPS: Final = 64
_LOOKUP_S: Final = 0.5
_TRANSPORT_PARAMETER: Final = {"TCP": ";transport=tcp", "TLS": ";transport=tls", "WS": ";transport=ws"}
_TRANSPORT_PARAMETER["WSS"] = ";transport=ws"


class Finder(Protocol):
    """Who owns what, where neither message nor memory tells. Answers an instance id, or nothing."""

    def owner_of(self, call_id: str, tag: str) -> Awaitable[str]: ...

    def busy_at(self, username: str) -> Awaitable[str]: ...


class Proxy:
    """`divert` sees every message before the engine does; true means that it was taken over."""

    def __init__(
        self,
        stack: SipStack,
        signer: Signer,
        edges: Edges,
        finder: Finder,
        is_local: Callable[[str, str], bool],
        is_device: Callable[[Request, Flow], str],
    ) -> None:
        self._stack = stack
        self._signer = signer
        self._edges = edges
        self._finder = finder
        self._is_local = is_local
        self._is_device = is_device
        self._went_to: dict[tuple[str, str, int], tuple[float, str]] = {}
        self._asking: set[tuple[str, str, int, str]] = set()
        self._asked: set[tuple[str, str, int, str]] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self.forwarded = 0
        self.dropped = 0

    async def stop(self) -> None:
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    # ---- for calls --------------------------------------------------------------------------------------
    def path(self, phone: Phone) -> tuple[Flow, tuple[str, ...]]:
        """How to reach a phone: over its own flow, or through the edge that holds it; with which routes."""
        direct = self._stack.flow_to(phone.host, phone.port, phone.transport)
        if phone.edge == self._edges.own_id:
            return direct, phone.path
        token = FlowToken(phone.edge, phone.transport, (phone.host, phone.port))
        hop = self._edges.hop(phone.edge, reliable=token.reliable)
        if hop is None:
            return direct, phone.path
        transport, address = hop
        route = f"<sip:{self._signer.token(token)}@{host_port(address)};lr>"
        return self._stack.flow_to(*address, transport), (route, *phone.path)

    def token_of(self, routes: Sequence[str]) -> FlowToken | None:
        """The flow that a dialog's first route names, if an edge has signed it."""
        if not routes:
            return None
        try:
            return self._signer.read(parse_name_addr(routes[0], "Route").uri.user or "")
        except SipError:
            return None

    def way(self, token: FlowToken) -> Flow | None:
        """Where to send what has such a route; None while the edge that holds the flow is away."""
        if token.edge == self._edges.own_id:
            return self._stack.flow_to(*token.remote, token.transport)
        hop = self._edges.hop(token.edge, reliable=token.reliable)
        return self._stack.flow_to(*hop[1], hop[0]) if hop is not None else None

    def source_of(self, request: Request, flow: Flow) -> str:
        """The address that a request comes from: the phone's, where an edge has passed it on."""
        if request.via.branch.startswith(BRANCH) and self._edges.is_host(flow.remote[0]):
            below = request.values("Via")[1:2]
            if below:
                via = parse_via(below[0])
                return via.params.get("received") or via.host.strip("[]")
        return flow.remote[0]

    # ---- messages ---------------------------------------------------------------------------------------
    def divert(self, message: Request | Response, source: Flow, now: float) -> bool:
        try:
            if isinstance(message, Response):
                return message.via.branch.startswith(BRANCH) and self._answer(message, source)
            if "Route" in message:
                token = self.token_of(message.values("Route"))
                if token is not None:
                    return self._routed(message, token, source, now)
            return not self._edges.alone and self._unrouted(message, source, now)
        except SipError as error:
            log.info("cannot be passed on", source=host_port(source.remote), reason=str(error))
            return isinstance(message, Response)

    def _answer(self, response: Response, source: Flow) -> bool:
        """A response goes back to where its request came from, if it was really we who passed that on."""
        vias = response.values("Via")
        below = parse_via(vias[1]) if len(vias) > 1 else None
        cseq = response.cseq.number
        seal = response.via.params.get(_SEAL) or ""
        if below is None or not self._signer.is_sealed(seal, below, response.call_id, cseq):
            self._drop("a response to what was never passed on", source)
            return True
        response.set("Via", *vias[1:])
        port = below.params.get("rport") or below.port or 5060
        remote = (below.params.get("received") or below.host.strip("[]"), int(port))
        self._stack.layer.send_raw(response, self._stack.flow_to(*remote, below.transport.upper()))
        return True

    def _routed(self, request: Request, token: FlowToken, source: Flow, now: float) -> bool:
        """A request with one of our routes on top."""
        routes = request.values("Route")[1:]
        to, from_ = request.to.tag or "", request.from_.tag or ""
        of_phone = (source.transport, source.remote) == (token.transport, token.remote)
        if of_phone or (self._edges.by_hint(hint_of(to)) and not self._edges.by_hint(hint_of(from_))):
            request.set("Route", *routes)
            # Without the route that brought it here it is as any other request of a dialog.
            return not self._is_local(request.call_id, to) and self._unrouted(request, source, now)
        if not self._edges.is_host(source.remote[0]):
            self._drop("not from an edge", source)
            return True
        flow = self._stack.flow_to(*token.remote, token.transport)
        if token.edge != self._edges.own_id or not self._stack.alive(flow):
            # RFC 5626 section 5.3.1: whoever sent it looks for another flow of the phone.
            self._refuse(request, source, 430, "Flow Failed")
            return True
        request.set("Route", *routes)
        record = ""
        if request.method == "INVITE":
            host, port = self._stack.advertised_for(flow)
            parameter = _TRANSPORT_PARAMETER.get(flow.transport, "")
            record = f"<sip:{self._signer.token(token)}@{host_port((host, port))}{parameter};lr>"
        self._forward(request, source, flow, record)
        return True

    def _unrouted(self, request: Request, source: Flow, now: float) -> bool:
        """Requests whose dialog, or whose agent's call, may belong to another edge."""
        call_id, tag, method = request.call_id, request.to.tag or "", request.method
        if tag:
            if self._is_local(call_id, tag):
                return False
            owner = self._owner(request, tag)
            if owner:
                return self._hand_over(request, source, owner)
        known = self._went_to.get((call_id, request.from_.tag or "", request.cseq.number))
        if known is not None and known[0] > now:
            return self._hand_over(request, source, known[1])
        if tag:
            return method != "ACK" and self._ask(request, source, lambda: self._finder.owner_of(call_id, tag))
        if method != "INVITE":
            return False
        if (replaced := request.get("Replaces")) is not None:
            parts = [part.strip() for part in replaced.split(";")]
            tags = [part.partition("=")[2] for part in parts[1:] if part.lower().startswith(("to-", "from-"))]
            if any(self._is_local(parts[0], found) for found in tags):
                return False
            for found in tags:
                owner = self._edges.by_hint(hint_of(found))
                if owner and self._edges.hop(owner, reliable=source.reliable) is not None:
                    return self._hand_over(request, source, owner)
                if owner:
                    return self._ask(
                        request, source, functools.partial(self._finder.owner_of, parts[0], found)
                    )
        username = self._is_device(request, source)
        return bool(username) and self._ask(request, source, lambda: self._finder.busy_at(username))

    def _owner(self, request: Request, tag: str) -> str:
        """The other edge that the request itself names: by its target, or by the tag that it gave out."""
        address = request.target.address if request.uri.startswith("sip") else ("", 0)
        owner = self._edges.at(address)
        if owner:
            return owner
        owner = self._edges.by_hint(hint_of(tag))
        return owner if self._edges.hop(owner, reliable=False) is not None else ""

    def _hand_over(self, request: Request, source: Flow, owner: str) -> bool:
        """Passes a request on to the edge that owns its call. False when that one is away."""
        hop = self._edges.hop(owner, reliable=source.reliable)
        if hop is None:
            return False
        record = ""
        if request.method == "INVITE" and request.to.tag is None:
            key = (request.call_id, request.from_.tag or "", request.cseq.number)
            while len(self._went_to) >= _REMEMBERED:
                del self._went_to[next(iter(self._went_to))]
            self._went_to[key] = (self._stack.now + _REMEMBER_S, owner)
            token = self._signer.token(FlowToken(self._edges.own_id, source.transport, source.remote))
            parameter = _TRANSPORT_PARAMETER.get(source.transport, "")
            record = f"<sip:{token}@{host_port(self._stack.advertised_for(source))}{parameter};lr>"
        self._forward(request, source, self._stack.flow_to(*hop[1], hop[0]), record)
        return True

    # ---- passing on -------------------------------------------------------------------------------------
    def _forward(self, request: Request, source: Flow, flow: Flow, record_route: str) -> None:
        """RFC 3261 section 16.11: nothing is kept, so the same request always leaves with the same branch."""
        hops = request.integer("Max-Forwards", 0, 255)
        if hops == 0:
            self._refuse(request, source, 483)
            return
        if any(self._is_mine(parse_via(value)) for value in request.values("Via")):
            self._refuse(request, source, 482)
            return
        via = request.via
        params = dict(via.params)
        if source.reliable or "rport" in params:
            params["rport"] = str(source.remote[1])
        params["received"] = source.remote[0]
        via = via._replace(params=params)
        request.replace_top_via(via)
        seal = self._signer.seal(via, request.call_id, request.cseq.number)
        branch = self._signer.branch(via, request.call_id, request.cseq.number, host_port(flow.remote))
        sent_by = host_port(self._stack.advertised_for(flow))
        request.prepend("Via", f"SIP/2.0/{flow.transport} {sent_by};branch={branch};{_SEAL}={seal};rport")
        request.set("Max-Forwards", _HOPS if hops is None else hops - 1)
        if record_route:
            request.prepend("Record-Route", record_route)
        self.forwarded += 1
        self._stack.layer.send_raw(request, flow)

    def _is_mine(self, via: Via) -> bool:
        """Whether this edge has passed the request on before: it goes in circles."""
        if not via.branch.startswith(BRANCH):
            return False
        own = {host_port(address).lower() for address in self._stack.told}
        return via.sent_by in own

    def _refuse(self, request: Request, source: Flow, status: int, reason: str = "") -> None:
        if request.method == "ACK":
            return
        made = refusal(request, status, "", self._stack.layer.config.agent_name)
        if reason:
            made.reason = reason
        via = request.via
        port = source.remote[1] if source.reliable or "rport" in via.params else via.port or 5060
        self._stack.layer.send_raw(made, source.towards((source.remote[0], port)))

    def _drop(self, why: str, source: Flow) -> None:
        self.dropped += 1
        log.info("dropped", reason=why, source=host_port(source.remote))

    # ---- asking the bus ---------------------------------------------------------------------------------
    def _ask(self, request: Request, source: Flow, answer: Callable[[], Awaitable[str]]) -> bool:
        """Holds the request for the moment that the bus takes to name its owner. False: it is ours, now."""
        key = (request.call_id, request.from_.tag or "", request.cseq.number, request.method)
        if key in self._asked or len(self._asking) >= _LOOKUPS:
            return False
        if key in self._asking:
            return True
        self._asking.add(key)
        task = asyncio.create_task(self._find(key, request, source, answer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return True

    async def _find(
        self,
        key: tuple[str, str, int, str],
        request: Request,
        source: Flow,
        answer: Callable[[], Awaitable[str]],
    ) -> None:
        owner = ""
        try:
            async with asyncio.timeout(_LOOKUP_S):
                owner = await answer()
        except TimeoutError:
            log.info("the bus does not tell the owner in time, served here", call_id=key[0])
        finally:
            self._asking.discard(key)
        if not owner or owner == self._edges.own_id or not self._hand_over(request, source, owner):
            self._asked.add(key)
            try:
                self._stack.layer.receive(request.to_bytes(), source, self._stack.now)
            finally:
                # Its repeats find the transaction that was just made.
                self._asked.discard(key)
        self._stack.pump()
