"""A tap places packets one by one or a whole run at once: nobody can tell which."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from seatbus_media.domain.clips import Law
from seatbus_media.domain.tap import Channel
from seatbus_rtp.packet import build


@given(
    st.integers(0, 0xFFFFFFFF),
    st.lists(st.sampled_from(["next"] * 12 + ["lost", "late", "other_law", "short", "source"]), max_size=60),
    st.sampled_from([0.0, 0.05, 0.3, 3.0]),
    st.sampled_from([0, 8]),
)
def test_runs_and_single_packets_lie_in_the_same_places(
    timestamp: int, steps: list[str], delay: float, law: int
) -> None:
    packets = []
    source = 5
    now = 100.0
    for number, step in enumerate([*["next"] * 10, *steps]):
        now += 0.02
        timestamp = (timestamp + 160) & 0xFFFFFFFF
        if step == "lost":
            continue
        source += step == "source"
        payload_type = 8 - law if step == "other_law" else law
        sound = bytes([number + 1]) * (80 if step == "short" else 160)
        late = 0.1 if step == "late" else 0.0
        packets.append((now + late, build(payload_type, number, timestamp, source, sound, number == 0)))
    one, other = Channel(Law.PCMU), Channel(Law.PCMU)
    head, tail = packets[:3], [(at + delay, packet) for at, packet in packets[3:]]
    for batch in (head, tail[:30], tail[30:]):
        for heard in batch:
            one.hear(heard)
        one.place(99.9)
        other._place_each([at for at, _ in batch], [packet for _, packet in batch], 99.9)
    assert one.newest == other.newest
    assert (one._pos, one._ts, one._source) == (other._pos, other._ts, other._source)
    assert one.cut(0, 60_000) == other.cut(0, 60_000)
