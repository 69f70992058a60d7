"""Subscriptions: what is granted and refused, how one ends, and what a lamp is told."""

from __future__ import annotations

import xml.etree.ElementTree as ET

import pytest

from seatbus_sip.errors import IllegalTransitionError, SipParseError
from seatbus_sip.message import Request
from seatbus_sip.subscriptions import (
    DIALOG_INFO,
    SubscriptionEvent,
    SubscriptionPolicy,
    SubscriptionState,
    WatchedDialog,
    dialog_info,
    grant,
    subscription_step,
)

NAMES = {"d": "urn:ietf:params:xml:ns:dialog-info"}


@pytest.mark.parametrize(
    ("headers", "status", "seconds", "told"),
    [
        ({"Event": "dialog"}, 200, 3600, ("Expires", "3600")),
        ({"o": "Dialog;id=7", "Expires": "90", "Accept": "application/*"}, 200, 90, ("Expires", "90")),
        ({"Event": "dialog", "Expires": "99999"}, 200, 3600, ("Expires", "3600")),
        ({"Event": "dialog", "Expires": "0"}, 200, 0, ("Expires", "0")),
        ({"Event": "dialog", "Expires": "59"}, 423, 0, ("Min-Expires", "60")),
        ({"Event": "presence"}, 489, 0, ("Allow-Events", "dialog")),
        ({}, 489, 0, ("Allow-Events", "dialog")),
        ({"Event": "dialog", "Accept": "text/plain"}, 406, 0, ("Accept", DIALOG_INFO)),
    ],
)
def test_what_a_subscribe_gets(
    headers: dict[str, str], status: int, seconds: int, told: tuple[str, str]
) -> None:
    request = Request("SUBSCRIBE", "sip:2001@h")
    for name, value in headers.items():
        request.set(name, value)
    made = grant(request, "dialog", DIALOG_INFO, SubscriptionPolicy())
    assert (made.status, made.seconds, made.headers) == (status, seconds, (told,))


def test_an_unreadable_time_is_refused() -> None:
    request = Request("SUBSCRIBE", "sip:2001@h")
    request.set("Event", "dialog")
    request.set("Expires", "soon")
    with pytest.raises(SipParseError):
        grant(request, "dialog", DIALOG_INFO)


def test_a_subscription_that_is_over_is_not_taken_up_again() -> None:
    active, over = SubscriptionState.ACTIVE, SubscriptionState.TERMINATED
    assert subscription_step(active, SubscriptionEvent.REFRESHED) is active
    for event in (SubscriptionEvent.LEFT, SubscriptionEvent.EXPIRED, SubscriptionEvent.REFUSED):
        assert subscription_step(active, event) is over
    with pytest.raises(IllegalTransitionError):
        subscription_step(over, SubscriptionEvent.REFRESHED)


def test_all_dialogs_are_told_and_nothing_breaks_out() -> None:
    text = dialog_info(
        'sip:"<a>&b"@h', 3, [WatchedDialog("1", "early"), WatchedDialog("2", "confirmed", True)]
    )
    root = ET.fromstring(text)
    assert (root.get("version"), root.get("state"), root.get("entity")) == ("3", "full", 'sip:"<a>&b"@h')
    dialogs = root.findall("d:dialog", NAMES)
    assert [(item.get("id"), item.get("direction")) for item in dialogs] == [
        ("1", "recipient"),
        ("2", "initiator"),
    ]
    assert [item.findtext("d:state", namespaces=NAMES) for item in dialogs] == ["early", "confirmed"]
    assert ET.fromstring(dialog_info("sip:a@h", 0, [])).findall("d:dialog", NAMES) == []
