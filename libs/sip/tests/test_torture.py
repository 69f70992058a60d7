"""Messages a strange or hostile peer may send, in the manner of RFC 4475."""

from __future__ import annotations

import pytest
from sip_wire import A_TO_B, B_TO_A, parsed, wire_request

from seatbus_sip import (
    LayerConfig,
    ParseFailed,
    RequestReceived,
    Response,
    SipLayer,
    parse_message,
    parse_uri,
)
from seatbus_sip.errors import SipParseError


def test_a_tortuous_but_legal_invite_is_understood() -> None:
    data = (
        b"INVITE sip:vivekg@chair-dnrc.example.com;unknownparam SIP/2.0\r\n"
        b"TO :\r\n sip:vivekg@chair-dnrc.example.com ;   tag    = 1918181833n\r\n"
        b'from   : "J Rosenberg \\\\\\""       <sip:jdrosen@example.com>\r\n  ;\r\n  tag = 98asjd8\r\n'
        b"MaX-fOrWaRdS: 0068\r\nCall-ID: weird.fold@192.0.2.10\r\nContent-Length   : 4\r\n"
        b"cseq: 0009\r\n  INVITE\r\nVia  : SIP  /   2.0\r\n /UDP\r\n    192.0.2.2;branch=390skdjuw\r\ns :\r\n"
        b"NewFangledHeader:   newfangled value\r\n continued newfangled value\r\n"
        b"UnknownHeaderWithUnusualValue: ;;,,;;,;\r\nContent-Type: application/sdp\r\n"
        b"Route:\r\n <sip:services.example.com;lr;unknownwith=value;unknown-no-value>\r\n"
        b"v:  SIP  / 2.0  / TCP     spindle.example.com   ;\r\n  branch  =   z9hG4bK9ikj8  ,\r\n"
        b" SIP  /    2.0   / UDP  192.168.255.111   ; branch=\r\n z9hG4bK30239\r\n"
        b'm:"Quoted string \\"\\"" <sip:jdrosen@example.com> ; newparam =\r\n      newvalue ;\r\n'
        b"  secondparam ; q = 0.33\r\n\r\nv=0\nextra"
    )
    message = parse_message(data)
    message.validate()
    assert (message.to.tag, message.from_.tag, message.from_.display) == (
        "1918181833n",
        "98asjd8",
        'J Rosenberg \\"',
    )
    assert (message.cseq.number, message.integer("Max-Forwards")) == (9, 68)
    assert [value.split("branch")[1].strip(" =") for value in message.values("Via")] == [
        "390skdjuw",
        "z9hG4bK9ikj8",
        "z9hG4bK30239",
    ]
    assert message.contact is not None
    assert message.contact.params == {"newparam": "newvalue", "secondparam": None, "q": "0.33"}
    assert message.get("newfangledheader") == "newfangled value continued newfangled value"
    assert message.body == b"v=0\n"


def test_every_legal_token_character_may_be_in_a_method() -> None:
    method = "!interesting-Method0123456789_*+`.%indeed'~"
    request = parsed(
        start=f"{method} sip:1_unusual.URI~(to-be!sure)&isn't+it$/crazy?,/;;*@example.com SIP/2.0",
        CSeq=f"139122385 {method}",
    )
    request.validate()
    assert request.target.username == "1_unusual.URI~(to-be!sure)&isn't+it$/crazy?,/;;*"


def test_bytes_that_are_no_utf_8_come_back_as_they_were_and_are_shown_safely() -> None:
    data = wire_request().replace(b'"Anna"', b'"\xc4\xe3"')
    message = parse_message(data)
    assert b'"\xc4\xe3"' in message.to_bytes()
    assert message.from_.display.encode()


