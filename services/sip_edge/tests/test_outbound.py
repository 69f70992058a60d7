"""Agents call: numbers outside by trunks, colleagues by extension. A real edge among scripted neighbours."""

from __future__ import annotations

from typing import Any

import pytest

from seatbus.call.v1 import service_pb2 as call_pb
from seatbus.call.v1 import types_pb2 as call_types
from seatbus.ivr.v1.types_pb2 import EnqueueAction, Step
from seatbus.tenancy.v1 import types_pb2 as tenancy
from seatbus_kit.errors import PermissionDenied, Refused
from seatbus_sip import ha1
from seatbus_testkit.phone import Policy

from .outside_world import E164, OUTSIDE, PLAN, carrier, company, known


async def test_an_agent_dials_a_number_and_talks(world: Any) -> None:
    phone = await company(world)
    out = await carrier(world, dial_plan=PLAN, number_format="NUMBER_FORMAT_NATIONAL")
    call = await phone.dial(OUTSIDE)
    there = await out.call()
    await call.wait_answered()
    assert there.request.target.username == OUTSIDE
    assert there.request.from_.uri.username == "030555000"
    assert [(item.kind, item.agent_id) for item in world.agents.begun] == [("outbound", "anna")]
    await world.until(lambda: world.told == ["work dialing", "work answered"])
    await call.hang_up()
    await there.wait_ended()
    ended = await world.ended()
    assert ended.call.direction == call_types.DIRECTION_OUTBOUND
    assert (ended.call.caller, ended.call.dialed, ended.call.trunk_id) == ("+4930555000", E164, "out")
    assert ended.cause == call_types.HANGUP_CAUSE_AGENT_HUNG_UP
    assert world.told[-1] == "work ended"
    roles = {leg.role: leg for leg in ended.call.legs}
    assert roles[call_types.LEG_ROLE_AGENT].agent_id == "anna"
    assert roles[call_types.LEG_ROLE_OUTSIDE].trunk_id == "out"
    bridged = world.last("CallBridged")
    assert (bridged.agent_id, bridged.caller_leg_id) == ("anna", roles[call_types.LEG_ROLE_OUTSIDE].leg_id)


async def test_the_called_side_hangs_up(world: Any) -> None:
    phone = await company(world)
    out = await carrier(world)
    call = await phone.dial(OUTSIDE)
    there = await out.call()
    await call.wait_answered()
    await there.hang_up()
    await call.wait_ended()
    assert (await world.ended()).cause == call_types.HANGUP_CAUSE_CALLER_HUNG_UP


@pytest.mark.parametrize(
    ("said", "told", "cause"),
    [
        (486, 486, call_types.HANGUP_CAUSE_BUSY),
        (404, 404, call_types.HANGUP_CAUSE_UNKNOWN_NUMBER),
        (603, 603, call_types.HANGUP_CAUSE_REJECTED),
        (480, 480, call_types.HANGUP_CAUSE_NO_ANSWER),
        (503, 503, call_types.HANGUP_CAUSE_UNREACHABLE),
    ],
)
async def test_the_agent_hears_what_the_network_says(world: Any, said: int, told: int, cause: int) -> None:
    phone = await company(world)
    await carrier(world, policy=Policy.reject(said))
    call = await phone.dial(OUTSIDE)
    assert await call.wait_status() == told
    ended = await world.ended()
    assert (ended.cause, ended.sip_status) == (cause, told) or ended.cause == cause
    await world.until(lambda: world.told[-1:] == ["work cancelled"])


async def test_an_agent_gives_up_before_anybody_answers(world: Any) -> None:
    phone = await company(world)
    out = await carrier(world, policy=Policy())
    call = await phone.dial(OUTSIDE)
    there = await out.call()
    await call.wait_ringing()
    await call.cancel()
    await there.wait_ended()
    assert (await world.ended()).cause == call_types.HANGUP_CAUSE_AGENT_HUNG_UP
    assert world.told[-1] == "work cancelled"


