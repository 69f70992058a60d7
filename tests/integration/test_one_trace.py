"""One call is one trace: its spans come from every service, under the id of the call."""

from __future__ import annotations

import asyncio

import pytest

from seatbus_testkit.otlp import OtlpCollector
from seatbus_testkit.platform import Platform
from seatbus_testkit.tenant import TestTenant

from .agents import agent_phone, caller_of, reach_queue, until_agent

pytestmark = pytest.mark.platform

SERVICES = {"sip_edge", "media", "ivr", "acd", "agent_state", "recording", "reporting"}


async def test_the_spans_of_a_call_cover_every_service_that_touched_it(
    platform: Platform, collector: OtlpCollector
) -> None:
    tenant = TestTenant.create(platform, agents=1)
    async with caller_of(tenant) as caller, agent_phone(tenant, "a1") as phone:
        call = await reach_queue(caller, tenant)
        await (await phone.next_call()).answer()
        await until_agent(tenant, "a1", presence="READY", work="TALKING")
        await asyncio.sleep(0.5)
        await call.hang_up()
        await until_agent(tenant, "a1", presence="READY")
    cdr = await asyncio.to_thread(tenant.wait_cdr, cause="caller_hung_up")
    trace = int(cdr["call_id"].replace("-", ""), 16)

    def complete() -> bool:
        return {span.service for span in collector.trace(trace)} >= SERVICES

    await asyncio.to_thread(platform.until, complete, 30, f"spans of {SERVICES} in trace {trace:032x}")
    spans = collector.trace(trace)
    ids = {span.span_id for span in spans}
    roots = [span for span in spans if not span.parent_id]
    assert [span.name for span in roots] == ["sip_edge.call"]
    orphans = [span.name for span in spans if span.parent_id and span.parent_id not in ids]
    assert orphans == []
    assert all(span.attributes.get("tenant", tenant.id) == tenant.id for span in spans)
