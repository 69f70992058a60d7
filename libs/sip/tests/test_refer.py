"""REFER and Replaces: what is read, what is refused, what a phone is told."""

from __future__ import annotations

import pytest

from seatbus_sip.errors import SipParseError
from seatbus_sip.message import Request
from seatbus_sip.refer import progress, refer_to
from seatbus_sip.replaces import Replaces, parse_replaces


def _refer(*values: str) -> Request:
    request = Request("REFER", "sip:edge@192.0.2.1")
    for value in values:
        request.add("Refer-To", value)
    return request


def test_a_blind_reference_names_an_address() -> None:
    found = refer_to(_refer("<sip:1002@example.org;user=phone>"))
    assert (found.uri.username, found.replaces) == ("1002", None)


def test_an_attended_one_names_the_dialog_to_be_taken_over() -> None:
    found = refer_to(
        _refer("Bob <sip:bob@example.org?Replaces=12345%40192.0.2.2%3Bto-tag%3Da1%3Bfrom-tag%3Db2&X=y>")
    )
    assert found.replaces == Replaces("12345@192.0.2.2", "a1", "b2")


@pytest.mark.parametrize(
    ("values", "status"),
    [
        ((), 400),
        (("<sip:a@b>", "<sip:c@d>"), 400),
        (("<http://example.org/>",), 416),
        (("<sip:a@b;method=BYE>",), 400),
        (("<sip:a@b?Replaces=x>",), 400),
        (("<sip:a@b?Replaces=x%0D%0AVia%3A%20y>",), 400),
        (("<sip:a@b?Replaces=x&Replaces=y>",), 400),
    ],
)
def test_what_nobody_can_be_sent_to_is_refused(values: tuple[str, ...], status: int) -> None:
    with pytest.raises(SipParseError) as caught:
        refer_to(_refer(*values))
    assert caught.value.status == status


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("c@h;to-tag=1;from-tag=2", Replaces("c@h", "1", "2")),
        ("c@h ; FROM-TAG=2 ; To-Tag=1 ; early-only", Replaces("c@h", "1", "2", early_only=True)),
    ],
)
def test_replaces_is_read_and_written(text: str, found: Replaces) -> None:
    assert parse_replaces(text) == found
    assert parse_replaces(str(found)) == found


@pytest.mark.parametrize("text", ["", "c", "c;to-tag=1", "c;to-tag=1;to-tag=2;from-tag=3", "c" * 600])
def test_a_replaces_that_names_no_dialog_is_refused(text: str) -> None:
    with pytest.raises(SipParseError):
        parse_replaces(text)


def test_the_last_word_ends_the_subscription() -> None:
    headers, body = progress(100, 7)
    assert (body, headers["Event"]) == ("SIP/2.0 100 Trying\r\n", "refer;id=7")
    assert str(headers["Subscription-State"]).startswith("active")
    headers, body = progress(200, 7)
    assert body == "SIP/2.0 200 OK\r\n"
    assert headers["Subscription-State"] == "terminated;reason=noresource"
