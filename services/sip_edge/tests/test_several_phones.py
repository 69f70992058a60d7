"""Several phones of one agent ring for one call: the first answer has it."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Any

import pytest

from seatbus.call.v1 import types_pb2 as call_types
from seatbus.media.v1 import types_pb2 as media
from seatbus.tenancy.v1 import types_pb2 as tenancy
from seatbus_kit.ids import uuid7
from seatbus_sip import ha1
from seatbus_sip.sdp import parse_sdp
from seatbus_testkit.phone import Phone, PhoneCall
from seatbus_testkit.platform import free_port_base

from .colleagues import offer_to, phone_of

DESK, SOFT = "anna-desk", "anna-soft"
ELSEWHERE = 'SIP;cause=200;text="Call completed elsewhere"'


async def _phones(
    world: Any, *devices: str, policy: Any = tenancy.RING_POLICY_ALL, web: str = "", **agent: Any
) -> list[Phone]:
    """Registered phones of Anna, one a device beside her first; `web` is a browser."""
    await world.put("agent", "anna", tenancy.Agent(name="Anna", ring_policy=policy, **agent))
    phones = []
    for name in devices:
        username = f"{world.tenant}-{name}"
        device = tenancy.Device(
            agent_id="anna",
            kind=tenancy.DEVICE_KIND_WEBRTC if name == web else tenancy.DEVICE_KIND_SIP,
            username=username,
            ha1_md5=ha1("MD5", username, "seatbus", "pw"),
            ha1_sha256=ha1("SHA-256", username, "seatbus", "pw"),
        )
        await world.put("device", name, device)
        await world.until(partial(world.app.edge.config.device_by_username, username))
        if name == web and world.app.edge.settings.sip_tcp_port:
            server = ("127.0.0.1", world.app.edge.settings.sip_tcp_port)
            phone = await Phone.start(server, username=username, password="pw", transport="TCP")
            world.phones.append(phone)
        else:
            phone = await world.phone(username=username, password="pw")
        await phone.register()
        phones.append(phone)

    def known() -> bool:
        found = world.app.edge.config.get(world.tenant, "agent", "anna")
        return found is not None and found.agent.ring_policy == policy

    await world.until(known)
    return phones


async def _offered(world: Any, steps: Any, **options: Any) -> Any:
    caller = world.phones[0]
    world.script(steps.enqueue())
    call = await caller.dial(world.number)
    await world.until(lambda: world.acd.enqueued)
    await world.offer(**options)
    return call


@pytest.fixture
async def office(world: Any) -> Any:
    await world.configure(await world.phone())
    return world


async def test_the_first_answer_wins_and_the_others_hear_that_the_call_is_taken(
    office: Any, steps: Any
) -> None:
    desk, soft = await _phones(office, DESK, SOFT)
    call = await _offered(office, steps)
    one, other = await asyncio.gather(desk.next_call(), soft.next_call())
    assert one.request.call_id == other.request.call_id
    await asyncio.gather(one.ring(), other.ring())
    told: list[str] = []
    silence = soft.on_cancel

    def cancelled(tx: Any, request: Any) -> None:
        told.append(request.get("Reason") or "")
        silence(tx, request)

    soft.on_cancel = cancelled  # type: ignore[method-assign]
    await one.answer()
    await other.wait_ended()
    await office.until(lambda: "CallBridged" in office.types())
    assert told == ['SIP;cause=200;text="Call completed elsewhere"']
    assert office.told.count("work ringing") == office.told.count("work answered") == 1
    await call.hang_up()
    await one.wait_ended()
    (leg,) = [item for item in (await office.ended()).call.legs if item.agent_id]
    assert leg.device_id == DESK


async def test_an_answer_that_crosses_the_cancel_is_acknowledged_and_hung_up(office: Any, steps: Any) -> None:
    desk, soft = await _phones(office, DESK, SOFT)
    call = await _offered(office, steps)
    one, other = await asyncio.gather(desk.next_call(), soft.next_call())
    await asyncio.gather(one.ring(), other.ring())
    other.on_cancel = lambda _tx: other.follow(asyncio.ensure_future(other.answer()))
    await one.answer()
    await other.wait_ended()
    assert other.ended_by == "remote"
    assert any("ACK received" in what for _, what in other.history), other.history
    assert one.state == call.state == "answered"
    await call.hang_up()
    await one.wait_ended()


async def test_a_busy_phone_does_not_stop_the_others(office: Any, steps: Any) -> None:
    desk, soft = await _phones(office, DESK, SOFT)
    call = await _offered(office, steps)
    one, other = await asyncio.gather(desk.next_call(), soft.next_call())
    await one.reject(486)
    await other.ring()
    await other.answer()
    await office.until(lambda: "CallBridged" in office.types())
    await call.hang_up()
    await other.wait_ended()


@pytest.mark.parametrize(("status", "told"), [(603, "work rejected"), (600, "work busy")])
async def test_a_refusal_for_everywhere_stops_them_all(
    office: Any, steps: Any, status: int, told: str
) -> None:
    desk, soft = await _phones(office, DESK, SOFT)
    call = await _offered(office, steps)
    one, other = await asyncio.gather(desk.next_call(), soft.next_call())
    await other.ring()
    await one.reject(status)
    await other.wait_ended()
    await office.until(lambda: told in office.told)
    assert len([word for word in office.told if word.startswith("work") and word != "work ringing"]) == 1
    await call.hang_up()


async def test_when_all_refuse_the_agent_is_what_the_user_said(office: Any, steps: Any) -> None:
    desk, soft = await _phones(office, DESK, SOFT)
    call = await _offered(office, steps)
    one, other = await asyncio.gather(desk.next_call(), soft.next_call())
    await one.reject(503)
    await other.reject(486)
    await office.until(lambda: "offer busy" in office.told)
    await call.hang_up()


async def test_phones_of_lower_q_ring_when_those_before_have_failed(office: Any, steps: Any) -> None:
    desk, soft = await _phones(office, DESK, SOFT)
    desk._contact, soft._contact = f"{desk._contact};q=0.9", f"{soft._contact};q=0.2"
    await asyncio.gather(desk.register(), soft.register())
    call = await _offered(office, steps, ring_timeout_s=20)
    one = await desk.next_call()
    assert not soft.calls
    await one.reject(486)
    second: PhoneCall = await soft.next_call()
    await second.answer()
    await office.until(lambda: "CallBridged" in office.types())
    await call.hang_up()
    await second.wait_ended()


async def test_phones_of_lower_q_ring_when_those_before_have_had_their_time(office: Any, steps: Any) -> None:
    desk, soft = await _phones(office, DESK, SOFT)
    desk._contact, soft._contact = f"{desk._contact};q=0.9", f"{soft._contact};q=0.2"
    await asyncio.gather(desk.register(), soft.register())
    call = await _offered(office, steps, ring_timeout_s=8)
    one = await desk.next_call()
    await one.ring()
    second = await soft.next_call()
    await one.wait_ended()
    await second.answer()
    await office.until(lambda: "CallBridged" in office.types())
    assert "work no_answer" not in office.told
    await call.hang_up()


async def test_the_caller_who_leaves_silences_them_all(office: Any, steps: Any) -> None:
    desk, soft = await _phones(office, DESK, SOFT)
    call = await _offered(office, steps)
    one, other = await asyncio.gather(desk.next_call(), soft.next_call())
    await asyncio.gather(one.ring(), other.ring())
    await call.hang_up()
    await asyncio.gather(one.wait_ended(), other.wait_ended())
    await office.until(lambda: "work cancelled" in office.told)


async def test_by_preference_one_phone_rings_alone(office: Any, steps: Any) -> None:
    desk, soft = await _phones(office, DESK, SOFT, policy=tenancy.RING_POLICY_FIRST)
    call = await _offered(office, steps)
    one = await desk.next_call()
    await one.answer()
    await office.until(lambda: "CallBridged" in office.types())
    assert not soft.calls
    await call.hang_up()


async def test_after_a_restart_they_ring_on_and_one_answers(office: Any, steps: Any) -> None:
    desk, soft = await _phones(office, DESK, SOFT)
    call = await _offered(office, steps)
    one, other = await asyncio.gather(desk.next_call(), soft.next_call())
    await asyncio.gather(one.ring(), other.ring())
    await office.until(lambda: "LegRinging" in office.types())
    await office.stop_edge()
    await office.start_edge(sip_port=office.sip[1])
    await other.answer()
    await one.wait_ended()
    await office.until(lambda: "CallBridged" in office.types())
    await call.hang_up()
    ended = await office.ended()
    assert ended.cause == call_types.HANGUP_CAUSE_CALLER_HUNG_UP
    assert [leg.device_id for leg in ended.call.legs if leg.agent_id] == [SOFT]


# ---- a desk phone and a browser ---------------------------------------------------------------------------


def _offered_as(call: PhoneCall) -> int:
    return int(parse_sdp(call.request.body).origin.version)


async def _mixed(office: Any, steps: Any, **options: Any) -> tuple[PhoneCall, PhoneCall, PhoneCall]:
    """The caller, Anna's desk phone and her browser, which ring."""
    desk, web = await _phones(office, DESK, SOFT, web=SOFT)
    call = await _offered(office, steps, **options)
    one, other = await asyncio.gather(desk.next_call(), web.next_call())
    await asyncio.gather(one.ring(), other.ring())
    return call, one, other


