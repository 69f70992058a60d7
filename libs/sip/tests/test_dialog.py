from __future__ import annotations

import json

import pytest
from sip_wire import parsed, request

from seatbus_sip import (
    Dialog,
    DialogKey,
    DialogState,
    ForkResult,
    Forks,
    Request,
    Response,
    Role,
    next_attempt,
)
from seatbus_sip.dialog import DialogError
from seatbus_sip.errors import GlareError, NoDialogError, OutOfOrderError

RR = "<sip:p1.example.com;lr>, <sip:p2.example.com;lr>"


def answered(status: int = 200, tag: str = "tb", record_route: str | None = RR) -> Response:
    response = Response.to_request(request(), status, tag=tag)
    response.set("Contact", "<sip:bob@192.0.2.9:5070>")
    if record_route:
        response.set("Record-Route", record_route)
    return response


def uac(status: int = 200) -> Dialog:
    return Dialog.uac(request(), answered(status))


def uas() -> Dialog:
    return Dialog.uas(parsed(Record_Route=RR), "mine", "<sip:edge@10.0.0.2>")


def inside(method: str = "INFO", cseq: int = 2, **changes: str | None) -> Request:
    changes = {"To": "<sip:bob@example.com>;tag=mine", "CSeq": f"{cseq} {method}", **changes}
    return parsed(start=f"{method} sip:edge@10.0.0.2 SIP/2.0", **changes)


def test_a_callers_dialog_reverses_the_recorded_route_and_a_callees_does_not() -> None:
    bye = uac().request("BYE")
    assert bye.get_all("Route") == ["<sip:p2.example.com;lr>", "<sip:p1.example.com;lr>"]
    assert (bye.uri, str(bye.cseq), bye.to.tag, bye.from_.tag) == (
        "sip:bob@192.0.2.9:5070",
        "2 BYE",
        "tb",
        "tag-a",
    )
    dialog = uas()
    info = dialog.request("INFO")
    assert info.get_all("Route") == ["<sip:p1.example.com;lr>", "<sip:p2.example.com;lr>"]
    assert (info.uri, info.to.tag, info.from_.tag) == ("sip:anna@10.0.0.1", "ta", "mine")
    assert dialog.next_hop.host == "p1.example.com"
    assert dialog.key == DialogKey.of_request(inside())


def test_a_strict_router_gets_the_request_uri() -> None:
    dialog = Dialog.uac(request(), answered(record_route="<sip:old.example.com>"))
    bye = dialog.request("BYE")
    assert bye.uri == "sip:old.example.com"
    assert bye.get_all("Route") == ["<sip:bob@192.0.2.9:5070>"]


def test_the_ack_of_a_2xx_repeats_the_number_of_its_invite() -> None:
    dialog = uac()
    dialog.request("INFO")
    assert str(dialog.ack().cseq) == "1 ACK"
    dialog.request("INVITE")
    assert str(dialog.ack().cseq) == "3 ACK"
    assert str(dialog.ack(1).cseq) == "1 ACK"


def test_the_route_is_taken_from_the_2xx_and_fixed_then() -> None:
    forks = Forks(request())
    assert forks.receive(answered(180, record_route="<sip:early;lr>")).result is ForkResult.EARLY
    dialog = forks.receive(answered()).dialog
    assert dialog is not None
    assert dialog.route_set == ("<sip:p2.example.com;lr>", "<sip:p1.example.com;lr>")
    dialog.on_response(answered(record_route="<sip:later;lr>"))
    assert dialog.next_hop.host == "p2.example.com"


def test_requests_out_of_order_are_refused_and_a_gap_is_not() -> None:
    dialog = uas()
    dialog.on_request(inside(cseq=5))
    for number in (5, 4):
        with pytest.raises(OutOfOrderError) as caught:
            dialog.on_request(inside(cseq=number))
        assert caught.value.status == 500


def test_a_target_refresh_moves_the_peer_and_an_info_does_not() -> None:
    dialog = uas()
    dialog.on_request(inside("INFO", 2, Contact="<sip:x@1.1.1.1>"))
    assert dialog.remote_target == "sip:anna@10.0.0.1"
    dialog.on_request(inside("INVITE", 3, Contact="<sip:x@1.1.1.1>"))
    assert dialog.remote_target == "sip:x@1.1.1.1"


