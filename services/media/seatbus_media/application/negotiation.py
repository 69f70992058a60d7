"""Offers and answers of the legs: which description belongs to which endpoint, and what was agreed."""

from __future__ import annotations

from time import monotonic
from typing import Any, Protocol

from seatbus.media.v1 import service_pb2 as pb
from seatbus.media.v1.types_pb2 import (
    ENDPOINT_KIND_RTP,
    ENDPOINT_KIND_WEBRTC,
    EndpointKind,
)
from seatbus_kit.errors import InvalidArgument, Refused
from seatbus_media.application.endpoint import Endpoint
from seatbus_media.application.session import Session, alternative_id
from seatbus_media.domain.codec_choice import SERVED, audio_codecs, for_answer, for_partner, with_events
from seatbus_sip.errors import SdpError
from seatbus_sip.sdp import (
    Codec,
    Direction,
    SessionDescription,
    accept_answer,
    build_answer,
    build_offer,
    parse_sdp,
)
from seatbus_sip.sdp_continued import codecs_again, go_on
from seatbus_sip.sdp_security import Security, read_security


class Sockets(Protocol):
    """Opens and closes endpoints' ports."""

    async def open(self, kind: EndpointKind, zone: str = "") -> Endpoint:
        """An endpoint of this kind with its ports bound. Raises ResourceExhausted when no port is left,
        InvalidArgument for a zone that the instance is not in.
        """
        ...

    def close(self, endpoint: Endpoint) -> None: ...


class Negotiation:
    """The commands `accept_offer`, `make_offer` and `accept_answer`."""

    def __init__(self, sockets: Sockets) -> None:
        self._sockets = sockets
        self._offers: dict[Endpoint, SessionDescription] = {}

    async def accept_offer(self, session: Session, command: pb.AcceptOffer) -> pb.Result:
        allowed = _allowed(command.codecs)
        offer = _parse(command.sdp)
        endpoint = session.endpoints.get(command.endpoint_id)
        partner = endpoint.peer.codec if endpoint is not None and endpoint.peer is not None else ""
        codecs = for_answer(offer.audio, allowed, partner, bool(command.codecs))
        fresh = endpoint is None
        if endpoint is None:
            endpoint = await self._sockets.open(_kind_of(offer, command.kind), command.zone)
        _stays(endpoint, command.zone)
        wire = endpoint.wire
        try:
            if not any(wire.usable(offer, section) for section in offer.media):
                raise SdpError("m=audio", f"must be offered as {wire.profile()} with what belongs to it", 488)
            answer, agreed = build_answer(
                offer,
                (endpoint.zone.advertised, wire.port),
                with_events(codecs),
                session_id=endpoint.session_id,
                version=endpoint.version + 1,
                own_order=bool(command.codecs),
                usable=lambda section: wire.usable(offer, section),
            )
            wire.answer(offer, answer)
        except SdpError as error:
            if fresh:
                self._sockets.close(endpoint)
            raise _sdp_refusal(error) from error
        endpoint.version += 1
        if fresh:
            self._adopt(session, command.endpoint_id, endpoint)
        self._offers.pop(endpoint, None)
        endpoint.negotiated(agreed, monotonic())
        session.arrange()
        return pb.Result(sdp=str(answer), codec=endpoint.codec)

    async def make_offer(self, session: Session, command: pb.MakeOffer) -> pb.Result:
        codecs = _allowed(command.codecs)
        if command.like_endpoint_id:
            like = session.endpoint(command.like_endpoint_id, "like_endpoint_id")
            codecs = for_partner(codecs, like.codec)
        offered = with_events(codecs)
        name = command.endpoint_id
        if command.alternative:
            session.endpoint(name, "endpoint_id")
            name = alternative_id(name, command.alternative)
        endpoint = session.endpoints.get(name)
        previous = _previous(command.continues) if command.continues and endpoint is None else None
        if endpoint is None:
            endpoint = await self._sockets.open(command.kind or ENDPOINT_KIND_RTP, command.zone)
            self._adopt(session, name, endpoint)
        _stays(endpoint, command.zone)
        if previous is not None:
            endpoint.session_id, endpoint.version = previous.origin.session_id, previous.origin.version
            offered = codecs_again(previous, offered)
            endpoint.wire.follow(previous)
        endpoint.version += 1
        offer = build_offer(
            (endpoint.zone.advertised, endpoint.wire.port),
            offered,
            session_id=endpoint.session_id,
            version=endpoint.version,
            direction=Direction(command.direction or "sendrecv"),
            profile=endpoint.wire.profile(),
        )
        endpoint.wire.offer(offer, command.ice_restart)
        if previous is not None:
            go_on(offer, previous)
        self._offers[endpoint] = offer
        return pb.Result(sdp=str(offer), codec=endpoint.codec)

    async def accept_answer(self, session: Session, command: pb.AcceptAnswer) -> pb.Result:
        own = session.endpoint(command.endpoint_id, "endpoint_id")
        other = session.endpoints.get(alternative_id(command.endpoint_id, command.alternative))
        endpoint = other or own
        offer = self._offers.get(endpoint)
        if offer is None:
            raise Refused("no_offer", "no offer of this endpoint waits for an answer", field="endpoint_id")
        try:
            answer = parse_sdp(command.sdp)
            agreed = accept_answer(offer, answer, _preferred(offer))
            endpoint.wire.answered(offer, answer)
        except SdpError as error:
            raise _sdp_refusal(error) from error
        self._chosen(session, own, endpoint)
        # The offer is kept: an early answer (18x) may be followed by the final one.
        endpoint.negotiated(agreed, monotonic())
        session.arrange()
        return pb.Result(codec=endpoint.codec)

    def _chosen(self, session: Session, own: Endpoint, endpoint: Endpoint) -> None:
        """Of the endpoint and its alternatives this one is it from now on."""
        name = own.id
        others = session.alternatives(name)
        if not others:
            return
        for one in (own, *others):
            del session.endpoints[one.id]
            if one is not endpoint:
                session.depart(one)
                self.close(one)
        self._adopt(session, name, endpoint)

    def open_offer(self, endpoint: Endpoint) -> str:
        """Our offer that may still be answered, as text."""
        offer = self._offers.get(endpoint)
        return str(offer) if offer is not None else ""

    def expect_answer(self, endpoint: Endpoint, offer: str) -> None:
        """A predecessor of this process made the offer."""
        self._offers[endpoint] = parse_sdp(offer)

    def close(self, endpoint: Endpoint) -> None:
        """The leg is over: its ports are free."""
        self._offers.pop(endpoint, None)
        self._sockets.close(endpoint)

    def _adopt(self, session: Session, endpoint_id: str, endpoint: Endpoint) -> None:
        endpoint.id = endpoint_id
        endpoint.listener = session
        session.endpoints[endpoint_id] = endpoint


