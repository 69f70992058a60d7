"""Legs that encrypt: by keys in their descriptions, and as browsers do."""

from __future__ import annotations

import asyncio
import re
import secrets
import socket
import time
from collections.abc import AsyncIterator

import pytest

from seatbus.media.v1 import service_pb2 as pb
from seatbus.media.v1.types_pb2 import (
    ENDPOINT_KIND_RTP,
    ENDPOINT_KIND_SRTP_OPPORTUNISTIC,
    ENDPOINT_KIND_SRTP_SDES,
    ENDPOINT_KIND_WEBRTC,
    EndpointInfo,
    EndpointKind,
)
from seatbus_kit.errors import Refused
from seatbus_kit.ids import uuid7
from seatbus_rtp.packet import build
from seatbus_rtp.srtp import SrtpKeys, SrtpProfile
from seatbus_rtp.srtp_place import RESERVED, SrtpPlace
from seatbus_rtp.stun import StunType, build_stun
from seatbus_rtp.tones import goertzel_dbfs
from seatbus_sip.sdp import PCMU
from seatbus_testkit.eventually import eventually
from seatbus_testkit.secure_voice import SdesPhone, WebPhone
from seatbus_testkit.voice import RtpSocket

from .conftest import Desk, Phone

CALLER_HZ, AGENT_HZ = 440.0, 1000.0


def level(leg: RtpSocket, hz: float) -> float:
    return goertzel_dbfs(leg.ears.tail(0.3), hz)


async def hear_each_other(caller: RtpSocket, agent: RtpSocket) -> None:
    caller.mouth.play_tone(CALLER_HZ, -15.0)
    agent.mouth.play_tone(AGENT_HZ, -15.0)
    await eventually(lambda: level(caller, AGENT_HZ) > -17 and level(agent, CALLER_HZ) > -17)
    assert level(caller, CALLER_HZ) < -40
    assert level(agent, AGENT_HZ) < -40


async def accept(desk: Desk, sdp: str, kind: EndpointKind = 0) -> tuple[str, str]:  # type: ignore[assignment]
    """(endpoint id, answer)"""
    endpoint = uuid7()
    command = pb.AcceptOffer(endpoint_id=endpoint, sdp=sdp, kind=kind)
    (result,) = await desk.execute(pb.Command(accept_offer=command))
    return endpoint, result.sdp


async def offer(desk: Desk, kind: EndpointKind, endpoint: str = "") -> tuple[str, str]:
    """(endpoint id, offer)"""
    endpoint = endpoint or uuid7()
    (result,) = await desk.execute(pb.Command(make_offer=pb.MakeOffer(endpoint_id=endpoint, kind=kind)))
    return endpoint, result.sdp


async def answered(desk: Desk, endpoint: str, sdp: str) -> None:
    await desk.execute(pb.Command(accept_answer=pb.AcceptAnswer(endpoint_id=endpoint, sdp=sdp)))


async def connect(desk: Desk, one: str, other: str) -> None:
    await desk.execute(pb.Command(connect=pb.Connect(endpoint_a=one, endpoint_b=other)))


async def info(desk: Desk, endpoint: str) -> EndpointInfo:
    found = await desk.stub.GetSession(pb.GetSessionRequest(session_id=desk.call_id), timeout=20)
    return next(one for one in found.endpoints if one.endpoint_id == endpoint)


@pytest.fixture
async def caller(desk: Desk) -> Phone:
    return await desk.caller(PCMU)


@pytest.fixture
async def browser() -> AsyncIterator[WebPhone]:
    made = await WebPhone.start()
    yield made
    made.close()


