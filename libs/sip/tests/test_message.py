from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sip_wire import parsed, wire_request

from seatbus_sip import NameAddr, Request, Response, SipParseError, parse_message, parse_name_addr
from seatbus_sip.checks import Capabilities, refuse
from seatbus_sip.errors import HeaderInjectionError
from seatbus_sip.headers import canonical_name, parse_params, parse_via, split_list

TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\r\n\0"), max_size=60)
TOKEN = st.text("abcdefghijklmnopqrstuvwxyzABCXYZ0123456789-.!%*_+`'~", min_size=1, max_size=20)
NAMES = TOKEN.filter(lambda name: canonical_name(name) not in ("Via", "Content-Length"))


@given(TOKEN, st.lists(st.tuples(NAMES, TEXT), max_size=12), st.binary(max_size=200))
def test_a_serialised_request_parses_to_the_same_request(
    method: str, headers: list[tuple[str, str]], body: bytes
) -> None:
    built = Request(method, "sip:x@y", body=body)
    for name, value in headers:
        built.add(name, value.strip(" \t"))
    again = parse_message(built.to_bytes())
    assert isinstance(again, Request)
    assert again.defect is None
    assert (again.method, again.uri, again.body) == (method, "sip:x@y", body)
    for name in built.names():
        assert again.get_all(name) == built.get_all(name)
    assert again.to_bytes() == built.to_bytes()


@given(st.binary(max_size=400))
def test_no_bytes_make_the_parser_raise_anything_but_its_own_error(data: bytes) -> None:
    for candidate in (data, b"INVITE sip:a@b SIP/2.0\r\n" + data + b"\r\n\r\n"):
        try:
            parse_message(candidate).validate()
        except SipParseError:
            continue


@given(TEXT, TOKEN)
def test_a_display_name_survives_quoting(display: str, tag: str) -> None:
    address = NameAddr(display, "sip:a@b", {"tag": tag})
    assert parse_name_addr(str(address), "From") == address


@pytest.mark.parametrize("bad", ["a\r\nX: y", "a\nb", "a\rb", "a\0b"])
def test_a_value_that_would_start_a_header_is_refused(bad: str) -> None:
    message = Request("INVITE", "sip:a@b")
    for write in (message.set, message.add, message.prepend):
        with pytest.raises(HeaderInjectionError) as caught:
            write("subject", bad)
        assert caught.value.field == "Subject"
    with pytest.raises(HeaderInjectionError):
        Request("INVITE", "sip:a@b\r\nX: y").to_bytes()
    with pytest.raises(HeaderInjectionError):
        Response(200, bad).to_bytes()


def test_compact_names_and_odd_spelling_mean_the_same_header() -> None:
    message = parse_message(
        b"OPTIONS sip:a SIP/2.0\r\nv: SIP/2.0/UDP h\r\nI: c1\r\ncAlL-iD : c2\r\nx-oDD: 1\r\n\r\n"
    )
    assert message.via.host == "h"
    assert message.get_all("call-id") == ["c1", "c2"]
    assert message.get("X-Odd") == "1"


def test_comma_lists_split_outside_of_quotes_and_brackets_only() -> None:
    assert split_list('"a, b" <sip:x,y@z>;p=1, <sip:c>') == ['"a, b" <sip:x,y@z>;p=1', "<sip:c>"]
    message = Request("INVITE", "sip:a@b")
    message.set("Record-Route", "<sip:1;lr>, <sip:2;lr>", "<sip:3;lr>")
    assert message.values("record-route") == ["<sip:1;lr>", "<sip:2;lr>", "<sip:3;lr>"]


@pytest.mark.parametrize("line", ["", ",", " , ,"])
def test_an_empty_list_holds_nothing(line: str) -> None:
    message = parse_message(f"OPTIONS sip:a SIP/2.0\r\nSupported:{line}\r\nRequire:{line}\r\n\r\n".encode())
    assert message.values("Supported") == []
    assert message.tokens("Require") == frozenset()
    message.add("Supported", "timer")
    assert message.tokens("Supported") == {"timer"}


@pytest.mark.parametrize("name", ["Contact", "Route", "Record-Route"])
@pytest.mark.parametrize("line", ["", ","])
def test_a_header_of_addresses_without_any_is_refused(name: str, line: str) -> None:
    request = Request("INVITE", "sip:a@b")
    request.set("To", "<sip:a@b>")
    able = Capabilities(("INVITE",))
    assert refuse(request, able) is None
    request.set(name, line)
    refusal = refuse(request, able)
    assert refusal is not None
    assert (refusal.status, refusal.field, refusal.rule) == (400, name, "holds an address")


