"""Hold, blind transfer, parking: by listening, in the call record, and in the agents' states."""

from __future__ import annotations

import asyncio
import io
import wave
from typing import Any

import numpy as np
import pytest

from seatbus_rtp.tones import dominant_frequency
from seatbus_testkit.phone import Policy
from seatbus_testkit.platform import Platform
from seatbus_testkit.tenant import TestTenant

from .agents import until_agent
from .conversations import CALLER, FIRST, SECOND, hears, hears_music, talk

pytestmark = pytest.mark.platform


@pytest.fixture(scope="module")
def tenant(platform: Platform) -> TestTenant:
    """Three agents: a1 serves the queue of the number, a2 the second one."""
    made = TestTenant.create(platform, agents=3, queue={"members": [{"agent_id": "a1"}]})
    platform.post(
        made.path("queues"),
        {
            "id": "q2",
            "name": "Second",
            "ring_timeout_s": 5,
            "wrap_up_s": 1,
            "record": True,
            "members": [{"agent_id": "a2"}],
        },
    )
    nodes = [{"id": "bye", "hang_up": {"audio": [{"text": "Good bye then."}]}}]
    platform.post(made.path("flows"), {"id": "farewell", "name": "Farewell", "start": "bye", "nodes": nodes})
    return made


async def record_of(tenant: TestTenant, call_id: str) -> dict[str, Any]:
    return await asyncio.to_thread(tenant.wait_cdr, call_id=call_id)


async def test_hold_by_the_api_plays_music_to_the_other_side(tenant: TestTenant) -> None:
    async with talk(tenant) as call:
        await hears(call.customer, FIRST)
        await hears(call.first, CALLER)
        leg = call.leg_of("a1")
        await call.ask("hold", {"leg_id": leg, "on": True})
        await until_agent(tenant, "a1", presence="READY", work="HELD")
        await hears_music(call.customer)
        await hears(call.first)
        await call.ask("hold", {"leg_id": leg, "on": False})
        await until_agent(tenant, "a1", presence="READY", work="TALKING")
        await hears(call.customer, FIRST)
        await hears(call.first, CALLER)
        await call.ask("mute", {"leg_id": leg, "on": True})
        await hears(call.customer)
        await call.ask("mute", {"leg_id": leg, "on": False})
        await hears(call.customer, FIRST)
        await call.ask("dtmf", {"leg_id": call.leg_of(""), "digits": "42"})
        await call.customer.ears.wait_digits("42")


async def test_a_blind_transfer_to_a_colleague_takes_call_and_data_along(platform: Platform) -> None:
    queue = {"members": [{"agent_id": "a1"}], "wrap_up_s": 5}
    tenant = await asyncio.to_thread(TestTenant.create, platform, agents=2, queue=queue)
    async with talk(tenant, "a2") as call:
        interaction = call.record()["interaction_id"]
        await call.ask("transfer", {"agent_id": "a2"})
        await call.first.wait_ended()
        await until_agent(tenant, "a1", presence="READY", work="WRAP_UP")
        second = await call.answer("a2", SECOND)
        await hears(call.customer, SECOND)
        await hears(second, CALLER)
        await until_agent(tenant, "a2", presence="NOT_READY", work="TALKING")
        assert call.record()["interaction_id"] == interaction
        await call.customer.hang_up()
        await second.wait_ended()
    cdr = await record_of(tenant, call.call_id)
    assert [(s["agent_id"], s["cause"]) for s in cdr["segments"]] == [
        ("a1", "transferred"),
        ("a2", "caller_hung_up"),
    ]
    assert cdr["cause"] == "caller_hung_up"
    assert (cdr["agent_id"], cdr["queue_visits"], cdr["interaction_id"]) == ("a2", 1, interaction)
    await until_agent(tenant, "a2", presence="NOT_READY")


async def test_a_blind_transfer_to_a_queue_is_a_new_visit(tenant: TestTenant) -> None:
    async with talk(tenant, "a2") as call:
        await call.ask("transfer", {"queue_id": "q2"})
        await call.first.wait_ended()
        await hears_music(call.customer)
        await asyncio.to_thread(tenant.agent_do, "a2", "ready")
        second = await call.answer("a2", SECOND)
        await hears(second, CALLER)
        await second.hang_up()
        await call.customer.wait_ended()
        await asyncio.to_thread(tenant.agent_do, "a2", "not_ready")
    cdr = await record_of(tenant, call.call_id)
    assert (cdr["queue_visits"], cdr["cause"]) == (2, "agent_hung_up")
    assert [s["queue_id"] for s in cdr["segments"]] == [tenant.queue, "q2"]

    def visits() -> list[dict[str, Any]] | None:
        rows = tenant.platform.get(tenant.path("queue-visits"), limit=100)["visits"]
        mine = [row for row in rows if row["call_id"] == call.call_id]
        return mine if len(mine) == 2 and all(row["outcome"] for row in mine) else None

    rows = await asyncio.to_thread(tenant.platform.until, visits, 30, "both visits of the call")
    assert {(row["queue_id"], row["outcome"]) for row in rows} == {
        (tenant.queue, "answered"),
        ("q2", "answered"),
    }
    assert len({row["contact_id"] for row in rows}) == 2