async def test_a_leg_of_another_instance_goes_on_with_its_keys_and_its_session(
    desk: Desk, caller: Phone
) -> None:
    """Some phones take no other key in a call, and count on where they were."""
    phone = await SdesPhone.open()
    before, sdp = await offer(desk, ENDPOINT_KIND_SRTP_SDES)
    await answered(desk, before, phone.answer(sdp))
    command = pb.MakeOffer(endpoint_id=uuid7(), kind=ENDPOINT_KIND_SRTP_SDES, continues=sdp)
    (made,) = await desk.execute(pb.Command(make_offer=command))
    assert [line for line in made.sdp.splitlines() if line.startswith("a=crypto")] == [
        line for line in sdp.splitlines() if line.startswith("a=crypto")
    ]
    was, now = (text.split("o=")[1].split() for text in (sdp, made.sdp))
    assert (now[:2], int(now[2])) == (was[:2], int(was[2]) + 1)
    # It has spoken for an hour, and goes on under the same key in the third turn of its numbers.
    answer = phone.answer(made.sdp)
    keys = SrtpKeys(phone.profile, phone.master, phone.master)
    mouth = phone.socket.mouth
    place = SrtpPlace(mouth._ssrc, (2 << 16) + mouth._sequence - RESERVED)
    phone.socket.sealed.sender = place.sender(keys)
    await answered(desk, command.endpoint_id, answer)
    await connect(desk, caller.id, command.endpoint_id)
    await hear_each_other(caller.socket, phone.socket)
    phone.socket.close()


# -- keys in the description -------------------------------------------------------------------------------


@pytest.mark.parametrize("profile", SrtpProfile)
@pytest.mark.parametrize("transport", ["RTP/SAVP", "RTP/AVP"])
async def test_a_phone_that_offers_keys_is_heard_and_hears(
    desk: Desk, caller: Phone, profile: SrtpProfile, transport: str
) -> None:
    phone = await SdesPhone.open(profile)
    endpoint, answer = await accept(desk, phone.offer(transport))
    assert f"m=audio {(await info(desk, endpoint)).local_port} {transport}" in answer
    phone.answered(answer)
    await connect(desk, caller.id, endpoint)
    await hear_each_other(caller.socket, phone.socket)
    assert (await info(desk, endpoint)).kind == ENDPOINT_KIND_SRTP_SDES
    assert phone.socket.refused == 0
    phone.socket.close()


async def test_a_phone_that_must_encrypt_is_offered_keys_and_not_served_plain(
    desk: Desk, caller: Phone
) -> None:
    phone = await SdesPhone.open(SrtpProfile.AES_CM_128_HMAC_SHA1_32)
    endpoint, sdp = await offer(desk, ENDPOINT_KIND_SRTP_SDES)
    assert "RTP/SAVP" in sdp
    plain = await desk.phone()
    bare = re.sub(r"a=crypto.*\r\n", "", phone.answer(sdp))
    with pytest.raises(Refused, match="a=crypto"):
        await answered(desk, endpoint, bare)
    with pytest.raises(Refused):
        await accept(desk, plain.offer(PCMU), ENDPOINT_KIND_SRTP_SDES)
    await answered(desk, endpoint, phone.answer(sdp))
    await connect(desk, caller.id, endpoint)
    await hear_each_other(caller.socket, phone.socket)
    phone.socket.close()


async def test_keys_are_offered_to_who_may_also_be_plain(desk: Desk, caller: Phone) -> None:
    endpoint, sdp = await offer(desk, ENDPOINT_KIND_SRTP_OPPORTUNISTIC)
    assert "RTP/AVP" in sdp
    assert "a=crypto:1 AES_CM_128_HMAC_SHA1_80" in sdp
    plain = await desk.phone()
    await answered(desk, endpoint, plain.answer(sdp, PCMU))
    assert (await info(desk, endpoint)).kind == ENDPOINT_KIND_RTP
    await connect(desk, caller.id, endpoint)
    await hear_each_other(caller.socket, plain.socket)

    other, sdp = await offer(desk, ENDPOINT_KIND_SRTP_OPPORTUNISTIC)
    phone = await SdesPhone.open()
    await answered(desk, other, phone.answer(sdp))
    assert (await info(desk, other)).kind == ENDPOINT_KIND_SRTP_SDES
    await connect(desk, caller.id, other)
    await hear_each_other(caller.socket, phone.socket)
    phone.socket.close()


