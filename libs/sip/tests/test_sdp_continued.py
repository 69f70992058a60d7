"""Offers that go on with a session whose descriptions another process has written."""

from __future__ import annotations

import pytest

from seatbus_sip.errors import SdpError
from seatbus_sip.sdp import OPUS, PCMA, PCMU, TELEPHONE_EVENT, accept_answer, build_offer, parse_sdp
from seatbus_sip.sdp_continued import codecs_again, go_on

BEFORE = parse_sdp(
    "v=0\r\no=- 77 3 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\n"
    "m=video 0 RTP/AVP 99\r\na=mid:v\r\n"
    "m=audio 4000 RTP/AVP 8 110\r\na=rtpmap:110 telephone-event/8000\r\na=fmtp:110 0-15\r\n"
)


def test_session_version_streams_and_payload_types_go_on() -> None:
    codecs = codecs_again(BEFORE, [PCMU, PCMA, OPUS, TELEPHONE_EVENT])
    offer = build_offer(("192.0.2.2", 5000), codecs, session_id=1)
    go_on(offer, BEFORE)
    lines = str(offer).splitlines()
    assert "o=- 77 4 IN IP4 192.0.2.2" in lines
    assert lines.index("m=video 0 RTP/AVP 99") < lines.index("m=audio 5000 RTP/AVP 8 110")
    assert "a=mid:v" in lines
    answer = parse_sdp(str(offer).replace("192.0.2.2", "192.0.2.3"))
    agreed = accept_answer(offer, answer)
    assert agreed.remote == ("192.0.2.3", 5000)
    assert (agreed.send.name, agreed.dtmf_send) == ("PCMA", 110)


def test_what_is_not_served_here_is_not_offered_again() -> None:
    assert codecs_again(BEFORE, [PCMU]) == [PCMU]


def test_a_description_without_a_session_is_refused() -> None:
    nobody = parse_sdp(str(BEFORE).replace("o=- 77 3", "o=- x y"))
    with pytest.raises(SdpError):
        go_on(build_offer(("192.0.2.2", 5000), session_id=1), nobody)
