"""Applies changes: decide on a snapshot, write one batch behind its version, decide again on a conflict."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from seatbus.tenancy.v1 import events_pb2, service_pb2
from seatbus.tenancy.v1 import types_pb2 as tenancy
from seatbus_kit.errors import AlreadyExists, Conflict, OutcomeUnknown, Refused, SeatbusError, Unavailable
from seatbus_kit.trace import current_trace
from seatbus_tenancy.domain.change import Plan, Policy, Request, plan, with_ids
from seatbus_tenancy.domain.secrets import without_secrets

if TYPE_CHECKING:
    from seatbus.common.v1 import types_pb2 as common
    from seatbus_kit.clock import Clock
    from seatbus_tenancy.application.ports import Base, Ledger

# A repeated request is answered from the record; the record must stay far below what a value may hold.
KEEP_REQUESTS: Final = 16
KEEP_BYTES: Final = 64 * 1024


@dataclass(frozen=True, slots=True)
class Command:
    """A change and who asks for it. `expected_version` 0 means any."""

    request: Request
    request_id: str
    actor: common.Actor
    expected_version: int = 0
    timeout_s: float = 8.0


@dataclass(frozen=True, slots=True)
class Applied:
    """Objects as stored, without secrets. `removed` are (kind, id)."""

    version: int
    objects: tuple[tenancy.ConfigObject, ...]
    removed: tuple[tuple[str, str], ...] = ()
    repeated: bool = False


class Configuration:
    def __init__(
        self, ledger: Ledger, clock: Clock, policy: Policy, new_id: Callable[[], str], producer: str
    ) -> None:
        self._ledger = ledger
        self._clock = clock
        self._policy = policy
        self._new_id = new_id
        self._producer = producer

    async def apply(self, command: Command) -> Applied:
        """Makes one change of one tenant, whole or not at all; the same request id twice makes it once.

        Raises InvalidArgument, NotFound, AlreadyExists, Refused, ResourceExhausted with field and rule;
        Unavailable or Conflict when it was not done, OutcomeUnknown when it may have been.
        """
        request = with_ids(command.request, self._new_id)
        deadline = self._clock.monotonic() + command.timeout_s
        doubt: int | None = None  # revision that a write without answer was based on
        last: SeatbusError
        failures = 0
        while True:
            base: Base | None = None
            try:
                base = await self._ledger.base(request.tenant_id)
                done = base.result_of(command.request_id)
                if done is not None:
                    return self._again(request.tenant_id, done)
                return await self._attempt(command, request, base)
            except OutcomeUnknown as error:
                # A question to the leader without answer leaves no doubt, a write does.
                doubt = base.revision if base is not None else doubt
                last = error
            except (Conflict, Unavailable) as error:
                last = error
            except SeatbusError as error:
                if base is not None and doubt == base.revision:
                    raise OutcomeUnknown("an earlier write of this change may still land") from error
                raise
            failures += 1
            if self._clock.monotonic() > deadline:
                if doubt is not None:
                    raise OutcomeUnknown(last.message) from last
                raise last
            pause = 0.002 if isinstance(last, Conflict) else 0.05
            await asyncio.sleep(random.uniform(0.5, 1.0) * pause * min(failures, 8))

    async def _attempt(self, command: Command, request: Request, base: Base) -> Applied:
        if command.expected_version and command.expected_version != base.version:
            raise Refused(
                "version_mismatch",
                f"the configuration is at version {base.version}, not {command.expected_version}",
                field="expected_version",
                rule="version.current",
            )
        made = plan(request, self._ledger.snapshot, base.version, self._clock.now(), self._policy)
        claimed, released = await self._claims(made)
        await self._ledger.commit(base, self._record(command, base, made), made, claimed, released)
        return Applied(made.version, tuple(without_secrets(item) for item in made.written), made.removed)

    async def _claims(self, made: Plan) -> tuple[list[tuple[str, str, int]], list[tuple[str, int]]]:
        holders = await self._ledger.holders(
            [*(taken.claim.key for taken in made.taken), *(claim.key for claim in made.released)]
        )
        claimed = []
        for taken, holder in zip(made.taken, holders, strict=False):
            if holder.owner not in ("", taken.giver, taken.claim.owner):
                raise AlreadyExists(
                    f"{taken.claim.value} belongs to another object",
                    field=f"{taken.path}.{taken.claim.field}",
                    rule="unique",
                )
            claimed.append((taken.claim.key, taken.claim.owner, holder.revision))
        released = [
            (claim.key, holder.revision)
            for claim, holder in zip(made.released, holders[len(made.taken) :], strict=True)
            if holder.owner == claim.owner
        ]
        return claimed, released

    def _record(self, command: Command, base: Base, made: Plan) -> tenancy.ConfigVersion:
        """The next version record: sequence, the request's result, and the event until it is published."""
        tenant = command.request.tenant_id
        event = events_pb2.ConfigChanged(
            version=made.version,
            actor=command.actor,
            written=[
                service_pb2.ObjectRef(kind=item.WhichOneof("object"), id=item.id) for item in made.written
            ],
            removed=[service_pb2.ObjectRef(kind=kind, id=id) for kind, id in made.removed],
        )
        payload = event.SerializeToString()
        record = tenancy.ConfigVersion()
        record.CopyFrom(base.record)
        record.tenant_id = tenant
        meta = record.meta
        meta.seq = made.version
        meta.updated_at.FromDatetime(self._clock.now())
        meta.updated_by = self._producer
        acknowledged = self._ledger.acknowledged(tenant)
        kept = [pending for pending in meta.pending if pending.seq > acknowledged]
        del meta.pending[:]
        meta.pending.extend(kept)
        meta.recent.add(request_id=command.request_id, result=payload)
        size = sum(len(done.result) for done in meta.recent)
        while len(meta.recent) > KEEP_REQUESTS or (size > KEEP_BYTES and len(meta.recent) > 1):
            size -= len(meta.recent[0].result)
            del meta.recent[0]
        trace = current_trace()
        pending = meta.pending.add(
            seq=made.version,
            type=event.DESCRIPTOR.full_name,
            payload=payload,
            causation_id=command.request_id,
            traceparent=trace.to_traceparent() if trace is not None else "",
        )
        pending.occurred_at.CopyFrom(meta.updated_at)
        return record

    def _again(self, tenant: str, result: bytes) -> Applied:
        """The answer to a request that was applied before: its objects as they are now."""
        event = events_pb2.ConfigChanged.FromString(result)
        found = (self._ledger.snapshot.get(tenant, ref.kind, ref.id) for ref in event.written)
        return Applied(
            event.version,
            tuple(without_secrets(item) for item in found if item is not None),
            tuple((ref.kind, ref.id) for ref in event.removed),
            repeated=True,
        )
