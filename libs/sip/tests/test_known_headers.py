"""Headers in every spelling, and what their values say."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sip_wire import wire_request

from seatbus_sip import Request, Response, SipParseError, parse_message, parse_uri
from seatbus_sip.dates import format_date, parse_date
from seatbus_sip.headers import quote_string, unquote
from seatbus_sip.known_headers import KNOWN, Kind, Known
from seatbus_sip.values import Reason, read_privacy, read_reasons, read_values, retry_after

# RFC 3261 section 20 names these.
RFC_3261 = frozenset({
    "Accept", "Accept-Encoding", "Accept-Language", "Alert-Info", "Allow", "Authentication-Info",
    "Authorization",
    "Call-ID", "Call-Info", "Contact", "Content-Disposition", "Content-Encoding", "Content-Language",
    "Content-Length", "Content-Type", "CSeq", "Date", "Error-Info", "Expires", "From", "In-Reply-To",
    "Max-Forwards", "Min-Expires", "MIME-Version", "Organization", "Priority", "Proxy-Authenticate",
    "Proxy-Authorization", "Proxy-Require", "Record-Route", "Reply-To", "Require", "Retry-After", "Route",
    "Server", "Subject", "Supported", "Timestamp", "To", "Unsupported", "User-Agent", "Via", "Warning",
    "WWW-Authenticate",
})  # fmt: skip


def test_every_header_of_rfc_3261_is_known_and_each_once() -> None:
    assert len(RFC_3261) == 44
    assert {header.name for header in KNOWN if header.source == 3261} == RFC_3261
    names = [header.name for header in KNOWN] + [header.compact for header in KNOWN if header.compact]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("header", KNOWN, ids=lambda header: header.name)
def test_a_header_is_found_in_every_spelling(header: Known) -> None:
    name = header.name
    for spelling in filter(None, (name.lower(), name.upper(), name.swapcase(), header.compact)):
        message = parse_message(f"OPTIONS sip:a@b SIP/2.0\r\n{spelling} :  some value \r\n\r\n".encode())
        assert message.get(name) == "some value"
        assert name in message
        built = Request("OPTIONS", "sip:a@b")
        built.set(spelling, "some value")
        assert list(built.names()) == [name]


@pytest.mark.parametrize("header", KNOWN, ids=lambda header: header.name)
def test_commas_separate_where_they_may(header: Known) -> None:
    message = Request("OPTIONS", "sip:a@b")
    message.set(header.name, 'one, "t,wo"', "three")
    expected = ["one", '"t,wo"', "three"] if header.kind is Kind.LIST else ['one, "t,wo"', "three"]
    assert message.values(header.name) == expected


def test_values_with_parameters_are_read() -> None:
    message = parse_message(
        wire_request(
            Event="presence;id=7",
            Subscription_State='terminated ; reason=timeout;retry-after="5"',
            Privacy="id;Critical",
            Reason='Q.850;cause=16;text="Normal \\"call\\" clearing", SIP;cause=200, x;a=1;a=2, y;cause=9999',
            Diversion='<sip:+4930@a>;reason=unconditional;counter=2, "B" <tel:+4931>;reason=no-answer',
            History_Info="<sip:a@b?Reason=SIP%3Bcause%3D302>;index=1, <sip:c@d>;index=1.1;mp=1",
        )
    )
    (event,) = read_values(message, "o")
    assert (event.text, event.get("id")) == ("presence", "7")
    (state,) = read_values(message, "Subscription-State")
    assert (state.text, state.get("reason"), state.get("retry-after")) == ("terminated", "timeout", "5")
    assert read_privacy(message) == {"id", "critical"}
    assert read_reasons(message) == [
        Reason("Q.850", 16, 'Normal "call" clearing'),
        Reason("SIP", 200, ""),
        Reason("Y", None, ""),
    ]
    first, second = message.addresses("Diversion")
    assert (first.uri.username, first.params["counter"], second.display) == ("+4930", "2", "B")
    assert [entry.params["index"] for entry in message.addresses("History-Info")] == ["1", "1.1"]
    assert message.addresses("History-Info")[0].uri.header_fields == [("Reason", "SIP;cause=302")]


def test_a_time_to_come_back_is_read_without_its_comment() -> None:
    response = Response(503)
    for text, seconds in (("", 0), ("18;duration=36", 18), ("120 (I'm in a meeting)", 120), ("-1", 0)):
        response.set("Retry-After", text)
        assert retry_after(response) == seconds


def test_a_response_and_a_strange_method_carry_them_too() -> None:
    response = Response.to_request(Request("MESSAGE", "tel:+49-30-1;phone-context=+49"), 200)
    response.set("x", "1800;refresher=uac")
    assert response.get("Session-Expires") == "1800;refresher=uac"
    target = parse_uri("tel:0301;phone-context=example.com;ext=5")
    assert (target.user, target.params) == ("0301", {"phone-context": "example.com", "ext": "5"})


def test_headers_of_an_address_are_read_with_their_escapes() -> None:
    found = parse_uri("sips:a@b?Replaces=c%40d%3Bto-tag%3D1&Subject=A%20B&empty=")
    assert found.header_fields == [("Replaces", "c@d;to-tag=1"), ("Subject", "A B"), ("empty", "")]
    for smuggled in ("sip:a@b?X=1%0D%0AEvil:%202", "sip:a@b?%0D%0A=1", "sip:a@b?a=%00"):
        with pytest.raises(SipParseError):
            _ = parse_uri(smuggled).header_fields


@given(st.text())
def test_a_quoted_string_says_what_was_quoted(text: str) -> None:
    assert unquote(quote_string(text)) == text


@given(st.datetimes())
def test_a_date_comes_back(moment: datetime) -> None:
    at = moment.replace(tzinfo=UTC, microsecond=0)
    assert parse_date(format_date(at)) == at


@pytest.mark.parametrize("text", ["", "Fri, 32 Jan 2010 16:00:00 GMT", "Fri, 01 Jan 2010 16:00:00 EST"])
def test_other_dates_are_refused(text: str) -> None:
    with pytest.raises(SipParseError):
        parse_date(text)
