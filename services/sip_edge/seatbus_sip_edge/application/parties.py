"""The other edge's half of an attended transfer: a party of a call here goes over to a call of another edge.

First the party is offered the other call's audio in the dialog that it has; only a release lets it go. What
is not released in time gets its own audio back.
"""

from __future__ import annotations

import asyncio
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Final

import orjson

from seatbus.call.v1 import service_pb2 as pb
from seatbus_kit.errors import NotFound, Refused
from seatbus_kit.log import get_logger
from seatbus_sip_edge.application.joining import give_back, other_party
from seatbus_sip_edge.domain import inputs as on

if TYPE_CHECKING:
    from seatbus_sip_edge.application.edge import Edge
    from seatbus_sip_edge.application.session import Session
    from seatbus_sip_edge.domain.model import Leg

log = get_logger("sip_edge.joining")

# The other edge asks for the release at once when it has the answer.
_KEPT_S: Final = 10.0
# It may have to ask for it again.
_REMEMBERED_S: Final = 60.0
_Key = tuple[str, str]


@dataclass(slots=True)
class _Lent:
    """A party that has the other call's audio and is not let go yet."""

    session: Session
    leg_id: str
    alarm: asyncio.TimerHandle | None = None


class Parties:
    def __init__(self, edge: Edge) -> None:
        self._edge = edge
        self._lent: dict[_Key, _Lent] = {}
        self._released: dict[_Key, pb.ReleasePartyResponse] = {}

    def _find(self, dialog: pb.AgentDialog, tenant: str) -> tuple[Session, Leg] | int:
        """The call and the agent's leg in it; or the status that says why not."""
        found = self._edge.legs.get((dialog.sip_call_id, dialog.own_tag))
        if found is None:
            return 481
        session, leg_id = found
        sip, leg = session.sip.legs.get(leg_id), session.call.legs.get(leg_id)
        if sip is None or sip.dialog is None or leg is None or sip.dialog.remote_tag != dialog.peer_tag:
            return 481
        if (leg.agent_tenant_id, leg.agent_id) != (dialog.agent_tenant_id, dialog.agent_id):
            return 481
        return (session, leg) if session.call.tenant_id == tenant else 603

    def find(self, request: pb.FindPartyRequest) -> pb.FindPartyResponse:
        """Where the party is met and how, so that the other call's audio suits it."""
        found = self._find(request.dialog, request.context.tenant_id)
        if isinstance(found, int):
            return pb.FindPartyResponse(status=found)
        session, mine = found
        party = other_party(session, mine.leg_id)
        sip = session.sip.legs.get(party.leg_id) if party is not None else None
        if party is None or sip is None:
            return pb.FindPartyResponse(status=603)
        return pb.FindPartyResponse(status=200, media_zone=party.media_zone or "", sdp=sip.local_sdp)

    async def offer(self, request: pb.OfferPartyRequest) -> pb.OfferPartyResponse:
        """Offers the party other audio, and waits for its answer."""
        dialog = request.dialog
        found = self._find(dialog, request.context.tenant_id)
        if isinstance(found, int):
            return pb.OfferPartyResponse(status=found)
        session, mine = found
        party = other_party(session, mine.leg_id)
        key = (dialog.sip_call_id, dialog.own_tag)
        if party is None:
            return pb.OfferPartyResponse(status=603)
        if key in self._lent:
            return pb.OfferPartyResponse(status=491)
        lent = self._lent[key] = _Lent(session, party.leg_id)
        answer: asyncio.Future[tuple[int, str]] = self._edge.loop.create_future()

        def answered(status: int, sdp: str) -> None:
            if not answer.done():
                answer.set_result((status, sdp))

        session.sip.within.reoffer(party.leg_id, request.sdp, answered)
        try:
            status, sdp = await answer
        except asyncio.CancelledError:
            self._undo(key)
            raise
        if status >= 300:
            del self._lent[key]
            return pb.OfferPartyResponse(status=status)
        if not sdp:
            self._undo(key)
            return pb.OfferPartyResponse(status=488)
        lent.alarm = self._edge.loop.call_later(_KEPT_S, self._undo, key)
        return pb.OfferPartyResponse(status=status, sdp=sdp)

    def _undo(self, key: _Key) -> None:
        """The party hears its own call again."""
        lent = self._lent.pop(key, None)
        if lent is None:
            return
        if lent.alarm is not None:
            lent.alarm.cancel()
        give_back(lent.session, lent.leg_id)

    def release(self, request: pb.ReleasePartyRequest) -> pb.ReleasePartyResponse:
        """Lets the party go, once; a repeat gets the same answer. Raises NotFound and Refused."""
        key = (request.dialog.sip_call_id, request.dialog.own_tag)
        known = self._released.get(key)
        if known is not None:
            return known
        if request.undo:
            self._undo(key)
            return pb.ReleasePartyResponse()
        lent = self._lent.get(key)
        if lent is None:
            raise NotFound("no party was offered the audio of another call", field="dialog")
        session = lent.session
        found = self._find(request.dialog, request.context.tenant_id)
        party = other_party(session, found[1].leg_id) if not isinstance(found, int) else None
        sip = session.sip.legs.get(lent.leg_id)
        if party is None or party.leg_id != lent.leg_id or sip is None or sip.dialog is None:
            self._undo(key)
            raise Refused("changed", f"the call is {session.call.phase.value}", field="dialog")
        del self._lent[key]
        if lent.alarm is not None:
            lent.alarm.cancel()
        answer = pb.ReleasePartyResponse(
            call_id=session.call.call_id,
            leg=orjson.dumps(asdict(party)),
            dialog=orjson.dumps(session.sip.restoring.to_dict()[party.leg_id]),
        )
        dialog_key = (sip.dialog.call_id, sip.dialog.local_tag)
        session.feed(on.PartyLeft(party.leg_id))
        released = session.sip.release(party.leg_id)
        self._edge.legs.pop(dialog_key, None)
        if released is not None:
            released.quiet()
        self._edge.owners.moved([dialog_key], request.owner)
        self._released[key] = answer
        self._edge.loop.call_later(_REMEMBERED_S, self._released.pop, key, None)
        log.info(
            "a party goes over to a call of another edge",
            tenant=session.call.tenant_id,
            call=session.call.call_id,
            edge=request.owner,
        )
        return answer
