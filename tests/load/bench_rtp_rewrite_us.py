"""CPU of one relayed packet without sockets: header rewrite and payload, same law and translated.

The value is the dearer of the two, the best of several rounds (the machine's noise only ever adds).
"""

from __future__ import annotations

import time

from seatbus_rtp import g711
from seatbus_rtp.packet import build
from seatbus_rtp.rewriter import Route, StreamRewriter

PACKETS = 50_000
ROUNDS = 5


def measure(packets: list[bytes], route: Route, into: bool) -> float:
    """µs of CPU a packet."""
    rewriter = StreamRewriter(0x1234, 1, 1, routes={0: route})
    out = bytearray(1500)
    relay, relay_into = rewriter.relay, rewriter.relay_into
    start = time.process_time()
    now = 0.0
    if into:
        for packet in packets:
            relay_into(packet, out, now)
            now += 0.02
    else:
        for packet in packets:
            relay(packet, now)
            now += 0.02
    spent = time.process_time() - start
    if rewriter.packets != len(packets):
        raise SystemExit(f"only {rewriter.packets} of {len(packets)} packets were relayed")
    return spent / len(packets) * 1e6


def main() -> None:
    packets = [build(0, i, i * 160, 7, bytes(160)) for i in range(PACKETS)]
    routes: dict[str, Route] = {"same law": (0, None), "mu to A": (8, g711.PCMU_TO_PCMA)}
    worst = 0.0
    for name, route in routes.items():
        for into in (False, True):
            best = min(measure(packets, route, into) for _ in range(ROUNDS))
            print(f"{name:9} {'relay_into' if into else 'relay':10} {best:.2f} us")
            if not into:
                worst = max(worst, best)
    print(f"rtp_rewrite_us {worst:.2f} us")


if __name__ == "__main__":
    main()
