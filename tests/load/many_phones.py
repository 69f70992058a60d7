"""Phones of many calls behind a few sockets: packets go out and come in many at a system call, their headers
are made and read many at once. Each packet tells in its sound who said it.
"""

from __future__ import annotations

import ctypes
import os
import socket
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

SLOTS: Final = 8
"""Calls take turns within the 20 ms; each slot has a socket for callers and one for those who are called."""
_SIZE: Final = 172
_TICKS: Final = 160
_ROOM: Final = 256
_AT_ONCE: Final = 256
_BUFFER: Final = 64 << 20
_SO_RCVBUFFORCE: Final = 33
_DONTWAIT: Final = socket.MSG_DONTWAIT

_libc = ctypes.CDLL(None, use_errno=True)
_HEADER: Final = np.dtype(  # struct mmsghdr
    [
        ("name", "u8"),
        ("name_size", "u8"),
        ("parts", "u8"),
        ("part_count", "u8"),
        ("control", "u8"),
        ("control_size", "u8"),
        ("flags", "u8"),
        ("length", "u8"),
    ]
)
_PART: Final = np.dtype([("base", "u8"), ("size", "u8")])
_PACKET: Final = np.dtype(
    [
        ("version", "u1"),
        ("kind", "u1"),
        ("number", ">u2"),
        ("time", ">u4"),
        ("source", ">u4"),
        ("leg", ">u4"),
        ("call", ">u4"),
        ("sound", "u1", (_SIZE - 20,)),
    ]
)


def _headers(
    packets: NDArray[Any], room: int, names: NDArray[Any] | None
) -> tuple[NDArray[Any], NDArray[Any]]:
    """(what `sendmmsg` and `recvmmsg` take, what it points to)"""
    count = len(packets)
    steps = np.arange(count, dtype=np.uint64)
    parts = np.zeros(count, _PART)
    parts["base"] = packets.ctypes.data + steps * packets.strides[0]
    parts["size"] = room
    made = np.zeros(count, _HEADER)
    made["parts"] = parts.ctypes.data + steps * parts.strides[0]
    made["part_count"] = 1
    if names is not None:
        made["name"] = names.ctypes.data + steps * names.strides[0]
        made["name_size"] = 16
    return made, parts


def _many(call: Any, sock: socket.socket, headers: NDArray[Any]) -> int:
    """How many went through; fewer than asked for where the socket would have to wait."""
    done = call(sock.fileno(), ctypes.c_void_p(headers.ctypes.data), len(headers), _DONTWAIT, None)
    if done < 0:
        number = ctypes.get_errno()
        if number in (11, 4):  # EAGAIN, EINTR
            return 0
        raise OSError(number, os.strerror(number))
    return int(done)


