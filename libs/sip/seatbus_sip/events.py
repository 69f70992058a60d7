"""What the engine tells its user."""

from __future__ import annotations

from dataclasses import dataclass

from seatbus_sip.errors import SipParseError
from seatbus_sip.flow import Flow
from seatbus_sip.message import Request, Response
from seatbus_sip.transactions import ClientTransaction, ServerTransaction


@dataclass(frozen=True, slots=True)
class RequestReceived:
    """A new request. Answer it with `layer.respond(tx, ...)`. Never ACK nor CANCEL."""

    tx: ServerTransaction
    request: Request
    flow: Flow


@dataclass(frozen=True, slots=True)
class AckReceived:
    """The ACK of a 2xx, once. `tx` is the INVITE it acknowledges, None if that is no longer known."""

    tx: ServerTransaction | None
    request: Request
    flow: Flow


@dataclass(frozen=True, slots=True)
class CancelReceived:
    """The peer cancels an unanswered INVITE. The CANCEL itself is answered: now respond 487 to `tx`."""

    tx: ServerTransaction
    request: Request


@dataclass(frozen=True, slots=True)
class ResponseReceived:
    """A response to `request`. Repeated 2xx that were acknowledged do not come here."""

    tx: ClientTransaction
    response: Response
    request: Request


@dataclass(frozen=True, slots=True)
class StrayResponse:
    """A response that matches no transaction (a very late 2xx: ACK and BYE it if its dialog is wanted).

    `foreign`: its Via names another server, so it is to be dropped (RFC 3261 section 18.1.2) unless this one
    has taken over that one's calls.
    """

    response: Response
    flow: Flow
    foreign: bool = False


@dataclass(frozen=True, slots=True)
class TransactionTimeout:
    """No answer within 64*T1: treat as 408. For a server: no ACK, or no answer given in time."""

    tx: ClientTransaction | ServerTransaction


@dataclass(frozen=True, slots=True)
class AckTimeout:
    """No ACK for a 2xx within 64*T1: end the dialog with BYE (RFC 3261 section 13.3.1.4)."""

    tx: ServerTransaction


@dataclass(frozen=True, slots=True)
class TransportFailed:
    """The flow broke under this transaction: treat as 503."""

    tx: ClientTransaction | ServerTransaction


@dataclass(frozen=True, slots=True)
class ParseFailed:
    """Malformed input. `answered` tells whether a 400 (or 505, 513 ...) naming the field was sent."""

    source: Flow
    error: SipParseError
    answered: bool


@dataclass(frozen=True, slots=True)
class KeepAlive:
    """A CRLF keep-alive."""

    source: Flow


LayerEvent = (
    RequestReceived
    | AckReceived
    | CancelReceived
    | ResponseReceived
    | StrayResponse
    | TransactionTimeout
    | AckTimeout
    | TransportFailed
    | ParseFailed
    | KeepAlive
)
