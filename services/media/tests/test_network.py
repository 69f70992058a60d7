"""Where legs are in the network: zones, marks, pairs of ports; and calls whose legs are on two instances."""

from __future__ import annotations

import asyncio
import random
import socket
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from typing import Any

import grpc.aio
import pytest
from pydantic import ValidationError

from seatbus.ivr.v1.types_pb2 import Audio
from seatbus.media.v1 import service_pb2 as pb
from seatbus.media.v1.types_pb2 import ENDPOINT_KIND_LINK, ENDPOINT_KIND_WEBRTC, EndpointInfo, Playlist
from seatbus_kit.errors import InvalidArgument, Refused, ResourceExhausted
from seatbus_kit.ids import uuid7
from seatbus_media.settings import MediaSettings
from seatbus_rtp.packet import build, is_rtcp
from seatbus_rtp.rtcp import ReceiverReport, ReportBlock, SenderReport, ntp_middle
from seatbus_rtp.rtcp import build as build_rtcp
from seatbus_rtp.rtcp import parse as parse_rtcp
from seatbus_rtp.tones import goertzel_dbfs
from seatbus_sip.sdp import G722, OPUS, PCMA, PCMU, Codec, build_offer, parse_sdp
from seatbus_testkit.eventually import eventually

from .conftest import Desk, Phone, Service

EF = 46
PAIRS = 16
QUARANTINE_S = 1.5


@pytest.fixture(scope="module")
def outpost(media_bus, new_service, tmp_path_factory) -> Iterator[Service]:
    """Another instance: in three networks, with few ports."""
    low = random.randrange(30000, 32000, 100)
    service = new_service(
        "seatbus_media",
        tmp_path_factory.mktemp("outpost"),
        instance_id=f"media-{uuid7()[-6:]}",
        nats_url=media_bus.url,
        rtp_host="127.0.0.1",
        rtp_zones="internal=127.0.0.3,external=127.0.0.2/192.0.2.7",
        rtp_port_min=low,
        rtp_port_max=low + 2 * PAIRS,
        port_quarantine_s=QUARANTINE_S,
        rtcp_interval_s=0.3,
    )
    yield service
    service.kill()


@pytest.fixture
async def away(outpost: Service, new_desk: type[Desk]) -> AsyncIterator[Desk]:
    """The same call's part at the other instance."""
    await outpost.ready()
    async with grpc.aio.insecure_channel(outpost.address) as channel:
        made = new_desk(channel)
        await made.watch()
        yield made
        await made.close()


async def info(desk: Desk, endpoint: str) -> EndpointInfo:
    found = await desk.stub.GetSession(pb.GetSessionRequest(session_id=desk.call_id), timeout=20)
    return next(one for one in found.endpoints if one.endpoint_id == endpoint)


async def accept(desk: Desk, sdp: str, **fields: object) -> tuple[str, str]:
    """(endpoint id, answer)"""
    command = pb.AcceptOffer(endpoint_id=uuid7(), sdp=sdp, **fields)
    (result,) = await desk.execute(pb.Command(accept_offer=command))
    return command.endpoint_id, result.sdp


def level(phone: Phone, hz: float) -> float:
    return goertzel_dbfs(phone.ears.tail(0.3), hz)


# -- zones -----------------------------------------------------------------------------------------------


