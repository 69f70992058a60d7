"""Two layers, a network in the hands of hypothesis: each request ends once and nothing is left."""

from __future__ import annotations

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from sip_wire import A_TO_B, B_TO_A, request

from seatbus_sip import (
    AckReceived,
    AckTimeout,
    ClientTransaction,
    RequestReceived,
    ResponseReceived,
    ServerTransaction,
    SipLayer,
    TransactionTimeout,
)
from seatbus_sip.ids import CountedIds
from seatbus_testkit.properties import examples


class Network(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = SipLayer(ids=CountedIds("a")), SipLayer(ids=CountedIds("b"))
        self.now = 0.0
        self.flying: list[tuple[str, bytes]] = []
        self.calls: list[ClientTransaction] = []
        self.finals: dict[str, list[str]] = {}
        self.open: dict[str, ServerTransaction] = {}
        self.requests: list[tuple[str, str]] = []
        self.acks: list[str] = []

    def collect(self) -> None:
        for event in self.a.events():
            if isinstance(event, ResponseReceived):
                assert event.tx.method != "CANCEL"
                if event.response.status >= 200:
                    self.finals[event.tx.call_id].append(str(event.response.status))
                if event.tx.method == "INVITE" and event.response.status == 200:
                    ack = request("ACK", event.tx.call_id)
                    ack.set("To", event.response.require("To"))
                    self.a.send_ack(event.tx, ack, self.now)
            elif isinstance(event, TransactionTimeout):
                self.finals[event.tx.call_id].append("timeout")
        for event in self.b.events():
            if isinstance(event, RequestReceived):
                self.requests.append((event.request.method, event.request.call_id))
                self.open[event.request.call_id] = event.tx
            elif isinstance(event, AckReceived) and event.tx is not None:
                self.acks.append(event.request.call_id)
            elif isinstance(event, TransactionTimeout | AckTimeout):
                self.open.pop(event.tx.call_id, None)
        self.flying += [("b", data) for _, data in self.a.outgoing()]
        self.flying += [("a", data) for _, data in self.b.outgoing()]

    def deliver(self, target: str, data: bytes) -> None:
        if target == "a":
            self.a.receive(data, A_TO_B, self.now)
        else:
            self.b.receive(data, B_TO_A, self.now)
        self.collect()

    @rule(method=st.sampled_from(["INVITE", "INVITE", "OPTIONS"]))
    def ask(self, method: str) -> None:
        call_id = f"c{len(self.calls)}"
        self.finals[call_id] = []
        self.calls.append(self.a.send_request(request(method, call_id), A_TO_B, self.now))
        self.collect()

    @precondition(lambda self: self.flying)
    @rule(pick=st.integers(0, 50), fate=st.sampled_from(["deliver", "deliver", "deliver", "lose", "copy"]))
    def network(self, pick: int, fate: str) -> None:
        index = pick % len(self.flying)
        target, data = self.flying[index]
        if fate != "copy":
            del self.flying[index]
        if fate != "lose":
            self.deliver(target, data)

    @precondition(lambda self: self.open)
    @rule(pick=st.integers(0, 50), status=st.sampled_from([100, 180, 200, 486]))
    def answer(self, pick: int, status: int) -> None:
        call_id = sorted(self.open)[pick % len(self.open)]
        tx = self.open[call_id]
        self.b.respond(tx, tx.response(status), self.now)
        if status >= 200:
            del self.open[call_id]
        self.collect()

    @precondition(lambda self: self.calls)
    @rule(pick=st.integers(0, 50))
    def cancel(self, pick: int) -> None:
        self.a.cancel(self.calls[pick % len(self.calls)], self.now)
        self.collect()

    @rule(seconds=st.sampled_from([0.1, 0.5, 3.0, 40.0]))
    def wait(self, seconds: float) -> None:
        self.now += seconds
        self.a.tick(self.now)
        self.b.tick(self.now)
        self.collect()

    @invariant()
    def each_request_ends_at_most_once_and_is_told_once(self) -> None:
        assert all(len(found) <= 1 for found in self.finals.values()), self.finals
        assert len(self.acks) == len(set(self.acks))

    def teardown(self) -> None:
        for call in self.calls:
            self.a.cancel(call, self.now)
        for tx in list(self.open.values()):
            self.b.respond(tx, tx.response(480), self.now)
        self.flying.clear()
        for layer in (self.a, self.b):
            for _ in range(10_000):
                if (deadline := layer.next_deadline()) is None:
                    break
                self.now = max(self.now, deadline)
                layer.tick(self.now)
                self.collect()
        assert len(self.a) == len(self.b) == 0
        assert all(len(found) == 1 for found in self.finals.values()), self.finals


Network.TestCase.settings = settings(max_examples=examples(80), stateful_step_count=40, deadline=None)
TestNetwork = Network.TestCase
