"""The media of one call: offers and answers on one side, an RTP port with mouth and ears on the other."""

from __future__ import annotations

import random

from seatbus_sip.sdp import (
    Agreed,
    Codec,
    Direction,
    SessionDescription,
    accept_answer,
    build_answer,
    build_offer,
    parse_sdp,
)
from seatbus_testkit.ears import Ears
from seatbus_testkit.voice import RtpSocket


class CallMedia:
    """What was negotiated last holds until something else is. One port from the first offer to the end."""

    def __init__(self, host: str, codecs: tuple[Codec, ...], ears: Ears) -> None:
        self.ears = ears
        self.rtp: RtpSocket | None = None
        self.agreed: Agreed | None = None
        self.direction = Direction.SENDRECV
        self._host = host
        self._codecs = codecs
        self._offer: SessionDescription | None = None
        self._session_id = random.getrandbits(30)
        self._version = 0
        self._closed = False

    async def open(self) -> RtpSocket | None:
        """The port, made at the first call; None after `close`."""
        if self.rtp is not None:
            return self.rtp
        made = await RtpSocket.open(self._host, self.ears)
        if self._spent():
            made.close()
        else:
            self.rtp = made
        return self.rtp

    def _spent(self) -> bool:
        """Asked again after the wait: the call may have ended, or the port been opened, meanwhile."""
        return self._closed or self.rtp is not None

    def close(self) -> None:
        self._closed = True
        if self.rtp is not None:
            self.rtp.close()

    @property
    def offered(self) -> bool:
        """Whether an own offer waits for its answer."""
        return self._offer is not None

    def offer(self, direction: Direction | None = None) -> bytes:
        """An offer of this direction (default: the one in force)."""
        self._version += 1
        self._offer = build_offer(
            self._port().address,
            self._codecs,
            session_id=self._session_id,
            version=self._version,
            direction=direction or self.direction,
        )
        return self._offer.to_bytes()

    def accept(self, body: bytes, direction: Direction | None = None) -> Agreed:
        """Take the answer to the own offer, and speak. Raises `SdpError`.

        The offer is kept: early answers of a forked call are followed by the winner's.
        """
        if self._offer is None:
            raise LookupError("no own offer is open")
        self.agreed = accept_answer(self._offer, parse_sdp(body))
        self.direction = direction or self.direction
        self._port().connect(self.agreed)
        return self.agreed

    def answer(self, body: bytes) -> bytes:
        """Answer an offer and speak; without one, an own offer for the ACK to answer. Raises `SdpError`."""
        if not body:
            return self.offer()
        self._version += 1
        answer, self.agreed = build_answer(
            parse_sdp(body),
            self._port().address,
            self._codecs,
            session_id=self._session_id,
            version=self._version,
            wanted=self.direction,
        )
        self._offer = None
        self._port().connect(self.agreed)
        return answer.to_bytes()

    def _port(self) -> RtpSocket:
        if self.rtp is None:
            raise LookupError("the port is not open")
        return self.rtp
