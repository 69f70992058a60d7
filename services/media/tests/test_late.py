"""A process that is late: what has come, and waits to be read, was said and is heard before anything ends."""

from __future__ import annotations

import asyncio
import socket
from collections import Counter

import pytest

from seatbus.media.v1 import service_pb2 as pb
from seatbus_kit.ids import uuid7
from seatbus_media.domain.tap_buffer import TapChunk
from seatbus_rtp.packet import build
from seatbus_sip.sdp import PCMU, build_offer, parse_sdp

from .in_house import HOST, InHouse, Nobody, connect, serving

SAID = 20
SPOKEN = (0x10, 0x20)
"""A byte of PCMU that each leg says all the time."""


class Tape(Nobody):
    """What the recording of a call has of each leg's voice, in samples."""

    def __init__(self) -> None:
        self.heard: Counter[int] = Counter()

    def write(self, recording_id: str, chunk: TapChunk) -> None:
        for spoken, channel in zip(SPOKEN, (chunk.left, chunk.right), strict=True):
            self.heard[spoken] += channel.count(spoken)


class Talker:
    def __init__(self, spoken: int) -> None:
        self.id = uuid7()
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind((HOST, 0))
        self._payload = bytes([spoken]) * 160
        self._source = spoken

    async def join(self, desk: InHouse) -> None:
        sdp = str(build_offer(self.socket.getsockname(), [PCMU], session_id=1))
        offer = pb.AcceptOffer(endpoint_id=self.id, sdp=sdp)
        (result,) = await desk.execute(pb.Command(accept_offer=offer))
        audio = parse_sdp(result.sdp).audio
        assert audio is not None
        self.socket.connect((audio.host, audio.port))

    def say(self, number: int) -> None:
        self.socket.send(build(0, number, 160 * number, self._source, self._payload))


@pytest.mark.parametrize("end", ["end_session", "remove_endpoint", "stop_recording"])
async def test_what_waits_in_the_sockets_is_heard_before_the_end(end: str) -> None:
    tape, recording = Tape(), uuid7()
    talkers = caller, agent = [Talker(spoken) for spoken in SPOKEN]
    async with serving(tape) as service:
        desk = InHouse(service)
        try:
            for one in talkers:
                await one.join(desk)
            started = pb.StartRecording(
                recording_id=recording, left_endpoint_id=caller.id, right_endpoint_id=agent.id
            )
            await desk.execute(connect(caller.id, agent.id), pb.Command(start_recording=started))
            for one in talkers:
                one.say(1)
            await asyncio.sleep(SAID * 0.02)
            # The service's loop has no turn between the packets and the end.
            for number in range(2, SAID + 1):
                for one in talkers:
                    one.say(number)
            commands = {
                "end_session": pb.Command(end_session=pb.EndSession()),
                "remove_endpoint": pb.Command(remove_endpoint=pb.RemoveEndpoint(endpoint_id=caller.id)),
                "stop_recording": pb.Command(stop_recording=pb.StopRecording(recording_id=recording)),
            }
            (result,) = await desk.execute(commands[end])
            if end == "end_session":
                counted = [info.statistics for info in result.endpoints]
                assert [(one.packets_received, one.packets_sent) for one in counted] == 2 * [(SAID, SAID)]
            if end == "remove_endpoint":
                assert result.statistics.packets_received == SAID
            else:
                # The last packet may end a moment after the recording.
                assert min(tape.heard[spoken] for spoken in SPOKEN) > (SAID - 2) * 160
        finally:
            await desk.close()
            for one in talkers:
                one.socket.close()