async def test_a_leg_is_in_the_zone_that_was_asked_for_and_stays_there(away: Desk) -> None:
    phone = await away.phone()
    sdp = phone.offer()
    for zone, bound, told in (
        ("", "127.0.0.1", "127.0.0.1"),
        ("internal", "127.0.0.3", "127.0.0.3"),
        ("external", "127.0.0.2", "192.0.2.7"),
    ):
        endpoint, answer = await accept(away, sdp, zone=zone)
        found = await info(away, endpoint)
        assert (found.zone, found.local_address) == (zone, bound)
        audio = parse_sdp(answer).audio
        assert audio is not None
        assert (audio.host, audio.port) == (told, found.local_port)
        await away.execute(pb.Command(play=_tone(endpoint)))
        await eventually(lambda bound=bound: any(source[0] == bound for source in phone.socket.sources))
        again = pb.AcceptOffer(endpoint_id=endpoint, sdp=sdp, zone=zone)
        await away.execute(pb.Command(accept_offer=again))
        again.zone = "external" if zone == "internal" else "internal"
        with pytest.raises(Refused) as refused:
            await away.execute(pb.Command(accept_offer=again))
        assert refused.value.field == "commands[0].accept_offer.zone"
        await away.execute(pb.Command(remove_endpoint=pb.RemoveEndpoint(endpoint_id=endpoint)))


async def test_browsers_have_a_port_in_each_zone(away: Desk) -> None:
    hosts = {}
    for zone in ("internal", "external"):
        command = pb.MakeOffer(endpoint_id=uuid7(), kind=ENDPOINT_KIND_WEBRTC, zone=zone)
        (result,) = await away.execute(pb.Command(make_offer=command))
        candidates = [line.split() for line in result.sdp.splitlines() if line.startswith("a=candidate:")]
        hosts[zone] = {line[4] for line in candidates}
    assert hosts == {"internal": {"127.0.0.3"}, "external": {"192.0.2.7"}}


async def test_a_zone_that_the_instance_is_not_in_is_named(away: Desk, desk: Desk) -> None:
    with pytest.raises(InvalidArgument, match="moon is no zone of this instance") as wrong:
        await away.execute(pb.Command(make_offer=pb.MakeOffer(endpoint_id=uuid7(), zone="moon")))
    assert wrong.value.field == "commands[0].make_offer.zone"
    assert wrong.value.rule == "one of: external, internal"
    with pytest.raises(InvalidArgument) as none:
        await desk.execute(pb.Command(make_offer=pb.MakeOffer(endpoint_id=uuid7(), zone="internal")))
    assert none.value.rule == "one of: none"


@pytest.mark.parametrize(
    ("zones", "said"),
    [
        ("internal", "must be name=address"),
        ("a b=127.0.0.1", "must be name=address"),
        ("a=127.0.0.1,a=127.0.0.2", "there already"),
        ("a=host.example", "no IP address"),
        ("a=127.0.0.1/", "no IP address"),
        ("a=0.0.0.0", "needs an advertised one"),
    ],
)
def test_zones_that_cannot_be_are_refused_at_the_start(zones: str, said: str) -> None:
    with pytest.raises(ValidationError, match=f"(?s)rtp_zones.*{said}"):
        MediaSettings(rtp_zones=zones)


# -- marks and ports -------------------------------------------------------------------------------------


async def test_audio_and_reports_are_marked_for_routers(away: Desk) -> None:
    with _pair_of_sockets() as (rtp, rtcp):
        sdp = str(build_offer(rtp.getsockname(), [PCMU], session_id=1))
        endpoint, answer = await accept(away, sdp)
        audio = parse_sdp(answer).audio
        assert audio is not None
        rtp.sendto(build(0, 1, 160, 7, bytes(160)), (audio.host or "", audio.port))
        await away.execute(pb.Command(play=_tone(endpoint)))
        assert await _mark_of(rtp) == EF << 2
        assert await _mark_of(rtcp) == EF << 2


async def test_ports_come_in_pairs_and_reports_go_by_the_odd_one(away: Desk) -> None:
    with _pair_of_sockets() as (rtp, rtcp):
        sdp = str(build_offer(rtp.getsockname(), [PCMU], session_id=1))
        endpoint, answer = await accept(away, sdp)
        audio = parse_sdp(answer).audio
        assert audio is not None
        assert audio.port % 2 == 0
        await away.execute(pb.Command(play=_tone(endpoint)))
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(20):
            data, source = await loop.sock_recvfrom(rtcp, 2048)
        (sender, *_) = parse_rtcp(data)
        assert source == ("127.0.0.1", audio.port + 1)
        rtcp.sendto(build_rtcp((ReceiverReport(7, ()),)), source)
        # What comes to the odd port is reports and nothing else.
        rtcp.sendto(build(0, 1, 160, 7, bytes(160)), source)
        rtp.sendto(build(0, 1, 160, 7, bytes(160)), ("127.0.0.1", audio.port))
        await eventually(_received(away, endpoint, 1))
        assert sender is not None


