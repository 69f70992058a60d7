"""A flow as the interpreter walks it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Protocol

if TYPE_CHECKING:
    from seatbus.ivr.v1 import types_pb2 as ivr
    from seatbus.tenancy.v1 import types_pb2 as tenancy

SUPPORTED: Final = frozenset(
    {
        "play", "menu", "queue", "hours", "hang_up", "collect", "transfer", "set_attributes", "condition",
        "voicemail", "callback",
    }
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Unsupported:
    """The first node of a flow that this version cannot walk."""

    field: str
    node_id: str
    kind: str


@dataclass(frozen=True, slots=True)
class Graph:
    """Nodes by id. Made once for each stored version of a flow."""

    flow: ivr.Flow
    nodes: dict[str, ivr.Node] = field(init=False)
    unsupported: Unsupported | None = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "nodes", {node.id: node for node in self.flow.nodes})
        object.__setattr__(self, "unsupported", find_unsupported(self.flow))


def find_unsupported(flow: ivr.Flow) -> Unsupported | None:
    for number, node in enumerate(flow.nodes):
        kind = node.WhichOneof("kind") or "none"
        if kind not in SUPPORTED:
            return Unsupported(f"flow.nodes[{number}].{kind}", node.id, kind)
    return None


class Book(Protocol):
    """What one tenant has configured, as the interpreter reads it."""

    def flow(self, flow_id: str) -> Graph | None: ...

    def schedule(self, schedule_id: str) -> tenancy.Schedule | None: ...

    def queue(self, queue_id: str) -> tenancy.Queue | None: ...
