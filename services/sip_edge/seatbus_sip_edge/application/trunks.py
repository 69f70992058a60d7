"""Peers of the trunks: where they are, whether they live, and our registrations with them."""

from __future__ import annotations

import asyncio
import random
from typing import TYPE_CHECKING, Final

import orjson

from seatbus_kit import metrics
from seatbus_kit.errors import SeatbusError
from seatbus_kit.log import get_logger
from seatbus_sip.building import initial_request
from seatbus_sip.digest import DigestClient
from seatbus_sip.flow import host_port
from seatbus_sip.uri import sip_uri
from seatbus_sip.values import retry_after
from seatbus_sip_edge.application.trunk_peer import Peer
from seatbus_sip_edge.application.trunk_registration import Registration
from seatbus_sip_edge.domain.routes import TrunkRef
from seatbus_sip_edge.domain.targets import Health, Heard, State, Target, by_health, drawn, worst_first

if TYPE_CHECKING:
    from collections.abc import Callable

    from seatbus.tenancy.v1 import types_pb2 as tenancy
    from seatbus_kit.config_view import ConfigView
    from seatbus_kit.instances import Instances
    from seatbus_kit.seal import Seal
    from seatbus_sip.flow import Address, Flow
    from seatbus_sip.message import Request, Response
    from seatbus_sip.transactions import ClientTransaction, Transaction
    from seatbus_sip_edge.adapters.dns import Resolver
    from seatbus_sip_edge.adapters.sip_stack import SipStack

log = get_logger("sip_edge.trunks")

# Attribute of an edge: by `tenant/trunk` what carriers have answered to its registrations.
SERVICE_ROUTES: Final = "service_routes"
_OPTIONS_S: Final = 30
_UNRESOLVED_S: Final = 5.0
# RFC 3261 section 21.5.4: a peer may ask for some time without us, but not for an evening without calls.
_LONGEST_REST_S: Final = 60
# A peer that has not answered by then does not answer: no need to wait for the transaction's end.
_ANSWER_S: Final = 4.0
_TRANSPORT: Final = {0: "", 1: "UDP", 2: "TCP", 3: "TLS"}
_MOST_NAMED: Final = 64
_NUMBER: Final = {State.DOWN: 0.0, State.DEGRADED: 1.0, State.UP: 2.0}

_state_gauge = metrics.gauge(
    "seatbus_trunk_state", "What is believed of a trunk's peer: 2 up, 1 degraded, 0 down", ("tenant", "trunk")
)


