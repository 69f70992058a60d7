"""Two edges: the owner of a call reaches a phone through the edge that holds its flow, and is found back."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from typing import Any

import pytest

from seatbus.agent.v1 import types_pb2 as agent_types
from seatbus.call.v1 import types_pb2 as call_types
from seatbus_kit.buckets import Bucket
from seatbus_kit.ids import uuid7
from seatbus_sip.message import Request, Response
from seatbus_sip.parsing import parse_message
from seatbus_sip_edge.domain.hops import BRANCH
from seatbus_testkit.phone import Phone
from seatbus_testkit.platform import free_port_base

from .two_edges import Second


@pytest.fixture
async def owner(empty_world: Any) -> Any:
    """The world's own edge, with TCP: the trunk's calls arrive there."""
    port = free_port_base()
    await empty_world.start_edge(sip_port=port, sip_tcp_port=port)
    return empty_world


@pytest.fixture
async def holder(owner: Any) -> AsyncIterator[Second]:
    """The other edge, to which phones connect."""
    second = await Second.start(owner, "b")
    first = owner.app.edge
    await owner.until(
        lambda: (
            first.edges.hop(second.edge.edges.own_id, reliable=True)
            and second.edge.edges.hop(first.edges.own_id, reliable=True)
        )
    )
    yield second
    await second.stop()


async def _phone_at(world: Any, second: Second, transport: str) -> Phone:
    phone = await Phone.start(
        second.at(transport), username=world.username, password="pw", transport=transport
    )
    world.phones.append(phone)
    await world.until(lambda: second.edge.config.device_by_username(world.username))
    await phone.register()
    await world.until(lambda: world.app.edge.registrar.reach(world.tenant, "anna"))
    return phone


async def _ringing(world: Any, steps: Any, second: Second, transport: str) -> tuple[Any, Any, Phone]:
    caller = await world.phone()
    await world.configure(caller)
    phone = await _phone_at(world, second, transport)
    world.script(steps.enqueue())
    call = await caller.dial(world.number)
    await world.until(lambda: world.acd.enqueued)
    await world.offer()
    leg = await phone.next_call()
    await leg.ring()
    await world.until(lambda: "LegRinging" in world.types())
    return call, leg, phone


async def _talking(world: Any, steps: Any, second: Second, transport: str) -> tuple[Any, Any, Phone]:
    call, leg, phone = await _ringing(world, steps, second, transport)
    await leg.answer()
    await call.wait_answered()
    await world.until(lambda: "CallBridged" in world.types())
    return call, leg, phone


@pytest.mark.parametrize("transport", ["UDP", "TCP", "WS"])
async def test_a_phone_of_the_other_edge_rings_holds_and_hangs_up(
    owner: Any, holder: Second, steps: Any, transport: str
) -> None:
    call, leg, _ = await _talking(owner, steps, holder, transport)
    assert not holder.edge.sessions
    assert holder.edge.proxy.forwarded >= 2
    await leg.hold()
    await owner.until(lambda: "LegHeld" in owner.types())
    await leg.hold(False)
    await owner.until(lambda: "LegResumed" in owner.types())
    await leg.hang_up()
    await call.wait_ended()
    ended = await owner.ended()
    assert ended.cause == call_types.HANGUP_CAUSE_AGENT_HUNG_UP


@pytest.mark.parametrize("transport", ["UDP", "TCP", "WS"])
async def test_a_caller_s_bye_reaches_the_phone_of_the_other_edge(
    owner: Any, holder: Second, steps: Any, transport: str
) -> None:
    call, leg, _ = await _talking(owner, steps, holder, transport)
    await call.hang_up()
    await leg.wait_ended()
    assert leg.ended_by == "remote"
    assert (await owner.ended()).cause == call_types.HANGUP_CAUSE_CALLER_HUNG_UP


@pytest.mark.parametrize("transport", ["UDP", "TCP", "WS"])
async def test_a_cancel_reaches_the_phone_of_the_other_edge(
    owner: Any, holder: Second, steps: Any, transport: str
) -> None:
    call, leg, _ = await _ringing(owner, steps, holder, transport)
    await call.hang_up()
    await leg.wait_ended()
    assert (await owner.ended()).cause == call_types.HANGUP_CAUSE_ABANDONED_IN_QUEUE


class Wire:
    """A UDP socket that speaks SIP by hand."""

    def __init__(self) -> None:
        self.sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.sock.bind(("127.0.0.1", 0))
        self.sock.setblocking(False)
        self.address: tuple[str, int] = self.sock.getsockname()

    async def ask(self, to: tuple[str, int], request: Request) -> Response | None:
        """The first final response; None when nothing came."""
        loop = asyncio.get_running_loop()
        self.sock.sendto(request.to_bytes(), to)
        try:
            async with asyncio.timeout(20.0):
                while True:
                    found = parse_message(await loop.sock_recv(self.sock, 65_535))
                    if isinstance(found, Response) and found.status >= 200:
                        return found
        except TimeoutError:
            return None


@pytest.fixture
async def wire() -> AsyncIterator[Wire]:
    made = Wire()
    yield made
    made.sock.close()


def _within(call: Any, method: str, wire: Wire, **headers: str) -> Request:
    """A request of the call's dialog, by hand."""
    request = call.dialog.request(method)
    host, port = wire.address
    request.set("Via", f"SIP/2.0/UDP {host}:{port};branch=z9hG4bK{method}{uuid7()[-8:]};rport")
    for name, value in headers.items():
        request.set(name.replace("_", "-"), value)
    return request


