"""The toll-fraud guard: which calls to the outside a tenant and an agent may make, and how much of them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from seatbus_sip_edge.domain.numbering import digits_of, is_e164, longest_prefix

if TYPE_CHECKING:
    from collections.abc import Sequence

    from seatbus.tenancy.v1 import types_pb2 as tenancy

# Premium, shared-revenue and satellite numbers, where the money of toll fraud goes. E.164 without +.
PREMIUM: Final = (
    "1900", "1976", "33899", "33897", "33892", "34803", "34806", "34807", "34905", "3989", "41900",
    "41901", "41906", "43900", "43901", "43930", "43931", "449", "4484", "4487", "4690", "4781", "4782",
    "48700", "49137", "49180", "49900", "49118", "61190", "8610116", "86168", "870", "878", "881", "882",
    "883", "979",
)  # fmt: skip
_SHORTEST: Final = 7


class Rule(StrEnum):
    """Why a call may not leave. These words are told to who asks, logged and counted."""

    NOT_A_NUMBER = "not_a_number"
    SERVICE_NUMBER = "service_number"
    PREMIUM = "premium_number"
    NOT_ALLOWED = "destination_not_allowed"
    DENIED = "destination_denied"
    HOURS = "outside_hours"
    NO_SCHEDULE = "schedule_not_there"
    TENANT_MINUTES = "tenant_minutes"
    AGENT_MINUTES = "agent_minutes"
    TENANT_SPEND = "tenant_spend"
    AGENT_SPEND = "agent_spend"


@dataclass(frozen=True, slots=True)
class Spent:
    """Of one day: seconds of talk and what they cost, in millionths of the contract's currency."""

    seconds: int = 0
    micros: int = 0

    def __add__(self, other: Spent) -> Spent:
        return Spent(self.seconds + other.seconds, self.micros + other.micros)


NOTHING: Final = Spent()


def cost(number: str, seconds: int, rates: Sequence[tenancy.CallRate]) -> int:
    """Millionths of the currency; each minute that was begun counts. The longest prefix that fits decides."""
    best, price = -1, 0
    for rate in rates:
        length = longest_prefix(number, (rate.prefix,))
        if length > best:
            best, price = length, rate.micros_per_minute
    return -(-max(0, seconds) // 60) * price


def refusal(
    number: str,
    guard: tenancy.TollGuard,
    *,
    tenant: Spent = NOTHING,
    agent: Spent = NOTHING,
    hours: Rule | None = None,
) -> Rule | None:
    """Why this number may not be called now; None when it may. Emergency numbers are not asked about."""
    digits = digits_of(number)
    if not (digits.isascii() and digits.isdigit()):
        return Rule.NOT_A_NUMBER
    allowed = longest_prefix(number, guard.allowed_prefixes)
    denied = longest_prefix(number, guard.denied_prefixes)
    # The longer rule wins: 49 allowed and 49137 denied, or 44 denied and 4420 allowed.
    if denied >= 0 and denied >= allowed:
        return Rule.DENIED
    if guard.allowed_prefixes and allowed < 0:
        return Rule.NOT_ALLOWED
    if not guard.premium_allowed:
        premium = longest_prefix(number, PREMIUM)
        if is_e164(number) and premium > allowed:
            return Rule.PREMIUM
        if len(digits) < _SHORTEST and allowed < 0:
            return Rule.SERVICE_NUMBER
    return hours or _used_up(guard, tenant, agent)


def _used_up(guard: tenancy.TollGuard, tenant: Spent, agent: Spent) -> Rule | None:
    limits = (
        (Rule.TENANT_MINUTES, tenant.seconds, guard.minutes_per_day * 60),
        (Rule.AGENT_MINUTES, agent.seconds, guard.agent_minutes_per_day * 60),
        (Rule.TENANT_SPEND, tenant.micros, guard.spend_per_day_micros),
        (Rule.AGENT_SPEND, agent.micros, guard.agent_spend_per_day_micros),
    )
    return next((rule for rule, used, limit in limits if limit and used >= limit), None)
