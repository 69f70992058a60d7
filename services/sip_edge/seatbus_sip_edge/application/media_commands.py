"""What a call asks of media. Answers come back as inputs."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from seatbus.media.v1 import service_pb2 as media_pb
from seatbus_kit.errors import InvalidArgument, Refused, ResourceExhausted, SeatbusError, Unavailable
from seatbus_sip_edge.adapters.neighbours import AWAY
from seatbus_sip_edge.application.asking import Asking
from seatbus_sip_edge.application.media_kind import name_of, with_kind
from seatbus_sip_edge.application.media_links import MediaLinks, OutpostAway
from seatbus_sip_edge.application.media_ways import kind_of
from seatbus_sip_edge.application.prompt_texts import with_texts
from seatbus_sip_edge.application.spare_offers import SpareOffers
from seatbus_sip_edge.domain import effects as fx
from seatbus_sip_edge.domain import inputs as on
from seatbus_sip_edge.domain.model import Phase

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from seatbus.media.v1 import types_pb2 as media_types
    from seatbus_sip_edge.application.lanes import Lane
    from seatbus_sip_edge.application.legs.early_offers import Updated
    from seatbus_sip_edge.application.session import Session
    from seatbus_sip_edge.domain.model import Leg

# New audio may wait for a media instance that is being restarted; a live call's may not be silent long.
_ACCEPT_S = 5.0
_MEDIA_S = 3.0
# Phases in which a call gets its first audio.
_BEGINS = (Phase.ARRIVED, Phase.DIALLING, Phase.CALLING, Phase.CALLING_BACK)
_END_S = 2.0
# What follows a talk's end at media, in the journal and on the bus makes room for the agent's next call,
# which is decided and offered in this time.
_MAKE_ROOM_S = 0.06
_MOVES_ALONG = (fx.MediaReply.NOTHING, fx.MediaReply.OFFER, fx.MediaReply.CONNECTED)


def end_of(item: media_pb.GetSessionResponse, owner: str, why: str) -> media_pb.ExecuteRequest:
    """Ends a session that no call has any more."""
    request = media_pb.ExecuteRequest(
        session_id=item.session_id,
        owner=owner,
        epoch=item.epoch,
        commands=[media_pb.Command(end_session=media_pb.EndSession())],
    )
    request.context.request_id = f"{item.session_id}:{why}"
    request.context.tenant_id = item.tenant_id
    return request


class MediaCommands(Asking):
    """Batches of commands, in order."""

    def __init__(self, session: Session, lane: Lane) -> None:
        super().__init__(session, lane)
        self._requests = 0
        self.links = MediaLinks(session, self)
        self.spare = SpareOffers(session)
        # What was measured of legs that have ended before their call.
        self._measured: dict[str, on.LegStatistics] = {}
        # How the phones of a leg were offered its audio first.
        self._kinds: dict[str, media_types.EndpointKind] = {}
        # Of legs whose audio has moved before media was told of their answer: that one, and the newest.
        self.answered_anew: dict[str, tuple[str, str]] = {}

    def perform(self, effect: fx.Media) -> None:
        self.lane.push(lambda: self._media(effect))

    async def accept(self, leg: Leg, command: media_pb.Command, limit_s: float) -> str:
        """The answer to a peer that is not of the call yet."""
        self.links.guests[leg.leg_id] = leg
        answer = await self.links.execute([command], limit_s, "")
        return str(answer.results[0].sdp)

    async def execute_at(
        self, instance: str, commands: Any, limit_s: float, request_id: str = ""
    ) -> media_pb.ExecuteResponse:
        """At an instance that need not be the call's; the commands say themselves how the audio travels."""
        return await self._ask_media(instance, commands, limit_s, request_id)

    async def _execute(self, commands: Any, limit_s: float, request_id: str = "") -> media_pb.ExecuteResponse:
        """`request_id` names what a successor of this process may ask again."""
        of_kind = [self._of_kind(command) for command in commands]
        agreed = [self._agreed(command) for command in of_kind]
        if any(item is not None for item in agreed):
            answer = await self._but_agreed(of_kind, agreed, limit_s, request_id)
        else:
            answer = await self.links.execute(of_kind, limit_s, request_id)
        for command, result in zip(commands, answer.results, strict=True):
            if command.HasField("remove_endpoint"):
                leg_id = command.remove_endpoint.endpoint_id
                if result.statistics.packets_received:
                    self._measured[leg_id] = on.LegStatistics(leg_id, result.statistics)
        return answer

    def _agreed(self, command: media_pb.Command) -> Updated | None:
        """What a peer has offered since it answered ours: media has no question open for that answer."""
        if not command.HasField("accept_answer"):
            return None
        leg = self._session.sip.legs.get(command.accept_answer.endpoint_id)
        return leg.updated if leg is not None else None

    async def _but_agreed(
        self,
        commands: Sequence[media_pb.Command],
        agreed: Sequence[Updated | None],
        limit_s: float,
        request_id: str,
    ) -> media_pb.ExecuteResponse:
        told = [command for command, updated in zip(commands, agreed, strict=True) if updated is None]
        answer = media_pb.ExecuteResponse()
        if told:
            answer = await self.links.execute(told, limit_s, request_id)
        others = iter(answer.results)
        results = [media_pb.Result(codec=item.codec) if item is not None else next(others) for item in agreed]
        return media_pb.ExecuteResponse(results=results)

    async def at_own(self, commands: Any, limit_s: float, request_id: str) -> media_pb.ExecuteResponse:
        """At the call's instance."""
        return await self._ask_media(self._call.media_instance, commands, limit_s, request_id)

    async def _ask_media(
        self, instance: str, commands: Any, limit_s: float, request_id: str = ""
    ) -> media_pb.ExecuteResponse:
        self._requests += 1
        call = self._call
        request = media_pb.ExecuteRequest(
            context=self._context(request_id or f"{call.call_id}:{self._edge.incarnation}:{self._requests}"),
            session_id=call.call_id,
            owner=call.owner,
            epoch=call.epoch,
            commands=commands,
        )
        found: media_pb.ExecuteResponse = await self._ask(
            "media",
            "Execute",
            request,
            deadline=self._edge.monotonic() + limit_s,
            instance=instance,
        )
        return found

    def _of_kind(self, command: media_pb.Command) -> media_pb.Command:
        if command.HasField("accept_answer"):
            return self._newest_answer(command)
        leg_id = command.make_offer.endpoint_id or command.accept_offer.endpoint_id
        if leg_id and leg_id not in self._call.legs:
            return command
        if leg_id:
            made = with_kind(self._edge, self._call, self._call.legs[leg_id], command)
            if made.HasField("make_offer"):
                self._kinds[leg_id] = made.make_offer.kind
            return made
        return with_texts(self._edge.config, self._call.tenant_id, command)

    def _newest_answer(self, command: media_pb.Command) -> media_pb.Command:
        endpoint_id = command.accept_answer.endpoint_id
        old, new = self.answered_anew.get(endpoint_id, ("", ""))
        leg = self._call.legs.get(endpoint_id)
        alternative = leg.answered_as if leg is not None else ""
        anew = bool(old) and command.accept_answer.sdp == old
        if not anew and not alternative:
            return command
        sdp = new if anew else command.accept_answer.sdp
        answer = media_pb.AcceptAnswer(endpoint_id=endpoint_id, sdp=sdp, alternative=alternative)
        return media_pb.Command(accept_answer=answer)

    async def _media(self, effect: fx.Media) -> None:
        call, session = self._call, self._session
        reply = effect.reply
        if reply is fx.MediaReply.ENDED:
            await self._end_session(effect)
            return
        if call.phase in (Phase.ENDING, Phase.ENDED):
            return
        if reply is fx.MediaReply.OFFER and await self._offered_ahead(effect):
            return
        asked = self.spare.fitted(effect) if effect.spare else effect.commands
        if not asked:
            return
        try:
            if reply is fx.MediaReply.ACCEPTED or not call.media_instance:
                answer = await self._accept(effect, asked)
            else:
                answer = await self._execute(asked, _MEDIA_S, self._request_of(effect))
        except OutpostAway as error:
            leg = call.legs.get(error.leg_id)
            if leg is not None and self._edge.link_move.start(session, leg, str(error)):
                self.perform(effect)
                return
            self._log("media does not answer, the call is ended", error, leg=error.leg_id)
            session.feed(on.MediaLost(str(error)))
            return
        except AWAY as error:
            self.spare.forget()
            # What has no reply is said again once the audio has moved, the rest is asked again.
            if reply in _MOVES_ALONG and self._edge.media_move.start(session, str(error)):
                if reply is not fx.MediaReply.NOTHING:
                    self.perform(effect)
                return
            self._log("media does not answer, the call is ended", error, media=call.media_instance)
            session.feed(on.MediaLost(str(error)))
            return
        except SeatbusError as error:
            if not effect.spare or not self.spare.refused(asked, error):
                self._refused(effect, error)
            return
        results = answer.results
        if effect.spare:
            self.spare.answered(asked, results)
        if reply is fx.MediaReply.ACCEPTED:
            session.feed(on.OfferAccepted(results[0].sdp, results[0].codec))
        elif reply is fx.MediaReply.OFFER:
            await self._other_kinds(effect, results[0].sdp)
            session.feed(on.AgentOfferMade(effect.leg_id, results[0].sdp))
        elif reply is fx.MediaReply.READY:
            session.feed(on.CallerReady(results[0].codec))
        elif reply is fx.MediaReply.CONNECTED:
            session.feed(on.Connected(effect.leg_id, results[0].codec))

    async def _offered_ahead(self, effect: fx.Media) -> bool:
        """The leg began while media was making the offer that suits it."""
        spare, leg = self.spare.offered(effect.leg_id), self._call.legs.get(effect.leg_id)
        if spare is None or leg is None:
            return False
        leg.media_zone, self._kinds[leg.leg_id] = spare.met.zone, spare.met.kind
        await self._other_kinds(effect, spare.sdp)
        self._session.feed(on.AgentOfferMade(leg.leg_id, spare.sdp))
        return True

    async def _other_kinds(self, effect: fx.Media, sdp: str) -> None:
        """Phones of other kinds that ring as well are offered the leg in their own way."""
        leg, first = self._call.legs.get(effect.leg_id), self._kinds.pop(effect.leg_id, None)
        if leg is None or not leg.agent_id or leg.lost or first is None:
            return
        offers = self._session.sip.offers[leg.leg_id] = {name_of(first): sdp}
        for kind in self._edge.registrar.kinds(leg.agent_tenant_id, leg.agent_id):
            name = name_of(kind)
            if name in offers:
                continue
            like = effect.commands[0].make_offer.like_endpoint_id
            zone = leg.media_zone or ""
            offer = media_pb.MakeOffer(
                endpoint_id=leg.leg_id, like_endpoint_id=like, kind=kind, alternative=name, zone=zone
            )
            request_id = f"{self._request_of(effect)}:{name}"
            try:
                made = await self.links.execute([media_pb.Command(make_offer=offer)], _MEDIA_S, request_id)
            except SeatbusError as error:
                self._log("phones of a kind are not offered the call", error, leg=leg.leg_id, kind=name)
                continue
            offers[name] = made.results[0].sdp

    def _request_of(self, effect: fx.Media) -> str:
        """What has a reply is asked once a leg: asked again after a restart, media repeats its answer."""
        if effect.reply is fx.MediaReply.NOTHING:
            return ""
        return f"{self._call.call_id}:{effect.reply}:{effect.leg_id}"

    async def _accept(self, effect: fx.Media, asked: Sequence[media_pb.Command]) -> media_pb.ExecuteResponse:
        """The first command of a session chooses its instance; another one is tried when that is away."""
        call = self._call
        deadline = self._edge.monotonic() + _ACCEPT_S
        zone = self.links.zone_of_first(asked)
        while True:
            call.media_instance = await self._edge.media_watch.choose(deadline, zone)
            found = self._edge.neighbours.instances.get(call.media_instance)
            call.media_incarnation = found.incarnation if found is not None else ""
            try:
                return await self._execute(asked, 1.0, self._request_of(effect))
            except (*AWAY, ResourceExhausted) as error:
                self._edge.media_watch.suspect(call.media_instance)
                if self._edge.monotonic() >= deadline or call.phase not in _BEGINS:
                    raise Unavailable(str(error)) from error

    def _refused(self, effect: fx.Media, error: SeatbusError) -> None:
        self._log("media refuses a command", error, field=error.field or "", reply=effect.reply.value)
        session = self._session
        match effect.reply:
            case fx.MediaReply.ACCEPTED | fx.MediaReply.READY:
                of_the_offer = isinstance(error, InvalidArgument | Refused)
                session.feed((on.OfferUnacceptable if of_the_offer else on.MediaLost)(str(error)))
            case fx.MediaReply.OFFER:
                session.feed(on.AgentFailed(effect.leg_id, 0))
            case fx.MediaReply.CONNECTED:
                session.feed(on.ConnectFailed(effect.leg_id, str(error)))
            case _:
                for command in effect.commands:
                    if command.HasField("play"):
                        session.feed(on.PlayFinished(command.play.play_id, "failed"))
                    elif command.HasField("collect"):
                        session.feed(on.CollectFinished(command.collect.collect_id, "", "failed"))

    async def _end_session(self, effect: fx.Media) -> None:
        measured = self._measured
        if not self._edge.draining and any(leg.rid for leg in self._call.legs.values()):
            await asyncio.sleep(_MAKE_ROOM_S)
        try:
            if self._call.media_instance:
                answer = await self._execute(effect.commands, _END_S, self._request_of(effect))
                for result in answer.results:
                    for item in result.endpoints:
                        measured[item.endpoint_id] = on.LegStatistics(item.endpoint_id, item.statistics)
        except SeatbusError as error:
            self._log("no statistics of the audio", error)
        for leg_id, info in (await self.links.ended()).items():
            measured[leg_id] = on.LegStatistics(leg_id, info.statistics)
        self._session.feed(on.SessionEnded(list(measured.values())))

    def reoffer(self, leg_id: str, sdp: str, answered: Callable[[str], None]) -> None:
        """A new offer on a leg that has audio; `answered` gets the SDP, or nothing when media refuses it."""
        self.renegotiate(leg_id, sdp, lambda answer, _: answered(answer))

    def renegotiate(self, leg_id: str, sdp: str, answered: Callable[[str, str], None]) -> None:
        """The same; `answered` gets the codec too."""

        async def job() -> None:
            command = media_pb.Command(accept_offer=media_pb.AcceptOffer(endpoint_id=leg_id, sdp=sdp))
            try:
                answer = await self._execute([command], _MEDIA_S)
            except SeatbusError as error:
                self._log("media refuses a new offer", error, leg=leg_id)
                answered("", "")
                return
            answered(answer.results[0].sdp, answer.results[0].codec)

        self.lane.push(job)

    def offer(
        self, leg_id: str, like_leg_id: str, made: Callable[[str], None], zone: str = "", continues: str = ""
    ) -> None:
        """An offer of ours for a leg; `made` gets the SDP, or nothing when media refuses. `continues`: how a
        peer that has audio elsewhere was described there.
        """

        async def job() -> None:
            make = media_pb.MakeOffer(
                endpoint_id=leg_id,
                like_endpoint_id=like_leg_id,
                kind=kind_of(continues),
                zone=zone,
                continues=continues,
            )
            command = media_pb.Command(make_offer=make)
            try:
                answer = await self._execute([command], _MEDIA_S)
            except SeatbusError as error:
                self._log("media makes no offer", error, leg=leg_id)
                made("")
                return
            if (leg := self._session.sip.legs.get(leg_id)) is not None:
                # From here on an answer is one to this.
                leg.updated = None
            made(answer.results[0].sdp)

        self.lane.push(job)

    def own_offer(self, leg_id: str, made: Callable[[str], None]) -> None:
        """Our own offer on a leg that has audio; `made` gets the SDP, or nothing when media refuses."""
        self.offer(leg_id, "", made)

    def answered(self, leg_id: str, sdp: str) -> None:
        """The peer's answer to an offer of ours."""
        command = media_pb.Command(accept_answer=media_pb.AcceptAnswer(endpoint_id=leg_id, sdp=sdp))
        self.perform(fx.Media([command], leg_id=leg_id))

    def digit(self, leg_id: str, digit: str) -> None:
        """A digit that came by INFO: media owns all digits, whatever way they come."""
        command = media_pb.Command(heard_dtmf=media_pb.HeardDtmf(endpoint_id=leg_id, digit=digit))
        self.perform(fx.Media([command], leg_id=leg_id))

    def drop(self, leg_id: str) -> None:
        """Removes audio that was offered for a leg which did not come."""
        command = media_pb.Command(remove_endpoint=media_pb.RemoveEndpoint(endpoint_id=leg_id))
        self.perform(fx.Media([command]))
