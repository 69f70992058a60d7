"""An attended transfer between two calls of one phone that two edges own: the party comes over to this call.

As between calls of one edge: audio first, then the calls, one right after the other. Until the other edge has
released the party both calls are as they were.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final

import orjson

from seatbus.call.v1 import service_pb2 as pb
from seatbus.common.v1 import types_pb2 as common
from seatbus_kit.errors import (
    DeadlineExceeded,
    NotFound,
    OutcomeUnknown,
    SeatbusError,
    Unavailable,
    Unimplemented,
)
from seatbus_kit.ids import uuid7
from seatbus_kit.log import get_logger
from seatbus_kit.rpc.client import invoke
from seatbus_sip_edge.application.media_links import placed_as
from seatbus_sip_edge.domain import inputs as on
from seatbus_sip_edge.domain.hops import hint_of
from seatbus_sip_edge.domain.model import Leg, LegPhase, Phase, Role

if TYPE_CHECKING:
    from collections.abc import Callable

    from seatbus_sip.replaces import Replaces
    from seatbus_sip_edge.application.session import Session

log = get_logger("sip_edge.joining")

_ACTOR: Final = common.Actor(kind=common.ACTOR_KIND_SYSTEM, id="sip_edge")
_FIND_S: Final = 1.5
_OFFER_S: Final = 8.0
_RELEASE_S: Final = 1.5
_RELEASE_TRIES: Final = 4
_LOOKUP_S: Final = 0.5
_AWAY: Final = (Unavailable, OutcomeUnknown, DeadlineExceeded)
_tasks: set[asyncio.Task[None]] = set()


def is_elsewhere(session: Session, replaces: Replaces) -> bool:
    """Whether another edge has made the dialog that is named, this one does not know it."""
    edges = session.edge.edges
    return edges.by_hint(hint_of(replaces.to_tag)) not in ("", edges.own_id)


class EdgeJoining:
    """One attempt. `told` gets the final status once: 200, or what kept the two apart."""

    def __init__(self, first: Session, agent: Leg, replaces: Replaces, told: Callable[[int], None]) -> None:
        self._first = first
        self._replaces = replaces
        self._told = told
        self._leg_id = uuid7()
        # The party's leg as far as its audio here goes.
        self._guest = first.commands.media.links.invite(Leg(self._leg_id, Role.LEG_ROLE_AGENT))
        self._dialog = pb.AgentDialog(
            sip_call_id=replaces.call_id,
            own_tag=replaces.to_tag,
            peer_tag=replaces.from_tag,
            agent_tenant_id=agent.agent_tenant_id,
            agent_id=agent.agent_id,
        )

    def begin(self) -> None:
        task = asyncio.create_task(self._run())
        _tasks.add(task)
        task.add_done_callback(_tasks.discard)

    async def _run(self) -> None:
        first = self._first
        try:
            status = await self._join()
        except SeatbusError as error:
            log.warning("the edge of the second call does not answer", reason=str(error))
            status = 503
        if status != 200:
            call = first.call
            log.warning("two calls are not joined", tenant=call.tenant_id, call=call.call_id, status=status)
            if self._leg_id not in call.legs and not first.over:
                first.commands.media.drop(self._leg_id)
        self._told(status)
        first.edge.stack.pump()

    def _context(self) -> common.RequestContext:
        return common.RequestContext(
            request_id=self._leg_id, tenant_id=self._first.call.tenant_id, actor=_ACTOR
        )

    async def _owner(self) -> str:
        """Who serves the dialog: who has made it, or who has taken it over since."""
        edge = self._first.edge
        made_it = edge.edges.by_hint(hint_of(self._replaces.to_tag))
        if edge.neighbours.instances.get(made_it) is not None:
            return made_it
        try:
            async with asyncio.timeout(_LOOKUP_S):
                return await edge.owners.owner_of(self._replaces.call_id, self._replaces.to_tag)
        except TimeoutError:
            return ""

    async def _join(self) -> int:
        first, edge = self._first, self._first.edge
        found = edge.neighbours.instances.get(await self._owner())
        if found is None:
            return 503
        stub: Any = edge.neighbours.edge_stub(found.address)
        party = await self._party(stub)
        if party.status >= 300:
            return int(party.status)
        offer = await self._offer(party)
        if not offer:
            return 488
        asked = pb.OfferPartyRequest(context=self._context(), dialog=self._dialog, sdp=offer)
        answer = await invoke(stub.OfferParty, asked, _OFFER_S, first.trace)
        if answer.status >= 300:
            return int(answer.status)
        if first.call.phase is not Phase.BRIDGED:
            await self._release(stub, undo=True)
            return 481
        try:
            released = await self._release(stub)
        except NotFound:
            return 481
        self._take(released, offer, answer.sdp)
        return 200

    async def _party(self, stub: Any) -> pb.FindPartyResponse:
        """An edge of a version before this does not say: its party is met in the common network."""
        sought = pb.FindPartyRequest(context=self._context(), dialog=self._dialog)
        try:
            return await invoke(stub.FindParty, sought, _FIND_S, self._first.trace)
        except Unimplemented:
            return pb.FindPartyResponse(status=200)

    async def _offer(self, party: pb.FindPartyResponse) -> str:
        """Of this call's media for the party, in its own network; empty when there is none."""
        made: asyncio.Future[str] = self._first.edge.loop.create_future()

        def offered(sdp: str) -> None:
            if not made.done():
                made.set_result(sdp)

        first = self._first
        first.commands.media.offer(
            self._leg_id, first.call.caller_leg_id, offered, party.media_zone, party.sdp
        )
        try:
            async with asyncio.timeout(_OFFER_S):
                return await made
        except TimeoutError:
            return ""

    async def _release(self, stub: Any, *, undo: bool = False) -> pb.ReleasePartyResponse:
        """Asked again until it is known whether the party is free: the other edge does it once."""
        request = pb.ReleasePartyRequest(
            context=self._context(), dialog=self._dialog, undo=undo, owner=self._first.edge.instance_id
        )
        tries = 0
        while True:
            tries += 1
            try:
                return await invoke(stub.ReleaseParty, request, _RELEASE_S, self._first.trace)
            except _AWAY:
                if tries >= _RELEASE_TRIES:
                    raise
                await asyncio.sleep(0.1 * tries)

    def _take(self, released: pb.ReleasePartyResponse, offer: str, answer: str) -> None:
        """The party's leg and dialog are this call's; its phone learns where it is served now."""
        first = self._first
        stored = {
            name: value
            for name, value in orjson.loads(released.leg).items()
            if name in Leg.__dataclass_fields__
        }
        leg = Leg(**stored)
        leg.leg_id, leg.phase = self._leg_id, LegPhase(leg.phase)
        leg.held = leg.on_hold = leg.muted = leg.incoming = False
        placed_as(leg, self._guest)
        leg.queue_id = ""
        first.sip.restoring.take(self._leg_id, orjson.loads(released.dialog), offer)
        if first.feed(on.PartyJoined(leg, answer)):
            first.commands.work.moved_here(leg)
            first.sip.restoring.tell(self._leg_id)
            return
        # The call has ended in the moment of the release: nobody is left to talk with.
        first.commands.work.left_alone(leg)
        first.sip.within.hang_up(self._leg_id)
