"""Keys. The operator's is in a file; a tenant's are configuration objects, written `tenant.id.secret`."""

from __future__ import annotations

import hashlib
import hmac
import time
from collections import OrderedDict
from typing import TYPE_CHECKING, Final, Protocol

from seatbus.tenancy.v1 import types_pb2 as tenancy
from seatbus_gateway.domain.access import Principal, Role
from seatbus_kit.errors import SeatbusError

if TYPE_CHECKING:
    from seatbus_kit.clock import Clock

_REMEMBERED: Final = 1024
_REMEMBER_S: Final = 300.0
_ROLES: Final = {value: name.removeprefix("ROLE_").lower() for name, value in tenancy.Role.items()}


class Unauthenticated(SeatbusError):
    """No key, or not one of ours."""

    code = "unauthenticated"


class KeyStore(Protocol):
    def api_key(self, tenant: str, key_id: str) -> tenancy.ApiKey | None: ...


def hash_key(secret: str) -> str:
    """How a key is kept: keys are long and random, so that one round of SHA-256 is enough."""
    return "sha256:" + hashlib.sha256(secret.encode()).hexdigest()


def matches(secret: str, stored: str) -> bool:
    """Whether `secret` is the one behind `sha256:<hex>` or an Argon2 hash; the time does not tell."""
    if stored.startswith("$argon2"):
        from argon2 import PasswordHasher
        from argon2.exceptions import InvalidHashError, VerificationError

        try:
            return PasswordHasher().verify(stored, secret)
        except (VerificationError, InvalidHashError):
            return False
    return hmac.compare_digest(stored.encode(), hash_key(secret).encode())


class Authenticator:
    def __init__(self, operator_key: str, keys: KeyStore, clock: Clock) -> None:
        self._operator = hashlib.sha256(operator_key.encode()).digest()
        self._keys = keys
        self._clock = clock
        # Argon2 takes tens of milliseconds: a good key is remembered for five minutes, by its digest.
        self._good: OrderedDict[bytes, tuple[str, float]] = OrderedDict()

    def principal(self, key: str | None) -> Principal:
        """Who has this key. Raises Unauthenticated."""
        if not key:
            raise Unauthenticated(
                "a key is needed: Authorization: Bearer <key>", field="Authorization", rule="required"
            )
        digest = hashlib.sha256(key.encode()).digest()
        if hmac.compare_digest(digest, self._operator):
            return Principal("operator", Role.OPERATOR, None)
        tenant, _, rest = key.partition(".")
        key_id, _, secret = rest.partition(".")
        stored = self._keys.api_key(tenant, key_id) if secret else None
        if stored is None or not self._is_good(digest, secret, stored.key_hash):
            raise Unauthenticated("the key is not valid", field="Authorization", rule="known key")
        if (
            stored.HasField("expires_at")
            and stored.expires_at.ToMicroseconds() <= self._clock.now().timestamp() * 1e6
        ):
            raise Unauthenticated("the key has expired", field="Authorization", rule="expires_at")
        role = Role(_ROLES.get(stored.role, "agent"))
        # The operator's own tenant may hold keys for the whole platform; no other tenant may.
        everywhere = tenant == "operator" and role is Role.OPERATOR
        if role is Role.OPERATOR and not everywhere:
            role = Role.TENANT_ADMIN
        return Principal(f"{tenant}.{key_id}", role, None if everywhere else tenant)

    def _is_good(self, digest: bytes, secret: str, stored: str) -> bool:
        if not stored:
            return False
        known = self._good.get(digest)
        if known is not None and known[0] == stored and time.monotonic() - known[1] < _REMEMBER_S:
            return True
        if not matches(secret, stored):
            return False
        self._good[digest] = (stored, time.monotonic())
        if len(self._good) > _REMEMBERED:
            self._good.popitem(last=False)
        return True
