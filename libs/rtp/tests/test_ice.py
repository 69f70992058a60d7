from __future__ import annotations

import secrets

from seatbus_rtp.ice import CHECKS_A_SECOND, CONSENT_S, MAX_ADDRESSES, Check, IceCredentials, IceLite
from seatbus_rtp.stun import Attribute, StunType, build_stun, error_code, parse_stun, read_xor_address

BROWSER = ("192.0.2.10", 50000)
OTHER = ("192.0.2.11", 50001)


def ice() -> IceLite:
    return IceLite(IceCredentials.new())


def check(
    leg: IceLite,
    source: tuple[str, int] = BROWSER,
    now: float = 1.0,
    *extra: Attribute,
    credentials: IceCredentials | None = None,
    pwd: str | None = None,
) -> Check:
    used = credentials or leg.credentials
    attributes = [
        (Attribute.USERNAME, f"{used.ufrag}:peer".encode()),
        (Attribute.PRIORITY, bytes(4)),
        *((one, b"" if one is Attribute.USE_CANDIDATE else bytes(8)) for one in extra),
    ]
    transaction = secrets.token_bytes(12)
    raw = build_stun(StunType.REQUEST, transaction, attributes, password=(pwd or used.pwd).encode())
    return leg.receive(parse_stun(raw), source, now)


def test_an_authentic_check_is_answered_and_makes_the_address_known() -> None:
    leg = ice()
    done = check(leg)
    assert done.authentic
    assert done.reply is not None
    reply = parse_stun(done.reply)
    assert reply.kind is StunType.SUCCESS
    assert reply.authentic(leg.credentials.pwd.encode())
    mapped = reply.attributes[Attribute.XOR_MAPPED_ADDRESS]
    assert read_xor_address(mapped, reply.transaction) == BROWSER
    assert leg.selected == BROWSER
    assert leg.addresses == (BROWSER,)


def test_a_stranger_gets_no_answer_and_changes_nothing() -> None:
    leg = ice()
    assert check(leg, pwd="guessed-password-of-24ch") == Check()
    assert check(leg, credentials=IceCredentials.new()) == Check()
    assert (leg.selected, leg.addresses, leg.refused) == (None, (), 2)
    assert not leg.consent(1.0)


def test_the_nominated_pair_is_used_whatever_was_checked_first() -> None:
    leg = ice()
    check(leg, BROWSER)
    check(leg, OTHER)
    assert leg.selected == BROWSER
    check(leg, OTHER, 1.1, Attribute.USE_CANDIDATE)
    assert (leg.selected, leg.nominated) == (OTHER, True)
    check(leg, BROWSER, 1.2)
    assert leg.selected == OTHER


def test_a_peer_that_claims_our_role_is_told_to_switch() -> None:
    done = check(ice(), BROWSER, 1.0, Attribute.ICE_CONTROLLED)
    assert done.reply is not None
    assert error_code(parse_stun(done.reply)) == 487
    assert not done.known


def test_what_must_be_understood_and_is_not_gets_a_420() -> None:
    leg = ice()
    used = leg.credentials
    attributes = [(Attribute.USERNAME, f"{used.ufrag}:x".encode()), (0x7ABC, b"1234")]
    raw = build_stun(StunType.REQUEST, bytes(12), attributes, password=used.pwd.encode())  # type: ignore[arg-type]
    done = leg.receive(parse_stun(raw), BROWSER, 1.0)
    assert done.reply is not None
    assert error_code(parse_stun(done.reply)) == 420
    assert leg.selected is None


def test_consent_ends_when_checks_stay_away() -> None:
    leg = ice()
    check(leg, now=10.0)
    assert leg.consent(10.0 + CONSENT_S - 0.1)
    assert not leg.consent(10.0 + CONSENT_S)
    check(leg, now=50.0)
    assert leg.consent(50.0)


def test_after_a_restart_both_credentials_count_until_the_peer_uses_the_new() -> None:
    leg = ice()
    old, new = leg.credentials, IceCredentials.new()
    check(leg, now=1.0)
    leg.restart(new)
    assert leg.offered == new
    assert set(leg.ufrags) == {old.ufrag, new.ufrag}
    assert check(leg, credentials=old, now=2.0).authentic
    assert check(leg, OTHER, 3.0, Attribute.USE_CANDIDATE, credentials=new).authentic
    assert leg.selected == OTHER
    assert leg.ufrags == (new.ufrag,)
    assert not check(leg, credentials=old, now=4.0).authentic


def test_a_peer_is_known_at_few_addresses_and_the_chosen_one_stays() -> None:
    leg = ice()
    check(leg, BROWSER, 1.0, Attribute.USE_CANDIDATE)
    for number in range(3 * MAX_ADDRESSES):
        check(leg, ("192.0.2.99", 1000 + number), 2.0 + number)
    assert len(leg.addresses) == MAX_ADDRESSES
    assert BROWSER in leg.addresses


def test_a_flood_of_checks_is_answered_up_to_a_limit() -> None:
    leg = ice()
    answered = sum(check(leg, now=5.5).reply is not None for _ in range(3 * CHECKS_A_SECOND))
    assert answered == CHECKS_A_SECOND
    assert check(leg, now=6.0).reply is not None


def test_responses_and_indications_are_not_answered() -> None:
    leg = ice()
    for kind in (StunType.SUCCESS, StunType.ERROR, StunType.INDICATION):
        raw = build_stun(kind, bytes(12), [], password=leg.credentials.pwd.encode())
        assert leg.receive(parse_stun(raw), BROWSER, 1.0) == Check()


def test_credentials_are_long_enough_and_differ() -> None:
    made = {IceCredentials.new() for _ in range(50)}
    assert len(made) == 50
    assert all(len(one.ufrag) >= 4 and len(one.pwd) >= 22 for one in made)
