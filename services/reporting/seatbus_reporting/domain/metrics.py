"""Metrics as versioned formulas. A tenant's contract names one; a changed formula is a new version.

Every queue visit has exactly one outcome and belongs to the interval in which it was offered. A re-queue is
one offer. Ringing is neither handling nor ready. A formula without a denominator is undefined and left out.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Visits:
    """Totals of the queue visits that were offered in a span of time; waits in microseconds."""

    offered: int = 0
    answered: int = 0
    answered_in_time: int = 0
    abandoned: int = 0  # without short ones
    abandoned_in_time: int = 0
    short_abandoned: int = 0
    overflowed: int = 0
    voicemail: int = 0
    callback: int = 0
    transferred_out: int = 0
    refused: int = 0
    wait_answered_us: int = 0
    wait_answered_p50_us: float = 0.0
    wait_answered_p90_us: float = 0.0


@dataclass(frozen=True, slots=True)
class Work:
    """Totals of agents' closed intervals; microseconds."""

    handled: int = 0
    talk_us: int = 0
    hold_us: int = 0
    wrap_up_us: int = 0
    busy_us: int = 0  # any work item, ringing included
    ready_us: int = 0  # presence ready, work or not
    logged_in_us: int = 0

    @property
    def handling_us(self) -> int:
        return self.talk_us + self.hold_us + self.wrap_up_us


def _ratio(part: float, whole: float) -> float | None:
    return part / whole if whole > 0 else None


@dataclass(frozen=True, slots=True)
class VisitFormula:
    """A formula over queue visits. May be grouped by queue, branch or interval."""

    name: str
    version: int
    text: str
    compute: Callable[[Visits], float | None]
    extra: Callable[[Visits], dict[str, float]] = lambda _: {}


@dataclass(frozen=True, slots=True)
class WorkFormula:
    """A formula over agents' intervals. May be grouped by agent, queue or interval."""

    name: str
    version: int
    text: str
    compute: Callable[[Work], float | None]
    groups: frozenset[str] = frozenset({"", "agent", "queue", "interval"})


Formula = VisitFormula | WorkFormula
VISIT_GROUPS: Final = frozenset({"", "queue", "branch", "interval"})


def _asa_percentiles(v: Visits) -> dict[str, float]:
    if not v.answered:
        return {}
    return {"p50": v.wait_answered_p50_us / 1e6, "p90": v.wait_answered_p90_us / 1e6}


_FORMULAS: Final[tuple[Formula, ...]] = (
    VisitFormula(
        "service_level_answered", 1, "answered within T / answered",
        lambda v: _ratio(v.answered_in_time, v.answered),
    ),
    VisitFormula(
        "service_level_offered", 1, "answered within T / (answered + abandoned); short abandons left out",
        lambda v: _ratio(v.answered_in_time, v.answered + v.abandoned),
    ),
    VisitFormula(
        "service_level_early_abandon_positive", 1,
        "(answered + abandoned, both within T) / (answered + abandoned); short abandons left out",
        lambda v: _ratio(v.answered_in_time + v.abandoned_in_time, v.answered + v.abandoned),
    ),
    VisitFormula(
        "service_level_abandon_ignored", 1,
        "answered within T / (offered - abandoned - refused); short abandons are abandons, overflowed and "
        "call-back visits count as not answered in time",
        lambda v: _ratio(v.answered_in_time, v.offered - v.abandoned - v.short_abandoned - v.refused),
    ),
    VisitFormula(
        "asa", 1, "sum of waits of answered / answered, in seconds",
        lambda v: _ratio(v.wait_answered_us / 1e6, v.answered), _asa_percentiles,
    ),
    VisitFormula(
        "abandonment", 1, "abandoned / offered; short abandons are not abandons",
        lambda v: _ratio(v.abandoned, v.offered),
    ),
    VisitFormula(
        "abandonment_with_short", 1, "(abandoned + short abandoned) / offered",
        lambda v: _ratio(v.abandoned + v.short_abandoned, v.offered),
    ),
    VisitFormula("offered", 1, "queue visits", lambda v: float(v.offered)),
    VisitFormula("answered", 1, "visits with the outcome answered", lambda v: float(v.answered)),
    VisitFormula("abandoned", 1, "visits with the outcome abandoned", lambda v: float(v.abandoned)),
    VisitFormula(
        "short_abandoned", 1, "visits abandoned before S seconds", lambda v: float(v.short_abandoned)
    ),
    WorkFormula(
        "aht", 1, "sum of (talk + hold + wrap-up) / handled, in seconds; talk includes consulting and "
        "conferences", lambda w: _ratio(w.handling_us / 1e6, w.handled),
    ),
    WorkFormula(
        "handled", 1, "contacts that an agent talked to", lambda w: float(w.handled),
    ),
    WorkFormula(
        "occupancy", 1, "handling time / (handling + ready time); ready time is ready presence without any "
        "work, so ringing is in neither",
        lambda w: _ratio(w.handling_us, w.handling_us + max(0, w.ready_us - w.busy_us)),
        frozenset({"", "agent"}),
    ),
    WorkFormula(
        "utilisation", 1, "handling time / logged-in time", lambda w: _ratio(w.handling_us, w.logged_in_us),
        frozenset({"", "agent"}),
    ),
)  # fmt: skip

FORMULAS: Final[dict[str, Formula]] = {formula.name: formula for formula in _FORMULAS}
# The names that a tenant's contract uses (tenancy.v1.Contract).
CONTRACT_NAMES: Final = {
    "ANSWERED": "service_level_answered",
    "OFFERED": "service_level_offered",
    "EARLY_ABANDON_POSITIVE": "service_level_early_abandon_positive",
    "ABANDON_IGNORED": "service_level_abandon_ignored",
}


def find(name: str) -> Formula | None:
    """By name (`asa`), by name and version (`asa@1`), or None."""
    plain, _, version = name.partition("@")
    formula = FORMULAS.get(plain)
    return formula if formula is not None and version in ("", str(formula.version)) else None