async def test_a_stray_bye_reaches_the_owner_from_the_other_edge(
    owner: Any, holder: Second, steps: Any, wire: Wire
) -> None:
    call, leg, _ = await _talking(owner, steps, holder, "UDP")
    answer = await wire.ask(holder.at("UDP"), _within(call, "BYE", wire))
    assert answer is not None
    assert answer.status == 200
    await leg.wait_ended()
    assert (await owner.ended()).cause == call_types.HANGUP_CAUSE_CALLER_HUNG_UP


async def test_a_dialog_names_its_owner_when_its_target_does_not(
    owner: Any, holder: Second, steps: Any, wire: Wire
) -> None:
    call, leg, _ = await _talking(owner, steps, holder, "UDP")
    bye = _within(call, "BYE", wire)
    bye.uri = f"sip:seatbus@127.0.0.1:{holder.port}"
    answer = await wire.ask(holder.at("UDP"), bye)
    assert answer is not None
    assert answer.status == 200
    await leg.wait_ended()


async def test_a_dialog_that_nobody_has_gets_481(owner: Any, holder: Second, wire: Wire) -> None:
    request = Request("BYE", f"sip:seatbus@127.0.0.1:{holder.port}")
    request.set("Via", f"SIP/2.0/UDP 127.0.0.1:{wire.address[1]};branch=z9hG4bKnobody;rport")
    request.set("Max-Forwards", "70")
    request.set("From", "<sip:a@b>;tag=1")
    request.set("To", "<sip:c@d>;tag=0123456789abcdef")
    request.set("Call-ID", "nobody")
    request.set("CSeq", "2 BYE")
    answer = await wire.ask(holder.at("UDP"), request)
    assert answer is not None
    assert answer.status == 481


async def test_hops_end_and_circles_are_cut(owner: Any, holder: Second, steps: Any, wire: Wire) -> None:
    call, leg, _ = await _talking(owner, steps, holder, "UDP")
    answer = await wire.ask(holder.at("UDP"), _within(call, "OPTIONS", wire, Max_Forwards="0"))
    assert answer is not None
    assert answer.status == 483
    circling = _within(call, "OPTIONS", wire)
    circling.add("Via", f"SIP/2.0/UDP 127.0.0.1:{holder.port};branch={BRANCH}00-11111111;rport")
    answer = await wire.ask(holder.at("UDP"), circling)
    assert answer is not None
    assert answer.status == 482
    assert leg.state == "answered"


