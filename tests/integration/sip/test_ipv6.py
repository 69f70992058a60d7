"""A call over IPv6."""

from __future__ import annotations

import pytest

from seatbus_testkit.platform import Platform

from .wire import Wire, outside

pytestmark = pytest.mark.platform


async def test_a_phone_is_served_over_ipv6(platform: Platform) -> None:
    async with await Wire.open(platform.sip_over("UDP", "::1"), "::1") as wire:
        wire.send(outside(wire, "OPTIONS"))
        answer = await wire.response(200, "OPTIONS")
        assert str(answer.via.params.get("received")).strip("[]") == "::1"
