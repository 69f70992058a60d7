"""How the audio of a leg travels: what media is to offer, and what it may answer.

Laws: a browser's audio is WebRTC, whatever is configured; a peer that must encrypt is never served plain, who
ever offers first.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from seatbus.media.v1 import service_pb2 as media_pb
from seatbus.media.v1 import types_pb2 as media
from seatbus.tenancy.v1 import types_pb2 as tenancy

if TYPE_CHECKING:
    from seatbus.call.v1 import types_pb2 as call_types
    from seatbus_sip_edge.application.edge import Edge
    from seatbus_sip_edge.domain.model import Call, Leg

_OFFERED: Final = {
    tenancy.MEDIA_SECURITY_SDES_PREFERRED: media.ENDPOINT_KIND_SRTP_OPPORTUNISTIC,
    tenancy.MEDIA_SECURITY_SDES_REQUIRED: media.ENDPOINT_KIND_SRTP_SDES,
}


def kind_of_phone(device: tenancy.Device, binding: call_types.Registration) -> media.EndpointKind:
    """A browser says that it does ICE as it registers over its WebSocket (RFC 5768), or is configured so."""
    over_web = binding.transport in ("ws", "wss")
    if device.kind == tenancy.DEVICE_KIND_WEBRTC or (over_web and binding.ice):
        return media.ENDPOINT_KIND_WEBRTC
    return _OFFERED.get(device.media_security, media.ENDPOINT_KIND_RTP)


def with_kind(edge: Edge, call: Call, leg: Leg | None, command: media_pb.Command) -> media_pb.Command:
    """The command with the kind of the leg's peer, as far as it makes or accepts an offer."""
    if leg is None or not (command.HasField("make_offer") or command.HasField("accept_offer")):
        return command
    made = media_pb.Command()
    made.CopyFrom(command)
    if made.HasField("make_offer"):
        made.make_offer.kind = _to_offer(edge, call, leg)
    elif _security(edge, call, leg) == tenancy.MEDIA_SECURITY_SDES_REQUIRED:
        made.accept_offer.kind = media.ENDPOINT_KIND_SRTP_SDES
    return made


def _to_offer(edge: Edge, call: Call, leg: Leg) -> media.EndpointKind:
    if leg.number:
        return _OFFERED.get(edge.outside.security(call, leg), media.ENDPOINT_KIND_RTP)
    device_id = leg.device_id if leg.lost else ""
    phone = edge.registrar.reach(leg.agent_tenant_id, leg.agent_id, device_id=device_id)
    return phone.kind if phone is not None else media.ENDPOINT_KIND_RTP


def name_of(kind: media.EndpointKind) -> str:
    """What media calls the description of a leg that is for phones of this kind."""
    return str(media.EndpointKind.Name(kind)).removeprefix("ENDPOINT_KIND_").lower()


def _security(edge: Edge, call: Call, leg: Leg) -> tenancy.MediaSecurity:
    """What is asked of a peer that offers: a phone that dials, or the trunk of a caller."""
    if leg.agent_id:
        found = edge.config.get(leg.agent_tenant_id, "device", leg.device_id)
        device = found.device if found is not None else tenancy.Device()
        # A browser cannot but encrypt.
        return tenancy.MEDIA_SECURITY_NONE if _is_browser(device) else device.media_security
    found = edge.config.get(call.trunk_tenant or call.tenant_id, "trunk", call.trunk_id)
    return found.trunk.media_security if found is not None else tenancy.MEDIA_SECURITY_NONE


def zone_of(edge: Edge, call: Call, leg: Leg) -> str:
    """The network in which media meets the peer: its trunk's, its device's, or its agent's branch's.

    Empty: the common one.
    """
    if leg.number:
        return edge.outside.zone(call, leg)
    if leg.agent_id:
        return zone_of_agent(edge, leg.agent_tenant_id, leg.agent_id, leg.device_id)
    if leg.leg_id != call.caller_leg_id or not call.trunk_id:
        return ""
    found = edge.config.get(call.trunk_tenant or call.tenant_id, "trunk", call.trunk_id)
    return found.trunk.media_zone if found is not None else ""


def zone_of_agent(edge: Edge, tenant: str, agent_id: str, device_id: str) -> str:
    if not device_id:
        phone = edge.registrar.reach(tenant, agent_id)
        device_id = phone.device_id if phone is not None else ""
    device = edge.config.get(tenant, "device", device_id) if device_id else None
    if device is not None and device.device.media_zone:
        return device.device.media_zone
    agent = edge.config.get(tenant, "agent", agent_id)
    branch = edge.config.get(tenant, "branch", agent.agent.branch_id) if agent is not None else None
    return branch.branch.media_zone if branch is not None else ""


def _is_browser(device: tenancy.Device) -> bool:
    return device.kind == tenancy.DEVICE_KIND_WEBRTC
