from __future__ import annotations

import pytest

from seatbus.call.v1.types_pb2 import Registration
from seatbus.media.v1 import types_pb2 as media
from seatbus.tenancy.v1 import types_pb2 as tenancy
from seatbus_sip_edge.application.media_kind import kind_of_phone

SIP, WEBRTC = tenancy.DEVICE_KIND_SIP, tenancy.DEVICE_KIND_WEBRTC
PREFERRED, REQUIRED = tenancy.MEDIA_SECURITY_SDES_PREFERRED, tenancy.MEDIA_SECURITY_SDES_REQUIRED


@pytest.mark.parametrize(
    ("device", "transport", "ice", "security", "kind"),
    [
        (SIP, "udp", False, 0, media.ENDPOINT_KIND_RTP),
        (SIP, "udp", False, tenancy.MEDIA_SECURITY_NONE, media.ENDPOINT_KIND_RTP),
        (SIP, "tls", False, PREFERRED, media.ENDPOINT_KIND_SRTP_OPPORTUNISTIC),
        (SIP, "tls", False, REQUIRED, media.ENDPOINT_KIND_SRTP_SDES),
        (SIP, "wss", True, 0, media.ENDPOINT_KIND_WEBRTC),
        (SIP, "wss", True, REQUIRED, media.ENDPOINT_KIND_WEBRTC),
        (SIP, "ws", False, 0, media.ENDPOINT_KIND_RTP),
        (SIP, "udp", True, 0, media.ENDPOINT_KIND_RTP),
        (WEBRTC, "tcp", False, 0, media.ENDPOINT_KIND_WEBRTC),
    ],
)
def test_a_phone_is_offered_what_it_is_and_what_is_asked_of_it(
    device: int, transport: str, ice: bool, security: int, kind: int
) -> None:
    configured = tenancy.Device(kind=device, media_security=security)  # type: ignore[arg-type]
    assert kind_of_phone(configured, Registration(transport=transport, ice=ice)) == kind
