"""Calls that the API asks for, to whomever, and once however often the request comes."""

from __future__ import annotations

from typing import Any

import pytest

from seatbus.call.v1 import service_pb2 as call_pb
from seatbus.call.v1 import service_pb2_grpc as call_grpc
from seatbus.call.v1 import types_pb2 as call_types
from seatbus.ivr.v1 import types_pb2 as ivr_types
from seatbus_kit.errors import InvalidArgument, NotFound, Refused, Unavailable
from seatbus_kit.rpc import invoke
from seatbus_testkit.phone import Phone, PhoneCall, Policy
from seatbus_testkit.platform import free_port_base

from .colleagues import offer_to, phone_of
from .outside_world import OUTSIDE, carrier, company, known
from .two_edges import Second


def _request(world: Any, **fields: Any) -> call_pb.OriginateRequest:
    fields.setdefault("target", call_types.OutboundTarget(queue_id=world.QUEUE))
    return call_pb.OriginateRequest(context=world.context(), agent_id="anna", **fields)


async def _rung(world: Any, request: call_pb.OriginateRequest, phone: Phone) -> tuple[str, PhoneCall]:
    answer = await world.ask("Originate", request)
    return answer.call_id, await phone.next_call()


async def test_the_phone_rings_and_its_agent_waits_in_the_queue(world: Any) -> None:
    phone = await company(world)
    await known(world, "queue", world.QUEUE)
    call_id, side = await _rung(world, _request(world, attributes={"lead": "7"}), phone)
    assert side.caller == world.QUEUE
    await side.answer()
    await world.until(lambda: world.acd.enqueued)
    assert world.acd.enqueued[-1].call_id == call_id
    assert world.acd.enqueued[-1].attributes == {"lead": "7"}
    ben = await phone_of(world, "ben", "ben-phone")
    await ben.register()
    await offer_to(world, "ben", world.acd.enqueued[-1])
    there = await ben.next_call()
    await there.answer()
    await world.until(lambda: "CallBridged" in world.types())
    assert [(work.kind, work.agent_id) for work in world.agents.begun] == [("outbound", "anna")]
    await there.hang_up()
    await side.wait_ended()
    ended = await world.ended()
    assert ended.call.direction == call_types.DIRECTION_INTERNAL
    assert world.told.count("work ended") == 2


async def test_a_colleague_is_called(world: Any) -> None:
    phone = await company(world)
    ben = await phone_of(world, "ben", "ben-phone", "2002")
    ben.policy = Policy()
    await ben.register()
    _, side = await _rung(world, _request(world, target=call_types.OutboundTarget(agent_id="ben")), phone)
    await side.answer()
    there = await ben.next_call()
    assert there.caller == "1001"
    await there.answer()
    await world.until(lambda: "CallBridged" in world.types())
    await side.hang_up()
    await there.wait_ended()
    assert (await world.ended()).call.dialed == "2002"


async def test_a_flow_is_walked(world: Any, steps: Any) -> None:
    phone = await company(world)
    world.script(steps.play(), steps.hang_up())
    await world.put("flow", "main", ivr_types.Flow(name="Main", version=3))
    await known(world, "flow", "main")
    call_id, side = await _rung(
        world, _request(world, target=call_types.OutboundTarget(flow_id="main")), phone
    )
    await side.answer()
    # Ringback until ivr has answered, then what the flow says.
    await world.until(lambda: world.media.names(call_id).count("play") == 2)
    world.media.played(call_id)
    await side.wait_ended()
    assert (await world.ended()).cause == call_types.HANGUP_CAUSE_FLOW_ENDED


async def test_a_phone_that_does_not_answer_ends_the_call(world: Any) -> None:
    phone = await company(world)
    phone.policy = Policy()
    await known(world, "queue", world.QUEUE)
    _, side = await _rung(world, _request(world, ring_timeout_s=1), phone)
    await side.wait_ended()
    assert (await world.ended()).cause == call_types.HANGUP_CAUSE_NO_ANSWER
    assert world.told[-1] == "work cancelled"
    _, side = await _rung(world, _request(world), phone)
    await side.reject(486)
    await world.until(lambda: world.types().count("CallEnded") == 2)
    assert not world.acd.enqueued


async def test_the_api_ends_a_call_whose_phone_rings(world: Any) -> None:
    phone = await company(world)
    phone.policy = Policy()
    await known(world, "queue", world.QUEUE)
    call_id, side = await _rung(world, _request(world), phone)
    await world.ask("HangUp", call_pb.HangUpRequest(context=world.context(), call_id=call_id))
    await side.wait_ended()
    assert (await world.ended()).cause == call_types.HANGUP_CAUSE_API


@pytest.mark.parametrize(
    ("fields", "error", "field"),
    [
        ({"target": call_types.OutboundTarget(queue_id="nobody")}, NotFound, "target.queue_id"),
        ({"target": call_types.OutboundTarget(agent_id="anna")}, Refused, "target.agent_id"),
        ({"caller_id": "+4930555000"}, InvalidArgument, "caller_id"),
        ({"mask_number": True}, InvalidArgument, "mask_number"),
    ],
)
async def test_what_cannot_be_asked_for(
    world: Any, fields: dict[str, Any], error: type[Exception], field: str
) -> None:
    await company(world)
    await known(world, "queue", world.QUEUE)
    with pytest.raises(error) as raised:
        await world.ask("Originate", _request(world, **fields))
    assert getattr(raised.value, "field", "") == field
    assert not world.app.edge.sessions


async def test_a_repeat_at_another_edge_calls_nobody_a_second_time(empty_world: Any) -> None:
    world = empty_world
    port = free_port_base()
    await world.start_edge(sip_port=port, sip_tcp_port=port)
    phone = await company(world)
    phone.policy = Policy()
    out = await carrier(world)
    second = await Second.start(world, "b")
    try:
        await world.until(lambda: second.edge.config.get(world.tenant, "agent", "anna"))
        await world.until(lambda: second.edge.outside.has_ways(world.tenant, "berlin", "+4989123456"))
        request = _request(world, target=call_types.OutboundTarget(number=OUTSIDE))
        first = await world.ask("Originate", request)
        stub = call_grpc.CallControlStub(world.channels.get(second.runtime.rpc.address))
        again = await invoke(stub.Originate, request, 3.0)
        assert again.call_id == first.call_id
        assert not second.edge.sessions
        other = await invoke(
            stub.Originate, _request(world, target=call_types.OutboundTarget(number=OUTSIDE)), 3.0
        )
        assert other.call_id != first.call_id
        assert len(second.edge.sessions) == 1
        assert not out.phone.calls
    finally:
        await second.stop()


async def test_an_edge_that_goes_takes_no_new_calls(world: Any) -> None:
    await company(world)
    world.app.edge.draining = True
    with pytest.raises(Unavailable):
        await world.ask("Originate", _request(world))


async def test_a_restart_while_the_phone_rings_is_not_noticed(world: Any) -> None:
    phone = await company(world)
    phone.policy = Policy()
    await known(world, "queue", world.QUEUE)
    call_id, side = await _rung(world, _request(world), phone)
    await world.until(lambda: "LegRinging" in world.types())
    port = world.sip[1]
    await world.stop_edge()
    await world.start_edge(sip_port=port)
    await side.answer()
    await world.until(lambda: world.acd.enqueued)
    assert world.acd.enqueued[-1].call_id == call_id
    await side.hang_up()
    assert (await world.ended()).cause == call_types.HANGUP_CAUSE_ABANDONED_IN_QUEUE
