"""Calls of a media instance that does not come back go on at another one.

Every leg gets an offer of the new instance by re-INVITE (before its answer by UPDATE, where that is allowed),
its answer goes there, then the machine says what is to be heard. A phone that rings is left ringing: once it
has answered what it was offered, it is offered the new audio. All of it is one job in the call's line of
media commands: whatever is asked in between goes to the new instance, afterwards. The lost one is fenced: it
sends nothing for a call before the edge confirms it, and a call that moves is not confirmed.
"""

from __future__ import annotations

import asyncio
from enum import Enum
from typing import TYPE_CHECKING, Final

from seatbus.media.v1 import service_pb2 as media
from seatbus.media.v1 import types_pb2 as media_types
from seatbus_kit import metrics
from seatbus_kit.errors import SeatbusError, Unavailable
from seatbus_kit.log import get_logger
from seatbus_sip.tables import DialogState
from seatbus_sip_edge.application.media_kind import with_kind
from seatbus_sip_edge.application.media_links import forget
from seatbus_sip_edge.domain import inputs as on
from seatbus_sip_edge.domain.model import LegPhase, Phase, Role
from seatbus_sip_edge.domain.moving import MOVABLE

if TYPE_CHECKING:
    from collections.abc import Callable

    from seatbus_sip_edge.application.edge import Edge
    from seatbus_sip_edge.application.legs.leg import SipLeg
    from seatbus_sip_edge.application.session import Session
    from seatbus_sip_edge.domain.model import Leg

log = get_logger("sip_edge.media")

_EXECUTE_S: Final = 3.0
_ANSWER_S: Final = 6.0
_LOOK_S: Final = 0.02
# A lost instance may have had thousands of legs: phones, trunks and this process are not flooded.
_REINVITES_PER_S: Final = 50.0

_MOVED = metrics.counter("seatbus_calls_audio_moved_total", "calls moved to another media", ["outcome"])


def kind_of(sdp: str) -> media_types.EndpointKind:
    """How the audio of a leg was described from our side."""
    if "a=fingerprint:" in sdp:
        return media_types.ENDPOINT_KIND_WEBRTC
    if " RTP/SAVP " in sdp:
        return media_types.ENDPOINT_KIND_SRTP_SDES
    if "a=crypto:" in sdp:
        return media_types.ENDPOINT_KIND_SRTP_OPPORTUNISTIC
    return media_types.ENDPOINT_KIND_RTP


class Way(Enum):
    """How a leg gets other audio."""

    NONE = "it has none yet"
    OFFER = "an offer inside its dialog"
    LATER = "an offer once it has answered"
    ANSWER = "another answer to its own offer, which it has not got yet"
    BLOCKED = "nobody may offer it anything now"


def way_of(sip: SipLeg | None) -> Way:
    if sip is None:
        return Way.NONE
    dialog = sip.dialog
    if dialog is None:
        return Way.LATER if sip.local_sdp else Way.NONE
    if dialog.state is DialogState.CONFIRMED:
        return Way.OFFER if sip.local_sdp else Way.BLOCKED
    if sip.received is None or sip.late:
        return Way.BLOCKED
    if not sip.local_sdp:
        return Way.ANSWER
    return Way.OFFER if updates(sip) else Way.BLOCKED


def updates(sip: SipLeg) -> bool:
    """Whether an offer may go in an UPDATE before the INVITE is answered (RFC 3311 5.1)."""
    sender = sip.provisional
    settled = sender is not None and sender.described and not sender.unacknowledged
    return settled and "update" in sip.allows


async def _acked(sip: SipLeg) -> None:
    """RFC 3261 section 14.1: no INVITE of ours before the ACK of our 200."""
    while not sip.acked:  # noqa: ASYNC110 — it comes within a round trip, or never
        await asyncio.sleep(_LOOK_S)


