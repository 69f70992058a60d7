"""Why a change of an agent is refused. `reason` is the stable word that callers switch on."""

from __future__ import annotations

from seatbus_kit.errors import Refused


class NoSuchItem(Refused):
    def __init__(self, rid: str) -> None:
        super().__init__("no_such_rid", f"the agent has no work item {rid}")


class NoTransition(Refused):
    def __init__(self, state: str, cause: str) -> None:
        super().__init__("no_transition", f"{cause} means nothing in state {state}")
