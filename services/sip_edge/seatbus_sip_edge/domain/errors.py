"""Errors of the call machine. They know no transport."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from seatbus_sip_edge.domain.effects import Effect


class IllegalInput(Exception):
    """The tables have no entry for this input here. Nothing was changed."""

    def __init__(self, phase: str, event: str) -> None:
        super().__init__(f"no transition for {event} in {phase}")
        self.phase = phase
        self.event = event


class WrongPhase(Exception):
    """An action leads where its table does not let it: a bug of ours. `effects` end the call."""

    def __init__(self, phase: str, event: str, following: str, effects: Sequence[Effect]) -> None:
        super().__init__(f"the table does not let {event} lead from {phase} to {following}")
        self.phase = phase
        self.event = event
        self.effects = effects
