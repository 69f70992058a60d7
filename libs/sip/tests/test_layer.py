from __future__ import annotations

import pytest
from sip_wire import A_TO_B, B_TO_A, A, B, Wire, request, wire_request

from seatbus_sip import (
    AckReceived,
    AckTimeout,
    CancelReceived,
    Flow,
    KeepAlive,
    RequestReceived,
    Response,
    ResponseReceived,
    SipLayer,
    StrayResponse,
    TransactionTimeout,
    TransportFailed,
    parse_message,
)
from seatbus_sip.errors import IllegalTransitionError
from seatbus_sip.tables import State


def statuses(wire: Wire) -> list[int]:
    return [event.response.status for event in wire.seen_a if isinstance(event, ResponseReceived)]


def test_an_invite_nobody_hears_is_sent_seven_times_and_then_times_out() -> None:
    wire = Wire(fate=list)
    tx = wire.a.send_request(request(), wire.ab, 0.0)
    wire.run()
    assert len(wire.lines("a")) == 7
    assert wire.seen_a == [TransactionTimeout(tx)]
    assert wire.now == 32.0
    assert len(wire.a) == 0


def test_another_request_nobody_hears_is_sent_eleven_times() -> None:
    wire = Wire(fate=list)
    wire.a.send_request(request("OPTIONS"), wire.ab, 0.0)
    wire.run()
    assert len(wire.lines("a")) == 11
    assert isinstance(wire.seen_a[0], TransactionTimeout)


def test_a_reliable_transport_repeats_nothing() -> None:
    wire = Wire(fate=list, transport="TCP")
    wire.a.send_request(request(), wire.ab, 0.0)
    wire.a.send_request(request("OPTIONS", "c2"), wire.ab, 0.0)
    wire.run()
    assert len(wire.lines("a")) == 2


def test_a_slow_user_gets_the_100_sent_for_it_and_repeats_are_absorbed() -> None:
    wire = Wire()
    wire.on_b = lambda event, now: None
    wire.a.send_request(request(), wire.ab, 0.0)
    wire.run(5.0)
    assert statuses(wire) == [100]
    assert len(wire.lines("a")) == 1
    assert len(wire.seen_b) == 1


def refuse(wire: Wire, status: int) -> None:
    def act(event: object, now: float) -> None:
        if isinstance(event, RequestReceived):
            wire.b.respond(event.tx, event.tx.response(status), now)

    wire.on_b = act


def test_a_refusal_is_acknowledged_by_the_layer_and_told_once() -> None:
    wire = Wire(fate=lambda: [0.01, 0.02])
    refuse(wire, 486)
    wire.a.send_request(request(), wire.ab, 0.0)
    wire.run()
    assert statuses(wire) == [486]
    assert wire.lines("a")[1].startswith("ACK")
    assert not any(isinstance(event, AckReceived) for event in wire.seen_b)
    assert len(wire.a) == len(wire.b) == 0


def test_a_refusal_without_ack_is_repeated_and_reported() -> None:
    wire = Wire()
    refuse(wire, 486)
    wire.b.receive(wire_request(), wire.ba, 0.0)
    wire.run()
    assert len(wire.lines("b")) == 11
    assert isinstance(wire.seen_b[-1], TransactionTimeout)


def answer(wire: Wire, acknowledge: bool) -> None:
    refuse(wire, 200)

    def act(event: object, now: float) -> None:
        if acknowledge and isinstance(event, ResponseReceived) and event.response.status == 200:
            ack = request("ACK")
            ack.set("To", event.response.require("To"))
            wire.a.send_ack(event.tx, ack, now)

    wire.on_a = act


