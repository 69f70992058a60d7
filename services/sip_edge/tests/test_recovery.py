"""A successor on the same journal and port takes every call up: what peers and neighbours see of it."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Callable
from typing import Any

from seatbus.call.v1 import service_pb2 as call_pb
from seatbus.call.v1 import types_pb2 as call_types
from seatbus.ivr.v1 import service_pb2_grpc as ivr_grpc
from seatbus.tenancy.v1 import types_pb2 as tenancy
from seatbus_sip.message import Request, Response
from seatbus_sip.parsing import parse_message
from seatbus_sip_edge.adapters.journal import frame, segments
from seatbus_testkit.phone import Phone

_OFFER = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 9 RTP/AVP 0\r\n"


async def down(world: Any) -> Callable[[], Any]:
    """The process is gone, the calls are in its journal. Returns what starts the successor."""
    port = world.sip[1]
    await world.stop_edge()

    async def up() -> None:
        await world.start_edge(sip_port=port)

    return up


async def restart(world: Any) -> None:
    await (await down(world))()


async def ringing(
    world: Any, steps: Any, *, ring_timeout_s: int = 5, **number: Any
) -> tuple[Any, Any, Phone]:
    """A caller in the queue, and the phone that rings for him."""
    caller = await world.phone()
    await world.configure(caller, **number)
    phone = await world.agent_phone()
    world.script(steps.enqueue())
    call = await caller.dial(world.number)
    await world.until(lambda: world.acd.enqueued)
    await world.offer(ring_timeout_s=ring_timeout_s)
    leg = await phone.next_call()
    await leg.ring()
    await world.until(lambda: "LegRinging" in world.types())
    return call, leg, phone


def books(world: Any) -> Any:
    """The last fact of the only call, after a look at its numbers."""
    ended = [event for event in world.events if event.type_name.endswith(".CallEnded")]
    assert len({event.entity for event in world.events}) == 1
    assert len({event.seq for event in ended}) == 1
    last = ended[0].decode()
    assert sorted({event.seq for event in world.events}) == list(range(1, last.last_seq + 1))
    return last


async def test_the_greeting_is_played_again_and_the_flow_goes_on(world: Any, steps: Any) -> None:
    caller = await world.phone()
    await world.configure(caller)
    world.script(steps.play(), steps.enqueue())
    call = await caller.dial(world.number)
    await world.until(lambda: "play" in world.media.names() and world.events)
    await restart(world)
    await world.until(lambda: world.media.names().count("play") == 2 and world.media.watchers)
    world.media.played(world.events[0].entity)
    await world.until(lambda: world.acd.enqueued)
    await call.hang_up()
    await world.ended()
    assert books(world).cause == call_types.HANGUP_CAUSE_ABANDONED_IN_QUEUE


async def test_digits_that_ivr_had_not_heard_are_told_by_the_successor(world: Any, steps: Any) -> None:
    caller = await world.phone()
    await world.configure(caller)
    world.script(steps.collect(), steps.enqueue())
    await caller.dial(world.number)
    await world.until(lambda: "collect" in world.media.names() and world.events)
    await world.neighbours.pop("ivr").stop()
    world.media.collected(world.events[0].entity, "1")
    await world.until(lambda: "CallDigitsCollected" in world.types())
    up = await down(world)
    await world.neighbour("ivr", ivr_grpc.add_IvrServiceServicer_to_server, world.ivr)
    await up()
    await world.until(lambda: world.acd.enqueued)
    assert [outcome.digits for outcome in world.ivr.outcomes] == ["1"]


async def test_a_call_without_audio_yet_gets_it_from_the_successor(world: Any, steps: Any) -> None:
    caller = await world.phone()
    await world.configure(caller)
    world.script(steps.play())
    world.media.hold_accept.clear()
    call = await caller.dial(world.number)
    await world.until(lambda: "accept_offer" in world.media.names())
    up = await down(world)
    world.media.hold_accept.set()
    await up()
    await call.wait_answered()
    assert world.types().count("CallStarted") == 1
    await call.hang_up()
    await world.ended()
    books(world)


async def test_an_unanswered_caller_may_cancel_at_the_successor(world: Any, steps: Any) -> None:
    call, leg, _ = await ringing(world, steps, answer_supervision=tenancy.ANSWER_SUPERVISION_AT_AGENT)
    assert call.state != "answered"
    await restart(world)
    await call.cancel()
    assert await call.wait_status() == 487
    await leg.wait_ended()
    await world.ended()
    assert books(world).cause == call_types.HANGUP_CAUSE_ABANDONED_IN_QUEUE


async def test_an_unanswered_caller_is_answered_by_the_successor(world: Any, steps: Any) -> None:
    call, leg, _ = await ringing(world, steps, answer_supervision=tenancy.ANSWER_SUPERVISION_AT_AGENT)
    await restart(world)
    await leg.answer()
    await call.wait_answered()
    await leg.hang_up()
    await call.wait_ended()
    await world.ended()
    assert books(world).cause == call_types.HANGUP_CAUSE_AGENT_HUNG_UP


async def test_a_phone_rings_on_and_is_answered(world: Any, steps: Any) -> None:
    call, leg, phone = await ringing(world, steps)
    await restart(world)
    await asyncio.sleep(0.2)
    assert leg.state == "ringing"
    await leg.answer()
    await world.until(lambda: "CallBridged" in world.types())
    assert len(phone.calls) == 1
    assert world.told.count("work answered") == 1
    await call.hang_up()
    await leg.wait_ended()
    await world.ended()
    assert books(world).cause == call_types.HANGUP_CAUSE_CALLER_HUNG_UP


async def test_a_phone_answered_while_nobody_listened(world: Any, steps: Any) -> None:
    call, leg, _ = await ringing(world, steps)
    up = await down(world)
    await leg.answer()
    await up()
    await world.until(lambda: "CallBridged" in world.types())
    await leg.hang_up()
    await call.wait_ended()


async def test_a_phone_that_nobody_answers_goes_back_to_the_queue_in_its_time(world: Any, steps: Any) -> None:
    _, leg, _ = await ringing(world, steps, ring_timeout_s=2)
    await restart(world)
    await leg.wait_ended(timeout=8)
    await world.until(lambda: "offer no_answer" in world.told)


async def test_a_caller_who_hung_up_while_nobody_listened(world: Any, steps: Any) -> None:
    call, leg, _ = await ringing(world, steps)
    await leg.answer()
    await world.until(lambda: "CallBridged" in world.types())
    up = await down(world)
    hanging_up = asyncio.ensure_future(call.hang_up())
    await asyncio.sleep(0.1)
    await up()
    await leg.wait_ended()
    await hanging_up
    await world.ended()
    assert books(world).cause == call_types.HANGUP_CAUSE_CALLER_HUNG_UP


async def test_a_peer_that_has_forgotten_the_call_has_hung_up(world: Any, steps: Any) -> None:
    call, leg, phone = await ringing(world, steps)
    await leg.answer()
    await world.until(lambda: "CallBridged" in world.types())
    up = await down(world)
    leg.abandon()
    phone._dialogs.clear()
    await up()
    await call.wait_ended()
    await world.ended()
    assert books(world).cause == call_types.HANGUP_CAUSE_AGENT_HUNG_UP
    await world.until(lambda: "work ended" in world.told)


async def test_held_legs_are_still_held_and_order_is_kept(world: Any, steps: Any) -> None:
    call, leg, _ = await ringing(world, steps)
    await leg.answer()
    await world.until(lambda: "CallBridged" in world.types())
    await leg.hold()
    for _ in range(2):
        await restart(world)
    (listed,) = (await world.ask("ListCalls", call_pb.ListCallsRequest(tenant_id=world.tenant))).calls
    assert [item.state for item in listed.legs] == [
        call_types.LEG_STATE_ANSWERED,
        call_types.LEG_STATE_HELD,
    ]
    await leg.hold(False)
    await world.until(lambda: "LegResumed" in world.types())
    session = next(iter(world.app.edge.sessions.values()))
    await world.ask(
        "HangUp",
        call_pb.HangUpRequest(
            context=world.context(), call_id=session.call.call_id, cause=call_types.HANGUP_CAUSE_API
        ),
    )
    await call.wait_ended()
    await leg.wait_ended()


async def test_a_torn_end_of_the_journal_costs_no_call(world: Any, steps: Any) -> None:
    call, leg, _ = await ringing(world, steps)
    up = await down(world)
    last = segments(world.directory / world.instance_id / "journal")[-1]
    last.write_bytes(last.read_bytes() + frame(["t", "torn", {"tenant_id": world.tenant}, {}, []])[:-3])
    await up()
    await leg.answer()
    await world.until(lambda: "CallBridged" in world.types())
    await call.hang_up()
    await world.ended()
    books(world)


async def test_dialogs_that_cannot_be_read_end_their_call_and_no_other(world: Any, steps: Any) -> None:
    call, _, _ = await ringing(world, steps)
    caller = world.phones[0]
    other = await caller.dial(world.number)
    await world.until(lambda: len(world.acd.enqueued) == 2)
    broken = next(
        session for session in world.app.edge.sessions.values() if session.call.phase.value == "queued"
    )
    for kept in broken.sip.legs.values():
        kept.dialog.role = None
    broken.sip.restoring.to_dict = lambda: {"leg": {"flow": ["127.0.0.1", 9], "dialog": {"call_id": "x"}}}
    broken.checkpoint()
    await restart(world)
    await world.until(lambda: "CallEnded" in world.types())
    assert world.last("CallEnded").cause == call_types.HANGUP_CAUSE_SYSTEM
    assert call.state == "answered"
    other.abandon()


class RawCaller:
    """A caller that repeats itself and acknowledges only when told."""

    def __init__(self, server: tuple[str, int]) -> None:
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.socket.setblocking(False)
        self.address = self.socket.getsockname()
        self.server = server

    def request(self, method: str, number: str, branch: str, cseq: int, to: str = "") -> bytes:
        host, port = self.address
        made = Request(method, f"sip:{number}@{self.server[0]}")
        made.set("Via", f"SIP/2.0/UDP {host}:{port};branch=z9hG4bK{branch};rport")
        made.set("Max-Forwards", 70)
        made.set("From", f"<sip:raw@{host}>;tag=raw")
        made.set("To", to or f"<sip:{number}@{self.server[0]}>")
        made.set("Call-ID", f"raw-{port}")
        made.set("CSeq", f"{cseq} {method}")
        made.set("Contact", f"<sip:raw@{host}:{port}>")
        if method == "INVITE":
            made.set_body(_OFFER, "application/sdp")
        return made.to_bytes()

    def send(self, data: bytes) -> None:
        self.socket.sendto(data, self.server)

    async def response(self, method: str, seconds: float = 20.0) -> Response:
        """The next final response to this method."""
        loop = asyncio.get_running_loop()
        deadline = time.monotonic() + seconds
        while True:
            data = await asyncio.wait_for(
                loop.sock_recv(self.socket, 65536), max(0.01, deadline - time.monotonic())
            )
            message = parse_message(data)
            if isinstance(message, Response) and message.status >= 200 and message.cseq.method == method:
                return message


async def test_an_answer_without_its_ack_is_repeated_and_the_same_invite_is_the_same_call(
    world: Any, steps: Any
) -> None:
    raw = RawCaller(world.sip)

    class Source:
        address = raw.address

    await world.configure(Source())
    world.script(steps.play())
    invite = raw.request("INVITE", world.number, "one", 1)
    raw.send(invite)
    first = await raw.response("INVITE")
    assert first.status == 200
    await restart(world)
    raw.send(invite)
    second = await raw.response("INVITE")
    assert (second.status, second.to.tag, second.body) == (200, first.to.tag, first.body)
    (listed,) = (await world.ask("ListCalls", call_pb.ListCallsRequest(tenant_id=world.tenant))).calls
    assert listed.state == call_types.CALL_STATE_IN_FLOW
    raw.send(raw.request("ACK", world.number, "two", 1, str(second.require("To"))))
    raw.send(raw.request("BYE", world.number, "three", 2, str(second.require("To"))))
    assert (await raw.response("BYE")).status == 200
    await world.ended()
    assert books(world).cause == call_types.HANGUP_CAUSE_ABANDONED_IN_FLOW
    raw.socket.close()


async def test_reports_that_were_owed_are_made_by_the_successor(world: Any, steps: Any) -> None:
    from seatbus.agent.v1 import service_pb2_grpc as agent_grpc

    call, leg, _ = await ringing(world, steps)
    await leg.answer()
    await world.until(lambda: "CallBridged" in world.types())
    await world.neighbours.pop("agent_state").stop()
    await call.hang_up()
    await world.ended()
    up = await down(world)
    assert "work ended" not in world.told
    await world.neighbour("agent_state", agent_grpc.add_AgentStateServiceServicer_to_server, world.agents)
    await up()
    await world.until(lambda: "work ended" in world.told)
    await world.until(lambda: not world.app.edge.sessions)
    books(world)


async def test_a_session_timer_goes_on_in_the_successor_and_ends_the_call(world: Any, steps: Any) -> None:
    """Role and absolute expiry are in the journal: nobody's promise to refresh is forgotten."""
    port = world.sip[1]
    await world.stop_edge()
    await world.start_edge(sip_port=port, sip_min_se_s=2, sip_session_expires_s=60)
    raw = RawCaller(world.sip)

    class Source:
        address = raw.address

    await world.configure(Source())
    world.script(steps.play())
    invite = parse_message(raw.request("INVITE", world.number, "one", 1))
    invite.set("Supported", "timer")
    invite.set("Session-Expires", "4;refresher=uac")
    raw.send(invite.to_bytes())
    first = await raw.response("INVITE")
    assert first.get("Session-Expires") == "4;refresher=uac"
    raw.send(raw.request("ACK", world.number, "two", 1, str(first.require("To"))))
    await world.until(lambda: world.media.names().count("play"))
    await world.stop_edge()
    await world.start_edge(sip_port=port, sip_min_se_s=2, sip_session_expires_s=60)
    ended = await world.ended(10)
    assert ended.cause == call_types.HANGUP_CAUSE_SESSION_EXPIRED
    raw.socket.close()