async def test_who_may_not_begin_work_does_not_dial(world: Any) -> None:
    phone = await company(world)
    out = await carrier(world)
    world.agents.not_begun = Refused("logged_out", "the agent is not logged in")
    call = await phone.dial(OUTSIDE)
    assert await call.wait_status() == 403
    assert (await world.ended()).cause == call_types.HANGUP_CAUSE_FORBIDDEN
    assert not out.phone.calls
    assert not world.told


async def test_without_agent_state_the_agent_dials_all_the_same(world: Any) -> None:
    phone = await company(world)
    await carrier(world)
    await world.neighbours.pop("agent_state").stop()
    call = await phone.dial(OUTSIDE)
    await call.wait_answered(6.0)
    await call.hang_up()
    await world.until(lambda: "CallEnded" in world.types())


async def test_an_agent_shows_a_permitted_number_and_no_other(world: Any) -> None:
    phone = await company(world, caller_ids=["+4930111", "+4930222"])
    out = await carrier(world)
    call = await phone.dial(OUTSIDE, headers={"P-Preferred-Identity": "<sip:030222@x>"})
    assert (await out.invite()).from_.uri.username == "+4930222"
    await call.hang_up()
    refused = await phone.dial(OUTSIDE, headers={"P-Preferred-Identity": "<sip:+4930999@x>"})
    assert await refused.wait_status() == 403
    await world.until(lambda: world.types().count("CallEnded") == 2)


async def test_a_withheld_number_is_told_to_the_carrier_alone(world: Any) -> None:
    phone = await company(world)
    out = await carrier(world, caller_id_header="CALLER_ID_HEADER_ASSERTED")
    await phone.dial(OUTSIDE, headers={"Privacy": "id"})
    invite = await out.invite()
    assert invite.from_.uri.username == "anonymous"
    assert "+4930555000" in (invite.get("P-Asserted-Identity") or "")
    assert invite.get("Privacy") == "id"


async def test_a_callers_withheld_number_stays_so_where_the_call_is_sent_on(world: Any) -> None:
    caller = await world.phone()
    await world.configure(caller, flow_id="", fallback={"number": E164})
    out = await carrier(world, caller_id_header="CALLER_ID_HEADER_ASSERTED")
    call = await caller.dial(world.number, caller="+4930777", headers={"Privacy": "id"})
    invite = await out.invite()
    assert (invite.from_.uri.username, invite.get("Privacy")) == ("anonymous", "id")
    assert "+4930777" in (invite.get("P-Asserted-Identity") or "")
    await call.hang_up()


async def test_the_far_networks_own_ringback_is_heard(world: Any) -> None:
    phone = await company(world)
    out = await carrier(world, policy=Policy(ring_after_s=None))
    call = await phone.dial(OUTSIDE)
    there = await out.call()
    await there.progress()
    await call.wait_ringing()
    await world.until(lambda: "connect" in world.media.names())
    assert world.media.names().index("connect") < len(world.media.names())
    await there.answer()
    await call.wait_answered()
    await call.hang_up()


async def test_a_recorded_branch_records_what_its_agents_dial(world: Any) -> None:
    phone = await company(world)
    await carrier(world)
    await world.put(
        "branch",
        "berlin",
        tenancy.Branch(name="B", time_zone="UTC", dial_plan=PLAN, record_outbound=True, outbound_wrap_up_s=7),
    )
    app = world.app
    assert app is not None
    await world.until(lambda: app.edge.config.get(world.tenant, "branch", "berlin").branch.record_outbound)  # type: ignore[union-attr]
    call = await phone.dial(OUTSIDE)
    await call.wait_answered()
    await world.until(lambda: "CallRecordingStarted" in world.types())
    assert world.agents.begun[0].wrap_up_s == 7
    await call.hang_up()
    await world.ended()