class Trunks:
    """Follows the configuration. Nothing here is waited for by a call: it takes what is known."""

    def __init__(
        self,
        config: ConfigView,
        stack: SipStack,
        resolver: Resolver,
        seal: Seal | None,
        instances: Instances,
        mine: Callable[[str], bool],
    ) -> None:
        self._config = config
        self._stack = stack
        self._resolver = resolver
        self._seal = seal
        self._instances = instances
        # Of several edges one registers each trunk.
        self._mine = mine
        self._service_routes: dict[str, list[str]] = {}
        self._peers: dict[TrunkRef, Peer] = {}
        # Those that register, by account: what their carriers call.
        self._accounts: dict[str, set[TrunkRef]] = {}
        self._waiting: dict[Transaction, asyncio.Future[Response | None]] = {}
        self._roll = random.Random().random
        self._running = False
        config.on_change(self._changed)

    # ---- life -------------------------------------------------------------------------------------------
    def start(self) -> None:
        self._running = True
        for peer in self._peers.values():
            self._begin(peer)

    async def stop(self) -> None:
        self._running = False
        tasks = [task for peer in self._peers.values() for task in peer.tasks]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _changed(self, tenant: str, kind: str, trunk_id: str) -> None:
        if kind != "trunk":
            return
        ref = TrunkRef(tenant, trunk_id)
        found = self._config.get(tenant, "trunk", trunk_id)
        before = self._peers.pop(ref, None)
        self.served_by(ref, [])
        if before is not None and before.trunk.registers:
            self._accounts[before.trunk.username].discard(ref)
        if before is not None:
            for task in before.tasks:
                task.cancel()
        if found is None or found.trunk.disabled or not found.trunk.host:
            return
        peer = self._peers[ref] = Peer(ref, found.trunk)
        if peer.trunk.registers:
            self._accounts.setdefault(peer.trunk.username, set()).add(ref)
        if before is not None and (before.trunk.host, before.trunk.port) == (
            found.trunk.host,
            found.trunk.port,
        ):
            peer.targets, peer.health, peer.state = before.targets, before.health, before.state
        if self._running:
            self._begin(peer)

    def _begin(self, peer: Peer) -> None:
        if peer.tasks:
            return
        name = f"{peer.ref.tenant}/{peer.ref.trunk_id}"
        peer.tasks.append(asyncio.create_task(self._follow(peer), name=f"resolve {name}"))
        if not peer.trunk.no_options:
            peer.tasks.append(asyncio.create_task(self._look_after(peer), name=f"options {name}"))
        if peer.trunk.registers:
            peer.registration = Registration(self, peer.ref, peer.trunk)
            peer.tasks.append(asyncio.create_task(peer.registration.run(), name=f"register {name}"))

    # ---- what calls ask ---------------------------------------------------------------------------------
    def ways(self, ref: TrunkRef, *, resting: bool = False) -> list[Target]:
        """Addresses to try, in order: health, then priority, then drawn by weight. Empty: none is known.

        Those that have asked to be left alone for a while are in it with `resting` only.
        """
        peer = self._peers.get(ref)
        if peer is None:
            return []
        now = self._stack.now
        known = [item for item in peer.targets if resting or not peer.rests(item, now)]
        targets = drawn(((item.priority, item.weight, item) for item in known), self._roll)
        return by_health(targets, lambda target: peer.state_of(target, now))

    def rests(self, ref: TrunkRef, address: Address) -> bool:
        peer = self._peers.get(ref)
        now = self._stack.now
        return peer is not None and any(
            (item.host, item.port) == address and peer.rests(item, now) for item in peer.targets
        )

    def state(self, ref: TrunkRef) -> State:
        peer = self._peers.get(ref)
        return peer.state if peer is not None else State.DOWN

    def trunk(self, ref: TrunkRef) -> tenancy.Trunk | None:
        found = self._config.get(ref.tenant, "trunk", ref.trunk_id)
        return found.trunk if found is not None else None

    def takes_tcp(self, ref: TrunkRef) -> bool:
        """Whether DNS says that the peer takes TCP too."""
        peer = self._peers.get(ref)
        return peer is not None and peer.takes_tcp

    def also_at(self, ref: TrunkRef, address: Address) -> None:
        """A call of the trunk goes on at this address: there too, TLS needs the trunk's certificate."""
        peer = self._peers.get(ref)
        if peer is not None and _TRANSPORT.get(peer.trunk.transport) in ("", "TLS"):
            peer.named[address] = None
            if len(peer.named) > _MOST_NAMED:
                del peer.named[next(iter(peer.named))]

    def name_of(self, address: Address) -> str:
        """The name that the certificate of who is at this address must have; empty: it is no trunk's.

        What was configured, not what DNS has made of it (RFC 5922 section 7.1).
        """
        for peer in self._peers.values():
            if any((target.host, target.port) == address for target in peer.targets) or address in peer.named:
                return peer.trunk.tls_name or peer.trunk.host.strip("[]")
        return ""

    def registered_as(self, user: str, host: str) -> TrunkRef | None:
        """The trunk that has registered this account with the carrier at this host, by any edge."""
        for ref in self._accounts.get(user, ()):
            if any(target.host == host for target in self._peers[ref].targets):
                return ref
        return None

    # ---- Service-Route (RFC 3608) ---------------------------------------------------------------------
    def served_by(self, ref: TrunkRef, routes: list[str]) -> None:
        """The carrier has told how its calls go, to the edge that registers: the others learn it too."""
        key = f"{ref.tenant}/{ref.trunk_id}"
        if routes == self._service_routes.get(key, []):
            return
        self._service_routes[key] = routes
        if not routes:
            del self._service_routes[key]
        told = self._service_routes
        self._instances.set_attributes(**{SERVICE_ROUTES: orjson.dumps(told).decode() if told else ""})

    def service_route(self, ref: TrunkRef) -> list[str]:
        """Routes of an INVITE by this trunk; none unless its carrier has asked for some."""
        peer = self._peers.get(ref)
        if peer is None or not peer.trunk.registers:
            return []
        key = f"{ref.tenant}/{ref.trunk_id}"
        if known := self._service_routes.get(key):
            return known
        for instance in self._instances.all("sip_edge"):
            found = orjson.loads(instance.attributes.get(SERVICE_ROUTES) or "{}").get(key)
            if found:
                return [str(route) for route in found]
        return []

    def mine(self, ref: TrunkRef) -> bool:
        return self._mine(f"{ref.tenant}.trunk.{ref.trunk_id}")

    def secret(self, ref: TrunkRef, trunk: tenancy.Trunk) -> str:
        """The trunk's password, opened; empty when there is none or it cannot be opened."""
        if not trunk.secret:
            return ""
        if self._seal is None:
            log.error(
                "a trunk has a password and this edge no key to open it",
                todo="set SEATBUS_CONFIG_KEY as tenancy has it",
                tenant=ref.tenant,
                trunk=ref.trunk_id,
            )
            return ""
        try:
            return self._seal.open(trunk.secret, f"{ref.tenant}.trunk.{ref.trunk_id}")
        except ValueError as error:
            log.error(
                "a trunk's password cannot be opened",
                tenant=ref.tenant,
                trunk=ref.trunk_id,
                reason=str(error),
            )
            return ""

    def digest(self, ref: TrunkRef, trunk: tenancy.Trunk) -> DigestClient | None:
        """Answers challenges of the trunk, where it has an account."""
        secret = self.secret(ref, trunk)
        account = trunk.auth_username or trunk.username
        return DigestClient(account, secret) if account and secret else None

    # ---- health -----------------------------------------------------------------------------------------
    def heard(self, ref: TrunkRef, target: tuple[str, int, str], heard: Heard) -> None:
        """A target has answered a request, or not."""
        peer = self._peers.get(ref)
        if peer is None:
            return
        if peer.health.setdefault(target, Health()).hears(heard):
            log.warning(
                "peer of a trunk changed its state",
                tenant=ref.tenant,
                trunk=ref.trunk_id,
                target=f"{target[2].lower()}:{target[0]}:{target[1]}",
                state=peer.health[target].state.value,
            )
        self._judge(peer)

    def may_rest(self, ref: TrunkRef, address: Address, response: Response) -> None:
        """A 503 that says for how long: who is at this address is left alone meanwhile."""
        peer = self._peers.get(ref)
        seconds = min(retry_after(response), _LONGEST_REST_S) if response.status == 503 else 0
        if peer is None or not seconds:
            return
        peer.rest(address, self._stack.now + seconds)
        log.warning(
            "a peer of a trunk asks to be left alone",
            tenant=ref.tenant,
            trunk=ref.trunk_id,
            target=host_port(address),
            seconds=seconds,
        )
        self._judge(peer)
        asyncio.get_running_loop().call_later(seconds, self._rested, ref)

    def _rested(self, ref: TrunkRef) -> None:
        peer = self._peers.get(ref)
        if peer is not None and self._running:
            self._judge(peer)

    def _judge(self, peer: Peer) -> None:
        now = self._stack.now
        state = worst_first(peer.state_of(target, now) for target in peer.targets)
        if state is not peer.state:
            tell = log.error if state is State.DOWN else log.warning
            tell(
                "trunk changed its state", tenant=peer.ref.tenant, trunk=peer.ref.trunk_id, state=state.value
            )
        peer.state = state
        _state_gauge.set(_NUMBER[state], tenant=peer.ref.tenant, trunk=peer.ref.trunk_id)

    async def _follow(self, peer: Peer) -> None:
        """Looks the peer's name up as often as its records ask for."""
        trunk = peer.trunk
        # A look-up that ends as it is cancelled swallows that (wait_for of Python 3.11, inside of dnspython).
        while self._follows(peer):
            try:
                targets, ttl = await self._resolver.targets(
                    trunk.host, trunk.port, _TRANSPORT.get(trunk.transport, "UDP")
                )
            except SeatbusError as error:
                log.warning(
                    "a trunk's host is not found, what was known stays",
                    tenant=peer.ref.tenant,
                    trunk=peer.ref.trunk_id,
                    host=trunk.host,
                    reason=str(error),
                )
                if not peer.targets and self._follows(peer):
                    self._judge(peer)
                await asyncio.sleep(_UNRESOLVED_S if self._follows(peer) else 0)
                continue
            if not self._follows(peer):
                break
            peer.targets = targets
            ways = {target.way for target in targets}
            peer.health = {way: health for way, health in peer.health.items() if way in ways}
            self._judge(peer)
            if any(target.transport == "UDP" for target in targets):
                await self._look_for_tcp(peer)
            if self._follows(peer):
                await asyncio.sleep(ttl)

    def _follows(self, peer: Peer) -> bool:
        return self._running and self._peers.get(peer.ref) is peer

    async def _look_for_tcp(self, peer: Peer) -> None:
        trunk = peer.trunk
        try:
            peer.takes_tcp = await self._resolver.takes_tcp(trunk.host, trunk.port)
        except SeatbusError as error:
            log.info("SRV records for TCP are not found", host=trunk.host, reason=str(error))

    async def _look_after(self, peer: Peer) -> None:
        """OPTIONS to every target, spread over the period."""
        period = peer.trunk.options_every_s or _OPTIONS_S
        while True:
            await asyncio.sleep(min(0.2, period / 4) if not peer.targets else 0)
            for target in list(peer.targets):
                if not peer.rests(target, self._stack.now):
                    await self._ping(peer, target)
                await asyncio.sleep(period / len(peer.targets or [target]))

    async def _ping(self, peer: Peer, target: Target) -> None:
        flow = self.flow(target.way)
        host, _ = self._stack.advertised_for(flow)
        request = initial_request(
            "OPTIONS",
            str(sip_uri(None, peer.trunk.host, peer.trunk.port or None)),
            from_=f"<{sip_uri('seatbus', host)}>",
            to=f"<{sip_uri(None, peer.trunk.host, peer.trunk.port or None)}>",
            call_id=f"{self._stack.layer.ids.token()}@{host}",
            tag=self._stack.layer.ids.token(),
            headers={"Accept": "application/sdp"},
        )
        response = await self.ask(request, flow)
        if response is not None:
            self.may_rest(peer.ref, (target.host, target.port), response)
        # 503 says: not now. Any other answer says that somebody lives there, even one that knows no OPTIONS.
        alive = response is not None and response.status not in (408, 503)
        self.heard(peer.ref, target.way, Heard.ANSWERED if alive else Heard.FAILED)

    # ---- requests of our own ----------------------------------------------------------------------------
    def flow(self, way: tuple[str, int, str]) -> Flow:
        host, port, transport = way
        return self._stack.flow_to(host, port, transport)

    async def ask(self, request: Request, flow: Flow) -> Response | None:
        """The final response; None when there is none in time."""
        waiting: asyncio.Future[Response | None] = asyncio.get_running_loop().create_future()
        tx = self._stack.layer.send_request(request, flow, self._stack.now)
        self._waiting[tx] = waiting
        try:
            self._stack.pump()
            async with asyncio.timeout(_ANSWER_S):
                return await waiting
        except TimeoutError:
            return None
        finally:
            del self._waiting[tx]

    def on_response(self, tx: ClientTransaction, response: Response) -> None:
        """A response that belongs to no call."""
        waiting = self._waiting.get(tx)
        if waiting is not None and response.status >= 200 and not waiting.done():
            waiting.set_result(response)

    def on_no_response(self, tx: Transaction) -> None:
        waiting = self._waiting.get(tx)
        if waiting is not None and not waiting.done():
            waiting.set_result(None)

    def contact(self, flow: Flow, user: str) -> str:
        host, port = self._stack.advertised_for(flow)
        suffix = "" if flow.transport == "UDP" else f";transport={flow.transport.lower()}"
        return f"<{sip_uri(user, host, port)}{suffix}>"

    def new_id(self) -> str:
        return str(self._stack.layer.ids.token())
