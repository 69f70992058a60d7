"""TCP, TLS, WS and WSS into a real edge: registrations and calls bound to their connection, and refusals."""

from __future__ import annotations

import asyncio
import socket
import ssl
from typing import Any

import pytest

from seatbus.call.v1 import service_pb2 as call_pb
from seatbus.tenancy.v1 import types_pb2 as tenancy
from seatbus_sip import Request, Response, initial_request, parse_message
from seatbus_sip.framing import PING, StreamFramer
from seatbus_testkit.phone import Phone, PhoneCall, Policy

TRANSPORTS = ["TCP", "TLS", "WS", "WSS"]


def options(body: bytes = b"", *, call_id: str = "c1", via: str = "SIP/2.0/TCP 127.0.0.1:9") -> bytes:
    made = initial_request(
        "OPTIONS", "sip:edge@127.0.0.1", from_="<sip:a@b>", to="<sip:edge@b>", call_id=call_id, tag="1"
    )
    made.prepend("Via", f"{via};branch=z9hG4bK{call_id}")
    made.body = body
    return made.to_bytes()


async def read(
    reader: asyncio.StreamReader, count: int = 1, timeout: float = 20.0
) -> list[Request | Response]:
    framer, found = StreamFramer(), []
    async with asyncio.timeout(timeout):
        while len(found) < count:
            data = await reader.read(65536)
            assert data, f"closed after {len(found)} messages"
            found += framer.feed(data, 0.0)
    return [parse_message(item) for item in found]


def free_ports(count: int) -> list[int]:
    held = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [sock.getsockname()[1] for sock in held]
    for sock in held:
        sock.close()
    return ports


async def closed(reader: asyncio.StreamReader, timeout: float = 20.0) -> bytes:
    """What still comes until the other side closes."""
    async with asyncio.timeout(timeout):
        try:
            return await reader.read()
        except ConnectionResetError:
            return b""


async def registrations(world: Any) -> list[Any]:
    answer = await world.ask("ListRegistrations", call_pb.ListRegistrationsRequest(tenant_id=world.tenant))
    return list(answer.registrations)


async def phone_at(world: Any, server: tuple[str, int], **options: Any) -> Phone:
    phone = await Phone.start(server, **options)
    world.phones.append(phone)
    return phone


async def agent(world: Any, transport: str, **options: Any) -> Phone:
    server = (world.sip[0], world.ports[transport])
    phone = await phone_at(
        world, server, transport=transport, username=world.username, password="pw", **options
    )
    await phone.register()
    return phone


async def queued(world: Any, caller: Phone) -> PhoneCall:
    """A call that waits in the queue."""
    call = await caller.dial(world.number, caller="4930123456")
    await call.wait_answered()
    await world.until(lambda: world.acd.enqueued)
    return call


@pytest.fixture
async def open_world(empty_world: Any, steps: Any) -> Any:
    """A world whose edge has every transport, on IPv4 and IPv6, and whose calls go to the queue."""
    world = empty_world
    world.script(steps.enqueue(), steps.hang_up())
    world.ports = dict(zip(TRANSPORTS, free_ports(4), strict=True))
    settings = {f"sip_{name.lower()}_port": port for name, port in world.ports.items()}
    await world.start_edge(sip_host6="::1", **settings)
    return world


@pytest.mark.parametrize("transport", TRANSPORTS)
async def test_a_phone_takes_a_call_over_its_connection(open_world: Any, transport: str) -> None:
    world = open_world
    caller = await world.phone()
    await world.configure(caller)
    phone = await agent(world, transport)
    (found,) = await registrations(world)
    assert found.transport == transport.lower()
    call = await queued(world, caller)
    await world.offer()
    ringing = await phone.next_call()
    invite = ringing.request
    assert invite.via.transport == transport
    assert invite.contact.uri.params["transport"] == ("ws" if "W" in transport else transport.lower())
    assert invite.contact.uri.port == world.ports[transport]
    await ringing.answer()
    await call.hang_up()
    await ringing.wait_ended()


@pytest.mark.parametrize("transport", ["TCP", "WSS"])
async def test_the_agent_hangs_up_over_the_connection(open_world: Any, transport: str) -> None:
    world = open_world
    caller = await world.phone()
    await world.configure(caller)
    phone = await agent(world, transport)
    call = await queued(world, caller)
    await world.offer()
    ringing = await phone.next_call()
    await ringing.answer()
    await world.until(lambda: "CallBridged" in world.types())
    await ringing.hang_up()
    await call.wait_ended()