async def test_a_colleague_is_called_by_extension(world: Any) -> None:
    phone = await company(world)
    await _bert(world)
    bert = await world.phone(username=f"{world.tenant}-1002", password="pw")
    await bert.register()
    bert.policy = Policy(answer_after_s=0.05)
    call = await phone.dial("1002")
    await call.wait_answered()
    await world.until(lambda: "CallBridged" in world.types())
    assert {(item.agent_id, item.kind) for item in world.agents.begun} == {
        ("anna", "outbound"),
        ("bert", "direct"),
    }
    await call.hang_up()
    ended = await world.ended()
    assert ended.call.direction == call_types.DIRECTION_INTERNAL
    reported = [(item.agent_id, item.event) for item in world.agents.work]
    assert ("anna", 8) in reported
    assert ("bert", 8) in reported


async def test_a_busy_colleague_is_busy(world: Any) -> None:
    phone = await company(world)
    await _bert(world)
    bert = await world.phone(username=f"{world.tenant}-1002", password="pw")
    await bert.register()
    bert.policy = Policy.reject(486)
    call = await phone.dial("1002")
    assert await call.wait_status() == 486
    assert (await world.ended()).cause == call_types.HANGUP_CAUSE_BUSY


async def _bert(world: Any) -> None:
    username = f"{world.tenant}-1002"
    await world.put("agent", "bert", tenancy.Agent(name="Bert", extension="1002", branch_id="berlin"))
    device: dict[str, Any] = {"agent_id": "bert", "kind": tenancy.DEVICE_KIND_SIP, "username": username}
    await world.put(
        "device",
        "bert-phone",
        tenancy.Device(**device, ha1_md5=ha1("MD5", username, "seatbus", "pw")),
    )
    await known(world, "device", "bert-phone")


def originate(world: Any, **fields: Any) -> call_pb.OriginateRequest:
    request = call_pb.OriginateRequest(context=world.context(), agent_id="anna", **fields)
    request.target.number = E164
    return request


async def test_the_api_rings_the_agent_first_and_then_the_number(world: Any) -> None:
    phone = await company(world)
    out = await carrier(world)
    phone.policy = Policy(answer_after_s=0.05)
    request = originate(world, mask_number=True, attributes={"lead": "7"})
    first, second = [await world.ask("Originate", request) for _ in range(2)]
    assert first.call_id == second.call_id, "a repeated request is one call"
    mine = await phone.next_call()
    assert "answer-after=0" in (mine.request.get("Call-Info") or "")
    assert mine.caller == "*" * 8 + "56"
    assert "4989123456" not in mine.request.to_bytes().decode()
    there = await out.call()
    assert there.request.from_.uri.username == "+4930555000"
    await world.until(lambda: "CallBridged" in world.types())
    assert [item.kind for item in world.agents.begun] == ["outbound"]
    await there.hang_up()
    ended = await world.ended()
    assert (ended.call.direction, dict(ended.call.attributes)) == (
        call_types.DIRECTION_OUTBOUND,
        {"lead": "7"},
    )
    await world.until(lambda: world.told[-1] == "work ended")


async def test_an_agent_who_does_not_answer_is_not_connected_to_anybody(world: Any) -> None:
    phone = await company(world)
    out = await carrier(world)
    phone.policy = Policy.reject(486)
    await world.ask("Originate", originate(world))
    ended = await world.ended()
    assert ended.cause == call_types.HANGUP_CAUSE_BUSY
    assert not out.phone.calls
    await world.until(lambda: world.told == ["work cancelled"])


async def test_the_api_shows_no_number_that_is_not_permitted(world: Any) -> None:
    await company(world, caller_ids=["+4930111"])
    await carrier(world)
    with pytest.raises(PermissionDenied) as refused:
        await world.ask("Originate", originate(world, caller_id="+4930999"))
    assert (refused.value.field, refused.value.rule) == ("caller_id", "caller_id_not_permitted")


async def restart(world: Any) -> None:
    port = world.sip[1]
    await world.stop_edge()
    await world.start_edge(sip_port=port)


