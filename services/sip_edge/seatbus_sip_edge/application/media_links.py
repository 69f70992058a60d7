"""Legs whose network the call's media instance is not in: another instance meets them.

That one has the peer's endpoint; the call's has, under the same id, its end of a link (`LINK`) to it.
So whatever is done to the leg's audio (music, digits, talks, recordings) is done at the call's instance, as
for any other leg. Descriptions alone go to where the peer is met, and the leg's figures come from there.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from seatbus.media.v1 import service_pb2 as media
from seatbus.media.v1.types_pb2 import ENDPOINT_KIND_LINK
from seatbus_kit.errors import NotFound, Refused, SeatbusError, Unavailable
from seatbus_kit.log import get_logger
from seatbus_sip_edge.adapters.neighbours import AWAY
from seatbus_sip_edge.application.media_kind import zone_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from seatbus.media.v1.types_pb2 import EndpointInfo
    from seatbus_sip_edge.application.media_commands import MediaCommands
    from seatbus_sip_edge.application.session import Session
    from seatbus_sip_edge.domain.model import Leg

log = get_logger("sip_edge.media")

_DESCRIBES: Final = ("accept_offer", "make_offer", "accept_answer", "remove_endpoint")
_NEW_S: Final = 5.0
_ASK_S: Final = 2.0
_CODECS: Final = ("PCMU", "PCMA", "G722", "opus")


class OutpostAway(Unavailable):
    """The instance that meets a leg does not answer; the call's own one is not to blame."""

    def __init__(self, leg_id: str, reason: str) -> None:
        super().__init__(reason)
        self.leg_id = leg_id


