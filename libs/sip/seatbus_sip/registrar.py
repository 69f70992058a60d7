"""Binding logic of a registrar (RFC 3261 section 10.3), without storage."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from seatbus_sip.errors import SipParseError
from seatbus_sip.headers import NameAddr
from seatbus_sip.message import Request
from seatbus_sip.uri import parse_uri


@dataclass(frozen=True, slots=True)
class Binding:
    """One contact of an address of record. `expires_at` is on the caller's clock, `q` lies in 0..1, `ice`
    says that it does ICE (RFC 5768).
    """

    contact: str
    expires_at: float
    call_id: str
    cseq: int
    q: float = 1.0
    instance: str | None = None
    ice: bool = False


@dataclass(frozen=True, slots=True)
class RegistrarPolicy:
    """Bounds in seconds; `max_bindings` contacts per address of record."""

    min_expires: int = 60
    max_expires: int = 7200
    default_expires: int = 3600
    max_bindings: int = 10


DEFAULT_POLICY = RegistrarPolicy()


@dataclass(frozen=True, slots=True)
class RegisterOutcome:
    """What to answer, and the bindings that hold from now on (unchanged unless status is 200)."""

    status: int
    bindings: tuple[Binding, ...]
    headers: tuple[tuple[str, str], ...]
    added: tuple[Binding, ...] = ()
    removed: tuple[Binding, ...] = ()


def live(bindings: Iterable[Binding], now: float) -> tuple[Binding, ...]:
    """Bindings not yet expired, best q first, then latest."""
    kept = [binding for binding in bindings if binding.expires_at > now]
    return tuple(sorted(kept, key=lambda binding: (-binding.q, -binding.expires_at)))


def apply_register(
    bindings: Iterable[Binding], request: Request, now: float, policy: RegistrarPolicy = DEFAULT_POLICY
) -> RegisterOutcome:
    """Apply a REGISTER to the bindings of its address of record. All of it happens or nothing.

    Raises `SipParseError` (400) for a Contact or Expires that cannot be read.
    """
    before = live(bindings, now)
    values = request.values("Contact")
    header_expires = request.integer("Expires")
    if any(value.strip() == "*" for value in values):
        if len(values) != 1 or header_expires != 0:
            raise SipParseError("Contact", "* stands alone and with Expires: 0")
        if any(_stale(binding, request) for binding in before):
            return RegisterOutcome(500, before, ())
        return RegisterOutcome(200, (), (), removed=before)
    kept = list(before)
    added: list[Binding] = []
    removed: list[Binding] = []
    for address in request.addresses("Contact"):
        seconds = _expires(address, header_expires, policy)
        # RFC 3261 section 10.3 step 6: an hour is never too brief, and 0 removes.
        if 0 < seconds < min(policy.min_expires, 3600):
            return RegisterOutcome(423, before, (("Min-Expires", str(policy.min_expires)),))
        instance = (address.params.get("+sip.instance") or "").strip('"') or None
        old = next((binding for binding in kept if _same_contact(binding, address, instance)), None)
        if old is not None:
            if _stale(old, request):
                return RegisterOutcome(500, before, ())
            kept.remove(old)
        if seconds == 0:
            if old is not None:
                removed.append(old)
            continue
        granted = min(seconds, policy.max_expires)
        made = Binding(
            address.uri_text,
            now + granted,
            request.call_id,
            request.cseq.number,
            _q(address),
            instance,
            "+sip.ice" in address.params,
        )
        kept.append(made)
        added.append(made)
    if len(kept) > policy.max_bindings:
        return RegisterOutcome(403, before, (("Warning", '399 registrar "too many contacts"'),))
    after = live(kept, now)
    return RegisterOutcome(200, after, contact_headers(after, now), tuple(added), tuple(removed))


def contact_headers(bindings: Iterable[Binding], now: float) -> tuple[tuple[str, str], ...]:
    """Contact headers of the 200: every binding with its remaining seconds."""
    headers: list[tuple[str, str]] = []
    for binding in bindings:
        instance = f';+sip.instance="{binding.instance}"' if binding.instance else ""
        q = f";q={binding.q:g}" if binding.q != 1.0 else ""
        remaining = max(1, round(binding.expires_at - now))
        headers.append(("Contact", f"<{binding.contact}>;expires={remaining}{q}{instance}"))
    return tuple(headers)


def _stale(binding: Binding, request: Request) -> bool:
    return binding.call_id == request.call_id and request.cseq.number <= binding.cseq


def _same_contact(binding: Binding, address: NameAddr, instance: str | None) -> bool:
    # A phone that names its instance has one binding, whatever port it came back on (RFC 5626).
    if instance is not None and binding.instance is not None:
        return instance == binding.instance
    return parse_uri(binding.contact, "Contact").equivalent(parse_uri(address.uri_text, "Contact"))


def _expires(address: NameAddr, header: int | None, policy: RegistrarPolicy) -> int:
    own = address.params.get("expires")
    if own is not None:
        # RFC 3261 section 10.2.1.1: a malformed value counts as one hour.
        return int(own) if own.isascii() and own.isdigit() and len(own) <= 10 else 3600
    return policy.default_expires if header is None else header


def _q(address: NameAddr) -> float:
    raw = address.params.get("q")
    if raw is None:
        return 1.0
    try:
        value = float(raw)
    except ValueError:
        value = -1.0
    if not 0.0 <= value <= 1.0:
        raise SipParseError("Contact", "q lies between 0 and 1")
    return value
