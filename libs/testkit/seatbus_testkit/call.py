"""One call of a phone: its signalling seen from the user's side, its mouth and its ears."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Mapping, Sequence
from typing import Protocol

from seatbus_sip import (
    Address,
    ClientTransaction,
    Dialog,
    DialogKey,
    DialogState,
    DigestClient,
    ForkResult,
    Forks,
    Request,
    Response,
    SdpError,
    ServerTransaction,
    SipError,
)
from seatbus_sip.errors import DialogError
from seatbus_sip.sdp import Agreed, Codec
from seatbus_testkit.actors import CallActionError, CallState, EndedBy, told
from seatbus_testkit.actors_media import CallMedia
from seatbus_testkit.actors_offers import Offers
from seatbus_testkit.actors_sip import SipSocket
from seatbus_testkit.ears import Ears
from seatbus_testkit.voice import Mouth

ALLOW = "INVITE, ACK, CANCEL, BYE, OPTIONS, UPDATE, INFO, NOTIFY"
_BYE_WAIT_S = 5.0
_CANCEL_WAIT_S = 8.0


class CallHost(Protocol):
    """What a call asks of its phone."""

    sip: SipSocket
    host: str
    codecs: tuple[Codec, ...]
    digest: DigestClient | None
    ears_keep_s: float | None

    def hop(self, dialog: Dialog) -> Address:
        """Where requests of this dialog are sent."""

    def index(self, call: PhoneCall, dialog: Dialog) -> None:
        """Requests of this dialog are for this call."""

    def finished(self, call: PhoneCall) -> None:
        """The call has ended."""


class PhoneCall(Offers):
    """One call. `state` only moves forward; `history` says when and why, in monotonic seconds."""

    def __init__(self, host: CallHost, request: Request, *, incoming: bool) -> None:
        super().__init__()
        self.id = request.call_id
        self.incoming = incoming
        self.request = request
        # What NOTIFYs have told, in order.
        self.notified: list[str] = []
        self.state: CallState = "trying"
        self.status: int | None = None
        self.reason = ""
        # What the CANCEL said in its Reason (RFC 3326).
        self.cancel_reason = ""
        self.ended_by: EndedBy | None = None
        self.answered_at: float | None = None
        self.rang_at: float | None = None
        self.dialog: Dialog | None = None
        self.ears = Ears(host.ears_keep_s)
        self._host = host
        self._media = CallMedia(host.host, host.codecs, self.ears)
        self._server_tx: ServerTransaction | None = None
        self._client_tx: ClientTransaction | None = None
        self._forks: Forks | None = None
        self._early_ok = True
        # The offer was answered reliably: the 200 has none then.
        self._settled = False
        self._wants_end = False
        self._scripts: set[asyncio.Task[None]] = set()
        self.note(("INVITE from " if incoming else "INVITE to ") + (self.caller if incoming else request.uri))

    # ---- who and what -----------------------------------------------------------------------------------
    @property
    def caller(self) -> str:
        """User part of From."""
        return self.request.from_.uri.username

    @property
    def dialed(self) -> str:
        """User part of the Request-URI."""
        return self.request.target.username

    @property
    def mouth(self) -> Mouth:
        """The voice. There is one from the moment an own SDP exists. Raises `CallActionError` before."""
        if self._media.rtp is None:
            raise CallActionError(self.id, "speak", "no media yet: answer first")
        return self._media.rtp.mouth

    @property
    def agreed(self) -> Agreed | None:
        """What the last offer and answer agreed on."""
        return self._media.agreed

    @property
    def held_by_peer(self) -> bool:
        """Whether the other side has put this call on hold."""
        return self.agreed is not None and not self.agreed.direction.sends

    def __repr__(self) -> str:
        return f"<PhoneCall {'in' if self.incoming else 'out'} {self.state} {self.status} {self.id}>"

    # ---- what a user does -------------------------------------------------------------------------------
    async def ring(self) -> None:
        """Send 180. Again is allowed."""
        tx, dialog = self._unanswered("ring")
        self._host.sip.respond(tx, dialog.response(self.request, 180))
        self._rang("180 sent")

    async def progress(self) -> None:
        """Send 183 with SDP and begin to speak: early audio, as a far network's ringback."""
        self._unanswered("progress")
        await self._media.open()
        tx, dialog = self._unanswered("progress")
        body = self._media.answer(self.request.body)
        self._host.sip.respond(tx, dialog.response(self.request, 183, body=body))
        self._rang("183 sent")

    async def answer(self) -> None:
        """Send 200 with SDP and begin to speak. Raises `SdpError` after refusing an offer without a match."""
        self._unanswered("answer")
        await self._media.open()
        tx, dialog = self._unanswered("answer")
        try:
            body = self._media.answer(self.request.body)
        except SdpError as error:
            self._host.sip.respond(tx, dialog.response(self.request, error.status))
            self._end("local", error.status, f"refused: {error}")
            raise
        self._host.sip.respond(tx, dialog.response(self.request, 200, body=body))
        self.status = 200
        self._answered("200 sent")

    async def reject(self, code: int = 486, *, contacts: Sequence[str] = ()) -> None:
        """Refuse an incoming call that was not answered; a 3xx names `contacts`."""
        tx, dialog = self._unanswered("reject")
        response = dialog.response(self.request, code)
        if contacts:
            response.set("Contact", *contacts)
        self._host.sip.respond(tx, response)
        self._end("local", code, f"{code} sent")

    async def cancel(self) -> None:
        """Give up a call that was not answered, wait for its end. An answer that comes first is hung up."""
        if self.incoming or self.state == "answered":
            raise CallActionError(self.id, "cancel", "only an own call that was not answered is cancelled")
        if self.state == "ended":
            return
        self._wants_end = True
        if self._client_tx is not None and self._host.sip.cancel(self._client_tx):
            self.note("CANCEL")
        await self.until(lambda: self.state == "ended", _CANCEL_WAIT_S, "cancelled")

    async def hang_up(self) -> None:
        """End the call, whatever its state: BYE, CANCEL or 486. Waits for the BYE's answer for a while."""
        if self.state == "ended":
            return
        if self.state != "answered":
            await (self.reject(486) if self.incoming else self.cancel())
            return
        await self._bye("local", "BYE sent")

    def over(self) -> bool:
        """Whether the call has ended."""
        return self.state == "ended"

    # ---- calling: what the phone tells ------------------------------------------------------------------
    async def place(self, early_ok: bool, remote: Address) -> None:
        """Send the INVITE with an offer."""
        self._early_ok = early_ok
        self._remote = remote
        await self._media.open()
        self.request.set_body(self._media.offer(), "application/sdp")
        if self._host.digest is not None:
            self._host.digest.authorize(self.request)
        self._send_invite()

    def _send_invite(self) -> None:
        self._forks = Forks(self.request)
        self._client_tx = self._host.sip.send(self.request, self._remote, self)

    def on_response(self, tx: ClientTransaction, response: Response, request: Request) -> None:
        if tx is not self._client_tx or self._forks is None:
            return
        if response.status in (401, 407) and self._retry_with_credentials(response, request):
            return
        outcome = self._forks.receive(response)
        dialog = outcome.dialog
        if outcome.result is ForkResult.FAILED:
            self._end("local" if self._wants_end else "remote", response.status, self._line(response))
        elif outcome.result is ForkResult.EARLY and dialog is not None:
            self._host.index(self, dialog)
            if self.dialog is None:
                self.dialog = dialog
            rack = self._rack(dialog, response)
            if rack is not None:
                self._keep(self._prack(dialog, rack))
            if self._early_ok and response.body and self._take_answer(response.body, "early media"):
                self._settled = self._settled or rack is not None
            self._rang(self._line(response))
        elif outcome.result is ForkResult.WON and dialog is not None:
            self.dialog = dialog
            self._host.index(self, dialog)
            self._won(tx, response, dialog)
        elif outcome.result is ForkResult.SURPLUS and dialog is not None:
            self.note("another fork answered: ACK, BYE")
            self._host.sip.ack(tx, dialog.ack(), self._host.hop(dialog))
            self._keep(self._say_bye(dialog))

    def on_failure(self, tx: ClientTransaction, status: int) -> None:
        if tx is self._client_tx and self.answered_at is None:
            self._end("local" if self._wants_end else None, status, f"no answer to INVITE ({status})")

    def _retry_with_credentials(self, response: Response, request: Request) -> bool:
        digest = self._host.digest
        if self._wants_end or digest is None or not digest.accept(response, request):
            return False
        again = request.copy()
        again.remove("Via")
        again.set("CSeq", f"{request.cseq.number + 1} INVITE")
        self.request = digest.authorize(again)
        self.note(f"{response.status}: again with credentials")
        self._send_invite()
        return True

    def _won(self, tx: ClientTransaction, response: Response, dialog: Dialog) -> None:
        self._host.sip.ack(tx, dialog.ack(), self._host.hop(dialog))
        self.status = response.status
        if self._wants_end:
            self.note(f"{self._line(response)} crossed the CANCEL")
            self._keep(self._bye("local", "BYE sent"))
        elif not (self._settled and not response.body) and not self._take_answer(response.body, "answer"):
            self._keep(self._bye("local", "BYE sent: the answer cannot be used"))
        else:
            self._answered(self._line(response))

    def _take_answer(self, body: bytes, what: str) -> bool:
        try:
            self._media.accept(body)
        except SdpError as error:
            self.note(f"{what}: {error}")
            return False
        return True

    # ---- being called: what the phone tells -------------------------------------------------------------
    def arrive(self, tx: ServerTransaction, contact: str) -> None:
        """An INVITE came. Raises `DialogError` for one without Contact."""
        self._server_tx = tx
        self.dialog = Dialog.uas(self.request, tx.local_tag, contact)
        self._host.index(self, self.dialog)

    def on_cancel(self, tx: ServerTransaction) -> None:
        if self.state in ("trying", "ringing") and self.dialog is not None:
            self._host.sip.respond(tx, self.dialog.response(self.request, 487))
            self._end("remote", 487, "CANCEL received")

    def on_ack(self, request: Request) -> None:
        if self._media.offered and self.incoming and request.body:
            self._take_answer(request.body, "answer in ACK")
        self.note("ACK received")

    def on_ack_timeout(self) -> None:
        if self.state == "answered":
            self._keep(self._bye(None, "no ACK: BYE sent"))

    # ---- inside a dialog --------------------------------------------------------------------------------
    def on_request(self, tx: ServerTransaction, request: Request) -> None:
        """A request of the peer inside this call."""
        dialog, sip = self.dialog, self._host.sip
        if dialog is None or DialogKey.of_request(request) != dialog.key:
            sip.respond(tx, tx.response(481))
            return
        if dialog.state is DialogState.TERMINATED:
            # Both sides hung up at once: the peer's BYE is as good as ours.
            sip.respond(tx, tx.response(200 if request.method == "BYE" else 481))
            return
        try:
            dialog.on_request(request)
            response = self._answer_in_dialog(dialog, request)
        except SipError as error:
            sip.respond(tx, dialog.response(request, error.status))
            self.note(f"{request.method} refused: {error}")
            return
        sip.respond(tx, response)
        if request.method == "BYE":
            self._end("remote", self.status, "BYE received")
        else:
            self.note(f"{request.method} answered {response.status}")

    def _answer_in_dialog(self, dialog: Dialog, request: Request) -> Response:
        if request.method == "INVITE" or (request.method == "UPDATE" and request.body):
            return dialog.response(request, 200, body=self._answer_sdp(request.body))
        if request.method == "NOTIFY":
            self.notified.append(request.body.decode("utf-8", "replace").strip())
        if request.method in ("BYE", "OPTIONS", "INFO", "UPDATE", "NOTIFY"):
            made = dialog.response(request, 200)
        else:
            made = dialog.response(request, 405)
        made.set("Allow", ALLOW)
        return made

    def _answer_sdp(self, body: bytes) -> bytes:
        if self._media.rtp is None:
            raise DialogError(self.id, "an offer came before there was media")
        return self._media.answer(body)

    # ---- ending -----------------------------------------------------------------------------------------
    async def _bye(self, by: EndedBy | None, text: str) -> None:
        dialog = self.dialog
        if dialog is None or dialog.state is DialogState.TERMINATED:
            self._end(by, self.status, text)
            return
        asking = asyncio.ensure_future(self._say_bye(dialog))
        await asyncio.sleep(0)
        self._end(by, self.status, text)
        await asyncio.wait([asking], timeout=_BYE_WAIT_S)

    async def _say_bye(self, dialog: Dialog) -> None:
        request = dialog.request("BYE")
        digest = self._host.digest
        if digest is not None:
            digest.authorize(request)
        _, response = await self._host.sip.ask(request, self._host.hop(dialog))
        self.note(f"BYE answered {response.status}")

    def _end(self, by: EndedBy | None, status: int | None, text: str) -> None:
        if self.state == "ended":
            return
        self.state = "ended"
        self.ended_by = by
        self.status = status
        for task in list(self._scripts):
            if task is not asyncio.current_task():
                task.cancel()
        self._media.close()
        self.note(text)
        self._host.finished(self)

    def abandon(self) -> None:
        """As if the phone lost its power: nothing is sent."""
        self._end("local", self.status, "vanished without a word")

    def follow(self, script: asyncio.Task[None]) -> None:
        """A script that ends with the call."""
        self._scripts.add(script)
        script.add_done_callback(self._scripts.discard)

    async def _ask(
        self, dialog: Dialog, method: str, headers: Mapping[str, object] | None = None
    ) -> Response:
        request = dialog.request(method, headers=headers)
        _, response = await self._host.sip.ask(request, self._host.hop(dialog))
        dialog.on_response(response)
        self.note(f"{method} {self._line(response)}")
        return response

    # ---- small parts ------------------------------------------------------------------------------------
    def _unanswered(self, action: str) -> tuple[ServerTransaction, Dialog]:
        if self.state not in ("trying", "ringing") or self._server_tx is None or self.dialog is None:
            raise CallActionError(self.id, action, f"the call is {self.state}: {told(self.history)}")
        return self._server_tx, self.dialog

    def _rang(self, text: str) -> None:
        if self.state == "trying":
            self.state = "ringing"
        if self.rang_at is None:
            self.rang_at = self._loop.time()
        self.note(text)

    def _answered(self, text: str) -> None:
        self.state = "answered"
        self.answered_at = self._loop.time()
        self.note(text)

    def _line(self, response: Response) -> str:
        self.reason = response.reason
        return f"{response.status} {response.reason}"

    def _keep(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.ensure_future(work)
        _RUNNING.add(task)
        task.add_done_callback(_RUNNING.discard)


_RUNNING: set[asyncio.Task[None]] = set()
"""The loop holds tasks weakly; what nobody awaits is held here."""
