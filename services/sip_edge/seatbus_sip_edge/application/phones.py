"""A phone as it is registered: where it is, and which life of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from seatbus.media.v1 import types_pb2 as media
from seatbus_sip.errors import SipParseError
from seatbus_sip.flow import host_port
from seatbus_sip.headers import parse_name_addr
from seatbus_sip.uri import parse_uri
from seatbus_sip_edge.application.media_kind import kind_of_phone

if TYPE_CHECKING:
    from seatbus.call.v1 import types_pb2 as call_types
    from seatbus.tenancy.v1 import types_pb2 as tenancy
    from seatbus_sip.flow import Address
    from seatbus_sip.message import Request


_LONGEST_PATH: Final = 1024


@dataclass(frozen=True, slots=True)
class Phone:
    """Where to send an INVITE for an agent."""

    username: str
    device_id: str
    contact: str
    host: str
    port: int
    transport: str = "UDP"
    # The instance that holds its flow.
    edge: str = ""
    # How its audio travels.
    kind: media.EndpointKind = media.ENDPOINT_KIND_RTP
    # Which life of the phone it is, and where: another one after a restart, and on another connection.
    binding: str = ""
    # Proxies between the edge and it (RFC 3327), as routes.
    path: tuple[str, ...] = ()


def stamp_of(record: call_types.Registration) -> str:
    """A refresh leaves it as it is: a phone keeps the Call-ID of its REGISTERs until it is restarted."""
    return f"{record.call_id}|{record.source}"[:256]


def phone_of(device_id: str, device: tenancy.Device, record: call_types.Registration) -> Phone:
    host, port = address_of(record.source)
    return Phone(
        device.username,
        device_id,
        record.contact,
        host,
        port,
        record.transport.upper() or "UDP",
        record.edge_instance,
        kind_of_phone(device, record),
        stamp_of(record),
        tuple(record.path),
    )


def path_of(request: Request) -> list[str]:
    """Proxies that a REGISTER came through (RFC 3327), the nearest first. Raises SipParseError."""
    routes = request.values("Path")
    if sum(map(len, routes)) > _LONGEST_PATH:
        raise SipParseError("Path", f"has at most {_LONGEST_PATH} characters")
    for route in routes:
        if not parse_name_addr(route, "Path").uri.host:
            raise SipParseError("Path", "holds SIP addresses")
    return routes


def is_translated(record: call_types.Registration) -> bool:
    """Whether a phone by UDP is seen at another address than it believes to have, by no proxy."""
    if record.transport not in ("", "udp") or record.path:
        return False
    try:
        return host_port(parse_uri(record.contact).address) != record.source
    except SipParseError:
        return False


def address_of(source: str) -> Address:
    host, _, port = source.rpartition(":")
    return host.strip("[]"), int(port)
