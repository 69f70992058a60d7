from __future__ import annotations

import gc
import hashlib
import weakref
from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from cryptography.hazmat.primitives import serialization
from hypothesis import given, settings
from hypothesis import strategies as st

from seatbus_rtp.dtls import (
    HANDSHAKE_S,
    MAX_DATAGRAMS,
    MTU,
    DtlsIdentity,
    DtlsRole,
    DtlsSrtp,
    DtlsState,
    believed,
    datagrams,
)
from seatbus_rtp.errors import DtlsError
from seatbus_rtp.packet import build
from seatbus_testkit.properties import examples

US = DtlsIdentity.new(datetime.now(UTC))
BROWSER = DtlsIdentity.new(datetime.now(UTC))
WRONG = ("sha-256", bytes(32))


def ends(ours: object = None, theirs: object = None) -> tuple[DtlsSrtp, DtlsSrtp]:
    client = DtlsSrtp(US, DtlsRole.CLIENT, [theirs or BROWSER.fingerprint], 0.0)  # type: ignore[list-item]
    server = DtlsSrtp(BROWSER, DtlsRole.SERVER, [ours or US.fingerprint], 0.0)  # type: ignore[list-item]
    return client, server


def talk(
    client: DtlsSrtp,
    server: DtlsSrtp,
    first: list[bytes] | None = None,
    lose: Callable[[int], bool] = lambda _: False,
) -> int:
    """Carries datagrams until nothing is left to carry; returns how many there were."""
    waiting = [(server, one) for one in (client.start(0.0) if first is None else first)]
    carried = 0
    while waiting:
        to, one = waiting.pop(0)
        carried += 1
        if lose(carried):
            continue
        back = client if to is server else server
        waiting += [(back, answer) for answer in to.receive(one, 0.0)]
        assert carried < 100
    return carried


def test_both_ends_get_the_same_keys_crosswise() -> None:
    client, server = ends()
    assert talk(client, server) <= 6
    assert (client.state, server.state) == (DtlsState.CONNECTED, DtlsState.CONNECTED)
    assert client.keys is not None
    assert server.keys is not None
    assert (client.keys.local, client.keys.remote) == (server.keys.remote, server.keys.local)
    plain = build(0, 1, 160, 5, bytes(160))
    secret = client.keys.sender().protect(plain)
    assert server.keys.receiver().unprotect(secret or b"") == plain


def test_a_client_with_another_certificate_is_refused() -> None:
    client, server = ends(ours=WRONG)
    talk(client, server)
    assert server.state is DtlsState.FAILED
    assert "fingerprint" in server.failure
    assert server.keys is None


def test_a_server_with_another_certificate_is_refused() -> None:
    client, server = ends(theirs=WRONG)
    talk(client, server)
    assert client.state is DtlsState.FAILED
    assert "fingerprint" in client.failure
    assert client.keys is None
    assert server.keys is None


def test_only_the_strongest_fingerprint_is_believed() -> None:
    weak, good, better = ("sha-1", bytes(20)), ("sha-256", bytes(32)), ("sha-512", bytes(64))
    assert believed([weak, good, better]) == (better,)
    assert believed([weak, good]) == (good,)
    with pytest.raises(DtlsError, match="no fingerprint"):
        DtlsSrtp(US, DtlsRole.CLIENT, [weak], 0.0)


def test_other_hashes_of_the_same_certificate_are_good() -> None:
    der = BROWSER.certificate.public_bytes(serialization.Encoding.DER)
    client, server = ends(theirs=("sha-384", hashlib.sha384(der).digest()))
    talk(client, server)
    assert client.state is DtlsState.CONNECTED


@pytest.mark.parametrize("lost", [1, 2, 3, 4])
def test_a_lost_datagram_is_sent_again(lost: int) -> None:
    client, server = ends()
    talk(client, server, lose=lambda number: number == lost)
    for _ in range(3):
        if (client.state, server.state) == (DtlsState.CONNECTED, DtlsState.CONNECTED):
            break
        for end in (client, server):
            _force_timeout(end)
        again = client.expire(1.0)
        talk(client, server, first=again)
        talk(server, client, first=server.expire(1.0))
    assert (client.state, server.state) == (DtlsState.CONNECTED, DtlsState.CONNECTED)


def _force_timeout(end: DtlsSrtp) -> None:
    """OpenSSL keeps the time of its first timeout itself, a second: wait it out."""
    import time

    deadline = end.deadline(0.0)
    if deadline is not None and deadline < 2.0:
        time.sleep(deadline)


def test_a_handshake_is_given_up_after_its_time() -> None:
    client, _ = ends()
    client.start(0.0)
    deadline = client.deadline(0.0)
    assert deadline is not None
    assert deadline <= 1.1
    assert client.expire(HANDSHAKE_S) == []
    assert client.state is DtlsState.FAILED
    assert client.deadline(HANDSHAKE_S) is None


def test_a_flood_of_datagrams_ends_the_handshake() -> None:
    _, server = ends()
    for _ in range(MAX_DATAGRAMS + 1):
        server.receive(bytes([22, 254, 253]) + bytes(10), 0.0)
    assert server.state is DtlsState.FAILED


def test_a_farewell_ends_the_association() -> None:
    client, server = ends()
    talk(client, server)
    for one in client.close():
        server.receive(one, 0.0)
    assert (client.state, server.state) == (DtlsState.CLOSED, DtlsState.CLOSED)


def test_each_identity_has_its_own_fingerprint() -> None:
    assert US.fingerprint != BROWSER.fingerprint
    assert len(US.fingerprint[1]) == 32


def test_records_are_grouped_into_datagrams() -> None:
    def record(size: int) -> bytes:
        return bytes(11) + size.to_bytes(2, "big") + bytes(size)

    made = datagrams(record(500) + record(500) + record(500) + record(1100))
    assert [len(one) for one in made] == [1026, 513, 1113]
    assert all(len(one) <= MTU for one in made)


@settings(max_examples=examples(100), deadline=None)
@given(st.lists(st.binary(max_size=200), max_size=10), st.sampled_from(DtlsRole))
def test_garbage_neither_raises_nor_connects(garbage: list[bytes], role: DtlsRole) -> None:
    end = DtlsSrtp(US, role, [BROWSER.fingerprint], 0.0)
    end.start(0.0)
    for one in garbage:
        end.receive(one, 0.0)
        end.receive(bytes([22, 254, 253, 0, 0]) + one, 0.0)
    assert end.state is not DtlsState.CONNECTED


def test_a_handshake_that_is_dropped_is_gone_at_once() -> None:
    """Not when the garbage is collected: OpenSSL has 130 KiB for it."""
    gc.disable()
    try:
        client, server = ends()
        talk(client, server)
        assert client.state is DtlsState.CONNECTED
        left = [weakref.ref(one._connection) for one in (client, server)]
        del client, server
        assert [one() for one in left] == [None, None]
    finally:
        gc.enable()
