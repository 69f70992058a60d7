"""What the edge does not serve, and how it says so, before it asks who is calling."""

from __future__ import annotations

import asyncio
from typing import Any

from seatbus_sip import Response, parse_message


class _Raw(asyncio.DatagramProtocol):
    def __init__(self) -> None:
        self.answers: asyncio.Queue[bytes] = asyncio.Queue()

    def datagram_received(self, data: bytes, addr: Any) -> None:
        self.answers.put_nowait(data)


# Start line, headers beside the common ones, body -> status, and a header that says what would be served.
CASES: tuple[tuple[str, str, bytes, int, str], ...] = (
    ("PUBLISH sip:x@h", "", b"", 405, "Allow: INVITE"),
    ("DANCE sip:x@h", "", b"", 501, "Allow: INVITE"),
    ("OPTIONS soap.beep://h:3002", "", b"", 416, "Warning"),
    ("OPTIONS urn:service:counseling", "", b"", 416, "Warning"),
    ("OPTIONS sip:x@h", "Require: tango, waltz\r\n", b"", 420, "Unsupported: tango, waltz"),
    ("INVITE sip:x@h", "Content-Type: text/html\r\n", b"<p>", 415, "Accept: application/sdp"),
    ("INVITE sip:x@h", "Content-Encoding: gzip\r\n", b"\x1f\x8b", 415, "Accept-Encoding: identity"),
    ("INVITE sip:x@h", "Accept: text/html\r\n", b"", 406, "Warning"),
    ("INVITE sip:x@h?Route=%3Csip:y%3E", "", b"", 400, "Warning"),
    ("REGISTER sip:h", "Contact: sip:a@h?Route=%3Csip:y%3E\r\n", b"", 400, "Warning"),
    ("OPTIONS sip:x@h", "", b"", 200, "Allow: INVITE"),
    ("OPTIONS sip:x@h", "", b"", 200, "Allow-Events: dialog"),
)


async def test_each_refusal_names_what_would_be_served(world: Any) -> None:
    transport, raw = await asyncio.get_running_loop().create_datagram_endpoint(_Raw, remote_addr=world.sip)
    port = transport.get_extra_info("sockname")[1]
    try:
        for number, (start, headers, body, status, says) in enumerate(CASES):
            method = start.split()[0]
            head = (
                f"{start} SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:{port};branch=z9hG4bK{number};rport\r\n"
                f"From: <sip:a@b>;tag=1\r\nTo: <sip:x@b>\r\nCall-ID: refused-{number}\r\nCSeq: 1 {method}\r\n"
                f"{headers}Content-Length: {len(body)}\r\n\r\n"
            )
            transport.sendto(head.encode() + body)
            while True:
                answer = parse_message(await asyncio.wait_for(raw.answers.get(), 30.0))
                assert isinstance(answer, Response)
                if answer.call_id == f"refused-{number}" and answer.status >= 200:
                    break
            name, _, value = says.partition(": ")
            assert (answer.status, start) == (status, start)
            assert (answer.get(name) or "").startswith(value), (start, name)
            assert name in answer
            if method == "INVITE":
                transport.sendto(
                    f"ACK {start.split()[1]} SIP/2.0\r\nVia: {answer.via}\r\nFrom: <sip:a@b>;tag=1\r\n"
                    f"To: {answer.to}\r\nCall-ID: refused-{number}\r\nCSeq: 1 ACK\r\n\r\n".encode()
                )
    finally:
        transport.close()
