"""The sizing of the API is the program of the command line."""

from __future__ import annotations

import asyncio
import json

import pytest

from seatbus.acd.v1.service_pb2 import SizeRequest
from seatbus_acd.adapters.sizing import Sizing, arguments
from seatbus_acd.sizing.__main__ import main
from seatbus_kit.errors import InvalidArgument, ResourceExhausted


async def test_the_worked_example_has_the_numbers_of_the_command_line(
    capsys: pytest.CaptureFixture[str],
) -> None:
    request = SizeRequest(customers=20_000_000, patience=90.5)
    assert main(arguments(request)) == 0
    by_hand = json.loads(capsys.readouterr().out)
    document = json.loads(await Sizing().size(request))
    assert document == by_hand
    assert document["seats"] == pytest.approx(666.67, abs=0.01)


async def test_one_at_a_time_and_wrong_wishes_are_named() -> None:
    sizing = Sizing()
    first = asyncio.create_task(sizing.size(SizeRequest(calls_per_hour=100)))
    await asyncio.sleep(0)
    with pytest.raises(ResourceExhausted):
        await sizing.size(SizeRequest(calls_per_hour=100))
    await first
    with pytest.raises(InvalidArgument, match="--customers"):
        await sizing.size(SizeRequest(patience=60))
