"""Conversations that do not sound as they should: heard of once when it begins, once when it is over.

One-way: of two legs that are connected one sends and the other does not. Silence: a leg's packets come and
there is no sound in them; one packet a second is looked at.
"""

from __future__ import annotations

from typing import Final, Protocol

from seatbus_media.application.endpoint import Endpoint
from seatbus_rtp import g711
from seatbus_rtp.codecs import OPUS, CodecSpec
from seatbus_rtp.errors import PacketError
from seatbus_rtp.packet import PayloadType, payload_bounds

_QUIET_PEAK: Final = 100
"""-50 dBFS: less than any room."""
_QUIET_CODES: Final[dict[int, bytes]] = {
    law: bytes(code for code in range(256) if abs(int(g711.decode(law, bytes([code]))[0])) < _QUIET_PEAK)
    for law in (PayloadType.PCMU, PayloadType.PCMA)
}
"""The codes of quiet samples, by payload type of the law."""
_QUIET_OPUS: Final = 12
"""Bytes: what silence takes."""


class AlarmSink(Protocol):
    def audio_alarm(self, endpoint: Endpoint, kind: str, over: bool) -> None: ...


def is_quiet(codec: CodecSpec, packet: bytes) -> bool:
    """Whether the packet surely has no sound."""
    try:
        start, end = payload_bounds(packet)
    except PacketError:
        return False
    if codec.is_g711 and codec.static_type is not None:
        return not packet[start:end].translate(None, _QUIET_CODES[codec.static_type])
    return codec is OPUS and end - start <= _QUIET_OPUS


class Alarms:
    """Of one leg. `check` is called about once a second."""

    __slots__ = ("_one_way", "_quiet_since", "_silence", "after_s")

    def __init__(self, after_s: float) -> None:
        self.after_s = after_s
        self._one_way = False
        self._silence = False
        self._quiet_since = 0.0

    def check(self, endpoint: Endpoint, now: float, sink: AlarmSink) -> None:
        one_way = self._is_one_way(endpoint, now)
        if one_way is not self._one_way:
            self._one_way = one_way
            sink.audio_alarm(endpoint, "one_way", not one_way)
        silent = self._is_silent(endpoint, now)
        if silent is not self._silence:
            self._silence = silent
            sink.audio_alarm(endpoint, "silence", not silent)

    def _is_one_way(self, endpoint: Endpoint, now: float) -> bool:
        peer, agreed = endpoint.peer, endpoint.agreed
        if peer is None or agreed is None or not agreed.direction.receives or endpoint.held or peer.held:
            return False
        since = max(endpoint.reception.heard_at, peer.reception.expected_since)
        return now - since > self.after_s and now - peer.lane.last_packet_at < 1.5

    def _is_silent(self, endpoint: Endpoint, now: float) -> bool:
        packet = endpoint.lane.newest
        if endpoint.peer is None or packet is None or now - endpoint.reception.heard_at > 1.5:
            self._quiet_since = 0.0
            return False
        if not is_quiet(endpoint.says, packet):
            self._quiet_since = 0.0
            return False
        self._quiet_since = self._quiet_since or now
        return now - self._quiet_since > self.after_s
