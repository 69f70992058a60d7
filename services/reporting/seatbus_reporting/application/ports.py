"""What the use cases need from outside."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from seatbus_reporting.domain.tables import Row, Table

Params = Mapping[str, "str | int | list[str]"]
Record = dict[str, object]


class Store(Protocol):
    """The tables of facts. Both raise Unavailable when repeating may help, Refused when it cannot."""

    async def insert(self, table: Table, rows: Sequence[Row]) -> None:
        """Returns when the rows are stored; repeating it stores nothing twice."""
        ...

    async def query(self, sql: str, params: Params) -> list[Record]:
        """Rows by column name. `sql` names its parameters as `{name:Type}`."""
        ...


class Journal(Protocol):
    """The edge's side of a gap."""

    async def republish(self, owner: str, tenant: str, call_id: str, from_seq: int, to_seq: int) -> int:
        """Asks the owner to publish events again; how many it had. Raises a SeatbusError."""
        ...
