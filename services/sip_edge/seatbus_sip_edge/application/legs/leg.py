"""What SIP knows of one leg: its dialog, its open INVITE, and where its requests go."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import asyncio

    from seatbus_sip.dialog import Dialog
    from seatbus_sip.digest import DigestClient
    from seatbus_sip.flow import Flow
    from seatbus_sip.forking import Forks
    from seatbus_sip.message import Request, Response
    from seatbus_sip.reliable import ReliableReceiver, ReliableSender
    from seatbus_sip.session_timer import SessionTimer
    from seatbus_sip.transactions import ClientTransaction, ServerTransaction
    from seatbus_sip_edge.application.legs.asking import Asked
    from seatbus_sip_edge.application.legs.early_offers import Updated
    from seatbus_sip_edge.application.legs.ringing import Ring
    from seatbus_sip_edge.domain.routes import TrunkRef

ALLOW = "INVITE, ACK, CANCEL, BYE, OPTIONS, PRACK, UPDATE, INFO, REFER"
SUPPORTED = "100rel, replaces, timer"


def tell_what_is_served(response: Response) -> None:
    """What an answer to OPTIONS says (RFC 3261 section 11.2)."""
    response.set("Allow", ALLOW)
    response.set("Accept", "application/sdp")
    response.set("Supported", SUPPORTED)


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
    # Of a leg that phones of several kinds may ring for: what each kind is offered, by media's name of it.
    offers: dict[str, str] = field(default_factory=dict)
    # Its call's audio has moved while it rings: what it is offered once it has answered.
    moved_offer: str = ""
    # It has moved after an answer of ours in a 183: the peer is offered the new audio after the 200.
    behind: bool = False
    acked: bool = True
    bye_waits: bool = False
    # It is being told how its REFER went: no BYE before it knows.
    telling: bool = False
    # An INVITE is under way that tells the peer where this dialog is served now.
    refreshing: bool = False
    # Of a leg by a trunk: which one, its account, the INVITE that was sent last, whether anything came back.
    trunk: TrunkRef | None = None
    digest: DigestClient | None = None
    asked: Request | None = None
    heard: bool = False
    setup: asyncio.TimerHandle | None = None
    # The INVITE as text, for a successor: the one sent until it is answered, the one received until the ACK.
    invite: str = ""
    # Several phones of an agent ring for it.
    ring: Ring | None = None
    # What the peer said that it takes, in lower case.
    allows: frozenset[str] = frozenset()
    # The INVITE brought no offer: ours is in the answer, the peer's answer in the ACK.
    late: bool = False
    # The re-INVITE (its CSeq) that was answered with an offer of ours: the peer's answer is in its ACK.
    ack_answers: int | None = None
    # Provisional responses of ours that want a PRACK, and the 200 that waits for it.
    provisional: ReliableSender | None = None
    answer_waits: str | None = None
    # Of each fork of our INVITE: reliable responses, and the answer that one of them brought.
    forks_reliable: dict[str, ReliableReceiver] = field(default_factory=dict)
    forks_sdp: dict[str, str] = field(default_factory=dict)
    # What a called network has offered before its answer.
    updated: Updated | None = None
    timer: SessionTimer | None = None
    # Requests of ours inside the dialog that wait for their final answer, by method and CSeq.
    awaited: dict[tuple[str, int], Asked] = field(default_factory=dict)
    alarms: dict[str, asyncio.TimerHandle] = field(default_factory=dict)

    def quiet(self) -> None:
        """Nothing of this leg happens by time any more."""
        for handle in self.alarms.values():
            handle.cancel()
        self.alarms.clear()


def text_of(request: Request) -> str:
    """Every byte has its character: JSON takes it, and gives it back as it was."""
    return request.to_bytes().decode("latin-1")