def test_reading_the_top_via_of_a_combined_line_and_marking_it() -> None:
    message = parse_message(
        b"BYE sip:a SIP/2.0\r\nVia: SIP/2.0/UDP a;branch=1 , SIP/2.0/TCP b;branch=2\r\n\r\n"
    )
    assert message.via.branch == "1"
    message.replace_top_via(message.via._replace(params={"branch": "9"}))
    assert [parse_via(value).branch for value in message.values("Via")] == ["9", "2"]


def test_changing_a_header_changes_its_structured_view() -> None:
    message = Request("INVITE", "sip:a@b")
    message.set("To", "<sip:x@y>")
    assert message.to.tag is None
    message.set("to", "<sip:x@y>;tag=1")
    assert message.to.tag == "1"


def test_a_response_copies_what_section_8_2_6_asks_for() -> None:
    request = Request("INVITE", "sip:a@b")
    for name, value in (
        ("Via", "SIP/2.0/UDP h"),
        ("From", "<sip:f>;tag=1"),
        ("To", "<sip:t>"),
        ("Call-ID", "c"),
    ):
        request.set(name, value)
    request.set("CSeq", "7 INVITE")
    request.set("Record-Route", "<sip:p;lr>")
    ok = Response.to_request(request, 200, tag="mine")
    assert (ok.to.tag, ok.reason, ok.get("Record-Route"), str(ok.cseq)) == (
        "mine",
        "OK",
        "<sip:p;lr>",
        "7 INVITE",
    )
    trying = Response.to_request(request, 100, tag="mine")
    assert trying.to.tag is None
    assert "Record-Route" not in trying
    assert "Record-Route" not in Response.to_request(request, 404)


def test_a_tag_inside_the_address_is_not_the_tag_of_to() -> None:
    request = parsed(To="<sip:bob@h;tag=evil>")
    assert Response.to_request(request, 404, tag="mine").to.tag == "mine"
    assert Response.to_request(parsed(To='"x;tag=y" <sip:b@h> ; TAG = z'), 404, tag="mine").to.tag == "z"


def test_long_runs_of_blanks_do_not_stall_the_parser() -> None:
    blanks = " " * 8000
    for value in (f"SIP/2.0/UDP h{blanks}x", f"SIP/2.0/UDP{blanks}h"):
        with pytest.raises(SipParseError):
            parse_via(value)
    with pytest.raises(SipParseError):
        parse_name_addr(f"a{blanks}b", "From")
    with pytest.raises(SipParseError):
        parse_params(';a="' + "\\" * 7999, "From")


def test_a_header_of_commas_only_holds_no_value() -> None:
    for name in ("Via", "Contact"):
        message = parsed(**{name: " , ,"})
        with pytest.raises(SipParseError, match=name):
            _ = message.via, message.contact


@given(
    st.sampled_from(["", '"A <b>" ', '"A" ', "A B ", '"A \\" B" ', " "]),
    st.sampled_from(["sip:a@b", "sip:a@b;p=1?x=y", "tel:+1", "sip:[::1]"]),
    st.sampled_from(["", ";tag=x1", " ; tag = x-1", ";tag=a;q=1", ";x"]),
)
def test_the_short_way_through_an_address_reads_what_the_long_way_reads(
    name: str, address: str, params: str
) -> None:
    short = parse_name_addr(f"{name}<{address}>{params}", "To")
    # A blank before the bracket's content sends any address the long way.
    assert short == parse_name_addr(f"{name}< {address}>{params}", "To")


def test_the_short_way_through_a_via_reads_what_the_long_way_reads() -> None:
    for tail in ("", ";rport", ";branch=z9hG4bKa-b", ";rport;branch=x", ";branch=x;rport", ";branch=x;ttl=1"):
        for sent_by in ("h.example:5060", "192.0.2.1", "[::1]:5061", "h:65535"):
            short = parse_via(f"SIP/2.0/UDP {sent_by}{tail}")
            long = parse_via(f"SIP / 2.0/UDP {sent_by}{tail}")
            assert short == long
            assert list(short.params) == list(long.params)
    for wrong in ("h:0;branch=x", "h:70000;branch=x", "h;rport;branch=x;rport"):
        with pytest.raises(SipParseError):
            parse_via(f"SIP/2.0/UDP {wrong}")


def test_folded_lines_count_once_and_one_message_has_a_limit_of_headers() -> None:
    folded = wire_request(Subject="a" + "\r\n b" * 200)
    assert parse_message(folded).get("Subject") == "a" + " b" * 200
    with pytest.raises(SipParseError):
        parse_message(wire_request(Subject="a" + "\r\nX: b" * 200))