async def test_a_repeated_offer_keeps_the_keys_and_the_sound(desk: Desk, caller: Phone) -> None:
    phone = await SdesPhone.open()
    endpoint, answer = await accept(desk, phone.offer())
    phone.answered(answer)
    await connect(desk, caller.id, endpoint)
    await hear_each_other(caller.socket, phone.socket)
    command = pb.AcceptOffer(endpoint_id=endpoint, sdp=phone.offer())
    (again,) = await desk.execute(pb.Command(accept_offer=command))
    assert re.findall("a=crypto.*", again.sdp) == re.findall("a=crypto.*", answer)
    phone.socket.ears.clear()
    await hear_each_other(caller.socket, phone.socket)
    assert phone.socket.refused == 0
    phone.socket.close()


async def test_what_was_not_made_with_the_peers_key_is_not_heard(desk: Desk, caller: Phone) -> None:
    phone = await SdesPhone.open()
    endpoint, answer = await accept(desk, phone.offer())
    phone.answered(answer)
    await connect(desk, caller.id, endpoint)
    await hear_each_other(caller.socket, phone.socket)
    port = (await info(desk, endpoint)).local_port
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
        for number in range(40):
            stranger.sendto(build(0, number, number * 160, 99, secrets.token_bytes(170)), ("127.0.0.1", port))
    before, began = (await info(desk, endpoint)).statistics, time.monotonic()
    await asyncio.sleep(0.3)

    async def all_refused() -> bool:
        return (await info(desk, endpoint)).statistics.packets_refused >= 40

    await eventually(all_refused)
    after = (await info(desk, endpoint)).statistics
    # The phone says 50 a second.
    most = 20 + 60 * (time.monotonic() - began)
    assert 5 <= after.packets_received - before.packets_received <= most
    assert level(caller.socket, AGENT_HZ) > -17
    phone.socket.close()


# -- browsers ----------------------------------------------------------------------------------------------


async def test_a_browser_that_calls_is_heard_and_hears(desk: Desk, caller: Phone, browser: WebPhone) -> None:
    endpoint, answer = await accept(desk, browser.offer())
    for line in ("a=ice-lite", "a=setup:active", "a=rtcp-mux", "a=group:BUNDLE 0", "a=fingerprint:sha-256"):
        assert line in answer
    browser.answered(answer)
    await connect(desk, caller.id, endpoint)
    await hear_each_other(caller.socket, browser)
    assert (await info(desk, endpoint)).kind == ENDPOINT_KIND_WEBRTC
    assert browser.refused == 0


async def test_a_browser_that_is_called_is_heard_and_hears(
    desk: Desk, caller: Phone, browser: WebPhone
) -> None:
    endpoint, sdp = await offer(desk, ENDPOINT_KIND_WEBRTC)
    assert "a=setup:actpass" in sdp
    await answered(desk, endpoint, browser.answer(sdp))
    await connect(desk, caller.id, endpoint)
    await hear_each_other(caller.socket, browser)


async def test_checks_that_come_before_the_answer_lose_no_time(
    desk: Desk, caller: Phone, browser: WebPhone
) -> None:
    endpoint, sdp = await offer(desk, ENDPOINT_KIND_WEBRTC)
    answer = browser.answer(sdp)
    await eventually(lambda: browser.checks_answered)
    await asyncio.sleep(0.2)
    assert not browser.connected
    await answered(desk, endpoint, answer)
    # This browser says nothing twice.
    await eventually(lambda: browser.connected)


async def test_another_certificate_than_the_described_one_is_not_talked_to(
    desk: Desk, caller: Phone, browser: WebPhone
) -> None:
    forged = re.sub("a=fingerprint:sha-256 ..:..", "a=fingerprint:sha-256 00:00", browser.offer())
    endpoint, answer = await accept(desk, forged)
    await connect(desk, caller.id, endpoint)
    caller.socket.mouth.play_tone(CALLER_HZ)
    browser.answered(answer)
    lost = await desk.wait(lambda event: event.endpoint_id == endpoint and event.HasField("leg_lost"))
    assert "fingerprint" in lost.leg_lost.reason
    assert browser.received == 0


async def test_who_stops_checking_is_not_sent_to_any_more(
    desk: Desk, caller: Phone, browser: WebPhone
) -> None:
    endpoint, answer = await accept(desk, browser.offer())
    browser.answered(answer)
    await connect(desk, caller.id, endpoint)
    await hear_each_other(caller.socket, browser)
    browser.checking = False
    lost = await desk.wait(lambda event: event.endpoint_id == endpoint and event.HasField("leg_lost"))
    assert "ICE check" in lost.leg_lost.reason
    await asyncio.sleep(0.1)
    heard = browser.received
    await asyncio.sleep(0.3)
    assert browser.received == heard
    # It is not gone for good: the next check brings the sound back.
    browser.checking = True
    await eventually(lambda: browser.received > heard + 5)