def test_a_2xx_is_repeated_until_its_ack_and_each_repeat_gets_the_same_ack() -> None:
    drop = iter([False, False, True, False, True])
    wire = Wire(fate=lambda: [] if next(drop, False) else [0.01])
    answer(wire, acknowledge=True)
    wire.a.send_request(request(), wire.ab, 0.0)
    wire.run()
    assert statuses(wire) == [200]
    acks = [line for line in wire.lines("a") if line.startswith("ACK")]
    assert len(acks) == len(wire.lines("b")) == 3
    assert [type(event) for event in wire.seen_b] == [RequestReceived, AckReceived]
    assert isinstance(wire.seen_b[1], AckReceived)
    assert isinstance(wire.seen_b[0], RequestReceived)
    assert wire.seen_b[1].tx is wire.seen_b[0].tx


def test_a_2xx_without_ack_ends_in_an_ack_timeout() -> None:
    wire = Wire()
    answer(wire, acknowledge=False)
    wire.a.send_request(request(), wire.ab, 0.0)
    wire.run()
    assert len(wire.lines("b")) == 11
    assert [type(event) for event in wire.seen_b] == [RequestReceived, AckTimeout]
    assert len(wire.a) == len(wire.b) == 0


def test_cancel_waits_for_a_provisional_and_the_invite_ends_by_487() -> None:
    wire = Wire()

    def act(event: object, now: float) -> None:
        if isinstance(event, CancelReceived):
            wire.b.respond(event.tx, event.tx.response(487), now)

    wire.on_b = act
    tx = wire.a.send_request(request(), wire.ab, 0.0)
    assert wire.a.cancel(tx, 0.0, reason='SIP;cause=200;text="Call completed elsewhere"')
    assert tx.cancel_pending
    wire.run()
    assert statuses(wire) == [100, 487]
    assert [line.split()[0] for line in wire.lines("a")] == ["INVITE", "CANCEL", "ACK"]
    cancelled = next(event for event in wire.seen_b if isinstance(event, CancelReceived))
    assert "completed elsewhere" in (cancelled.request.get("Reason") or "")
    assert not wire.a.cancel(tx, wire.now)


def test_a_cancelled_invite_without_final_response_ends_after_64_t1() -> None:
    wire = Wire()
    tx = wire.a.send_request(request(), wire.ab, 0.0)
    wire.at(1.0, lambda now: wire.a.cancel(tx, now) and None)
    wire.run(40.0)
    assert wire.seen_a[-1] == TransactionTimeout(tx)


def test_a_cancel_for_nothing_is_refused_and_one_behind_the_answer_changes_nothing() -> None:
    layer = SipLayer()
    layer.receive(wire_request(start="CANCEL sip:b@h SIP/2.0", CSeq="1 CANCEL"), B_TO_A, 0.0)
    ((_, data),) = layer.outgoing()
    assert data.startswith(b"SIP/2.0 481")
    assert layer.events() == []
    wire = Wire()
    refuse(wire, 486)
    wire.b.receive(wire_request(), wire.ba, 0.0)
    wire.run(0.1)
    wire.b.receive(wire_request(start="CANCEL sip:b@h SIP/2.0", CSeq="1 CANCEL"), wire.ba, 0.1)
    wire.run(0.2)
    assert [line[:11] for line in wire.lines("b")] == ["SIP/2.0 486", "SIP/2.0 200"]
    assert not any(isinstance(event, CancelReceived) for event in wire.seen_b)


def test_a_repeated_request_gets_the_last_response_again() -> None:
    wire = Wire()
    refuse(wire, 200)
    for now in (0.0, 1.0, 2.0):
        wire.b.receive(wire_request(start="OPTIONS sip:b@h SIP/2.0", CSeq="1 OPTIONS"), wire.ba, now)
        wire.run(now + 0.5)
    assert wire.lines("b") == ["SIP/2.0 200 OK"] * 3
    assert len(wire.seen_b) == 1


def test_answering_twice_is_an_error_of_the_caller() -> None:
    layer = SipLayer()
    layer.receive(wire_request(), B_TO_A, 0.0)
    (event,) = layer.events()
    assert isinstance(event, RequestReceived)
    response = event.tx.response(404)
    layer.respond(event.tx, response, 0.0)
    with pytest.raises(IllegalTransitionError):
        layer.respond(event.tx, response, 0.0)
    assert event.tx.state is State.COMPLETED
    with pytest.raises(ValueError, match="finished"):
        event.tx.response(404)


