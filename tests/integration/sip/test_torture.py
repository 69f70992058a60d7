"""The messages of RFC 4475 and RFC 5118 at the edge: each gets its answer, and the next one is served."""

from __future__ import annotations

import asyncio
import re
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from seatbus_testkit.platform import Platform

from .wire import Stream, Wire, outside

pytestmark = pytest.mark.platform

FOLDER = Path(__file__).resolve().parents[3] / "libs" / "sip" / "tests" / "torture"
STRANGER = 403
"""What a well-formed INVITE gets: no trunk sends from here."""
ON_A_STREAM = {
    # Its To has a tag: a dialog that nobody has.
    "wsinv": [481],
    # Behind the body begins the next message.
    "dblreq": [401, STRANGER],
    # More bytes are said to come, and what follows is taken for them.
    "clerr": [],
}


def messages() -> list[Any]:
    """Those of the tests of `libs/sip`, whose folder is no package."""
    sys.path.insert(0, str(FOLDER))
    try:
        return [*import_module("rfc4475").MESSAGES, *import_module("rfc5118").MESSAGES]
    finally:
        sys.path.remove(str(FOLDER))


def expected(torture: Any) -> list[int]:
    if torture.name in ON_A_STREAM:
        return ON_A_STREAM[torture.name]
    if torture.status == 200 and re.search(rb"^CSeq: *\d+ INVITE", torture.wire, re.MULTILINE):
        return [STRANGER]
    return [torture.status] if torture.status else []


async def test_each_message_gets_its_answer_and_the_next_one_is_served(platform: Platform) -> None:
    tortures = messages()
    assert len(tortures) == 49 + 12
    async with await Wire.open(platform.sip) as wire:
        found = dict(await asyncio.gather(*(answers(platform, wire, torture) for torture in tortures)))
        wire.send(outside(wire, "OPTIONS"))
        await wire.response(200, "OPTIONS")
    assert found == {torture.name: expected(torture) for torture in tortures}


async def answers(platform: Platform, wire: Wire, torture: Any) -> tuple[str, list[int]]:
    """Final answers, as many as are due; an OPTIONS behind the message is answered, or the line is closed."""
    found: list[int] = []
    # Several of RFC 5118 are one transaction by their branch and Call-ID.
    own = torture.name.encode()
    data = torture.wire.replace(b"z9hG4bKa", b"z9hG4bK" + own).replace(b".1234abcd", b"." + own)
    async with await Stream.open(platform.sip_over("TCP")) as stream:
        last = stream.options(wire)
        stream.write(data + last)
        call_id = re.search(rb"^Call-ID: (.+)\r$", last, re.MULTILINE)
        assert call_id is not None
        served = torture.name == "clerr"
        while not served or len(found) < len(expected(torture)):
            try:
                answer = await stream.message()
            except (asyncio.IncompleteReadError, ConnectionError):
                break
            if answer.call_id == call_id[1].decode():
                served = True
            elif answer.status >= 200:
                found.append(answer.status)
    return torture.name, found
