"""What the tests of calls to the outside share: a carrier behind a trunk of the tenant."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from seatbus_testkit.phone import Phone, Policy
from seatbus_testkit.tenant import TestTenant

PLAN = {"country_code": "49", "national_prefix": "0", "international_prefix": "00", "area_code": "30"}
DIALLED, NUMBER = "089123456", "+4989123456"


@asynccontextmanager
async def carrier(
    tenant: TestTenant, trunk_id: str = "out", *, policy: Policy | None = None, **fields: Any
) -> AsyncIterator[Phone]:
    """The peer of a trunk; it answers after a moment unless `policy` says otherwise."""
    phone = await Phone.start(tenant.platform.sip, username="carrier")
    phone.policy = policy or Policy(answer_after_s=0.1)
    host, port = phone.address
    trunk = {"name": trunk_id, "host": host, "port": port, "outbound": True, "setup_timeout_s": 20, **fields}
    await configure(tenant, {"id": trunk_id, "trunk": trunk})
    await trunk_is_asked(tenant, trunk_id)
    try:
        yield phone
    finally:
        await phone.close()


async def trunk_is_asked(tenant: TestTenant, trunk_id: str) -> None:
    await asyncio.to_thread(
        tenant.platform.until, lambda: _asked(tenant, trunk_id), 30, f"the edge to ask {trunk_id}"
    )


def _asked(tenant: TestTenant, trunk_id: str) -> bool:
    """Whether the edge knows the trunk: it has asked its peer by OPTIONS."""
    lines = tenant.platform.metrics("sip_edge-0").splitlines()
    labels = (f'tenant="{tenant.id}"', f'trunk="{trunk_id}"')
    return any(
        line.startswith("seatbus_trunk_state{") and all(label in line for label in labels) for line in lines
    )


async def configure(tenant: TestTenant, *objects: dict[str, Any]) -> None:
    await asyncio.to_thread(tenant.platform.post, tenant.path("config"), {"upserts": list(objects)})


def branch(**fields: Any) -> dict[str, Any]:
    """The tenant's branch in Berlin, whose agents show its number."""
    given = {"name": "Main", "time_zone": "Europe/Berlin", "dial_plan": PLAN, "caller_id": "+4930555000"}
    return {"id": "main", "branch": {**given, **fields}}


async def until_state(tenant: TestTenant, agent: str, wanted: str, timeout: float = 30.0) -> None:
    """Until the agent's only work item is in this state; `idle`: until there is none."""

    def there() -> bool:
        work = tenant.agent(agent)["work"]
        states = [str(item["state"]).removeprefix("WORK_STATE_").lower() for item in work]
        return states == ([] if wanted == "idle" else [wanted])

    await asyncio.to_thread(tenant.platform.until, there, timeout, f"{agent} to be {wanted}")