async def test_whom_a_colleague_does_not_take_comes_back_by_the_queue(tenant: TestTenant) -> None:
    async with talk(tenant, "a2") as call:
        call.phones["a2"].policy = Policy.reject(486)
        await call.ask("transfer", {"agent_id": "a2"})
        await call.first.wait_ended()
        again = await call.answer("a1", FIRST)
        await hears(again, CALLER)
        await hears(call.customer, FIRST)
        # The colleague's presence is their own affair: nothing was offered to them by a queue.
        await until_agent(tenant, "a2", presence="NOT_READY")
    cdr = await record_of(tenant, call.call_id)
    assert [s["cause"] for s in cdr["segments"]] == ["transferred", "busy", "caller_hung_up"]
    assert cdr["queue_visits"] == 2


async def test_a_transfer_to_a_flow_is_heard(tenant: TestTenant) -> None:
    async with talk(tenant) as call:
        await call.ask("transfer", {"flow_id": "farewell"})
        await call.first.wait_ended()
        call.customer.ears.clear()
        await call.customer.ears.wait_level(-40)
        await call.customer.wait_ended()
    cdr = await record_of(tenant, call.call_id)
    assert (cdr["cause"], cdr["flow_id"]) == ("flow_ended", "farewell")


async def test_a_caller_leaves_a_message_and_goes_on(tenant: TestTenant) -> None:
    """A flow with a box: prompt, beep, the caller alone on the recording, # ends it, the flow goes on."""
    platform = tenant.platform
    nodes = [
        {
            "id": "box",
            "voicemail": {
                "audio": [{"text": "Speak."}],
                "queue_id": tenant.queue,
                "max_s": 20,
                "next": "bye",
            },
        },
        {"id": "bye", "hang_up": {}},
    ]
    platform.post(tenant.path("flows"), {"id": "box", "name": "Box", "start": "box", "nodes": nodes})
    async with talk(tenant) as call:
        call.customer.mouth.silence()
        await call.ask("transfer", {"flow_id": "box"})
        await call.first.wait_ended()

        await call.until_state("IN_FLOW")
        # Prompt and beep are over.
        await asyncio.sleep(2.5)
        call.customer.mouth.play_tone(CALLER, -15.0)
        await asyncio.sleep(2.0)
        call.customer.mouth.send_dtmf("#")
        await call.customer.wait_ended()
    cdr = await record_of(tenant, call.call_id)
    assert cdr["cause"] == "flow_ended"

    def stored() -> float:
        return float(tenant.wait_cdr(call_id=call.call_id)["recording_ms"])

    length = await asyncio.to_thread(platform.until, stored, 30, "the message's length in the record")
    assert 1500 < length < 6000
    path = f"/tenants/{tenant.id}/recordings/{cdr['recording_id']}/audio"
    answer = await asyncio.to_thread(platform.http.get, path)
    with wave.open(io.BytesIO(answer.content)) as file:
        frames = np.frombuffer(file.readframes(file.getnframes()), dtype="<i2").reshape(-1, 2)
    said = np.ascontiguousarray(frames[-12000:-4000, 0])
    assert dominant_frequency(said) == pytest.approx(CALLER, abs=8)


async def test_a_parked_call_is_picked_up_by_anybody(tenant: TestTenant) -> None:
    async with talk(tenant, "a2") as call:
        slot = (await call.ask("park"))["slot"]
        await call.first.wait_ended()
        await call.until_state("PARKED")
        await hears_music(call.customer)
        path = tenant.path("pick-up")
        answer = await asyncio.to_thread(
            tenant.platform.http.post, path, json={"slot": slot, "agent_id": "a2"}
        )
        assert answer.status_code == 204, answer.text
        second = await call.answer("a2", SECOND)
        await hears(second, CALLER)
        await hears(call.customer, SECOND)
        assert call.record()["park_slot"] == ""


async def test_what_cannot_be_is_refused_with_a_reason(tenant: TestTenant) -> None:
    async with talk(tenant) as call:
        await call.ask("transfer", {"agent_id": "nobody"}, expect=404)
        await call.ask("transfer", {"agent_id": "a1"}, expect=409)
        await call.ask("consult/swap", expect=409)
        # a3 is logged out: the phone does not ring, the customer comes back.
        await call.ask("consult", {"agent_id": "a3"})
        await call.until_state("BRIDGED")
        await hears(call.customer, FIRST)
        await until_agent(tenant, "a1", presence="READY", work="TALKING")