async def test_nobody_but_an_edge_is_let_through_to_a_phone(
    owner: Any, holder: Second, steps: Any, wire: Wire
) -> None:
    await owner.configure(await owner.phone())
    phone = await _phone_at(owner, holder, "TCP")
    found = owner.app.edge.registrar.reach(owner.tenant, "anna")
    _, (route,) = owner.app.edge.proxy.path(found)
    stranger = Request("OPTIONS", found.contact)
    stranger.set("Via", f"SIP/2.0/UDP 127.0.0.9:{wire.address[1]};branch=z9hG4bKstranger;rport")
    stranger.set("Route", route)
    stranger.set("From", "<sip:a@b>;tag=1")
    stranger.set("To", "<sip:c@d>")
    stranger.set("Call-ID", "stranger")
    stranger.set("CSeq", "1 OPTIONS")
    # One host for all here: the same request is refused as soon as no edge is known at its source.
    holder.edge.edges.is_host = lambda _: False  # type: ignore[assignment,method-assign]
    dropped = holder.edge.proxy.dropped
    wire.sock.sendto(stranger.to_bytes(), holder.at("UDP"))
    await owner.until(lambda: holder.edge.proxy.dropped == dropped + 1)
    # The first answer that comes is to what asks for no phone.
    stranger.set("Call-ID", "passer-by")
    stranger.set("Route")
    answer = await wire.ask(holder.at("UDP"), stranger)
    assert answer is not None
    assert (answer.status, answer.call_id) == (200, "passer-by")
    stranger.set("Route", route.replace("flow-", "flow-A"))
    assert holder.edge.proxy.token_of([stranger.require("Route")]) is None
    assert phone.registered


async def test_a_phone_whose_connection_has_gone_is_not_waited_for(
    owner: Any, holder: Second, steps: Any
) -> None:
    caller = await owner.phone()
    await owner.configure(caller)
    phone = await _phone_at(owner, holder, "TCP")
    # The owner does not know yet: the holder's word has not arrived.
    owner.app.edge.registrar._changed = lambda _: None
    known = owner.app.edge.registrar.reach(owner.tenant, "anna")
    phone.vanish()
    await owner.until(lambda: holder.edge.registrar.reach(owner.tenant, "anna") is None)
    owner.app.edge.registrar.reach = lambda *_, **__: known
    owner.script(steps.enqueue())
    await caller.dial(owner.number)
    await owner.until(lambda: owner.acd.enqueued)
    await owner.offer()
    await owner.until(lambda: "work unreachable" in owner.told)


async def test_replaces_is_taken_to_the_owner_of_what_it_replaces(
    owner: Any, holder: Second, steps: Any
) -> None:
    _, leg, phone = await _talking(owner, steps, holder, "TCP")
    seen: list[Any] = []

    def see(message: Any, _flow: Any, _now: float) -> bool:
        seen.append(message)
        return False

    owner.app.edge.stack.divert = see
    dialog = leg.dialog
    replaces = f"{dialog.call_id};to-tag={dialog.remote_tag};from-tag={dialog.local_tag}"
    await phone.dial(owner.number, headers={"Replaces": replaces})
    await owner.until(lambda: any(getattr(item, "method", "") == "INVITE" for item in seen))
    assert not holder.edge.sessions


async def test_a_busy_agent_s_new_call_goes_to_the_owner_of_the_call_in_hand(
    owner: Any, holder: Second, steps: Any
) -> None:
    _, _, phone = await _talking(owner, steps, holder, "TCP")
    state = agent_types.AgentState(tenant_id=owner.tenant, agent_id="anna")
    state.work.add(rid=uuid7(), edge_instance=owner.instance_id)
    await Bucket(owner.bus, "agents").put(f"{owner.tenant}.anna", state.SerializeToString(), 0)
    second = await phone.dial(owner.number)
    await second.wait_answered()
    assert not holder.edge.sessions
    assert len(owner.app.edge.sessions) == 2
    await second.hang_up()
    await owner.until(lambda: len(owner.app.edge.sessions) == 1)
