"""Which agents somebody wants to see."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from seatbus.agent.v1.types_pb2 import AgentState


@dataclass(frozen=True, slots=True)
class Wanted:
    """Empty fields do not restrict."""

    presences: frozenset[int] = frozenset()
    work_states: frozenset[int] = frozenset()
    team_id: str = ""
    branch_id: str = ""
    queue_id: str = ""
    seat_id: str = ""
    overrun: bool = False

    def passes(self, agent: AgentState, team_id: str, branch_id: str) -> bool:
        return (
            (not self.presences or agent.presence in self.presences)
            and (not self.work_states or any(item.state in self.work_states for item in agent.work))
            and self.team_id in ("", team_id)
            and self.branch_id in ("", branch_id)
            and (not self.queue_id or any(item.queue_id == self.queue_id for item in agent.work))
            and self.seat_id in ("", agent.seat_id)
            and (not self.overrun or agent.break_overrun)
        )


ALL: Final = Wanted()
