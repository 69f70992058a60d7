"""The dialogs of one INVITE that was sent: early ones by To tag, one winner, surplus answers."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from seatbus_sip.dialog import Dialog
from seatbus_sip.message import Request, Response
from seatbus_sip.tables import DialogState


class ForkResult(Enum):
    """What a response means for the caller of the INVITE."""

    TRYING = "100, or 1xx without a tag"
    EARLY = "an early dialog exists"
    WON = "first 2xx: send ACK"
    REPEATED = "the winner's 2xx again: send its ACK again"
    SURPLUS = "another fork answered too: send ACK, then BYE"
    FAILED = "no fork answered"


@dataclass(frozen=True, slots=True)
class ForkOutcome:
    """`dialog` is set for EARLY, WON, REPEATED and SURPLUS."""

    result: ForkResult
    dialog: Dialog | None = None


class Forks:
    """Feed it every response to the INVITE. `winner` is the confirmed dialog."""

    def __init__(self, request: Request) -> None:
        self.request = request
        self.dialogs: dict[str, Dialog] = {}
        self.winner: Dialog | None = None
        self._failed = False

    def receive(self, response: Response, request: Request | None = None) -> ForkOutcome:
        """Sort in one response. A failed INVITE ends its early dialogs. `request`: the fork that we have made
        ourselves and that this is a response to.
        """
        tag = response.to.tag
        if response.status >= 300:
            for dialog in self.dialogs.values():
                if dialog is not self.winner:
                    dialog.on_response(response)
            self._failed = True
            return ForkOutcome(ForkResult.FAILED)
        if response.status == 100 or not tag:
            return ForkOutcome(ForkResult.TRYING)
        known = self.dialogs.get(tag)
        if known is None or (known.state is DialogState.TERMINATED and known is not self.winner):
            # A 2xx behind a refusal, or of an early dialog that ended: a dialog that only lives to be ended.
            known = self.dialogs[tag] = Dialog.uac(request or self.request, response)
        else:
            known.on_response(response)
        if response.status < 200:
            return ForkOutcome(ForkResult.EARLY, known)
        if self.winner is None and not self._failed:
            self.winner = known
            return ForkOutcome(ForkResult.WON, known)
        return ForkOutcome(ForkResult.REPEATED if known is self.winner else ForkResult.SURPLUS, known)
