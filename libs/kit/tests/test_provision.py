"""Streams and buckets are made once, also where a node of the cluster does not answer in time."""

from __future__ import annotations

from typing import Any

import pytest

from seatbus_kit.bus import Bus
from seatbus_kit.errors import Unavailable
from seatbus_kit.provision import ensure


async def test_a_list_without_what_a_late_node_has_is_asked_for_again(
    bus: Bus, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, lists, late = bus.api, 0, 2

    async def api(call: str, body: object = None, timeout: float = 5.0) -> dict[str, object]:
        nonlocal lists
        answer: dict[str, Any] = await real(call, body, timeout)
        if call == "STREAM.LIST":
            lists += 1
            if lists <= late and answer["streams"]:
                answer["missing"] = [answer["streams"].pop(0)["config"]["name"]]
        return answer

    monkeypatch.setattr(bus, "api", api)
    await ensure(bus)
    assert lists == late + 1
    lists, late = 0, 1 << 30
    with pytest.raises(Unavailable, match="did not tell of all streams"):
        await ensure(bus, timeout=0.0)
