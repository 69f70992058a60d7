"""Subjects of events and keys of records, built and parsed in one place.

An event's subject is `sb.<tenant>.<domain>.<entity id>`; the type travels in a header. Tokens never hold
a dot, a space or a wildcard, so a tenant can be granted exactly `sb.<tenant>.>`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

_TOKEN = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,127}")


class Domain(StrEnum):
    CALL = "call"
    AGENT = "agent"
    CONTACT = "contact"
    RECORDING = "recording"
    CONFIG = "config"


class SubjectError(ValueError):
    """A subject or key that does not have the agreed shape. Fields: what was given, and the rule."""

    def __init__(self, given: str, rule: str) -> None:
        super().__init__(f"{given!r}: {rule}")
        self.given = given
        self.rule = rule


def token(value: str) -> str:
    """Returns `value` if it may stand between two dots of a subject; raises SubjectError otherwise."""
    if not _TOKEN.fullmatch(value):
        raise SubjectError(value, "a token is 1 to 128 of A-Z a-z 0-9 _ -, and starts with a letter or digit")
    return value


@dataclass(frozen=True, slots=True)
class EventSubject:
    tenant: str
    domain: Domain
    entity: str

    def __str__(self) -> str:
        return f"sb.{token(self.tenant)}.{self.domain.value}.{token(self.entity)}"


def parse_event_subject(subject: str) -> EventSubject:
    """Splits `sb.<tenant>.<domain>.<entity>`; raises SubjectError for anything else."""
    parts = subject.split(".")
    if len(parts) != 4 or parts[0] != "sb":
        raise SubjectError(subject, "an event subject is sb.<tenant>.<domain>.<entity>")
    try:
        domain = Domain(parts[2])
    except ValueError:
        raise SubjectError(subject, f"unknown domain {parts[2]!r}") from None
    return EventSubject(token(parts[1]), domain, token(parts[3]))


def all_events_of(domain: Domain) -> str:
    """The filter of a stream or of a consumer that sees every tenant."""
    return f"sb.*.{domain.value}.>"


def tenant_events(tenant: str, domain: Domain | None = None) -> str:
    """The filter of one tenant's events, of one domain or of all."""
    return f"sb.{token(tenant)}.{domain.value if domain else '*'}.>"


def record_key(tenant: str, entity: str) -> str:
    """Key `<tenant>.<entity>` of the state buckets (`agents`, `waiting`, `calls`, `ivr`, `recordings`)."""
    return f"{token(tenant)}.{token(entity)}"


def parse_record_key(key: str) -> tuple[str, str]:
    tenant, dot, entity = key.partition(".")
    if not dot:
        raise SubjectError(key, "a record key is <tenant>.<entity>")
    return token(tenant), token(entity)


def config_key(tenant: str, kind: str, entity: str) -> str:
    """Key `<tenant>.<kind>.<id>` of the `config` bucket."""
    return f"{token(tenant)}.{token(kind)}.{token(entity)}"


def config_version_key(tenant: str) -> str:
    """The key that every change of a tenant's configuration writes with compare-and-set."""
    return f"{token(tenant)}.version"


def claim_key(kind: str, value: str) -> str:
    """Key of a platform-wide claim (`_claim.number.8613800138000`, `_claim.username.acme-1001`).

    It holds `<tenant>.<kind>.<id>` of the object that owns the value, so that no two tenants hold one number.
    """
    return f"_claim.{token(kind)}.{token(value.lstrip('+').replace('.', '_'))}"


def lease_key(shard: str) -> str:
    """Key of a shard's lease in the `leases` bucket (state.md P1)."""
    return f"lease.{token(shard)}"
