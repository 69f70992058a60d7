"""The SIP half of a call: its dialogs and open INVITEs, and how the machine's wishes become messages."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from seatbus_kit.log import get_logger
from seatbus_sip.building import initial_request
from seatbus_sip.dialog import Dialog
from seatbus_sip.errors import SipError
from seatbus_sip.flow import Flow, host_port
from seatbus_sip.forking import ForkResult, Forks
from seatbus_sip.message import Request
from seatbus_sip.parsing import parse_message
from seatbus_sip.sdp import parse_sdp
from seatbus_sip.stateless import in_transaction
from seatbus_sip.tables import DialogState
from seatbus_sip.uri import sip_uri
from seatbus_sip_edge.domain import inputs as on
from seatbus_sip_edge.domain.model import Direction

if TYPE_CHECKING:
    from collections.abc import Mapping

    from seatbus_sip.message import Response
    from seatbus_sip.transactions import ClientTransaction, ServerTransaction
    from seatbus_sip_edge.application.session import Session

log = get_logger("sip_edge.legs")

ALLOW = "INVITE, ACK, CANCEL, BYE, OPTIONS, UPDATE, INFO"
# After a crash requests of the lost process may be on their way: their numbers are skipped.
_CSEQ_BLOCK = 100
# RFC 3261 section 19.1.1, RFC 7118 section 5.2.
_TRANSPORT_PARAMETER = {"TCP": "tcp", "TLS": "tls", "WS": "ws", "WSS": "ws"}


@dataclass(slots=True)
class _Leg:
    """`flow` is where requests of the dialog go unless a route set says otherwise."""

    flow: Flow
    dialog: Dialog | None = None
    # An INVITE that is not finally answered yet: received, or sent.
    received: ServerTransaction | None = None
    request: Request | None = None
    sent: ClientTransaction | None = None
    forks: Forks | None = None
    local_sdp: str = ""
    acked: bool = True
    bye_waits: bool = False
    # The INVITE as text, for a successor: the one sent until it is answered, the one received until the ACK.
    invite: str = ""


class SipSide:
    def __init__(self, session: Session) -> None:
        self._session = session
        self._edge = session.edge
        self._stack = session.edge.stack
        self._legs: dict[str, _Leg] = {}
        self._keys: list[tuple[str, str]] = []

    # ---- caller -----------------------------------------------------------------------------------------
    def receive_invite(self, leg_id: str, tx: ServerTransaction, request: Request, flow: Flow) -> None:
        """Makes the caller's early dialog. Raises SipError when the request cannot make one."""
        dialog = Dialog.uas(request, tx.local_tag, self._contact(flow))
        self._legs[leg_id] = _Leg(
            flow, dialog, received=tx, request=request, acked=False, invite=_text(request)
        )
        self._index(leg_id, tx.call_id, tx.local_tag)

    def answer(self, leg_id: str, sdp: str) -> None:
        leg = self._legs.get(leg_id)
        if leg is not None:
            leg.local_sdp = sdp
            self._respond_invite(leg, 200, sdp)

    def progress(self, leg_id: str, sdp: str) -> None:
        leg = self._legs.get(leg_id)
        if leg is not None:
            leg.local_sdp = sdp
            self._respond_invite(leg, 183, sdp)

    def refuse(self, leg_id: str, status: int) -> None:
        leg = self._legs.get(leg_id)
        if leg is not None:
            self._respond_invite(leg, status)

    def _respond_invite(self, leg: _Leg, status: int, sdp: str = "") -> None:
        tx, request, dialog = leg.received, leg.request, leg.dialog
        if tx is None or request is None or dialog is None:
            return
        if dialog.state is DialogState.TERMINATED:
            # A BYE has ended the early dialog; its INVITE still wants a final answer.
            if status < 300:
                return
            response = tx.response(status)
        else:
            response = dialog.response(request, status, body=sdp)
        if status < 300:
            response.set("Allow", ALLOW)
        elif status == 503:
            response.set("Retry-After", "5")
        if status >= 200:
            leg.received = leg.request = None
        if status >= 300:
            leg.invite = ""
        self._stack.layer.respond(tx, response, self._stack.now)
        self._stack.pump()

    def acknowledged(self, leg_id: str) -> None:
        leg = self._legs.get(leg_id)
        if leg is None or leg.acked:
            return
        leg.acked = True
        leg.invite = ""
        if leg.bye_waits:
            leg.bye_waits = False
            self._bye(leg)

    # ---- agent ------------------------------------------------------------------------------------------
    def prepare(self, leg_id: str, sdp: str) -> None:
        """Makes the INVITE for the flow that the phone registered on, so that the journal has it first."""
        call = self._session.call
        leg = call.legs[leg_id]
        phone = self._edge.registrar.reach(leg.agent_tenant_id, leg.agent_id)
        if phone is None:
            log.warning(
                "agent has no registered phone, the contact goes back to its queue",
                tenant=call.tenant_id,
                call=call.call_id,
                agent=leg.agent_id,
            )
            return
        layer = self._stack.layer
        flow = self._stack.flow_to(phone.host, phone.port, phone.transport)
        host, _ = self._stack.advertised_for(flow)
        invite = initial_request(
            "INVITE",
            phone.contact,
            from_=f"<{sip_uri(call.caller or 'anonymous', host)}>",
            to=f"<{sip_uri(phone.username, self._edge.settings.sip_realm)}>",
            call_id=f"{layer.ids.token()}@{host}",
            tag=layer.ids.token(),
            contact=self._contact(flow),
            headers={
                "Allow": ALLOW,
                "X-Seatbus-Call-Id": call.call_id,
                "X-Seatbus-Queue": leg.queue_id or "-",
            },
            body=sdp,
        )
        layer.prepare_request(invite, flow)
        leg.sip_call_id = invite.call_id
        leg.remote_address = f"{flow.transport.lower()}:{host_port(flow.remote)}"
        self._legs[leg_id] = _Leg(flow, request=invite, local_sdp=sdp, invite=_text(invite))
        self._index(leg_id, invite.call_id, invite.from_.tag or "")

    def dial(self, leg_id: str) -> None:
        """Sends the prepared INVITE, or says that there is none. In a successor: once more."""
        leg = self._legs.get(leg_id)
        invite = leg.request if leg is not None else None
        if leg is None or invite is None:
            self._session.feed(on.AgentFailed(leg_id, 0))
            return
        leg.request = None
        leg.forks = Forks(invite)
        leg.sent = self._stack.layer.send_prepared(invite, leg.flow, self._stack.now)
        self._stack.pump()

    def on_response(self, leg_id: str, tx: ClientTransaction, response: Response) -> None:
        leg = self._legs.get(leg_id)
        if leg is None:
            return
        if response.cseq.method != "INVITE" or leg.forks is None:
            if leg.dialog is not None:
                leg.dialog.on_response(response)
                if response.cseq.method == "OPTIONS" and response.status == 481:
                    self._peer_is_gone(leg_id)
            return
        outcome = leg.forks.receive(response)
        now = self._stack.now
        dialog = outcome.dialog
        match outcome.result:
            case ForkResult.EARLY if response.status in (180, 181, 182, 183):
                self._session.feed(on.AgentRinging(leg_id))
            case ForkResult.WON | ForkResult.REPEATED if dialog is not None:
                leg.dialog = dialog
                leg.sent = None
                leg.invite = ""
                ack = dialog.ack()
                wanted = self._session.call.legs[leg_id].live
                if not wanted:
                    self._acknowledge(tx, ack)
                if outcome.result is ForkResult.WON:
                    self._session.feed(on.AgentAnswered(leg_id, response.body.decode("utf-8", "replace")))
                if wanted:
                    # The phone repeats its 200 until then: no answer is unknown to a successor.
                    self._edge.journal.then(lambda: self._acknowledge(tx, ack))
            case ForkResult.SURPLUS if dialog is not None:
                self._stack.layer.send_ack(tx, dialog.ack(), now)
                self._stack.layer.send_request(dialog.request("BYE"), leg.flow, now)
            case ForkResult.FAILED:
                leg.sent = None
                leg.invite = ""
                self._session.feed(on.AgentFailed(leg_id, response.status))
            case _:
                pass

    def on_no_response(self, leg_id: str, status: int) -> None:
        """The INVITE to the phone was never answered (408), or could not be sent (503)."""
        leg = self._legs.get(leg_id)
        if leg is not None and leg.sent is not None:
            leg.sent = None
            leg.invite = ""
            self._session.feed(on.AgentFailed(leg_id, status))

    def _acknowledge(self, tx: ClientTransaction | None, ack: Request, flow: Flow | None = None) -> None:
        self._stack.layer.send_ack(tx, ack, self._stack.now, flow)
        self._stack.pump()

    def cancel(self, leg_id: str) -> None:
        leg = self._legs.get(leg_id)
        if leg is None:
            return
        if leg.sent is not None:
            self._stack.layer.cancel(leg.sent, self._stack.now)
            self._stack.pump()
        elif leg.request is not None and leg.dialog is None:
            # It was sent before a crash and is not taken up again: CANCEL needs its headers alone.
            cancel = in_transaction(leg.request, "CANCEL")
            cancel.copy_from(leg.request, "To")
            leg.request, leg.invite = None, ""
            self._stack.layer.send_raw(cancel, leg.flow)
            self._stack.pump()

    # ---- both -------------------------------------------------------------------------------------------
    def hang_up(self, leg_id: str) -> None:
        leg = self._legs.get(leg_id)
        if leg is None:
            return
        if not leg.acked:
            # RFC 3261 section 15: no BYE before the ACK of our 200.
            leg.bye_waits = True
            return
        self._bye(leg)

    def _bye(self, leg: _Leg) -> None:
        dialog = leg.dialog
        if dialog is None or dialog.state is not DialogState.CONFIRMED:
            return
        self._stack.layer.send_request(dialog.request("BYE"), self._flow(leg, dialog), self._stack.now)
        self._stack.pump()

    def _flow(self, leg: _Leg, dialog: Dialog) -> Flow:
        """A registered phone is reached over its own flow; others where route set or Contact say.

        A connection that lives is used, whatever Contact says. After it, the phone's new one is.
        """
        call = self._session.call
        if leg.flow.reliable and self._stack.alive(leg.flow):
            return leg.flow
        own = leg is self._legs.get(call.caller_leg_id)
        if leg.flow.reliable and not own:
            return self._again(leg)
        if own and call.direction == Direction.DIRECTION_INBOUND:
            try:
                host, port = dialog.next_hop.address
            except SipError:
                return leg.flow
            if host.replace(".", "").isdigit() or ":" in host:
                return self._stack.flow_to(host, port, leg.flow.transport)
        return leg.flow

    def _again(self, leg: _Leg) -> Flow:
        """The flow of the phone that registered anew; the old one, which leads nowhere, if it has not."""
        known = next((name for name, item in self._legs.items() if item is leg), "")
        agent = self._session.call.legs.get(known)
        phone = self._edge.registrar.reach(agent.agent_tenant_id, agent.agent_id) if agent else None
        if phone is not None:
            leg.flow = self._stack.flow_to(phone.host, phone.port, phone.transport)
        return leg.flow

    def on_request(self, leg_id: str, tx: ServerTransaction, request: Request) -> None:
        """A request inside one of the dialogs."""
        leg = self._legs.get(leg_id)
        layer, now = self._stack.layer, self._stack.now
        if leg is None or leg.dialog is None:
            layer.respond(tx, tx.response(481), now)
            return
        try:
            leg.dialog.on_request(request)
        except SipError as error:
            layer.respond(tx, tx.response(error.status), now)
            return
        if leg.flow.reliable:
            # The phone has reconnected: it is reached where it speaks now.
            leg.flow = tx.flow
        method = request.method
        if method == "BYE":
            self._peer_is_gone(leg_id)
            # Not before the journal has it: the peer would never say it again to a successor.
            self._edge.journal.then(lambda: self._confirm(tx))
        elif method in ("INVITE", "UPDATE"):
            self._reoffered(leg_id, leg, tx, request)
        elif method in ("OPTIONS", "INFO"):
            layer.respond(tx, tx.response(200), now)
        else:
            response = tx.response(405)
            response.set("Allow", ALLOW)
            layer.respond(tx, response, now)

    def _confirm(self, tx: ServerTransaction) -> None:
        self._stack.layer.respond(tx, tx.response(200), self._stack.now)
        self._stack.pump()

    def _peer_is_gone(self, leg_id: str) -> None:
        self._session.feed(on.CallerHungUp() if self._is_caller(leg_id) else on.AgentHungUp(leg_id))

    def _is_caller(self, leg_id: str) -> bool:
        return leg_id == self._session.call.caller_leg_id

    def _reoffered(self, leg_id: str, leg: _Leg, tx: ServerTransaction, request: Request) -> None:
        """Hold, codec change, session refresh: answered on this leg alone, never relayed."""
        if not request.body:
            self._reanswer(leg, tx, request, 200, leg.local_sdp if request.method == "INVITE" else "")
            return
        sdp = request.body.decode("utf-8", "replace")
        try:
            audio = parse_sdp(sdp).audio
        except SipError as error:
            self._reanswer(leg, tx, request, error.status)
            return
        held = audio is not None and audio.on_hold

        def answered(answer: str) -> None:
            if not answer:
                self._reanswer(leg, tx, request, 488)
                return
            leg.local_sdp = answer
            if self._session.call.legs[leg_id].held != held:
                self._session.feed(on.HoldChanged(leg_id, held))
            else:
                # Target and order of the dialog have changed all the same.
                self._session.checkpoint()
            self._edge.journal.then(lambda: self._reanswer(leg, tx, request, 200, answer))

        self._session.commands.reoffer(leg_id, sdp, answered)

    def _reanswer(
        self, leg: _Leg, tx: ServerTransaction, request: Request, status: int, sdp: str = ""
    ) -> None:
        if leg.dialog is None or leg.dialog.state is DialogState.TERMINATED:
            status, sdp = 481, ""
        if leg.dialog is None or status == 481:
            response = tx.response(481)
        else:
            response = leg.dialog.response(request, status, body=sdp)
        self._stack.layer.respond(tx, response, self._stack.now)
        self._stack.pump()

    # ---- identity and journal ---------------------------------------------------------------------------
    def _contact(self, flow: Flow) -> str:
        host, port = self._stack.advertised_for(flow)
        uri = sip_uri("seatbus", host, port)
        parameter = _TRANSPORT_PARAMETER.get(flow.transport)
        return f"<{uri};transport={parameter}>" if parameter else f"<{uri}>"

    def _index(self, leg_id: str, call_id: str, tag: str) -> None:
        key = (call_id, tag)
        self._keys.append(key)
        self._edge.legs[key] = (self._session, leg_id)

    def forget(self) -> None:
        """Nothing of this call is found by its dialogs any more."""
        for key in self._keys:
            self._edge.legs.pop(key, None)
        self._keys.clear()
        self._legs.clear()

    def to_dict(self) -> dict[str, object]:
        """What a successor needs: dialogs, where they go, and INVITEs that are not finished yet."""
        stored: dict[str, object] = {}
        for leg_id, leg in self._legs.items():
            item: dict[str, object] = {
                "flow": leg.flow.remote,
                "transport": leg.flow.transport,
                "sdp": leg.local_sdp,
            }
            if leg.dialog is not None:
                item["dialog"] = leg.dialog.to_dict()
            if leg.invite:
                item["invite"] = leg.invite
            stored[leg_id] = item
        return stored

    # ---- after a restart --------------------------------------------------------------------------------
    def restore(self, stored: Mapping[str, object]) -> None:
        """Takes up what `to_dict` gave, in another process. Raises SipError when it cannot be read."""
        for leg_id, item in stored.items():
            if isinstance(item, dict):
                self._legs[leg_id] = self._restore_leg(leg_id, item)

    def _restore_leg(self, leg_id: str, item: Mapping[str, Any]) -> _Leg:
        host, port = item["flow"]
        flow = self._stack.flow_to(host, port, str(item.get("transport", "UDP")))
        leg = _Leg(flow, local_sdp=str(item.get("sdp", "")))
        leg.invite = str(item.get("invite", ""))
        if leg.invite:
            parsed = parse_message(leg.invite.encode("latin-1"))
            leg.request = parsed if isinstance(parsed, Request) else None
        if isinstance(item.get("dialog"), dict):
            dialog = leg.dialog = Dialog.from_dict(item["dialog"])
            dialog.reserve_cseq(_CSEQ_BLOCK)
            # Offers under way went with their transactions: the peer repeats its own.
            dialog.local_offer_pending = dialog.remote_offer_pending = False
            self._index(leg_id, dialog.call_id, dialog.local_tag)
            if self._is_caller(leg_id) and leg.request is not None:
                leg.received = self._stack.layer.resume_invite(leg.request, leg.flow, dialog.local_tag)
                leg.acked = False
        elif leg.request is not None:
            self._index(leg_id, leg.request.call_id, leg.request.from_.tag or "")
        return leg

    @property
    def offer(self) -> str:
        """The SDP of the caller's INVITE that is not answered yet, or nothing."""
        leg = self._legs.get(self._session.call.caller_leg_id)
        if leg is None or leg.request is None:
            return ""
        return leg.request.body.decode("utf-8", "replace")

    def resume_caller(self, *, answered: bool, sdp: str) -> None:
        """The answer of the present state again, if the caller may not have it."""
        leg = self._legs.get(self._session.call.caller_leg_id)
        if leg is not None and leg.received is not None and sdp:
            leg.local_sdp = sdp
            self._respond_invite(leg, 200 if answered else 183, sdp)

    def probe(self, leg_id: str) -> None:
        """Asks whether the peer still has the dialog: 481 says that it hung up while nobody listened."""
        leg = self._legs.get(leg_id)
        if (
            leg is None
            or leg.dialog is None
            or leg.dialog.state is not DialogState.CONFIRMED
            or not leg.acked
        ):
            return
        probe = leg.dialog.request("OPTIONS")
        self._stack.layer.send_request(probe, self._flow(leg, leg.dialog), self._stack.now)
        self._stack.pump()

    def on_stray(self, leg_id: str, response: Response, flow: Flow) -> bool:
        """A 2xx to an INVITE whose transaction is gone is acknowledged. False: its dialog does not live."""
        leg = self._legs.get(leg_id)
        dialog = leg.dialog if leg is not None else None
        if (
            dialog is None
            or dialog.remote_tag != response.to.tag
            or dialog.state is not DialogState.CONFIRMED
            or response.status >= 300
        ):
            return False
        self._acknowledge(None, dialog.ack(response.cseq.number), flow)
        return True


def _text(request: Request) -> str:
    # Every byte has its character: JSON takes it, and gives it back as it was.
    return request.to_bytes().decode("latin-1")
