"""An agent's phone is lost in the middle of a talk, and is back, or not."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from seatbus.agent.v1 import service_pb2 as agent
from seatbus.call.v1 import service_pb2 as control
from seatbus.call.v1 import types_pb2 as call_types
from seatbus.media.v1 import events_pb2 as media_events
from seatbus.tenancy.v1 import types_pb2 as tenancy
from seatbus_sip_edge.domain.device_inputs import DeviceGone
from seatbus_sip_edge.domain.model import Phase
from seatbus_testkit.phone import Phone

from .colleagues import phone_of
from .outside_world import OUTSIDE, carrier, company
from .two_edges import Second

LOST = call_types.HANGUP_CAUSE_DEVICE_LOST


async def _talking(
    world: Any, steps: Any, transport: str = "TCP", hold_s: int = 15
) -> tuple[Any, Phone, Any]:
    await world.start_edge(sip_tcp_port=_free(), sip_t1_s=0.1)
    caller = await world.phone()
    await world.configure(caller)
    await world.put("queue", world.QUEUE, tenancy.Queue(name="Sales", record=True, device_lost_s=hold_s))
    await world.until(
        lambda: world.app.edge.directory.queue(world.tenant, world.QUEUE).device_lost_s == hold_s
    )
    phone = await _phone(world, transport)
    world.script(steps.enqueue())
    call = await caller.dial(world.number)
    await world.until(lambda: world.acd.enqueued)
    await world.offer()
    leg = await phone.next_call()
    await leg.answer()
    await world.until(lambda: "CallBridged" in world.types())
    return call, phone, leg


def _free() -> int:
    import socket

    with socket.socket() as made:
        made.bind(("127.0.0.1", 0))
        port: int = made.getsockname()[1]
        return port


async def _phone(world: Any, transport: str) -> Phone:
    server = world.sip if transport == "UDP" else ("127.0.0.1", world.app.edge.settings.sip_tcp_port)
    phone = await Phone.start(server, username=world.username, password="pw", transport=transport)
    world.phones.append(phone)
    await phone.register()
    return phone


async def _lost(world: Any) -> None:
    await world.until(lambda: "CallDeviceLost" in world.types())
    assert world.media.last("play").playlist.items[0].tone == "music"
    assert "work held" in world.told


async def test_a_phone_that_reconnects_goes_on_in_its_dialog(empty_world: Any, steps: Any) -> None:
    world = empty_world
    call, phone, leg = await _talking(world, steps)
    phone.sip.drop()  # type: ignore[attr-defined]
    await _lost(world)
    await phone.reconnect()
    await phone.register()
    await world.until(lambda: "CallDeviceBack" in world.types())
    assert world.last("CallDeviceBack").before_leg_id == ""
    assert leg.state == call.state == "answered"
    assert world.media.names()[-1] == "control_recording" or "connect" in world.media.names()[-4:]
    await world.until(lambda: "work resumed" in world.told)
    await call.hang_up()
    await leg.wait_ended()
    assert (await world.ended()).cause == call_types.HANGUP_CAUSE_CALLER_HUNG_UP
    await world.until(lambda: "work ended" in world.told)
    assert "work device_lost" not in world.told


@pytest.mark.parametrize("transport", ["TCP", "UDP"])
async def test_a_phone_that_was_restarted_is_called_anew_and_the_talk_goes_on(
    empty_world: Any, steps: Any, transport: str
) -> None:
    world = empty_world
    call, phone, _ = await _talking(world, steps, transport)
    phone.vanish()
    if transport == "TCP":
        await _lost(world)
    back = await _phone(world, transport)
    again = await back.next_call()
    assert "answer-after=0" in (again.request.get("Call-Info") or "")
    await _lost(world)
    await again.answer()
    await world.until(lambda: "CallDeviceBack" in world.types())
    assert world.types().count("CallBridged") == 2
    await world.until(lambda: "work resumed" in world.told)
    assert len(world.acd.enqueued) == 1
    await again.hang_up()
    await call.wait_ended()
    ended = await world.ended()
    assert ended.cause == call_types.HANGUP_CAUSE_AGENT_HUNG_UP
    assert [leg.cause for leg in ended.call.legs if leg.agent_id] == [LOST, ended.cause]
    assert len({leg.rid for leg in ended.call.legs if leg.rid}) == 1


async def test_a_browser_that_gives_up_for_want_of_audio_has_not_hung_up(
    empty_world: Any, steps: Any
) -> None:
    """Its BYE says so (RFC 3326), as that of JsSIP does."""
    world = empty_world
    call, phone, leg = await _talking(world, steps, hold_s=1)
    bye = leg.dialog.request("BYE", headers={"Reason": 'SIP ;cause=408; text="RTP Timeout"'})
    _, response = await phone.sip.ask(bye, world.sip)
    assert response.status == 200
    await _lost(world)
    assert call.state == "answered"
    await world.until(lambda: "work device_lost" in world.told)
    await world.until(lambda: len(world.acd.enqueued) == 2)
    await call.hang_up()
    ended = await world.ended()
    assert [one.cause for one in ended.call.legs if one.agent_id] == [LOST]


@pytest.mark.parametrize("refuses", [False, True])
async def test_without_its_phone_the_customer_goes_to_the_front_of_the_queue(
    empty_world: Any, steps: Any, refuses: bool
) -> None:
    world = empty_world
    call, phone, _ = await _talking(world, steps, hold_s=15 if refuses else 1)
    phone.vanish()
    await _lost(world)
    if refuses:
        back = await _phone(world, "TCP")
        await (await back.next_call()).reject(603)
    await world.until(lambda: len(world.acd.enqueued) == 2)
    assert call.state == "answered"
    again = world.acd.enqueued[-1]
    assert (again.first_fifo, again.visit, again.preferred_agent_id) == (1, 2, "")
    await world.until(lambda: "work device_lost" in world.told)
    assert "work ended" not in world.told
    await call.hang_up()
    ended = await world.ended()
    assert ended.cause == call_types.HANGUP_CAUSE_ABANDONED_IN_QUEUE
    assert {leg.cause for leg in ended.call.legs if leg.agent_id} == {LOST}


async def test_a_caller_who_hangs_up_meanwhile_ends_the_call_once(empty_world: Any, steps: Any) -> None:
    world = empty_world
    call, phone, _ = await _talking(world, steps)
    phone.vanish()
    await _lost(world)
    back = await _phone(world, "TCP")
    again = await back.next_call()
    await again.ring()
    await call.hang_up()
    await again.wait_ended()
    ended = await world.ended()
    assert ended.cause == call_types.HANGUP_CAUSE_CALLER_HUNG_UP
    # The phone is there: its agent is as ready as after any talk.
    await world.until(lambda: "work ended" in world.told)
    assert "work device_lost" not in world.told
    assert len(world.acd.enqueued) == 1


async def test_a_phone_that_is_back_when_agent_state_hears_of_its_loss_is_told_once_more(
    empty_world: Any, steps: Any
) -> None:
    world = empty_world
    call, phone, _ = await _talking(world, steps)
    heard = world.agents.hold[agent.WORK_EVENT_DEVICE_LOST] = asyncio.Event()
    phone.vanish()
    await _lost(world)
    await call.hang_up()
    await world.ended()
    await _phone(world, "TCP")
    await world.until(lambda: [item.registered for item in world.agents.devices][-1:] == [True])
    world.agents.devices.clear()
    heard.set()
    await world.until(lambda: "work device_lost" in world.told)
    await world.until(lambda: [item.registered for item in world.agents.devices] == [True])


async def test_a_phone_that_is_heard_is_not_lost_though_its_connection_is(
    empty_world: Any, steps: Any
) -> None:
    world = empty_world
    call, phone, leg = await _talking(world, steps)
    world.media.pace = 50
    phone.sip.drop()  # type: ignore[attr-defined]
    asked = world.media.heard
    await world.until(lambda: world.media.heard > asked + 100)
    assert "CallDeviceLost" not in world.types()
    await phone.reconnect()
    await phone.register()
    await world.until(lambda: not world.app.edge.lost_devices._listening)
    await call.hang_up()
    await leg.wait_ended()
    assert "CallDeviceLost" not in world.types()


async def test_a_restarted_edge_waits_on_for_the_phone(empty_world: Any, steps: Any) -> None:
    world = empty_world
    call, phone, _ = await _talking(world, steps)
    phone.vanish()
    await _lost(world)
    sip, tcp = world.sip, world.app.edge.settings.sip_tcp_port
    await world.stop_edge()
    await world.start_edge(sip_port=sip[1], sip_tcp_port=tcp, sip_t1_s=0.1)
    back = await _phone(world, "TCP")
    again = await back.next_call()
    await again.answer()
    await world.until(lambda: "CallDeviceBack" in world.types())
    await call.hang_up()
    await again.wait_ended()
    assert (await world.ended()).cause == call_types.HANGUP_CAUSE_CALLER_HUNG_UP


async def test_two_answers_of_the_phone_that_is_back_are_one_talk(empty_world: Any, steps: Any) -> None:
    """It registers twice, as two instances; what was asked of the first is taken back."""
    world = empty_world
    call, phone, _ = await _talking(world, steps)
    phone.vanish()
    await _lost(world)
    first, second = await _phone(world, "TCP"), await _phone(world, "TCP")
    rings = {asyncio.create_task(each.next_call(3)): each for each in (first, second)}
    done, late = await asyncio.wait(rings, return_when=asyncio.FIRST_COMPLETED)
    await done.pop().result().answer()
    await world.until(lambda: "CallDeviceBack" in world.types())
    for task in late:
        task.cancel()
    assert world.types().count("CallBridged") == 2
    await call.hang_up()
    assert (await world.ended()).cause == call_types.HANGUP_CAUSE_CALLER_HUNG_UP


async def test_a_phone_behind_another_edge_is_lost_and_back_as_any_other(
    empty_world: Any, steps: Any
) -> None:
    world = empty_world
    await world.start_edge(sip_tcp_port=_free(), sip_t1_s=0.1)
    second = await Second.start(world, "b", sip_t1_s=0.1)
    try:
        first = world.app.edge
        await world.until(lambda: first.edges.hop(second.edge.edges.own_id, reliable=True))
        caller = await world.phone()
        await world.configure(caller)
        await world.until(lambda: second.edge.config.device_by_username(world.username))

        async def phone() -> Phone:
            made = await Phone.start(
                second.at("TCP"), username=world.username, password="pw", transport="TCP"
            )
            world.phones.append(made)
            await made.register()
            return made

        before = await phone()
        await world.until(lambda: first.registrar.reach(world.tenant, "anna"))
        world.script(steps.enqueue())
        call = await caller.dial(world.number)
        await world.until(lambda: world.acd.enqueued)
        await world.offer()
        await (await before.next_call()).answer()
        await world.until(lambda: "CallBridged" in world.types())
        before.vanish()
        await _lost(world)
        again = await (await phone()).next_call()
        await again.answer()
        await world.until(lambda: "CallDeviceBack" in world.types())
        await call.hang_up()
        await again.wait_ended()
        assert (await world.ended()).cause == call_types.HANGUP_CAUSE_CALLER_HUNG_UP
    finally:
        await second.stop()


@pytest.mark.parametrize("back", [True, False])
async def test_who_was_called_by_an_agent_is_held_too_and_without_a_queue_it_is_the_end(
    empty_world: Any, back: bool
) -> None:
    world = empty_world
    await world.start_edge(sip_t1_s=0.1, sip_tcp_port=_free())
    await (await company(world)).unregister()
    out = await carrier(world)
    phone = await _phone(world, "TCP")
    call = await phone.dial(OUTSIDE)
    there = await out.call()
    await call.wait_answered()
    await world.until(lambda: "work answered" in world.told)
    phone.vanish()
    await _lost(world)
    if back:
        again = await (await _phone(world, "TCP")).next_call()
        await again.answer()
        await world.until(lambda: "CallDeviceBack" in world.types())
        await again.hang_up()
    else:
        world.app.edge.sessions[world.events[0].entity].feed(DeviceGone())
    await there.wait_ended()
    wanted = call_types.HANGUP_CAUSE_AGENT_HUNG_UP if back else LOST
    assert (await world.ended()).cause == wanted
    await world.until(lambda: ("work ended" if back else "work device_lost") in world.told)


# ---- a third party ---------------------------------------------------------------------------------------
async def _asking(world: Any, *, queue: bool = False) -> Any:
    """anna asks ben, or a queue where nobody is; returns ben's side."""
    edge = world.app.edge
    ben = await phone_of(world, "ben", "ben-phone")
    await ben.register()
    await world.put("queue", "experts", tenancy.Queue(name="Experts"))
    await world.until(lambda: edge.directory.queue(world.tenant, "experts"))
    wanted = {"queue_id": "experts"} if queue else {"agent_id": "ben"}
    call_id = world.events[0].entity
    await world.ask(
        "StartConsult",
        control.StartConsultRequest(
            context=world.context(), call_id=call_id, target=call_types.OutboundTarget(**wanted)
        ),
    )
    if queue:
        await world.until(lambda: len(world.acd.enqueued) == 2)
        return None
    side = await ben.next_call()
    await side.answer()
    await world.until(lambda: world.app.edge.sessions[call_id].call.consult_leg.phase.value == "talking")
    return side


