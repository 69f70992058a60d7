"""Repeats that are known by their bytes, and transactions that linger and end together."""

from __future__ import annotations

import pytest
from sip_wire import A, B, Wire, request

from seatbus_sip import Flow, LayerConfig, RequestReceived, Response, SipLayer
from seatbus_sip import layer as module
from seatbus_sip.ids import CountedIds
from seatbus_sip.parsing import parse_message
from seatbus_sip.transactions import Timing


def _wire_bytes(method: str) -> bytes:
    sender = SipLayer(ids=CountedIds("a"))
    sender.send_request(request(method), Flow("UDP", A, B), 0.0)
    return sender.outgoing()[0][1]


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """What was parsed."""
    seen: list[bytes] = []

    def parse(data: bytes, *args: object) -> object:
        seen.append(data)
        return parse_message(data, *args)  # type: ignore[arg-type]

    monkeypatch.setattr(module, "parse_message", parse)
    return seen


@pytest.mark.parametrize("method", ["INVITE", "OPTIONS"])
def test_a_repeated_request_is_answered_again_and_not_read_again(method: str, read: list[bytes]) -> None:
    layer, source, data = SipLayer(), Flow("UDP", B, A), _wire_bytes(method)
    layer.receive(data, source, 0.0)
    (event,) = layer.events()
    assert isinstance(event, RequestReceived)
    status = 486 if method == "INVITE" else 200
    layer.respond(event.tx, Response.to_request(event.request, status), 0.0)
    answers = layer.outgoing()
    layer.receive(bytes(bytearray(data)), source, 0.1)
    assert len(read) == 1
    assert layer.outgoing() == answers
    assert not layer.events()


def test_the_same_bytes_from_another_address_are_read(read: list[bytes]) -> None:
    layer, data = SipLayer(), _wire_bytes("OPTIONS")
    for host in ("10.0.0.1", "10.0.0.9"):
        layer.receive(data, Flow("UDP", B, (host, 5060)), 0.0)
    assert len(read) == 2


def test_over_a_stream_nothing_is_taken_for_a_repeat_unread(read: list[bytes]) -> None:
    layer, data = SipLayer(), _wire_bytes("OPTIONS")
    for _ in range(2):
        layer.receive(data, Flow("TCP", B, A), 0.0)
    assert len(read) == 2


def test_nothing_of_a_transaction_is_kept_when_it_is_over(read: list[bytes]) -> None:
    layer, source, data = SipLayer(), Flow("UDP", B, A), _wire_bytes("OPTIONS")
    for now in (0.0, 100.0):
        layer.receive(data, source, now)
        (event,) = layer.events()
        assert isinstance(event, RequestReceived)
        layer.respond(event.tx, event.tx.response(200), now)
        layer.tick(now + 33.0)
        assert len(layer) == 0
        assert not layer._seen
    assert len(read) == 2


def test_what_only_lingers_ends_on_the_grain_and_nothing_else_does() -> None:
    wire = Wire(fate=list)
    wire.a = SipLayer(LayerConfig(timing=Timing(grain=0.25)), ids=CountedIds("a"))
    wire.a.send_request(request(), wire.ab, 0.013)
    assert wire.a.next_deadline() == pytest.approx(0.513)
    layer, source = SipLayer(LayerConfig(timing=Timing(grain=0.25))), Flow("UDP", B, A)
    layer.receive(_wire_bytes("OPTIONS"), source, 0.013)
    (event,) = layer.events()
    assert isinstance(event, RequestReceived)
    layer.respond(event.tx, event.tx.response(200), 0.013)
    assert layer.next_deadline() == 32.25
    layer.tick(32.2)
    assert len(layer) == 1
    layer.tick(32.25)
    assert len(layer) == 0
