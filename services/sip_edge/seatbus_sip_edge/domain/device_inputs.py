"""What happens around an agent's phone that is lost in the middle of a talk."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class DeviceLost:
    """Neither audio nor a way to the phone is left."""

    leg_id: str


@dataclass(frozen=True, slots=True)
class DeviceBack:
    """The phone has registered. `binding` is what it registered as; `anew`: it cannot know the dialog."""

    leg_id: str
    binding: str
    anew: bool = False


@dataclass(frozen=True, slots=True)
class LegRetaken:
    """The phone goes on in the dialog that it had; `sdp` is its answer to our offer."""

    leg_id: str
    sdp: str


@dataclass(frozen=True, slots=True)
class LegForgotten:
    """The phone does not know the dialog any more, or does not take it up."""

    leg_id: str


@dataclass(frozen=True, slots=True)
class DeviceGone:
    """The phone was not back in time."""


OfDevice = DeviceLost | DeviceBack | LegRetaken | LegForgotten | DeviceGone
