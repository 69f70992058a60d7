"""MESSAGE (RFC 3428) through the layer: outside of a dialog and inside of one, both ways, and refused."""

from __future__ import annotations

from sip_wire import Wire, request

from seatbus_sip import Dialog, LayerEvent, Request, RequestReceived, Response, ResponseReceived
from seatbus_sip.checks import Capabilities, refuse

TEXT = "Guten Tag \U0001f44b\r\nzweite Zeile"


def message(call_id: str = "m1") -> Request:
    made = request("MESSAGE", call_id)
    made.remove("Contact")
    made.set_body(TEXT, "text/plain;charset=utf-8")
    return made


def answers(wire: Wire) -> list[tuple[str, int]]:
    return [
        (event.response.cseq.method, event.response.status)
        for event in wire.seen_a
        if isinstance(event, ResponseReceived)
    ]


def heard(wire: Wire) -> list[Request]:
    return [event.request for event in wire.seen_b if isinstance(event, RequestReceived)]


def test_a_message_outside_of_a_dialog_makes_none_and_is_repeated_until_it_is_answered() -> None:
    fates = iter([[], [0.01], []])
    wire = Wire(fate=lambda: next(fates, [0.01]))

    def serve(event: LayerEvent, now: float) -> None:
        if isinstance(event, RequestReceived):
            wire.b.respond(event.tx, event.tx.response(200), now)

    wire.on_b = serve
    wire.a.send_request(message(), wire.ab, 0.0)
    wire.run()
    # Lost once on its way, then its answer: it is delivered once, and answered once.
    assert len(wire.lines("a")) == 3
    (came,) = heard(wire)
    assert came.body.decode() == TEXT
    assert came.content_type == "text/plain"
    assert came.contact is None
    assert answers(wire) == [("MESSAGE", 200)]
    assert len(wire.a) == len(wire.b) == 0


def test_messages_inside_of_a_dialog_both_ways() -> None:
    wire = Wire()
    uas: list[Dialog] = []
    uac: list[Dialog] = []
    back: list[int] = []

    def callee(event: LayerEvent, now: float) -> None:
        if isinstance(event, ResponseReceived):
            back.append(event.response.status)
        if not isinstance(event, RequestReceived):
            return
        if event.request.method == "INVITE":
            uas.append(Dialog.uas(event.request, event.tx.local_tag, "<sip:b@10.0.0.2>"))
            wire.b.respond(event.tx, uas[0].response(event.request, 200), now)
            return
        uas[0].on_request(event.request)
        wire.b.respond(event.tx, uas[0].response(event.request, 200), now)
        returned = uas[0].request("MESSAGE", TEXT, "text/plain")
        wire.b.send_request(returned, wire.ba, now)

    def caller(event: LayerEvent, now: float) -> None:
        if isinstance(event, ResponseReceived) and event.response.cseq.method == "INVITE":
            uac.append(Dialog.uac(event.request, event.response))
            wire.a.send_ack(event.tx, uac[0].ack(), now)
            wire.a.send_request(uac[0].request("MESSAGE", TEXT, "text/plain"), wire.ab, now)
        elif isinstance(event, RequestReceived):
            uac[0].on_request(event.request)
            wire.a.respond(event.tx, uac[0].response(event.request, 200), now)

    wire.on_a, wire.on_b = caller, callee
    wire.a.send_request(request(), wire.ab, 0.0)
    wire.run()
    inside = heard(wire)[-1]
    assert (inside.method, inside.body.decode(), inside.to.tag) == ("MESSAGE", TEXT, uac[0].remote_tag)
    assert answers(wire)[-1] == ("MESSAGE", 200)
    assert back == [200]
    # RFC 3428 section 7: it refreshes no target, and the dialog is as it was.
    assert uac[0].remote_target == "sip:b@10.0.0.2"
    assert uac[0].state is uas[0].state


def test_who_serves_no_messages_says_what_it_serves() -> None:
    refusal = refuse(message(), Capabilities(methods=("INVITE", "BYE"), extensions=frozenset()))
    assert refusal is not None
    assert refusal.status == 405
    assert refusal.write_to(Response.to_request(message(), 405)).tokens("Allow") == {"invite", "bye"}
