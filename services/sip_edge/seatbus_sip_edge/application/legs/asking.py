"""Requests of ours inside a dialog: credentials on demand, a second try after a glare, one outcome each."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from seatbus_sip.building import next_attempt
from seatbus_sip.errors import GlareError
from seatbus_sip.glare import glare_pause
from seatbus_sip.tables import DialogState

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from seatbus_sip.message import Request, Response
    from seatbus_sip.transactions import ClientTransaction
    from seatbus_sip_edge.application.legs.leg import SipLeg
    from seatbus_sip_edge.application.sip_side import SipSide

    # The final response; None when there was none, or the dialog has ended meanwhile.
    Outcome: TypeAlias = Callable[[Response | None], None]

_GLARE_TRIES = 5
_CREDENTIAL_TRIES = 2


@dataclass(frozen=True, slots=True)
class Asked:
    """A request that waits for its final response. `sent` is it as it left."""

    sent: Request
    body: str
    headers: Mapping[str, object]
    done: Outcome
    tries: int = 0


class Asking:
    """Sends requests and finds out how they went."""

    def __init__(self, side: SipSide) -> None:
        self._side = side

    def ask(
        self,
        leg: SipLeg,
        method: str,
        done: Outcome,
        *,
        body: str = "",
        headers: Mapping[str, object] | None = None,
        tries: int = 0,
    ) -> None:
        """Sends a request of the leg's dialog. `body` is an offer unless `headers` say what it is."""
        dialog = leg.dialog
        if dialog is None or dialog.state is DialogState.TERMINATED:
            done(None)
            return
        named = dict(headers or {})
        try:
            made = dialog.request(method, body, str(named.pop("Content-Type", "")), named)
        except GlareError:
            self._later(leg, method, done, body, headers or {}, tries)
            return
        self._send(leg, Asked(made, body, headers or {}, done, tries))

    def _send(self, leg: SipLeg, asked: Asked) -> None:
        leg.awaited[(asked.sent.method, asked.sent.cseq.number)] = asked
        self._side.send(leg, asked.sent)

    def _later(
        self,
        leg: SipLeg,
        method: str,
        done: Outcome,
        body: str,
        headers: Mapping[str, object],
        tries: int,
    ) -> None:
        if leg.dialog is None or tries >= _GLARE_TRIES:
            done(None)
            return
        pause = glare_pause(leg.dialog.role, random.random())
        self._side.later(
            leg,
            f"glare {method}",
            pause,
            lambda: self.ask(leg, method, done, body=body, headers=headers, tries=tries + 1),
        )

    # ---- outcomes ---------------------------------------------------------------------------------------
    def on_response(self, leg: SipLeg, tx: ClientTransaction, response: Response) -> bool:
        """False: it is not for a request that was asked here."""
        key = (response.cseq.method, response.cseq.number)
        asked = leg.awaited.get(key)
        dialog = leg.dialog
        if asked is None or dialog is None:
            return False
        dialog.on_response(response)
        if response.status < 200:
            return True
        del leg.awaited[key]
        if response.status < 300 and key[0] == "INVITE":
            self._side.acknowledge(tx, dialog.ack(key[1]))
        if response.status in (401, 407) and self._prove(leg, asked, response):
            return True
        if response.status == 491 and dialog.state is not DialogState.TERMINATED:
            self._later(leg, key[0], asked.done, asked.body, asked.headers, asked.tries)
            return True
        asked.done(response)
        return True

    def _prove(self, leg: SipLeg, asked: Asked, response: Response) -> bool:
        """The same once more with credentials, if there are any that may help."""
        client, dialog = self._side.credentials(leg), leg.dialog
        if client is None or dialog is None or asked.tries >= _CREDENTIAL_TRIES:
            return False
        if not client.accept(response, asked.sent):
            return False
        again = next_attempt(asked.sent, dialog)
        self._send(leg, Asked(again, asked.body, asked.headers, asked.done, asked.tries + 1))
        return True

    def on_no_response(self, leg: SipLeg, request: Request) -> bool:
        """No answer, or no way to the peer. False: it was not asked here."""
        asked = leg.awaited.pop((request.method, request.cseq.number), None)
        if asked is None or leg.dialog is None:
            return False
        if leg.dialog.state is not DialogState.TERMINATED:
            leg.dialog.on_timeout(request.method)
        asked.done(None)
        return True
