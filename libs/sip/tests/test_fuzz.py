"""The fuzzer's targets under hypothesis, a few hundred inputs each; `make fuzz` runs them for minutes."""

from __future__ import annotations

import gc
import random
import tracemalloc
from collections.abc import Callable

import pytest
from fuzz_targets import TARGETS, UPGRADE
from hypothesis import given, settings
from hypothesis import strategies as st
from sip_wire import wire_request

from seatbus_sip.sdp import build_offer
from seatbus_testkit.properties import examples

_OFFER = build_offer(("192.0.2.2", 4000), session_id=1).to_bytes()
SEEDS: dict[str, list[bytes]] = {
    "message": [wire_request(), wire_request(start="SIP/2.0 200 OK"), wire_request(Contact="*", Via="a, b")],
    "layer": [wire_request(), wire_request(start="BYE sip:b SIP/2.0", CSeq="2 BYE"), b"\r\n\r\n"],
    "values": [
        b'"A \\" B" <sips:a:b@[::1]:5061;p=1?x=y>;tag=1;q="x,;"',
        b"tel:+49-30;ext=1",
        b"SIP / 2.0 / UDP h:1;rport",
        b'Digest realm="a", nonce="b\\"", qop=auth',
    ],
    "sdp": [_OFFER, _OFFER + b"m=video 0 RTP/AVP 31\r\nc=IN IP6 ::1\r\na=inactive\r\n"],
    "stream": [b"\x03" + wire_request() * 2, b"\x00\r\n\r\n\r\n" + wire_request(Content_Length=None)],
    "websocket": [UPGRADE, b"\x81\x85abcd\x11\x11\x11\x11\x11", b"\x01\x80abcd\x80\x80abcd", b"\x88\x80abcd"],
}
_PIECES = [
    b"\r\n", b"\r\n ", b"\r", b"\n", b"\0", b":", b";", b",", b'"', b"\\", b"<", b">", b"%", b"@", b"[", b"]",
    b"\xc3\xa9", b"\xff", b"*", b"z9hG4bK", b"SIP/2.0", b"Via: ", b"Content-Length: 99999999999", b"t:",
    b"tag=",     b"\xe2\x80\xa8", b"\xc2\xa0", b"\x85", b"\x1c", b"4294967296", "٣".encode(), "²".encode(),
    b"m=audio 1 RTP/AVP 0\r\n",
]  # fmt: skip


def mutated(seed: bytes, cuts: list[tuple[int, int, int, bytes]]) -> bytes:
    data = bytearray(seed)
    for at, length, _, piece in cuts:
        start = at % (len(data) + 1)
        data[start : start + length] = piece
    return bytes(data)


_CUTS = st.lists(
    st.tuples(
        st.integers(0, 5000),
        st.integers(0, 6),
        st.integers(0, 3),
        st.one_of(st.sampled_from(_PIECES), st.binary(max_size=4)),
    ),
    max_size=8,
)


@pytest.mark.parametrize("name", TARGETS)
def test_nothing_but_the_librarys_own_errors_comes_out(name: str) -> None:
    @settings(max_examples=examples(300), deadline=None)
    @given(st.sampled_from(SEEDS[name]), _CUTS)
    def run(seed: bytes, cuts: list[tuple[int, int, int, bytes]]) -> None:
        TARGETS[name](mutated(seed, cuts))

    run()


def _inputs(name: str, count: int) -> list[bytes]:
    rng = random.Random(name)
    made = []
    for _ in range(count):
        cuts = [
            (rng.randrange(5000), rng.randrange(6), 0, rng.choice(_PIECES)) for _ in range(rng.randrange(6))
        ]
        made.append(mutated(rng.choice(SEEDS[name]), cuts))
    return made


def _grown(target: Callable[[bytes], None], inputs: list[bytes]) -> int:
    for data in inputs:
        target(data)
    tracemalloc.start()
    try:
        for data in inputs:
            target(data)
        gc.collect()
        before, _ = tracemalloc.get_traced_memory()
        for _ in range(3):
            for data in inputs:
                target(data)
        gc.collect()
        return tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("name", TARGETS)
def test_memory_stays_where_it_is(name: str) -> None:
    assert _grown(TARGETS[name], _inputs(name, 60)) < 50_000
