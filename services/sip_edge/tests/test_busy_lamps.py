"""Busy lamps (RFC 4235): phones see who of their company rings and talks, and nobody else does."""

from __future__ import annotations

import re
from typing import Any

import pytest

from seatbus.agent.v1 import types_pb2 as agent_types
from seatbus_contracts.subjects import record_key
from seatbus_kit.buckets import Bucket
from seatbus_sip.subscriptions import DIALOG_INFO
from seatbus_sip_edge.application import busy_lamps
from seatbus_testkit.lamp import subscribe
from seatbus_testkit.phone import Phone

from .colleagues import device_of, phone_of

RINGING, TALKING = agent_types.WORK_STATE_RINGING, agent_types.WORK_STATE_TALKING


async def _works(world: Any, agent: str, *states: int, kind: str = "") -> None:
    """agent_state writes what the agent has in hand."""
    bucket = Bucket(world.bus, "agents")
    state = agent_types.AgentState(tenant_id=world.tenant, agent_id=agent)
    for number, one in enumerate(states):
        state.work.add(rid=f"rid-{number}", state=one, kind=kind)  # type: ignore[arg-type]
    key = record_key(world.tenant, agent)
    entry = await bucket.read(key)
    await bucket.put(key, state.SerializeToString(), entry.revision if entry is not None else 0)


@pytest.fixture
async def desk(world: Any) -> Phone:
    """Ben's phone; anna is his colleague at extension 2001."""
    await world.configure(await world.phone())
    await device_of(world, "anna", "anna-desk", "2001")
    phone = await phone_of(world, "ben", "ben-phone")
    await phone.register()
    return phone


async def test_a_lamp_shows_who_rings_who_talks_and_that_it_is_over(world: Any, desk: Phone) -> None:
    await _works(world, "anna")
    lamp, response = await subscribe(desk, "2001")
    assert (response.status, response.get("Expires")) == (200, "60")
    await world.until(lambda: lamp.states() == [[]])
    await _works(world, "anna", RINGING)
    await world.until(lambda: lamp.states()[-1] == ["early"])
    await _works(world, "anna", TALKING, RINGING)
    await world.until(lambda: lamp.states()[-1] == ["confirmed", "early"])
    # What a lamp does not show is not told again.
    await _works(world, "anna", agent_types.WORK_STATE_HELD, RINGING)
    await _works(world, "anna", agent_types.WORK_STATE_WRAP_UP)
    await world.until(lambda: lamp.states()[-1] == [])
    versions = [int(re.findall(r'version="(\d+)"', body)[0]) for _, body in lamp.told]
    assert versions == list(range(len(versions)))
    assert all('state="full"' in body and "2001@" in body for _, body in lamp.told)
    assert len(lamp.told) == 4
    assert lamp.told[0][0].startswith("active;expires=")


async def test_it_is_refreshed_and_left(world: Any, desk: Phone) -> None:
    lamp, _ = await subscribe(desk, "2001")
    await world.until(lambda: len(lamp.told) == 1)
    assert (await lamp.again(120)).get("Expires") == "120"
    await world.until(lambda: len(lamp.told) == 2)
    assert (await lamp.again(0)).status == 200
    await world.until(lambda: lamp.told[-1][0] == "terminated;reason=timeout")
    assert len(world.app.edge.lamps) == 0
    assert (await lamp.again(60)).status == 481


async def test_it_ends_by_itself_and_when_a_phone_wants_no_more(world: Any, desk: Phone) -> None:
    ends, _ = await subscribe(desk, "2001", expires=1)
    await world.until(lambda: ends.told and ends.told[-1][0] == "terminated;reason=timeout")
    lamp, _ = await subscribe(desk, "2001")
    await world.until(lambda: len(lamp.told) == 1)
    lamp.status = 481
    await _works(world, "anna", TALKING)
    await world.until(lambda: len(world.app.edge.lamps) == 0)


async def test_after_a_restart_the_phone_subscribes_anew(world: Any, desk: Phone) -> None:
    lamp, _ = await subscribe(desk, "2001")
    await world.until(lambda: len(lamp.told) == 1)
    await world.stop_edge()
    await world.start_edge(sip_port=world.sip[1])
    assert (await lamp.again(60)).status == 481
    anew, response = await subscribe(desk, "2001")
    assert response.status == 200
    await world.until(lambda: len(anew.told) == 1)


@pytest.mark.parametrize(
    ("asked", "status", "header"),
    [
        ({"event": "message-summary"}, 489, ("Allow-Events", "dialog")),
        ({"event": "presence"}, 489, ("Allow-Events", "dialog")),
        ({"event": "reg", "user": "nobody"}, 489, ("Allow-Events", "dialog")),
        ({"accept": "application/pidf+xml"}, 406, ("Accept", DIALOG_INFO)),
        ({"user": "9999"}, 404, ("", "")),
        ({"user": "nobody"}, 404, ("", "")),
    ],
)
async def test_what_cannot_be_watched(
    world: Any, desk: Phone, asked: dict[str, Any], status: int, header: tuple[str, str]
) -> None:
    _, response = await subscribe(desk, **{"user": "2001", **asked})
    assert response.status == status
    if header[0]:
        assert response.get(header[0]) == header[1]
    assert len(world.app.edge.lamps) == 0


async def test_too_short_a_time_is_refused_with_the_shortest(world: Any, desk: Phone) -> None:
    await world.stop_edge()
    await world.start_edge(sip_port=world.sip[1], registration_min_s=60)
    _, response = await subscribe(desk, "2001", expires=30)
    assert (response.status, response.get("Min-Expires")) == (423, "60")


async def test_strangers_and_other_companies_see_nothing(world: Any, desk: Phone) -> None:
    stranger = await world.phone()
    _, response = await subscribe(stranger, "2001")
    assert response.status == 403
    guest = await world.phone(username=desk.username, password="wrong")
    _, response = await subscribe(guest, "2001")
    assert response.status == 403
    # An account of another company is nobody here.
    _, response = await subscribe(desk, f"other-{world.username}")
    assert response.status == 404


async def test_a_device_has_so_many_lamps_and_no_more(
    world: Any, desk: Phone, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(busy_lamps, "_MOST", 1)
    assert (await subscribe(desk, "2001"))[1].status == 200
    _, response = await subscribe(desk, "2001")
    assert response.status == 403
    assert "at most 1" in str(response.get("Warning"))
