"""Large requests: which way they go, what they lose, and the other attempt when TCP fails."""

from __future__ import annotations

import pytest
from sip_wire import A, B, Wire, request

from seatbus_sip import Flow, Request, ResponseReceived, SipLayer, TransportFailed, parse_message
from seatbus_sip.ids import CountedIds
from seatbus_sip.sdp import parse_sdp
from seatbus_sip.size import WAYS, Peer, Way, compact, fewer_codecs, shrunk, too_large, way_of
from seatbus_sip.tables import State

UDP, TCP = Flow("UDP", A, B), Flow("TCP", A, B)
SDP = (
    "v=0\r\no=- 1 1 IN IP4 10.0.0.1\r\ns=-\r\nc=IN IP4 10.0.0.1\r\nt=0 0\r\n"
    "m=audio 4000 RTP/AVP 111 8 9 18 101\r\n"
    "a=rtpmap:111 opus/48000/2\r\na=fmtp:111 useinbandfec=1\r\n"
    "a=rtpmap:8 PCMA/8000\r\na=rtpmap:9 G722/8000\r\n"
    "a=rtpmap:18 G729/8000\r\na=fmtp:18 annexb=no\r\na=rtpmap:101 telephone-event/8000\r\na=sendrecv\r\n"
)


def large(extra: int = 1000) -> Request:
    made = request()
    made.set("Allow", "INVITE, ACK, CANCEL, BYE, OPTIONS, PRACK, UPDATE, INFO, REFER")
    made.set("X-Long", "x" * extra)
    made.set_body(SDP, "application/sdp")
    return made


@pytest.mark.parametrize(
    ("size", "mtu", "answer"),
    [(1300, None, False), (1301, None, True), (1300, 1500, False), (1301, 1500, True), (1100, 1280, True)],
)
def test_what_is_too_large(size: int, mtu: int | None, answer: bool) -> None:
    assert too_large(size, mtu) is answer


def test_every_case_has_its_way() -> None:
    assert set(WAYS) == {(big, peer) for big in (False, True) for peer in Peer}
    assert {way_of(1300, peer) for peer in Peer} == {Way.AS_IT_IS}
    assert [way_of(1301, peer) for peer in Peer] == [Way.SHRUNK, Way.TCP, Way.SHRUNK]


def test_short_names_lose_nothing() -> None:
    made = large()
    made.prepend("Via", "SIP/2.0/UDP 10.0.0.1:5060;branch=z9hG4bKx;rport")
    data = made.to_bytes()
    short = compact(data)
    assert len(short) < len(data)
    assert b"\r\nv: SIP/2.0/UDP " in short
    assert short.endswith(SDP.encode())
    read = parse_message(short)
    read.validate()
    assert read.to_bytes() == parse_message(data).to_bytes()


def test_only_what_is_needed_is_left_out() -> None:
    whole = large(500)
    assert shrunk(whole, ["Allow"]).to_bytes() == whole.to_bytes()
    room = 1300 - len(compact(large(0).to_bytes()))
    without_allow = shrunk(large(room + 1), ["Allow"])
    assert "Allow" not in without_allow
    assert without_allow.body == SDP.encode()
    fewer = shrunk(large(room + 100), ["Allow"])
    audio = parse_sdp(fewer.body).audio
    assert audio is not None
    assert audio.formats == ["111", "8", "9", "101"]
    assert len(compact(fewer.to_bytes())) <= 1300
    # What stays too large goes in fragments.
    assert too_large(len(compact(shrunk(large(3000), ["Allow"]).to_bytes())))


def test_the_first_codec_and_g711_stay() -> None:
    left = parse_sdp(fewer_codecs(SDP.encode(), 10_000)).audio
    assert left is not None
    assert left.formats == ["111", "8", "101"]
    assert not [line for line in left.lines if ":9 " in line or ":18 " in line]
    assert left.lines[-1] == "a=sendrecv"
    assert fewer_codecs(b"no description", 10) == b"no description"


def moved() -> tuple[SipLayer, Request]:
    layer = SipLayer(ids=CountedIds("a"))
    made = large()
    layer.prepare_request(made, TCP)
    return layer, made


def test_a_flow_that_fails_before_anything_is_heard_gives_way_to_the_other_one() -> None:
    layer, made = moved()
    tx = layer.send_prepared(made, TCP, 0.0, (made.copy(), UDP))
    ((flow, first),) = layer.outgoing()
    assert flow == TCP
    layer.connection_lost(TCP, 0.3)
    ((flow, second),) = layer.outgoing()
    assert flow == UDP
    one, two = parse_message(first), parse_message(second)
    assert (one.via.transport, two.via.transport) == ("TCP", "UDP")
    assert one.via.branch != two.via.branch
    assert (one.call_id, one.cseq, one.from_) == (two.call_id, two.cseq, two.from_)
    assert len(two.get_all("Via")) == 1
    assert b"\r\nv: " in second
    assert not layer.events()
    # From now on it is repeated, and it is the same transaction to its user.
    layer.tick(0.85)
    assert [data for _, data in layer.outgoing()] == [second]
    assert isinstance(two, Request)
    layer.receive(answer(two, 180), UDP, 1.0)
    (event,) = layer.events()
    assert isinstance(event, ResponseReceived)
    assert event.tx is tx
    # Nothing is left to fall back to.
    layer.connection_lost(UDP, 1.1)
    assert len(layer) == 0


def test_a_cancel_that_waits_goes_along() -> None:
    layer, made = moved()
    tx = layer.send_prepared(made, TCP, 0.0, (made.copy(), UDP))
    assert layer.cancel(tx, 0.1)
    layer.connection_lost(TCP, 0.3)
    second = parse_message(layer.outgoing()[-1][1])
    assert isinstance(second, Request)
    layer.receive(answer(second, 180), UDP, 0.5)
    ((flow, cancel),) = layer.outgoing()
    assert (flow, parse_message(cancel).via) == (UDP, second.via)


def test_who_has_spoken_is_not_asked_again() -> None:
    layer, made = moved()
    tx = layer.send_prepared(made, TCP, 0.0, (made.copy(), UDP))
    layer.outgoing()
    layer.receive(answer(made, 100), TCP, 0.1)
    layer.events()
    layer.connection_lost(TCP, 0.3)
    assert layer.events() == [TransportFailed(tx)]
    assert not layer.outgoing()
    assert tx.state is State.TERMINATED


def test_small_requests_and_streams_keep_the_long_names() -> None:
    for flow, made, short in ((UDP, large(), True), (TCP, large(), False), (UDP, request(), False)):
        wire = Wire()
        wire.a.send_request(made, flow, 0.0)
        ((_, data),) = wire.a.outgoing()
        assert (b"\r\nv: " in data) is short


def answer(made: Request, status: int) -> bytes:
    via, values = made.get_all("Via")[0], [made.require(name) for name in ("From", "To", "Call-ID", "CSeq")]
    lines = [f"SIP/2.0 {status} X", f"Via: {via}"]
    lines += [
        f"{name}: {value}" for name, value in zip(("From", "To", "Call-ID", "CSeq"), values, strict=True)
    ]
    return ("\r\n".join(lines) + "\r\nContent-Length: 0\r\n\r\n").encode()
