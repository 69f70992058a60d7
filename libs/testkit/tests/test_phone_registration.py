"""Phones at a registrar of a few lines."""

from __future__ import annotations

import time

import pytest

from seatbus_sip import (
    Binding,
    DigestServer,
    ParseFailed,
    RegistrarPolicy,
    Request,
    ServerTransaction,
    Verdict,
    apply_register,
    ha1,
)
from seatbus_testkit.actors import RegistrationRefused
from seatbus_testkit.actors_sip import SipSocket
from seatbus_testkit.eventually import eventually
from seatbus_testkit.phone import Phone

REALM = "test"


class Registrar:
    """Digest, and bindings of one user."""

    def __init__(self, lifetime: float = 300.0, min_expires: int = 60) -> None:
        self._digest = DigestServer(b"secret", REALM, lifetime=lifetime)
        self._policy = RegistrarPolicy(min_expires=min_expires)
        self.bindings: tuple[Binding, ...] = ()
        self.seen: list[str] = []
        self.refuse_with = 0
        self.sip: SipSocket

    @classmethod
    async def start(cls, **options: float) -> Registrar:
        made = cls(**options)  # type: ignore[arg-type]
        made.sip = await SipSocket.open("127.0.0.1", made)
        return made

    def on_request(self, tx: ServerTransaction, request: Request) -> None:
        if self.refuse_with:
            self.sip.respond(tx, tx.response(self.refuse_with))
            return
        result = self._digest.verify(
            request,
            lambda user, kind: ha1(kind, user, REALM, "right") if user == "1001" else None,
            time.time(),
        )
        self.seen.append(result.verdict.name)
        if not result.ok:
            stale = result.verdict is Verdict.STALE
            self.sip.respond(tx, self._digest.challenge(request, time.time(), stale=stale))
            return
        outcome = apply_register(self.bindings, request, time.time(), self._policy)
        self.bindings = outcome.bindings
        response = tx.response(outcome.status)
        for name, value in outcome.headers:
            response.add(name, value)
        self.sip.respond(tx, response)

    def wants(self, data: bytes) -> bool:
        return True

    def on_ack(self, request: Request) -> None: ...

    def on_cancel(self, tx: ServerTransaction, request: Request) -> None: ...

    def on_ack_timeout(self, tx: ServerTransaction) -> None: ...

    def on_malformed(self, event: ParseFailed) -> None: ...


async def test_a_phone_registers_with_digest_and_unregisters() -> None:
    registrar = await Registrar.start()
    phone = await Phone.start(registrar.sip.address, username="1001", password="right")
    await phone.register()
    assert phone.registered
    assert registrar.bindings[0].contact == f"sip:1001@127.0.0.1:{phone.address[1]}"
    assert registrar.seen == ["MISSING", "OK"]
    await phone.unregister()
    assert registrar.bindings == ()
    assert registrar.seen == ["MISSING", "OK", "OK"]
    await phone.close()
    registrar.sip.close()


@pytest.mark.parametrize(("user", "password"), [("1001", "wrong"), ("1002", "right"), ("1001", "")])
async def test_wrong_credentials_are_refused(user: str, password: str) -> None:
    registrar = await Registrar.start()
    phone = await Phone.start(registrar.sip.address, username=user, password=password)
    with pytest.raises(RegistrationRefused) as refused:
        await phone.register()
    assert refused.value.status == 401
    assert not phone.registered
    await phone.close()
    registrar.sip.close()


async def test_too_brief_an_interval_is_raised_to_the_registrars_minimum() -> None:
    registrar = await Registrar.start(min_expires=120)
    phone = await Phone.start(registrar.sip.address, username="1001", password="right")
    await phone.register(expires=10)
    assert registrar.bindings[0].expires_at - time.time() == pytest.approx(120, abs=5)
    await phone.close()
    registrar.sip.close()


async def test_a_registration_is_refreshed_before_it_expires() -> None:
    registrar = await Registrar.start(min_expires=1)
    phone = await Phone.start(registrar.sip.address, username="1001", password="right")
    await phone.register(expires=1)
    first = registrar.bindings[0].expires_at
    await eventually(lambda: registrar.bindings[0].expires_at > first)
    await phone.close()
    registrar.sip.close()
