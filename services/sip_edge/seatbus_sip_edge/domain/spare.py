"""An offer for the next agent's leg, which media makes beside the music of a customer who waits for one.

The endpoint has its id from the start: the leg of the first agent whom the offer suits takes it over, and the
INVITE leaves without a question to media. Whether there is one, and whom it suits, is known to the shell; the
machine knows its id, so that nothing of it outlives the wait.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from seatbus.media.v1 import service_pb2 as media
from seatbus_sip_edge.domain.model import Phase
from seatbus_sip_edge.domain.turn import music

if TYPE_CHECKING:
    from seatbus_sip_edge.domain.turn import Turn

_WAITS: Final = (Phase.QUEUED, Phase.OFFERED)
_ENDS: Final = (Phase.ENDING, Phase.ENDED)


def wait_with_music(turn: Turn) -> None:
    call = turn.call
    if not call.spare_leg_id:
        call.spare_leg_id, call.spare_made = turn.ids(), False
    make = media.MakeOffer(endpoint_id=call.spare_leg_id, like_endpoint_id=call.caller_leg_id)
    turn.media(music(call), media.Command(make_offer=make), spare=call.spare_leg_id)


def taken(turn: Turn, leg_id: str) -> None:
    """A leg has begun: if it is by this offer, there is none any more."""
    if leg_id == turn.call.spare_leg_id:
        turn.call.spare_leg_id = ""


def give_back(turn: Turn) -> None:
    call = turn.call
    if call.spare_leg_id:
        _remove(turn, call.spare_leg_id)
        call.spare_left = call.spare_leg_id if call.spare_made else call.spare_left
        call.spare_leg_id = ""


def restored(turn: Turn) -> None:
    """First of all after a restart: what was given back goes once more, in case media was not told."""
    call = turn.call
    # It may have been asked for after the last entry of the journal.
    call.spare_made = bool(call.spare_leg_id)
    if call.spare_left and call.phase not in _ENDS:
        _remove(turn, call.spare_left)


def _remove(turn: Turn, leg_id: str) -> None:
    remove = media.RemoveEndpoint(endpoint_id=leg_id)
    turn.media(media.Command(remove_endpoint=remove), spare=leg_id)


def settle(turn: Turn) -> None:
    """After each input: whoever does not wait for an agent needs none. It goes with its session, too."""
    if turn.call.phase in _ENDS:
        turn.call.spare_leg_id = ""
    elif turn.call.phase not in _WAITS:
        give_back(turn)
