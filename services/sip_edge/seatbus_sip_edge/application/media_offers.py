"""Offers of other audio to peers that have some: after a move, and to browsers that have lost their way."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from seatbus.media.v1 import service_pb2 as media
from seatbus_kit.errors import SeatbusError, Unavailable
from seatbus_kit.log import get_logger
from seatbus_sip.tables import DialogState
from seatbus_sip_edge.adapters.neighbours import AWAY
from seatbus_sip_edge.application.media_ways import Way, kind_of, way_of
from seatbus_sip_edge.domain import inputs as on
from seatbus_sip_edge.domain.model import Cause, Phase, Role

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from seatbus_sip_edge.application.edge import Edge
    from seatbus_sip_edge.application.legs.leg import SipLeg
    from seatbus_sip_edge.application.session import Session
    from seatbus_sip_edge.domain.model import Leg

log = get_logger("sip_edge.media")

_EXECUTE_S: Final = 3.0
_ANSWER_S: Final = 6.0
_LOOK_S: Final = 0.02
# A browser has answered and found its way within a second or two, if there is one.
_SEEK_S: Final = 8.0
_LISTEN_S: Final = 0.25
# A lost instance may have had thousands of legs: phones, trunks and this process are not flooded.
_REINVITES_PER_S: Final = 50.0


class PeerRefuses(Unavailable):
    """The peer does not take other audio: asking it again is no use."""


async def _acked(sip: SipLeg) -> None:
    """RFC 3261 section 14.1: no INVITE of ours before the ACK of our 200."""
    while not sip.acked:  # noqa: ASYNC110 — it comes within a round trip, or never
        await asyncio.sleep(_LOOK_S)


class MediaOffers:
    def __init__(self, edge: Edge) -> None:
        self._edge = edge
        self._tasks: set[asyncio.Task[None]] = set()
        self._sought: set[str] = set()
        self._next_at = 0.0

    async def offer(self, session: Session, leg_id: str, sdp: str) -> str:
        """The answer; nothing of a leg that the call can do without and that is let go."""
        call, sip = session.call, session.sip.legs[leg_id]
        leg = call.legs[leg_id]
        try:
            answer = await self._ask(session, leg_id, sdp)
        except (SeatbusError, TimeoutError) as error:
            if leg.role != Role.LEG_ROLE_SUPERVISOR or not leg.live:
                raise
            self.let_go(session, leg, str(error) or "no answer")
            return ""
        sip.local_sdp, sip.moved_offer, sip.behind = sdp, "", False
        if leg_id == call.caller_leg_id:
            call.local_sdp = sdp
        if leg.answer_sdp:
            # Media is still to be told of the first one, in commands that may be made already.
            session.commands.media.answered_anew[leg_id] = (leg.answer_sdp, answer)
        return answer

    def let_go(self, session: Session, leg: Leg, reason: str) -> None:
        """A supervisor whose audio cannot be mended: the call does without."""
        log.warning(
            "a supervisor's leg does not move", call=session.call.call_id, leg=leg.leg_id, reason=reason
        )
        session.sip.within.hang_up(leg.leg_id)
        session.feed(on.AgentHungUp(leg.leg_id))

    async def _ask(self, session: Session, leg_id: str, sdp: str) -> str:
        """The peer's answer to other audio. Raises PeerRefuses, or TimeoutError."""
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
            raise PeerRefuses(f"leg {leg_id} refuses other audio with {status}")
        return answer

    # ---- where the leg is met already ------------------------------------------------------------------
    async def _offer_anew(self, session: Session, leg: Leg, *, ice_restart: bool = False) -> bool:
        """An offer of the instance that the leg has. Raises SeatbusError or TimeoutError."""
        links, sip = session.commands.media.links, session.sip.legs[leg.leg_id]
        offer = media.MakeOffer(endpoint_id=leg.leg_id, kind=kind_of(sip.local_sdp), ice_restart=ice_restart)
        made = await links.execute([media.Command(make_offer=offer)], _EXECUTE_S, "")
        answer = await self.offer(session, leg.leg_id, made.results[0].sdp)
        if answer:
            accept = media.AcceptAnswer(endpoint_id=leg.leg_id, sdp=answer)
            await links.execute([media.Command(accept_answer=accept)], _EXECUTE_S, "")
        session.checkpoint()
        return bool(answer)

    def restart_ice(self, session: Session, leg: Leg) -> None:
        """A browser that is in a talk is offered other ICE credentials at the instance that it has."""
        if self._restarts(session, leg):
            self._push_restart(session, leg)

    def _push_restart(self, session: Session, leg: Leg) -> asyncio.Future[bool]:
        """Whether it has answered."""
        restarted: asyncio.Future[bool] = self._edge.loop.create_future()

        async def restart() -> None:
            done = await self._restart_ice(session, leg)
            if not restarted.done():
                restarted.set_result(done)

        session.commands.media.lane.push(restart)
        return restarted

    @staticmethod
    def _restarts(session: Session, leg: Leg) -> bool:
        sip = session.sip.legs.get(leg.leg_id)
        browser = sip is not None and "a=fingerprint:" in sip.local_sdp
        return browser and way_of(sip) is Way.OFFER and leg.live and not leg.lost

    def leg_silent(self, session: Session, leg: Leg) -> None:
        """Nothing comes of it any more. A browser gives its session up 16 s after it has heard us last."""

        async def restart() -> None:
            if await self._edge.lost_devices.heard(session, leg.leg_id):
                self.restart_ice(session, leg)

        if self._restarts(session, leg):
            self._keep(restart())

    def leg_lost(self, session: Session, leg_id: str, reason: str) -> None:
        """The path to a browser is gone. If it can still be asked it is offered another one; where nothing is
        heard of it then, whoever talked with it is not left in silence.
        """
        call, leg = session.call, session.call.legs.get(leg_id)
        log.warning(
            "a browser's audio is lost", tenant=call.tenant_id, call=call.call_id, leg=leg_id, reason=reason
        )
        if leg is None or not self._restarts(session, leg) or not self._edge.lost_devices.holds(leg):
            self._give_up(session, leg_id, reason)
        elif leg_id not in self._sought:
            self._sought.add(leg_id)
            self._keep(self._seek(session, leg, reason))

    def _give_up(self, session: Session, leg_id: str, reason: str) -> None:
        call, leg = session.call, session.call.legs.get(leg_id)
        if self._edge.lost_devices.silent(session, leg_id) or call.phase in (Phase.ENDING, Phase.ENDED):
            return
        if leg_id in (call.caller_leg_id, call.agent_leg_id):
            session.feed(on.MediaLost(f"leg {leg_id}: {reason}"))
        elif leg is not None and leg.live and (leg_id == call.consult_leg_id or leg in call.supervisors):
            session.feed(on.HangUpAsked(leg_id, Cause.HANGUP_CAUSE_MEDIA_TIMEOUT))

    async def _seek(self, session: Session, leg: Leg, reason: str) -> None:
        found = False
        try:
            before = await self._edge.lost_devices.heard(session, leg.leg_id)
            async with asyncio.timeout(_SEEK_S):
                restarted = self._push_restart(session, leg)
                while await restarted and not found:
                    await asyncio.sleep(_LISTEN_S)
                    heard = await self._edge.lost_devices.heard(session, leg.leg_id)
                    found = leg.held or (heard is not None and heard > (before or 0))
        except TimeoutError:
            log.warning("a browser is not heard on another way either", call=session.call.call_id)
        finally:
            self._sought.discard(leg.leg_id)
        if not found and leg.live and not leg.lost:
            self._give_up(session, leg.leg_id, reason)

    async def _restart_ice(self, session: Session, leg: Leg) -> bool:
        call = session.call
        if not leg.live or call.phase in (Phase.ENDING, Phase.ENDED):
            return False
        try:
            await self._offer_anew(session, leg, ice_restart=True)
        except (SeatbusError, TimeoutError) as error:
            # What media hears of it from now on decides: it tells when the leg is lost.
            log.warning(
                "a browser does not restart its way",
                tenant=call.tenant_id,
                call=call.call_id,
                leg=leg.leg_id,
                reason=str(error) or "no answer",
            )
            return False
        log.info("a browser has another way to media", call=call.call_id, leg=leg.leg_id)
        return True

    def catch_up(self, session: Session, sip: SipLeg) -> None:
        """A caller whose audio moved after an answer in a 183 has the 200: now it may be offered the new."""
        sip.behind = False
        leg = session.call.legs[sip.leg_id]
        session.commands.media.lane.push(lambda: self._catch_up(session, leg))

    async def _catch_up(self, session: Session, leg: Leg) -> None:
        call = session.call
        if not leg.live or call.phase in (Phase.ENDING, Phase.ENDED):
            return
        try:
            await self._offer_anew(session, leg)
        except (SeatbusError, TimeoutError) as error:
            reason = str(error) or "no answer"
            away = isinstance(error, AWAY) and not isinstance(error, PeerRefuses)
            if away and self._edge.media_move.start(session, reason):
                return
            log.error(
                "a caller does not take its moved audio", call=call.call_id, leg=leg.leg_id, reason=reason
            )
            session.feed(on.MediaLost(f"leg {leg.leg_id}: {reason}"))

    # ---- phones that rang ------------------------------------------------------------------------------
    def ring_answered(self, session: Session, sip: SipLeg, said: Callable[[str], on.Input]) -> None:
        """A phone that rang while its call moved has answered the old offer: it gets the new one, and `said`
        makes what the machine is told of its answer.
        """
        moved, sip.moved_offer = sip.moved_offer, ""

        async def agree() -> None:
            try:
                offer = await self._of_its_kind(session, sip, moved)
                answer = await self._ask(session, sip.leg_id, offer)
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

        self._keep(agree())

    async def _of_its_kind(self, session: Session, sip: SipLeg, moved: str) -> str:
        """Phones of several kinds rang: the leg is described for the kind of the one that has answered."""
        leg = session.call.legs[sip.leg_id]
        kind = kind_of(sip.local_sdp)
        if not leg.answered_as or kind == kind_of(moved):
            return moved
        make = media.MakeOffer(
            endpoint_id=leg.leg_id,
            alternative=leg.answered_as,
            kind=kind,
            zone=leg.media_zone or "",
            continues=sip.local_sdp,
        )
        made = await session.commands.media.links.execute([media.Command(make_offer=make)], _EXECUTE_S, "")
        return str(made.results[0].sdp)

    def _keep(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
