"""Contacts without a call through the HTTP API."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import httpx
import orjson
import pytest

from seatbus.acd.v1 import service_pb2 as acd_rpc
from seatbus.agent.v1 import service_pb2 as agent_rpc
from seatbus.agent.v1 import types_pb2 as agent_types
from seatbus_kit.ids import uuid7

CONTACTS = "/api/v1/tenants/acme/contacts"
CHAT: dict[str, Any] = {"queue_id": "sales", "channel": "chat"}
RID = "0199c2a4-0000-7000-8000-000000000009"


def wrong(answer: httpx.Response) -> tuple[int, str, str]:
    error = answer.json()["error"]
    return answer.status_code, error["field"], error["rule"]


async def test_a_chat_is_queued_taken_and_cancelled(world: SimpleNamespace) -> None:
    http, asked = world.http, world.acd.asked
    wish = CHAT | {"requirements": [{"name": "english", "level": 3}], "attributes": {"page": "cart"}}
    made = await http.post(CONTACTS, json=wish)
    assert (made.status_code, made.json()["position"]) == (201, 2)
    contact_id = made.json()["contact_id"]
    request = asked[-1]
    assert (request.contact_id, request.channel, request.edge_instance) == (contact_id, "chat", "")
    assert (request.requirements[0].name, request.requirements[0].level) == ("english", 3)
    assert request.attributes["page"] == "cart"
    contact = f"{CONTACTS}/{contact_id}"
    assert (await http.post(f"{contact}/accept", json={"rid": RID})).status_code == 204
    assert (asked[-1].rid, asked[-1].outcome) == (RID, acd_rpc.OFFER_OUTCOME_ANSWERED)
    assert asked[-1].without_call, "a call is answered by a phone"
    assert (await http.post(f"{contact}/reject", json={"rid": RID})).status_code == 204
    assert asked[-1].outcome == acd_rpc.OFFER_OUTCOME_REJECTED
    late = await http.post(f"{contact}/reject", json={"rid": RID, "reason": "busy"})
    assert wrong(late) == (409, "", "not_current_offer")
    assert (await http.delete(contact)).json() == {"outcome": "VISIT_OUTCOME_ABANDONED"}
    assert asked[-1].without_call


async def test_only_the_tenants_own_contact_in_the_agents_hand_is_ended(world: SimpleNamespace) -> None:
    contact_id = uuid7()
    path = f"{CONTACTS}/{contact_id}/end"
    body = {"rid": RID, "agent_id": "ann", "agent_tenant_id": "operator"}
    item = agent_types.WorkItem(rid=RID, contact_id=contact_id, tenant_id="acme")
    for other in ({"tenant_id": "globex"}, {"contact_id": uuid7()}, {"edge_instance": "edge-1"}):
        world.agents.work = [
            agent_types.WorkItem(**{"rid": RID, "contact_id": contact_id, "tenant_id": "acme"} | other)
        ]
        assert wrong(await world.http.post(path, json=body)) == (404, "rid", "held")
    assert not world.agents.reported
    world.agents.work = [item]
    assert (await world.http.post(path, json=body)).status_code == 204
    [told] = world.agents.reported
    assert (told.context.tenant_id, told.agent_id, told.event) == (
        "operator",
        "ann",
        agent_rpc.WORK_EVENT_ENDED,
    )


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"channel": "voice"}, "channel"),
        ({"priority": 10}, "priority"),
        ({"queue_id": ""}, "queue_id"),
        ({"requirements": [{"name": "x", "level": 11}]}, "requirements[0].level"),
        ({"attributes": {str(i): "" for i in range(65)}}, "attributes"),
        ({"attributes": {"page": "x" * 1025}}, "attributes.page"),
        ({"contact_id": "c1"}, "contact_id"),
        ({"contact_id": "4f2ad0e2-8b4c-4c2a-9d3e-6f1f6a3c1d2b"}, "contact_id"),
        ({"contact_id": "0199c2a4-0000-7000-8000-000000000009"}, "contact_id"),
        ({"edge_instance": "mine"}, "edge_instance"),
    ],
)
async def test_what_is_wrong_is_named(world: SimpleNamespace, body: dict[str, Any], field: str) -> None:
    assert wrong(await world.http.post(CONTACTS, json=CHAT | body))[:2] == (400, field)
    assert not world.acd.asked


async def test_a_repeated_request_names_its_contact(world: SimpleNamespace) -> None:
    headers, contact_id = {"Idempotency-Key": "k1"}, uuid7()
    assert wrong(await world.http.post(CONTACTS, json=CHAT, headers=headers))[:2] == (400, "contact_id")
    body = CHAT | {"contact_id": contact_id}
    for _ in range(2):
        assert (await world.http.post(CONTACTS, json=body, headers=headers)).status_code == 201
    first, second = world.acd.asked
    assert first.context.request_id == second.context.request_id
    assert first.contact_id == second.contact_id == contact_id


async def test_the_stream_tells_of_offers_and_ends(world: SimpleNamespace) -> None:
    url = f"{CONTACTS}/stream"
    async with world.http.stream("GET", url, params={"channel": "chat"}) as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        text = "".join([part async for part in answer.aiter_text()])
    assert (world.acd.asked[-1].tenant_id, world.acd.asked[-1].channel) == ("acme", "chat")
    events = [event.split("\ndata: ") for event in text.strip().split("\n\n")]
    assert [name for name, _ in events] == ["event: contacts", "event: contacts", "event: error"]
    first, second, last = (orjson.loads(data) for _, data in events)
    assert first["snapshot"]
    assert first["contacts"][0]["offered"][0]["rid"] == "r1"
    assert second["ended"][0]["outcome"] == "VISIT_OUTCOME_ANSWERED"
    assert last["code"] == "resource_exhausted"
    assert (await world.http.get(url, params={"channel": "fax"})).status_code == 400
    async with httpx.AsyncClient(base_url=world.base, timeout=30, trust_env=False) as stranger:
        assert (await stranger.get(url)).status_code == 401
        assert (await stranger.post(CONTACTS, json=CHAT)).status_code == 401