@pytest.mark.parametrize(
    ("via", "remote", "goes_to", "noted"),
    [
        (
            "SIP/2.0/UDP 10.0.0.1:5060;branch=z9hG4bKx;rport",
            ("203.0.113.5", 1024),
            ("203.0.113.5", 1024),
            ";rport=1024;received=203.0.113.5",
        ),
        (
            "SIP/2.0/UDP 10.0.0.1:5070;branch=z9hG4bKx",
            ("203.0.113.5", 1024),
            ("203.0.113.5", 5070),
            ";received=203.0.113.5",
        ),
        (
            "SIP/2.0/UDP 203.0.113.5;branch=z9hG4bKx",
            ("203.0.113.5", 1024),
            ("203.0.113.5", 5060),
            ";branch=z9hG4bKx",
        ),
    ],
    ids=["rport", "received only", "neither"],
)
def test_responses_go_where_section_18_2_2_and_rfc_3581_say(
    via: str, remote: tuple[str, int], goes_to: tuple[str, int], noted: str
) -> None:
    layer = SipLayer()
    layer.receive(wire_request(Via=via), Flow("UDP", A, remote), 0.0)
    (event,) = layer.events()
    assert isinstance(event, RequestReceived)
    layer.respond(event.tx, event.tx.response(404), 0.0)
    ((flow, data),) = layer.outgoing()
    assert flow.remote == goes_to
    assert (parse_message(data).get("Via") or "").endswith(noted)


def test_a_new_request_without_hops_left_is_refused_but_not_one_in_a_dialog() -> None:
    layer = SipLayer()
    layer.receive(wire_request(Max_Forwards="0"), B_TO_A, 0.0)
    assert layer.outgoing()[0][1].startswith(b"SIP/2.0 483")
    layer.receive(wire_request(Max_Forwards="0", To="<sip:b@h>;tag=1"), B_TO_A, 0.0)
    assert len(layer.events()) == 1


def test_the_same_request_by_two_ways_is_a_loop() -> None:
    layer = SipLayer()
    layer.receive(wire_request(), B_TO_A, 0.0)
    layer.receive(wire_request(Via="SIP/2.0/UDP 10.0.0.9;branch=z9hG4bKother"), B_TO_A, 0.0)
    assert [data[:11] for _, data in layer.outgoing()] == [b"SIP/2.0 482"]
    assert len(layer.events()) == 1


def test_a_peer_of_rfc_2543_without_branches_is_matched_by_its_headers() -> None:
    wire = Wire()
    refuse(wire, 486)
    old = {"Via": "SIP/2.0/UDP 10.0.0.1:5060"}
    wire.b.receive(wire_request(**old), wire.ba, 0.0)
    wire.b.receive(wire_request(**old), wire.ba, 0.1)
    wire.run(0.2)
    wire.b.receive(wire_request(**old, start="ACK sip:bob@10.0.0.2 SIP/2.0", CSeq="1 ACK"), wire.ba, 0.2)
    wire.run()
    assert wire.lines("b") == ["SIP/2.0 486 Busy Here"]
    assert [type(event) for event in wire.seen_b] == [RequestReceived]


def test_a_broken_flow_ends_its_transactions() -> None:
    layer = SipLayer()
    tx = layer.send_request(request(), A_TO_B, 0.0)
    other = layer.send_request(request(call_id="c2"), Flow("UDP", A, ("10.9.9.9", 5060)), 0.0)
    layer.transport_failed(A_TO_B, 1.0)
    assert layer.events() == [TransportFailed(tx)]
    assert not other.terminated


