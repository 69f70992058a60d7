"""An INVITE that several phones answer, over a network that loses, doubles and reorders."""

from __future__ import annotations

import random

import pytest
from sip_wire import Wire, lossy, request

from seatbus_sip import (
    AckReceived,
    AckTimeout,
    Dialog,
    DialogKey,
    DialogState,
    ForkResult,
    Forks,
    RequestReceived,
    ResponseReceived,
    TransactionTimeout,
)
from seatbus_sip.dialog import DialogError

TAGS = ("phone-1", "phone-2", "phone-3")


class ForkedCalls:
    """A caller whose INVITEs ring at three phones, of which two pick up; one is kept, the other let go."""

    def __init__(self, wire: Wire, count: int) -> None:
        self.wire = wire
        self.forks = [Forks(request(call_id=f"call-{n}", tag=f"t{n}")) for n in range(count)]
        self.results: dict[str, list[ForkResult]] = {f"call-{n}": [] for n in range(count)}
        self.early: dict[str, set[str]] = {f"call-{n}": set() for n in range(count)}
        self.finals: dict[str, int] = {f"call-{n}": 0 for n in range(count)}
        self.phones: dict[DialogKey, Dialog] = {}
        self.acked: list[tuple[str, str | None]] = []
        wire.on_a, wire.on_b = self.on_a, self.on_b
        for number in range(count):
            wire.at(number * 0.5, lambda now, number=number: self.start(number, now))

    def start(self, number: int, now: float) -> None:
        invite = request(call_id=f"call-{number}", tag=f"t{number}")
        self.forks[number] = Forks(invite)
        self.wire.a.send_request(invite, self.wire.ab, now)

    def on_a(self, event: object, now: float) -> None:
        if isinstance(event, TransactionTimeout) and event.tx.method == "INVITE":
            self.finals[event.tx.call_id] += 1
        if not isinstance(event, ResponseReceived) or event.tx.method != "INVITE":
            return
        call_id = event.response.call_id
        outcome = self.forks[int(call_id.removeprefix("call-"))].receive(event.response)
        self.results[call_id].append(outcome.result)
        if outcome.result is ForkResult.EARLY:
            self.early[call_id].add(event.response.to.tag or "")
        if outcome.result is ForkResult.WON:
            self.finals[call_id] += 1
        if outcome.result in (ForkResult.WON, ForkResult.SURPLUS):
            assert outcome.dialog is not None
            dialog = outcome.dialog
            self.wire.a.send_ack(event.tx, dialog.ack(), now)
            delay = 5.0 if outcome.result is ForkResult.WON else 0.0
            self.wire.at(now + delay, lambda later: self.hang_up(dialog, later))

    def hang_up(self, dialog: Dialog, now: float) -> None:
        self.wire.a.send_request(dialog.request("BYE"), self.wire.ab, now)

    def on_b(self, event: object, now: float) -> None:
        if isinstance(event, AckReceived) and event.tx is not None:
            self.acked.append((event.request.call_id, event.request.to.tag))
        elif isinstance(event, AckTimeout):
            for key in [key for key in self.phones if key.call_id == event.tx.call_id]:
                self.phones.pop(key)
        elif isinstance(event, RequestReceived) and event.request.method == "INVITE":
            for number, tag in enumerate(TAGS):
                dialog = Dialog.uas(event.request, tag, f"<sip:{tag}@10.0.0.2>")
                self.wire.b.respond(event.tx, dialog.response(event.request, 180), now)
                if number < 2:
                    self.phones[dialog.key] = dialog
                    answer = dialog.response(event.request, 200)
                    self.wire.at(
                        now + 1.0 + number * 0.2,
                        lambda later, answer=answer: self.wire.b.respond(event.tx, answer, later),
                    )
        elif isinstance(event, RequestReceived):
            dialog = self.phones.get(DialogKey.of_request(event.request) or DialogKey("", "", ""))
            status = 200 if dialog is not None else 481
            if dialog is not None:
                try:
                    dialog.on_request(event.request)
                except DialogError as error:
                    status = error.status
            self.wire.b.respond(event.tx, event.tx.response(status), now)


@pytest.mark.parametrize("loss", [0.0, 0.03, 0.10, 0.30])
def test_of_several_phones_that_pick_up_one_is_kept_and_each_other_is_let_go(loss: float) -> None:
    rng = random.Random(int(loss * 100))
    calls = ForkedCalls(wire := Wire(lossy(rng, loss, duplicate=0.1, jitter=0.2)), 30)
    wire.run(400.0)
    for call_id, results in calls.results.items():
        assert calls.finals[call_id] == 1, (call_id, results)
        assert results.count(ForkResult.WON) <= 1
        assert results.count(ForkResult.SURPLUS) <= 1
    # Each 2xx is acknowledged to its own phone, and told once.
    assert len(calls.acked) == len(set(calls.acked))
    assert len(wire.a) == len(wire.b) == 0, "transactions are left"
    assert wire.a.next_deadline() is wire.b.next_deadline() is None
    if loss <= 0.10:
        assert all(ForkResult.SURPLUS in results for results in calls.results.values())
        assert all(dialog.state is DialogState.TERMINATED for dialog in calls.phones.values())
    if loss == 0.0:
        assert all(early == set(TAGS) for early in calls.early.values())
        assert len(calls.acked) == 60
