"""Offers for agents' legs that media makes before there is an agent: beside the music of a waiting customer.

What the next agent's phone will want is guessed from the last one that was offered a contact of the queue. An
offer that does not suit is removed when the wait is over; one that media refuses is done without.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple

from seatbus.media.v1 import service_pb2 as media_pb
from seatbus.media.v1 import types_pb2 as media_types
from seatbus_kit.log import get_logger
from seatbus_sip_edge.application.media_kind import name_of, zone_of_agent

if TYPE_CHECKING:
    from collections.abc import Sequence

    from seatbus_kit.errors import SeatbusError
    from seatbus_sip_edge.application.edge import Edge
    from seatbus_sip_edge.application.phones import Phone
    from seatbus_sip_edge.application.session import Session
    from seatbus_sip_edge.domain import effects as fx

log = get_logger("sip_edge.media")

# Not browsers: a session with one that has not shaken hands is not taken up by a successor of media.
_KINDS: Final = frozenset(
    {
        media_types.ENDPOINT_KIND_RTP,
        media_types.ENDPOINT_KIND_SRTP_SDES,
        media_types.ENDPOINT_KIND_SRTP_OPPORTUNISTIC,
    }
)
# An instance with more of its ports in use keeps them for those who talk.
_MOST_LOAD: Final = 0.5
_QUEUES: Final = 10_000


class Met(NamedTuple):
    """How the audio of a phone travels, and in which network media meets it."""

    kind: media_types.EndpointKind
    zone: str


class LastPhones:
    """Of each queue, by tenant: how the phone of the last agent was met. Of this process alone."""

    def __init__(self) -> None:
        self._met: dict[tuple[str, str], Met] = {}

    def of(self, tenant: str, queue_id: str) -> Met | None:
        return self._met.get((tenant, queue_id))

    def learn(self, tenant: str, queue_id: str, met: Met | None) -> None:
        key = (tenant, queue_id)
        if met is None:
            self._met.pop(key, None)
            return
        self._met[key] = met
        if len(self._met) > _QUEUES:
            del self._met[next(iter(self._met))]


@dataclass(slots=True)
class Spare:
    """`sdp` is empty until media has answered."""

    leg_id: str
    met: Met
    instance: str
    sdp: str = ""
    taken: bool = False


class SpareOffers:
    """Of one call: at most one at a time."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._edge: Edge = session.edge
        self._call = session.call
        self._spare: Spare | None = None

    def take(self, tenant: str, agent_id: str, phone: Phone | None, queue_id: str) -> Spare | None:
        """For this agent's leg, where it suits the phone; media may still have to say how it is described."""
        met = self._met(tenant, agent_id, phone)
        self._edge.last_phones.learn(self._call.tenant_id, queue_id, met)
        spare = self._spare
        if spare is None or spare.taken or spare.met != met or spare.leg_id != self._call.spare_leg_id:
            return None
        if spare.instance != self._call.media_instance or self._edge.media_move.under_way(self._call.call_id):
            return None
        spare.taken = True
        if spare.sdp:
            self._spare = None
            self._session.sip.offers[spare.leg_id] = {name_of(spare.met.kind): spare.sdp}
        return spare

    def _met(self, tenant: str, agent_id: str, phone: Phone | None) -> Met | None:
        """None: by nothing that is offered ahead, or the agent's phones are met in several ways."""
        if phone is None or phone.kind not in _KINDS:
            return None
        if any(kind != phone.kind for kind in self._edge.registrar.kinds(tenant, agent_id)):
            return None
        return Met(phone.kind, zone_of_agent(self._edge, tenant, agent_id, phone.device_id))

    # ---- in the line of media commands -----------------------------------------------------------------
    def fitted(self, effect: fx.Media) -> list[media_pb.Command]:
        """What media is asked of an effect with a spare endpoint."""
        asked = []
        for command in effect.commands:
            if command.HasField("make_offer"):
                met = self._wanted(effect.spare)
                if met is None:
                    continue
                made = media_pb.Command()
                made.CopyFrom(command)
                made.make_offer.kind, made.make_offer.zone = met
                asked.append(made)
                self._spare = Spare(effect.spare, met, self._call.media_instance)
                self._call.spare_made = True
            elif not command.HasField("remove_endpoint") or self._is_there(effect.spare):
                asked.append(command)
        return asked

    def _wanted(self, leg_id: str) -> Met | None:
        call = self._call
        if leg_id != call.spare_leg_id or self._spare is not None:
            return None
        met = self._edge.last_phones.of(call.tenant_id, call.queue_id)
        own = self._edge.neighbours.instances.get(call.media_instance)
        if met is None or own is None or own.load > _MOST_LOAD:
            return None
        return met if self._edge.media_watch.is_in(own, met.zone) else None

    def _is_there(self, leg_id: str) -> bool:
        """Whether it may be; what was made before a restart is not known."""
        spare, self._spare = self._spare, None
        return self._session.recovered or (spare is not None and spare.leg_id == leg_id)

    def answered(self, asked: Sequence[media_pb.Command], results: Sequence[media_pb.Result]) -> None:
        for command, result in zip(asked, results, strict=True):
            if command.HasField("make_offer") and self._spare is not None:
                self._spare.sdp = result.sdp

    def refused(self, asked: Sequence[media_pb.Command], error: SeatbusError) -> bool:
        """Media does not do all of it. Whether the call does without: what it asked for itself is done."""
        self._spare = None
        own = len(asked) > 1 or not asked[0].HasField("remove_endpoint")
        if own and not (error.field or "").startswith("commands[1]"):
            return False
        log.info(
            "an agent's leg is not offered ahead",
            tenant=self._call.tenant_id,
            call=self._call.call_id,
            reason=str(error),
        )
        return True

    def offered(self, leg_id: str) -> Spare | None:
        """What this leg was to be offered, if media has said so in time."""
        spare = self._spare
        if spare is None or spare.leg_id != leg_id:
            return None
        self._spare = None
        return spare if spare.sdp else None

    def forget(self) -> None:
        """The call has its audio elsewhere."""
        self._spare = None
