"""Waiting contacts, queues and sizing through the HTTP API."""

from __future__ import annotations

from types import SimpleNamespace

import httpx

API = "/api/v1"
CONTACT = f"{API}/tenants/acme/contacts/0199c2a4-0000-7000-8000-000000000009"
QUEUE = f"{API}/tenants/acme/queues/sales"


async def test_a_contact_is_explained_and_handled(world: SimpleNamespace) -> None:
    http = world.http
    told = (await http.get(CONTACT)).json()
    assert (told["position"], told["decisions"][0]["rule"]) == (3, "capped")
    assert (await http.post(f"{CONTACT}/requeue", json={"front": True})).json() == {"position": 1}
    assert world.acd.asked[-1].front
    assert (await http.post(f"{CONTACT}/prioritise", json={"priority": 7})).json() == {"position": 7}
    assert (await http.post(f"{CONTACT}/prioritise", json={"priority": 10})).status_code == 400
    assert (await http.post(f"{CONTACT}/pull", json={"agent_id": "ann"})).json() == {"rid": "r1"}
    moved = await http.post(f"{CONTACT}/move", json={"queue_id": "service"})
    assert (moved.status_code, moved.json()["error"]["message"]) == (409, "the contact does not wait")
    assert (await http.get(f"{API}/tenants/acme/contacts/somebody")).json()["error"]["rule"] == "uuid"
    assert world.acd.asked[-1].context.actor.id, "who asked is told"


async def test_queues_are_shown_and_closed(world: SimpleNamespace) -> None:
    http = world.http
    waiting = (await http.get(f"{QUEUE}/waiting")).json()["contacts"]
    assert [contact["contact_id"] for contact in waiting] == ["c1"]
    assert (await http.post(f"{QUEUE}/mode", json={"mode": "closed"})).status_code == 204
    assert (world.acd.asked[-1].queue_id, world.acd.asked[-1].mode) == ("sales", "closed")
    assert (await http.post(f"{QUEUE}/mode", json={"mode": "half"})).status_code == 400
    shown = (await http.get(f"{API}/tenants/acme/queue-snapshots")).json()
    assert [(queue["queue_id"], queue["waiting"]) for queue in shown["queues"]] == [("sales", 4)]


async def test_the_stream_of_snapshots_says_why_it_ends(world: SimpleNamespace) -> None:
    url = f"{API}/tenants/acme/queue-snapshots/stream"
    async with world.http.stream("GET", url) as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        text = "".join([part async for part in answer.aiter_text()])
    first, second, *_ = text.split("\n\n")
    assert first.startswith("event: queues\ndata: ")
    assert '"waiting":4' in first
    assert second.startswith("event: error\ndata: ")
    assert "the tenant is gone" in second
    async with httpx.AsyncClient(base_url=world.base, timeout=30, trust_env=False) as stranger:
        assert (await stranger.get(url)).status_code == 401


async def test_a_load_is_sized_with_the_numbers_of_the_command_line(world: SimpleNamespace) -> None:
    sized = await world.http.post(f"{API}/sizing", json={"customers": 20_000_000, "simulate": False})
    assert sized.json() == {"seats": 666.6}
    assert world.acd.asked[-1].customers == 20_000_000
    assert not world.acd.asked[-1].HasField("calls_per_hour")
    both = await world.http.post(f"{API}/sizing", json={"customers": 1, "calls_per_hour": 1})
    assert both.status_code == 400


async def test_call_backs_are_asked_for_listed_and_cancelled(world: SimpleNamespace) -> None:
    http, path = world.http, f"{API}/tenants/acme/callbacks"
    wish = {"queue_id": "sales", "number": "+4989123456", "order": "customer_first", "max_attempts": 2}
    made = await http.post(path, json=wish)
    assert (made.status_code, made.json()["position"]) == (201, 2)
    asked = world.acd.asked[-1]
    assert (asked.contact_id, asked.callback.number) == (made.json()["contact_id"], "+4989123456")
    assert (asked.callback.order, asked.callback.max_attempts, asked.edge_instance) == (2, 2, "")
    bad = await http.post(path, json={"queue_id": "sales", "number": "call me"})
    assert (bad.status_code, bad.json()["error"]["field"]) == (400, "number")
    listed = (await http.get(path, params={"queue_id": "sales", "limit": 1})).json()
    assert (listed["callbacks"][0]["callback"]["number"], listed["next_cursor"]) == ("+4930", "c1")
    assert (await http.delete(f"{path}/{made.json()['contact_id']}")).status_code == 204
    assert world.acd.asked[-1].contact_id == made.json()["contact_id"]
