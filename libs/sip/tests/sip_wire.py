"""Two engines with a network between them whose clock, losses and order are inputs."""

from __future__ import annotations

import heapq
import random
from collections.abc import Callable

from seatbus_sip import Flow, LayerConfig, LayerEvent, Request, SipLayer, initial_request, parse_message
from seatbus_sip.ids import CountedIds

A, B = ("10.0.0.1", 5060), ("10.0.0.2", 5060)
A_TO_B, B_TO_A = Flow("UDP", A, B), Flow("UDP", B, A)

Handler = Callable[[LayerEvent, float], None]


class Wire:
    """Runs two layers in virtual time. `fate` returns the delays at which copies of a datagram arrive."""

    def __init__(self, fate: Callable[[], list[float]] | None = None, transport: str = "UDP") -> None:
        self.a = SipLayer(ids=CountedIds("a"))
        self.b = SipLayer(LayerConfig(), ids=CountedIds("b"))
        self.ab, self.ba = Flow(transport, A, B), Flow(transport, B, A)
        self.fate = fate or (lambda: [0.01])
        self.now = 0.0
        self.sent: list[tuple[str, str]] = []
        self.on_a: Handler | None = None
        self.on_b: Handler | None = None
        self.seen_a: list[LayerEvent] = []
        self.seen_b: list[LayerEvent] = []
        self._queue: list[tuple[float, int, str, bytes]] = []
        self._count = 0
        self._alarms: list[tuple[float, int, Callable[[float], None]]] = []

    def at(self, when: float, action: Callable[[float], None]) -> None:
        self._count += 1
        heapq.heappush(self._alarms, (when, self._count, action))

    def _collect(self) -> None:
        moved = True
        while moved:
            moved = False
            for name, layer, handler, seen in (
                ("a", self.a, self.on_a, self.seen_a),
                ("b", self.b, self.on_b, self.seen_b),
            ):
                for event in layer.events():
                    seen.append(event)
                    moved = True
                    if handler is not None:
                        handler(event, self.now)
                for _, data in layer.outgoing():
                    self.sent.append((name, data.split(b"\r\n", 1)[0].decode()))
                    for delay in self.fate():
                        self._count += 1
                        target = "b" if name == "a" else "a"
                        heapq.heappush(self._queue, (self.now + delay, self._count, target, data))

    def run(self, until: float = 200.0) -> None:
        """Until nothing is left to happen, or the time is reached."""
        self._collect()
        while True:
            times = [layer.next_deadline() for layer in (self.a, self.b)]
            times += [
                self._queue[0][0] if self._queue else None,
                self._alarms[0][0] if self._alarms else None,
            ]
            following = min((time for time in times if time is not None), default=None)
            if following is None or following > until:
                return
            self.now = max(self.now, following)
            while self._alarms and self._alarms[0][0] <= self.now:
                heapq.heappop(self._alarms)[2](self.now)
            while self._queue and self._queue[0][0] <= self.now:
                _, _, target, data = heapq.heappop(self._queue)
                layer, flow = (self.a, self.ab) if target == "a" else (self.b, self.ba)
                layer.receive(data, flow, self.now)
                self._collect()
            self.a.tick(self.now)
            self.b.tick(self.now)
            self._collect()

    def lines(self, name: str) -> list[str]:
        return [line for who, line in self.sent if who == name]


def lossy(
    rng: random.Random, loss: float, duplicate: float = 0.0, jitter: float = 0.0
) -> Callable[[], list[float]]:
    def fate() -> list[float]:
        copies = [] if rng.random() < loss else [0.01 + rng.random() * jitter]
        return [*copies, 0.02 + rng.random() * jitter] if copies and rng.random() < duplicate else copies

    return fate


def request(method: str = "INVITE", call_id: str = "call-1", tag: str = "tag-a", cseq: int = 1) -> Request:
    return initial_request(
        method,
        "sip:bob@10.0.0.2",
        from_='"Anna" <sip:anna@example.com>',
        to="<sip:bob@example.com>",
        call_id=call_id,
        tag=tag,
        cseq=cseq,
        contact="<sip:anna@10.0.0.1:5060>",
    )


def wire_request(**changes: str | None) -> bytes:
    """A well-formed INVITE as bytes; headers may be replaced (`Max_Forwards=...`) or dropped (None)."""
    lines: dict[str, str | None] = {
        "start": "INVITE sip:bob@10.0.0.2 SIP/2.0",
        "Via": "SIP/2.0/UDP 10.0.0.1:5060;branch=z9hG4bKtest;rport",
        "Max-Forwards": "70",
        "From": '"Anna" <sip:anna@example.com>;tag=ta',
        "To": "<sip:bob@example.com>",
        "Call-ID": "call-1",
        "CSeq": "1 INVITE",
        "Contact": "<sip:anna@10.0.0.1>",
        "Content-Length": "0",
    }
    lines |= {name.replace("_", "-"): value for name, value in changes.items()}
    start = lines.pop("start")
    return "\r\n".join(
        [str(start), *(f"{n}: {v}" for n, v in lines.items() if v is not None), "", ""]
    ).encode()


def parsed(**changes: str | None) -> Request:
    message = parse_message(wire_request(**changes))
    assert isinstance(message, Request)
    return message
