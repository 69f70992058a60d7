"""What legs were worth, as metrics: each once, at its end; and what was alarming while they lasted."""

from __future__ import annotations

from typing import Final

from seatbus.media.v1.types_pb2 import EndpointStatistics
from seatbus_kit import metrics

_MOS: Final = metrics.histogram(
    "seatbus_media_leg_mos",
    "Mean opinion score of legs at their end, 1 to 4.5",
    ("codec",),
    (2.0, 2.6, 3.1, 3.6, 3.8, 4.0, 4.2, 4.3, 4.4),
)
_LOSS: Final = metrics.histogram(
    "seatbus_media_leg_loss_ratio",
    "Share of a leg's packets that never came",
    ("codec",),
    (0.0, 0.001, 0.005, 0.01, 0.02, 0.03, 0.05, 0.1, 0.2),
)
_JITTER: Final = metrics.histogram(
    "seatbus_media_leg_jitter_seconds",
    "Jitter of a leg's packets at its end (RFC 3550)",
    ("codec",),
    (0.001, 0.003, 0.005, 0.01, 0.02, 0.03, 0.05, 0.1),
)
_ALARMS: Final = metrics.counter(
    "seatbus_media_alarms_total", "Conversations that did not sound as they should", ("kind",)
)


def ended(codec: str, told: EndpointStatistics) -> None:
    """A leg is over. One that said nothing says nothing about the network either."""
    if not told.packets_received:
        return
    name = codec.lower()
    _MOS.observe(told.mos, codec=name)
    _LOSS.observe(told.packets_lost / (told.packets_received + told.packets_lost), codec=name)
    _JITTER.observe(told.jitter_ms / 1000, codec=name)


def alarmed(kind: str) -> None:
    """`one_way`, `silence` or `rtp_timeout` began."""
    _ALARMS.inc(kind=kind)
