"""A SIP stack without I/O: messages, transactions, dialogs, digest. Time and bytes are inputs."""

from __future__ import annotations

from seatbus_sip.building import initial_request, next_attempt
from seatbus_sip.dialog import Dialog, DialogKey, Role
from seatbus_sip.digest import DigestClient, DigestServer, Verdict, ha1
from seatbus_sip.errors import SdpError, SipError, SipParseError
from seatbus_sip.events import (
    AckReceived,
    AckTimeout,
    CancelReceived,
    KeepAlive,
    LayerEvent,
    ParseFailed,
    RequestReceived,
    ResponseReceived,
    StrayResponse,
    TransactionTimeout,
    TransportFailed,
)
from seatbus_sip.flow import Address, Flow
from seatbus_sip.forking import ForkOutcome, ForkResult, Forks
from seatbus_sip.headers import NameAddr, Via, parse_name_addr
from seatbus_sip.layer import SipLayer
from seatbus_sip.layer_config import LayerConfig
from seatbus_sip.message import Message, Request, Response
from seatbus_sip.parsing import parse_message
from seatbus_sip.registrar import Binding, RegisterOutcome, RegistrarPolicy, apply_register
from seatbus_sip.tables import DialogState
from seatbus_sip.transactions import ClientTransaction, ServerTransaction, Timing
from seatbus_sip.uri import Uri, parse_uri, sip_uri

__all__ = [
    "AckReceived",
    "AckTimeout",
    "Address",
    "Binding",
    "CancelReceived",
    "ClientTransaction",
    "Dialog",
    "DialogKey",
    "DialogState",
    "DigestClient",
    "DigestServer",
    "Flow",
    "ForkOutcome",
    "ForkResult",
    "Forks",
    "KeepAlive",
    "LayerConfig",
    "LayerEvent",
    "Message",
    "NameAddr",
    "ParseFailed",
    "RegisterOutcome",
    "RegistrarPolicy",
    "Request",
    "RequestReceived",
    "Response",
    "ResponseReceived",
    "Role",
    "SdpError",
    "ServerTransaction",
    "SipError",
    "SipLayer",
    "SipParseError",
    "StrayResponse",
    "Timing",
    "TransactionTimeout",
    "TransportFailed",
    "Uri",
    "Verdict",
    "Via",
    "apply_register",
    "ha1",
    "initial_request",
    "next_attempt",
    "parse_message",
    "parse_name_addr",
    "parse_uri",
    "sip_uri",
]