@pytest.mark.parametrize(("winner", "kind"), [(0, "rtp"), (1, "webrtc")])
async def test_a_browser_and_a_desk_phone_ring_together_each_with_an_offer_of_its_kind(
    office: Any, steps: Any, winner: int, kind: str
) -> None:
    call, *rung = await _mixed(office, steps)
    assert [_offered_as(item) for item in rung] == [media.ENDPOINT_KIND_RTP, media.ENDPOINT_KIND_WEBRTC]
    assert rung[0].request.call_id == rung[1].request.call_id
    await rung[winner].answer()
    await rung[1 - winner].wait_ended()
    await office.until(lambda: "CallBridged" in office.types())
    assert rung[1 - winner].cancel_reason == ELSEWHERE
    assert office.media.last("accept_answer").alternative == kind
    await call.hang_up()
    await rung[winner].wait_ended()
    (leg,) = [item for item in (await office.ended()).call.legs if item.agent_id]
    assert leg.device_id == (DESK, SOFT)[winner]


async def test_a_browser_that_cannot_take_its_offer_does_not_silence_the_desk_phone(
    office: Any, steps: Any
) -> None:
    call, desk, web = await _mixed(office, steps)
    await web.reject(488)
    await desk.answer()
    await office.until(lambda: "CallBridged" in office.types())
    await call.hang_up()