class MediaLinks:
    """Of one call."""

    def __init__(self, session: Session, commands: MediaCommands) -> None:
        self._session = session
        self._edge = session.edge
        self._call = session.call
        self._commands = commands
        # Legs that are about to join the call.
        self.guests: dict[str, Leg] = {}

    # ---- what the call asks ----------------------------------------------------------------------------
    async def execute(
        self, commands: Sequence[media.Command], limit_s: float, request_id: str
    ) -> media.ExecuteResponse:
        """Each command where it belongs. Raises OutpostAway before the call's instance is asked anything."""
        results: dict[int, media.Result] = {}
        here: list[tuple[int, media.Command]] = []
        placed: list[tuple[Leg, str]] = []
        for number, command in enumerate(commands):
            leg = self._described(command)
            word = command.WhichOneof("command")
            if leg is None:
                here.append((number, command))
            elif leg.met_by:
                results[number] = await self._there(leg, command, limit_s, request_id)
                if word == "remove_endpoint":
                    here.append((number, command))
            elif leg.media_zone is None and word in ("accept_offer", "make_offer"):
                zone = self._zone(leg, command)
                if self._foreign(zone):
                    results[number] = await self._extend(leg, command, zone, request_id)
                else:
                    here.append((number, _in_zone(command, zone)))
                    placed.append((leg, zone))
            else:
                here.append((number, command))
        made = media.ExecuteResponse()
        if here:
            made = await self._commands.at_own([command for _, command in here], limit_s, request_id)
        for leg, zone in placed:
            leg.media_zone = zone
        if not results:
            return made
        for (number, _), result in zip(here, made.results, strict=True):
            results.setdefault(number, result)
        return media.ExecuteResponse(results=[results[number] for number in range(len(commands))])

    def _described(self, command: media.Command) -> Leg | None:
        """The leg that a command describes to its peer, or takes away."""
        word = command.WhichOneof("command")
        if word not in _DESCRIBES:
            return None
        leg_id = getattr(command, word).endpoint_id
        return self._call.legs.get(leg_id) or self.guests.get(leg_id)

    def zone_of_first(self, commands: Sequence[media.Command]) -> str:
        """The network that the call's instance has to be in."""
        leg = self._described(commands[0])
        return self._zone(leg, commands[0]) if leg is not None else ""

    def _zone(self, leg: Leg, command: media.Command) -> str:
        return command.accept_offer.zone or command.make_offer.zone or zone_of(self._edge, self._call, leg)

    def _foreign(self, zone: str) -> bool:
        own = self._edge.neighbours.instances.get(self._call.media_instance)
        return bool(zone) and own is not None and not self._edge.media_watch.is_in(own, zone)

    async def _there(self, leg: Leg, command: media.Command, limit_s: float, request_id: str) -> media.Result:
        word = command.WhichOneof("command")
        if word == "remove_endpoint":
            return await self._leave(leg)
        if word == "accept_answer":
            # Two that are joined already may be joined again.
            return (await self.at(leg, [command, _join(leg)], limit_s, request_id))[0]
        return (await self.at(leg, [self._alone(command)], limit_s, request_id))[0]

    def _alone(self, command: media.Command) -> media.Command:
        """The leg that this one is to be like is not at the other instance: its codec goes first, by name."""
        if not command.make_offer.like_endpoint_id:
            return command
        made = media.Command()
        made.CopyFrom(command)
        made.make_offer.like_endpoint_id = ""
        del made.make_offer.codecs[:]
        made.make_offer.codecs.extend(self._codecs())
        return made

    def _codecs(self) -> list[str]:
        return sorted(_CODECS, key=lambda name: name.lower() != self._call.codec.lower())

    async def _leave(self, leg: Leg) -> media.Result:
        """The leg ends. What its instance does not hear now it is told by the reaper."""
        gone = [_remove(leg.link_id), _remove(leg.leg_id)]
        try:
            results = await self.at(leg, gone, _ASK_S)
        except SeatbusError as error:
            log.warning(
                "a leg's media does not say its figures",
                call=self._call.call_id,
                leg=leg.leg_id,
                reason=str(error),
            )
            results = [media.Result(), media.Result()]
        forget(leg)
        return results[1]

    def invite(self, leg: Leg) -> Leg:
        """A leg of another call is to be a leg of this one: what holds of its audio here."""
        guest = replace(leg)
        forget(guest)
        self.guests[leg.leg_id] = guest
        return guest

    async def ended(self) -> dict[str, EndpointInfo]:
        """Ends the call at the other instances: what they have measured, by leg."""
        names = {leg.met_by for leg in (*self._call.legs.values(), *self.guests.values()) if leg.met_by}
        end = [media.Command(end_session=media.EndSession())]
        answers = await asyncio.gather(
            *(self._commands.execute_at(name, end, _ASK_S) for name in names), return_exceptions=True
        )
        found: dict[str, EndpointInfo] = {}
        for name, answer in zip(names, answers, strict=True):
            if isinstance(answer, SeatbusError):
                log.warning(
                    "no figures of a leg's audio", call=self._call.call_id, media=name, reason=str(answer)
                )
            elif isinstance(answer, BaseException):
                raise answer
            else:
                found |= {info.endpoint_id: info for info in answer.results[0].endpoints}
        return found

    # ---- links -----------------------------------------------------------------------------------------
    async def _extend(self, leg: Leg, command: media.Command, zone: str, request_id: str) -> media.Result:
        """A new leg at an instance that is in its network; another one is tried when that is away."""
        watch = self._edge.media_watch
        deadline = self._edge.monotonic() + _NEW_S
        while True:
            name = await watch.choose(deadline, zone)
            self.place(leg, name, zone)
            try:
                sdp = await self.join(leg, [_in_zone(self._alone(command), zone)], request_id)
            except OutpostAway:
                watch.suspect(name)
                forget(leg)
                if self._edge.monotonic() >= deadline:
                    raise
            except AWAY:
                # The call's own instance: its audio moves, and this leg's link with it.
                raise
            except SeatbusError:
                forget(leg)
                raise
            else:
                self._session.checkpoint()
                return media.Result(sdp=sdp)

    def place(self, leg: Leg, name: str, zone: str) -> None:
        leg.media_zone, leg.met_by, leg.link_id = zone, name, self._edge.ids()
        leg.met_incarnation = self._edge.media_watch.incarnation(name)

    async def join(self, leg: Leg, commands: Sequence[media.Command], request_id: str = "") -> str:
        """The peer's endpoint at the leg's instance, by these commands, and a link to the call's instance.

        Returns how the peer is described.
        """
        sdp, taken = await self.begin(leg, commands, request_id)
        near = await self._commands.at_own([taken], _ASK_S, "")
        await self.linked(leg, near.results[0].sdp)
        return sdp

    async def begin(
        self, leg: Leg, commands: Sequence[media.Command], request_id: str = ""
    ) -> tuple[str, media.Command]:
        """The leg's instance alone: how the peer is described, and what the call's is to be asked."""
        made = await self.at(leg, [*commands, self._link_offer(leg)], _ASK_S, request_id)
        return made[-2].sdp, link_taken(leg, made[-1].sdp)

    async def offer_link(self, leg: Leg) -> media.Command:
        """The leg's instance offers another link in place of the old one; what the call's is to be asked."""
        old, leg.link_id = leg.link_id, self._edge.ids()
        made = await self.at(leg, [self._link_offer(leg)], _ASK_S)
        try:
            await self.at(leg, [_remove(old)], _ASK_S)
        except NotFound:
            log.info("the old link is gone already", call=self._call.call_id, leg=leg.leg_id)
        return link_taken(leg, made[0].sdp)

    async def linked(self, leg: Leg, answer: str) -> None:
        """The other end's answer: from here on the peer is heard, if it has agreed on its audio already."""
        accept = media.AcceptAnswer(endpoint_id=leg.link_id, sdp=answer)
        await self.at(leg, [media.Command(accept_answer=accept)], _ASK_S)
        try:
            await self.at(leg, [_join(leg)], _ASK_S)
        except Refused as error:
            if error.reason != "not_negotiated":
                raise

    def _link_offer(self, leg: Leg) -> media.Command:
        offer = media.MakeOffer(endpoint_id=leg.link_id, kind=ENDPOINT_KIND_LINK, codecs=self._codecs())
        return media.Command(make_offer=offer)

    async def at(
        self, leg: Leg, commands: Sequence[media.Command], limit_s: float, request_id: str = ""
    ) -> Sequence[media.Result]:
        """Results of the leg's instance. Raises OutpostAway."""
        named = f"{request_id}:{leg.met_by}" if request_id else ""
        try:
            answer = await self._commands.execute_at(leg.met_by, commands, limit_s, named)
        except AWAY as error:
            raise OutpostAway(leg.leg_id, str(error)) from error
        return list(answer.results)