def test_offers_that_cross_are_glare_on_both_sides() -> None:
    dialog = uas()
    dialog.response(parsed(), 200)
    reinvite = dialog.request("INVITE")
    with pytest.raises(GlareError) as caught:
        dialog.on_request(inside("INVITE", 2))
    assert caught.value.status == 491
    with pytest.raises(GlareError):
        dialog.request("UPDATE")
    dialog.on_response(Response.to_request(reinvite, 491))
    assert dialog.state is DialogState.CONFIRMED
    dialog.on_request(inside("INVITE", 3))
    with pytest.raises(GlareError):
        dialog.request("INVITE")
    with pytest.raises(OutOfOrderError):
        dialog.on_request(inside("INVITE", 4))
    dialog.response(inside("INVITE", 3), 200)
    dialog.request("INVITE")


def test_bye_481_and_silence_end_a_dialog_and_nothing_follows() -> None:
    for end in (
        lambda d: d.on_request(inside("BYE")),
        lambda d: d.request("BYE"),
        lambda d: d.on_timeout("INVITE"),
        lambda d: d.on_response(Response.to_request(d.request("INFO"), 481)),
    ):
        dialog = uas()
        dialog.response(parsed(), 200)
        end(dialog)
        assert dialog.state is DialogState.TERMINATED
        with pytest.raises(NoDialogError):
            dialog.request("INFO")
        with pytest.raises(NoDialogError) as caught:
            dialog.on_request(inside(cseq=9))
        assert caught.value.status == 481


def test_a_refused_invite_ends_its_early_dialogs_and_a_refused_reinvite_none() -> None:
    forks = Forks(request())
    early = [forks.receive(answered(180, tag)).dialog for tag in ("one", "two")]
    assert forks.receive(Response.to_request(request(), 486, tag="x")).result is ForkResult.FAILED
    assert all(dialog and dialog.state is DialogState.TERMINATED for dialog in early)
    late = forks.receive(answered(200, "one"))
    assert late.result is ForkResult.SURPLUS
    assert late.dialog is not None
    assert late.dialog.request("BYE").to.tag == "one"


def test_of_two_answers_one_wins_and_the_other_is_surplus() -> None:
    forks = Forks(request())
    results = [
        forks.receive(answered(status, tag)).result
        for status, tag in (
            (100, ""),
            (180, "one"),
            (183, "two"),
            (200, "two"),
            (200, "one"),
            (200, "two"),
            (200, "three"),
        )
    ]
    assert [result.name for result in results] == [
        "TRYING",
        "EARLY",
        "EARLY",
        "WON",
        "SURPLUS",
        "REPEATED",
        "SURPLUS",
    ]
    assert forks.winner is forks.dialogs["two"]


def test_a_dialog_comes_back_from_json_and_goes_on_where_it_was() -> None:
    for dialog in (uac(), uas(), uac(180)):
        dialog.sdp_session_id, dialog.sdp_version = 77, 3
        again = Dialog.from_dict(json.loads(json.dumps(dialog.to_dict())))
        assert again.to_dict() == dialog.to_dict()
        again.reserve_cseq(100)
        assert again.request("INFO").cseq.number == dialog.request("INFO").cseq.number + 100
    assert again.role is Role.UAC


@pytest.mark.parametrize(
    "broken", [{"call_id": None}, {"local_cseq": "1"}, {"route_set": "x"}, {"remote_cseq": "x"}]
)
def test_a_broken_journal_entry_is_refused(broken: dict[str, object]) -> None:
    with pytest.raises(DialogError):
        Dialog.from_dict({**uas().to_dict(), **broken})


def test_another_attempt_is_a_new_request_that_the_dialog_counts() -> None:
    dialog = uac()
    invite = dialog.request("INVITE")
    invite.set("Via", "SIP/2.0/UDP h;branch=z9hG4bK1")
    dialog.on_response(Response.to_request(invite, 401))
    again = next_attempt(invite, dialog)
    assert "Via" not in again
    assert (again.cseq.number, dialog.ack().cseq.number, dialog.request("INFO").cseq.number) == (3, 3, 4)
    with pytest.raises(GlareError):
        dialog.request("UPDATE")
    assert next_attempt(request()).cseq.number == 2


def test_what_cannot_make_a_dialog_is_refused() -> None:
    with pytest.raises(DialogError):
        Dialog.uas(parsed(Contact=None), "t", "<sip:x>")
    with pytest.raises(DialogError):
        Dialog.uac(request(), Response.to_request(request(), 100))
