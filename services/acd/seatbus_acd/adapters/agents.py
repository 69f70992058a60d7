"""Agents' states: the client of their owner, and the watched copy of their records."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from typing import TYPE_CHECKING, Final, Literal, TypeVar

from seatbus.agent.v1 import service_pb2 as api
from seatbus.agent.v1.service_pb2_grpc import AgentStateServiceStub
from seatbus.agent.v1.types_pb2 import (
    PRESENCE_NOT_READY,
    PRESENCE_READY,
    WORK_STATE_DIALING,
    WORK_STATE_RESERVED,
    WORK_STATE_RINGING,
    AgentState,
)
from seatbus.common.v1.types_pb2 import ACTOR_KIND_SYSTEM, Actor, RequestContext
from seatbus_acd.domain.model import AgentStatus
from seatbus_contracts.subjects import record_key
from seatbus_kit.errors import DeadlineExceeded, OutcomeUnknown, Refused, Unavailable
from seatbus_kit.rpc import invoke

if TYPE_CHECKING:
    from google.protobuf.timestamp_pb2 import Timestamp

    from seatbus_acd.application.ports import Visit
    from seatbus_acd.domain.model import AgentKey, Offer
    from seatbus_kit.buckets import Bucket, Entry
    from seatbus_kit.instances import Instances
    from seatbus_kit.rpc import Channels
    from seatbus_kit.watch import Change, Watcher

T = TypeVar("T")

_SERVICE: Final = "agent_state"
_TIMEOUT_S: Final = 3.0
_TRIES: Final = 3
_LONGEST_RING_S: Final = 180
_BEFORE_TALK: Final = frozenset({WORK_STATE_RESERVED, WORK_STATE_RINGING, WORK_STATE_DIALING})
_WORK: Final = {
    "ringing": api.WORK_EVENT_RINGING,
    "answered": api.WORK_EVENT_ANSWERED,
    "answered_elsewhere": api.WORK_EVENT_ANSWERED_ELSEWHERE,
    "no_answer": api.WORK_EVENT_NO_ANSWER,
    "busy": api.WORK_EVENT_BUSY,
    "rejected": api.WORK_EVENT_REJECTED,
    "unreachable": api.WORK_EVENT_UNREACHABLE,
    "failed": api.WORK_EVENT_CANCELLED,
    "cancelled": api.WORK_EVENT_CANCELLED,
    "ended": api.WORK_EVENT_ENDED,
}


class AgentStateClient:
    """Any replica serves any agent; the request id makes a second try at another one harmless."""

    def __init__(self, instances: Instances, channels: Channels, bucket: Bucket, own_id: str) -> None:
        self._instances = instances
        self._channels = channels
        self._bucket = bucket
        self._actor = Actor(kind=ACTOR_KIND_SYSTEM, id=own_id)
        self._stubs: dict[str, AgentStateServiceStub] = {}

    async def reserve(self, visit: Visit, offer: Offer, group: str, epoch: int) -> int:
        tenant, agent_id = offer.agent
        rings_s = offer.ring_timeout_s + (visit.callback.ring_timeout_s if visit.callback is not None else 0)
        request = api.ReserveRequest(
            context=RequestContext(request_id=offer.rid, tenant_id=tenant, actor=self._actor),
            agent_id=agent_id,
            rid=offer.rid,
            contact_id=visit.contact_id,
            contact_tenant_id=visit.tenant,
            call_id=visit.call_id,
            queue_id=visit.queue_id,
            edge_instance=visit.edge_instance,
            channel=visit.channel,
            ring_timeout_s=min(rings_s, _LONGEST_RING_S),
            wrap_up_s=offer.wrap_up_s,
            group=group,
            epoch=epoch,
        )
        answer = await self._call(lambda stub: invoke(stub.Reserve, request, _TIMEOUT_S))
        return int(answer.revision)

    async def release(self, visit: Visit, agent: AgentKey, rid: str) -> None:
        tenant, agent_id = agent
        request = api.ReleaseReservationRequest(
            context=RequestContext(request_id=f"{rid}/release", tenant_id=tenant, actor=self._actor),
            agent_id=agent_id,
            rid=rid,
        )
        try:
            await self._call(lambda stub: invoke(stub.ReleaseReservation, request, _TIMEOUT_S))
        except Refused:
            # The conversation has begun: there is nothing to release.
            return

    async def holds(self, agent: AgentKey, rid: str) -> int:
        entry = await self._bucket.get(record_key(*agent))
        if entry is None:
            return 0
        return next((item.state for item in AgentState.FromString(entry.value).work if item.rid == rid), 0)

    async def progress(self, agent: AgentKey, rid: str) -> Literal["", "offered", "taken"]:
        state = await self.holds(agent, rid)
        if not state:
            return ""
        return "offered" if state in _BEFORE_TALK else "taken"

    async def report(self, visit: Visit, agent: AgentKey, rid: str, outcome: str) -> None:
        tenant, agent_id = agent
        request = api.ReportWorkRequest(
            context=RequestContext(request_id=f"{rid}/{outcome}", tenant_id=tenant, actor=self._actor),
            agent_id=agent_id,
            rid=rid,
            event=_WORK[outcome],
        )
        await self._call(lambda stub: invoke(stub.ReportWork, request, _TIMEOUT_S))

    async def _call(self, ask: Callable[[AgentStateServiceStub], Awaitable[T]]) -> T:
        tried: list[str] = []
        while True:
            instance = self._instances.pick(_SERVICE, exclude=tried)
            if instance is None:
                raise Unavailable("no instance of agent_state answers")
            stub = self._stubs.get(instance.address)
            if stub is None:
                stub = self._stubs[instance.address] = AgentStateServiceStub(  # type: ignore[no-untyped-call]
                    self._channels.get(instance.address)
                )
            tried.append(instance.id)
            try:
                return await ask(stub)
            except (Unavailable, OutcomeUnknown, DeadlineExceeded):
                if len(tried) >= _TRIES or self._instances.pick(_SERVICE, exclude=tried) is None:
                    raise


class AgentFeed:
    """Tells of agents' records as they change; only those that somebody wants are parsed."""

    def __init__(self, watcher: Watcher) -> None:
        self._watcher = watcher
        self._listener: Callable[[AgentStatus], None] | None = None
        self._gone: Callable[[AgentKey], None] | None = None
        self._wanted: Callable[[AgentKey], bool] = lambda _key: False
        watcher.subscribe(self._changed)

    def listen(
        self,
        wanted: Callable[[AgentKey], bool],
        listener: Callable[[AgentStatus], None],
        gone: Callable[[AgentKey], None],
    ) -> None:
        """`wanted(agent)` says whether an agent matters here now."""
        self._wanted, self._listener, self._gone = wanted, listener, gone

    def of(self, agents: Iterable[AgentKey]) -> list[AgentStatus]:
        """What is known of these agents."""
        entries = self._watcher.entries
        found = ((key, entries.get(record_key(*key))) for key in agents)
        return [status_of(key, entry) for key, entry in found if entry is not None]

    def _changed(self, change: Change) -> None:
        tenant, _, agent_id = change.key.partition(".")
        key = (tenant, agent_id)
        if self._listener is None or self._gone is None or not self._wanted(key):
            return
        if change.entry is None:
            self._gone(key)
        else:
            self._listener(status_of(key, change.entry))


def status_of(key: AgentKey, entry: Entry) -> AgentStatus:
    record = AgentState.FromString(entry.value)
    idle = _seconds(record.idle_since)
    logged_in = _seconds(record.logged_in_at)
    # Of the time since he logged in, taken when he became idle: equal for every replica that looks.
    shift = idle - logged_in if logged_in else 0.0
    return AgentStatus(
        key,
        entry.revision,
        record.presence == PRESENCE_READY and not record.deferred_presence,
        idle,
        {item.rid: item.channel for item in record.work},
        record.presence in (PRESENCE_READY, PRESENCE_NOT_READY),
        int(record.contacts_handled),
        record.handled_us / 1e6 / shift if shift > 0 else 0.0,
        {item.rid: (item.tenant_id, item.queue_id) for item in record.work},
    )


def _seconds(moment: Timestamp) -> float:
    seconds: float = moment.seconds + moment.nanos / 1e9
    return seconds
