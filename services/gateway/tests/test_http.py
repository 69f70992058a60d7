"""The HTTP API as a client sees it."""

from __future__ import annotations

import asyncio
import stat
from types import SimpleNamespace

import orjson
import pytest
import websockets

from seatbus.reporting.v1 import service_pb2 as report_rpc
from seatbus.tenancy.v1 import types_pb2 as tenancy
from seatbus_contracts.subjects import config_key
from seatbus_gateway.application.auth import hash_key
from seatbus_kit.buckets import Bucket

API = "/api/v1"


async def test_an_object_is_created_read_listed_written_and_removed(world: SimpleNamespace) -> None:
    http = world.http
    body = {"id": "sales", "name": "Sales", "ring_timeout_s": 20, "strategy": "longest_idle"}
    made = await http.post(f"{API}/tenants/acme/queues", json=body, headers={"Idempotency-Key": "once"})
    assert made.status_code == 201, made.text
    assert made.json()["strategy"] == "STRATEGY_LONGEST_IDLE"
    assert world.tenancy.asked[-1].context.request_id.startswith("once.")
    assert world.tenancy.asked[-1].create_only
    one = await http.get(f"{API}/tenants/acme/queues/sales")
    assert (one.json()["name"], one.json()["members"], one.json()["overflow"]) == ("Sales", [], None)
    listed = await http.get(f"{API}/tenants/acme/queues")
    assert [item["id"] for item in listed.json()["queues"]] == ["sales"]
    put = await http.put(f"{API}/tenants/acme/queues/sales", json={"name": "S"}, headers={"If-Match": '"7"'})
    assert (put.status_code, world.tenancy.asked[-1].expected_version) == (200, 7)
    assert (await http.delete(f"{API}/tenants/acme/queues/sales")).status_code == 204
    assert (await http.get(f"{API}/tenants/acme/queues/sales")).status_code == 404


@pytest.mark.parametrize(
    ("body", "field", "rule"),
    [
        ({"id": "a", "name": "A", "ring_timeout_s": 1000}, "ring_timeout_s", "180"),
        ({"id": "a", "name": "A", "ring_timeout_s": "20"}, "ring_timeout_s", "int"),
        ({"id": "a", "name": "A", "ring_time": 1}, "ring_time", "extra_forbidden"),
        ({"id": "a"}, "name", "missing"),
        ({"id": "A b", "name": "A"}, "id", "pattern"),
        ({"id": "a", "name": "A", "members": [{"order": 1}]}, "members[0]", "oneof"),
        ({"id": "a", "name": "A", "strategy": "fastest"}, "strategy", "literal"),
    ],
)
async def test_a_bad_body_is_refused_with_field_and_rule(
    world: SimpleNamespace, body: dict[str, object], field: str, rule: str
) -> None:
    answer = await world.http.post(f"{API}/tenants/acme/queues", json=body)
    error = answer.json()["error"]
    assert (answer.status_code, error["code"], error["field"]) == (400, "invalid_argument", field)
    assert rule in error["rule"]
    assert not world.tenancy.asked


