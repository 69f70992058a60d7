"""Who may connect, how many files there are for it, and the certificate that is made."""

from __future__ import annotations

import datetime
import resource
from pathlib import Path

from seatbus_sip_edge.adapters.transport_limits import ConnectionLimits, Gate, room_for_connections
from seatbus_sip_edge.adapters.transport_tls import self_signed, server_context

NOW = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)


def test_each_limit_is_kept_and_given_back() -> None:
    gate = Gate(ConnectionLimits(total=4, per_source=3, half_open=3, half_open_per_source=2))
    assert [gate.admit("a"), gate.admit("a")] == ["", ""]
    assert gate.admit("a") == "too many silent connections from this address"
    assert gate.admit("b") == ""
    assert gate.admit("c") == "too many silent connections"
    for source in ("a", "a", "b"):
        gate.established(source)
    assert gate.admit("a") == ""
    assert gate.admit("b") == "too many connections"
    gate.released("b", half_open=False)
    assert gate.admit("a") == "too many connections from this address"
    gate.released("a", half_open=True)
    gate.released("a", half_open=False)
    gate.released("a", half_open=False)
    assert (gate.total, gate.half_open) == (0, 0)
    assert not gate._open
    assert not gate._half_open


def test_connections_are_not_promised_beyond_the_files_there_are() -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    assert room_for_connections(10) == 10
    if hard != resource.RLIM_INFINITY:
        assert room_for_connections(hard * 2) == hard - 256


def test_a_certificate_is_kept_until_a_month_before_its_end(tmp_path: Path) -> None:
    first = self_signed(tmp_path, ["127.0.0.1", "::1", "sip.example"], NOW)
    text = first[0].read_bytes()
    assert first[1].stat().st_mode & 0o777 == 0o600
    assert server_context(*first, None).minimum_version.name == "TLSv1_2"
    assert self_signed(tmp_path, ["127.0.0.1"], NOW + datetime.timedelta(days=300)) == first
    assert first[0].read_bytes() == text
    self_signed(tmp_path, ["127.0.0.1"], NOW + datetime.timedelta(days=340))
    assert first[0].read_bytes() != text
