"""What SIP knows of one leg: its dialog, its open INVITE, and where its requests go."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable

    from seatbus_sip.dialog import Dialog
    from seatbus_sip.digest import DigestClient
    from seatbus_sip.flow import Flow
    from seatbus_sip.forking import Forks
    from seatbus_sip.message import Request
    from seatbus_sip.transactions import ClientTransaction, ServerTransaction
    from seatbus_sip_edge.domain.routes import TrunkRef

ALLOW = "INVITE, ACK, CANCEL, BYE, OPTIONS, UPDATE, INFO, REFER"


@dataclass(slots=True)
class SipLeg:
    """`flow` is where requests of the dialog go unless a route set says otherwise."""

    leg_id: str
    flow: Flow
    dialog: Dialog | None = None
    # An INVITE that is not finally answered yet: received, or sent.
    received: ServerTransaction | None = None
    request: Request | None = None
    sent: ClientTransaction | None = None
    forks: Forks | None = None
    local_sdp: str = ""
    acked: bool = True
    bye_waits: bool = False
    # An INVITE is under way that tells the peer where this dialog is served now.
    refreshing: bool = False
    # An offer of ours inside the dialog, and who waits for its answer.
    offering: ClientTransaction | None = None
    offered: Callable[[int, str], None] | None = None
    # Of a leg by a trunk: which one, its account, the INVITE that was sent last, whether anything came back.
    trunk: TrunkRef | None = None
    digest: DigestClient | None = None
    asked: Request | None = None
    heard: bool = False
    setup: asyncio.TimerHandle | None = None
    # The INVITE as text, for a successor: the one sent until it is answered, the one received until the ACK.
    invite: str = ""


def text_of(request: Request) -> str:
    """Every byte has its character: JSON takes it, and gives it back as it was."""
    return request.to_bytes().decode("latin-1")
