"""What the use cases need from outside."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Protocol

from seatbus_reporting.domain.tables import Row, Table

if TYPE_CHECKING:
    from seatbus_kit.events import InEvent

Params = Mapping[str, "str | int | list[str]"]
Record = dict[str, object]


class Store(Protocol):
    """The tables of facts. Both raise Unavailable when repeating may help, Refused when it cannot."""

    @property
    def exclusive(self) -> bool:
        """Whether no other process can have this store open."""
        ...

    async def insert(self, table: Table, rows: Sequence[Row]) -> None:
        """Returns when the rows are stored; repeating it stores nothing twice."""
        ...

    async def query(self, sql: str, params: Params) -> list[Record]:
        """Rows by column name. `sql` names its parameters as `{name:Type}`."""
        ...


class Positions(Protocol):
    """Up to where the rows of each stream are stored."""

    async def load(self) -> dict[str, int]:
        """Stream -> sequence, without those that were made anew. Raises a SeatbusError."""
        ...

    async def save(self, seqs: dict[str, int]) -> None:
        """Raises a SeatbusError; what is not saved is stored once more after a restart, which is harmless."""
        ...


class DeadLetters(Protocol):
    """What cannot become a row is kept for people. Both raise a SeatbusError when it is not kept."""

    async def event(self, event: InEvent, error: Exception) -> None: ...

    async def row(self, table: Table, row: Row, error: Exception) -> None: ...


class Journal(Protocol):
    """The edge's side of a gap."""

    async def republish(self, owner: str, tenant: str, call_id: str, from_seq: int, to_seq: int) -> int:
        """Asks the owner to publish events again; how many it had. Raises a SeatbusError."""
        ...