def test_keep_alives_strays_and_lost_acks_are_told() -> None:
    layer = SipLayer()
    layer.receive(b"\r\n\r\n", B_TO_A, 0.0)
    tcp = Flow("TCP", A, B)
    layer.receive(b"\r\n\r\n", tcp, 0.0)
    assert layer.outgoing() == [(tcp, b"\r\n")]
    layer.receive(wire_request(start="SIP/2.0 200 OK", To="<sip:b@h>;tag=9"), B_TO_A, 0.0)
    layer.receive(wire_request(start="ACK sip:b@h SIP/2.0", CSeq="1 ACK", To="<sip:b@h>;tag=9"), B_TO_A, 0.0)
    kinds = [type(event) for event in layer.events()]
    assert kinds == [KeepAlive, KeepAlive, StrayResponse, AckReceived]


def test_a_request_left_without_answer_is_forgotten_after_64_t1() -> None:
    layer = SipLayer()
    layer.receive(wire_request(start="INFO sip:b@h SIP/2.0", CSeq="1 INFO"), B_TO_A, 0.0)
    layer.events()
    layer.tick(32.0)
    assert [type(event) for event in layer.events()] == [TransactionTimeout]
    assert len(layer) == 0
    assert layer.next_deadline() is None


def test_a_forked_second_answer_reaches_the_user() -> None:
    layer = SipLayer()
    tx = layer.send_request(request(), A_TO_B, 0.0)
    ((_, data),) = layer.outgoing()
    invite = parse_message(data)
    for tag in ("one", "two", "one"):
        ok = Response.to_request(invite, 200, tag=tag)  # type: ignore[arg-type]
        layer.receive(ok.to_bytes(), A_TO_B, 0.1)
        for event in layer.events():
            assert isinstance(event, ResponseReceived)
            ack = request("ACK")
            ack.set("To", event.response.require("To"))
            layer.send_ack(tx, ack, 0.1)
    acks = [parse_message(data) for _, data in layer.outgoing()]
    assert [ack.to.tag for ack in acks] == ["one", "two", "one"]
    assert acks[0].to_bytes() == acks[2].to_bytes()


def test_a_successor_takes_up_an_invite_that_was_received() -> None:
    wire = Wire()
    wire.a.send_request(request(), wire.ab, 0.0)
    (_, data), *_ = wire.a.outgoing()
    first = SipLayer()
    first.receive(data, B_TO_A, 0.0)
    (received,) = [event for event in first.events() if isinstance(event, RequestReceived)]
    kept = received.request.to_bytes()

    successor = SipLayer()
    again = parse_message(kept)
    assert not isinstance(again, Response)
    tx = successor.resume_invite(again, received.flow, received.tx.local_tag)
    successor.receive(data, B_TO_A, 1.0)
    assert successor.events() == []
    successor.respond(tx, tx.response(180), 1.0)
    successor.receive(data, B_TO_A, 2.0)
    assert [sent.split(b"\r\n")[0] for _, sent in successor.outgoing()] == [b"SIP/2.0 180 Ringing"] * 2
    tag = b"tag=" + received.tx.local_tag.encode()
    successor.respond(tx, tx.response(486), 3.0)
    assert tag in successor.outgoing()[0][1]


def test_a_prepared_invite_sent_by_a_successor_is_a_retransmission() -> None:
    asked = request()
    first = SipLayer()
    first.prepare_request(asked, A_TO_B)
    kept = asked.to_bytes()
    first.send_prepared(asked, A_TO_B, 0.0)
    (_, sent), *_ = first.outgoing()
    phone = SipLayer()
    phone.receive(sent, B_TO_A, 0.0)
    (ringing,) = [event for event in phone.events() if isinstance(event, RequestReceived)]
    phone.respond(ringing.tx, ringing.tx.response(180), 0.0)
    phone.outgoing()

    successor = SipLayer()
    again = parse_message(kept)
    assert not isinstance(again, Response)
    tx = successor.send_prepared(again, A_TO_B, 5.0)
    (_, resent), *_ = successor.outgoing()
    assert resent == sent
    phone.receive(resent, B_TO_A, 5.0)
    assert phone.events() == []
    ((_, answer),) = phone.outgoing()
    successor.receive(answer, A_TO_B, 5.0)
    assert tx.state is State.PROCEEDING
