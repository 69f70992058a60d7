"""The one wiring place of `sip_edge`."""

from __future__ import annotations

import datetime
import functools
import gc
import os
from typing import TYPE_CHECKING, Final, cast

from seatbus.call.v1 import service_pb2_grpc as call_grpc
from seatbus_kit.config_view import ConfigView
from seatbus_kit.errors import InvalidArgument, Unavailable
from seatbus_kit.seal import Seal
from seatbus_sip.digest import DigestServer
from seatbus_sip.flow import host_port
from seatbus_sip.framing import FramingLimits
from seatbus_sip.registrar import RegistrarPolicy
from seatbus_sip.transactions import Timing
from seatbus_sip_edge.adapters.dns import Resolver
from seatbus_sip_edge.adapters.edges import SERVICE, SIP_TCP, SIP_UDP, Edges
from seatbus_sip_edge.adapters.sip_stack import SipStack
from seatbus_sip_edge.adapters.transport_limits import ConnectionLimits, room_for_connections
from seatbus_sip_edge.adapters.transport_tls import client_context, self_signed, server_context
from seatbus_sip_edge.application.device_watch import DeviceWatch
from seatbus_sip_edge.application.edge import Edge
from seatbus_sip_edge.application.held import Held
from seatbus_sip_edge.application.registrar import Registrar
from seatbus_sip_edge.application.trunks import Trunks
from seatbus_sip_edge.domain.hops import owner_hint
from seatbus_sip_edge.entrypoints.call_control import CallControl
from seatbus_sip_edge.entrypoints.sip import SipEntry
from seatbus_sip_edge.settings import Settings

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable

    from seatbus_kit.runtime import Runtime

# A collection stops the edge: 0.5 µs an object, and a call is some 110 until its peers can repeat nothing any
# more. Ended calls are taken apart and need none, so that few objects at a time are looked through for the
# rest, and all of them hardly ever.
_COLLECT: Final = (5_000, 40, 20)