class Phones:
    """Legs 2n and 2n + 1 are a call in slot n % SLOTS.

    `said` and `heard` by leg, of what it says; `crossed` came to somebody else than the other leg of its
    call, `strays` are packets of calls that are over.
    """

    def __init__(self, host: str, calls: int) -> None:
        legs = 2 * calls
        self.said = np.zeros(legs, np.int64)
        self.heard = np.zeros(legs, np.int64)
        self.strays = self.crossed = 0
        self._first = np.zeros(legs, np.int64)
        self._lowest = np.zeros(legs, np.int64)
        self._highest = np.zeros(legs, np.int64)
        self._packets = np.zeros(legs, _PACKET)
        self._packets["version"] = 0x80
        self._packets["sound"] = np.arange(20, _SIZE, dtype=np.uint8)
        self._packets["leg"] = np.arange(legs)
        self._names = np.zeros((legs, 16), np.uint8)
        self._out, self._out_parts = _headers(self._packets, _SIZE, self._names)
        self._speaking: list[list[int]] = [[] for _ in range(2 * SLOTS)]
        self._ready = [self._out[:0]] * (2 * SLOTS)
        self._inbox = np.zeros((_AT_ONCE, _ROOM), np.uint8)
        self._in, self._in_parts = _headers(self._inbox, _ROOM, None)
        self._sockets = [_open(host) for _ in range(2 * SLOTS)]

    def address(self, leg: int) -> tuple[str, int]:
        return self._sockets[self._place(leg)].getsockname()  # type: ignore[no-any-return]

    @staticmethod
    def _place(leg: int) -> int:
        return 2 * (leg // 2 % SLOTS) + leg % 2

    def begin(self, call: int, leg: int, to: tuple[str, int]) -> None:
        """The leg, free until now, speaks from its next turn on."""
        packet = self._packets[leg : leg + 1]
        packet["number"], packet["time"], packet["source"], packet["call"] = 0, 0, call, call
        self._names[leg, :8] = np.frombuffer(
            socket.AF_INET.to_bytes(2, "little") + to[1].to_bytes(2, "big") + socket.inet_aton(to[0]),
            np.uint8,
        )
        self.said[leg] = self.heard[leg] = self._lowest[leg] = self._highest[leg] = 0
        self._change(leg, speaks=True)

    def end(self, leg: int) -> None:
        """It is silent from now on."""
        self._change(leg, speaks=False)

    def _change(self, leg: int, *, speaks: bool) -> None:
        place = self._place(leg)
        legs = self._speaking[place]
        legs.append(leg) if speaks else legs.remove(leg)
        self._ready[place] = self._out[legs]

    def missing(self, leg: int) -> int:
        """Holes in the numbers under which the other one hears the leg, from the first to the last."""
        if not self.heard[leg]:
            return 0
        return int(self._highest[leg] - self._lowest[leg] + 1 - self.heard[leg])

    def speak(self, slot: int) -> None:
        """20 ms of every call of the slot."""
        for place in (2 * slot, 2 * slot + 1):
            legs = self._speaking[place]
            if not legs:
                continue
            self._packets["number"][legs] += 1
            self._packets["time"][legs] += _TICKS
            headers = self._ready[place]
            done = 0
            while done < len(legs):
                went = _many(_libc.sendmmsg, self._sockets[place], headers[done:])
                if not went:
                    raise OSError(11, "a packet cannot be sent")
                done += went
            self.said[legs] += 1

    def listen(self, slot: int) -> None:
        """Takes in what has come to the slot."""
        for place in (2 * slot, 2 * slot + 1):
            came = _AT_ONCE
            while came == _AT_ONCE:
                came = _many(_libc.recvmmsg, self._sockets[place], self._in)
                if came:
                    self._hear(place, came)

    def _hear(self, place: int, came: int) -> None:
        packets = self._inbox[:came, :_SIZE].copy().view(_PACKET)[:, 0]
        lengths = self._in["length"][:came] & 0xFFFF_FFFF
        packets = packets[(lengths == _SIZE) & ((packets["kind"] < 192) | (packets["kind"] > 223))]
        legs = packets["leg"].astype(np.int64)
        known = legs < len(self.said)
        known[known] &= self._packets["call"][legs[known]] == packets["call"][known]
        self.strays += int(len(legs) - known.sum())
        right = known & (2 * (legs // 2 % SLOTS) + legs % 2 == place ^ 1)
        self.crossed += int(known.sum() - right.sum())
        known = right
        legs, numbers = legs[known], packets["number"][known].astype(np.int64)
        new = self.heard[legs] == 0
        self._first[legs[new]] = numbers[new]
        np.add.at(self.heard, legs, 1)
        offsets = (numbers - self._first[legs] + 0x8000 & 0xFFFF) - 0x8000
        np.minimum.at(self._lowest, legs, offsets)
        np.maximum.at(self._highest, legs, offsets)

    def close(self) -> None:
        for sock in self._sockets:
            sock.close()


def _open(host: str) -> socket.socket:
    """With room for what comes while this process stands still, where the kernel allows it."""
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    try:
        sock.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, _BUFFER)
    except PermissionError:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER)
    sock.bind((host, 0))
    return sock
