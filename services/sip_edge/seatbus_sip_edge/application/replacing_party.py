"""INVITE with Replaces from a trunk (RFC 3891): a carrier's party takes the place of one that it carries.

As when somebody who called us is transferred at their end. The leg stays as it is, with its place in a queue,
its agent, its recording: it has another peer, who agrees on the audio before the first one is let go.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from seatbus_kit.log import get_logger
from seatbus_sip.errors import SipError
from seatbus_sip.flow import host_port
from seatbus_sip.headers import clean_text
from seatbus_sip.sdp import parse_sdp
from seatbus_sip.tables import DialogState, State
from seatbus_sip_edge.application.joining import give_back
from seatbus_sip_edge.application.legs.bodies import sdp_of
from seatbus_sip_edge.application.replacing import RefusedError, ServesReplaces
from seatbus_sip_edge.domain import inputs as on
from seatbus_sip_edge.domain.model import Direction, Phase
from seatbus_sip_edge.domain.routes import TrunkRef

if TYPE_CHECKING:
    from seatbus_sip.flow import Flow
    from seatbus_sip.message import Request
    from seatbus_sip.replaces import Replaces
    from seatbus_sip.transactions import ServerTransaction
    from seatbus_sip_edge.application.legs.leg import SipLeg
    from seatbus_sip_edge.application.session import Session
    from seatbus_sip_edge.domain.model import Leg

log = get_logger("sip_edge.replaces")

_MEDIA_S: Final = 5.0


class ReplacingParty(ServesReplaces):
    """Who may: the trunk that carries the leg, or another one of its tenant in the same branch."""

    def serve(self, tx: ServerTransaction, request: Request, flow: Flow, ref: TrunkRef) -> None:
        """Raises SipParseError."""

        async def served(wanted: Replaces) -> None:
            session, leg, old = self._found(ref, wanted)
            await self._take(tx, request, flow, ref, session, leg, old)

        self.begin(tx, request, served)

    def _found(self, ref: TrunkRef, wanted: Replaces) -> tuple[Session, Leg, SipLeg]:
        """Raises RefusedError."""
        found = self._edge.legs.get((wanted.call_id, wanted.to_tag))
        if found is None:
            raise RefusedError(481, "no such dialog is known")
        session, leg_id = found
        call, leg, sip = session.call, session.call.legs.get(leg_id), session.sip.legs.get(leg_id)
        if leg is None or sip is None or ref.tenant not in (call.tenant_id, call.trunk_tenant):
            raise RefusedError(481, "no such dialog is known")
        dialog = sip.dialog
        if dialog is None and sip.forks is not None:
            dialog = sip.forks.dialogs.get(wanted.from_tag)
        if dialog is None or dialog.remote_tag != wanted.from_tag:
            raise RefusedError(481, "no dialog is known by these tags")
        if dialog.state is DialogState.TERMINATED or not leg.live or session.over:
            raise RefusedError(603, "the dialog has ended")
        self._must_be_allowed(ref, self._carrier(session, leg, sip))
        if dialog.state is DialogState.EARLY and sip.dialog is not None:
            raise RefusedError(481, "who has called cannot be replaced before the answer")
        if wanted.early_only and dialog.state is DialogState.CONFIRMED:
            raise RefusedError(486, "it has been answered")
        if sip.dialog is None or call.phase is Phase.ENDING:
            raise RefusedError(603, "who is called is not picked up by another party")
        self._must_be_settled(session, sip)
        return session, leg, sip

    def _must_be_settled(self, session: Session, sip: SipLeg) -> None:
        if not sip.acked or self._edge.media_move.under_way(session.call.call_id):
            raise RefusedError(491, "the dialog is about to change")

    @staticmethod
    def _carrier(session: Session, leg: Leg, sip: SipLeg) -> TrunkRef | None:
        """The trunk that the leg's peer is behind; None for a phone."""
        call = session.call
        if sip.trunk is not None:
            return sip.trunk
        inbound = call.direction == Direction.DIRECTION_INBOUND and leg.leg_id == call.caller_leg_id
        return TrunkRef(call.trunk_tenant, call.trunk_id) if inbound and call.trunk_id else None

    def _must_be_allowed(self, ref: TrunkRef, carrier: TrunkRef | None) -> None:
        if carrier is None:
            raise RefusedError(403, "it is the dialog of a phone, not of a trunk")
        if ref == carrier:
            return
        one, other = self._edge.trunks.trunk(ref), self._edge.trunks.trunk(carrier)
        branch = one.branch_id if one is not None and other is not None else ""
        if ref.tenant != carrier.tenant or not branch or other is None or other.branch_id != branch:
            raise RefusedError(403, "another trunk, of another branch, carries the call")

    async def _take(
        self,
        tx: ServerTransaction,
        request: Request,
        flow: Flow,
        ref: TrunkRef,
        session: Session,
        leg: Leg,
        old: SipLeg,
    ) -> None:
        offer, dialog = sdp_of(request), old.dialog
        if not offer:
            raise RefusedError(488, "it brings no offer")
        answered: asyncio.Future[str] = self._edge.loop.create_future()

        def done(sdp: str) -> None:
            if not answered.done():
                answered.set_result(sdp)

        session.commands.media.reoffer(leg.leg_id, offer, done)
        try:
            async with asyncio.timeout(_MEDIA_S):
                sdp = await answered
        except TimeoutError:
            sdp = ""
        if not sdp:
            raise RefusedError(488, "media refuses the offer")
        now = session.sip.legs.get(leg.leg_id)
        if now is not old or dialog is None or dialog.state is not DialogState.CONFIRMED or not leg.live:
            raise RefusedError(603, "the call has changed meanwhile")
        try:
            self._put(tx, request, flow, ref, session, leg, old, sdp)
        except RefusedError:
            give_back(session, leg.leg_id)
            raise

    def _put(
        self,
        tx: ServerTransaction,
        request: Request,
        flow: Flow,
        ref: TrunkRef,
        session: Session,
        leg: Leg,
        old: SipLeg,
        sdp: str,
    ) -> None:
        """The new dialog is the leg's, in the journal before anybody hears of it."""
        side, dialog = session.sip, old.dialog
        if tx.state is not State.PROCEEDING:
            raise RefusedError(487, "it was given up")
        try:
            side.incoming.receive(leg.leg_id, tx, request, flow)
        except SipError as error:
            raise RefusedError(error.status, str(error)) from error
        made = side.legs[leg.leg_id]
        made.local_sdp, made.provisional = sdp, None
        made.trunk = ref if old.trunk is not None else None
        leg.incoming = leg.incoming or old.trunk is not None
        leg.sip_call_id = clean_text(request.call_id)
        leg.remote_address = f"{flow.transport.lower()}:{host_port(flow.remote)}"
        call = session.call
        if leg.leg_id == call.caller_leg_id:
            call.local_sdp = sdp
        log.info(
            "a party takes another one's place",
            tenant=call.tenant_id,
            call=call.call_id,
            leg=leg.leg_id,
            trunk=ref.trunk_id,
        )
        old.quiet()
        held = _on_hold(sdp_of(request))
        if leg.held != held:
            session.feed(on.HoldChanged(leg.leg_id, held))
        session.checkpoint()
        self._edge.journal.then(lambda: self._switch(session, leg.leg_id, old, sdp))
        if dialog is not None:
            self._edge.legs.pop((dialog.call_id, dialog.local_tag), None)

    @staticmethod
    def _switch(session: Session, leg_id: str, old: SipLeg, sdp: str) -> None:
        session.sip.incoming.answer(leg_id, sdp)
        session.sip.within.bye(old)


def _on_hold(sdp: str) -> bool:
    audio = parse_sdp(sdp).audio
    return audio is not None and audio.on_hold
