"""An offer that goes on with a session of descriptions that somebody else has written (RFC 3264 8)."""

from __future__ import annotations

from collections.abc import Iterable

from seatbus_sip.sdp import Codec, Media, Origin, SessionDescription


def codecs_again(previous: SessionDescription, served: Iterable[Codec]) -> list[Codec]:
    """The codecs of our last description that are served here, under their payload types."""
    audio = previous.audio
    known = {codec.encoding: codec for codec in served}
    found = [codec for codec in audio.codecs if codec.encoding in known] if audio is not None else []
    return found if any(not codec.is_dtmf for codec in found) else list(known.values())


def go_on(offer: SessionDescription, previous: SessionDescription) -> None:
    """Gives the offer of one stream the identity of `previous`, and every other stream its place, refused.
    Raises SdpError where `previous` names no session.
    """
    before, now = previous.origin, offer.origin
    offer.set_origin(Origin(before.username, before.session_id, before.version + 1, now.host))
    (ours,) = offer.media
    replaced = previous.audio
    if replaced is None:
        return
    offer.media = [ours if section is replaced else _refused(section) for section in previous.media]


def _refused(section: Media) -> Media:
    lines = [f"m={section.kind} 0 {section.proto} " + " ".join(section.formats)]
    lines += [f"a=mid:{name}" for name in section.attribute("mid")]
    return Media([*lines, "a=inactive"], section.host)
