"""What a user of the transaction layer may choose."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from seatbus_sip.flow import Flow
from seatbus_sip.message import Request, Response
from seatbus_sip.parsing import DEFAULT_LIMITS, Limits
from seatbus_sip.transactions import DEFAULT_TIMING, Timing


@dataclass(frozen=True, slots=True)
class LayerConfig:
    """`sent_by` gives the Via address of a flow (default: its local address).

    `answer_malformed` off keeps silence towards scanners. `check_hops` refuses new requests with
    Max-Forwards 0 (483) and merged (482). `divert` sees every readable message first and takes it over by
    answering true (a proxy's part).
    """

    timing: Timing = DEFAULT_TIMING
    limits: Limits = DEFAULT_LIMITS
    sent_by: Callable[[Flow], str] | None = None
    answer_malformed: bool = True
    check_hops: bool = True
    agent_name: str = "Seatbus"
    divert: Callable[[Request | Response, Flow, float], bool] | None = None
