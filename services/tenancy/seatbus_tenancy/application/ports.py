"""What the use cases need from the outside."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from seatbus.tenancy.v1 import types_pb2 as tenancy
    from seatbus_tenancy.domain.change import Plan, Snapshot


@dataclass(frozen=True, slots=True)
class Base:
    """The version of a tenant as the bus's leader has it; revision 0 for a tenant that never was."""

    record: tenancy.ConfigVersion
    revision: int

    @property
    def version(self) -> int:
        return int(self.record.meta.seq)

    def result_of(self, request_id: str) -> bytes | None:
        """What a request came to that was applied before."""
        for done in self.record.meta.recent:
            if done.request_id == request_id:
                return bytes(done.result)
        return None


@dataclass(frozen=True, slots=True)
class Holder:
    """Who holds a claim; `owner` empty: nobody. A compare-and-set names `revision`."""

    owner: str
    revision: int


class Ledger(Protocol):
    """The stored configuration."""

    @property
    def snapshot(self) -> Snapshot: ...

    async def base(self, tenant: str) -> Base:
        """The leader's version; the snapshot is at least as new when this returns."""
        ...

    async def holders(self, keys: Sequence[str]) -> list[Holder]: ...

    async def read(self, tenant: str, kind: str, id: str) -> tenancy.ConfigObject | None:
        """One object as the leader has it."""
        ...

    async def commit(
        self,
        base: Base,
        record: tenancy.ConfigVersion,
        plan: Plan,
        claimed: Sequence[tuple[str, str, int]],
        released: Sequence[tuple[str, int]],
    ) -> None:
        """Writes everything or nothing, and has the events of `record` published. Claims are (key, owner,
        revision), released ones (key, revision). Raises Conflict, OutcomeUnknown, Unavailable, Refused.
        """
        ...

    def acknowledged(self, tenant: str) -> int:
        """The last event of a tenant that is known to be on its stream."""
        ...


class Audio(Protocol):
    """The object store `prompts`."""

    async def put(self, name: str, content: bytes) -> None: ...

    async def remove(self, name: str) -> None: ...
