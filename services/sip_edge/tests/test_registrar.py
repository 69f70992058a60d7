"""Phones: digest, bindings that outlive the process, calls from agents, and what is refused."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from seatbus.call.v1 import service_pb2 as call_pb
from seatbus.call.v1 import types_pb2 as call_types
from seatbus_kit.buckets import Bucket
from seatbus_sip import DigestClient, Response, initial_request
from seatbus_sip_edge.application import identity, registrar
from seatbus_testkit.phone import Phone, RegistrationRefused

from .colleagues import phone_of


async def _registrations(world: Any) -> list[Any]:
    answer = await world.ask("ListRegistrations", call_pb.ListRegistrationsRequest(tenant_id=world.tenant))
    return list(answer.registrations)


async def test_a_registration_is_stored_and_survives_a_restart(world: Any) -> None:
    caller = await world.phone()
    await world.configure(caller)
    phone = await world.agent_phone()
    (found,) = await _registrations(world)
    assert (found.agent_id, found.device_id) == ("anna", "anna-phone")
    assert found.source == f"127.0.0.1:{phone.address[1]}"
    bucket = Bucket(world.bus, "registrations")

    async def stored() -> list[str]:
        return await bucket.keys(world.username)

    await world.until(stored)
    await world.stop_edge()
    await world.start_edge()
    assert [item.contact for item in await _registrations(world)] == [found.contact]


async def test_too_short_a_registration_is_refused_with_the_shortest(world: Any) -> None:
    await world.configure(await world.phone())
    phone = await world.agent_phone()
    await world.stop_edge()
    await world.start_edge(sip_port=world.sip[1], registration_min_s=60)
    response, sent = await phone._register_once(30)
    if response.status == 401 and phone.digest is not None:
        assert phone.digest.accept(response, sent)
        response, _ = await phone._register_once(30)
    assert (response.status, response.get("Min-Expires")) == (423, "60")


async def test_unregistering_removes_the_binding(world: Any) -> None:
    caller = await world.phone()
    await world.configure(caller)
    phone = await world.agent_phone()
    await phone.unregister()
    assert await _registrations(world) == []


async def test_a_wrong_password_is_refused(world: Any) -> None:
    caller = await world.phone()
    await world.configure(caller)
    phone = await world.phone(username=world.username, password="guess")
    with pytest.raises(RegistrationRefused) as caught:
        await phone.register()
    assert caught.value.status == 403
    assert await _registrations(world) == []


@pytest.fixture
def second_look(world: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Configures, and only then lets the edge look again: however long the configuration takes to arrive."""
    monkeypatch.setattr(identity, "_SECOND_LOOK_S", 3_600.0)
    looks = world.app._entry._identity

    async def configured(caller: Phone) -> None:
        await world.until(lambda: looks._second_look)
        await world.configure(caller)
        (tx,) = looks._second_look
        looks._look_again(tx, tx.request, tx.flow)

    return configured


async def test_a_phone_whose_device_was_just_made_is_let_in(world: Any, second_look: Any) -> None:
    phone = await world.phone(username=world.username, password="pw")
    registering = asyncio.create_task(phone.register())
    await second_look(await world.phone())
    await registering
    assert len(await _registrations(world)) == 1


async def test_a_call_over_a_trunk_that_was_just_made_is_let_in(
    world: Any, steps: Any, second_look: Any
) -> None:
    caller = await world.phone()
    world.script(steps.play())
    call = await caller.dial(world.number)
    await second_look(caller)
    await call.wait_answered()


async def test_an_agents_phone_calls_a_number_after_digest(world: Any, steps: Any) -> None:
    caller = await world.phone()
    await world.configure(caller)
    phone = await world.agent_phone()
    world.script(steps.play(), steps.hang_up())
    call = await phone.dial(world.number)
    await call.wait_answered()
    await world.until(lambda: "play" in world.media.names())
    (session_id,) = world.media.sessions
    world.media.played(session_id)
    await call.wait_ended()
    ended = await world.ended()
    assert ended.cause == call_types.HANGUP_CAUSE_FLOW_ENDED
    assert ended.call.direction == call_types.DIRECTION_INTERNAL
    assert ended.call.caller == "1001"


async def test_options_are_answered(world: Any) -> None:
    phone = await world.phone()
    assert await phone.options() == 200