async def test_a_lost_connection_makes_the_phone_unreachable_until_it_registers_again(
    open_world: Any,
) -> None:
    world = open_world
    caller = await world.phone()
    await world.configure(caller)
    phone = await agent(world, "TCP")
    phone.sip.drop()

    async def gone() -> bool:
        return await registrations(world) == []

    await world.until(gone)
    await queued(world, caller)
    await world.offer()
    await world.until(lambda: "offer unreachable" in world.told)
    await phone.reconnect()
    await phone.register()
    (found,) = await registrations(world)
    assert found.source == f"127.0.0.1:{phone.address[1]}"


async def test_a_phone_that_reconnects_within_a_call_is_hung_up_over_the_new_connection(
    open_world: Any,
) -> None:
    world = open_world
    caller = await world.phone()
    await world.configure(caller)
    phone = await agent(world, "WS")
    call = await queued(world, caller)
    await world.offer()
    ringing = await phone.next_call()
    await ringing.answer()
    phone.sip.drop()
    await phone.sip.lost.wait()
    await phone.reconnect()
    await phone.register()
    await call.hang_up()
    await ringing.wait_ended()


async def test_a_ringing_phone_whose_connection_breaks_frees_the_contact_at_once(open_world: Any) -> None:
    world = open_world
    caller = await world.phone()
    await world.configure(caller)
    phone = await agent(world, "TCP")
    phone.policy = Policy.ring()
    await queued(world, caller)
    await world.offer(ring_timeout_s=60)
    await phone.next_call()
    phone.sip.drop()
    await world.until(lambda: "offer unreachable" in world.told)


async def test_after_a_restart_nobody_is_bound_to_a_connection_of_the_past(open_world: Any) -> None:
    world = open_world
    caller = await world.phone()
    await world.configure(caller)
    await agent(world, "TCP")
    await asyncio.sleep(0.2)
    await world.stop_edge()
    await world.start_edge()
    assert await registrations(world) == []


async def test_a_caller_over_tcp_is_answered_and_hung_up_over_its_connection(open_world: Any) -> None:
    world = open_world
    server = (world.sip[0], world.ports["TCP"])
    caller = await phone_at(world, server, transport="TCP", host="127.0.0.9")
    await world.configure(caller)
    # The port of a connection is any: the trunk is its address.
    trunk = tenancy.Trunk(name="c", source_addresses=["127.0.0.9"])
    await world.put("trunk", "carrier", trunk)
    await world.until(lambda: world.app.edge.config.trunk_by_source("127.0.0.9", 1))
    phone = await world.agent_phone()
    call = await queued(world, caller)
    await world.offer()
    ringing = await phone.next_call()
    await ringing.answer()
    await world.until(lambda: "CallBridged" in world.types())
    await ringing.hang_up()
    await call.wait_ended()


async def test_split_and_merged_messages_are_answered_one_by_one(open_world: Any) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", open_world.ports["TCP"])
    data = options(call_id="a") + PING + options(b"x" * 900, call_id="b") + options(call_id="c")
    for start in range(0, len(data), 97):
        writer.write(data[start : start + 97])
        await writer.drain()
        await asyncio.sleep(0.002)
    answers = await read(reader, 3)
    assert [(item.call_id, item.status) for item in answers] == [("a", 200), ("b", 200), ("c", 200)]  # type: ignore[union-attr]
    writer.close()


async def test_a_ping_is_answered(open_world: Any) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", open_world.ports["TCP"])
    writer.write(PING)
    assert await asyncio.wait_for(reader.readexactly(2), 30) == b"\r\n"
    writer.close()


async def test_a_body_of_64_kB_gets_513_and_the_connection_ends(open_world: Any) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", open_world.ports["TCP"])
    writer.write(options(b"x" * 65_536))
    (answer,) = await read(reader)
    assert answer.status == 513  # type: ignore[union-attr]
    assert await closed(reader) == b""
    writer.close()


async def test_what_is_no_sip_is_cut_off_unanswered(open_world: Any) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", open_world.ports["TCP"])
    writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
    assert await closed(reader) == b""
    writer.close()


@pytest.mark.parametrize("offered", ["", "Sec-WebSocket-Protocol: xmpp\r\n"])
async def test_a_web_socket_without_sip_is_refused_with_400(open_world: Any, offered: str) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", open_world.ports["WS"])
    writer.write(
        b"GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==\r\n"
        + offered.encode()
        + b"\r\n"
    )
    answer = await closed(reader)
    assert answer.startswith(b"HTTP/1.1 400 ")
    writer.close()