async def test_a_restart_while_the_number_rings_is_not_noticed(world: Any) -> None:
    phone = await company(world)
    out = await carrier(world, policy=Policy())
    call = await phone.dial(OUTSIDE)
    there = await out.call()
    await call.wait_ringing()
    await restart(world)
    await there.answer()
    await call.wait_answered()
    await world.until(lambda: "CallBridged" in world.types())
    assert len({item.rid for item in world.agents.begun}) == 1
    await there.hang_up()
    await call.wait_ended()
    ended = await world.ended()
    assert ended.cause == call_types.HANGUP_CAUSE_CALLER_HUNG_UP


async def test_a_restart_in_the_talk_leaves_it_to_both_sides(world: Any) -> None:
    phone = await company(world)
    out = await carrier(world)
    call = await phone.dial(OUTSIDE)
    there = await out.call()
    await call.wait_answered()
    await world.until(lambda: "CallBridged" in world.types())
    await restart(world)
    await call.hang_up()
    await there.wait_ended()
    assert (await world.ended()).cause == call_types.HANGUP_CAUSE_AGENT_HUNG_UP


async def test_an_agent_gives_up_after_a_restart(world: Any) -> None:
    phone = await company(world)
    out = await carrier(world, policy=Policy())
    call = await phone.dial(OUTSIDE)
    there = await out.call()
    await call.wait_ringing()
    await restart(world)
    await call.cancel()
    await there.wait_ended()
    assert (await world.ended()).cause == call_types.HANGUP_CAUSE_AGENT_HUNG_UP


async def remote(world: Any) -> Any:
    """Anna works from home: a queue's caller waits, and her number rings by the trunk."""
    caller = await world.phone()
    await world.configure(caller)
    out = await carrier(world, policy=Policy(answer_after_s=0.05))
    await world.put(
        "device",
        "anna-phone",
        tenancy.Device(agent_id="anna", kind=tenancy.DEVICE_KIND_EXTERNAL, number="+49171555"),
    )
    config = world.app.edge.config
    await world.until(lambda: config.devices_of(world.tenant, "anna")[0][1].number)
    world.script(Step(enqueue=EnqueueAction(queue_id=world.QUEUE)))
    call = await caller.dial(world.number)
    await world.until(lambda: world.acd.enqueued)
    return call, out


async def test_an_agent_outside_takes_the_call_by_pressing_one(world: Any) -> None:
    call, out = await remote(world)
    await world.offer()
    there = await out.call()
    assert (there.dialed, there.caller) == ("+49171555", world.number)
    await there.wait_answered()
    await world.until(lambda: "collect" in world.media.names())
    assert "work answered" not in world.told
    session_id = world.acd.enqueued[-1].call_id
    world.media.collected(session_id, "5")
    await world.until(lambda: world.media.names().count("collect") == 2)
    world.media.collected(session_id, "1")
    await world.until(lambda: "CallBridged" in world.types())
    await world.until(lambda: world.told[:2] == ["work ringing", "work answered"])
    await call.hang_up()
    await there.wait_ended()


@pytest.mark.parametrize(
    ("language", "spoken", "begins"),
    [("de-CH", "de-CH", "Sie haben"), ("", "en", "You have"), ("sw", "en", "You have")],
)
async def test_an_agent_outside_is_spoken_to_in_the_tenant_s_language(
    world: Any, language: str, spoken: str, begins: str
) -> None:
    await world.put("tenant", world.tenant, tenancy.Tenant(name="T", language=language))
    await known(world, "tenant", world.tenant)
    _, out = await remote(world)
    await world.offer()
    there = await out.call()
    await there.wait_answered()
    await world.until(lambda: "collect" in world.media.names())
    said = world.media.last("collect").playlist.items[0]
    assert said.language == spoken
    assert said.text.startswith(begins)


async def test_a_voicemail_that_picks_up_is_no_answer(world: Any) -> None:
    call, out = await remote(world)
    await world.offer(ring_timeout_s=1)
    there = await out.call()
    await there.wait_ended()
    await world.until(lambda: "work no_answer" in world.told)
    await world.until(lambda: "offer no_answer" in world.told)
    assert call.state == "answered"
    await world.offer()
    again = await out.call()
    await again.wait_answered()
    await again.hang_up()
    await world.until(lambda: world.told.count("work no_answer") == 2)
    await call.hang_up()
