from __future__ import annotations

from dataclasses import replace
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seatbus_sip import SdpError
from seatbus_sip.sdp import (
    DEFAULT_CODECS,
    G722,
    OPUS,
    PCMA,
    PCMU,
    TELEPHONE_EVENT,
    TELEPHONE_EVENT_48K,
    Codec,
    Direction,
    Origin,
    accept_answer,
    build_answer,
    build_offer,
    parse_sdp,
)

OFFER = """v=0
o=alice 2890844526 3 IN IP4 host.example.com
s=
c=IN IP4 192.0.2.10
b=AS:64
t=0 0
a=x-unknown:kept
m=audio 49170 RTP/AVP 9 8 0 96
a=rtpmap:9 G722/8000
a=rtpmap:96 telephone-event/8000
a=fmtp:96 0-15
a=ptime:30
a=x-also-kept
m=video 51372 RTP/AVP 31 32
c=IN IP4 192.0.2.11
a=rtpmap:31 H261/90000
m=audio 49180 RTP/AVP 0
""".replace("\n", "\r\n")


def offered(**changes: str) -> str:
    text = OFFER
    for old, new in changes.items():
        text = text.replace(
            {"direction": "a=x-also-kept", "host": "192.0.2.10", "proto": "49170 RTP/AVP"}[old], new
        )
    return text


def test_what_is_not_touched_is_written_back_byte_for_byte() -> None:
    assert str(parse_sdp(OFFER)) == OFFER
    session = parse_sdp(OFFER)
    session.media[0].set_port(1234)
    session.media[0].set_direction(Direction.SENDONLY)
    session.media[0].set_host("198.51.100.1")
    session.set_origin(Origin("-", 1, 2, "::1"))
    assert str(session) == OFFER.replace(
        "audio 49170 RTP/AVP 9 8 0 96", "audio 1234 RTP/AVP 9 8 0 96\r\nc=IN IP4 198.51.100.1"
    ).replace("a=x-also-kept", "a=x-also-kept\r\na=sendonly").replace(
        "o=alice 2890844526 3 IN IP4 host.example.com", "o=- 1 2 IN IP6 ::1"
    )


def test_the_parts_are_read() -> None:
    session = parse_sdp(OFFER)
    assert session.origin == Origin("alice", 2890844526, 3, "host.example.com")
    audio, video, _ = session.media
    assert (audio.port, audio.host, audio.ptime, audio.direction) == (
        49170,
        "192.0.2.10",
        30,
        Direction.SENDRECV,
    )
    assert [codec.name for codec in audio.codecs] == ["G722", "PCMA", "PCMU", "telephone-event"]
    assert audio.codecs[3].fmtp == "0-15"
    assert video.host == "192.0.2.11"
    assert session.audio is audio


def test_an_answer_takes_the_first_audio_and_refuses_the_rest() -> None:
    answer, agreed = build_answer(parse_sdp(OFFER), ("10.0.0.2", 5000), session_id=9)
    assert [(section.kind, section.port) for section in answer.media] == [
        ("audio", 5000),
        ("video", 0),
        ("audio", 0),
    ]
    assert answer.media[0].formats == ["8", "0", "96"]
    assert agreed.send == Codec(8, "PCMA")
    assert (agreed.remote, agreed.ptime) == (("192.0.2.10", 49170), 30)
    assert (agreed.dtmf_send, agreed.dtmf_receive) == (96, 96)
    assert parse_sdp(answer.to_bytes()).media[1].formats == ["31", "32"]


def test_both_sides_agree_on_the_same() -> None:
    offer = build_offer(("10.0.0.1", 4000), session_id=1)
    answer, callee = build_answer(
        parse_sdp(offer.to_bytes()), ("10.0.0.2", 5000), (PCMA, TELEPHONE_EVENT), session_id=2
    )
    caller = accept_answer(offer, parse_sdp(answer.to_bytes()))
    assert caller.send.same(callee.send)
    assert caller.send.same(PCMA)
    assert caller.remote == ("10.0.0.2", 5000)
    assert callee.remote == ("10.0.0.1", 4000)


@pytest.mark.parametrize(("offer", "wanted"), list(product(Direction, Direction)), ids=str)
def test_an_answer_never_gives_more_than_offered_nor_wanted(offer: Direction, wanted: Direction) -> None:
    text = offered(direction=f"a={offer.value}")
    answer, agreed = build_answer(parse_sdp(text), ("h", 1), session_id=1, wanted=wanted)
    assert agreed.direction is answer.media[0].direction
    assert agreed.direction.sends == (wanted.sends and offer.receives)
    assert agreed.direction.receives == (wanted.receives and offer.sends)


def test_hold_is_seen_in_its_three_forms() -> None:
    assert not parse_sdp(OFFER).media[0].on_hold
    for text in (offered(direction="a=sendonly"), offered(direction="a=inactive"), offered(host="0.0.0.0")):
        assert parse_sdp(text).media[0].on_hold
    assert parse_sdp(OFFER.replace("t=0 0", "t=0 0\r\na=sendonly")).media[0].on_hold


