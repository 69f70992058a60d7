"""One leg that is offered to phones of several kinds: whoever answers has it, the other descriptions go."""

from __future__ import annotations

import pytest

from seatbus.media.v1 import service_pb2 as pb
from seatbus.media.v1.types_pb2 import (
    ENDPOINT_KIND_RTP,
    ENDPOINT_KIND_SRTP_SDES,
    ENDPOINT_KIND_WEBRTC,
    EndpointKind,
)
from seatbus_kit.errors import NotFound, Refused
from seatbus_kit.ids import uuid7
from seatbus_testkit.secure_voice import SdesPhone, WebPhone

from .conftest import Desk, Phone
from .test_secure_legs import connect, hear_each_other, info

WEB, SDES = "webrtc", "srtp_sdes"


@pytest.fixture
async def caller(desk: Desk) -> Phone:
    return await desk.caller()


def made(endpoint: str, kind: EndpointKind, alternative: str = "") -> pb.Command:
    offer = pb.MakeOffer(endpoint_id=endpoint, kind=kind, alternative=alternative)
    return pb.Command(make_offer=offer)


def answer(endpoint: str, sdp: str, alternative: str = "") -> pb.Command:
    return pb.Command(accept_answer=pb.AcceptAnswer(endpoint_id=endpoint, sdp=sdp, alternative=alternative))


async def offers(desk: Desk, endpoint: str) -> list[str]:
    results = await desk.execute(
        made(endpoint, ENDPOINT_KIND_RTP),
        made(endpoint, ENDPOINT_KIND_WEBRTC, WEB),
        made(endpoint, ENDPOINT_KIND_SRTP_SDES, SDES),
    )
    return [result.sdp for result in results]


async def endpoints(desk: Desk) -> list[str]:
    found = await desk.stub.GetSession(pb.GetSessionRequest(session_id=desk.call_id), timeout=20)
    return [one.endpoint_id for one in found.endpoints]


async def test_each_kind_has_a_description_of_its_own_and_the_desk_phone_may_win(
    desk: Desk, caller: Phone
) -> None:
    leg, plain = uuid7(), await desk.phone()
    bare, web, keyed = await offers(desk, leg)
    assert "a=fingerprint" in web
    assert "RTP/SAVP" in keyed
    assert "a=crypto" not in bare + web
    assert len({sdp.split("m=audio ")[1].split()[0] for sdp in (bare, web, keyed)}) == 3
    await desk.execute(answer(leg, plain.answer(bare)))
    assert await endpoints(desk) == [caller.id, leg]
    await connect(desk, caller.id, leg)
    await hear_each_other(caller.socket, plain.socket)


async def test_the_browser_that_answers_has_the_leg_and_the_other_ports_are_free(
    desk: Desk, caller: Phone
) -> None:
    leg, browser = uuid7(), await WebPhone.start()
    _, web, _ = await offers(desk, leg)
    said = browser.answer(web)
    await desk.execute(answer(leg, said, WEB))
    assert await endpoints(desk) == [caller.id, leg]
    assert (await info(desk, leg)).kind == ENDPOINT_KIND_WEBRTC
    # Said again, as after a restart of who asks: the same.
    await desk.execute(answer(leg, said, WEB))
    await connect(desk, caller.id, leg)
    await hear_each_other(caller.socket, browser)
    browser.close()


async def test_an_answer_that_does_not_suit_leaves_every_offer_open(desk: Desk, caller: Phone) -> None:
    leg, plain, keyed = uuid7(), await desk.phone(), await SdesPhone.open()
    bare, _, sdes = await offers(desk, leg)
    with pytest.raises(Refused, match="sdp"):
        await desk.execute(answer(leg, plain.answer(bare), SDES))
    await desk.execute(answer(leg, keyed.answer(sdes), SDES))
    await connect(desk, caller.id, leg)
    await hear_each_other(caller.socket, keyed.socket)
    keyed.socket.close()


async def test_a_leg_that_nobody_answers_leaves_nothing_behind(desk: Desk, caller: Phone) -> None:
    leg = uuid7()
    await offers(desk, leg)
    assert len(await endpoints(desk)) == 4
    await desk.execute(pb.Command(remove_endpoint=pb.RemoveEndpoint(endpoint_id=leg)))
    assert await endpoints(desk) == [caller.id]
    with pytest.raises(NotFound):
        await desk.execute(made(leg, ENDPOINT_KIND_WEBRTC, WEB))