async def test_a_browser_s_refusal_for_everywhere_silences_the_desk_phone(office: Any, steps: Any) -> None:
    call, desk, web = await _mixed(office, steps)
    await web.reject(603)
    await desk.wait_ended()
    await office.until(lambda: "work rejected" in office.told)
    assert office.media.last("remove_endpoint").endpoint_id == office.media.last("make_offer").endpoint_id
    await call.hang_up()


async def test_without_ports_for_browsers_the_desk_phone_rings_alone(office: Any, steps: Any) -> None:
    desk, web = await _phones(office, DESK, SOFT, web=SOFT)
    office.media.without.add("webrtc")
    call = await _offered(office, steps)
    one = await desk.next_call()
    await one.answer()
    await office.until(lambda: "CallBridged" in office.types())
    assert not web.calls
    await call.hang_up()


async def test_a_browser_of_lower_q_is_offered_its_own_kind_in_its_turn(office: Any, steps: Any) -> None:
    desk, web = await _phones(office, DESK, SOFT, web=SOFT)
    desk._contact, web._contact = f"{desk._contact};q=0.9", f"{web._contact};q=0.2"
    await asyncio.gather(desk.register(), web.register())
    call = await _offered(office, steps, ring_timeout_s=20)
    await (await desk.next_call()).reject(486)
    second = await web.next_call()
    assert _offered_as(second) == media.ENDPOINT_KIND_WEBRTC
    await second.answer()
    await office.until(lambda: "CallBridged" in office.types())
    assert office.media.last("accept_answer").alternative == "webrtc"
    await call.hang_up()


