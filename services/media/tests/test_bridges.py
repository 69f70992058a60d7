"""Every codec over every kind of leg, bridged with a plain phone and with a browser: tones both ways."""

from __future__ import annotations

import itertools

import pytest

from seatbus.media.v1 import service_pb2 as pb
from seatbus_kit.ids import uuid7
from seatbus_rtp.tones import goertzel_dbfs
from seatbus_sip.sdp import G722, OPUS, PCMA, PCMU, TELEPHONE_EVENT, Codec
from seatbus_testkit.eventually import eventually
from seatbus_testkit.secure_voice import SdesPhone, WebPhone
from seatbus_testkit.voice import RtpSocket

from .conftest import Desk

HERE_HZ, THERE_HZ, SPOKEN = 440.0, 1000.0, -15.0
CODECS = {codec.name: codec for codec in (PCMU, PCMA, G722, OPUS)}
KINDS = ("rtp", "sdes", "webrtc")
TONES = {"PCMU": 1.0, "PCMA": 1.0, "G722": 1.0, "opus": 2.0}
"""How far from the spoken level each codec may be, dB."""


async def leg(desk: Desk, kind: str, codec: Codec) -> tuple[str, RtpSocket]:
    """An endpoint and who speaks this codec at its other end."""
    endpoint, codecs = uuid7(), (codec, TELEPHONE_EVENT)

    async def accept(sdp: str) -> str:
        command = pb.AcceptOffer(endpoint_id=endpoint, sdp=sdp)
        (result,) = await desk.execute(pb.Command(accept_offer=command))
        assert result.codec.lower() == codec.name.lower()
        return result.sdp

    if kind == "rtp":
        phone = await desk.phone()
        phone.answered(await accept(phone.offer(codec)))
        return endpoint, phone.socket
    if kind == "sdes":
        sdes = await SdesPhone.open()
        sdes.answered(await accept(sdes.offer(codecs=codecs)))
        return endpoint, sdes.socket
    browser = await WebPhone.start()
    browser.answered(await accept(browser.offer(codecs)))
    return endpoint, browser


@pytest.mark.parametrize(("far_kind", "far_codec"), [("rtp", "PCMU"), ("webrtc", "opus")])
@pytest.mark.parametrize(("kind", "codec"), itertools.product(KINDS, CODECS))
async def test_tones_go_both_ways_at_their_level(
    desk: Desk, kind: str, codec: str, far_kind: str, far_codec: str
) -> None:
    here_id, here = await leg(desk, kind, CODECS[codec])
    there_id, there = await leg(desk, far_kind, CODECS[far_codec])
    try:
        here.mouth.play_tone(HERE_HZ, SPOKEN)
        there.mouth.play_tone(THERE_HZ, SPOKEN)
        await desk.execute(pb.Command(connect=pb.Connect(endpoint_a=here_id, endpoint_b=there_id)))
        near = max(TONES[codec], TONES[far_codec])

        def heard(leg: RtpSocket, hz: float) -> bool:
            return abs(goertzel_dbfs(leg.ears.tail(0.2), hz) - SPOKEN) < near

        await eventually(lambda: heard(here, THERE_HZ) and heard(there, HERE_HZ))
    finally:
        for socket in (here, there):
            socket.close()
