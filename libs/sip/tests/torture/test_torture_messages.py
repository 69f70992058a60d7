"""Each message of RFC 4475 and RFC 5118, and what a server of calls and registrations makes of it."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
import rfc4475
import rfc5118
from shaping import Torture

from seatbus_sip import (
    DigestServer,
    Flow,
    ParseFailed,
    Request,
    RequestReceived,
    Response,
    SipLayer,
    StrayResponse,
    parse_message,
    parse_uri,
)
from seatbus_sip.bodies import body_of
from seatbus_sip.checks import Capabilities, refuse
from seatbus_sip.framing import FramingLimits, StreamFramer
from seatbus_sip.sdp import parse_sdp

FLOW = Flow("UDP", ("198.51.100.7", 5060), ("203.0.113.5", 5060))
SERVED = Capabilities(("INVITE", "ACK", "CANCEL", "BYE", "OPTIONS", "REGISTER"))
ALL = (*rfc4475.MESSAGES, *rfc5118.MESSAGES)
BY_NAME = {torture.name: torture for torture in ALL}


@dataclass
class Server:
    """A user agent server and registrar without calls: what the edge does before it looks at its own data."""

    layer: SipLayer
    digest: DigestServer

    def answer(self, data: bytes) -> list[Response]:
        self.layer.receive(data, FLOW, 0.0)
        for event in self.layer.events():
            if isinstance(event, RequestReceived):
                self.layer.respond(event.tx, self._serve(event), 0.0)
        return [_response(sent) for _, sent in self.layer.outgoing()]

    def _serve(self, event: RequestReceived) -> Response:
        refusal = refuse(event.request, SERVED)
        if refusal is not None:
            return refusal.write_to(event.tx.response(refusal.status))
        if event.request.method == "REGISTER":
            assert not self.digest.verify(event.request, lambda *_: None, 0.0).ok
            return self.digest.challenge(event.request, 0.0)
        return event.tx.response(481 if event.request.method == "BYE" else 200)


def _response(data: bytes) -> Response:
    found = parse_message(data)
    assert isinstance(found, Response)
    return found


def answered(name: str) -> Response:
    server = Server(SipLayer(), DigestServer(b"secret", "seatbus"))
    (response,) = server.answer(BY_NAME[name].wire)
    return response


def read(name: str) -> Request:
    found = parse_message(BY_NAME[name].wire)
    assert isinstance(found, Request)
    found.validate()
    return found


def test_all_messages_are_here() -> None:
    assert len(rfc4475.MESSAGES) == len({torture.section for torture in rfc4475.MESSAGES}) == 49
    assert len(rfc5118.MESSAGES) == 12
    assert {torture.section for torture in rfc5118.MESSAGES} == {f"4.{n}" for n in range(1, 11)}


@pytest.mark.parametrize("torture", ALL, ids=lambda torture: torture.name)
def test_each_message_gets_its_answer(torture: Torture) -> None:
    server = Server(SipLayer(), DigestServer(b"secret", "seatbus"))
    responses = server.answer(torture.wire)
    assert [response.status for response in responses] == ([torture.status] if torture.status else [])
    request_like = not torture.wire.startswith(b"SIP/")
    for response in responses:
        assert request_like
        if response.status not in (400, 505):
            response.validate()
    # To whatever could not be read at all, nothing is said, but the operator is told.
    if not torture.status and torture.name not in ("unreason", "noreason", "bcast"):
        server.layer.receive(torture.wire, FLOW, 0.0)
        (event,) = server.layer.events()
        assert isinstance(event, ParseFailed)


@pytest.mark.parametrize(
    "torture",
    [torture for torture in ALL if torture.status not in (0, 505) and torture.name not in ("clerr", "ncl")],
    ids=lambda torture: torture.name,
)
def test_what_is_understood_is_written_back_with_the_same_meaning(torture: Torture) -> None:
    found = parse_message(torture.wire)
    if found.defect is None:
        again = parse_message(found.to_bytes())
        assert {name: again.get_all(name) for name in again.names() if name != "Content-Length"} == {
            name: found.get_all(name) for name in found.names() if name != "Content-Length"
        }
        assert again.body == found.body


def test_what_a_refusal_says() -> None:
    assert answered("bext01").values("Unsupported") == ["nothingSupportsThis", "nothingSupportsThisEither"]
    assert answered("invut").get("Accept") == "application/sdp"
    assert answered("intmeth").values("Allow") == list(SERVED.methods)
    assert answered("mpart01").values("Allow") == list(SERVED.methods)
    assert answered("regaut01").values("WWW-Authenticate")
    for name, field in (("mcl01", "Content-Length"), ("multi01", "From"), ("scalar02", "CSeq"),
                        ("quotbal", "To"), ("badinv01", "Via"), ("lwsruri", "Request-URI")):  # fmt: skip
        assert field in answered(name).reason


def test_a_tortuous_invite_is_read_to_its_last_parameter() -> None:
    found = read("wsinv")
    assert (found.to.tag, found.from_.tag, found.from_.display) == (
        "1918181833n",
        "98asjd8",
        'J Rosenberg \\"',
    )
    assert (found.cseq.number, found.integer("Max-Forwards"), found.get("s")) == (9, 68, "")
    assert [value.split("branch")[1].strip(" =") for value in found.values("Via")] == [
        "390skdjuw", "z9hG4bK9ikj8", "z9hG4bK30239"]  # fmt: skip
    assert found.contact is not None
    assert found.contact.params == {"newparam": "newvalue", "secondparam": None, "q": "0.33"}
    assert found.get("newfangledheader") == "newfangled value continued newfangled value"
    assert found.get("UnknownHeaderWithUnusualValue") == ";;,,;;,;"
    (route,) = found.addresses("Route")
    assert route.uri.params == {"lr": None, "unknownwith": "value", "unknown-no-value": None}
    assert parse_sdp(found.body).audio is not None


def test_unusual_characters_keep_their_place() -> None:
    found = read("intmeth")
    assert found.target.username == "1_unusual.URI~(to-be!sure)&isn't+it$/crazy?,/;;*"
    assert found.target.password == "&it+has=1,weird!*pas$wo~d_too.(doesn't-it)"
    assert (found.from_.display, found.from_.tag) == ("token1~` token2'+_ token3*%!.-", "_token~1'+`*%!-.")
    assert "\0" in found.to.display
    assert found.get("extensionHeader-!.%*+_`'~") == "大停電"


def test_escapes_are_read_once_and_separate_nothing() -> None:
    found = read("esc01")
    assert (found.target.scheme, found.target.username, found.target.host) == (
        "sip", "sips:user@example.com", "example.net")  # fmt: skip
    assert found.to.uri.equivalent(parse_uri("sip:user@example.com"))
    assert found.from_.uri.username == "I have spaces"
    first, second = read("escnull").addresses("Contact")
    assert not first.uri.equivalent(second.uri)
    assert read("esc02").method == "RE%47IST%45R"
    assert read("esc02").from_.display == "%Z%45"
    assert read("semiuri").target.username == "user;par=u@example.net"


def test_addresses_with_and_without_brackets() -> None:
    assert read("lwsdisp").from_.display == "caller"
    assert read("badaspec").to.uri.username == "t.watson"
    assert read("baddn").from_.display == "Bell, Alexander"
    (outside,), (inside,) = read("cparam01").addresses("Contact"), read("cparam02").addresses("Contact")
    assert (dict(outside.params), dict(outside.uri.params)) == ({"unknownparam": None}, {})
    assert (dict(inside.params), dict(inside.uri.params)) == ({}, {"unknownparam": None})
    (escaped,) = read("regescrt").addresses("Contact")
    assert escaped.uri.headers == "Route=%3Csip:sip.example.com%3E"


def test_a_datagram_ends_with_its_body_and_a_stream_goes_on() -> None:
    data = BY_NAME["dblreq"].wire
    assert read("dblreq").body == b""
    first, second = StreamFramer(FramingLimits()).feed(data, 0.0)
    assert parse_message(first).cseq.method == "REGISTER"
    assert parse_message(second).call_id == "dblreq-second.1234abcd"


def test_long_fields_and_many_vias_are_read() -> None:
    found = read("longreq")
    assert len(found.get_all("Via")) == 33
    assert len(found.call_id) > 1000
    assert [value.split()[0].split("/")[2] for value in read("transports").values("Via")] == [
        "UDP", "SCTP", "TLS", "UNKNOWN", "TCP"]  # fmt: skip


def test_parts_of_a_body_are_found() -> None:
    found = read("mpart01")
    assert body_of(found, "text/plain") == b"Hello"
    assert body_of(found, "application/octet-stream") == b"0\x82\x01\x00\r\n\r\n\xff"
    assert body_of(found, "application/sdp") == b""


def test_responses_with_strange_or_no_reason_are_read() -> None:
    assert _response(BY_NAME["unreason"].wire).reason.endswith("но сто девяносто девять - простое")
    assert _response(BY_NAME["noreason"].wire).reason == ""


def test_two_requests_with_the_bare_cookie_are_two() -> None:
    server = Server(SipLayer(), DigestServer(b"secret", "seatbus"))
    one = BY_NAME["badbranch"].wire
    assert len(server.answer(one)) == 1
    (again,) = server.answer(one)
    assert again.status == 200
    assert len(server.layer) == 1
    server.answer(one.replace(b"CSeq: 8", b"CSeq: 9").replace(b"badbranch.1", b"badbranch.2"))
    assert len(server.layer) == 2


def test_only_a_response_to_what_was_sent_from_here_is_told() -> None:
    layer = SipLayer()
    layer.receive(BY_NAME["bcast"].wire, FLOW, 0.0)
    (event,) = layer.events()
    assert isinstance(event, StrayResponse)
    assert event.foreign
    layer.receive(BY_NAME["bcast"].wire.replace(b"192.0.2.198;", b"198.51.100.7;"), FLOW, 0.0)
    (event,) = layer.events()
    assert isinstance(event, StrayResponse)
    assert not event.foreign


@pytest.mark.parametrize(
    ("name", "host", "port"),
    [
        ("ipv6-good", "2001:db8::10", 5060),
        ("port-ambiguous", "2001:db8::10:5070", 5060),
        ("port-unambiguous", "2001:db8::10", 5070),
        ("ipv6-bug-abnf-3-colons", "2001:db8:::192.0.2.1", 5060),
        ("ipv6-correct-abnf-2-colons", "2001:db8::192.0.2.1", 5060),
    ],
)
def test_where_an_address_ends_and_a_port_begins(name: str, host: str, port: int) -> None:
    assert read(name).target.address == (host, port)


def test_addresses_of_both_families_in_one_message() -> None:
    assert read("via-received-param-with-delim").via.params["received"] == "[2001:db8::9:255]"
    assert read("via-received-param-no-delim").via.params["received"] == "2001:db8::9:255"
    assert len(read("mult-ip-in-header").values("Via")) == 3
    audio = parse_sdp(read("ipv6-in-sdp").body).audio
    assert audio is not None
    assert audio.host == "2001:db8::20"
    assert [section.host for section in parse_sdp(read("mult-ip-in-sdp").body).media] == [
        "192.0.2.1", "2001:db8::1"]  # fmt: skip
    mapped = read("ipv4-mapped-ipv6")
    assert (mapped.via.host, mapped.via.port) == ("[::ffff:192.0.2.10]", 19823)
