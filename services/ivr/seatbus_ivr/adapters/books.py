"""The interpreter's reading of the watched configuration."""

from __future__ import annotations

from typing import TYPE_CHECKING

from seatbus_ivr.domain.graph import Graph

if TYPE_CHECKING:
    from seatbus.tenancy.v1 import types_pb2 as tenancy
    from seatbus_ivr.domain.graph import Book
    from seatbus_kit.config_view import ConfigView


class Books:
    """Graphs are made once for each stored version of a flow."""

    def __init__(self, view: ConfigView) -> None:
        self._view = view
        self._graphs: dict[tuple[str, str], tuple[tenancy.ConfigObject, Graph]] = {}
        view.on_change(self._changed)

    def _changed(self, tenant: str, kind: str, id: str) -> None:
        if kind == "flow":
            self._graphs.pop((tenant, id), None)

    def of(self, tenant: str) -> Book:
        return _Book(self, tenant)

    def flow(self, tenant: str, flow_id: str) -> Graph | None:
        stored = self._view.get(tenant, "flow", flow_id)
        if stored is None:
            return None
        known = self._graphs.get((tenant, flow_id))
        if known is None or known[0] is not stored:
            known = self._graphs[tenant, flow_id] = (stored, Graph(stored.flow))
        return known[1]

    async def ask_flow(self, tenant: str, flow_id: str) -> Graph | None:
        """As `flow`; one that is not here is asked for. Raises Unavailable."""
        await self._view.ask(tenant, "flow", flow_id)
        return self.flow(tenant, flow_id)

    def object(self, tenant: str, kind: str, id: str) -> tenancy.ConfigObject | None:
        return self._view.get(tenant, kind, id)


class _Book:
    __slots__ = ("_books", "_tenant")

    def __init__(self, books: Books, tenant: str) -> None:
        self._books = books
        self._tenant = tenant

    def flow(self, flow_id: str) -> Graph | None:
        return self._books.flow(self._tenant, flow_id)

    def schedule(self, schedule_id: str) -> tenancy.Schedule | None:
        found = self._books.object(self._tenant, "schedule", schedule_id)
        return found.schedule if found is not None else None

    def queue(self, queue_id: str) -> tenancy.Queue | None:
        found = self._books.object(self._tenant, "queue", queue_id)
        return found.queue if found is not None else None