@pytest.mark.parametrize("back", [True, False])
@pytest.mark.parametrize("queue", [True, False])
async def test_in_a_consultation_the_customer_waits_on_and_the_question_is_over(
    empty_world: Any, steps: Any, queue: bool, back: bool
) -> None:
    world = empty_world
    call, phone, _ = await _talking(world, steps, hold_s=15 if back else 1)
    third = await _asking(world, queue=queue)
    phone.vanish()
    await _lost(world)
    if third is not None:
        await third.wait_ended()
    else:
        await world.until(lambda: world.acd.cancelled)
    assert world.types()[-10:].count("CallConsultEnded") == 1
    assert call.state == "answered"
    if back:
        again = await (await _phone(world, "TCP")).next_call()
        await again.answer()
        await world.until(lambda: "CallDeviceBack" in world.types())
        await again.hang_up()
        await call.wait_ended()
        wanted = call_types.HANGUP_CAUSE_AGENT_HUNG_UP
    else:
        await world.until(lambda: len(world.acd.enqueued) == (3 if queue else 2))
        assert world.acd.enqueued[-1].queue_id == world.QUEUE
        assert world.acd.enqueued[-1].first_fifo == 1
        await world.until(lambda: "work device_lost" in world.told)
        await call.hang_up()
        wanted = call_types.HANGUP_CAUSE_ABANDONED_IN_QUEUE
    assert (await world.ended()).cause == wanted