async def test_silent_and_slow_connections_are_cut(empty_world: Any) -> None:
    world = empty_world
    (port, ws) = free_ports(2)
    await world.start_edge(
        sip_tcp_port=port, sip_ws_port=ws, sip_half_open_s=1.0, sip_message_s=1.0, sip_half_open_per_source=3
    )
    silent = await asyncio.open_connection("127.0.0.1", port)
    web = await asyncio.open_connection("127.0.0.1", ws)
    slow = await asyncio.open_connection("127.0.0.1", port)
    refused = await asyncio.open_connection("127.0.0.1", port)
    assert await closed(refused[0], 2) == b""
    slow[1].write(options()[:40])
    for reader in (silent[0], web[0], slow[0]):
        assert await closed(reader) == b""
    # Those that are gone count no more; whoever speaks is none of them.
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(options())
    assert (await read(reader))[0].status == 200  # type: ignore[union-attr]
    gate = world.app._stack.transports.gate
    assert (gate.total, gate.half_open) == (1, 0)
    # A message that stops half way is cut as well.
    writer.write(options()[:40])
    assert await closed(reader) == b""
    for pair in (silent, web, slow, refused, (reader, writer)):
        pair[1].close()


async def test_a_response_follows_the_via_when_its_connection_is_gone(open_world: Any) -> None:
    heard: asyncio.Queue[bytes] = asyncio.Queue()

    async def served(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.put_nowait(await reader.readuntil(b"\r\n\r\n"))
        writer.close()

    server = await asyncio.start_server(served, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    stack = open_world.app._stack
    flow = stack.flow_to("127.0.0.1", 1, "TCP")
    request = parse_message(options(via=f"SIP/2.0/TCP 127.0.0.1:{port}"))
    assert isinstance(request, Request)
    stack.layer.send_raw(Response.to_request(request, 200, tag="t"), flow)
    stack.pump()
    assert (await asyncio.wait_for(heard.get(), 30)).startswith(b"SIP/2.0 200 OK\r\n")
    server.close()


async def test_tls_is_1_2_or_newer(open_world: Any) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    with pytest.warns(DeprecationWarning, match="TLSv1_1"):
        context.maximum_version = ssl.TLSVersion.TLSv1_1
    with pytest.raises((ssl.SSLError, ConnectionError)):
        await asyncio.open_connection("127.0.0.1", open_world.ports["TLS"], ssl=context)


@pytest.mark.parametrize("transport", ["UDP", "TCP", "WSS"])
async def test_ipv6_phones_register_and_take_calls(open_world: Any, transport: str) -> None:
    world = open_world
    caller = await world.phone()
    await world.configure(caller)
    port = world.ports.get(transport, world.sip[1])
    phone = await phone_at(
        world, ("::1", port), host="::1", transport=transport, username=world.username, password="pw"
    )
    await phone.register()
    (found,) = await registrations(world)
    assert found.source == f"[::1]:{phone.address[1]}"
    call = await queued(world, caller)
    await world.offer()
    ringing = await phone.next_call()
    assert ringing.request.contact.uri.host == "[::1]"
    await ringing.answer()
    await call.hang_up()
    await ringing.wait_ended()


@pytest.mark.parametrize("transport", ["TCP", "WS"])
async def test_a_killed_edge_hangs_up_a_phone_that_reconnects(
    empty_world: Any, steps: Any, monkeypatch: pytest.MonkeyPatch, transport: str
) -> None:
    world = empty_world
    (port,) = free_ports(1)
    monkeypatch.setenv(f"SEATBUS_SIP_{transport}_PORT", str(port))
    world.ports = {transport: port}
    world.script(steps.enqueue(), steps.hang_up())
    await world.start_process()
    caller = await world.phone()
    await world.configure(caller)
    phone = await agent(world, transport)
    call = await queued(world, caller)
    await world.offer()
    ringing = await phone.next_call()
    await ringing.answer()
    await world.until(lambda: "CallBridged" in world.types())
    world.kill()
    await phone.sip.lost.wait()  # type: ignore[attr-defined]
    await world.start_process()
    await phone.reconnect()
    await phone.register()
    await call.hang_up()
    await ringing.wait_ended()
    await world.ended()
