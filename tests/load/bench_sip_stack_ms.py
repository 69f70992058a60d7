"""CPU milliseconds the SIP stack needs for one whole call on one side, without sockets.

A B2BUA holds two legs, so it pays about twice this. The call: INVITE, 100, 180, 200, ACK, BYE, 200, with
an SDP offer and answer and a dialog on each side, at 20 calls/s of virtual time with all timers.
"""

from __future__ import annotations

import argparse
import statistics
import time

from seatbus_sip import (
    AckReceived,
    Dialog,
    DialogKey,
    Flow,
    ForkResult,
    Forks,
    RequestReceived,
    ResponseReceived,
    SipLayer,
    initial_request,
)
from seatbus_sip.sdp import accept_answer, build_answer, build_offer, parse_sdp

A, B = ("203.0.113.10", 5060), ("198.51.100.7", 5060)
A_TO_B, B_TO_A = Flow("UDP", A, B), Flow("UDP", B, A)


class Pair:
    """A caller and a callee in one process, joined by a list of datagrams, in virtual time."""

    def __init__(self) -> None:
        self.caller, self.callee = SipLayer(), SipLayer()
        self.now = 0.0
        self.messages = 0
        self.dialogs: dict[DialogKey, Dialog] = {}
        self.finished = 0

    def call(self, number: int) -> None:
        self.now += 0.05
        offer = build_offer(("203.0.113.10", 4000), session_id=number)
        invite = initial_request(
            "INVITE",
            "sip:+862012345678@198.51.100.7",
            from_="<sip:+4930123456@203.0.113.10>",
            to="<sip:+862012345678@198.51.100.7>",
            call_id=f"call-{number}",
            tag=f"tag-{number}",
            contact="<sip:gw@203.0.113.10:5060>",
            body=offer.to_bytes(),
        )
        forks = Forks(invite)
        self.caller.send_request(invite, A_TO_B, self.now)
        moved = True
        while moved:
            moved = False
            for _, data in self.caller.outgoing():
                moved = True
                self.messages += 1
                self.callee.receive(data, B_TO_A, self.now)
            for event in self.callee.events():
                self._serve(event, number)
            for _, data in self.callee.outgoing():
                moved = True
                self.messages += 1
                self.caller.receive(data, A_TO_B, self.now)
            for answer in self.caller.events():
                if isinstance(answer, ResponseReceived) and answer.tx.method == "INVITE":
                    result = forks.receive(answer.response)
                    if result.result is ForkResult.WON and result.dialog is not None:
                        accept_answer(offer, parse_sdp(answer.response.body))
                        self.caller.send_ack(answer.tx, result.dialog.ack(), self.now)
                        self.caller.send_request(result.dialog.request("BYE"), A_TO_B, self.now)
                elif isinstance(answer, ResponseReceived):
                    self.finished += 1
        self.caller.tick(self.now)
        self.callee.tick(self.now)

    def _serve(self, event: object, number: int) -> None:
        if isinstance(event, RequestReceived) and event.request.method == "INVITE":
            dialog = Dialog.uas(event.request, event.tx.local_tag, "<sip:edge@198.51.100.7:5060>")
            self.dialogs[dialog.key] = dialog
            self.callee.respond(event.tx, event.tx.response(100), self.now)
            self.callee.respond(event.tx, dialog.response(event.request, 180), self.now)
            answer, _ = build_answer(parse_sdp(event.request.body), ("198.51.100.7", 5000), session_id=number)
            self.callee.respond(
                event.tx, dialog.response(event.request, 200, body=answer.to_bytes()), self.now
            )
        elif isinstance(event, RequestReceived):
            key = DialogKey.of_request(event.request)
            found = self.dialogs.pop(key) if key is not None else None
            if found is not None:
                found.on_request(event.request)
                self.callee.respond(event.tx, found.response(event.request, 200), self.now)
        elif not isinstance(event, AckReceived):
            raise TypeError(f"unexpected {event}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=4000)
    calls: int = parser.parse_args().calls
    pair, batch = Pair(), 200
    rounds: list[float] = []
    for start in range(0, calls, batch):
        began = time.process_time()
        for number in range(start, start + batch):
            pair.call(number)
        rounds.append((time.process_time() - began) / batch * 1e3 / 2)
    held = len(pair.caller) + len(pair.callee)
    print(f"{pair.finished} of {calls} calls ended, {pair.messages / calls:.1f} messages a call")
    print(f"best {min(rounds):.3f} ms, worst {max(rounds):.3f} ms a side; {held} transactions held")
    print(f"sip_stack_ms {statistics.median(rounds):.3f} ms")


if __name__ == "__main__":
    main()