async def test_reports_come_and_go_by_the_port_of_the_sound_where_that_is_agreed(away: Desk) -> None:
    """rtcp-mux (RFC 5761) of a plain leg."""
    with _pair_of_sockets() as (rtp, rtcp):
        sdp = str(build_offer(rtp.getsockname(), [PCMU], session_id=1)) + "a=rtcp-mux\r\n"
        endpoint, answer = await accept(away, sdp)
        audio = parse_sdp(answer).audio
        assert audio is not None
        assert audio.rtcp_mux
        rtp.sendto(build(0, 1, 160, 7, bytes(160)), (audio.host or "", audio.port))
        await away.execute(pb.Command(play=_tone(endpoint)))
        loop = asyncio.get_running_loop()
        report = None
        async with asyncio.timeout(20):
            while not isinstance(report, SenderReport):
                data, source = await loop.sock_recvfrom(rtp, 2048)
                assert source == (audio.host, audio.port)
                report = parse_rtcp(data)[0] if is_rtcp(data) else None
        block = ReportBlock(report.ssrc, 0, 0, 0, 0, ntp_middle(report.ntp), 0)
        rtp.sendto(build_rtcp((ReceiverReport(7, (block,)),)), source)

        async def read() -> bool:
            return (await info(away, endpoint)).statistics.round_trip_ms > 0

        await eventually(read)
        assert (await info(away, endpoint)).statistics.packets_refused == 0
        with pytest.raises(BlockingIOError):
            rtcp.recvfrom(2048)


# -- links -----------------------------------------------------------------------------------------------


async def link(desk: Desk, away: Desk, like: Phone) -> tuple[str, str]:
    """The endpoints of a link between the two instances."""
    near = uuid7()
    made = pb.MakeOffer(endpoint_id=near, kind=ENDPOINT_KIND_LINK, like_endpoint_id=like.id)
    (offer,) = await desk.execute(pb.Command(make_offer=made))
    far, answer = await accept(away, offer.sdp, kind=ENDPOINT_KIND_LINK)
    await desk.execute(pb.Command(accept_answer=pb.AcceptAnswer(endpoint_id=near, sdp=answer)))
    return near, far


@pytest.mark.parametrize(
    ("one", "other", "carried"), [(PCMU, PCMA, "PCMU"), (OPUS, PCMU, "opus"), (G722, G722, "G722")]
)
async def test_two_parties_on_two_instances_hear_each_other(
    desk: Desk, away: Desk, one: Codec, other: Codec, carried: str
) -> None:
    caller, agent = await desk.caller(one), await away.caller(other)
    near, far = await link(desk, away, caller)
    await desk.execute(pb.Command(connect=pb.Connect(endpoint_a=caller.id, endpoint_b=near)))
    await away.execute(pb.Command(connect=pb.Connect(endpoint_a=agent.id, endpoint_b=far)))
    caller.mouth.play_tone(440, -15.0)
    agent.mouth.play_tone(1000, -15.0)
    await eventually(lambda: level(agent, 440) > -17.5 and level(caller, 1000) > -17.5)
    assert level(agent, 1000) < -40
    assert level(caller, 440) < -40
    here, there = await info(desk, near), await info(away, far)
    for end in (here, there):
        assert (end.kind, end.codec) == (ENDPOINT_KIND_LINK, carried)
    assert there.zone == "internal"
    assert there.local_address == "127.0.0.3"
    await eventually(_measured(desk, near))
    # A stranger's packets, and even the peer's host at another port, are not the link's.
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
        stranger.bind(("127.0.0.1", 0))
        for number in range(5):
            stranger.sendto(build(0, number, 160 * number, 9, bytes(160)), ("127.0.0.3", there.local_port))
        await eventually(_refused(away, far, 5))
    assert (await info(away, far)).statistics.packets_lost == 0


