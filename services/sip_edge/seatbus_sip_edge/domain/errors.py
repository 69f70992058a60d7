"""Errors of the call machine. They know no transport."""

from __future__ import annotations


class IllegalInput(Exception):
    """The tables have no entry for this input here. Nothing was changed."""

    def __init__(self, phase: str, event: str) -> None:
        super().__init__(f"no transition for {event} in {phase}")
        self.phase = phase
        self.event = event
