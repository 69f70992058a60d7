"""Callers and phones for what is under load: templates over two UDP sockets, repeated until answered."""

from __future__ import annotations

import asyncio
import itertools
import os
import socket
from collections.abc import Callable
from typing import Any

NUMBER = "550001"
SDP = (
    "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
    "m=audio 40000 RTP/AVP 0 8 101\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:8 PCMA/8000\r\n"
    "a=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\na=ptime:20\r\na=sendrecv\r\n"
)


def _header(text: str, name: str) -> str:
    at = text.find(f"\r\n{name}: ")
    return text[at + len(name) + 4 : text.find("\r\n", at + 2)] if at >= 0 else ""


_ECHO = ("Via", "Record-Route", "From", "Call-ID", "CSeq")


def _response(request: str, status: str, tag: str, contact: str = "", body: str = "") -> bytes:
    lines = [f"SIP/2.0 {status}"]
    head = request.partition("\r\n\r\n")[0].split("\r\n")
    lines += [line for line in head if line.partition(":")[0] in _ECHO]
    to = _header(request, "To")
    lines.append(f"To: {to}" if ";tag=" in to else f"To: {to};tag={tag}")
    if contact:
        lines += [f"Contact: <{contact}>", "Content-Type: application/sdp"]
    return ("\r\n".join([*lines, f"Content-Length: {len(body)}", "", ""]) + body).encode()


class _Repeats:
    """What is sent again until something is heard: after 0.5 s, each time twice as long (RFC 3261)."""

    def __init__(self) -> None:
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self.repeated = 0

    def begin(self, key: str, send: Callable[[], None], pause: float = 0.5) -> None:
        send()
        self.stop(key)
        if pause < 32:
            loop = asyncio.get_running_loop()
            self._timers[key] = loop.call_later(pause, self._again, key, send, pause)

    def _again(self, key: str, send: Callable[[], None], pause: float) -> None:
        self.repeated += 1
        self.begin(key, send, pause * 2)

    def stop(self, key: str) -> None:
        timer = self._timers.pop(key, None)
        if timer is not None:
            timer.cancel()


def _large_buffer(transport: Any) -> None:
    sock: socket.socket = transport.get_extra_info("socket")
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 * 1024 * 1024)


class Phones(asyncio.DatagramProtocol):
    """Every agent's phone: rings, answers, hangs up when told. `invited` gets the user of each INVITE."""

    transport: asyncio.DatagramTransport

    def __init__(self, sdp: str = SDP, invited: Callable[[str], None] = lambda user: None) -> None:
        self._repeats = _Repeats()
        self._sdp = sdp
        self._invited = invited
        self._known: set[str] = set()

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        _large_buffer(transport)
        self.contact = "sip:phone@{}:{}".format(*transport.get_extra_info("sockname"))

    def datagram_received(self, data: bytes, addr: Any) -> None:
        text = data.decode()
        if text.startswith("INVITE "):
            call_id = _header(text, "Call-ID")
            if call_id not in self._known:
                self._known.add(call_id)
                self._invited(text[11 : text.index("@")])
            tag = call_id[:12]
            self.transport.sendto(_response(text, "180 Ringing", tag), addr)
            answer = _response(text, "200 OK", tag, self.contact, self._sdp)
            self._repeats.begin(call_id, lambda: self.transport.sendto(answer, addr))
        elif text.startswith("ACK "):
            self._repeats.stop(_header(text, "Call-ID"))
        elif text.startswith(("BYE ", "OPTIONS ", "CANCEL ")):
            self._known.discard(_header(text, "Call-ID"))
            self._repeats.stop(_header(text, "Call-ID"))
            self.transport.sendto(_response(text, "200 OK", "x"), addr)