def forget(leg: Leg) -> None:
    leg.media_zone, leg.met_by, leg.met_incarnation, leg.link_id = None, "", "", ""


def placed_as(leg: Leg, other: Leg) -> None:
    """The audio of `leg` is where that of `other` is."""
    leg.media_zone, leg.met_by = other.media_zone, other.met_by
    leg.met_incarnation, leg.link_id = other.met_incarnation, other.link_id


def link_taken(leg: Leg, offer: str) -> media.Command:
    """At the call's instance the leg is its end of the link."""
    accept = media.AcceptOffer(endpoint_id=leg.leg_id, sdp=offer, kind=ENDPOINT_KIND_LINK)
    return media.Command(accept_offer=accept)


def _in_zone(command: media.Command, zone: str) -> media.Command:
    word = command.WhichOneof("command")
    if not zone or getattr(command, word or "").zone == zone:
        return command
    made = media.Command()
    made.CopyFrom(command)
    getattr(made, word or "").zone = zone
    return made


def _join(leg: Leg) -> media.Command:
    return media.Command(connect=media.Connect(endpoint_a=leg.leg_id, endpoint_b=leg.link_id))


def _remove(endpoint_id: str) -> media.Command:
    return media.Command(remove_endpoint=media.RemoveEndpoint(endpoint_id=endpoint_id))
