"""What a stranger or another tenant may try: refused with a reason, never failed on."""

from __future__ import annotations

import asyncio
import contextlib
from types import SimpleNamespace

import pytest
import websockets

from seatbus.tenancy.v1 import types_pb2 as tenancy
from seatbus_contracts.subjects import config_key
from seatbus_gateway.application.auth import hash_key
from seatbus_gateway.entrypoints import ws
from seatbus_gateway.entrypoints.openapi import document
from seatbus_kit.buckets import Bucket
from seatbus_testkit.eventually import eventually

API = "/api/v1"
SECRET = "s" * 32


async def put_key(world: SimpleNamespace, tenant: str, id: str, role: str) -> dict[str, str]:
    """A key in the configuration; the header that carries it."""
    key = tenancy.ApiKey(label=id, role=tenancy.Role.Value(f"ROLE_{role}"), key_hash=hash_key(SECRET))
    item = tenancy.ConfigObject(tenant_id=tenant, id=id, api_key=key)
    await Bucket(world.runtime.bus, "config").create(
        config_key(tenant, "api_key", id), item.SerializeToString()
    )
    await asyncio.sleep(0.1)
    return {"Authorization": f"Bearer {tenant}.{id}.{SECRET}"}


async def until_closed(board: websockets.ClientConnection) -> None:
    async for _ in board:
        pass


async def remove_key(world: SimpleNamespace, tenant: str, id: str) -> None:
    config, key = Bucket(world.runtime.bus, "config"), config_key(tenant, "api_key", id)
    entry = await config.get(key)
    assert entry is not None
    await config.purge(key, entry.revision)


async def test_no_path_becomes_a_key_or_a_subject_unless_it_is_an_id(world: SimpleNamespace) -> None:
    bad = ["%00", "*", "%3E", "a.b", "%20", "é", "%ff%fe", "a%0ab", "a%0a", "a" * 64, "A", "-"]
    for path in (f"tenants/{id}/queues" for id in bad):
        assert (await world.http.get(f"{API}/{path}")).status_code == 400, path
    for path in (f"tenants/acme/{kind}" for id in bad for kind in (f"queues/{id}", f"agents/{id}/state")):
        answer = await world.http.get(f"{API}/{path}")
        assert (answer.status_code, answer.json()["error"]["code"]) == (400, "invalid_argument"), path
        assert "pattern" in answer.json()["error"]["rule"]
    assert not world.tenancy.asked


async def test_an_odd_version_is_refused(world: SimpleNamespace) -> None:
    for value in ("²", "9" * 20, "9" * 5000, "-1", "x"):
        headers = {b"If-Match": value.encode("latin-1")}
        answer = await world.http.delete(f"{API}/tenants/acme/teams/x", headers=headers)
        assert (answer.status_code, answer.json()["error"]["field"]) == (400, "If-Match")


async def test_odd_numbers_times_and_file_names_are_refused(world: SimpleNamespace) -> None:
    http = world.http
    audio = f"{API}/tenants/acme/recordings/{world.call_ids[0]}/audio"
    for header, status in (
        (f"bytes={'9' * 5000}-", 416),
        (f"bytes=0-{'9' * 5000}", 206),
        ("bytes=5-1", 200),
        ("bytes=0-0,5-6", 200),
    ):
        assert (await http.get(audio, headers={"Range": header})).status_code == status, header[:20]
    huge = '{"upserts": [{"kind": "team", "id": "x", "name": "X", "z": 1%s}]}' % ("0" * 30)
    answer = await http.post(f"{API}/tenants/acme/config", content=huge)
    assert (answer.status_code, answer.json()["error"]["field"]) == (400, "upserts[0]")
    answer = await http.get(f"{API}/tenants/acme/cdrs", params={"from": "9999-12-31T23:59:59-14:00"})
    assert (answer.status_code, answer.json()["error"]["field"]) == (400, "from")
    for path in ("/%00", "/assets/%00.js", f"/{'a' * 5000}", f"/assets/{'a/' * 1000}"):
        assert (await http.get(path)).status_code == 404, path[:20]


async def test_a_used_idempotency_key_never_swallows_another_request(world: SimpleNamespace) -> None:
    headers = {"Idempotency-Key": "once"}
    for body in ({"id": "a", "name": "A"}, {"id": "a", "name": "A"}, {"id": "b", "name": "B"}):
        await world.http.post(f"{API}/tenants/acme/teams", json=body, headers=headers)
    await world.http.delete(f"{API}/tenants/acme/teams/a", headers=headers)
    first, same, other, removal = (asked.context.request_id for asked in world.tenancy.asked)
    assert first == same
    assert len({first, other, removal}) == 3
    for _ in range(2):  # the platform chooses the id: the same one again
        await world.http.post(f"{API}/tenants", json={"name": "Fresh"}, headers=headers)
    assert world.tenancy.asked[-1] == world.tenancy.asked[-2]


