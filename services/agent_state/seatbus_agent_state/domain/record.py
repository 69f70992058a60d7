"""The copy of an agent's record that one decision changes, and the facts that follow from it.

Nothing here knows a clock or a bus: `now` and the actor are inputs, the same inputs give the same record.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, cast

from seatbus.agent.v1.events_pb2 import AgentPresenceChanged, AgentWorkChanged
from seatbus_agent_state.domain.errors import NoSuchItem, NoTransition
from seatbus_agent_state.domain.states import PRESENCE, Cause, Presence, PresenceCause, Work

if TYPE_CHECKING:
    from google.protobuf.message import Message

    from seatbus.agent.v1 import types_pb2 as wire
    from seatbus.agent.v1.types_pb2 import AgentState, WorkItem
    from seatbus.common.v1.types_pb2 import Actor


class RecordTurn:
    """`events` are in order; `changed` is false when a repeated request asked for what already holds."""

    def __init__(self, agent: AgentState, now: datetime, actor: Actor) -> None:
        self.agent = agent
        self.now = now
        self.actor = actor
        self.events: list[Message] = []
        self.changed = False
        # Items whose deadline was set or moved: they need a timer.
        self.timed: set[str] = set()
        # Items whose deadline is void.
        self.untimed: set[str] = set()
        self.break_timed = False

    @property
    def presence(self) -> Presence:
        return Presence(self.agent.presence)

    def item(self, rid: str) -> WorkItem:
        """Raises NoSuchItem."""
        for item in self.agent.work:
            if item.rid == rid:
                return cast("WorkItem", item)
        raise NoSuchItem(rid)

    # What the requests are made of

    def _worked(
        self,
        item: WorkItem,
        before: int,
        to: Work,
        cause: Cause,
        since: datetime | None,
        *,
        presence: Presence,
        disposition: str = "",
    ) -> None:
        event = AgentWorkChanged(
            rid=item.rid,
            to=as_work(to),
            cause=cause.value,
            actor=self.actor,
            contact_id=item.contact_id,
            call_id=item.call_id,
            contact_tenant_id=item.tenant_id,
            queue_id=item.queue_id,
            presence=as_presence(presence),
            open_items=len(self.agent.work),
            disposition=disposition,
            kind=item.kind,
            channel=item.channel,
        )
        setattr(event, "from", before)
        if since is not None:
            event.from_since.FromDatetime(since)
        self.events.append(event)
        self.changed = True

    def _presence(
        self,
        cause: PresenceCause,
        reason: str,
        *,
        limit_s: int = 0,
        moved: bool = False,
        keep_idle: bool = False,
    ) -> None:
        """`moved`: the agent sits elsewhere now, which is a fact even if nothing else changes."""
        agent, before = self.agent, self.presence
        to = PRESENCE.get((before, cause))
        if to is None:
            raise NoTransition(before.name.lower(), cause)
        same = to is before and agent.reason == reason
        if same and not moved:
            return
        event = AgentPresenceChanged(
            to=as_presence(to),
            reason=reason,
            actor=self.actor,
            from_reason=agent.reason,
            device_id=agent.device_id,
            seat_id=agent.seat_id,
        )
        setattr(event, "from", before.value)
        if agent.HasField("presence_since"):
            event.from_since.CopyFrom(agent.presence_since)
        agent.presence = as_presence(to)
        agent.reason = reason
        agent.presence_since.FromDatetime(self.now)
        self._limit_break(limit_s if to is Presence.NOT_READY else 0)
        if to is Presence.READY and not keep_idle and not same:
            agent.idle_since.FromDatetime(self.now)
        self.events.append(event)
        self.changed = True

    def _limit_break(self, limit_s: int) -> None:
        self.agent.ClearField("break_until")
        self.agent.ClearField("break_overrun")
        if limit_s:
            self.agent.break_until.FromDatetime(self.now + timedelta(seconds=limit_s))
            self.break_timed = True

    def _log_out(self, reason: str) -> None:
        self._clear_deferred()
        self._presence(PresenceCause.LOGOUT, reason)
        for field in ("login_id", "seat_id", "device_id", "logged_in_at", "shift"):
            self.agent.ClearField(field)
        self.changed = True

    def _defer(self, presence: Presence, reason: str, limit_s: int = 0) -> None:
        agent = self.agent
        if (agent.deferred_presence, agent.deferred_reason) != (presence.value, reason):
            agent.deferred_presence = as_presence(presence)
            agent.deferred_reason = reason
            agent.deferred_limit_s = limit_s
            self.changed = True

    def _clear_deferred(self) -> None:
        if self.agent.deferred_presence:
            for field in ("deferred_presence", "deferred_reason", "deferred_limit_s"):
                self.agent.ClearField(field)
            self.changed = True


def as_work(state: Work) -> wire.WorkState:
    return cast("wire.WorkState", state.value)


def as_presence(presence: Presence) -> wire.Presence:
    return cast("wire.Presence", presence.value)
