"""A phone that wants to know who calls: 401 and 407 to our INVITE, re-INVITE and BYE."""

from __future__ import annotations

import time

import pytest

from seatbus_sip.digest import DigestServer, ha1
from seatbus_testkit.tenant import PASSWORD, TestTenant

from .wire import Talk, Wire, record, sdp, until_talking

pytestmark = pytest.mark.platform


ALLOWED = {"Session-Expires": "4;refresher=uac"}


@pytest.mark.parametrize("proxy", [False, True])
async def test_we_prove_who_we_are_on_invite_reinvite_and_bye(
    tenant: TestTenant, caller: Wire, phone: Wire, proxy: bool
) -> None:
    name = tenant.username("a1")
    server = DigestServer(b"a phone's own secret", "seatbus", algorithms=("MD5",))
    header = "Proxy-Authorization" if proxy else "Authorization"

    def known(_user: str, algorithm: str) -> str:
        return ha1(algorithm, name, "seatbus", PASSWORD)

    async def proved(talk: Talk | None, method: str) -> Talk:
        """Challenges the first request and takes the second."""
        for turn in range(3):
            request = await phone.request(method)
            made = talk
            if made is None:
                phone.inbox.insert(0, request)
                made = await Talk.ringing(phone)
            if header in request and turn:
                found = server.verify(
                    request,
                    lambda user, algorithm: ha1(algorithm, name, "seatbus", PASSWORD),
                    time.time(),
                    proxy=proxy,
                )
                assert found.ok, found
                made.asked = request
                return made
            challenge = server.challenge(request, time.time(), proxy=proxy)
            challenge.set("To", made.local)
            phone.send(challenge)
            if method == "INVITE":
                await phone.request("ACK")
        raise AssertionError(f"{method} came without credentials: {phone.seen}")

    call = Talk.dial(caller, tenant.number)
    await call.answered()
    ring = await proved(None, "INVITE")
    await ring.pick_up(headers=ALLOWED)
    await until_talking(tenant)
    await proved(ring, "INVITE")
    ring.reply(200, ring.asked, body=sdp(), headers={"Session-Expires": "60;refresher=uac"})
    await phone.request("ACK")
    call.say("BYE")
    await proved(ring, "BYE")
    ring.reply(200, ring.asked)
    await record(tenant, "caller_hung_up")


async def test_a_phone_that_refuses_our_credentials_is_not_asked_for_ever(
    tenant: TestTenant, caller: Wire, phone: Wire
) -> None:
    server = DigestServer(b"a phone's own secret", "elsewhere", algorithms=("MD5",))
    call = Talk.dial(caller, tenant.number)
    await call.answered()
    ring = await Talk.ringing(phone)
    challenge = server.challenge(ring.invite, time.time())
    challenge.set("To", ring.local)
    phone.send(challenge)
    await phone.request("ACK")
    await phone.silence("INVITE", seconds=0.5)
    await call.ask("BYE")
    await record(tenant, "abandoned_in_queue")
