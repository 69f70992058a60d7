"""Calls of a media instance that does not come back go on at another one.

Every leg gets an offer of the new instance by re-INVITE, its answer goes there, then the machine says what is
to be heard. All of it is one job in the call's line of media commands: whatever is asked in between goes to
the new instance, afterwards. The lost one is fenced: it sends nothing for a call before the edge confirms it,
and a call that moves is not confirmed.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from seatbus.media.v1 import service_pb2 as media
from seatbus.media.v1 import types_pb2 as media_types
from seatbus_kit import metrics
from seatbus_kit.errors import SeatbusError, Unavailable
from seatbus_kit.log import get_logger
from seatbus_sip.tables import DialogState
from seatbus_sip_edge.domain import inputs as on
from seatbus_sip_edge.domain.model import LegPhase, Phase, Role
from seatbus_sip_edge.domain.moving import MOVABLE

if TYPE_CHECKING:
    from seatbus_sip_edge.application.edge import Edge
    from seatbus_sip_edge.application.session import Session

log = get_logger("sip_edge.media")

_EXECUTE_S: Final = 3.0
_ANSWER_S: Final = 6.0
# A lost instance may have had thousands of legs: phones, trunks and this process are not flooded.
_REINVITES_PER_S: Final = 50.0

_MOVED = metrics.counter("seatbus_calls_audio_moved_total", "calls moved to another media", ["outcome"])


def kind_of(sdp: str) -> media_types.EndpointKind | None:
    """How the audio of a leg was agreed, from our side of it; None when it cannot be moved (a browser's)."""
    if "a=fingerprint:" in sdp or not sdp:
        return None
    if " RTP/SAVP " in sdp:
        return media_types.ENDPOINT_KIND_SRTP_SDES
    if "a=crypto:" in sdp:
        return media_types.ENDPOINT_KIND_SRTP_OPPORTUNISTIC
    return media_types.ENDPOINT_KIND_RTP


class MediaMove:
    def __init__(self, edge: Edge) -> None:
        self._edge = edge
        self._moving: set[str] = set()
        self._next_at = 0.0

    def under_way(self, call_id: str) -> bool:
        return call_id in self._moving

    def start(self, session: Session, reason: str) -> bool:
        """False when this call cannot be moved, as it is or because no other instance is there."""
        call = session.call
        if call.call_id in self._moving:
            return True
        if not self._movable(session) or not self._edge.media_watch.other(call.media_instance):
            return False
        self._moving.add(call.call_id)
        lost = call.media_instance
        log.warning(
            "a call's audio moves to another media instance",
            tenant=call.tenant_id,
            call=call.call_id,
            media=lost,
            reason=reason,
        )
        session.commands.media.lane.push(lambda: self._run(session, lost))
        return True

    def _movable(self, session: Session) -> bool:
        call = session.call
        if call.phase not in MOVABLE or not call.local_sdp or call.voicemail_id:
            return False
        for leg in call.legs.values():
            if not leg.live:
                continue
            sip = session.sip.legs.get(leg.leg_id)
            if (
                leg.phase is not LegPhase.TALKING
                or leg.role == Role.LEG_ROLE_SUPERVISOR
                or sip is None
                or sip.dialog is None
                or sip.dialog.state is not DialogState.CONFIRMED
                or not sip.acked
                or kind_of(sip.local_sdp) is None
            ):
                return False
        return True

    async def _run(self, session: Session, lost: str) -> None:
        call = session.call
        try:
            if call.phase in (Phase.ENDING, Phase.ENDED) or call.media_instance != lost:
                return
            await self._move(session, lost)
        except Exception as error:
            if call.phase in (Phase.ENDING, Phase.ENDED):
                return
            _MOVED.inc(outcome="failed")
            log.error(
                "call has lost its audio and cannot be moved, it is ended",
                tenant=call.tenant_id,
                call=call.call_id,
                reason=str(error) or "a leg does not answer",
            )
            # Whatever went wrong: nobody is left in a call without audio.
            session.feed(on.MediaLost(str(error) or "a leg does not answer"))
            if not isinstance(error, (SeatbusError, TimeoutError)):
                raise
        finally:
            self._moving.discard(call.call_id)

    async def _move(self, session: Session, lost: str) -> None:
        call, commands = session.call, session.commands.media
        if not self._movable(session):
            raise Unavailable("meanwhile somebody is being called whose audio was to be at the lost instance")
        chosen = self._edge.media_watch.other(lost)
        found = self._edge.neighbours.instances.get(chosen)
        if not chosen or found is None:
            raise Unavailable("no other media instance is there")
        legs = {leg_id: sip for leg_id, sip in session.sip.legs.items() if self._talks(session, leg_id)}
        asked = [
            media.Command(make_offer=media.MakeOffer(endpoint_id=leg_id, kind=kind_of(sip.local_sdp)))
            for leg_id, sip in legs.items()
        ]
        offers = (await commands.execute_at(chosen, asked, _EXECUTE_S)).results
        # From here on what is left of the call is over there, its end too.
        call.media_instance, call.media_incarnation = chosen, found.incarnation
        answers = await asyncio.gather(
            *(self._reoffer(session, leg_id, made.sdp) for leg_id, made in zip(legs, offers, strict=True))
        )
        if call.phase in (Phase.ENDING, Phase.ENDED):
            return
        for (leg_id, sip), made in zip(legs.items(), offers, strict=True):
            sip.local_sdp = made.sdp
            if leg_id == call.caller_leg_id:
                call.local_sdp = made.sdp
        agreed = [
            media.Command(accept_answer=media.AcceptAnswer(endpoint_id=leg_id, sdp=answer))
            for leg_id, answer in zip(legs, answers, strict=True)
        ]
        await commands.execute_at(chosen, agreed, _EXECUTE_S)
        _MOVED.inc(outcome="moved")
        session.feed(on.MediaMoved())

    @staticmethod
    def _talks(session: Session, leg_id: str) -> bool:
        leg = session.call.legs.get(leg_id)
        return leg is not None and leg.phase is LegPhase.TALKING

    async def _reoffer(self, session: Session, leg_id: str, sdp: str) -> str:
        """The peer's answer to other audio. Raises Unavailable when it does not take it."""
        loop = self._edge.loop
        now = loop.time()
        self._next_at = max(now, self._next_at) + 1 / _REINVITES_PER_S
        await asyncio.sleep(self._next_at - now)
        answered: asyncio.Future[tuple[int, str]] = loop.create_future()

        def done(status: int, answer: str) -> None:
            if not answered.done():
                answered.set_result((status, answer))

        session.sip.within.reoffer(leg_id, sdp, done)
        async with asyncio.timeout(_ANSWER_S):
            status, answer = await answered
        if status >= 300 or not answer:
            raise Unavailable(f"leg {leg_id} refuses other audio with {status}")
        return answer
