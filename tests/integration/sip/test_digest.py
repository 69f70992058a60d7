"""Phones prove who they are: no credentials, wrong ones, nonces of somebody else, copied ones."""

from __future__ import annotations

import time

import pytest

from seatbus_sip import DigestClient
from seatbus_sip.digest import DigestServer
from seatbus_testkit.tenant import PASSWORD, TestTenant

from .wire import Wire, hang_up, outside, refused

pytestmark = pytest.mark.platform


async def test_an_invite_of_a_phone_is_challenged_and_served_with_credentials(
    tenant: TestTenant, phone: Wire
) -> None:
    client = DigestClient(tenant.username("a1"), PASSWORD)
    first = outside(phone, "INVITE", user=tenant.username("a1"), to=tenant.number, offer=True)
    phone.send(first)
    challenge = await phone.response(407, "INVITE")
    assert challenge.get("Proxy-Authenticate")
    phone.send(refused(first, str(challenge.get("To"))))
    client.accept(challenge, first)
    second = outside(phone, "INVITE", user=tenant.username("a1"), to=tenant.number, offer=True)
    phone.send(client.authorize(second))
    answer = await phone.final("INVITE")
    assert answer.status == 200
    hang_up(phone, second, answer)


@pytest.mark.parametrize("method", ["INVITE", "REGISTER"])
async def test_a_wrong_password_is_refused_and_not_challenged_again(
    tenant: TestTenant, phone: Wire, method: str
) -> None:
    client = DigestClient(tenant.username("a1"), "wrong")
    status = await prove(phone, client, tenant, method)
    assert status == 403


async def test_the_right_password_over_a_nonce_that_is_not_ours_is_challenged_anew(
    tenant: TestTenant, phone: Wire
) -> None:
    client = DigestClient(tenant.username("a1"), PASSWORD)
    made = outside(phone, "REGISTER", user=tenant.username("a1"))
    elsewhere = DigestServer(b"of another platform, or of long ago", "seatbus", algorithms=("MD5",))
    client.accept(elsewhere.challenge(made, time.time()), made)
    phone.send(client.authorize(made))
    answer = await phone.final("REGISTER")
    assert answer.status == 401
    assert "stale=true" in str(answer.get("WWW-Authenticate")).lower()


async def test_credentials_that_come_twice_are_a_replay(tenant: TestTenant, phone: Wire) -> None:
    client = DigestClient(tenant.username("a1"), PASSWORD)
    first = outside(phone, "REGISTER", user=tenant.username("a1"))
    phone.send(first)
    client.accept(await phone.response(401, "REGISTER"), first)
    good = client.authorize(outside(phone, "REGISTER", user=tenant.username("a1")))
    phone.send(good)
    assert (await phone.final("REGISTER")).status == 200
    copied = outside(phone, "REGISTER", user=tenant.username("a1"))
    copied.copy_from(good, "Authorization")
    phone.send(copied)
    answer = await phone.final("REGISTER")
    assert answer.status == 401
    assert "stale=true" in str(answer.get("WWW-Authenticate")).lower()


async def prove(phone: Wire, client: DigestClient, tenant: TestTenant, method: str) -> int:
    """Sends a request, then the same with credentials; the last status."""
    invite = method == "INVITE"
    target = tenant.number if invite else ""
    first = outside(phone, method, user=tenant.username("a1"), to=target, offer=invite)
    phone.send(first)
    challenge = await phone.final(method)
    if invite:
        phone.send(refused(first, str(challenge.get("To"))))
    client.accept(challenge, first)
    second = outside(phone, method, user=tenant.username("a1"), to=target, offer=invite)
    phone.send(client.authorize(second))
    return (await phone.final(method)).status
