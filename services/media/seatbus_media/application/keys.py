"""The keys of one leg: whose press it is, and presses that are sent to the leg.

Laws: a digit has one owner, the collection that runs, else the partner's leg, else an event; the owner at its
first packet keeps the whole press. Of a phone that sends its keys in more than one way the first counts.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Final
from weakref import ref

from seatbus_media.application.sources import Dialer
from seatbus_rtp.dtmf import DtmfReceiver, scaled_event
from seatbus_rtp.packet import HEADER, payload_bounds
from seatbus_sip.sdp import Agreed

if TYPE_CHECKING:
    from seatbus_media.application.endpoint import Endpoint

MAX_TYPED_AHEAD: Final = 64
_SAME_PRESS_S: Final = 1.0
"""A key that is heard and told within this time was pressed once."""


class Keys:
    """`in_type` and `out_type` are the payload types of RFC 4733 events, with their clocks.

    The leg holds its keys, not the other way round: it goes with its call, without the garbage collector.
    """

    def __init__(self, leg: Endpoint) -> None:
        self.on_digit: Callable[[str, float], None] | None = None
        self.typed_ahead: deque[str] = deque(maxlen=MAX_TYPED_AHEAD)
        self.in_type: int | None = None
        self.out_type: int | None = None
        self.in_rate = self.out_rate = 8000
        self._in_rates: dict[int, int] = {}
        self._ref = ref(leg)
        self.events = 0
        """Packets of presses so far."""
        self._events = DtmfReceiver()
        self._relayed = False
        self._event_ts = -1
        self._dialer: Dialer | None = None
        self._to_dial = ""
        # The last key in the audio, the last one by signalling, and when they came.
        self._heard: tuple[str, float] | None = None
        self._told: tuple[str, float] | None = None

    def negotiated(self, agreed: Agreed) -> None:
        self.in_type, self.out_type = agreed.dtmf_receive, agreed.dtmf_send
        if agreed.dtmf_receive_rate != self.in_rate:
            self._events = DtmfReceiver(clock_rate=agreed.dtmf_receive_rate)
        self.in_rate, self.out_rate = agreed.dtmf_receive_rate, agreed.dtmf_send_rate
        self._in_rates = {payload: rate for payload, rate in agreed.dtmf_receives}

    @property
    def _leg(self) -> Endpoint:
        leg = self._ref()
        if leg is None:
            raise RuntimeError("keys are used after their leg")
        return leg

    def takes(self, payload_type: int) -> bool:
        """Whether packets of this type are events of the leg. Of several types the one that comes is used."""
        if payload_type == self.in_type:
            return True
        rate = self._in_rates.get(payload_type)
        if rate is None:
            return False
        self.in_type, self.in_rate = payload_type, rate
        self._events = DtmfReceiver(clock_rate=rate)
        self._leg.rewire()
        return True

    # -- presses of the leg ----------------------------------------------------------------------------------

    def event_received(self, data: bytes, now: float) -> None:
        """A packet of the leg's events. Raises PacketError."""
        leg = self._leg
        start, end = payload_bounds(data)
        _, second, seq, ts, source = HEADER.unpack_from(data)
        self.events += 1
        leg.stats.receive(source, seq, ts, end - start, now, event=True)
        digit = self._events.receive(data[start:end], ts, second >= 0x80, source)
        if digit is not None:
            self._heard = (digit, now)
            again = _same(self._told, digit, now)
            self._relayed = not again and self._own(digit, now)
        peer = leg.peer
        if not self._relayed or peer is None or peer.closed:
            return
        theirs = peer.keys
        if leg.relaying and self.in_rate == theirs.out_rate:
            leg.lane.relay(data, now)
        elif (peer.mixed or leg.relaying) and theirs.out_type is not None:
            fresh, self._event_ts = ts != self._event_ts, ts
            payload = scaled_event(data[start:end], self.in_rate, theirs.out_rate)
            peer.wire.send(peer.rewriter.emit_event(theirs.out_type, payload, now, fresh))

    def told(self, digit: str, now: float) -> None:
        """A key that came by signalling."""
        if _same(self._heard, digit, now):
            return
        self._told = (digit, now)
        if self._own(digit, now) and self._leg.peer is not None:
            self._leg.peer.keys.dial(digit, now)

    def in_sound(self, digit: str, now: float) -> None:
        """A key in the leg's sound. A partner who hears the leg has heard it, too."""
        self._own(digit, now)

    def _own(self, digit: str, now: float) -> bool:
        """Gives a key press to its owner; True if that is the partner's leg."""
        leg = self._leg
        if self.on_digit is not None:
            self.on_digit(digit, now)
            return False
        if leg.player is not None and leg.player.barge_in:
            self.typed_ahead.append(digit)
            leg.finish_player("barged")
        elif leg.peer is not None and leg.reaches(leg.peer) and leg.peer.keys.out_type is not None:
            return True
        elif leg.peer is None and not leg.mixed:
            self.typed_ahead.append(digit)  # not told: the next collection may be a secret one
        elif leg.listener is not None:
            leg.listener.digit_heard(leg, digit)
        return False

    def barge(self) -> None:
        """Ends what is played if keys pressed before it began still wait for a collection."""
        player = self._leg.player
        if self.typed_ahead and player is not None and player.barge_in:
            self._leg.finish_player("barged")

    # -- presses to the leg ----------------------------------------------------------------------------------

    @property
    def dialling(self) -> bool:
        return self._dialer is not None

    def dial(self, digits: str, now: float) -> None:
        """Sends telephone events, after those that are being sent; a playlist waits meanwhile."""
        if self._dialer is not None:
            self._to_dial += digits
            return
        self._dialer = Dialer(digits, now, self.out_rate)
        self._leg.ticker.add(self._leg)

    def step(self, now: float) -> bool:
        """What is due of the presses being sent; False when there is nothing more."""
        leg, dialer = self._leg, self._dialer
        if dialer is None:
            return False
        due = dialer.due(now)
        if due is not None and self.out_type is not None and not leg.closed:
            leg.wire.send(leg.rewriter.emit_event(self.out_type, due.payload, now, due.start))
        if dialer.done:
            self._dialer = None
            if not self._to_dial:
                return False
            digits, self._to_dial = self._to_dial, ""
            self.dial(digits, now)
        return True


def _same(press: tuple[str, float] | None, digit: str, now: float) -> bool:
    return press is not None and press[0] == digit and now - press[1] < _SAME_PRESS_S
