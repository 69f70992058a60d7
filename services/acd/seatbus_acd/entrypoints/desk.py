"""Who answers a request: this replica if it holds the routing group, else the holder, asked once."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, Final, TypeAlias, TypeVar, cast

from seatbus.acd.v1 import service_pb2 as api
from seatbus_acd.adapters.holders import FORWARDED
from seatbus_kit.errors import NotFound, SeatbusError, StaleEpoch, Unavailable

if TYPE_CHECKING:
    import grpc.aio
    from google.protobuf.message import Message

    from seatbus_acd.adapters.holders import Holders
    from seatbus_acd.application.router import Router
    from seatbus_acd.application.shard import Shard
    from seatbus_acd.application.underway import Underway
    from seatbus_acd.domain.model import ContactKey, QueueKey

T = TypeVar("T")
Context: TypeAlias = "grpc.aio.ServicerContext[Any, Any]"

# A takeover is waited for a little; callers repeat after that.
_TAKEOVER_WAIT_S: Final = 1.0
_FORWARD_S: Final = 4.0
# What it writes is new, and not fenced by what was there before.
_OPENS: Final = "Enqueue"
# Requests that change nothing end with their caller's patience.
_READS: Final = frozenset({"Preview", "Explain", "EstimateWait"})


class Desk:
    """`look_up` asks for a queue that is not here: it may have been configured a moment ago."""

    def __init__(
        self,
        router: Router,
        holders: Holders,
        own_id: str,
        look_up: Callable[[QueueKey], Awaitable[object]],
        underway: Underway,
    ) -> None:
        self._router = router
        self._holders = holders
        self._own_id = own_id
        self._look_up = look_up
        self._underway = underway

    async def must_know(self, key: QueueKey) -> str:
        """The routing group of a queue. Raises NotFound for one that is not configured, Unavailable."""
        await self._look_up(key)
        return self._router.group(key)

    async def at_queue(
        self,
        key: QueueKey,
        method: str,
        request: Message,
        context: Context,
        here: Callable[[Shard], Awaitable[T]],
    ) -> T:
        group = await self.must_know(key)
        try:
            return await self._at_group(group, method, request, context, here)
        except NotFound:
            if self._router.group(key) == group:
                raise
            # While its group was waited for the queue has moved to another one.
            raise Unavailable(f"queue {key[1]} moves to another routing group, try again") from None

    async def at_contact(
        self,
        key: ContactKey,
        method: str,
        request: Message,
        context: Context,
        here: Callable[[Shard], Awaitable[T]],
    ) -> T:
        group = await self._router.group_of_contact(key)
        return await self._at_group(group, method, request, context, here)

    async def _at_group(
        self,
        group: str,
        method: str,
        request: Message,
        context: Context,
        here: Callable[[Shard], Awaitable[T]],
    ) -> T:
        shard = self._router.shard(group)
        if shard is None:
            holder = self._holders.holder(group)
            if holder is not None and holder.id != self._own_id:
                if is_forwarded(context):
                    raise Unavailable(f"routing group {group} moves, try again")
                remaining = context.time_remaining()
                timeout = min(_FORWARD_S, remaining) if remaining is not None else _FORWARD_S
                answer: T = await self._holders.forward(holder, method, request, timeout)
                return answer
            shard = await self._router.wait_shard(group, _TAKEOVER_WAIT_S)
        try:
            if method in _READS:
                return await here(shard)
            name = (method, request.SerializeToString(deterministic=True))
            done = await self._underway.run(shard, name, lambda: here(shard))
        except StaleEpoch as error:
            # That is ours to know, not the caller's: the holder will answer the repeated request.
            raise Unavailable(f"routing group {group} has moved to epoch {error.current}") from error
        if method == _OPENS and self._router.shard(group) is not shard:
            # The next holder may have looked before the contact was there: asked again, it hears of it.
            raise Unavailable(f"the lease of routing group {group} is in doubt, try again")
        return done

    async def snapshot(
        self, tenant: str, here: Callable[[Shard], api.SnapshotResponse], *, forwarded: bool
    ) -> api.SnapshotResponse:
        """Of all the tenant's groups, each by its holder; a holder that does not answer is named."""
        answer = api.SnapshotResponse()
        elsewhere: dict[str, list[str]] = {}
        for group in self._router.groups_of(tenant):
            shard = self._router.shard(group)
            if shard is not None:
                answer.queues.extend(here(shard).queues)
                continue
            holder = self._holders.holder(group)
            if holder is not None and holder.id != self._own_id and not forwarded:
                elsewhere.setdefault(holder.id, []).append(group)
            elif not forwarded:
                answer.unreachable.append(group)
        await asyncio.gather(
            *(self._ask(holder, groups, tenant, answer) for holder, groups in elsewhere.items())
        )
        ordered = sorted(answer.queues, key=lambda queue: queue.queue_id)
        del answer.queues[:]
        answer.queues.extend(ordered)
        return answer

    async def _ask(self, holder: str, groups: list[str], tenant: str, answer: api.SnapshotResponse) -> None:
        instance = self._holders.holder(groups[0])
        request = api.SnapshotRequest(tenant_id=tenant)
        try:
            if instance is None:
                raise Unavailable(f"{holder} is gone")
            theirs = await self._holders.forward(instance, "Snapshot", request, 1.0)
        except SeatbusError:
            answer.unreachable.extend(groups)
            return
        answer.queues.extend(cast("api.SnapshotResponse", theirs).queues)


def is_forwarded(context: Context) -> bool:
    return any(key == FORWARDED for key, _ in context.invocation_metadata() or ())
