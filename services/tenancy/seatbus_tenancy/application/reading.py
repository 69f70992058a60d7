"""Reads: one object from the leader, lists from the copy once it has caught up with the leader."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from seatbus_kit.errors import InvalidArgument, NotFound
from seatbus_tenancy.domain.kinds import KINDS
from seatbus_tenancy.domain.secrets import without_secrets

if TYPE_CHECKING:
    from seatbus.tenancy.v1 import types_pb2 as tenancy
    from seatbus_tenancy.application.ports import Ledger

_ID: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
DEFAULT_PAGE: Final = 100
MAX_PAGE: Final = 1000
# An answer of the service holds at most 4 MiB.
MAX_PAGE_BYTES: Final = 3 * 1024 * 1024


class Reading:
    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    async def get(self, tenant: str, kind: str, id: str) -> tenancy.ConfigObject:
        """One object without its secrets. Raises NotFound, InvalidArgument for an unknown kind."""
        _id(tenant, "tenant_id")
        found = await self._ledger.read(tenant, _kind(kind, "ref.kind"), _id(id, "ref.id"))
        if found is None:
            raise NotFound(f"no {kind} {id}", field="ref.id", rule="exists")
        return without_secrets(found)

    async def page(
        self, tenant: str, kind: str, limit: int, cursor: str
    ) -> tuple[list[tenancy.ConfigObject], str, int]:
        """A page of objects by kind and id, the cursor of the next one (empty: the last), and the version."""
        base = await self._ledger.base(_id(tenant, "tenant_id"))
        if not base.revision:
            raise NotFound(f"no tenant {tenant}", field="tenant_id", rule="tenant.exists")
        kinds = [_kind(kind, "kind")] if kind else sorted(KINDS)
        found = [
            (f"{each}/{id}", item)
            for each in kinds
            for id, item in sorted(self._ledger.snapshot.objects(tenant, each).items())
        ]
        page, following = _page(found, limit, cursor)
        return page, following, base.version

    def tenants(self, limit: int, cursor: str) -> tuple[list[tenancy.ConfigObject], str]:
        return _page(sorted(self._ledger.snapshot.tenants().items()), limit, cursor)


def _kind(kind: str, field: str) -> str:
    if kind not in KINDS:
        raise InvalidArgument(f"no kind {kind!r}", field=field, rule="kind")
    return kind


def _id(text: str, field: str) -> str:
    """Nothing but an id becomes part of a key."""
    if not _ID.fullmatch(text):
        raise InvalidArgument(f"not an id: {text[:80]!r}", field=field, rule="id")
    return text


def _page(
    found: list[tuple[str, tenancy.ConfigObject]], limit: int, cursor: str
) -> tuple[list[tenancy.ConfigObject], str]:
    page: list[tenancy.ConfigObject] = []
    size = 0
    last = ""
    for key, item in found:
        if key <= cursor:
            continue
        size += item.ByteSize()
        if page and (len(page) >= min(limit or DEFAULT_PAGE, MAX_PAGE) or size > MAX_PAGE_BYTES):
            return page, last
        page.append(without_secrets(item))
        last = key
    return page, ""
