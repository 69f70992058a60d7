"""A leg whose own media instance does not come back is met by another one; its call stays where it is."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING

from seatbus.media.v1 import service_pb2 as media
from seatbus_kit.errors import SeatbusError, Unavailable
from seatbus_kit.log import get_logger
from seatbus_sip_edge.adapters.neighbours import AWAY
from seatbus_sip_edge.application.media_links import placed_as
from seatbus_sip_edge.application.media_move import AGAIN_S, GIVE_UP_S, over
from seatbus_sip_edge.application.media_offers import PeerRefuses
from seatbus_sip_edge.application.media_ways import Way, way_of
from seatbus_sip_edge.domain import inputs as on
from seatbus_sip_edge.domain.model import Role

if TYPE_CHECKING:
    from seatbus_sip_edge.application.edge import Edge
    from seatbus_sip_edge.application.session import Session
    from seatbus_sip_edge.domain.model import Leg

log = get_logger("sip_edge.media")

_EXECUTE_S = 3.0


class LinkMove:
    def __init__(self, edge: Edge) -> None:
        self._edge = edge
        self._moving: set[tuple[str, str]] = set()

    def start(self, session: Session, leg: Leg, reason: str) -> bool:
        """False when no other instance is in the leg's network, or its peer can be offered nothing now."""
        call, key = session.call, (session.call.call_id, leg.leg_id)
        if key in self._moving:
            return True
        if not self._edge.media_watch.other_for(leg) or self._obstacle(session, leg):
            return False
        self._moving.add(key)
        log.warning(
            "a leg's audio moves to another media instance",
            tenant=call.tenant_id,
            call=call.call_id,
            leg=leg.leg_id,
            media=leg.met_by,
            reason=reason,
        )
        lost = leg.met_incarnation
        session.commands.media.lane.push(lambda: self._run(session, leg, lost))
        return True

    @staticmethod
    def _obstacle(session: Session, leg: Leg) -> str:
        way = way_of(session.sip.legs.get(leg.leg_id))
        if leg.retaking:
            return "it was lost and is just asked to go on"
        return f"leg {leg.leg_id}: {way.value}" if way in (Way.BLOCKED, Way.NONE) else ""

    async def _run(self, session: Session, leg: Leg, lost: str) -> None:
        move, give_up_at = self._edge.media_move, self._edge.monotonic() + GIVE_UP_S
        try:
            while leg.live and not over(session) and leg.met_incarnation == lost:
                before = replace(leg)
                try:
                    await self._move(session, leg)
                except AWAY as error:
                    begun = leg.met_by
                    placed_as(leg, before)
                    await move.tidy(session, {begun})
                    if move.under_way(session.call.call_id):
                        # The call's own instance is lost too: this leg moves along with the call.
                        return
                    if isinstance(error, PeerRefuses) or self._edge.monotonic() > give_up_at:
                        raise
                    await asyncio.sleep(AGAIN_S)
        except Exception as error:
            self.give_up(session, leg, str(error) or "it does not answer")
            if not isinstance(error, (SeatbusError, TimeoutError)):
                raise
        finally:
            self._moving.discard((session.call.call_id, leg.leg_id))

    def give_up(self, session: Session, leg: Leg, reason: str) -> None:
        """Nobody is left in a call without audio; a supervisor alone is let go."""
        call = session.call
        if not leg.live or over(session):
            return
        log.error(
            "a leg has lost its audio and cannot be moved",
            tenant=call.tenant_id,
            call=call.call_id,
            leg=leg.leg_id,
            reason=reason,
        )
        if leg.role == Role.LEG_ROLE_SUPERVISOR:
            session.sip.within.hang_up(leg.leg_id)
            session.feed(on.AgentHungUp(leg.leg_id))
        else:
            session.feed(on.MediaLost(f"leg {leg.leg_id}: {reason}"))

    async def _move(self, session: Session, leg: Leg) -> None:
        links, move = session.commands.media.links, self._edge.media_move
        chosen, obstacle = self._edge.media_watch.other_for(leg), self._obstacle(session, leg)
        if obstacle or not chosen:
            raise Unavailable(obstacle or f"no other media instance is in zone {leg.media_zone}")
        way = way_of(session.sip.legs.get(leg.leg_id))
        asked = move.asked(session, leg.leg_id, way)
        links.place(leg, chosen, leg.media_zone or "")
        sdp = await links.join(leg, asked)
        if move.described(session, leg, way, sdp):
            answer = await move.offers.offer(session, leg.leg_id, sdp)
            if answer:
                accept = media.AcceptAnswer(endpoint_id=leg.leg_id, sdp=answer)
                await links.execute([media.Command(accept_answer=accept)], _EXECUTE_S, "")
        session.checkpoint()
