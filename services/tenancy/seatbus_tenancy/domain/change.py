"""One change of a tenant's configuration, decided from what is stored: all of it holds, or none.

Pure: the snapshot, the time and new ids come from outside. Whoever writes the plan does so behind a
compare-and-set on the version that the snapshot was taken at.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol

from seatbus.tenancy.v1 import types_pb2 as tenancy
from seatbus_kit.errors import AlreadyExists, InvalidArgument, NotFound, Refused, ResourceExhausted
from seatbus_tenancy.domain.claims import Claim, claims
from seatbus_tenancy.domain.kinds import KINDS, OPERATOR, references
from seatbus_tenancy.domain.rules import check_object
from seatbus_tenancy.domain.secrets import absorb

if TYPE_CHECKING:
    from datetime import datetime

# The bus takes at most this many messages in one atomic batch.
MAX_WRITES: Final = 1000

Key = tuple[str, str]  # kind, id


class Snapshot(Protocol):
    """The configuration as stored, at one version of the tenant."""

    def get(self, tenant: str, kind: str, id: str) -> tenancy.ConfigObject | None: ...

    def objects(self, tenant: str, kind: str) -> Mapping[str, tenancy.ConfigObject]: ...

    def tenants(self) -> Mapping[str, tenancy.ConfigObject]: ...


@dataclass(frozen=True, slots=True)
class Policy:
    """What the platform's settings say."""

    realm: str
    max_objects: int
    seal: Callable[[str, str], str] | None = None


@dataclass(frozen=True, slots=True)
class Request:
    tenant_id: str
    upserts: Sequence[tenancy.ConfigObject]
    deletes: Sequence[tuple[str, str]]
    create_only: bool = False


@dataclass(frozen=True, slots=True)
class Taken:
    """A claim that must be free, or held by `giver`, an object that gives it up in the same change."""

    claim: Claim
    path: str
    giver: str = ""


@dataclass(frozen=True, slots=True)
class Plan:
    """What to write behind a compare-and-set on the version before."""

    version: int
    written: tuple[tenancy.ConfigObject, ...]
    removed: tuple[Key, ...]
    taken: tuple[Taken, ...]
    released: tuple[Claim, ...]


def with_ids(request: Request, new_id: Callable[[], str]) -> Request:
    """Fills in what a request may leave out: tenant and ids. Raises InvalidArgument for a foreign object."""
    filled = []
    for at, given in enumerate(request.upserts):
        item = tenancy.ConfigObject()
        item.CopyFrom(given)
        if item.tenant_id not in ("", request.tenant_id):
            raise InvalidArgument(
                f"the request is about tenant {request.tenant_id}",
                field=f"upserts[{at}].tenant_id",
                rule="tenant.same",
            )
        item.tenant_id = request.tenant_id
        if not item.id:
            item.id = request.tenant_id if item.WhichOneof("object") == "tenant" else new_id()
        filled.append(item)
    return Request(request.tenant_id, filled, request.deletes, request.create_only)


def plan(request: Request, stored: Snapshot, version: int, now: datetime, policy: Policy) -> Plan:
    """What the change comes to, on top of `version`. The request has its ids (`with_ids`).

    Raises InvalidArgument, NotFound, AlreadyExists, Refused (a dangling reference) or ResourceExhausted, with
    the path of the field and the rule.
    """
    if not request.upserts and not request.deletes:
        raise InvalidArgument("nothing to write and nothing to remove", field="upserts", rule="not_empty")
    removed = _names(request, stored)
    written = []
    for at, item in enumerate(request.upserts):
        path = f"upserts[{at}]"
        kind = item.WhichOneof("object") or ""
        before = stored.get(request.tenant_id, kind, item.id)
        made = tenancy.ConfigObject()
        made.CopyFrom(item)
        check_object(made, path)
        absorb(made, before, path, policy.realm, policy.seal)
        if kind == "prompt":
            _prompt(made, before, path)
        made.version = version + 1
        made.updated_at.FromDatetime(now)
        written.append(made)
    taken, released = _claims(written, removed, stored, request.tenant_id)
    after = _After(stored, request.tenant_id, {_key(item): item for item in written}, removed)
    _check_tenant(request, after)
    _check_quota(request, stored, written, removed, policy)
    _check_references(written, after)
    _check_not_needed(removed, after)
    writes = len(written) + len(removed) + len(taken) + len(released) + 1
    if writes > MAX_WRITES:
        raise InvalidArgument(
            f"the change needs {writes} writes, at most {MAX_WRITES} fit into one: divide it",
            field="upserts",
            rule="batch.max_writes",
        )
    return Plan(version + 1, tuple(written), tuple(removed), taken, released)


def _prompt(item: tenancy.ConfigObject, before: tenancy.ConfigObject | None, path: str) -> None:
    """The audio of a prompt lies under its own name: nobody may point at another tenant's."""
    if not item.prompt.object_name:
        item.prompt.object_name = before.prompt.object_name if before is not None else ""
    elif item.prompt.object_name != audio_name(item.tenant_id, item.id):
        raise InvalidArgument(
            "the audio of a prompt is uploaded with PutPromptAudio",
            field=f"{path}.prompt.object_name",
            rule="prompt.own_audio",
        )


def audio_name(tenant: str, prompt_id: str) -> str:
    """Name of a prompt's audio in the object store `prompts`."""
    return f"{tenant}/{prompt_id}"


def _key(item: tenancy.ConfigObject) -> Key:
    return item.WhichOneof("object") or "", item.id


