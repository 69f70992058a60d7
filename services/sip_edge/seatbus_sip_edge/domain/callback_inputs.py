"""Inputs of call-backs: a caller who does not want to hold the line, and the call to the customer later."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from seatbus.tenancy.v1 import types_pb2 as tenancy


@dataclass(frozen=True, slots=True)
class CallbackTaken:
    """acd keeps the place: the caller need not hold the line."""

    contact_id: str


@dataclass(frozen=True, slots=True)
class CallbackRefused:
    contact_id: str
    reason: str


@dataclass(frozen=True, slots=True)
class CalledBack:
    """acd: call the customer, with this agent who is reserved."""

    leg_id: str
    contact_id: str
    rid: str
    group: str
    epoch: int
    agent_tenant_id: str
    agent_id: str
    queue_id: str
    ring_timeout_s: int
    customer_ring_s: int
    queue: tenancy.Queue | None
    attributes: Mapping[str, str]


OfCallback = CallbackTaken | CallbackRefused
