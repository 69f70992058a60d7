"""Microseconds to parse a 1 kB INVITE and read six of its headers (goal: 10), beside `sipmessage` from PyPI.

Both read the topmost Via, From, To, Call-ID, CSeq and Contact, in turns: a busy machine slows both alike.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable

from sipmessage import Message

from seatbus_sip import parse_message

BODY = (
    "v=0\r\no=- 3871 1 IN IP4 203.0.113.10\r\ns=-\r\nc=IN IP4 203.0.113.10\r\nt=0 0\r\n"
    "m=audio 49170 RTP/AVP 8 0 101\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:0 PCMU/8000\r\n"
    "a=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-16\r\na=ptime:20\r\na=sendrecv\r\n"
)
INVITE = (
    "INVITE sip:+862012345678@198.51.100.7:5060;user=phone SIP/2.0\r\n"
    "Via: SIP/2.0/UDP 203.0.113.10:5060;branch=z9hG4bK776asdhds91;rport\r\n"
    "Via: SIP/2.0/UDP 203.0.113.9:5060;branch=z9hG4bKabcdef;received=192.0.2.4\r\n"
    "Record-Route: <sip:203.0.113.10;lr>\r\nMax-Forwards: 69\r\n"
    'From: "Anna Beispiel" <sip:+4930123456@carrier.example.com>;tag=1928301774\r\n'
    "To: <sip:+862012345678@198.51.100.7>\r\nCall-ID: a84b4c76e66710@203.0.113.10\r\nCSeq: 314159 INVITE\r\n"
    "Contact: <sip:+4930123456@203.0.113.10:5060;transport=udp>\r\n"
    "Allow: INVITE, ACK, CANCEL, BYE, OPTIONS, INFO, UPDATE, REFER\r\nSupported: replaces, 100rel, timer\r\n"
    "User-Agent: Gateway 1.0\r\nSession-Expires: 1800;refresher=uac\r\n"
    f"Content-Type: application/sdp\r\nContent-Length: {len(BODY)}\r\n\r\n{BODY}"
).encode()


def ours() -> None:
    message = parse_message(INVITE)
    _ = message.via, message.from_, message.to, message.call_id, message.cseq, message.contact


def theirs() -> None:
    message = Message.parse(INVITE)
    _ = message.via, message.from_address, message.to_address, message.call_id, message.cseq, message.contact


def batch_us(once: Callable[[], None], batch: int) -> float:
    start = time.process_time()
    for _ in range(batch):
        once()
    return (time.process_time() - start) / batch * 1e6


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=4.0)
    seconds: float = parser.parse_args().seconds
    rounds: list[tuple[float, float]] = []
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        rounds.append((batch_us(ours, 500), batch_us(theirs, 50)))
    mine, other = (sorted(column) for column in zip(*rounds, strict=True))
    ratio = statistics.median(b / a for a, b in rounds)
    print(f"INVITE of {len(INVITE)} bytes, {len(rounds)} rounds, CPU time")
    print(
        f"seatbus:    best {mine[0]:.1f} us, median {statistics.median(mine):.1f} us, worst {mine[-1]:.1f} us"
    )
    print(
        f"sipmessage:  best {other[0]:.1f} us, median {statistics.median(other):.1f} us; {ratio:.1f} x ours"
    )
    print(f"sip_parse_us {statistics.median(mine):.1f} us")


if __name__ == "__main__":
    main()
