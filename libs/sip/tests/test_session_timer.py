"""Session timers: what is asked, agreed, refused, and when somebody acts."""

from __future__ import annotations

import pytest

from seatbus_sip.errors import SipParseError
from seatbus_sip.message import Request, Response
from seatbus_sip.session_timer import (
    SessionIntervalTooSmallError,
    SessionPolicy,
    SessionTimer,
    agreed,
    answer,
    ask,
    check,
)

POLICY = SessionPolicy(1800, 90)
NOW = 1_000_000.0


def invite(**headers: str) -> Request:
    made = Request("INVITE", "sip:a@b")
    for name, value in headers.items():
        made.set(name.replace("_", "-"), value)
    return made


@pytest.mark.parametrize(
    ("asked", "said", "ours", "required"),
    [
        # Nothing known of timers: we refresh, and require nothing of the peer.
        ({}, "1800;refresher=uas", True, None),
        ({"Supported": "timer"}, "1800;refresher=uac", False, "timer"),
        ({"Supported": "timer", "Session_Expires": "600"}, "600;refresher=uac", False, "timer"),
        ({"Supported": "timer", "Session_Expires": "600;refresher=uas"}, "600;refresher=uas", True, None),
        ({"Require": "timer", "Session_Expires": "600;refresher=uac"}, "600;refresher=uac", False, "timer"),
        # A proxy has put it in; the caller itself would not refresh.
        ({"Session_Expires": "600"}, "600;refresher=uas", True, None),
        ({"Supported": "timer", "Min_SE": "3600"}, "3600;refresher=uac", False, "timer"),
    ],
)
def test_an_answer_says_who_refreshes(
    asked: dict[str, str], said: str, ours: bool, required: str | None
) -> None:
    response = Response(200)
    timer = answer(invite(**asked), response, POLICY, NOW)
    assert response.get("Session-Expires") == said
    assert response.get("Require") == required
    assert timer.ours is ours
    assert timer.expires_at == NOW + timer.interval_s


def test_less_than_the_smallest_interval_is_refused_to_those_who_know_timers() -> None:
    with pytest.raises(SessionIntervalTooSmallError) as caught:
        check(invite(Supported="timer", Session_Expires="89"), POLICY)
    assert (caught.value.status, caught.value.min_se) == (422, 90)
    check(invite(Supported="timer", Session_Expires="90"), POLICY)
    check(invite(Session_Expires="30"), POLICY)


@pytest.mark.parametrize("text", ["soon", "-5", "90;refresher=me", "99999999999"])
def test_an_unreadable_session_expires_is_a_parse_error(text: str) -> None:
    with pytest.raises(SipParseError):
        check(invite(Supported="timer", Session_Expires=text), POLICY)


@pytest.mark.parametrize(
    ("said", "interval", "ours"),
    [(None, 1800, True), ("600;refresher=uac", 600, True), ("600;refresher=uas", 600, False), ("0", 1, True)],
)
def test_a_peers_answer_is_taken_as_it_is(said: str | None, interval: int, ours: bool) -> None:
    response = Response(200)
    if said is not None:
        response.set("Session-Expires", said)
    timer = agreed(response, POLICY, NOW)
    assert (timer.interval_s, timer.ours) == (interval, ours)


def test_the_refresher_acts_half_way_and_the_other_gives_up_shortly_before_the_end() -> None:
    assert SessionTimer(1800, True, NOW + 1800).due_at == NOW + 900
    assert SessionTimer(1800, False, NOW + 1800).due_at == NOW + 1800 - 32
    assert SessionTimer(60, False, NOW + 60).due_at == NOW + 40
    assert SessionTimer(60, False, NOW).refreshed(NOW + 5).expires_at == NOW + 65


def test_a_timer_survives_the_journal() -> None:
    timer = SessionTimer(600, False, NOW)
    assert SessionTimer.from_dict(timer.to_dict()) == timer
    with pytest.raises(ValueError, match="int"):
        SessionTimer.from_dict({})


def test_our_wish_names_another_smallest_interval_only() -> None:
    usual, short = invite(), invite()
    ask(usual, POLICY)
    ask(short, SessionPolicy(60, 10), refresher="uac", interval_s=20)
    assert (usual.get("Session-Expires"), usual.get("Min-SE")) == ("1800", None)
    assert (short.get("Session-Expires"), short.get("Min-SE")) == ("20;refresher=uac", "10")
