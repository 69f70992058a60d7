"""How much a tenant and a trunk may do at the same time, across all edges."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

import orjson

from seatbus.tenancy.v1 import types_pb2 as tenancy
from seatbus_contracts.hours import schedule_open
from seatbus_sip_edge.domain.fraud import Rule
from seatbus_sip_edge.domain.limits import Rates
from seatbus_sip_edge.domain.model import Direction

if TYPE_CHECKING:
    from collections.abc import Callable

    from seatbus_kit.config_view import ConfigView
    from seatbus_kit.instances import Instances
    from seatbus_sip_edge.application.session import Session
    from seatbus_sip_edge.domain.model import Call
    from seatbus_sip_edge.domain.routes import TrunkRef

COUNTS: Final = "calls"
_TELL_S: Final = 0.5
_NO_QUOTA: Final = tenancy.Quota()
_NO_GUARD: Final = tenancy.TollGuard()


class Quotas:
    """Each edge tells the others its counts with its heartbeat: they are at most a second old.

    Rates are divided by the number of edges; counts are not, so that a trunk which reaches one edge alone has
    its whole limit.
    """

    def __init__(
        self,
        config: ConfigView,
        instances: Instances,
        own_id: str,
        sessions: Callable[[], list[Session]],
        now: Callable[[], float],
    ) -> None:
        self._config = config
        self._instances = instances
        self._own = own_id
        self._sessions = sessions
        self._now = now
        self._rates = Rates()
        self._told = ""
        self._ticker: asyncio.TimerHandle | None = None
        # Objects with a limit on calls at once: without any nothing is counted for the others.
        self._limits: set[tuple[str, str, str]] = set()
        config.on_change(self._changed)

    def _changed(self, tenant: str, kind: str, object_id: str) -> None:
        if kind not in ("trunk", "quota"):
            return
        found = self._config.get(tenant, kind, object_id)
        limited = found is not None and bool(
            found.trunk.max_calls
            if kind == "trunk"
            else found.quota.max_calls or found.quota.max_outbound_calls
        )
        (self._limits.add if limited else self._limits.discard)((tenant, kind, object_id))

    def quota(self, tenant: str) -> tenancy.Quota:
        """What the operator has agreed with the tenant; the first by id if there are several."""
        found = self._config.objects(tenant, "quota")
        return found[min(found)].quota if found else _NO_QUOTA

    def guard(self, tenant: str) -> tenancy.TollGuard:
        quota = self.quota(tenant)
        return quota.toll_guard if quota.HasField("toll_guard") else _NO_GUARD

    def hours(self, tenant: str) -> Rule | None:
        """Why the guard's hours let nobody call out now. A schedule that is not there is closed."""
        schedule_id = self.guard(tenant).schedule_id
        if not schedule_id:
            return None
        found = self._config.get(tenant, "schedule", schedule_id)
        if found is None:
            return Rule.NO_SCHEDULE
        return None if schedule_open(found.schedule, datetime.now(UTC)) else Rule.HOURS

    def _edges(self) -> int:
        return max(1, len(self._instances.all("sip_edge")))

    # ---- inbound ----------------------------------------------------------------------------------------
    def inbound_allowed(self, tenant: str, trunk_tenant: str, trunk_id: str, trunk: tenancy.Trunk) -> bool:
        """Whether one more call may come in by this trunk for this tenant."""
        quota = self.quota(tenant)
        if quota.max_calls and self._count(f"t/{tenant}") >= quota.max_calls:
            return False
        if trunk.max_calls and self._count(f"k/{trunk_tenant}/{trunk_id}") >= trunk.max_calls:
            return False
        return self._rate(("trunk", trunk_tenant, trunk_id), trunk.max_calls_per_second) and self._rate(
            ("tenant", tenant), quota.max_calls_per_second
        )

    def _rate(self, key: tuple[str, ...], limit: int) -> bool:
        return not limit or self._rates.take(key, limit, self._edges(), self._now())

    # ---- outbound ---------------------------------------------------------------------------------------
    def outbound_allowed(self, call: Call) -> bool:
        """Whether the tenant may have this call beside its others; it is counted already."""
        quota = self.quota(call.tenant_id)
        if quota.max_calls and self._count(f"t/{call.tenant_id}") > quota.max_calls:
            return False
        if quota.max_outbound_calls and self._count(f"o/{call.tenant_id}") > quota.max_outbound_calls:
            return False
        return self._rate(("tenant", call.tenant_id), quota.max_calls_per_second)

    def trunk_allowed(self, ref: TrunkRef, trunk: tenancy.Trunk) -> bool:
        if trunk.max_calls and self._count(f"k/{ref.tenant}/{ref.trunk_id}") >= trunk.max_calls:
            return False
        return self._rate(("trunk", ref.tenant, ref.trunk_id), trunk.max_calls_per_second)

    # ---- counting ---------------------------------------------------------------------------------------
    def _count(self, key: str) -> int:
        return self._counts().get(key, 0) + self._elsewhere(key)

    def _elsewhere(self, key: str) -> int:
        total = 0
        for instance in self._instances.all("sip_edge"):
            if instance.id != self._own and (text := instance.attributes.get(COUNTS)):
                total += int(orjson.loads(text).get(key, 0))
        return total

    def _counts(self) -> dict[str, int]:
        """Calls by tenant, outbound ones by tenant, legs by trunk."""
        counts: dict[str, int] = {}
        for session in self._sessions():
            call = session.call
            if session.over:
                continue
            keys = [f"t/{call.tenant_id}"]
            if call.direction == Direction.DIRECTION_OUTBOUND:
                keys.append(f"o/{call.tenant_id}")
            elif call.trunk_id:
                keys.append(f"k/{call.trunk_tenant or call.tenant_id}/{call.trunk_id}")
            for leg in call.legs.values():
                if leg.live and leg.ways:
                    keys.append(f"k/{leg.ways[0][0]}/{leg.ways[0][1]}")
            for key in keys:
                counts[key] = counts.get(key, 0) + 1
        return counts

    def start(self) -> None:
        self._tell()

    def stop(self) -> None:
        if self._ticker is not None:
            self._ticker.cancel()

    def _tell(self) -> None:
        """Gives this edge's counts to the next heartbeat, of tenants and trunks that have a limit."""
        self._ticker = asyncio.get_running_loop().call_later(_TELL_S, self._tell)
        counts = self._counts() if self._limits else {}
        wanted = {key: count for key, count in counts.items() if self._limited(key)}
        text = orjson.dumps(wanted).decode() if wanted else ""
        if text != self._told:
            self._told = text
            self._instances.set_attributes(**{COUNTS: text})

    def _limited(self, key: str) -> bool:
        kind, _, rest = key.partition("/")
        if kind == "k":
            tenant, _, trunk_id = rest.partition("/")
            found = self._config.get(tenant, "trunk", trunk_id)
            return found is not None and found.trunk.max_calls > 0
        quota = self.quota(rest)
        return bool(quota.max_calls or quota.max_outbound_calls)