class Callers(asyncio.DatagramProtocol):
    """The trunk: `dial` begins a call, which hangs up by itself after a while."""

    transport: asyncio.DatagramTransport

    def __init__(self, edge: tuple[str, int], talk_s: float, number: str = NUMBER, sdp: str = SDP) -> None:
        self.edge = edge
        self._talk_s = talk_s
        self._number = number
        self._sdp = sdp
        self.answered = self.ended = self.failed = self.hung_up = 0
        self._state: dict[str, str] = {}
        self._repeats = _Repeats()
        self._numbers = itertools.count(1)

    def talk_s(self) -> float:
        """How long the next one talks."""
        return self._talk_s

    def over(self) -> None:
        """A call has ended, whoever ended it or refused it."""

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        _large_buffer(transport)
        self.local = "{}:{}".format(*transport.get_extra_info("sockname"))

    @property
    def open(self) -> int:
        return len(self._state)

    @property
    def repeated(self) -> int:
        """How often something was sent again."""
        return self._repeats.repeated

    def forget(self) -> None:
        """Gives up what is open."""
        for call_id in self._state:
            self._repeats.stop(call_id)
        self._state.clear()

    def dial(self) -> None:
        number = next(self._numbers)
        call_id = f"call{number}x{os.getpid()}"
        self._state[call_id] = "dialled"
        host = f"{self.edge[0]}:{self.edge[1]}"
        head = (
            f"INVITE sip:{self._number}@{host} SIP/2.0\r\n"
            f"Via: SIP/2.0/UDP {self.local};branch=z9hG4bK{call_id};rport\r\n"
            f"Max-Forwards: 70\r\nFrom: <sip:+4930{number}@{self.local}>;tag=f{number}\r\n"
            f"To: <sip:{self._number}@{host}>\r\nCall-ID: {call_id}\r\nCSeq: 1 INVITE\r\n"
            f"Contact: <sip:trunk@{self.local}>\r\nAllow: INVITE, ACK, CANCEL, BYE, OPTIONS\r\n"
            f"Content-Type: application/sdp\r\nContent-Length: {len(self._sdp)}\r\n\r\n"
        )
        invite = (head + self._sdp).encode()
        self._repeats.begin(call_id, lambda: self.transport.sendto(invite, self.edge))

    def datagram_received(self, data: bytes, addr: Any) -> None:
        text = data.decode()
        call_id = _header(text, "Call-ID")
        if not text.startswith("SIP/2.0 "):
            if text.startswith(("BYE ", "OPTIONS ")):
                self.transport.sendto(_response(text, "200 OK", "x"), addr)
            if text.startswith("BYE ") and self._state.pop(call_id, None) is not None:
                self._repeats.stop(call_id)
                self.hung_up += 1
                self.over()
            return
        state, status, method = self._state.get(call_id), int(text[8:11]), _header(text, "CSeq")
        if method == "1 INVITE":
            if state in (None, "dialled"):
                self._repeats.stop(call_id)
            if status >= 200:
                # Also of a repeated one, and of a call that was given up.
                self._send("ACK", text, 1)
        if state is None or status < 200:
            return
        if method == "2 BYE":
            self.ended += 1
            self._repeats.stop(call_id)
            del self._state[call_id]
            self.over()
        elif status >= 300:
            self.failed += 1
            del self._state[call_id]
            self.over()
        elif state == "dialled":
            self._state[call_id] = "answered"
            self.answered += 1
            asyncio.get_running_loop().call_later(self.talk_s(), self._hang_up, call_id, text)

    def _hang_up(self, call_id: str, text: str) -> None:
        if call_id in self._state:
            self._repeats.begin(call_id, lambda: self._send("BYE", text, 2))

    def _send(self, method: str, text: str, number: int) -> None:
        target = (
            _header(text, "Contact").partition(">")[0].lstrip("<") or f"sip:{self._number}@{self.edge[0]}"
        )
        branch = f"z9hG4bK{method}{_header(text, 'Call-ID')}"
        message = (
            f"{method} {target} SIP/2.0\r\nVia: SIP/2.0/UDP {self.local};branch={branch};rport\r\n"
            f"Max-Forwards: 70\r\nFrom: {_header(text, 'From')}\r\nTo: {_header(text, 'To')}\r\n"
            f"Call-ID: {_header(text, 'Call-ID')}\r\nCSeq: {number} {method}\r\nContent-Length: 0\r\n\r\n"
        )
        self.transport.sendto(message.encode(), self.edge)