async def test_strangers_on_the_shared_port_change_nothing(
    desk: Desk, caller: Phone, browser: WebPhone
) -> None:
    endpoint, answer = await accept(desk, browser.offer())
    browser.answered(answer)
    await connect(desk, caller.id, endpoint)
    await hear_each_other(caller.socket, browser)
    port = (await info(desk, endpoint)).local_port
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
        stranger.setblocking(False)
        for number in range(500):
            stranger.sendto(build_stun(StunType.REQUEST, secrets.token_bytes(12), []), ("127.0.0.1", port))
            stranger.sendto(build(0, number, 0, 99, secrets.token_bytes(170)), ("127.0.0.1", port))
            stranger.sendto(bytes([22, 254, 253]) + secrets.token_bytes(60), ("127.0.0.1", port))
        await asyncio.sleep(0.2)
        with pytest.raises(BlockingIOError):
            stranger.recv(2048)
    before = browser.checks_answered
    for _ in range(5):
        browser.check(pwd="not-the-password-of-the-leg")
    await eventually(lambda: browser.checks_answered > before)
    assert level(caller.socket, AGENT_HZ) > -17
    assert level(browser, CALLER_HZ) > -17


async def test_a_browser_that_moved_is_followed_with_its_new_credentials(
    desk: Desk, caller: Phone, browser: WebPhone
) -> None:
    endpoint, answer = await accept(desk, browser.offer())
    browser.answered(answer)
    await connect(desk, caller.id, endpoint)
    await hear_each_other(caller.socket, browser)
    browser.credentials = type(browser.credentials).new()
    command = pb.AcceptOffer(endpoint_id=endpoint, sdp=browser.offer())
    (again,) = await desk.execute(pb.Command(accept_offer=command))
    assert re.findall("a=ice-ufrag.*", again.sdp) != re.findall("a=ice-ufrag.*", answer)
    assert re.findall("a=fingerprint.*", again.sdp) == re.findall("a=fingerprint.*", answer)
    browser.answered(again.sdp)
    before = browser.checks_answered
    await eventually(lambda: browser.checks_answered > before + 1)
    await hear_each_other(caller.socket, browser)


async def test_a_new_page_with_another_certificate_takes_the_leg_over(
    desk: Desk, caller: Phone, browser: WebPhone
) -> None:
    endpoint, answer = await accept(desk, browser.offer())
    browser.answered(answer)
    await connect(desk, caller.id, endpoint)
    await hear_each_other(caller.socket, browser)
    browser.close()
    fresh = await WebPhone.start()
    command = pb.AcceptOffer(endpoint_id=endpoint, sdp=fresh.offer())
    (again,) = await desk.execute(pb.Command(accept_offer=command))
    fresh.answered(again.sdp)
    await hear_each_other(caller.socket, fresh)
    fresh.close()


async def test_what_a_browser_has_to_say_is_named_when_it_is_missing(desk: Desk, browser: WebPhone) -> None:
    for missing in ("a=ice-ufrag", "a=fingerprint", "a=rtcp-mux"):
        without = re.sub(f"{missing}.*\r\n", "", browser.offer())
        with pytest.raises(Refused, match=missing):
            await accept(desk, without)


async def test_browsers_share_one_port_and_leave_nothing_behind(desk: Desk) -> None:
    made = [await WebPhone.start() for _ in range(4)]
    ports = set()
    for one in made:
        endpoint, answer = await accept(desk, one.offer())
        ports.add((await info(desk, endpoint)).local_port)
        one.answered(answer)
    await eventually(lambda: all(one.connected for one in made))
    assert len(ports) == 1
    await desk.execute(pb.Command(end_session=pb.EndSession()))
    for one in made:
        before = one.checks_answered
        await asyncio.sleep(0.05)
        one.check()
        await asyncio.sleep(0.05)
        assert one.checks_answered == before
        one.close()
