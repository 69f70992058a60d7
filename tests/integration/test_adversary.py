"""Another company's key, a stranger on the network and a careless client against the whole platform."""

from __future__ import annotations

import asyncio
import json
import re
import socket
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import product
from typing import Any

import httpx
import pytest
import websockets
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from seatbus_testkit.platform import Platform
from seatbus_testkit.properties import examples
from seatbus_testkit.tenant import PASSWORD, TestTenant

from .agents import caller_of

pytestmark = pytest.mark.platform

ROLES = ("tenant_admin", "supervisor", "agent", "qa", "auditor")
PIN = "846197350"
NO_UUID = "00000000-0000-7000-8000-000000000000"


def make_key(tenant: TestTenant, role: str, id: str = "") -> str:
    body = {"id": id or f"key-{role.replace('_', '-')}", "label": role, "role": role}
    key: str = tenant.platform.post(tenant.path("api-keys"), body)["key"]
    return key


def with_key(platform: Platform, key: str) -> httpx.Client:
    headers = {"Authorization": f"Bearer {key}"}
    return httpx.Client(base_url=platform.http.base_url, headers=headers, timeout=30, trust_env=False)


def until_known(platform: Platform, client: httpx.Client) -> None:
    """The gateway's copy of the configuration follows within milliseconds."""
    platform.until(lambda: client.get("/status").status_code == 403, 30, "the key to be known")


def at_once(checks: Iterable[Callable[[], None]]) -> None:
    """All of them, several at a time. Raises what the first one that fails has raised."""
    with ThreadPoolExecutor(6) as pool:
        for done in [pool.submit(check) for check in checks]:
            done.result()


def operations(platform: Platform) -> list[tuple[str, str, dict[str, Any]]]:
    paths = platform.get("/openapi.json")["paths"]
    return [
        (method.upper(), path.removeprefix("/api/v1"), operation)
        for path, methods in paths.items()
        for method, operation in methods.items()
    ]


def test_no_key_of_one_company_opens_any_operation_of_another(platform: Platform) -> None:
    own, other = TestTenant.create(platform, agents=1), TestTenant.create(platform, agents=1)
    everything = operations(platform)
    assert len(everything) > 50

    def refused(client: httpx.Client, role: str, method: str, path: str) -> None:
        address = path.replace("{tenant}", other.id).replace("{id}", "a1")
        answer = client.request(method, address, json={"action": "logout"})
        assert answer.status_code == 403, (role, method, path, answer.text)

    for role in ROLES:
        with with_key(platform, make_key(own, role)) as client:
            until_known(platform, client)
            at_once(
                partial(refused, client, role, method, path)
                for method, path, _ in everything
                if "{tenant}" in path
            )
    assert [q["id"] for q in platform.get(other.path("queues"))["queues"]] == [other.queue]


def test_a_company_cannot_reach_beyond_itself_with_what_it_writes(platform: Platform) -> None:
    own, other = TestTenant.create(platform, agents=1), TestTenant.create(platform, agents=1)
    with with_key(platform, make_key(own, "tenant_admin")) as client:
        until_known(platform, client)
        foreign = {"name": "Q", "members": [{"agent_id": "a1", "agent_tenant_id": other.id}]}
        refused = [
            client.put(own.path("queues/q1"), json=foreign),
            client.post(own.path("numbers"), json={"e164": other.number, "flow_id": "entry"}),
            client.post(own.path("config"), json={"upserts": [{"id": own.id, "tenant": {"name": "Free"}}]}),
            client.post(own.path("config"), json={"upserts": [{"id": "q", "quota": {"max_calls": 9999}}]}),
            client.post(own.path("api-keys"), json={"label": "Root", "role": "operator"}),
            client.post("/tenants", json={"id": "fresh-company", "name": "Fresh"}),
            client.get("/status"),
            client.get(own.path(f"recordings/{NO_UUID}/audio"), headers={"Range": "bytes=0-1"}),
        ]
        for answer in refused:
            assert answer.status_code in (400, 403, 404, 409), (answer.request.url, answer.text)
        assert [tenant["id"] for tenant in client.get("/tenants").json()["tenants"]] == [own.id]


