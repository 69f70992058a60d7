"""Several phones of one agent ring for one leg (RFC 3261 section 16.6): one INVITE, forked by us.

Phones of equal q ring at once, those of the next lower q when the ones before have failed or had their time.
The first answer wins, the others get CANCEL. A busy phone does not stop the others, 6xx stops them all.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from seatbus_sip.flow import host_port
from seatbus_sip.forking import ForkResult, Forks
from seatbus_sip.message import Request
from seatbus_sip.parsing import parse_message
from seatbus_sip.stateless import in_transaction
from seatbus_sip_edge.application.legs.leg import SipLeg, text_of
from seatbus_sip_edge.application.media_kind import name_of
from seatbus_sip_edge.domain import inputs as on

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from seatbus_sip.flow import Flow
    from seatbus_sip.message import Response
    from seatbus_sip.transactions import ClientTransaction
    from seatbus_sip_edge.application.phones import Phone
    from seatbus_sip_edge.application.sip_side import SipSide
    from seatbus_sip_edge.domain.model import Leg

_SHORTEST_S: Final = 3.0
_STAGE: Final = "next phones"
_BACK: Final = "phones that are back"
_PHONE_IS_BACK_S: Final = 0.1


@dataclass(slots=True)
class Branch:
    """One phone that is called. `kind`: which offer it got; `status`: how it refused, 0 while it has not."""

    invite: Request
    flow: Flow
    device_id: str
    binding: str
    address: str
    kind: str = ""
    tx: ClientTransaction | None = None
    status: int = 0

    def to_list(self) -> list[object]:
        host, port = self.flow.remote
        text = text_of(self.invite)
        way = [text, host, port, self.flow.transport]
        return [*way, self.device_id, self.binding, self.address, self.kind]


@dataclass(slots=True)
class Ring:
    """`later`: the phones of lower q. `over`: somebody has answered, or nobody will."""

    branches: list[Branch] = field(default_factory=list)
    later: list[list[Phone]] = field(default_factory=list)
    stage_s: float = 0.0
    over: bool = False

    @property
    def open(self) -> list[Branch]:
        return [branch for branch in self.branches if not branch.status]

    @property
    def status(self) -> int:
        """Of those that refused the one that says most: the user's word before the network's."""
        told = [branch.status for branch in self.branches if branch.status]
        return min(told, key=lambda status: (status < 600, status not in (486, 480), status), default=0)


class Ringing:
    def __init__(self, side: SipSide) -> None:
        self._side = side

    def prepare(
        self, leg_id: str, stages: Sequence[Sequence[Phone]], sdp: str, offers: Mapping[str, str]
    ) -> None:
        """Makes the INVITEs of the first phones, so that the journal has them first."""
        side = self._side
        known = side.session.call.legs[leg_id]
        stage_s = max(_SHORTEST_S, known.ring_timeout_s / len(stages))
        ring = Ring(later=[list(phones) for phones in stages[1:]], stage_s=stage_s)
        for phone in stages[0]:
            like = ring.branches[0].invite if ring.branches else None
            ring.branches.append(self._branch(leg_id, phone, offers, sdp, like))
        first = ring.branches[0]
        known.sip_call_id, known.binding = first.invite.call_id, first.binding
        known.remote_address = first.address
        side.legs[leg_id] = SipLeg(leg_id, first.flow, local_sdp=sdp, offers=dict(offers), ring=ring)
        side.index(leg_id, first.invite.call_id, first.invite.from_.tag or "")

    def _branch(
        self, leg_id: str, phone: Phone, offers: Mapping[str, str], sdp: str, like: Request | None
    ) -> Branch:
        """Each phone is offered the leg in the way that its audio travels."""
        kind = name_of(phone.kind)
        invite, flow = self._side.outgoing.invite_to(leg_id, phone, offers.get(kind, sdp), like)
        address = f"{phone.transport.lower()}:{host_port((phone.host, phone.port))}"
        return Branch(invite, flow, phone.device_id, phone.binding, address, kind)

    def dial(self, leg: SipLeg) -> None:
        """Sends what is not sent yet. In a successor: once more; to the phones it is a retransmission."""
        side, ring = self._side, leg.ring
        if ring is None:
            return
        if leg.forks is None:
            leg.forks = Forks(ring.branches[0].invite)
        for branch in ring.open:
            if branch.tx is None:
                branch.tx = side.stack.layer.send_prepared(branch.invite, branch.flow, side.stack.now)
        side.stack.pump()
        if ring.later:
            side.later(leg, _STAGE, ring.stage_s, lambda: self._next(leg))

    def _next(self, leg: SipLeg) -> None:
        """The phones of the next lower q; those before have had their time."""
        side, ring = self._side, leg.ring
        known = side.session.call.legs[leg.leg_id]
        if ring is None or ring.over or not known.live or not ring.later:
            return
        before, phones = ring.open, ring.later.pop(0)
        for branch in before:
            branch.status = 480
            self._cancel(branch, None)
        like = ring.branches[0].invite
        ring.branches += [
            self._branch(leg.leg_id, phone, leg.offers, leg.local_sdp, like) for phone in phones
        ]
        side.session.checkpoint()
        side.edge.journal.then(lambda: self.dial(leg))

    # ---- answers ----------------------------------------------------------------------------------------
    def on_response(self, leg: SipLeg, tx: ClientTransaction, response: Response) -> None:
        side, ring = self._side, leg.ring
        if ring is None or leg.forks is None:
            return
        branch = next((item for item in ring.branches if item.tx is tx), None)
        if response.status >= 300:
            if branch is not None:
                self._refused(leg, ring, branch, response.status)
            return
        outcome = leg.forks.receive(response, branch.invite if branch is not None else None)
        dialog = outcome.dialog
        if dialog is None:
            return
        match outcome.result:
            case ForkResult.EARLY:
                side.outgoing.early(leg, tx, dialog, response)
            case ForkResult.WON:
                dialog.contact = side.contact(tx.flow)
                self._won(leg, ring, branch, tx)
                side.outgoing.won(leg, tx, dialog, response)
            case ForkResult.REPEATED:
                side.acknowledge(tx, dialog.ack())
            case _:
                side.stack.layer.send_ack(tx, dialog.ack(), side.stack.now)
                side.stack.layer.send_request(dialog.request("BYE"), tx.flow, side.stack.now)

    def _won(self, leg: SipLeg, ring: Ring, branch: Branch | None, tx: ClientTransaction) -> None:
        known = self._side.session.call.legs[leg.leg_id]
        leg.flow = tx.flow
        if branch is not None:
            known.device_id, known.binding = branch.device_id, branch.binding
            known.remote_address = branch.address
            self._settle(leg, known, branch.kind)
        self._stop(leg, ring, 'SIP;cause=200;text="Call completed elsewhere"', but=branch)

    @staticmethod
    def _settle(leg: SipLeg, known: Leg, kind: str) -> None:
        """What this phone was offered is the leg's audio; media drops the rest when it has the answer."""
        if len(leg.offers) > 1:
            known.answered_as = kind
            leg.local_sdp = leg.offers.get(kind, leg.local_sdp)
        leg.offers = {}

    def _refused(self, leg: SipLeg, ring: Ring, branch: Branch, status: int) -> None:
        branch.status = branch.status or status
        if ring.over:
            return
        if status >= 600:
            self._stop(leg, ring, None)
        elif ring.open:
            return
        elif ring.later:
            self._next(leg)
            return
        ring.over = True
        self._side.session.feed(on.AgentFailed(leg.leg_id, ring.status))

    def on_no_response(self, leg: SipLeg, request: Request, status: int) -> None:
        """A phone that never answered (408), or could not be reached (503)."""
        ring = leg.ring
        for branch in ring.open if ring is not None else ():
            if ring is not None and branch.invite.via.branch == request.via.branch:
                self._refused(leg, ring, branch, status)

    # ---- the end ----------------------------------------------------------------------------------------
    def cancel(self, leg: SipLeg, reason: str | None) -> None:
        if leg.ring is not None:
            self._stop(leg, leg.ring, reason)

    def _stop(self, leg: SipLeg, ring: Ring, reason: str | None, but: Branch | None = None) -> None:
        ring.over, ring.later = True, []
        alarm = leg.alarms.pop(_STAGE, None)
        if alarm is not None:
            alarm.cancel()
        for branch in ring.open:
            if branch is not but:
                self._cancel(branch, reason)

    def _cancel(self, branch: Branch, reason: str | None) -> None:
        side = self._side
        if branch.tx is not None:
            side.stack.layer.cancel(branch.tx, side.stack.now, reason)
        else:
            # It was sent before a crash and is not taken up again: CANCEL needs its headers alone.
            cancel = in_transaction(branch.invite, "CANCEL")
            cancel.copy_from(branch.invite, "To")
            side.stack.layer.send_raw(cancel, branch.flow)
        side.stack.pump()

    # ---- the journal ------------------------------------------------------------------------------------
    def to_list(self, leg: SipLeg) -> list[object]:
        """The phones that ring; those of lower q are left out after a crash."""
        if leg.ring is None or leg.dialog is not None or leg.ring.over:
            return []
        return [branch.to_list() for branch in leg.ring.open]

    def restore(self, leg: SipLeg, stored: Sequence[Any]) -> None:
        """Raises SipError for what cannot be read."""
        branches = []
        for text, host, port, transport, device_id, binding, address, *kind in stored:
            invite = parse_message(text.encode("latin-1"))
            if isinstance(invite, Request):
                flow = self._side.stack.flow_to(host, port, transport)
                branches.append(Branch(invite, flow, device_id, binding, address, *kind))
        if branches:
            leg.ring = Ring(branches)
            first = branches[0].invite
            self._side.index(leg.leg_id, first.call_id, first.from_.tag or "")

    def ways_are_gone(self, leg: SipLeg) -> bool:
        """The connections went with the process that had them: the phones are called anew."""
        ring = leg.ring
        return ring is not None and not any(self._reaches(branch) for branch in ring.open)

    def await_lost(self, leg: SipLeg) -> None:
        """Phones whose connection went with the process that had it ring again once they are back."""
        if leg.ring is None:
            return
        alive = [branch for branch in leg.ring.branches if self._reaches(branch)]
        gone = {branch.device_id for branch in leg.ring.branches} - {branch.device_id for branch in alive}
        leg.ring.branches = alive
        if gone:
            self._join(leg, gone)

    def _reaches(self, branch: Branch) -> bool:
        """Through the edge that holds the phone's flow, if another one does."""
        proxy = self._side.edge.proxy
        token = proxy.token_of(branch.invite.values("Route"))
        way = proxy.way(token) if token is not None else None
        branch.flow = way or branch.flow
        return way is not None or (token is None and self._side.stack.alive(branch.flow))

    def _join(self, leg: SipLeg, devices: set[str]) -> None:
        side, ring = self._side, leg.ring
        known = side.session.call.legs.get(leg.leg_id)
        if ring is None or ring.over or not ring.open or known is None or not known.live:
            return
        stages = side.edge.registrar.rings(known.agent_tenant_id, known.agent_id)
        back = [
            phone
            for stage in stages
            for phone in stage
            if phone.device_id in devices and (not leg.offers or name_of(phone.kind) in leg.offers)
        ]
        like = ring.open[0].invite
        for phone in back:
            branch = self._branch(leg.leg_id, phone, leg.offers, leg.local_sdp, like)
            # To the phone it is another INVITE than the one that it may still have, and no loop.
            branch.invite.set("CSeq", f"{like.cseq.number + 1} INVITE")
            ring.branches.append(branch)
        if back:
            side.session.checkpoint()
            side.edge.journal.then(lambda: self.dial(leg))
        if left := devices - {phone.device_id for phone in back}:
            side.later(leg, _BACK, _PHONE_IS_BACK_S, lambda: self._join(leg, left))