class MediaMove:
    def __init__(self, edge: Edge) -> None:
        self._edge = edge
        self._moving: set[str] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._next_at = 0.0

    def under_way(self, call_id: str) -> bool:
        return call_id in self._moving

    def start(self, session: Session, reason: str) -> bool:
        """False when this call cannot be moved, as it is or because no other instance is there."""
        call = session.call
        if call.call_id in self._moving:
            return True
        if not self._edge.media_watch.other(call) or self._obstacle(session):
            return False
        self._moving.add(call.call_id)
        lost = call.media_incarnation
        log.warning(
            "a call's audio moves to another media instance",
            tenant=call.tenant_id,
            call=call.call_id,
            media=call.media_instance,
            reason=reason,
        )
        session.commands.media.lane.push(lambda: self._run(session, lost))
        return True

    def _obstacle(self, session: Session) -> str:
        """Why this call cannot be moved as it is; nothing where it can."""
        call = session.call
        if call.phase not in MOVABLE or not call.has_audio:
            return f"not in phase {call.phase.value}"
        if any(leg.live and leg.retaking for leg in call.legs.values()):
            return "a phone that was lost is just asked to go on"
        for leg in call.legs.values():
            if leg.met_by:
                # Its peer stays where it is.
                continue
            way = way_of(session.sip.legs.get(leg.leg_id)) if leg.live else Way.NONE
            if way is Way.BLOCKED or (leg.live and way is Way.NONE and leg.phase is LegPhase.TALKING):
                return f"leg {leg.leg_id}: {way.value}"
        return ""

    async def _run(self, session: Session, lost: str) -> None:
        call = session.call
        try:
            if call.phase in (Phase.ENDING, Phase.ENDED) or call.media_incarnation != lost:
                return
            await self._move(session)
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

    async def _move(self, session: Session) -> None:
        call, commands = session.call, session.commands.media
        obstacle = self._obstacle(session)
        if obstacle:
            raise Unavailable(obstacle)
        chosen = self._edge.media_watch.other(call)
        found = self._edge.neighbours.instances.get(chosen)
        if not chosen or found is None:
            raise Unavailable("no other media instance is there")
        live = [leg for leg in call.legs.values() if leg.live]
        ways = {leg.leg_id: way_of(session.sip.legs.get(leg.leg_id)) for leg in live if not leg.met_by}
        legs = [leg_id for leg_id, way in ways.items() if way is not Way.NONE]
        asked = [self.asked(session, leg_id, ways[leg_id]) for leg_id in legs]
        linked = [leg for leg in live if leg.met_by]
        for leg in linked:
            asked.append(await self._link(session, leg, chosen))
        results = (await commands.execute_at(chosen, asked, _EXECUTE_S)).results
        for leg, result in zip(linked, results[len(legs) :], strict=True):
            if leg.met_by == chosen:
                zone = leg.media_zone
                forget(leg)
                leg.media_zone = zone
            else:
                await commands.links.linked(leg, result.sdp)
        # From here on what is left of the call is over there, its end too.
        call.media_instance = chosen
        call.media_incarnation = self._edge.media_watch.incarnation(chosen) or found.incarnation
        made = {leg_id: result.sdp for leg_id, result in zip(legs, results, strict=False)}
        offered = []
        for leg_id, sdp in made.items():
            sip = session.sip.legs[leg_id]
            if ways[leg_id] is Way.ANSWER:
                call.local_sdp = sdp
            elif call.legs[leg_id].lost:
                # It is offered this once it is back.
                sip.local_sdp = sdp
            elif sip.dialog is None:
                sip.moved_offer = sdp
            else:
                offered.append(leg_id)
        answers = await asyncio.gather(*(self.offer(session, leg_id, made[leg_id]) for leg_id in offered))
        if call.phase in (Phase.ENDING, Phase.ENDED):
            return
        agreed = [
            media.Command(accept_answer=media.AcceptAnswer(endpoint_id=leg_id, sdp=answer))
            for leg_id, answer in zip(offered, answers, strict=True)
            if answer
        ]
        if agreed:
            await commands.execute_at(chosen, agreed, _EXECUTE_S)
        _MOVED.inc(outcome="moved")
        session.feed(on.MediaMoved())
        session.checkpoint()

    async def _link(self, session: Session, leg: Leg, chosen: str) -> media.Command:
        """A leg that has an instance of its own gets another link; none where the two are one now."""
        if leg.met_by == chosen:
            return media.Command(remove_endpoint=media.RemoveEndpoint(endpoint_id=leg.link_id))
        return await session.commands.media.links.offer_link(leg)

    def asked(self, session: Session, leg_id: str, way: Way) -> media.Command:
        """What another instance is asked for this leg."""
        sip = session.sip.legs[leg_id]
        zone = session.call.legs[leg_id].media_zone or ""
        if way is Way.ANSWER and sip.request is not None:
            sdp = sip.request.body.decode("utf-8", "replace")
            accept = media.Command(accept_offer=media.AcceptOffer(endpoint_id=leg_id, sdp=sdp, zone=zone))
            return with_kind(self._edge, session.call, session.call.legs[leg_id], accept)
        last = sip.moved_offer or sip.local_sdp
        return media.Command(
            make_offer=media.MakeOffer(endpoint_id=leg_id, zone=zone, kind=kind_of(last), continues=last)
        )

    async def offer(self, session: Session, leg_id: str, sdp: str) -> str:
        """The answer; nothing of a leg that the call can do without and that is let go."""
        call, sip = session.call, session.sip.legs[leg_id]
        leg = call.legs[leg_id]
        try:
            answer = await self._reoffer(session, leg_id, sdp)
        except (SeatbusError, TimeoutError) as error:
            if leg.role != Role.LEG_ROLE_SUPERVISOR or not leg.live:
                raise
            log.warning("a supervisor's leg does not move", call=call.call_id, leg=leg_id, reason=str(error))
            session.sip.within.hang_up(leg_id)
            session.feed(on.AgentHungUp(leg_id))
            return ""
        sip.local_sdp = sdp
        if leg_id == call.caller_leg_id:
            call.local_sdp = sdp
        if leg.answer_sdp:
            # Media is still to be told of the first one, in commands that may be made already.
            session.commands.media.answered_anew[leg_id] = (leg.answer_sdp, answer)
        return answer

    async def _reoffer(self, session: Session, leg_id: str, sdp: str) -> str:
        """The peer's answer to other audio. Raises Unavailable when it does not take it."""
        loop, sip = self._edge.loop, session.sip.legs[leg_id]
        now = loop.time()
        self._next_at = max(now, self._next_at) + 1 / _REINVITES_PER_S
        await asyncio.sleep(self._next_at - now - 1 / _REINVITES_PER_S)
        answered: asyncio.Future[tuple[int, str]] = loop.create_future()

        def done(status: int, answer: str) -> None:
            if not answered.done():
                answered.set_result((status, answer))

        async with asyncio.timeout(_ANSWER_S):
            early = sip.dialog is not None and sip.dialog.state is not DialogState.CONFIRMED
            if not early:
                await _acked(sip)
            session.sip.within.reoffer(leg_id, sdp, done, method="UPDATE" if early else "INVITE")
            status, answer = await answered
        if status >= 300 or not answer:
            raise Unavailable(f"leg {leg_id} refuses other audio with {status}")
        return answer

    def restart_ice(self, session: Session, leg: Leg) -> None:
        """A browser that is in a talk is offered other ICE credentials at the instance that it has."""
        sip = session.sip.legs.get(leg.leg_id)
        if sip is None or "a=fingerprint:" not in sip.local_sdp or way_of(sip) is not Way.OFFER or leg.lost:
            return
        session.commands.media.lane.push(lambda: self._restart_ice(session, leg))

    async def _restart_ice(self, session: Session, leg: Leg) -> None:
        call, links = session.call, session.commands.media.links
        if not leg.live or call.phase in (Phase.ENDING, Phase.ENDED):
            return
        offer = media.MakeOffer(
            endpoint_id=leg.leg_id, kind=media_types.ENDPOINT_KIND_WEBRTC, ice_restart=True
        )
        try:
            made = await links.execute([media.Command(make_offer=offer)], _EXECUTE_S, "")
            answer = await self.offer(session, leg.leg_id, made.results[0].sdp)
            if answer:
                accept = media.AcceptAnswer(endpoint_id=leg.leg_id, sdp=answer)
                await links.execute([media.Command(accept_answer=accept)], _EXECUTE_S, "")
        except (SeatbusError, TimeoutError) as error:
            # What media hears of it from now on decides: it tells when the leg is lost.
            log.warning(
                "a browser does not restart its way",
                tenant=call.tenant_id,
                call=call.call_id,
                leg=leg.leg_id,
                reason=str(error) or "no answer",
            )
            return
        log.info("a browser has another way to media", call=call.call_id, leg=leg.leg_id)
        session.checkpoint()

    def ring_answered(self, session: Session, sip: SipLeg, said: Callable[[str], on.Input]) -> None:
        """A phone that rang while its call moved has answered the old offer: it gets the new one, and `said`
        makes what the machine is told of its answer.
        """
        offer, sip.moved_offer = sip.moved_offer, ""

        async def agree() -> None:
            try:
                answer = await self._reoffer(session, sip.leg_id, offer)
            except (SeatbusError, TimeoutError) as error:
                log.warning(
                    "a phone that rang does not take the audio of another media instance",
                    call=session.call.call_id,
                    leg=sip.leg_id,
                    reason=str(error) or "no answer",
                )
                session.sip.within.hang_up(sip.leg_id)
                session.feed(on.AgentFailed(sip.leg_id, 503))
                return
            sip.local_sdp = offer
            session.feed(said(answer))

        task = asyncio.create_task(agree())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