async def test_what_is_no_link_is_not_taken_for_one(away: Desk) -> None:
    plain = str(build_offer(("127.0.0.1", 4000), [PCMU], session_id=1))
    with pytest.raises(Refused) as refused:
        await accept(away, plain, kind=ENDPOINT_KIND_LINK)
    assert "RTP/SAVP" in str(refused.value)


# -- the end of the ports -----------------------------------------------------------------------------------


async def test_a_freed_pair_rests_before_another_leg_gets_it(away: Desk) -> None:
    offer = str(build_offer(("127.0.0.1", 4000), [PCMU], session_id=1))
    held: list[str] = []

    async def fill() -> None:
        while True:
            held.append((await accept(away, offer))[0])

    async with asyncio.timeout(20):
        with pytest.raises(ResourceExhausted) as full:
            await fill()
    assert full.value.rule == "rtp_ports"
    last = held.pop()
    port = (await info(away, last)).local_port
    loop = asyncio.get_running_loop()
    freed_at = loop.time()
    await away.execute(pb.Command(remove_endpoint=pb.RemoveEndpoint(endpoint_id=last)))

    async def given_again() -> bool:
        try:
            endpoint, _ = await accept(away, offer)
        except ResourceExhausted:
            return False
        return (await info(away, endpoint)).local_port == port

    await eventually(given_again, every=0.05)
    assert loop.time() - freed_at >= QUARANTINE_S


# -- helpers ---------------------------------------------------------------------------------------------


def _tone(endpoint: str) -> pb.Play:
    return pb.Play(endpoint_id=endpoint, play_id=uuid7(), playlist=Playlist(items=[Audio(tone="440")]))


Check = Callable[[], Coroutine[Any, Any, bool]]


def _received(desk: Desk, endpoint: str, count: int) -> Check:
    async def check() -> bool:
        return (await info(desk, endpoint)).statistics.packets_received == count

    return check


def _refused(desk: Desk, endpoint: str, count: int) -> Check:
    async def check() -> bool:
        return (await info(desk, endpoint)).statistics.packets_refused >= count

    return check


def _measured(desk: Desk, endpoint: str) -> Check:
    """Whether reports of the other instance have come."""

    async def check() -> bool:
        found = (await info(desk, endpoint)).statistics
        return found.packets_received > 20 and found.round_trip_ms > 0 and found.mos > 3

    return check


class _pair_of_sockets:
    """An even port and the odd one above, which say how what comes is marked."""

    def __enter__(self) -> tuple[socket.socket, socket.socket]:
        while True:
            made = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2)]
            try:
                made[0].bind(("127.0.0.1", random.randrange(40000, 60000, 2)))
                made[1].bind(("127.0.0.1", made[0].getsockname()[1] + 1))
            except OSError:
                for one in made:
                    one.close()
                continue
            for one in made:
                one.setblocking(False)
                one.setsockopt(socket.IPPROTO_IP, socket.IP_RECVTOS, 1)
            self._made = made
            return made[0], made[1]

    def __exit__(self, *_: object) -> None:
        for one in self._made:
            one.close()


async def _mark_of(sock: socket.socket) -> int:
    """The TOS byte of the next packet."""
    loop = asyncio.get_running_loop()
    readable = asyncio.Event()
    loop.add_reader(sock, readable.set)
    try:
        async with asyncio.timeout(20):
            await readable.wait()
    finally:
        loop.remove_reader(sock)
    _, ancillary, _, _ = sock.recvmsg(2048, socket.CMSG_SPACE(4))
    return next(
        data[0] for level, kind, data in ancillary if (level, kind) == (socket.IPPROTO_IP, socket.IP_TOS)
    )
