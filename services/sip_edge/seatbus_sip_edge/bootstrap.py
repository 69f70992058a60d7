"""The one wiring place of `sip_edge`."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, cast

from seatbus.call.v1 import service_pb2_grpc as call_grpc
from seatbus_kit.config_view import ConfigView
from seatbus_kit.errors import Unavailable
from seatbus_sip.digest import DigestServer
from seatbus_sip.flow import host_port
from seatbus_sip.registrar import RegistrarPolicy
from seatbus_sip_edge.adapters.sip_stack import SipStack
from seatbus_sip_edge.application.edge import Edge
from seatbus_sip_edge.application.registrar import Registrar
from seatbus_sip_edge.entrypoints.call_control import CallControl
from seatbus_sip_edge.entrypoints.sip import SipEntry
from seatbus_sip_edge.settings import Settings

if TYPE_CHECKING:
    from seatbus_kit.runtime import Runtime


class SipEdge:
    """The application of one process."""

    def __init__(self, runtime: Runtime) -> None:
        settings = cast("Settings", runtime.settings)
        self._runtime = runtime
        self._settings = settings
        self._config = ConfigView(runtime.bus)
        self._stack = SipStack(
            max_datagram=settings.sip_max_datagram,
            rate=settings.sip_source_rate,
            burst=settings.sip_source_burst,
        )
        self._registrar = Registrar(
            runtime.bus,
            self._config,
            settings.instance_id,
            RegistrarPolicy(settings.registration_min_s, settings.registration_max_s),
        )
        self.edge = Edge(runtime, settings, self._config, self._stack, self._registrar)
        secret = settings.digest_secret
        if secret is None:
            runtime.log.warning(
                "SEATBUS_DIGEST_SECRET is not set: phones are challenged again after a restart"
            )
        self._entry = SipEntry(
            self.edge,
            DigestServer(
                secret.get_secret_value().encode() if secret is not None else os.urandom(32),
                settings.sip_realm,
                algorithms=settings.sip_digest_algorithms.split(","),
            ),
        )
        runtime.rpc.add(call_grpc.add_CallControlServicer_to_server, CallControl(self.edge))

    async def start(self) -> None:
        settings = self._settings
        await self._config.start()
        await self._registrar.start()
        await self.edge.read_journal()
        try:
            await self._stack.open(settings.sip_host, settings.sip_port, settings.sip_public_host)
        except OSError as error:
            raise Unavailable(
                f"SIP cannot be bound to {settings.sip_host}:{settings.sip_port}: {error.strerror or error}"
            ) from error
        await self.edge.start()
        self._stack.serve(self._entry.handle)
        self._runtime.attributes["sip"] = host_port(self._stack.advertised)
        self._runtime.log.info("SIP is served", address=host_port(self._stack.local), transport="udp")

    async def drain(self) -> None:
        """New calls are refused with 503 and a time to come back; those that live are served to their end."""
        self.edge.draining = True
        await self.edge.until_empty()

    async def stop(self) -> None:
        await self.edge.stop()
        self._stack.close()
        await self._registrar.stop()
        await self._config.stop()

    def load(self) -> float:
        return self.edge.load()

    def not_ready(self) -> str:
        return "" if self.edge.journal.healthy else "the journal cannot be written"


async def bootstrap(runtime: Runtime) -> SipEdge:
    return SipEdge(runtime)