class SipEdge:
    """The application of one process."""

    def __init__(self, runtime: Runtime) -> None:
        settings = cast("Settings", runtime.settings)
        self._runtime = runtime
        self._settings = settings
        self._config = ConfigView(runtime.bus)
        secret = settings.digest_secret
        if secret is None:
            runtime.log.warning(
                "SEATBUS_DIGEST_SECRET is not set: phones are challenged again after a restart,"
                " and edges cannot reach each other's phones"
            )
        shared = secret.get_secret_value().encode() if secret is not None else os.urandom(32)
        edges = Edges(runtime.instances, settings.instance_id, runtime.clock)
        self._stack = SipStack(
            hint=owner_hint(settings.instance_id),
            max_datagram=settings.sip_max_datagram,
            rate=settings.sip_source_rate,
            burst=settings.sip_source_burst,
            connections=ConnectionLimits(
                total=room_for_connections(settings.sip_connections),
                per_source=settings.sip_connections_per_source,
                half_open_per_source=settings.sip_half_open_per_source,
                half_open_s=settings.sip_half_open_s,
                idle_s=2.0 * settings.registration_max_s,
                framing=FramingLimits(message=settings.sip_max_message, message_s=settings.sip_message_s),
            ),
            origins=settings.sip_ws_origins.split(",") if settings.sip_ws_origins else None,
            client_tls=_client_tls(settings),
            timing=Timing(t1=settings.sip_t1_s, t2=8 * settings.sip_t1_s, t4=10 * settings.sip_t1_s),
        )
        self._registrar = Registrar(
            runtime.bus,
            self._config,
            settings.instance_id,
            RegistrarPolicy(settings.registration_min_s, settings.registration_max_s),
            self._stack.transports.is_connected,
            lambda edge: edges.hop(edge, reliable=True) is not None,
        )
        self._stack.on_flow_lost = self._registrar.flow_lost
        self._registrar.keep_open = self._stack.keep_open
        self._trunks = Trunks(
            self._config,
            self._stack,
            Resolver(settings.dns_server),
            _seal(settings),
            runtime.instances,
            lambda key: _is_mine(runtime, key),
        )
        self._stack.transports.name_of = self._trunks.name_of
        self.edge = Edge(
            runtime, settings, self._config, self._stack, self._registrar, edges, shared, self._trunks
        )
        self._held = Held(self.edge)
        self._devices = DeviceWatch(self.edge)
        self._registrar.on_change = self._devices.changed
        self._registrar.on_binding = self.edge.lost_devices.changed
        self.edge.lost_devices.on_lost = self._devices.lost
        self.edge.lost_devices.on_back = self._devices.back
        self._entry = SipEntry(
            self.edge,
            DigestServer(
                shared,
                settings.sip_realm,
                lifetime=settings.sip_nonce_life_s,
                algorithms=settings.sip_digest_algorithms.split(","),
            ),
        )
        runtime.rpc.add(call_grpc.add_CallControlServicer_to_server, CallControl(self.edge))

    async def start(self) -> None:
        await self._config.start()
        await self._registrar.start()
        await self.edge.toll.start()
        await self.edge.read_journal()
        await self._listen()
        await self.edge.start()
        self._stack.serve(self._entry.handle)
        self._held.start()
        self._trunks.start()
        self.edge.quotas.start()
        self._runtime.attributes[SIP_UDP] = host_port(self._stack.advertised)
        if (tcp := self._stack.told_over("TCP")) is not None:
            self._runtime.attributes[SIP_TCP] = host_port(tcp)
        # What was read at the start lives long: collections need not walk through it.
        gc.collect()
        gc.freeze()
        gc.set_threshold(*_COLLECT)
        self._runtime.log.info("SIP is served", address=host_port(self._stack.local), transport="udp")

    async def _listen(self) -> None:
        """Binds every transport that is switched on. Raises Unavailable naming the one that cannot be."""
        settings, stack = self._settings, self._stack
        transport, host, port = "UDP", settings.sip_host, settings.sip_port
        try:
            tls = self._tls()
            for host, told in settings.sip_addresses:
                transport = "UDP"
                # With any port (0) both families take the same one, where it is free.
                port = settings.sip_port or stack.local[1]
                await stack.open(host, port, told)
                for transport, port in settings.sip_listeners:
                    local = stack.listen(
                        transport, host, port, told, tls if transport in ("TLS", "WSS") else None
                    )
                    self._runtime.log.info(
                        "SIP is served", address=host_port(local), transport=transport.lower()
                    )
        except OSError as error:
            where, reason = host_port((host, port)), error.strerror or error
            raise Unavailable(f"SIP over {transport} cannot be bound to {where}: {reason}") from error

    def _tls(self) -> ssl.SSLContext | None:
        settings = self._settings
        if not (settings.sip_tls_port or settings.sip_wss_port):
            return None
        certificate, key = settings.sip_tls_cert_file, settings.sip_tls_key_file
        try:
            if certificate is None or key is None:
                certificate, key = self_signed(
                    settings.data_dir / "tls",
                    [told for _, told in settings.sip_addresses],
                    datetime.datetime.now(datetime.UTC),
                )
                self._runtime.log.warning("TLS with a self-signed certificate", file=str(certificate))
            return server_context(certificate, key, settings.client_authorities)
        except OSError as error:
            raise Unavailable(f"the certificate of SIP over TLS cannot be used: {error}") from error

    async def drain(self) -> None:
        """New calls are refused with 503 and a time to come back; those that live are served to their end."""
        self.edge.draining = True
        await self.edge.until_empty()

    async def stop(self) -> None:
        self._held.stop()
        self.edge.quotas.stop()
        await self._trunks.stop()
        await self._devices.stop()
        await self.edge.stop()
        await self.edge.toll.stop()
        self._stack.close()
        await self._registrar.stop()
        await self._config.stop()

    def load(self) -> float:
        return self.edge.load()

    def not_ready(self) -> str:
        return "" if self.edge.journal.healthy else "the journal cannot be written"


def _seal(settings: Settings) -> Seal | None:
    """Raises InvalidArgument for a key that is none."""
    if settings.config_key is None:
        return None
    try:
        return Seal(settings.config_key.get_secret_value())
    except ValueError as error:
        raise InvalidArgument(f"SEATBUS_CONFIG_KEY: {error}") from None


def _is_mine(runtime: Runtime, key: str) -> bool:
    """Of several edges one does what must be done once."""
    chosen = runtime.instances.pick(SERVICE, key=key)
    return chosen is None or chosen.id == runtime.settings.instance_id


def _client_tls(settings: Settings) -> Callable[[], ssl.SSLContext]:
    """For trunks over TLS. Files that are set are read at the start; the system's authorities when needed."""
    ca, certificate, key = settings.trunk_authorities, settings.sip_tls_cert_file, settings.sip_tls_key_file
    made = functools.cache(lambda: client_context(ca, certificate, key))
    if ca is not None or certificate is not None:
        try:
            made()
        except OSError as error:
            raise Unavailable(f"SEATBUS_SIP_TLS_*_FILE cannot be used: {error}") from error
    return made


async def bootstrap(runtime: Runtime) -> SipEdge:
    return SipEdge(runtime)
