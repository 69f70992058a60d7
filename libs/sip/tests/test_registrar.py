from __future__ import annotations

import pytest
from sip_wire import parsed

from seatbus_sip import Binding, RegisterOutcome, RegistrarPolicy, SipParseError, apply_register


def register(
    bindings: tuple[Binding, ...] = (),
    now: float = 0.0,
    cseq: int = 1,
    call_id: str = "r",
    **headers: str | None,
) -> RegisterOutcome:
    message = parsed(
        start="REGISTER sip:example.com SIP/2.0", CSeq=f"{cseq} REGISTER", Call_ID=call_id, **headers
    )
    return apply_register(
        bindings, message, now, RegistrarPolicy(min_expires=60, max_expires=600, max_bindings=2)
    )


def contacts(outcome: RegisterOutcome) -> list[str]:
    return [binding.contact for binding in outcome.bindings]


def test_a_phone_registers_refreshes_and_leaves() -> None:
    first = register(Contact="<sip:a@1.1.1.1>;expires=120;q=0.5")
    assert (first.status, contacts(first)) == (200, ["sip:a@1.1.1.1"])
    assert first.headers == (("Contact", "<sip:a@1.1.1.1>;expires=120;q=0.5"),)
    again = register(first.bindings, 60.0, 2, Contact="<sip:a@1.1.1.1>", Expires="300")
    assert len(again.bindings) == 1
    assert again.bindings[0].expires_at == 360.0
    gone = register(again.bindings, 70.0, 3, Contact="<sip:a@1.1.1.1>;expires=0")
    assert (gone.bindings, contacts(RegisterOutcome(200, gone.removed, ()))) == ((), ["sip:a@1.1.1.1"])


def test_bounds_on_expiry() -> None:
    brief = register(Contact="<sip:a@1.1.1.1>;expires=10")
    assert (brief.status, brief.headers, brief.bindings) == (423, (("Min-Expires", "60"),), ())
    assert register(Contact="<sip:a@1.1.1.1>;expires=99999").bindings[0].expires_at == 600.0
    assert register(Contact="<sip:a@1.1.1.1>").bindings[0].expires_at == 600.0
    assert register(Contact="<sip:a@1.1.1.1>;expires=soon").bindings[0].expires_at == 600.0


def test_a_query_lists_and_an_expired_binding_is_gone() -> None:
    held = register(Contact="<sip:a@1.1.1.1>;expires=120, <sip:b@2.2.2.2>;expires=240").bindings
    assert len(register(held, 100.0, 2, Contact=None).headers) == 2
    assert contacts(register(held, 130.0, 2, Contact=None)) == ["sip:b@2.2.2.2"]


def test_the_star_removes_all_and_only_with_expires_0() -> None:
    held = register(Contact="<sip:a@1.1.1.1>, <sip:b@2.2.2.2>").bindings
    cleared = register(held, 1.0, 2, Contact="*", Expires="0")
    assert (cleared.bindings, len(cleared.removed)) == ((), 2)
    with pytest.raises(SipParseError):
        register(held, 1.0, 2, Contact="*")
    with pytest.raises(SipParseError):
        register(held, 1.0, 2, Contact="*, <sip:a@b>", Expires="0")


def test_an_overtaken_register_changes_nothing() -> None:
    held = register(cseq=5, Contact="<sip:a@1.1.1.1>").bindings
    late = register(held, 1.0, 5, Contact="<sip:a@1.1.1.1>;expires=0")
    assert (late.status, late.bindings) == (500, held)
    assert register(held, 1.0, 1, "after-reboot", Contact="<sip:a@1.1.1.1>;expires=0").bindings == ()


def test_all_or_nothing_and_a_limit_of_contacts() -> None:
    held = register(Contact="<sip:a@1.1.1.1>").bindings
    mixed = register(held, 1.0, 2, Contact="<sip:b@2.2.2.2>, <sip:c@3.3.3.3>;expires=1")
    assert (mixed.status, mixed.bindings) == (423, held)
    many = register(held, 1.0, 2, Contact="<sip:b@2.2.2.2>, <sip:c@3.3.3.3>")
    assert (many.status, many.bindings) == (403, held)


def test_the_better_q_comes_first_and_a_bad_one_is_refused() -> None:
    outcome = register(Contact="<sip:a@1.1.1.1>;q=0.2, <sip:b@2.2.2.2>;q=0.9")
    assert contacts(outcome) == ["sip:b@2.2.2.2", "sip:a@1.1.1.1"]
    with pytest.raises(SipParseError):
        register(Contact="<sip:a@1.1.1.1>;q=2")


def test_a_phone_that_names_its_instance_keeps_one_binding_across_ports() -> None:
    instance = ';+sip.instance="<urn:uuid:1>"'
    held = register(Contact=f"<sip:a@1.1.1.1:1000>{instance}").bindings
    moved = register(held, 1.0, 1, "other", Contact=f"<sip:a@1.1.1.1:2000>{instance}")
    assert contacts(moved) == ["sip:a@1.1.1.1:2000"]
    assert moved.headers[0][1].endswith('+sip.instance="<urn:uuid:1>"')
