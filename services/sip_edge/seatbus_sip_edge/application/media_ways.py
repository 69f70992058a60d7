"""How a leg's peer is told of other audio, by what its dialog permits."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING

from seatbus.media.v1 import types_pb2 as media_types
from seatbus_sip.tables import DialogState
from seatbus_sip_edge.application.legs.bodies import sdp_of

if TYPE_CHECKING:
    from seatbus_sip_edge.application.legs.leg import SipLeg


def kind_of(sdp: str) -> media_types.EndpointKind:
    """How the audio of a leg was described from our side."""
    if "a=fingerprint:" in sdp:
        return media_types.ENDPOINT_KIND_WEBRTC
    if " RTP/SAVP " in sdp:
        return media_types.ENDPOINT_KIND_SRTP_SDES
    if "a=crypto:" in sdp:
        return media_types.ENDPOINT_KIND_SRTP_OPPORTUNISTIC
    return media_types.ENDPOINT_KIND_RTP


class Way(Enum):
    """How a leg gets other audio."""

    NONE = "it has none yet"
    OFFER = "an offer inside its dialog"
    LATER = "an offer once it has answered"
    ANSWER = "another answer to its own offer, which it has not got yet"
    AFTER = "an offer once we have answered it: an answer in a 183 is final (RFC 3261 13.2.1)"
    BLOCKED = "nobody may offer it anything now"


def way_of(sip: SipLeg | None) -> Way:
    if sip is None:
        return Way.NONE
    dialog = sip.dialog
    if dialog is None:
        return Way.LATER if sip.local_sdp else Way.NONE
    if dialog.state is DialogState.CONFIRMED:
        return Way.OFFER if sip.local_sdp else Way.BLOCKED
    if sip.received is None or sip.late:
        return Way.BLOCKED
    if not sip.local_sdp:
        return Way.ANSWER
    if updates(sip):
        return Way.OFFER
    if _will_update(sip) or sip.request is None or not sdp_of(sip.request):
        return Way.BLOCKED
    return Way.AFTER


def updates(sip: SipLeg) -> bool:
    """Whether an offer may go in an UPDATE before the INVITE is answered (RFC 3311 5.1)."""
    sender = sip.provisional
    return _will_update(sip) and sender is not None and not sender.unacknowledged


def _will_update(sip: SipLeg) -> bool:
    """Whether it may, once the peer has acknowledged what it got."""
    sender = sip.provisional
    return sender is not None and sender.described and "update" in sip.allows
