"""REFER from an agent's phone: the customer is transferred as by the API, and the phone is told."""

from __future__ import annotations

from typing import TYPE_CHECKING

from seatbus_kit.log import get_logger
from seatbus_sip.errors import SipError
from seatbus_sip.headers import clean_text, parse_name_addr
from seatbus_sip.refer import SIPFRAG, progress, refer_to
from seatbus_sip.tables import DialogState
from seatbus_sip_edge.application.joining import Joining
from seatbus_sip_edge.application.joining_edges import EdgeJoining, is_elsewhere
from seatbus_sip_edge.domain import inputs as on
from seatbus_sip_edge.domain.destinations import Destination
from seatbus_sip_edge.domain.model import Phase
from seatbus_sip_edge.domain.numbering import number_in

if TYPE_CHECKING:
    from seatbus_sip.message import Request
    from seatbus_sip.replaces import Replaces
    from seatbus_sip.transactions import ServerTransaction
    from seatbus_sip_edge.application.legs.leg import SipLeg
    from seatbus_sip_edge.application.sip_side import SipSide

log = get_logger("sip_edge.refer")

_LONGEST = 256
# In T1 (8 s): the outcome has been sent five times by then; who has heard none of them is not waited for.
_TOLD_T1 = 16


class Referring:
    """The agent's phone alone may refer: a carrier that could would call at our cost."""

    def __init__(self, side: SipSide) -> None:
        self._side = side

    def refer(self, leg: SipLeg, tx: ServerTransaction, request: Request) -> None:
        """Answers 202 and tells 100 and 200, or refuses with what a phone can show."""
        side = self._side
        cseq = request.cseq.number
        status, to = self._wanted(leg, request)
        joins = isinstance(to, Joining | EdgeJoining)
        if isinstance(to, Destination) and not side.session.feed(
            on.TransferAsked(to, self._referrer(request))
        ):
            status = 603
        if leg.dialog is None:
            return
        side.respond(tx, leg.dialog.response(request, status))
        if status != 202:
            return
        # Before the BYE that follows: the phone can show that it has let go of the customer.
        self._notify(leg, 100, cseq)
        if isinstance(to, EdgeJoining):
            to.begin()
        elif not joins:
            self._notify(leg, 200, cseq)

    def _attended(
        self, leg: SipLeg, replaces: Replaces, cseq: int
    ) -> tuple[int, Joining | EdgeJoining | None]:
        """The other call of the same phone: its other party goes over to the customer."""
        side = self._side
        found = side.edge.legs.get((replaces.call_id, replaces.to_tag))
        if found is None and is_elsewhere(side.session, replaces):
            agent = side.session.call.legs[leg.leg_id]
            return 202, EdgeJoining(
                side.session, agent, replaces, lambda status: self._notify(leg, status, cseq)
            )
        if found is None:
            return self._refused(481, "no such dialog is known")
        second, second_leg_id = found
        mine, theirs = side.session.call, second.call
        sip = second.sip.legs.get(second_leg_id)
        other = theirs.legs.get(second_leg_id)
        me = mine.legs[leg.leg_id]
        same = other is not None and (other.agent_tenant_id, other.agent_id) == (
            me.agent_tenant_id,
            me.agent_id,
        )
        if sip is None or sip.dialog is None or sip.dialog.remote_tag != replaces.from_tag or not same:
            return self._refused(481, "no dialog of this agent is known by these tags")
        if second is side.session or theirs.tenant_id != mine.tenant_id:
            return self._refused(603, "the two dialogs are no two calls of the tenant")
        joining = Joining(side.session, second, second_leg_id, lambda status: self._notify(leg, status, cseq))
        if not joining.begin():
            return self._refused(603, f"the second call is {theirs.phase.value}")
        return 202, joining

    def _wanted(
        self, leg: SipLeg, request: Request
    ) -> tuple[int, Destination | Joining | EdgeJoining | None]:
        side = self._side
        call = side.session.call
        of_call = call.legs.get(leg.leg_id)
        if of_call is None or not of_call.agent_id or leg.leg_id != call.agent_leg_id:
            return self._refused(403, "only the agent of the conversation may refer")
        if call.phase is not Phase.BRIDGED:
            return self._refused(603, f"the call is {call.phase.value}")
        try:
            wanted = refer_to(request)
            if "Referred-By" in request:
                parse_name_addr(request.require("Referred-By"), "Referred-By")
        except SipError as error:
            return self._refused(error.status, str(error))
        if wanted.replaces is not None:
            return self._attended(leg, wanted.replaces, request.cseq.number)
        user = number_in(wanted.uri)
        mine = of_call.agent_tenant_id or call.tenant_id
        to = side.edge.directory.dialled(call.tenant_id, user, side.edge.dialling.agent_at, mine)
        if to is None:
            return self._refused(404, f"nobody is {user[:64]!r}")
        if to.is_agent and (to.tenant_id, to.id) == (mine, of_call.agent_id):
            return self._refused(603, "the agent has the call already")
        return 202, to

    @staticmethod
    def _referrer(request: Request) -> str:
        """The Referred-By of a REFER, which has been read before."""
        return clean_text(request.get("Referred-By") or "")[:_LONGEST]

    def _refused(self, status: int, why: str) -> tuple[int, None]:
        call = self._side.session.call
        log.info("REFER refused", tenant=call.tenant_id, call=call.call_id, status=status, reason=why)
        return status, None

    def _notify(self, leg: SipLeg, status: int, cseq: int) -> None:
        dialog = leg.dialog
        if dialog is None or dialog.state is not DialogState.CONFIRMED:
            return
        headers, body = progress(status, cseq)
        if status < 200:
            self._side.send(leg, dialog.request("NOTIFY", body, SIPFRAG, headers))
            return
        side = self._side
        leg.telling = True
        side.later(leg, "refer", _TOLD_T1 * side.edge.settings.sip_t1_s, lambda: self._told(leg))
        told: dict[str, object] = {**headers, "Content-Type": SIPFRAG}
        side.asking.ask(leg, "NOTIFY", lambda _: self._told(leg), body=body, headers=told)

    def _told(self, leg: SipLeg) -> None:
        """The phone knows how its REFER went, or cannot be told."""
        alarm = leg.alarms.pop("refer", None)
        if alarm is not None:
            alarm.cancel()
        leg.telling = False
        self._side.within.bye_if_due(leg)
