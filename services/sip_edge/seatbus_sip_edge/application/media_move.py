"""Calls of a media instance that does not come back go on at another one.

Every leg gets an offer of the new instance by re-INVITE (before its answer by UPDATE, where that is allowed),
its answer goes there, then the machine says what is to be heard. A phone that rings is left ringing: once it
has answered what it was offered, it is offered the new audio; so is a caller who has an answer of ours in a
183, after the 200. Legs that are met by an instance of their own get another link, and another instance where
theirs is lost too. All of it is one job in the call's line of media commands: whatever is asked in between
goes to the new instance, afterwards. An instance that is lost meanwhile is left in the same way. The lost one
is fenced: it sends nothing for a call before the edge confirms it, and a call that moves is not confirmed.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from seatbus.media.v1 import service_pb2 as media
from seatbus_kit import metrics
from seatbus_kit.errors import SeatbusError, Unavailable
from seatbus_kit.log import get_logger
from seatbus_sip_edge.adapters.neighbours import AWAY
from seatbus_sip_edge.application.legs.bodies import sdp_of
from seatbus_sip_edge.application.media_kind import with_kind
from seatbus_sip_edge.application.media_links import forget, placed_as
from seatbus_sip_edge.application.media_offers import MediaOffers, PeerRefuses
from seatbus_sip_edge.application.media_ways import Way, kind_of, way_of
from seatbus_sip_edge.domain import inputs as on
from seatbus_sip_edge.domain.model import LegPhase, Phase, Role
from seatbus_sip_edge.domain.moving import MOVABLE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from seatbus_sip_edge.application.edge import Edge
    from seatbus_sip_edge.application.session import Session
    from seatbus_sip_edge.domain.model import Leg

log = get_logger("sip_edge.media")

_EXECUTE_S: Final = 3.0
# As long as a lost instance is waited for.
GIVE_UP_S: Final = 20.0
AGAIN_S: Final = 0.1
_TIDY_S: Final = 0.5

_MOVED = metrics.counter("seatbus_calls_audio_moved_total", "calls moved to another media", ["outcome"])


def over(session: Session) -> bool:
    return session.call.phase in (Phase.ENDING, Phase.ENDED)


@dataclass(slots=True)
class _Part:
    """A leg whose peer is to be met elsewhere. `lost_at`: where it was, if an instance of its own met it."""

    leg: Leg
    way: Way
    sdp: str = ""
    lost_at: Leg | None = None


class MediaMove:
    def __init__(self, edge: Edge) -> None:
        self._edge = edge
        self._moving: set[str] = set()
        self.offers = MediaOffers(edge)

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
            if leg.met_by and not self._edge.media_watch.lost(leg):
                # Its peer stays where it is.
                continue
            way = way_of(session.sip.legs.get(leg.leg_id)) if leg.live else Way.NONE
            if way is Way.BLOCKED or (leg.live and way is Way.NONE and leg.phase is LegPhase.TALKING):
                return f"leg {leg.leg_id}: {way.value}"
        return ""

    async def _run(self, session: Session, lost: str) -> None:
        call = session.call
        give_up_at = self._edge.monotonic() + GIVE_UP_S
        try:
            moved = over(session) or call.media_incarnation != lost
            while not moved and not over(session):
                try:
                    await self._move(session, lost)
                    moved = True
                except AWAY as error:
                    if isinstance(error, PeerRefuses) or self._edge.monotonic() > give_up_at:
                        raise
                    log.warning("a call's audio moves on", call=call.call_id, reason=str(error))
                    await asyncio.sleep(AGAIN_S)
        except Exception as error:
            if over(session):
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
        """One attempt. Raises one of AWAY where another one may succeed: everything is as it was then, but
        for peers that have agreed on their audio.
        """
        call, watch = session.call, self._edge.media_watch
        obstacle = self._obstacle(session)
        if obstacle:
            raise Unavailable(obstacle)
        # The attempt before may have come as far as there.
        begun_there = call.media_incarnation != lost and watch.hears(
            call.media_instance, call.media_incarnation
        )
        chosen = call.media_instance if begun_there else watch.other(call)
        if not chosen:
            raise Unavailable("no other media instance is there")
        parts: list[_Part] = []
        try:
            await self._move_to(session, chosen, parts)
        except Exception:
            begun = {chosen} - {call.media_instance}
            for part in parts:
                if part.lost_at is not None:
                    begun.add(part.leg.met_by)
                    placed_as(part.leg, part.lost_at)
            await self.tidy(session, begun)
            raise

    async def _move_to(self, session: Session, chosen: str, parts: list[_Part]) -> None:
        call, commands, watch = session.call, session.commands.media, self._edge.media_watch
        live = [leg for leg in call.legs.values() if leg.live]
        asked: list[media.Command] = []
        here: list[tuple[_Part, int]] = []
        links: list[tuple[Leg, int]] = []
        for leg in live:
            if leg.met_by and not watch.lost(leg):
                asked.append(await self._link(session, leg, chosen))
                links.append((leg, len(asked)))
                continue
            part = _Part(leg, way_of(session.sip.legs.get(leg.leg_id)))
            if part.way is Way.NONE:
                continue
            if leg.met_by:
                part.lost_at = replace(leg)
            parts.append(part)
            if leg.met_by and not watch.meets(chosen, leg):
                taken = await self._meet_elsewhere(session, part)
                if taken is not None:
                    asked.append(taken)
                    links.append((leg, len(asked)))
                continue
            zone = leg.media_zone
            forget(leg)
            leg.media_zone = zone
            asked += self.asked(session, leg.leg_id, part.way)
            here.append((part, len(asked)))
        results = (await commands.execute_at(chosen, asked, _EXECUTE_S)).results
        for part, end in here:
            part.sdp = results[end - 1].sdp
        for leg, end in links:
            if leg.met_by == chosen:
                zone = leg.media_zone
                forget(leg)
                leg.media_zone = zone
            else:
                await commands.links.linked(leg, results[end - 1].sdp)
        # From here on what is left of the call is over there, its end too.
        call.media_instance = chosen
        commands.spare.forget()
        found = self._edge.neighbours.instances.get(chosen)
        call.media_incarnation = watch.incarnation(chosen) or (found.incarnation if found is not None else "")
        await self._agree(session, parts)
        if over(session):
            return
        _MOVED.inc(outcome="moved")
        session.feed(on.MediaMoved())
        session.checkpoint()

    async def _agree(self, session: Session, parts: Sequence[_Part]) -> None:
        """The peers are offered what their legs were described with, as each may be."""
        offered = [
            part for part in parts if part.sdp and self.described(session, part.leg, part.way, part.sdp)
        ]
        answers = await asyncio.gather(
            *(self.offers.offer(session, part.leg.leg_id, part.sdp) for part in offered)
        )
        agreed = [
            media.Command(accept_answer=media.AcceptAnswer(endpoint_id=part.leg.leg_id, sdp=answer))
            for part, answer in zip(offered, answers, strict=True)
            if answer
        ]
        if agreed and not over(session):
            await session.commands.media.links.execute(agreed, _EXECUTE_S, "")

    def described(self, session: Session, leg: Leg, way: Way, sdp: str) -> bool:
        """Another instance meets the leg. Returns whether its peer is to be offered `sdp` now."""
        sip = session.sip.legs[leg.leg_id]
        if way is Way.ANSWER:
            session.call.local_sdp = sdp
        elif way is Way.AFTER:
            sip.behind = True
        elif leg.lost:
            # It is offered this once it is back.
            sip.local_sdp = sdp
        elif sip.dialog is None:
            sip.moved_offer, sip.updated = sdp, None
        else:
            return True
        return False

    async def _link(self, session: Session, leg: Leg, chosen: str) -> media.Command:
        """A leg that has an instance of its own gets another link; none where the two are one now."""
        if leg.met_by == chosen:
            return media.Command(remove_endpoint=media.RemoveEndpoint(endpoint_id=leg.link_id))
        return await session.commands.media.links.offer_link(leg)

    async def _meet_elsewhere(self, session: Session, part: _Part) -> media.Command | None:
        """The leg's instance is lost too: another one meets its peer. What the call's is to be asked."""
        leg, links = part.leg, session.commands.media.links
        name, zone = self._edge.media_watch.other_for(leg), leg.media_zone or ""
        if not name and leg.role == Role.LEG_ROLE_SUPERVISOR:
            self.offers.let_go(session, leg, f"no other media instance is in zone {zone}")
            return None
        if not name:
            raise Unavailable(f"no other media instance is in zone {zone}")
        asked = self.asked(session, leg.leg_id, part.way)
        links.place(leg, name, zone)
        part.sdp, taken = await links.begin(leg, asked)
        return taken

    async def tidy(self, session: Session, begun: set[str]) -> None:
        """What an attempt has left at instances that have nothing of the call."""
        end = [media.Command(end_session=media.EndSession())]
        for name in begun:
            if name and not session.call.audio_at(name):
                try:
                    await session.commands.media.execute_at(name, end, _TIDY_S)
                except SeatbusError as error:
                    log.info("nothing of a call is to be ended there", media=name, reason=str(error))

    def asked(self, session: Session, leg_id: str, way: Way) -> list[media.Command]:
        """What another instance is asked for this leg."""
        sip = session.sip.legs[leg_id]
        zone = session.call.legs[leg_id].media_zone or ""
        last = sip.moved_offer or sip.local_sdp
        make = media.MakeOffer(endpoint_id=leg_id, zone=zone, kind=kind_of(last), continues=last)
        asked = [] if way is Way.ANSWER else [media.Command(make_offer=make)]
        if way in (Way.ANSWER, Way.AFTER) and sip.request is not None:
            accept = media.AcceptOffer(endpoint_id=leg_id, sdp=sdp_of(sip.request), zone=zone)
            command = media.Command(accept_offer=accept)
            asked.append(with_kind(self._edge, session.call, session.call.legs[leg_id], command))
        return asked
