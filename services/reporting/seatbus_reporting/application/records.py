"""Call records from the facts of calls: those in memory and, where they do not suffice, the stored ones."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from seatbus_reporting.domain.cdr import CallFact, CallRecord, build

if TYPE_CHECKING:
    from seatbus_reporting.application.calls import Calls
    from seatbus_reporting.application.queries import Queries


class Records:
    def __init__(self, queries: Queries, calls: Calls) -> None:
        self._queries = queries
        self._calls = calls

    async def of(self, calls: Mapping[str, str]) -> list[CallRecord]:
        """The records of those of the calls (id -> tenant) that have ended. The store is read once a tenant,
        and only for calls that began before this process did.
        """
        known = await self.facts(calls)
        found = (build(tenant, id, list(known[id].values())) for id, tenant in calls.items())
        return [record for record in found if record is not None]

    async def facts(self, calls: Mapping[str, str]) -> dict[str, dict[int, CallFact]]:
        """Call -> its facts by sequence."""
        known: dict[str, dict[int, CallFact]] = {}
        partial: dict[str, list[str]] = {}
        for call_id, tenant in calls.items():
            live = self._calls.get(call_id)
            known[call_id] = live.facts if live is not None else {}
            if live is None or not self._calls.whole(live):
                partial.setdefault(tenant, []).append(call_id)
        for tenant, call_ids in partial.items():
            for call_id, stored in (await self._queries.call_facts(tenant, call_ids)).items():
                for fact in stored:
                    known[call_id].setdefault(fact.seq, fact)
                self._calls.committed(call_id, [fact.seq for fact in stored])
        return known
