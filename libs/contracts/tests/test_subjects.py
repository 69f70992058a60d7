"""Subjects and keys: what is built is parsed back, and nothing can smuggle a wildcard."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seatbus_contracts.registry import EVENT_TYPES, UnknownEventType, event_class
from seatbus_contracts.subjects import (
    Domain,
    EventSubject,
    SubjectError,
    claim_key,
    config_key,
    parse_event_subject,
    parse_record_key,
    record_key,
    tenant_events,
)

TOKENS = st.from_regex(r"\A[A-Za-z0-9][A-Za-z0-9_-]{0,40}\Z")


@given(TOKENS, st.sampled_from(Domain), TOKENS)
def test_an_event_subject_survives_the_round_trip(tenant: str, domain: Domain, entity: str) -> None:
    subject = EventSubject(tenant, domain, entity)
    assert parse_event_subject(str(subject)) == subject


@given(TOKENS, TOKENS)
def test_a_record_key_survives_the_round_trip(tenant: str, entity: str) -> None:
    assert parse_record_key(record_key(tenant, entity)) == (tenant, entity)


@pytest.mark.parametrize("bad", ["", "*", ">", "a.b", "a b", "-x", "é", "x" * 129, "a\n"])
def test_a_token_that_could_widen_a_subject_is_refused(bad: str) -> None:
    with pytest.raises(SubjectError):
        tenant_events(bad)
    with pytest.raises(SubjectError):
        config_key("acme", "queue", bad)


@pytest.mark.parametrize(
    "bad", ["sb.acme.call", "xx.acme.call.1", "sb.acme.nothing.1", "sb.acme.call.1.2", "sb..call.1"]
)
def test_a_subject_of_another_shape_is_refused(bad: str) -> None:
    with pytest.raises(SubjectError):
        parse_event_subject(bad)


def test_a_number_is_claimed_with_and_without_plus_under_one_key() -> None:
    assert claim_key("number", "+861012345") == claim_key("number", "861012345")


def test_every_event_type_is_found_by_its_full_name_and_others_are_named() -> None:
    assert "seatbus.call.v1.CallEnded" in EVENT_TYPES
    assert event_class("seatbus.agent.v1.AgentWorkChanged").DESCRIPTOR.name == "AgentWorkChanged"
    with pytest.raises(UnknownEventType) as caught:
        event_class("seatbus.call.v1.Nothing")
    assert caught.value.type_name == "seatbus.call.v1.Nothing"