@pytest.mark.parametrize(
    ("changes", "status", "field"),
    [
        pytest.param({"CSeq": "36893488147419103232 INVITE"}, 400, "CSeq", id="CSeq above 2**32"),
        pytest.param({"CSeq": "4294967296 INVITE"}, 400, "CSeq", id="CSeq just above the limit"),
        pytest.param({"CSeq": "1 BYE"}, 400, "CSeq", id="CSeq of another method"),
        pytest.param({"CSeq": "INVITE"}, 400, "CSeq", id="CSeq without number"),
        pytest.param({"CSeq": None}, 400, "CSeq", id="no CSeq"),
        pytest.param({"Content_Length": "-999"}, 400, "Content-Length", id="negative length"),
        pytest.param({"Content_Length": "9999"}, 400, "Content-Length", id="length beyond the datagram"),
        pytest.param({"Max_Forwards": "300"}, 400, "Max-Forwards", id="Max-Forwards above 255"),
        pytest.param({"Max_Forwards": "many"}, 400, "Max-Forwards", id="Max-Forwards in words"),
        pytest.param({"From": "<sip:a@b;tag=1"}, 400, "From", id="open angle bracket"),
        pytest.param({"From": '"Mr Quote <sip:a@b>;tag=1'}, 400, "From", id="open quote"),
        pytest.param({"From": "<sip:a@b>;tag=1;tag=2"}, 400, "From", id="two tags"),
        pytest.param({"To": "isbn:29,83; 92 <x"}, 400, "To", id="To is no address"),
        pytest.param({"start": "INVITE <sip:a@b> SIP/2.0"}, 400, "Request-URI", id="bracketed Request-URI"),
        pytest.param({"start": "INVITE sip:a@b; lr SIP/2.0"}, 400, "Request-URI", id="space in Request-URI"),
        pytest.param({"start": "INVITE sip:a@b SIP/7.0"}, 505, "SIP-Version", id="unknown version"),
        pytest.param({"Subject": "x\r\nBad Name: y"}, 400, "header name", id="blank in a header name"),
        pytest.param({"Subject": "x\r\nno colon here"}, 400, "header", id="line without colon"),
        pytest.param({"Subject": "x" * 9000}, 513, "header", id="line too long"),
        pytest.param({"Subject": "x\r\nCall-ID: other"}, 400, "Call-ID", id="two Call-IDs"),
        pytest.param({"Call_ID": ""}, 400, "Call-ID", id="empty Call-ID"),
    ],
)
def test_a_readable_but_wrong_request_is_refused_with_field_and_rule(
    changes: dict[str, str | None], status: int, field: str
) -> None:
    layer = SipLayer()
    layer.receive(wire_request(**changes), B_TO_A, 0.0)
    (event,) = layer.events()
    assert isinstance(event, ParseFailed)
    assert event.error.field == field
    assert event.answered
    ((_, data),) = layer.outgoing()
    response = parse_message(data)
    assert isinstance(response, Response)
    assert response.status == status
    assert response.reason.startswith(field)
    assert len(layer) == 0


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"\x16\x03\x01\x02\x00\x01\x00", id="a TLS hello"),
        pytest.param(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", id="HTTP"),
        pytest.param(wire_request(Via=None), id="no Via"),
        pytest.param(wire_request(Via="nonsense"), id="unreadable Via"),
        pytest.param(wire_request(To=None), id="no To"),
        pytest.param(wire_request().replace(b"\r\nTo", b"\nTo"), id="lone LF hides a header"),
        pytest.param(wire_request(Subject="a\rX-Smuggled: 1"), id="lone CR hides a header"),
        pytest.param(wire_request(Subject="a\0b"), id="NUL"),
        pytest.param(wire_request()[:-4], id="cut off"),
        pytest.param(wire_request(start="ACK sip:a@b SIP/2.0", CSeq="1 BYE"), id="malformed ACK"),
        pytest.param(b"SIP/2.0 999 What\r\n\r\n", id="impossible status"),
        pytest.param(b"INVITE sip:a SIP/2.0\r\n" + b"a: b\r\n" * 200 + b"\r\n", id="too many headers"),
        pytest.param(b"INVITE sip:a SIP/2.0\r\n" + b"a" * 70_000 + b"\r\n\r\n", id="too big"),
    ],
)
def test_garbage_is_dropped_with_an_event_only(data: bytes) -> None:
    layer = SipLayer()
    layer.receive(data, A_TO_B, 0.0)
    (event,) = layer.events()
    assert isinstance(event, ParseFailed)
    assert not event.answered
    assert layer.outgoing() == []


def test_scanners_can_be_left_without_answer() -> None:
    layer = SipLayer(LayerConfig(answer_malformed=False))
    layer.receive(wire_request(CSeq="x"), A_TO_B, 0.0)
    assert layer.outgoing() == []


def test_unknown_headers_schemes_and_methods_reach_the_user() -> None:
    layer = SipLayer()
    layer.receive(
        wire_request(start="NEWMETHOD soap.beep://192.0.2.103:3002 SIP/2.0", CSeq="1 NEWMETHOD"), B_TO_A, 0
    )
    (event,) = layer.events()
    assert isinstance(event, RequestReceived)
    with pytest.raises(SipParseError) as caught:
        _ = event.request.target
    assert caught.value.status in (400, 416)


@pytest.mark.parametrize(
    "text",
    [
        "sip:a@b:70000",
        "sip:a@b:0",
        "sip:%zz@b",
        "sip:@b",
        "sip:",
        "sip:a@b;p=1;p=2",
        "sip:a b@c",
        "sip:a@[::1",
        "x",
    ],
)
def test_bad_addresses_are_refused(text: str) -> None:
    with pytest.raises(SipParseError):
        parse_uri(text)


@pytest.mark.parametrize(
    "text",
    [
        "sip:a@b",
        "sips:a:secret@b:5061;transport=tls?x=y",
        "sip:[2001:db8::1]:5060",
        "tel:+49-30-1234;ext=5",
        "sip:+1(555)@h;user=phone;lr",
        "sip:host",
    ],
)
def test_good_addresses_come_back_as_written(text: str) -> None:
    assert str(parse_uri(text)) == text


def test_addresses_compare_as_section_19_1_4_says() -> None:
    def same(one: str, other: str) -> bool:
        return parse_uri(one).equivalent(parse_uri(other))

    assert same("sip:%61lice@atlanta.com;transport=TCP", "sip:alice@AtLanTa.CoM;Transport=tcp")
    assert same("sip:carol@chicago.com", "sip:carol@chicago.com;newparam=5")
    assert not same("SIP:ALICE@AtLanTa.CoM;Transport=udp", "sip:alice@AtLanTa.CoM;Transport=UDP")
    assert not same("sip:bob@biloxi.com", "sip:bob@biloxi.com:5060")
    assert not same("sip:bob@biloxi.com", "sip:bob@biloxi.com;transport=udp")
    assert not same("sip:carol@chicago.com;security=on", "sip:carol@chicago.com;security=off")