class _Raw(asyncio.DatagramProtocol):
    def __init__(self) -> None:
        self.answers: asyncio.Queue[bytes] = asyncio.Queue()

    def datagram_received(self, data: bytes, addr: Any) -> None:
        self.answers.put_nowait(data)


async def test_a_malformed_request_is_refused_by_name_and_noise_is_dropped(world: Any) -> None:
    loop = asyncio.get_running_loop()
    transport, raw = await loop.create_datagram_endpoint(_Raw, remote_addr=world.sip)
    port = transport.get_extra_info("sockname")[1]
    transport.sendto(b"\x00\x01noise")
    transport.sendto(b"GET / HTTP/1.1\r\n\r\n")
    transport.sendto(
        (
            f"OPTIONS sip:x@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:{port};branch=z9hG4bKa;rport\r\n"
            "From: <sip:a@b>;tag=1\r\nTo: <sip:x@b>\r\nCall-ID: z\r\nCSeq: eleven OPTIONS\r\n"
            "Content-Length: 0\r\n\r\n"
        ).encode()
    )
    answer = await asyncio.wait_for(raw.answers.get(), 30.0)
    assert answer.startswith(b"SIP/2.0 400")
    assert b"CSeq" in answer.partition(b"Warning:")[2]
    assert raw.answers.empty()
    transport.close()


async def _registered_by(world: Any, phone: Phone, *path: str) -> Response:
    """The answer to a REGISTER that proxies have passed on."""
    digest = DigestClient(world.username, "pw")
    for number in (1, 2):
        register = initial_request(
            "REGISTER",
            f"sip:{world.sip[0]}",
            from_=f"<{phone.aor}>",
            to=f"<{phone.aor}>",
            call_id=f"by-{len(path)}-{sum(map(len, path))}",
            tag="a",
            cseq=number,
            contact="<sip:anna@192.0.2.99>",
            headers={"Expires": 60, "Supported": "path"},
        )
        register.set("Path", *path)
        sent = digest.authorize(register).copy()
        _, answer = await phone.sip.ask(register, world.sip)
        digest.accept(answer, sent)
    return answer


async def test_a_phone_behind_a_proxy_is_called_by_its_path_after_a_restart_too(
    world: Any, steps: Any
) -> None:
    """RFC 3327. The proxy's address is where the REGISTER came from."""
    path = ["<sip:edge@192.0.2.5;lr>", "<sip:inner@192.0.2.6;lr>"]
    caller = await world.phone()
    await world.configure(caller)
    phone = await world.phone(username=world.username)
    answer = await _registered_by(world, phone, *path)
    assert (answer.status, answer.values("Path")) == (200, path)
    bucket = Bucket(world.bus, "registrations")
    await world.until(lambda: bucket.keys(world.username))
    await world.stop_edge()
    await world.start_edge(sip_port=world.sip[1])
    world.script(steps.enqueue())
    call = await caller.dial(world.number)
    await world.until(lambda: world.acd.enqueued)
    await world.offer()
    invite = (await phone.next_call()).request
    assert (invite.uri, invite.values("Route")) == ("sip:anna@192.0.2.99", path)
    await call.hang_up()


async def test_a_path_that_leads_nowhere_is_refused(world: Any) -> None:
    await world.configure(await world.phone())
    phone = await world.phone(username=world.username)
    for path in ("<tel:+4930>", "<sip:" + "a" * 1100 + "@b>"):
        assert (await _registered_by(world, phone, path)).status == 400
    assert await _registrations(world) == []


async def test_the_way_to_a_phone_behind_a_nat_is_kept_open(
    empty_world: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The phone is seen at another address than its Contact says; the other one is not translated."""
    world = empty_world
    monkeypatch.setattr(registrar, "_SWEEP_S", 0.02)
    await world.start_edge()
    await world.configure(await world.phone())
    ben = await phone_of(world, "ben", "ben-phone")
    await ben.register()
    phone = await world.phone(username=world.username)
    heard: dict[Phone, list[bytes]] = {phone: [], ben: []}
    for one, pings in heard.items():
        monkeypatch.setattr(one, "wants", lambda data, pings=pings: bool(data.strip() or pings.append(data)))
    assert (await _registered_by(world, phone)).status == 200
    await world.until(lambda: len(heard[phone]) >= 2)
    assert (set(heard[phone]), heard[ben]) == ({b"\r\n\r\n"}, [])