def _names(request: Request, stored: Snapshot) -> dict[Key, str]:
    """Paths of what is removed, by key; nothing is named twice, and what is removed is there."""
    new: dict[Key, str] = {}
    removed: dict[Key, str] = {}
    for at, item in enumerate(request.upserts):
        key, path = _key(item), f"upserts[{at}]"
        if key in new:
            raise InvalidArgument(f"{new[key]} is the same object", field=path, rule="unique")
        if request.create_only and stored.get(request.tenant_id, *key) is not None:
            raise AlreadyExists(f"{key[0]} {key[1]} exists", field=f"{path}.id", rule="create_only")
        new[key] = path
    for at, key in enumerate(request.deletes):
        path = f"deletes[{at}]"
        if key[0] not in KINDS:
            raise InvalidArgument(f"no kind {key[0]!r}", field=f"{path}.kind", rule="kind")
        if key in removed or key in new:
            raise InvalidArgument("the object is in this change already", field=path, rule="unique")
        if stored.get(request.tenant_id, *key) is None:
            raise NotFound(f"no {key[0]} {key[1]}", field=path, rule="exists")
        removed[key] = path
    return removed


class _After:
    """The configuration as it will be."""

    def __init__(
        self,
        stored: Snapshot,
        tenant: str,
        written: Mapping[Key, tenancy.ConfigObject],
        removed: Mapping[Key, str],
    ) -> None:
        self._stored = stored
        self._written = written
        self.tenant = tenant
        self.removed = removed

    def has(self, tenant: str, key: Key) -> bool:
        if tenant == self.tenant:
            if key in self._written:
                return True
            if key in self.removed:
                return False
        return self._stored.get(tenant, *key) is not None

    def all(self, tenant: str) -> Iterator[tenancy.ConfigObject]:
        own = tenant == self.tenant
        for kind in KINDS:
            for id, item in self._stored.objects(tenant, kind).items():
                if not (own and ((kind, id) in self.removed or (kind, id) in self._written)):
                    yield item
        if own:
            yield from self._written.values()

    def tenants(self) -> Iterator[str]:
        yield self.tenant
        yield from (tenant for tenant in self._stored.tenants() if tenant != self.tenant)


def _check_tenant(request: Request, after: _After) -> None:
    tenant = request.tenant_id
    if after.has(tenant, ("tenant", tenant)):
        return
    path = after.removed.get(("tenant", tenant))
    if path is None:
        raise NotFound(
            f"no tenant {tenant}: create it first", field="context.tenant_id", rule="tenant.exists"
        )
    left = next(after.all(tenant), None)
    if left is not None:
        raise Refused(
            "tenant_not_empty",
            f"{left.WhichOneof('object')} {left.id} is left",
            field=path,
            rule="tenant.empty",
        )


def _check_quota(
    request: Request,
    stored: Snapshot,
    written: Sequence[tenancy.ConfigObject],
    removed: Mapping[Key, str],
    policy: Policy,
) -> None:
    there = sum(len(stored.objects(request.tenant_id, kind)) for kind in KINDS)
    added = sum(stored.get(request.tenant_id, *_key(item)) is None for item in written)
    if added and there + added - len(removed) > policy.max_objects:
        raise ResourceExhausted(
            f"a tenant has at most {policy.max_objects} objects", field="upserts", rule="tenant.max_objects"
        )


def _check_references(written: Sequence[tenancy.ConfigObject], after: _After) -> None:
    for at, item in enumerate(written):
        for reference in references(item):
            if not after.has(reference.tenant or item.tenant_id, (reference.kind, reference.id)):
                raise Refused(
                    "dangling_reference",
                    f"no {reference.kind} {reference.id}",
                    field=f"upserts[{at}].{reference.field}",
                    rule="reference.exists",
                )


def _check_not_needed(removed: Mapping[Key, str], after: _After) -> None:
    """Nothing that stays refers to what goes. Tenants may refer to the operator's agents and seats."""
    if not removed:
        return
    for tenant in after.tenants() if after.tenant == OPERATOR else (after.tenant,):
        for item in after.all(tenant):
            for reference in references(item):
                key = (reference.kind, reference.id)
                if key in removed and (reference.tenant or tenant) == after.tenant:
                    raise Refused(
                        "dangling_reference",
                        f"{tenant}.{item.WhichOneof('object')} {item.id} refers to it in {reference.field}",
                        field=removed[key],
                        rule="reference.in_use",
                    )


def _claims(
    written: Sequence[tenancy.ConfigObject], removed: Mapping[Key, str], stored: Snapshot, tenant: str
) -> tuple[tuple[Taken, ...], tuple[Claim, ...]]:
    wanted: dict[str, tuple[Claim, str]] = {}
    for at, item in enumerate(written):
        path = f"upserts[{at}]"
        for claim in _claims_of(item, path):
            holder = wanted.get(claim.key)
            if holder is not None:
                raise AlreadyExists(
                    f"{claim.value} is claimed by {holder[1]} too",
                    field=f"{path}.{claim.field}",
                    rule="unique",
                )
            wanted[claim.key] = (claim, path)
    held: dict[str, Claim] = {}
    for key in (*(_key(item) for item in written), *removed):
        before = stored.get(tenant, *key)
        if before is not None:
            held |= {claim.key: claim for claim in claims(before)}
    taken = tuple(
        Taken(claim, path, held[claim.key].owner if claim.key in held else "")
        for claim, path in wanted.values()
        if claim.key not in held or held[claim.key].owner != claim.owner
    )
    return taken, tuple(claim for claim in held.values() if claim.key not in wanted)


def _claims_of(item: tenancy.ConfigObject, path: str) -> list[Claim]:
    try:
        return list(claims(item))
    except InvalidArgument as error:
        raise InvalidArgument(error.message, field=f"{path}.{error.field}", rule=error.rule) from None
