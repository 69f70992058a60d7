"""Microseconds of one packet through a leg's port, in and out, without the kernel: plain, under keys of the
description, and a browser's on the shared port. The last figure is a browser's packet in and one out.
"""

from __future__ import annotations

import asyncio
import statistics
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from seatbus_media.adapters.rtc_socket import RtcSocket
from seatbus_media.application.udp_port import UdpPort
from seatbus_media.application.webrtc_port import WebRtcPort
from seatbus_rtp.dtls import DtlsIdentity
from seatbus_rtp.packet import build
from seatbus_rtp.srtp import SrtpKeys, SrtpProfile, SrtpSender

PACKETS = 20_000
ROUNDS = 7
PEER = ("127.0.0.1", 4000)
PROFILE = SrtpProfile.AES_CM_128_HMAC_SHA1_80


class Nowhere:
    """Takes what is sent, hears nothing of it; what comes is in `coming`."""

    newest = None

    def __init__(self) -> None:
        self.coming = b""

    def sends(self) -> tuple[int, int]:
        return 1, 0

    def secured(self) -> None:
        pass

    def recvfrom(self, size: int) -> tuple[bytes, tuple[str, int]]:
        return self.coming, PEER

    def sendto(self, data: bytes, addr: Any) -> int:
        return len(data)

    def close(self) -> None:
        pass

    def reached(self) -> None:
        pass

    def receive(self, packet: bytes, now: float) -> None:
        pass

    def receive_rtcp(self, compound: bytes) -> None:
        pass

    def lost(self, reason: str) -> None:
        pass


def timed(step: Any, packets: list[bytes]) -> float:
    began = time.perf_counter()
    for packet in packets:
        step(packet)
    return (time.perf_counter() - began) * 1e6 / len(packets)


def packets(first: int) -> list[bytes]:
    """Fresh numbers for each round: what was seen before is refused sooner."""
    return [build(0, number, number * 160, 7, bytes(160)) for number in range(first, first + PACKETS)]


def udp(keys: SrtpKeys | None) -> UdpPort:
    port = UdpPort("127.0.0.1", 20000)
    port.opened(Nowhere(), Nowhere())
    port.attach(Nowhere())
    port._secure(keys)
    port.negotiated(PEER)
    return port


def web(keys: SrtpKeys) -> tuple[RtcSocket, WebRtcPort]:
    shared = RtcSocket("127.0.0.1", 20000, DtlsIdentity.new(datetime.now(UTC)), 30.0)
    shared.opened(Nowhere())
    leg = WebRtcPort(shared)
    leg.attach(Nowhere())
    shared.checked(leg, PEER, time.monotonic())
    leg._selected = PEER
    leg.connected(keys)
    return shared, leg


def reading(port: UdpPort) -> Callable[[bytes], None]:
    mailbox = port._rtp

    def read(packet: bytes) -> None:
        mailbox.coming = packet  # type: ignore[union-attr]
        port.read(0.0)

    return read


async def bench() -> None:
    mine, theirs = PROFILE.new_master(), PROFILE.new_master()
    keys = SrtpKeys(PROFILE, mine, theirs)
    plain, sdes = udp(None), udp(keys)
    shared, leg = web(keys)
    ends = {
        "plain": (reading(plain), plain.send, None),
        "sdes": (reading(sdes), sdes.send, SrtpSender(PROFILE, theirs)),
        "webrtc": (lambda packet: shared._received(packet, PEER, 0.0), leg.send, SrtpSender(PROFILE, theirs)),
    }
    both = {}
    for name, (receive, send, peer) in ends.items():
        ins, outs = [], []
        for turn in range(ROUNDS):
            fresh = packets(turn * PACKETS)
            arriving = [peer.protect(one) or b"" for one in fresh] if peer is not None else fresh
            ins.append(timed(receive, arriving))
            outs.append(timed(send, fresh))
        both[name] = statistics.median(ins), statistics.median(outs)
        print(f"{name}_in_us {both[name][0]:.2f} us")
        print(f"{name}_out_us {both[name][1]:.2f} us")
    if plain.refused or sdes.refused or leg.refused:
        raise RuntimeError(f"packets were refused: {plain.refused}, {sdes.refused}, {leg.refused}")
    shared.close()
    print(f"secure_port_us {sum(both['webrtc']):.2f} us")


if __name__ == "__main__":
    asyncio.run(bench())