def test_ipv6_and_dynamic_payloads() -> None:
    codecs = (Codec(111, "opus", 48000, 2, "useinbandfec=1"), PCMU)
    offer = build_offer(("2001:db8::1", 4000), codecs, session_id=1)
    assert "c=IN IP6 2001:db8::1" in str(offer)
    assert "a=rtpmap:111 opus/48000/2" in str(offer)
    assert parse_sdp(str(offer)).media[0].codecs == list(codecs)


@pytest.mark.parametrize(
    ("text", "field"),
    [
        ("", "v="),
        ("hello", "v="),
        ("v=0\r\nxx\r\n", "SDP line"),
        ("v=0\r\nm=audio x RTP/AVP 0\r\n", "m="),
        ("v=0\r\nm=audio 70000 RTP/AVP 0\r\n", "m="),
        ("v=0\r\nm=audio 4000 RTP/AVP\r\n", "m="),
        ("v=0\r\nm=audio 4000 RTP/AVP 0\r\n", "c="),
        ("v=0\r\nc=IN IP7 x\r\n", "c="),
    ],
)
def test_what_is_no_sdp_is_refused_with_its_field(text: str, field: str) -> None:
    with pytest.raises(SdpError) as caught:
        parse_sdp(text)
    assert caught.value.field == field


@pytest.mark.parametrize(
    "text",
    [
        OFFER.replace("9 8 0 96", "9").replace("49180 RTP/AVP 0", "0 RTP/AVP 0"),
        OFFER.replace("RTP/AVP", "RTP/SAVP"),
        OFFER.replace("9 8 0 96", "96").replace("49180", "0"),
    ],
    ids=["codecs", "profile", "events only"],
)
def test_an_offer_without_anything_in_common_is_488(text: str) -> None:
    with pytest.raises(SdpError) as caught:
        build_answer(parse_sdp(text), ("h", 1), DEFAULT_CODECS, session_id=1)
    assert caught.value.status == 488


def test_an_answer_that_does_not_fit_is_488() -> None:
    offer = build_offer(("h", 1), session_id=1)
    for text in (
        OFFER,
        OFFER.split("m=video")[0].replace("49170", "0"),
        OFFER.split("m=video")[0].replace("9 8 0 96", "9"),
    ):
        with pytest.raises(SdpError):
            accept_answer(offer, parse_sdp(text))


@given(st.binary(max_size=200))
def test_no_bytes_make_it_raise_anything_else(data: bytes) -> None:
    for candidate in (data, b"v=0\r\nm=audio 1 RTP/AVP 0\r\nc=IN IP4 h\r\n" + data, b"v=0\r\n" + data):
        try:
            session = parse_sdp(candidate)
            assert parse_sdp(str(session)).lines == session.lines
            build_answer(session, ("h", 1), session_id=1)
        except SdpError:
            pass


def test_an_answer_has_the_own_parameters_and_may_have_the_own_order() -> None:
    theirs = (PCMU, replace(OPUS, payload=96, fmtp="stereo=1"), TELEPHONE_EVENT, TELEPHONE_EVENT_48K)
    offer = build_offer(("192.0.2.1", 4000), theirs, session_id=1)
    own = (OPUS, PCMU, TELEPHONE_EVENT, TELEPHONE_EVENT_48K)
    answer, agreed = build_answer(offer, ("192.0.2.2", 5000), own, session_id=2, own_order=True)
    section = answer.audio
    assert section is not None
    assert section.formats == ["96", "0", "101", "110"]
    assert section.attribute("fmtp")[0] == "96 useinbandfec=1"
    assert (agreed.send.name, agreed.send.fmtp) == ("opus", "stereo=1")
    # Events count the clock of the audio beside them.
    assert (agreed.dtmf_send, agreed.dtmf_send_rate) == (110, 48000)


def test_of_an_answer_with_several_codecs_the_preferred_is_sent() -> None:
    offer = build_offer(("192.0.2.1", 4000), (PCMU, G722, TELEPHONE_EVENT), session_id=1)
    answer, _ = build_answer(offer, ("192.0.2.2", 5000), (G722, PCMU), session_id=2, own_order=True)
    assert accept_answer(offer, answer).send.name == "G722"
    assert accept_answer(offer, answer, prefer=("PCMU",)).send.name == "PCMU"


def test_a_connection_line_that_cannot_be_read_is_found_at_once_even_of_a_refused_stream() -> None:
    body = "v=0\r\no=- 1 0 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\nm=video 0 RTP/AVP 31\r\n"
    assert parse_sdp(body).media[0].host == "192.0.2.1"
    with pytest.raises(SdpError):
        parse_sdp(body + "c=IN ZIP6 ::1\r\n")
