from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seatbus_rtp.errors import StunError
from seatbus_rtp.stun import (
    HEADER_BYTES,
    MAX_MESSAGE,
    Attribute,
    StunType,
    build_stun,
    error_code,
    error_value,
    is_stun,
    parse_stun,
    read_xor_address,
    xor_address,
)
from seatbus_testkit.properties import examples

# RFC 5769 2.1: a request with MESSAGE-INTEGRITY and FINGERPRINT, its password below.
SAMPLE = bytes.fromhex(
    "000100582112a442b7e7a701bc34d686fa87dfae802200105354554e207465737420636c69656e74002400046e0001ff"
    "80290008932ff9b151263b36000600096576746a3a68367659202020000800149aeaa70cbfd8cb56781ef2b5b2d3f249"
    "c1b571a280280004e57a3bcf"
)
PASSWORD = b"VOkJxbRl1RmTxUk/WvJxBt"
# RFC 5769 2.2 and 2.3: responses with XOR-MAPPED-ADDRESS 192.0.2.1:32853 and 2001:db8:1234:...:32853.
RESPONSE4 = bytes.fromhex(
    "0101003c2112a442b7e7a701bc34d686fa87dfae8022000b7465737420766563746f7220002000080001a147e112a643"
    "000800142b91f599fd9e90c38c7489f92af9ba53f06be7d780280004c07d4c96"
)
T = bytes(range(12))


def test_the_sample_of_the_rfc_is_read_and_authentic() -> None:
    message = parse_stun(SAMPLE)
    assert message.kind is StunType.REQUEST
    assert message.username == "evtj:h6vY"
    assert message.attributes[Attribute.PRIORITY] == bytes.fromhex("6e0001ff")
    assert message.authentic(PASSWORD)
    assert not message.authentic(PASSWORD + b"x")


def test_the_sample_response_tells_the_address() -> None:
    message = parse_stun(RESPONSE4)
    assert message.kind is StunType.SUCCESS
    assert message.authentic(PASSWORD)
    value = message.attributes[Attribute.XOR_MAPPED_ADDRESS]
    assert read_xor_address(value, message.transaction) == ("192.0.2.1", 32853)


@pytest.mark.parametrize("host", ["192.0.2.1", "2001:db8::7", "127.0.0.1"])
def test_addresses_come_back_as_they_went(host: str) -> None:
    assert read_xor_address(xor_address(host, 40000, T), T) == (host, 40000)


def test_a_host_name_is_no_address() -> None:
    with pytest.raises(StunError):
        xor_address("localhost", 1, T)


def test_what_stands_behind_the_integrity_is_not_believed() -> None:
    head = build_stun(StunType.REQUEST, T, [(Attribute.USERNAME, b"a:b")], password=b"p", fingerprint=False)
    smuggled = head + bytes.fromhex("00250000")
    smuggled = smuggled[:2] + (len(smuggled) - HEADER_BYTES).to_bytes(2, "big") + smuggled[4:]
    message = parse_stun(smuggled)
    assert message.authentic(b"p")
    assert Attribute.USE_CANDIDATE not in message.attributes


def test_attributes_that_must_be_understood_are_told() -> None:
    plain = build_stun(StunType.REQUEST, T, [], fingerprint=False)
    odd = plain[:2] + (16).to_bytes(2, "big") + plain[4:] + bytes.fromhex("7123000401020304") * 2
    assert parse_stun(odd).unknown == (0x7123, 0x7123)
    optional = plain[:2] + (8).to_bytes(2, "big") + plain[4:] + bytes.fromhex("f123000401020304")
    assert parse_stun(optional).unknown == ()


def test_a_wrong_fingerprint_is_refused() -> None:
    with pytest.raises(StunError, match="CRC"):
        parse_stun(SAMPLE[:-1] + b"\x00")


def test_errors_carry_their_code() -> None:
    raw = build_stun(StunType.ERROR, T, [(Attribute.ERROR_CODE, error_value(487, "Role Conflict"))])
    assert error_code(parse_stun(raw)) == 487


def test_sizes_are_limited() -> None:
    with pytest.raises(StunError, match="at most"):
        build_stun(StunType.REQUEST, T, [(Attribute.SOFTWARE, bytes(MAX_MESSAGE))])
    large = build_stun(StunType.REQUEST, T, [], fingerprint=False)
    body = bytes.fromhex("802200040a0a0a0a") * 200
    with pytest.raises(StunError, match="at most"):
        parse_stun(large[:2] + len(body).to_bytes(2, "big") + large[4:] + body)
    body = bytes.fromhex("802200040a0a0a0a") * 40
    with pytest.raises(StunError, match="attributes"):
        parse_stun(large[:2] + len(body).to_bytes(2, "big") + large[4:] + body)
    with pytest.raises(StunError, match="12 bytes"):
        build_stun(StunType.REQUEST, b"short", [])


@settings(max_examples=examples(400), deadline=None)
@given(st.binary(max_size=300))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    for raw in (data, SAMPLE[:8] + data, SAMPLE[:2] + len(data).to_bytes(2, "big") + SAMPLE[4:20] + data):
        try:
            message = parse_stun(raw)
        except StunError:
            continue
        assert is_stun(raw)
        assert not message.authentic(b"secret")


@settings(max_examples=examples(300), deadline=None)
@given(st.data())
def test_a_changed_message_is_never_authentic_with_another_meaning(data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(SAMPLE) * 8 - 1))
    changed = bytearray(SAMPLE)
    changed[at // 8] ^= 1 << at % 8
    try:
        message = parse_stun(bytes(changed))
    except StunError:
        return
    original = parse_stun(SAMPLE)
    assert not message.authentic(PASSWORD) or (
        message.username == original.username and message.transaction == original.transaction
    )


ATTRIBUTES = st.lists(
    st.tuples(
        st.sampled_from(
            [Attribute.USERNAME, Attribute.PRIORITY, Attribute.SOFTWARE, Attribute.USE_CANDIDATE]
        ),
        st.binary(max_size=40),
    ),
    max_size=8,
    unique_by=lambda item: item[0],
)


@settings(max_examples=examples(200), deadline=None)
@given(st.sampled_from(StunType), st.binary(min_size=12, max_size=12), ATTRIBUTES, st.binary(min_size=1))
def test_what_is_built_is_read(
    kind: StunType, transaction: bytes, attributes: list[tuple[Attribute, bytes]], password: bytes
) -> None:
    message = parse_stun(build_stun(kind, transaction, attributes, password=password))
    assert (message.kind, message.transaction) == (kind, transaction)
    found = {key: value for key, value in message.attributes.items() if key != Attribute.MESSAGE_INTEGRITY}
    assert found == dict(attributes)
    assert message.authentic(password)
