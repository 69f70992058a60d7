"""What a call leaves behind: nothing that waits for the garbage collector. A leg that has lived through a few
collections is looked at again only some 25,000 calls later; until then it would be memory that grows.
"""

from __future__ import annotations

import gc
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from seatbus.ivr.v1.types_pb2 import Audio
from seatbus.media.v1 import service_pb2 as pb
from seatbus.media.v1.types_pb2 import (
    ENDPOINT_KIND_RTP,
    ENDPOINT_KIND_SRTP_SDES,
    ENDPOINT_KIND_WEBRTC,
    EndpointKind,
    Playlist,
)
from seatbus_kit.ids import uuid7
from seatbus_media.application import service as service_module
from seatbus_media.application.service import MediaService
from seatbus_testkit.eventually import eventually
from seatbus_testkit.nats import free_ports
from seatbus_testkit.secure_voice import SdesPhone, WebPhone

from .in_house import InHouse, connect, serving, talks

MUSIC = Playlist(items=[Audio(tone="music")], barge_in=True)
ROUNDS = 2


@pytest.fixture
async def service(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[MediaService]:
    monkeypatch.setattr(service_module, "_KEEP_ENDED", 1)
    async with serving() as made:
        yield made


async def recorded(desk: InHouse) -> None:
    caller, agent = await desk.pair()
    started = pb.StartRecording(recording_id=uuid7(), left_endpoint_id=caller.id, right_endpoint_id=agent.id)
    await desk.execute(pb.Command(start_recording=started))
    await talks(caller, agent)


async def in_parts(desk: InHouse) -> None:
    """Legs go one by one; one of them listens to music meanwhile."""
    caller, agent = await desk.pair()
    await desk.execute(pb.Command(mute=pb.Mute(endpoint_id=agent.id, on=True)))
    await desk.execute(pb.Command(hold=pb.Hold(endpoint_id=caller.id, on=True, music=MUSIC)))
    await desk.execute(pb.Command(remove_endpoint=pb.RemoveEndpoint(endpoint_id=agent.id)))
    play = pb.Play(endpoint_id=caller.id, play_id="p", playlist=MUSIC)
    await desk.execute(pb.Command(hold=pb.Hold(endpoint_id=caller.id)), pb.Command(play=play))
    await desk.execute(pb.Command(remove_endpoint=pb.RemoveEndpoint(endpoint_id=caller.id)))


async def collected(desk: InHouse) -> None:
    """One collection gets its digit, another is running at the end, both under a playlist."""
    caller = await desk.caller()
    for number in range(2):
        collect = pb.Collect(
            endpoint_id=caller.id, collect_id=str(number), playlist=MUSIC, max_digits=1, timeout_ms=60_000
        )
        await desk.execute(pb.Command(collect=collect))
        session = desk.service.sessions[desk.call_id]
        if not number:
            caller.mouth.send_dtmf("5")
            await eventually(lambda session=session: not session.collects)


async def many_hear(desk: InHouse) -> None:
    """A conference, with a supervisor, keys and speech listened for, and a fork that nobody takes."""
    caller, agent = await desk.pair()
    third, boss = await desk.caller(), await desk.caller()
    members = [one.id for one in (caller, agent, third)]
    forked = pb.Fork(endpoint_id=caller.id, url=f"ws://127.0.0.1:{free_ports(1)[0]}/")
    await desk.execute(
        pb.Command(conference=pb.Conference(endpoint_ids=members)),
        pb.Command(
            supervise=pb.Supervise(supervisor_endpoint_id=boss.id, agent_endpoint_id=agent.id, mode="whisper")
        ),
        pb.Command(listen=pb.Listen(endpoint_id=agent.id, inband_dtmf=True, voice=True, machine=True)),
        pb.Command(fork=forked),
    )
    await talks(caller, agent, third, boss)


async def under_keys(desk: InHouse) -> None:
    """A leg is offered as three kinds; a phone with keys in its description takes it."""
    caller, leg, phone = await desk.caller(), uuid7(), await SdesPhone.open()

    def offered(kind: EndpointKind, alternative: str = "") -> pb.Command:
        return pb.Command(make_offer=pb.MakeOffer(endpoint_id=leg, kind=kind, alternative=alternative))

    _, _, keyed = await desk.execute(
        offered(ENDPOINT_KIND_RTP),
        offered(ENDPOINT_KIND_WEBRTC, "web"),
        offered(ENDPOINT_KIND_SRTP_SDES, "keys"),
    )
    answer = pb.AcceptAnswer(endpoint_id=leg, sdp=phone.answer(keyed.sdp), alternative="keys")
    await desk.execute(pb.Command(accept_answer=answer), connect(caller.id, leg))
    caller.mouth.play_tone(440.0, -15.0)
    phone.socket.mouth.play_tone(1000.0, -15.0)
    await eventually(lambda: phone.socket.received > 5 and caller.ears.received > 5)
    phone.socket.close()


async def a_browser(desk: InHouse) -> None:
    caller, leg, phone = await desk.caller(), uuid7(), await WebPhone.start()
    (result,) = await desk.execute(
        pb.Command(accept_offer=pb.AcceptOffer(endpoint_id=leg, sdp=phone.offer()))
    )
    phone.answered(result.sdp)
    await desk.execute(connect(caller.id, leg))
    await eventually(lambda: phone.connected)
    caller.mouth.play_tone(440.0, -15.0)
    phone.mouth.play_tone(1000.0, -15.0)
    await eventually(lambda: phone.received > 5 and caller.ears.received > 5)
    await desk.execute(pb.Command(end_session=pb.EndSession()))
    phone.close()


def alive() -> Counter[str]:
    kinds = (type(one) for one in gc.get_objects())
    return Counter(kind.__qualname__ for kind in kinds if str(kind.__module__).startswith("seatbus_media."))


@pytest.mark.parametrize("call", [recorded, in_parts, collected, many_hear, under_keys, a_browser])
async def test_an_ended_call_leaves_nothing_to_the_garbage_collector(
    service: MediaService, call: Callable[[InHouse], Awaitable[None]]
) -> None:
    async def once() -> None:
        desk = InHouse(service)
        await call(desk)
        await desk.close()

    await once()  # opens what all calls share
    gc.collect()
    gc.disable()
    try:
        before = alive()
        for _ in range(ROUNDS):
            await once()
        assert not service.sessions
        try:
            await eventually(lambda: not alive() - before, every=0.1)
        except TimeoutError:
            pytest.fail(f"left by {ROUNDS} calls: {alive() - before}")
    finally:
        gc.enable()
