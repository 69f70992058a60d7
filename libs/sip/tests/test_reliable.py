"""Reliable provisional responses: numbers, repeats, acknowledgements, order; glare and digits beside them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seatbus_sip.dialog import Role
from seatbus_sip.digits import read_digit
from seatbus_sip.errors import SipParseError
from seatbus_sip.glare import glare_pause
from seatbus_sip.message import Request, Response
from seatbus_sip.reliable import ReliableReceiver, ReliableSender, is_reliable, wants_reliable


def progress(body: str = "") -> Response:
    made = Response(183)
    if body:
        made.set_body(body, "application/sdp")
    return made


def prack(text: str) -> Request:
    made = Request("PRACK", "sip:a@b")
    made.set("RAck", text)
    return made


def test_a_response_is_repeated_with_doubled_pauses_until_64_t1() -> None:
    sender = ReliableSender(7, 0.5)
    first = sender.send(progress("v=0"), 0.0)
    assert (first.get("RSeq"), first.get("Require")) == ("7", "100rel")
    times = []
    while sender.next_at is not None:
        now = sender.next_at
        again = sender.repeat(now)
        if again is None:
            break
        assert again.to_bytes() == first.to_bytes()
        times.append(now)
    assert times == [0.5, 1.5, 3.5, 7.5, 15.5, 31.5]
    assert sender.unacknowledged


def test_only_its_own_prack_stops_it_and_the_next_one_has_the_next_number() -> None:
    sender = ReliableSender(7, 0.5)
    sender.send(progress("v=0"), 0.0)
    assert not sender.acknowledge(prack("8 1 INVITE"), 1)
    assert not sender.acknowledge(prack("7 2 INVITE"), 1)
    assert sender.acknowledge(prack("7 1 INVITE"), 1)
    assert not sender.acknowledge(prack("7 1 INVITE"), 1)
    assert sender.next_at is None
    assert sender.described
    assert sender.send(progress(), 60.0).get("RSeq") == "8"


def test_a_successor_sends_the_unacknowledged_one_with_the_same_number() -> None:
    before, after = ReliableSender(7, 0.5), ReliableSender(99, 0.5)
    before.send(progress("v=0"), 0.0)
    after.restore(before.to_dict())
    assert after.send(progress("v=0"), 0.0).get("RSeq") == "7"
    assert after.acknowledge(prack("7 1 INVITE"), 1)


@pytest.mark.parametrize("text", ["", "7", "7 1", "x 1 INVITE", "7 1 INVITE more", "99999999999 1 INVITE"])
def test_an_unreadable_rack_is_a_parse_error(text: str) -> None:
    sender = ReliableSender(7, 0.5)
    sender.send(progress(), 0.0)
    with pytest.raises(SipParseError):
        sender.acknowledge(prack(text), 1)


def test_a_receiver_acknowledges_each_once_and_in_order() -> None:
    receiver = ReliableReceiver()

    def came(number: int) -> str | None:
        made = progress()
        made.set("Require", "100rel")
        made.set("RSeq", str(number))
        made.set("CSeq", "3 INVITE")
        assert is_reliable(made)
        return receiver.take(made)

    assert came(41) == "41 3 INVITE"
    assert came(41) is None
    assert came(43) is None
    assert came(42) == "42 3 INVITE"


@pytest.mark.parametrize("header", ["Supported", "Require"])
def test_who_names_the_option_wants_it(header: str) -> None:
    made = Request("INVITE", "sip:a@b")
    assert not wants_reliable(made)
    made.set(header, "100rel")
    assert wants_reliable(made)


@given(st.floats(0, 1))
def test_who_made_the_call_id_waits_longer_after_a_glare(dice: float) -> None:
    assert 2.1 <= glare_pause(Role.UAC, dice) <= 4.0
    assert 0.0 <= glare_pause(Role.UAS, dice) <= 2.0


@pytest.mark.parametrize(
    ("kind", "body", "digit"),
    [
        ("application/dtmf-relay", "Signal=5\r\nDuration=160\r\n", "5"),
        ("application/dtmf-relay", "Duration= 160\nSignal= *\n", "*"),
        ("application/dtmf-relay", "signal=11\r\n", "#"),
        ("application/dtmf", "d", "D"),
        ("application/dtmf", "16", ""),
        ("application/dtmf-relay", "Duration=160", ""),
    ],
)
def test_a_digit_is_read(kind: str, body: str, digit: str) -> None:
    info = Request("INFO", "sip:a@b")
    info.set_body(body, kind)
    assert read_digit(info) == digit


@pytest.mark.parametrize(
    ("kind", "body", "status"),
    [
        ("text/plain", "5", 415),
        ("application/dtmf", "17", 400),
        ("application/dtmf", "5" * 300, 413),
    ],
)
def test_what_is_no_digit_is_refused(kind: str, body: str, status: int) -> None:
    info = Request("INFO", "sip:a@b")
    info.set_body(body, kind)
    with pytest.raises(SipParseError) as caught:
        read_digit(info)
    assert caught.value.status == status
