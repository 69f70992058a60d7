"""What comes in wrong is refused at the edge, with the field and the rule, and nothing half-done."""

from __future__ import annotations

import asyncio
import socket
from typing import Any

import pytest

from seatbus_testkit.phone import Phone, RegistrationRefused
from seatbus_testkit.platform import Platform
from seatbus_testkit.tenant import PASSWORD, TestTenant

from .agents import caller_of

pytestmark = pytest.mark.platform


def refused(platform: Platform, path: str, body: Any) -> dict[str, Any]:
    answer = platform.http.post(path, json=body)
    assert 400 <= answer.status_code < 500, answer.text
    error: dict[str, Any] = answer.json()["error"]
    return error


async def test_a_wrong_password_is_refused_and_the_right_one_still_works(platform: Platform) -> None:
    tenant = TestTenant.create(platform, agents=1)
    for password, right in (("wrong", False), (PASSWORD, True)):
        phone = await Phone.start(platform.sip, username=tenant.username("a1"), password=password)
        try:
            if right:
                await phone.register()
            else:
                with pytest.raises(RegistrationRefused) as caught:
                    await phone.register()
                assert caught.value.status in (401, 403)
        finally:
            await phone.close()


def options(cseq: str) -> bytes:
    """An OPTIONS whose CSeq header is `cseq`; `%d` is the port of its sender."""
    lines = [
        "OPTIONS sip:x@h SIP/2.0",
        "Via: SIP/2.0/UDP 127.0.0.1:%d;branch=z9hG4bK-bad-cseq;rport",
        "From: <sip:a@h>;tag=1",
        "To: <sip:x@h>",
        f"Call-ID: bad-cseq-{len(cseq)}",
        "Max-Forwards: 70",
        *([f"CSeq: {cseq}"] if cseq else []),
    ]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


@pytest.mark.parametrize(
    ("name", "datagram", "status"),
    [
        ("no CSeq", options(""), b"400"),
        ("CSeq of another method", options("1 INVITE"), b"400"),
        ("garbage", b"\x00\x01 this is no SIP %d", None),
        ("a huge header", b"OPTIONS sip:x@h SIP/2.0\r\nX: " + b"a" * 60000 + b"%d\r\n\r\n", None),
    ],
)
async def test_malformed_sip_is_answered_with_a_reason_or_dropped(
    platform: Platform, name: str, datagram: bytes, status: bytes | None
) -> None:
    tenant = TestTenant.create(platform, agents=0)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind((tenant.caller_host, 0))
        sock.settimeout(1.0 if status is None else 30.0)
        await asyncio.to_thread(
            sock.sendto, datagram.replace(b"%d", str(sock.getsockname()[1]).encode()), platform.sip
        )
        try:
            answer = await asyncio.to_thread(sock.recv, 65535)
        except TimeoutError:
            answer = b""
        if status is None:
            assert answer == b"" or answer.startswith(b"SIP/2.0 4"), name
        else:
            assert answer.startswith(b"SIP/2.0 " + status), (name, answer)
            assert b"CSeq" in answer.splitlines()[0], "the reason names the header"
    async with caller_of(tenant) as caller:  # and the edge lives
        call = await caller.dial(tenant.number)
        await call.wait_answered()
        await call.hang_up()


async def test_an_offer_without_a_common_codec_gets_488(platform: Platform) -> None:
    tenant = TestTenant.create(platform, agents=0)
    caller = await Phone.start(platform.sip, host=tenant.caller_host, codecs=("G729",))
    try:
        call = await caller.dial(tenant.number)
        assert await call.wait_status(5) == 488
    finally:
        await caller.close()
    await asyncio.to_thread(tenant.wait_cdr, cause="not_acceptable")


def test_a_queue_with_a_ring_time_out_of_range_names_field_and_rule(platform: Platform) -> None:
    tenant = TestTenant.create(platform, agents=0)
    error = refused(platform, tenant.path("queues"), {"id": "bad", "name": "Bad", "ring_timeout_s": 1000})
    assert "ring_timeout_s" in error["field"]
    assert "180" in error["rule"] + error["message"]
    assert platform.http.get(tenant.path("queues/bad")).status_code == 404


def test_a_body_with_an_unknown_field_is_refused(platform: Platform) -> None:
    tenant = TestTenant.create(platform, agents=0)
    error = refused(platform, tenant.path("queues"), {"id": "bad", "name": "Bad", "ring_time": 10})
    assert "ring_time" in error["field"] + error["message"]


def test_a_body_over_the_limit_is_refused(platform: Platform) -> None:
    tenant = TestTenant.create(platform, agents=0)
    answer = platform.http.post(tenant.path("queues"), content=b"x" * (2 * 1024 * 1024))
    assert answer.status_code == 413


def test_a_flow_with_a_dangling_edge_names_the_node_and_the_edge(platform: Platform) -> None:
    tenant = TestTenant.create(platform, agents=0)
    flow = {
        "id": "broken",
        "name": "Broken",
        "start": "hello",
        "nodes": [{"id": "hello", "play": {"audio": [{"text": "hi"}], "next": "nowhere"}}],
    }
    error = refused(platform, tenant.path("flows"), flow)
    assert "nodes[0]" in error["field"]
    assert "nowhere" in error["message"]


def test_a_flow_that_can_never_end_is_refused(platform: Platform) -> None:
    tenant = TestTenant.create(platform, agents=0)
    flow = {
        "id": "endless",
        "name": "Endless",
        "start": "a",
        "nodes": [
            {"id": "a", "play": {"audio": [{"text": "one"}], "next": "b"}},
            {"id": "b", "play": {"audio": [{"text": "two"}], "next": "a"}},
        ],
    }
    error = refused(platform, tenant.path("flows"), flow)
    assert "loop" in (error["rule"] + error["message"]).lower()


def test_a_number_that_another_company_has_is_refused(platform: Platform) -> None:
    first, second = TestTenant.create(platform, agents=0), TestTenant.create(platform, agents=0)
    error = refused(
        platform, second.path("numbers"), {"id": "mine", "e164": first.number, "flow_id": "entry"}
    )
    assert error["code"] == "already_exists"
    assert "e164" in error["field"]


def test_one_bad_object_refuses_the_whole_change(platform: Platform) -> None:
    tenant = TestTenant.create(platform, agents=0)
    good = {"id": "new-team", "team": {"name": "New"}}
    bad = {"id": "new-number", "number": {"e164": "123456789", "flow_id": "no-such-flow"}}
    error = refused(platform, tenant.path("config"), {"upserts": [good, bad]})
    assert "flow_id" in error["field"]
    assert platform.http.get(tenant.path("teams/new-team")).status_code == 404


@pytest.mark.parametrize("header", ["", "Bearer wrong", "Basic d3Jvbmc6"])
def test_without_the_right_key_nothing_is_shown(platform: Platform, header: str) -> None:
    answer = platform.http.get("/tenants", headers={"Authorization": header})
    assert answer.status_code == 401
    assert answer.json()["error"]["code"]


def test_a_device_password_is_never_given_back(platform: Platform) -> None:
    tenant = TestTenant.create(platform, agents=1)
    text = platform.http.get(tenant.path("devices")).text
    assert PASSWORD not in text
    assert "ha1" not in text