def _stays(endpoint: Endpoint, zone: str) -> None:
    if zone and zone != endpoint.zone.name:
        raise Refused("zone", f"the endpoint stays in its zone, {endpoint.zone.name!r}", field="zone")


def _allowed(names: Any) -> list[Codec]:
    """Audio codecs in the wanted order. Raises InvalidArgument if none is known."""
    found = audio_codecs(names)
    if not found:
        raise InvalidArgument(
            f"none of {', '.join(names)} is served", field="codecs", rule=f"one of {', '.join(SERVED)}"
        )
    return found


def _kind_of(offer: SessionDescription, wanted: EndpointKind) -> EndpointKind:
    """The kind of a leg whose peer offers first: as wanted, else as the first audio stream is protected."""
    if wanted:
        return wanted
    audio = offer.audio
    dtls = audio is not None and read_security(offer, audio).security is Security.DTLS
    return ENDPOINT_KIND_WEBRTC if dtls else ENDPOINT_KIND_RTP


def _preferred(offer: SessionDescription) -> list[str]:
    """An answer may name several codecs in any order: ours counts, its first needs no transcoding."""
    return [codec.name for codec in offer.audio.codecs] if offer.audio is not None else []


def _previous(text: str) -> SessionDescription:
    """Our last description at another instance. Raises InvalidArgument."""
    try:
        previous = parse_sdp(text)
        _ = previous.origin
    except SdpError as error:
        raise InvalidArgument(f"{error.field} {error.rule}", field="continues", rule="an SDP") from error
    return previous


def _parse(text: str) -> SessionDescription:
    try:
        return parse_sdp(text)
    except SdpError as error:
        raise _sdp_refusal(error) from error


def _sdp_refusal(error: SdpError) -> InvalidArgument | Refused:
    """A description that cannot be read is the sender's fault; one that does not suit gets a 488."""
    rule = f"{error.field} {error.rule}"
    if error.status == 488:
        return Refused("sdp_not_acceptable", rule, field="sdp", rule=rule)
    return InvalidArgument(rule, field="sdp", rule=rule)