async def test_no_key_of_one_tenant_opens_anything_of_another(world: SimpleNamespace) -> None:
    """Every operation of the document, with every role."""
    roles = [
        name.removeprefix("ROLE_") for name in list(tenancy.Role.keys()) if not name.endswith("UNSPECIFIED")
    ]
    keys = [await put_key(world, "rival", role.lower().replace("_", "-"), role) for role in roles]
    for path, operations in document()["paths"].items():
        address = path.replace("{tenant}", "acme").replace("{id}", "x")
        for method in operations:
            for role, headers in zip(roles, keys, strict=True):
                answer = await world.http.request(method.upper(), address, headers=headers, json={})
                listed_own = (method, path) == ("get", f"{API}/tenants") and answer.status_code in (200, 404)
                # A calculation: it knows nothing of anybody.
                calculated = path == f"{API}/sizing" and answer.status_code == 400
                assert listed_own or calculated or answer.status_code == 403, (
                    method,
                    path,
                    role,
                    answer.text,
                )
    assert not world.tenancy.asked
    assert not world.edges[0].hung_up
    for role in roles:
        await remove_key(world, "rival", role.lower().replace("_", "-"))


async def test_a_tenant_does_not_write_what_its_operator_agrees(world: SimpleNamespace) -> None:
    admin = await put_key(world, "acme", "admin", "TENANT_ADMIN")
    path = f"{API}/tenants/acme/config"
    for change in (
        {"upserts": [{"id": "acme", "tenant": {"name": "Acme", "suspended": False}}]},
        {"upserts": [{"id": "q", "quota": {"max_calls": 100000}}]},
        {"deletes": [{"kind": "quota", "id": "q"}]},
    ):
        answer = await world.http.post(path, json=change, headers=admin)
        assert (answer.status_code, answer.json()["error"]["code"]) == (403, "permission_denied"), change
    forged = {"upserts": [{"id": "k", "api_key": {"label": "K", "role": "tenant_admin"}}]}
    assert (await world.http.post(path, json=forged, headers=admin)).status_code == 400
    assert not world.tenancy.asked
    await remove_key(world, "acme", "admin")


async def test_a_key_is_shown_once_opens_its_role_and_its_socket_closes_with_it(
    world: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ws, "KEY_CHECK_S", 0.1)
    keys = f"{API}/tenants/acme/api-keys"
    body = {"id": "hall", "label": "Hall", "role": "agent"}
    refused = await world.http.post(keys, json=body, headers={"Idempotency-Key": "k"})
    assert (refused.status_code, refused.json()["error"]["field"]) == (400, "Idempotency-Key")
    made = await world.http.post(keys, json=body)
    assert made.status_code == 201, made.text
    key = made.json()["key"]
    assert key.startswith("acme.hall.")
    assert made.json()["role"] == "ROLE_AGENT"
    stored = world.tenancy.objects["acme", "api_key", "hall"]
    secret = key.rpartition(".")[2]
    assert stored.api_key.key_hash == hash_key(secret)
    assert secret not in stored.api_key.key_hash
    listed = (await world.http.get(keys)).text
    assert '"hall"' in listed
    assert secret not in listed
    assert "hash" not in listed
    await Bucket(world.runtime.bus, "config").create(
        config_key("acme", "api_key", "hall"), stored.SerializeToString()
    )
    own = {"Authorization": f"Bearer {key}"}

    async def known() -> bool:
        return (await world.http.get(keys, headers=own)).status_code != 401

    await eventually(known)
    assert (await world.http.post(keys, json=body, headers=own)).status_code == 403
    assert (await world.http.get(keys, headers=own)).status_code == 403
    url = f"{world.base.replace('http', 'ws')}{API}/tenants/acme/board/ws?key={key}"
    async with websockets.connect(url, proxy=None) as board:
        await board.recv()
        await board.send(b"\x00\xff")  # nobody listens, and nobody minds
        await remove_key(world, "acme", "hall")
        with contextlib.suppress(websockets.ConnectionClosedError):
            await asyncio.wait_for(until_closed(board), 30)
        assert board.close_code == 4401


async def test_sockets_of_other_tenants_huge_frames_and_endless_addresses_are_closed(
    world: SimpleNamespace,
) -> None:
    rival = (await put_key(world, "rival", "screen", "AGENT"))["Authorization"].removeprefix("Bearer ")
    url = f"{world.base.replace('http', 'ws')}{API}/tenants/%s/board/ws?key=%s"
    for tenant, key, code in (("acme", rival, 4403), ("*", world.key, 4404), ("acme", "no", 4401)):
        async with websockets.connect(url % (tenant, key), proxy=None) as board:
            with pytest.raises(websockets.ConnectionClosed):
                await asyncio.wait_for(board.recv(), 30)
            assert board.close_code == code
    async with websockets.connect(url % ("acme", world.key), proxy=None) as board:
        await board.send(b"x" * 100_000)
        with contextlib.suppress(websockets.ConnectionClosedError):
            await asyncio.wait_for(until_closed(board), 30)
        assert board.close_code == 1009
    with pytest.raises((websockets.InvalidHandshake, EOFError)):
        await websockets.connect(url % ("acme", "x" * 20_000), proxy=None, open_timeout=30)
    await remove_key(world, "rival", "screen")
