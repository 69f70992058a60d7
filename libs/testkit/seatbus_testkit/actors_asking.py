"""What a phone asks its peer within a call, besides offers and the end of it."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING

from seatbus_sip.reliable import ReliableReceiver, is_reliable
from seatbus_testkit.actors import CallActionError
from seatbus_testkit.actors_waits import CallWaits

if TYPE_CHECKING:
    from collections.abc import Mapping

    from seatbus_sip import Dialog, Response


class Asks(CallWaits):
    """REFER, UPDATE, and PRACK of provisional responses that want it."""

    id: str
    dialog: Dialog | None

    def __init__(self) -> None:
        super().__init__()
        # Of each dialog that the INVITE has made, by the peer's tag.
        self._reliable: dict[str, ReliableReceiver] = {}
        self.pracked: list[int] = []
        """Final answers to our PRACKs."""

    @abstractmethod
    async def _ask(
        self, dialog: Dialog, method: str, headers: Mapping[str, object] | None = None
    ) -> Response:
        """Sends a request of this dialog; its final answer."""

    async def refer(self, target: str) -> int:
        """Ask the peer by REFER to send the other side to this URI; the status of its answer."""
        dialog = self._up("REFER")
        response = await self._ask(
            dialog, "REFER", {"Refer-To": f"<{target}>", "Referred-By": dialog.contact}
        )
        return response.status

    async def update(self) -> int:
        """Refresh the dialog by an UPDATE without an offer (RFC 3311); the status of its answer."""
        return (await self._ask(self._up("UPDATE"), "UPDATE")).status

    def _up(self, action: str) -> Dialog:
        if self.state != "answered" or self.dialog is None:
            raise CallActionError(self.id, action, "the call is not up")
        return self.dialog

    async def _prack(self, dialog: Dialog, rack: str) -> None:
        response = await self._ask(dialog, "PRACK", {"RAck": rack})
        self.pracked.append(response.status)

    def _rack(self, dialog: Dialog, response: Response) -> str | None:
        """What the PRACK of this response says; None where none is due."""
        if not is_reliable(response):
            return None
        return self._reliable.setdefault(dialog.remote_tag or "", ReliableReceiver()).take(response)