@pytest.mark.parametrize(
    ("id", "status", "code"),
    [
        ("taken", 409, "already_exists"), ("stale", 412, "conflict"), ("dangling", 400, "invalid_argument"),
        ("busy", 429, "resource_exhausted"), ("refused", 409, "refused"),
    ],
)  # fmt: skip
async def test_refusals_of_services_keep_their_code(
    world: SimpleNamespace, id: str, status: int, code: str
) -> None:
    answer = await world.http.post(f"{API}/tenants/acme/teams", json={"id": id, "name": "T"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)


async def test_a_change_takes_both_forms_of_objects_and_names_the_bad_one(world: SimpleNamespace) -> None:
    change = {
        "upserts": [
            {"kind": "branch", "id": "b", "name": "B", "time_zone": "UTC"},
            {
                "id": "d",
                "device": {"agent_id": "a", "kind": "DEVICE_KIND_SIP", "username": "u", "password": "pw"},
            },
            {"kind": "device", "id": "e", "agent_id": "a"},
        ]
    }
    bad = await world.http.post(f"{API}/tenants/acme/config", json=change)
    assert bad.status_code == 400
    assert bad.json()["error"]["field"].startswith("upserts[2]")
    change["upserts"].pop()
    good = await world.http.post(f"{API}/tenants/acme/config", json=change)
    assert good.json()["version"] == 7, good.text
    assert good.json()["objects"][0]["branch"]["name"] == "B"
    assert good.json()["objects"][1]["device"]["kind"] == "DEVICE_KIND_SIP"
    assert "pw" not in good.text
    assert "ha1" not in good.text


async def test_keys_are_checked_for_tenant_and_role(world: SimpleNamespace) -> None:
    config = Bucket(world.runtime.bus, "config")
    key = tenancy.ApiKey(label="board", role=tenancy.ROLE_AGENT, key_hash=hash_key("s" * 32))
    item = tenancy.ConfigObject(tenant_id="acme", id="screen", api_key=key)
    await config.create(config_key("acme", "api_key", "screen"), item.SerializeToString())
    await asyncio.sleep(0.1)
    path = f"{API}/tenants/acme/queues"
    for headers, status in (
        ({"Authorization": ""}, 401),
        ({"Authorization": "Bearer wrong"}, 401),
        ({"Authorization": f"Bearer acme.screen.{'x' * 32}"}, 401),
        ({"Authorization": f"Bearer acme.screen.{'s' * 32}"}, 403),
    ):
        answer = await world.http.get(path, headers=headers)
        assert (answer.status_code, bool(answer.json()["error"]["message"])) == (status, True)
    own = {"Authorization": f"Bearer acme.screen.{'s' * 32}"}
    assert (await world.http.get(f"{API}/tenants/other/board", headers=own)).status_code == 403
    assert (await world.http.get(f"{API}/status", headers=own)).status_code == 403
    file = world.tmp / "secrets" / "operator.key"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    await config.purge(
        config_key("acme", "api_key", "screen"),
        (await config.get(config_key("acme", "api_key", "screen"))).revision,
    )


async def test_live_calls_of_all_edges_are_merged_and_the_owner_hangs_up(world: SimpleNamespace) -> None:
    answer = await world.http.get(f"{API}/tenants/acme/calls")
    assert {call["call_id"] for call in answer.json()["calls"]} == set(world.call_ids)
    assert answer.json()["calls"][0]["state"] == "CALL_STATE_QUEUED"
    assert (await world.http.delete(f"{API}/tenants/acme/calls/{world.call_ids[1]}")).status_code == 204
    assert (world.edges[0].hung_up, world.edges[1].hung_up) == ([], [world.call_ids[1]])
    gone = await world.http.delete(f"{API}/tenants/acme/calls/{world.call_ids[1][:-1]}9")
    assert gone.status_code == 404
    assert (await world.http.delete(f"{API}/tenants/acme/calls/x")).status_code == 400


async def test_an_agent_is_set_not_ready(world: SimpleNamespace) -> None:
    path = f"{API}/tenants/acme/agents/a1/state"
    answer = await world.http.post(path, json={"action": "not_ready", "reason": "lunch"})
    assert (answer.json()["presence"], answer.json()["reason"]) == ("PRESENCE_NOT_READY", "lunch")
    assert "meta" not in answer.json()
    assert (await world.http.post(path, json={"action": "sleep"})).status_code == 400
    gone = await world.http.post(f"{API}/tenants/acme/agents/nobody/state", json={"action": "ready"})
    assert gone.status_code == 404
    missing = await world.http.post(path, json={"action": "logout"})
    assert missing.status_code == 501


@pytest.mark.parametrize(
    ("header", "status", "first", "last"),
    [
        (None, 200, 0, 102399), ("bytes=0-99", 206, 0, 99), ("bytes=950-2050", 206, 950, 2050),
        ("bytes=102300-", 206, 102300, 102399), ("bytes=-10", 206, 102390, 102399),
        ("lines=1-2", 200, 0, 102399),
    ],
)  # fmt: skip
async def test_recordings_are_downloaded_whole_or_in_part(
    world: SimpleNamespace, header: str | None, status: int, first: int, last: int
) -> None:
    path = f"{API}/tenants/acme/recordings/{world.call_ids[0]}/audio"
    answer = await world.http.get(path, headers={"Range": header} if header else {})
    assert answer.status_code == status
    assert answer.content == world.recordings.DATA[first : last + 1]
    if status == 206:
        assert answer.headers["content-range"] == f"bytes {first}-{last}/102400"


async def test_a_range_outside_the_file_and_an_unknown_recording_are_refused(world: SimpleNamespace) -> None:
    path = f"{API}/tenants/acme/recordings/{world.call_ids[0]}/audio"
    outside = await world.http.get(path, headers={"Range": "bytes=102400-"})
    assert (outside.status_code, outside.headers["content-range"]) == (416, "bytes */102400")
    unknown = await world.http.get(path.replace("0001/", "0000/"))
    assert unknown.status_code == 404


async def test_limits_probes_pages_and_headers(world: SimpleNamespace) -> None:
    http = world.http
    assert (await http.post(f"{API}/tenants/acme/queues", content=b"x" * (2 << 20))).status_code == 413

    async def chunks() -> object:
        for _ in range(40):
            yield b"x" * 65536

    assert (await http.post(f"{API}/tenants/acme/queues", content=chunks())).status_code == 413
    assert (await http.get("/healthz")).text == "ok"
    assert (await http.get("/readyz")).status_code == 200
    page = await http.get("/wallboard/acme")
    assert "Seatbus" in page.text
    assert "frame-ancestors 'none'" in page.headers["content-security-policy"]
    assert page.headers["cache-control"] == "no-cache"
    assert "immutable" in (await http.get("/assets/app-1a2b.js")).headers["cache-control"]
    assert (await http.get("/assets/gone.js")).status_code == 404
    assert (await http.get("/..%2fsecret.txt")).text != "no"
    assert (await http.get(f"{API}/nothing")).json()["error"]["code"] == "not_found"
    assert (await http.patch(f"{API}/tenants")).status_code in (404, 405)
    status = await http.get(f"{API}/status")
    assert len(status.json()["services"]["sip_edge"]) == 2
    assert (await http.get(f"{API}/tenants/acme/cdrs?limit=0")).json()["error"]["field"] == "limit"
    assert (await http.get(f"{API}/tenants/acme/cdrs?limt=1")).status_code == 400


async def test_many_board_clients_share_one_stream_and_a_late_one_gets_a_snapshot(
    world: SimpleNamespace,
) -> None:
    url = f"{world.base.replace('http', 'ws')}{API}/tenants/acme/board/ws"
    async with websockets.connect(f"{url}?key={world.key}", proxy=None) as first:
        snapshot = orjson.loads(await first.recv())
        assert (snapshot["kind"], snapshot["queues"][0]["waiting"], snapshot["stream_seqs"]["CALL"]) == (
            "snapshot", 1, 1 << 40,
        )  # fmt: skip
        delta = report_rpc.BoardUpdate(kind="delta", calls_now=3)
        delta.queues.add(queue_id="q1", waiting=4)
        delta.emergencies.add(call_id="c1", number="112", agent_id="a1")
        world.reports.updates.put_nowait(delta)
        assert orjson.loads(await first.recv())["queues"][0]["waiting"] == 4
        protocols = [websockets.Subprotocol("seatbus"), websockets.Subprotocol(f"bearer.{world.key}")]
        async with websockets.connect(url, subprotocols=protocols, proxy=None) as late:
            assert late.subprotocol == "seatbus"
            again = orjson.loads(await late.recv())
            assert (again["kind"], again["queues"][0]["waiting"], again["calls_now"]) == ("snapshot", 4, 3)
            assert len(again["agents"]) == 1
            assert [(item["number"], item["agent_id"]) for item in again["emergencies"]] == [("112", "a1")]
        assert world.reports.watches == 1
    async with websockets.connect(f"{url}?key=wrong", proxy=None) as refused:
        with pytest.raises(websockets.ConnectionClosed):
            await refused.recv()
        assert refused.close_code == 4401


async def test_a_client_that_does_not_keep_up_is_dropped_and_others_stay(world: SimpleNamespace) -> None:
    hub = world.gateway.hub
    slow, quick = hub.join("acme"), hub.join("acme")
    while quick.messages.empty():  # noqa: ASYNC110
        await asyncio.sleep(0.01)
    async with asyncio.timeout(20):
        quick.messages.get_nowait()
        for _ in range(15):  # a client that reads is never further behind than what is under way
            for _ in range(10):
                world.reports.updates.put_nowait(report_rpc.BoardUpdate(kind="delta"))
            for _ in range(10):
                await quick.messages.get()
        assert slow.overrun.is_set()
    assert not quick.overrun.is_set()
    hub.leave("acme", slow)
    hub.leave("acme", quick)
    assert hub.clients == 0
