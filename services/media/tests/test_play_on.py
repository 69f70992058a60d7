"""What was played before a restart goes on, unless the owner was faster than the prompt."""

from __future__ import annotations

import asyncio

import numpy as np
import pytest

from seatbus.ivr.v1.types_pb2 import Audio
from seatbus.media.v1 import service_pb2 as pb
from seatbus.media.v1.types_pb2 import Playlist
from seatbus_media.application.ports import Pcm

from .in_house import InHouse, Nobody, connect, serving

PROMPT = Playlist(items=[Audio(prompt_id="welcome")])


class SlowStore(Nobody):
    """Has the prompt when it is let go."""

    def __init__(self) -> None:
        self.asked, self.go = asyncio.Event(), asyncio.Event()

    async def load(self, tenant: str, prompt_id: str) -> Pcm:
        self.asked.set()
        await self.go.wait()
        return np.zeros(80_000, np.int16)


def _said(caller: str, agent: str) -> dict[str, pb.Command | None]:
    ringing = pb.Play(endpoint_id=caller, play_id="later", playlist=Playlist(items=[Audio(tone="ringback")]))
    return {
        "nothing": None,
        "another leg is asked for": pb.Command(mute=pb.Mute(endpoint_id=agent, on=True)),
        "connected": connect(caller, agent),
        "stopped": pb.Command(stop_play=pb.StopPlay(endpoint_id=caller)),
        "something else is played": pb.Command(play=ringing),
        "conference": pb.Command(conference=pb.Conference(endpoint_ids=[caller, agent])),
        "gone": pb.Command(remove_endpoint=pb.RemoveEndpoint(endpoint_id=caller)),
    }


@pytest.mark.parametrize("said", _said("", ""))
async def test_what_a_predecessor_played_gives_way_to_what_is_said_meanwhile(said: str) -> None:
    store = SlowStore()
    async with serving(store) as service:
        desk = InHouse(service)
        try:
            caller = await desk.caller()
            agent = await desk.agent(caller)
            session = service.sessions[desk.call_id]
            leg = session.endpoints[caller.id]
            play = pb.Play(endpoint_id=caller.id, play_id="kept", playlist=PROMPT)
            origin = pb.Command(play=play).SerializeToString()
            going_on = asyncio.create_task(service._commands.play_on(session, leg, origin, 3000))
            await store.asked.wait()
            command = _said(caller.id, agent.id)[said]
            if command is not None:
                await desk.execute(command)
            before = leg.player
            store.go.set()
            await going_on
            if said in ("nothing", "another leg is asked for"):
                assert leg.player is not None
                assert leg.player.cursor.position_ms >= 3000
            else:
                assert leg.player is before
        finally:
            store.go.set()
            await desk.close()