@pytest.mark.parametrize("silent", [True, False])
async def test_in_a_conference_the_others_go_on_talking(empty_world: Any, steps: Any, silent: bool) -> None:
    world = empty_world
    call, phone, _ = await _talking(world, steps)
    third = await _asking(world)
    call_id = world.events[0].entity
    await world.ask(
        "CompleteConsult",
        control.CompleteConsultRequest(
            context=world.context(), call_id=call_id, end=control.CONSULT_END_CONFERENCE
        ),
    )
    session = world.app.edge.sessions[call_id]
    lost = session.call.agent_leg_id
    if silent:
        assert world.app.edge.lost_devices.silent(session, lost)
    else:
        phone.vanish()
    await world.until(lambda: world.types().count("CallBridged") == 2)
    assert (world.last("CallBridged").agent_id, world.last("CallTransferred").kind) == ("ben", "device_lost")
    await world.until(lambda: "work device_lost" in world.told)
    assert call.state == third.state == "answered"
    await third.hang_up()
    await call.wait_ended()
    ended = await world.ended()
    assert [leg.cause for leg in ended.call.legs if leg.agent_id] == [
        LOST,
        call_types.HANGUP_CAUSE_AGENT_HUNG_UP,
    ]


async def test_a_browser_that_was_asked_and_vanishes_leaves_the_others_talking(
    empty_world: Any, steps: Any
) -> None:
    world = empty_world
    call, _, leg = await _talking(world, steps)
    third = await _asking(world)
    session = world.app.edge.sessions[world.events[0].entity]
    world.media.say(
        media_events.MediaEvent(
            session_id=session.call.call_id,
            endpoint_id=session.call.consult_leg_id,
            leg_lost=media_events.LegLost(reason="consent"),
        )
    )
    await third.wait_ended()
    await world.until(lambda: session.call.phase is Phase.BRIDGED)
    assert call.state == leg.state == "answered"
    await leg.hang_up()
    await call.wait_ended()
    ended = await world.ended()
    assert ended.cause == call_types.HANGUP_CAUSE_AGENT_HUNG_UP
    causes = {leg.agent_id: leg.cause for leg in ended.call.legs}
    assert causes["ben"] == call_types.HANGUP_CAUSE_MEDIA_TIMEOUT
