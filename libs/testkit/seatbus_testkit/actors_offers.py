"""Offers within a call: hold, resume, and what the peer makes of them."""

from __future__ import annotations

import asyncio
import random
from abc import abstractmethod
from typing import TYPE_CHECKING

from seatbus_sip import Dialog, DialogState, Response
from seatbus_sip.errors import GlareError
from seatbus_sip.sdp import Agreed, Direction
from seatbus_testkit.actors import CallActionError, EndedBy
from seatbus_testkit.actors_asking import Asks

if TYPE_CHECKING:
    from seatbus_testkit.actors_media import CallMedia
    from seatbus_testkit.call import CallHost

_GLARE_TRIES = 4


class Offers(Asks):
    """Re-INVITEs: with credentials where these are asked for, once more where two have met."""

    incoming: bool
    _host: CallHost
    _media: CallMedia

    @abstractmethod
    def _end(self, by: EndedBy | None, status: int | None, text: str) -> None:
        """The call is over."""

    @abstractmethod
    def _line(self, response: Response) -> str:
        """Status and reason of a response."""

    async def hold(self, on: bool = True) -> None:
        """Re-INVITE with sendonly (sendrecv to resume). Raises `CallActionError` if the peer refuses."""
        await self.reinvite(Direction.SENDONLY if on else Direction.SENDRECV)

    async def reinvite(self, direction: Direction) -> Agreed:
        """Offer this direction; 491 is retried as RFC 3261 section 14.1 asks."""
        for _ in range(_GLARE_TRIES):
            dialog = self.dialog
            if self.state != "answered" or dialog is None:
                raise CallActionError(self.id, "re-INVITE", "the call is not up")
            try:
                agreed = await self._reinvite_once(dialog, direction)
            except GlareError:
                agreed = None
            if agreed is not None:
                return agreed
            await asyncio.sleep(random.uniform(0.0, 2.0) if self.incoming else random.uniform(2.1, 4.0))
        raise CallActionError(self.id, "re-INVITE", "glare every time", 491)

    async def _reinvite_once(self, dialog: Dialog, direction: Direction) -> Agreed | None:
        """None for 491."""
        sip, digest = self._host.sip, self._host.digest
        for _ in range(2):
            request = dialog.request("INVITE", body=self._media.offer(direction))
            if digest is not None:
                digest.authorize(request)
            asked = request.copy()
            self.note(f"re-INVITE {direction.value}")
            tx, response = await sip.ask(request, self._host.hop(dialog))
            dialog.on_response(response)
            if response.status < 300:
                sip.ack(tx, dialog.ack(response.cseq.number), self._host.hop(dialog))
                agreed = self._media.accept(response.body, direction)
                self.note(f"re-INVITE {self._line(response)}: {agreed.direction.value}")
                return agreed
            if response.status in (401, 407) and digest is not None and digest.accept(response, asked):
                continue
            break
        self.note(f"re-INVITE {self._line(response)}")
        if response.status == 491:
            return None
        if dialog.state is DialogState.TERMINATED:
            self._end("remote", self.status, f"the peer knows no such call ({response.status})")
        raise CallActionError(self.id, "re-INVITE", self._line(response), response.status)
