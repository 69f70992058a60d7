from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from seatbus_rtp.mux import ALL_STRANGERS_A_SECOND, STRANGERS_A_SECOND, Content, UdpMux, content

HERE = ("192.0.2.1", 1000)
THERE = ("192.0.2.2", 2000)


def test_the_first_byte_tells_what_a_datagram_is() -> None:
    for first in range(256):
        kind = content(bytes([first]) + bytes(20))
        assert (kind is Content.STUN) == (first <= 3)
        assert (kind is Content.DTLS) == (20 <= first <= 63)
        assert (kind is Content.MEDIA) == (128 <= first <= 191)
    assert content(b"") is Content.OTHER


def test_checks_are_found_by_the_fragment_that_we_gave() -> None:
    mux: UdpMux[str] = UdpMux()
    mux.add("anna", "Aaaa")
    assert mux.named("Aaaa:Zzzz") == "anna"
    assert mux.named("Zzzz:Aaaa") is None
    mux.drop("Aaaa")
    assert mux.named("Aaaa:Zzzz") is None


def test_an_address_stays_with_its_leg_while_that_is_alive() -> None:
    mux: UdpMux[str] = UdpMux()
    assert mux.free_for("anna", HERE, 0.0)
    mux.checked("anna", HERE, 0.0)
    assert mux.free_for("anna", HERE, 5.0)
    assert not mux.free_for("thief", HERE, 5.0)
    assert mux.free_for("heir", HERE, 20.0)
    mux.checked("heir", HERE, 20.0)
    assert mux.by_address[HERE] == "heir"
    mux.remove("anna")
    assert mux.by_address[HERE] == "heir"


def test_a_leg_that_is_over_leaves_nothing_behind() -> None:
    mux: UdpMux[str] = UdpMux()
    mux.add("anna", "Aaaa")
    mux.checked("anna", HERE, 0.0)
    mux.checked("anna", THERE, 0.0)
    mux.keep("anna", {THERE})
    assert set(mux.by_address) == {THERE}
    mux.remove("anna")
    assert (mux.by_address, mux.named("Aaaa:x"), len(mux)) == ({}, None, 0)


def test_a_host_that_floods_does_not_lock_out_another() -> None:
    mux: UdpMux[str] = UdpMux()
    let_in = sum(mux.let_in("192.0.2.66", 7.5) for _ in range(10 * STRANGERS_A_SECOND))
    assert let_in == STRANGERS_A_SECOND
    assert mux.let_in("192.0.2.1", 7.6)
    assert mux.let_in("192.0.2.66", 8.0)


def test_a_flood_from_everywhere_is_limited_too() -> None:
    mux: UdpMux[str] = UdpMux()
    let_in = sum(mux.let_in(f"10.{n // 250}.{n % 250}.1", 3.0) for n in range(5 * ALL_STRANGERS_A_SECOND))
    assert let_in == ALL_STRANGERS_A_SECOND


@given(st.text(max_size=30))
def test_no_username_finds_a_leg_that_has_none(username: str) -> None:
    mux: UdpMux[str] = UdpMux()
    mux.add("anna", "Aaaa")
    assert mux.named(username) == ("anna" if username.partition(":")[0] == "Aaaa" else None)


LEGS = st.sampled_from(["a", "b", "c"])
SOURCES = st.sampled_from([("192.0.2.1", port) for port in range(4)])


class MuxTables(RuleBasedStateMachine):
    """Whatever happens, both tables agree and nothing of an ended leg is left."""

    def __init__(self) -> None:
        super().__init__()
        self.mux: UdpMux[str] = UdpMux()
        self.now = 0.0
        self.alive: set[str] = set()

    @rule(leg=LEGS)
    def add(self, leg: str) -> None:
        self.mux.add(leg, f"ufrag-{leg}")
        self.alive.add(leg)

    @rule(leg=LEGS, source=SOURCES, passed=st.floats(0, 8))
    def check(self, leg: str, source: tuple[str, int], passed: float) -> None:
        self.now += passed
        if leg in self.alive and self.mux.free_for(leg, source, self.now):
            self.mux.checked(leg, source, self.now)
            assert self.mux.by_address[source] == leg

    @rule(leg=LEGS, sources=st.sets(SOURCES))
    def keep(self, leg: str, sources: set[tuple[object, ...]]) -> None:
        self.mux.keep(leg, sources)
        assert all(source in sources for source, owner in self.mux.by_address.items() if owner == leg)

    @rule(leg=LEGS)
    def remove(self, leg: str) -> None:
        self.mux.remove(leg)
        self.alive.discard(leg)

    @invariant()
    def nothing_of_the_dead_is_left(self) -> None:
        assert set(self.mux.by_address.values()) <= self.alive
        assert len(self.mux) == len(self.alive)
        assert set(self.mux._checked) == set(self.mux.by_address)


TestMuxTables = MuxTables.TestCase