def test_a_removed_key_is_refused_and_its_socket_closed(platform: Platform) -> None:
    tenant = TestTenant.create(platform, agents=0)
    key = make_key(tenant, "agent", "hall")
    client = with_key(platform, key)
    until_known(platform, client)
    assert client.get(tenant.path("board")).status_code == 200
    assert client.get(tenant.path("cdrs")).status_code == 403

    async def watch() -> int | None:
        url = f"{str(platform.http.base_url).replace('http', 'ws', 1)}tenants/{tenant.id}/board/ws?key={key}"
        async with websockets.connect(url, proxy=None) as board:
            await board.recv()
            await asyncio.to_thread(platform.http.delete, tenant.path("api-keys/hall"))
            try:
                async with asyncio.timeout(10):
                    async for _ in board:
                        pass
            except websockets.ConnectionClosedError:
                pass
            return board.close_code

    assert asyncio.run(watch()) == 4401
    assert client.get(tenant.path("board")).status_code == 401
    client.close()


ODD: tuple[Any, ...] = (
    None,
    True,
    -1,
    1 << 64,
    10**30,
    1e308,
    "",
    "\0",
    "é😀",
    "a" * 5000,
    [],
    [[]],
    {},
    {"a": 1},
    ["x"] * 1500,
)
odd_json = st.recursive(
    st.sampled_from(ODD) | st.text(max_size=20) | st.integers(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


def test_no_body_of_any_operation_is_failed_on(platform: Platform) -> None:
    tenant = TestTenant.create(platform, agents=1)
    bodies = [
        (method, path, operation["requestBody"]["content"]["application/json"].get("example", {}))
        for method, path, operation in operations(platform)
        if "requestBody" in operation and "{tenant}" in path
    ]

    def is_told(method: str, path: str, content: str | bytes, least: int) -> None:
        address = path.replace("{tenant}", tenant.id).replace("{id}", "x")
        answer = platform.http.request(method, address, content=content)
        assert least <= answer.status_code < 500, (method, path, content[:60], answer.text)

    unread = (b"", b"null", b"[" * 50_000, b'{"a":' * 5000, b'{"name":"\\ud800"}', b"\xff", b"NaN")
    at_once(partial(is_told, method, path, content, 400) for method, path, _ in bodies for content in unread)
    at_once(
        partial(is_told, method, path, json.dumps({**example, field: value}), 200)
        for method, path, example in bodies
        for field, value in product(example, ODD[::2])
    )

    @settings(max_examples=examples(60), suppress_health_check=list(HealthCheck), database=None)
    @given(st.sampled_from(bodies), odd_json, st.data())
    def attack(target: tuple[str, str, dict[str, Any]], value: Any, data: st.DataObject) -> None:
        method, path, example = target
        field = data.draw(st.sampled_from([*example, "extra"]))
        address = path.replace("{tenant}", tenant.id).replace("{id}", "x")
        answer = platform.http.request(method, address, content=json.dumps({**example, field: value}))
        assert answer.status_code < 500, answer.text

    attack()


def test_no_path_query_or_header_is_failed_on(platform: Platform) -> None:
    tenant = TestTenant.create(platform, agents=1)
    ids = ("%00", "*", "%3E", "a.b", "..%2f..%2fetc", "é", "%ff", "a%0a", "a" * 3000, NO_UUID)
    queries = (
        "\0",
        "' OR 1=1 --",
        "9" * 30,
        "0001-01-01T00:00:00+14:00",
        "9999-12-31T23:59:59-14:00",
        "é" * 200,
    )
    headers = [
        {b"If-Match": b"\xb2"}, {b"If-Match": b"9" * 5000}, {b"Range": b"bytes=" + b"9" * 5000 + b"-"},
        {b"Idempotency-Key": b"x" * 129}, {b"traceparent": b"\xff"},
        {b"Authorization": b"Bearer \xff.\xff.\xff"},
    ]  # fmt: skip
    asks: list[tuple[str, dict[str, Any]]] = []
    for method, path, operation in operations(platform):
        address = path.replace("{tenant}", tenant.id)
        if "{id}" in path:
            asks += [(method, {"url": address.replace("{id}", id)}) for id in ids]
        address = address.replace("{id}", "x")
        words = [p["name"] for p in operation["parameters"] if p["in"] == "query"]
        asks += [(method, {"url": address, "params": {word: text}}) for word, text in product(words, queries)]
        asks += [(method, {"url": address, "headers": header}) for header in headers]

    def is_told(method: str, ask: dict[str, Any]) -> None:
        with platform.http.stream(method, **ask) as answer:
            # A stream of events has no end to wait for.
            endless = answer.headers.get("content-type", "").startswith("text/event-stream")
            text = "" if endless else answer.read().decode("utf-8", "replace")
        assert answer.status_code < 500, (method, str(ask)[:200], text)
        assert answer.status_code >= 400 or method == "GET", (method, str(ask)[:200])

    at_once(partial(is_told, *ask) for ask in asks)


def test_of_many_at_once_for_one_number_one_company_gets_it(platform: Platform) -> None:
    tenants = [TestTenant.create(platform, agents=0) for _ in range(4)]
    body = {"e164": "7999123", "flow_id": "entry"}
    with ThreadPoolExecutor(8) as pool:
        answers = list(
            pool.map(lambda t: platform.http.post(t.path("numbers"), json=body).status_code, tenants * 2)
        )
    assert sorted(answers) == [201] + [409] * 7


def test_a_repeated_request_is_done_once_and_another_one_is_not_taken_for_it(platform: Platform) -> None:
    tenant = TestTenant.create(platform, agents=0)
    headers = {"Idempotency-Key": "order-1"}
    names = ("Red", "Red", "Blue")
    made = [platform.http.post(tenant.path("teams"), json={"name": name}, headers=headers) for name in names]
    assert [answer.json()["name"] for answer in made] == list(names)
    assert made[0].json()["id"] == made[1].json()["id"] != made[2].json()["id"]


def test_a_flow_of_five_hundred_nodes_is_taken_or_refused_in_time(platform: Platform) -> None:
    tenant = TestTenant.create(platform, agents=0)
    nodes: list[dict[str, Any]] = [
        {"id": f"n{i}", "play": {"audio": [{"text": "再见 😀"}], "next": f"n{i + 1}"}} for i in range(499)
    ]
    for last, status in (({"id": "n499", "hang_up": {}}, {201, 400}), (nodes[0] | {"id": "n499"}, {400})):
        flow = {"name": "🌀", "start": "n0", "nodes": [*nodes, last]}
        answer = platform.http.post(tenant.path("flows"), json=flow)
        assert answer.status_code in status, answer.text
        assert answer.elapsed.total_seconds() < 8


async def test_a_strangers_sip_reaches_nothing_and_the_edge_lives(platform: Platform) -> None:
    tenant = TestTenant.create(platform, agents=1)
    ends = b"\r\n\r\n"
    head = b"%s sip:%s@h SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:%d;branch=z9hG4bK-%d;rport"
    rest = b"\r\nFrom: <sip:a@h>;tag=1\r\nTo: <sip:x@h>\r\nCall-ID: stranger-%d\r\nCSeq: 1 %s"
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.250.1", 0))  # the address of no trunk
        sock.settimeout(0.7)
        port = sock.getsockname()[1]
        for at, method in enumerate(
            (b"INVITE", b"REGISTER", b"BYE", b"CANCEL", b"REFER", b"SUBSCRIBE", b"FOO")
        ):
            to = tenant.number.encode()
            text = head % (method, to, port, at) + rest % (at, method) + b"\r\nMax-Forwards: 70" + ends
            await asyncio.to_thread(sock.sendto, text, platform.sip)
            try:
                answer = (await asyncio.to_thread(sock.recv, 65535)).splitlines()[0]
            except TimeoutError:
                continue
            assert re.match(rb"SIP/2\.0 [1456]\d\d", answer), (method, answer)
        for junk in (
            b"",
            b"\0" * 1400,
            b"INVITE " * 200,
            b"\r\n\r\n",
            b"SIP/2.0 200 OK\r\n\r\n",
            b"\xff" * 65000,
        ):
            await asyncio.to_thread(sock.sendto, junk, platform.sip)
    assert platform.get(tenant.path("calls"))["calls"] == []
    assert platform.get(tenant.path("registrations"))["registrations"] == []
    async with caller_of(tenant) as caller:
        call = await caller.dial(tenant.number)
        await call.wait_answered()
        await call.hang_up()


async def test_a_carriers_bytes_that_are_no_utf8_are_taken_and_shown(platform: Platform) -> None:
    tenant = TestTenant.create(platform, agents=0)
    sdp = b"v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
    sdp += b"m=audio 40000 RTP/AVP 0\r\n"
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind((tenant.caller_host, 0))
        sock.settimeout(5)
        lines = [
            b"INVITE sip:%s@h SIP/2.0" % tenant.number.encode(),
            b"Via: SIP/2.0/UDP %s:%d;branch=z9hG4bK-latin1;rport"
            % (tenant.caller_host.encode(), sock.getsockname()[1]),
            b'From: "M\xfcller" <sip:m%FCller@h>;tag=\xfc1',
            b"To: <sip:x@h>",
            b"Call-ID: latin-\xfc",
            b"CSeq: 1 INVITE",
            b"Max-Forwards: 70",
            b"Contact: <sip:m%%FCller@%s>" % tenant.caller_host.encode(),
            b"User-Agent: \xe4\xff",
            b"Content-Type: application/sdp",
            b"Content-Length: %d" % len(sdp),
        ]
        await asyncio.to_thread(sock.sendto, b"\r\n".join(lines) + b"\r\n\r\n" + sdp, platform.sip)
        status = 100
        while status < 200:
            answer = await asyncio.to_thread(sock.recv, 65535)
            status = int(answer[8:11])
    calls = platform.get(tenant.path("calls"))["calls"]
    assert status == 200, answer
    assert [call["caller"] for call in calls] == ["m\ufffdller"]
    for call in calls:
        assert platform.http.delete(tenant.path(f"calls/{call['call_id']}")).status_code == 204


async def test_digits_collected_in_secret_are_in_no_record(platform: Platform) -> None:
    collect = {
        "attribute": "pin", "max_digits": 9, "timeout_ms": 5000, "secret": True,
        "next": "bye", "on_failure": "bye",
    }  # fmt: skip
    nodes = [{"id": "pin", "collect": collect}, {"id": "bye", "hang_up": {}}]
    tenant = TestTenant.create(platform, agents=0, flow_nodes=nodes)
    async with caller_of(tenant) as caller:
        call = await caller.dial(tenant.number)
        await call.wait_answered()
        call.mouth.send_dtmf(PIN)
        cdr = await asyncio.to_thread(tenant.wait_cdr, cause="flow_ended")
    assert cdr["digits"] == "*" * len(PIN)
    assert PIN not in json.dumps(cdr)


def test_the_logs_hold_no_secret_and_no_failure_of_the_gateway(platform: Platform) -> None:
    """Comes last: whatever the tests before left in the logs."""
    secrets = [path.read_text().strip() for path in (platform.data_dir / "secrets").glob("*.*")]
    for path in (platform.data_dir / "logs").glob("*.log"):
        text = path.read_text(errors="replace")
        for secret in (*secrets, PASSWORD, PIN):
            assert secret not in text, path.name
        assert not re.search(r"ha1_|Bearer [\w-]|[?&#]key=|response=\\?\"[0-9a-f]{32}", text), path.name
    for line in platform.log_text("gateway-0").splitlines():
        assert '"level":"error"' not in line, line
