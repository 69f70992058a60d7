"""Whole calls over a network that loses, doubles and reorders: every call ends, nothing is left."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sip_wire import Handler, Wire, lossy, request

from seatbus_sip import (
    AckReceived,
    AckTimeout,
    CancelReceived,
    Dialog,
    DialogKey,
    DialogState,
    ForkResult,
    Forks,
    LayerEvent,
    RequestReceived,
    ResponseReceived,
    TransactionTimeout,
)
from seatbus_sip.dialog import DialogError
from seatbus_testkit.properties import examples


class Calls:
    """A caller (a) and a callee (b) that run calls to their end and keep book of it."""

    def __init__(self, wire: Wire, plan: list[str]) -> None:
        self.wire = wire
        self.plan = plan
        self.forks: dict[str, Forks] = {}
        self.outcome: dict[str, list[str]] = {}
        self.callee: dict[DialogKey, Dialog] = {}
        self.told: list[tuple[str, str]] = []
        wire.on_a, wire.on_b = self.on_a, self.on_b
        for number, kind in enumerate(plan):
            wire.at(number * 0.5, lambda now, number=number, kind=kind: self.start(number, kind, now))

    def start(self, number: int, kind: str, now: float) -> None:
        invite = request(call_id=f"call-{number}", tag=f"t{number}")
        self.outcome[invite.call_id] = []
        self.forks[invite.call_id] = Forks(invite)
        tx = self.wire.a.send_request(invite, self.wire.ab, now)
        # Ringing may be the last thing heard: the caller too needs a limit of its own.
        self.wire.at(now + 120.0, lambda later: self.wire.a.cancel(tx, later) and None)
        if kind == "cancel":
            self.wire.at(now + 3.0, lambda later: self.wire.a.cancel(tx, later) and None)

    def end(self, call_id: str, how: str) -> None:
        self.outcome[call_id].append(how)

    def hang_up(self, dialog: Dialog, now: float) -> None:
        if dialog.state is not DialogState.TERMINATED:
            self.wire.a.send_request(dialog.request("BYE"), self.wire.ab, now)

    def on_a(self, event: object, now: float) -> None:
        if isinstance(event, TransactionTimeout):
            self.end(event.tx.call_id, "timeout")
        if not isinstance(event, ResponseReceived):
            return
        call_id = event.response.call_id
        if event.tx.method == "BYE":
            self.end(call_id, "ended")
            return
        result = self.forks[call_id].receive(event.response)
        if result.result is ForkResult.WON:
            assert result.dialog is not None
            dialog = result.dialog
            self.wire.a.send_ack(event.tx, dialog.ack(), now)
            self.wire.at(now + 5.0, lambda later: self.hang_up(dialog, later))
        elif result.result is ForkResult.FAILED:
            self.end(call_id, f"refused {event.response.status}")

    def on_b(self, event: object, now: float) -> None:
        if isinstance(event, RequestReceived):
            self.told.append((event.request.method, event.request.call_id))
            if event.request.method == "INVITE":
                self.ring(event, now)
            else:
                self.in_dialog(event, now)
        elif isinstance(event, CancelReceived):
            self.wire.b.respond(event.tx, event.tx.response(487), now)
        elif isinstance(event, AckTimeout):
            for key in [key for key in self.callee if key.call_id == event.tx.call_id]:
                del self.callee[key]
        elif isinstance(event, AckReceived) and event.tx is not None:
            # One that comes after its AckTimeout belongs to nothing, and each of its copies is told.
            self.told.append(("ACK", event.request.call_id))

    def ring(self, event: RequestReceived, now: float) -> None:
        kind = self.plan[int(event.request.call_id.removeprefix("call-"))]
        if kind == "busy":
            self.wire.b.respond(event.tx, event.tx.response(486), now)
            return
        dialog = Dialog.uas(event.request, event.tx.local_tag, "<sip:bob@10.0.0.2>")
        self.callee[dialog.key] = dialog
        self.wire.b.respond(event.tx, dialog.response(event.request, 180), now)
        # A CANCEL may be lost for good: whoever rings needs a limit of its own.
        self.wire.at(now + 90.0, lambda later: self.give_up(event, dialog, later))
        if kind == "answer":
            self.wire.at(
                now + 1.0,
                lambda later: self.wire.b.respond(event.tx, dialog.response(event.request, 200), later),
            )

    def give_up(self, event: RequestReceived, dialog: Dialog, now: float) -> None:
        if event.tx.request is not None:
            self.wire.b.respond(event.tx, dialog.response(event.request, 480), now)

    def in_dialog(self, event: RequestReceived, now: float) -> None:
        dialog = self.callee.get(DialogKey.of_request(event.request) or DialogKey("", "", ""))
        if dialog is None:
            self.wire.b.respond(event.tx, event.tx.response(481), now)
            return
        try:
            dialog.on_request(event.request)
        except DialogError as error:
            self.wire.b.respond(event.tx, event.tx.response(error.status), now)
            return
        self.wire.b.respond(event.tx, dialog.response(event.request, 200), now)


def check(calls: Calls) -> None:
    for call_id, outcome in calls.outcome.items():
        assert len(outcome) == 1, (call_id, outcome)
    assert len(calls.told) == len(set(calls.told)), "something was told twice"
    assert len(calls.wire.a) == len(calls.wire.b) == 0, "transactions are left"
    assert calls.wire.a.next_deadline() is calls.wire.b.next_deadline() is None
    for forks in calls.forks.values():
        assert forks.winner is None or forks.winner.state is DialogState.TERMINATED


@pytest.mark.parametrize("loss", [0.0, 0.03, 0.10, 0.30])
@pytest.mark.parametrize("seed", range(2))
def test_every_call_ends_once_whatever_the_network_loses(seed: int, loss: float) -> None:
    rng = random.Random(seed)
    plan = [rng.choice(["answer", "answer", "answer", "busy", "cancel"]) for _ in range(60)]
    wire = Wire(lossy(rng, loss, duplicate=0.05, jitter=0.3))
    calls = Calls(wire, plan)
    wire.run(600.0)
    check(calls)
    expected = {"answer": "ended", "busy": "refused 486", "cancel": "refused 487"}
    right = sum(calls.outcome[f"call-{n}"] == [expected[kind]] for n, kind in enumerate(plan))
    # A third of all datagrams lost may end a call in another way; it ends all the same.
    assert right == len(plan) or (loss == 0.30 and right > 0.8 * len(plan))


@settings(max_examples=examples(40), deadline=None)
@given(
    st.sampled_from([0.0, 0.03, 0.10, 0.30]),
    st.lists(st.sampled_from(["answer", "busy", "cancel"]), min_size=1, max_size=4),
    st.integers(0, 2**32),
)
def test_nothing_is_held_64_t1_after_the_last_word(loss: float, plan: list[str], seed: int) -> None:
    rng = random.Random(seed)
    wire = Wire(lossy(rng, loss, duplicate=0.1, jitter=0.5))
    calls = Calls(wire, plan)
    last = 0.0
    told: list[int] = []
    held: list[tuple[float, int]] = []
    for second in range(400):
        wire.at(float(second), lambda now: held.append((now, len(wire.a) + len(wire.b))))

    def watch(handler: Handler) -> Handler:
        def seen(event: LayerEvent, now: float) -> None:
            nonlocal last
            last = now
            if isinstance(event, ResponseReceived) and event.response.status == 200:
                told.append(hash((event.tx.call_id, event.tx.method, event.response.to.tag)))
            handler(event, now)

        return seen

    wire.on_a, wire.on_b = watch(calls.on_a), watch(calls.on_b)
    wire.run(600.0)
    check(calls)
    assert len(told) == len(set(told)), "a 2xx was delivered twice"
    assert max((when for when, count in held if count), default=0.0) <= last + 64 * 0.5 + 5.0 + 1.0


def test_without_loss_a_call_takes_six_messages() -> None:
    wire = Wire()
    calls = Calls(wire, ["answer"])
    wire.run()
    check(calls)
    assert [line.split(" ")[0 if who == "a" else 1] for who, line in wire.sent] == [
        "INVITE",
        "180",
        "200",
        "ACK",
        "BYE",
        "200",
    ]


@settings(max_examples=examples(100), deadline=None)
@given(
    st.lists(st.sampled_from(["answer", "busy", "cancel"]), min_size=1, max_size=3),
    st.lists(st.lists(st.floats(0.001, 6.0), max_size=3), max_size=60),
    st.integers(0, 9),
)
def test_any_pattern_of_loss_duplication_and_order_ends(
    plan: list[str], fates: list[list[float]], loss_tenths: int
) -> None:
    rng = random.Random(loss_tenths)
    scripted = iter(fates)
    rest = lossy(rng, loss_tenths / 10)
    wire = Wire(lambda: list(found) if (found := next(scripted, None)) is not None else rest())
    calls = Calls(wire, plan)
    wire.run(1000.0)
    for call_id, outcome in calls.outcome.items():
        assert outcome, call_id
    assert len(wire.a) == len(wire.b) == 0