async def test_after_a_restart_the_browser_that_rang_beside_a_desk_phone_answers_its_own_offer(
    office: Any, steps: Any
) -> None:
    call, desk, web = await _mixed(office, steps)
    await office.until(lambda: "LegRinging" in office.types())
    await office.stop_edge()
    await office.start_edge(sip_port=office.sip[1])
    await web.answer()
    await desk.wait_ended()
    await office.until(lambda: "CallBridged" in office.types())
    assert office.media.last("accept_answer").alternative == "webrtc"
    await call.hang_up()


async def test_a_browser_whose_connection_went_with_the_edge_rings_again_beside_the_desk_phone(
    empty_world: Any, steps: Any
) -> None:
    world = empty_world
    tcp = free_port_base()
    await world.start_edge(sip_tcp_port=tcp)
    await world.configure(await world.phone())
    call, desk, _ = await _mixed(world, steps)
    await world.until(lambda: "LegRinging" in world.types())
    await world.stop_edge()
    await world.start_edge(sip_port=world.sip[1], sip_tcp_port=tcp)
    web = world.phones[2]
    await web.reconnect()
    await web.register()
    again = await web.next_call()
    assert _offered_as(again) == media.ENDPOINT_KIND_WEBRTC
    assert not desk.over()
    await again.answer()
    await desk.wait_ended()
    await world.until(lambda: "CallBridged" in world.types())
    assert world.media.last("accept_answer").alternative == "webrtc"
    await call.hang_up()
    await again.wait_ended()


async def test_a_browser_that_answers_after_the_audio_has_moved_is_offered_its_kind_anew(
    office: Any, steps: Any
) -> None:
    call, desk, web = await _mixed(office, steps)
    (session,) = office.app.edge.sessions.values()
    leg = session.sip.legs[session.call.agent_leg_id]
    leg.moved_offer = leg.local_sdp
    await web.answer()
    await desk.wait_ended()
    await office.until(lambda: "CallBridged" in office.types())
    made = office.media.last("make_offer")
    assert (made.kind, made.alternative) == (media.ENDPOINT_KIND_WEBRTC, "webrtc")
    assert "a=fingerprint" in made.continues
    assert any(what == "INVITE answered 200" for _, what in web.history), web.history
    assert office.media.last("accept_answer").alternative == "webrtc"
    await call.hang_up()
    await web.wait_ended()


@pytest.mark.parametrize(("winner", "kind"), [(0, "rtp"), (1, "webrtc"), (2, "")])
async def test_desk_phone_and_browser_of_one_agent_ring_beside_another_agent(
    office: Any, steps: Any, winner: int, kind: str
) -> None:
    desk, web = await _phones(office, DESK, SOFT, web=SOFT)
    ben = await phone_of(office, "ben", "ben-phone")
    await ben.register()
    office.script(steps.enqueue())
    call = await office.phones[0].dial(office.number)
    await office.until(lambda: office.acd.enqueued)
    ring = uuid7()
    await offer_to(office, "anna", office.acd.enqueued[-1], ring_rid=ring, rid=ring)
    await offer_to(office, "ben", office.acd.enqueued[-1], ring_rid=ring)
    rung = await asyncio.gather(desk.next_call(), web.next_call(), ben.next_call())
    await asyncio.gather(*(side.ring() for side in rung))
    await office.until(lambda: office.types().count("LegRinging") == 2)
    await rung[winner].answer()
    losers = [side for side in rung if side is not rung[winner]]
    await asyncio.gather(*(side.wait_ended() for side in losers))
    assert [side.cancel_reason for side in losers] == [ELSEWHERE] * 2
    await office.until(lambda: "CallBridged" in office.types())
    assert office.media.last("accept_answer").alternative == kind
    await call.hang_up()
    await rung[winner].wait_ended()
    legs = {leg.agent_id: leg for leg in (await office.ended()).call.legs if leg.agent_id}
    taken, left = (legs["ben"], legs["anna"]) if winner == 2 else (legs["anna"], legs["ben"])
    assert taken.device_id == (DESK, SOFT, "ben-phone")[winner]
    assert (taken.cause, left.cause) == (
        call_types.HANGUP_CAUSE_CALLER_HUNG_UP,
        call_types.HANGUP_CAUSE_ANSWERED_ELSEWHERE,
    )
