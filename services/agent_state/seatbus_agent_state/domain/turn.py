"""One decision about one agent: it changes its copy of the record and collects the facts that follow.

Nothing here knows a clock or a bus: `now` and the actor are inputs, the same inputs give the same record.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final, cast

from seatbus.agent.v1.events_pb2 import AgentPresenceChanged, AgentWorkChanged
from seatbus_agent_state.domain.errors import NoSuchItem, NoTransition
from seatbus_agent_state.domain.states import (
    BEFORE_TALK,
    DEVICE_LOST_REASON,
    PRESENCE,
    RESTORE_WITHIN_S,
    WORK,
    Cause,
    Idle,
    Presence,
    PresenceCause,
    Step,
    Work,
)
from seatbus_kit.errors import Refused

if TYPE_CHECKING:
    from google.protobuf.message import Message

    from seatbus.agent.v1 import types_pb2 as wire
    from seatbus.agent.v1.types_pb2 import AgentState, WorkItem
    from seatbus.common.v1.types_pb2 import Actor

# The edge owns the ring timer; ours is for the case that the edge died with it.
RESERVATION_GRACE_S: Final = 10


class Turn:
    """`events` are in order; `changed` is false when a repeated request asked for what already holds."""

    def __init__(self, agent: AgentState, now: datetime, actor: Actor) -> None:
        self.agent = agent
        self.now = now
        self.actor = actor
        self.events: list[Message] = []
        self.changed = False
        # Items whose deadline was set or moved: they need a timer.
        self.timed: set[str] = set()

    @property
    def presence(self) -> Presence:
        return Presence(self.agent.presence)

    def item(self, rid: str) -> WorkItem:
        """Raises NoSuchItem."""
        for item in self.agent.work:
            if item.rid == rid:
                return cast("WorkItem", item)
        raise NoSuchItem(rid)

    # Presence

    def login(self, login_id: str, seat_id: str, device_id: str, *, take_over: bool, ready: bool) -> None:
        """Raises Refused(logged_in_elsewhere) when another seat or device holds the login."""
        agent = self.agent
        cause = PresenceCause.LOGIN_READY if ready else PresenceCause.LOGIN
        if self.presence is not Presence.LOGGED_OUT:
            same = agent.seat_id == seat_id and agent.device_id == device_id
            if not same and not take_over:
                raise Refused(
                    "logged_in_elsewhere",
                    f"logged in at seat {agent.seat_id or '-'}, device {agent.device_id or '-'}; "
                    "log out there or take over",
                )
            if agent.work:
                self._place(login_id, seat_id, device_id)
                self._clear_deferred()
                if not ready:
                    self._defer(Presence.NOT_READY, "login")
                return
        else:
            agent.logged_in_at.FromDatetime(self.now)
        self._place(login_id, seat_id, device_id)
        self._clear_deferred()
        self._presence(cause, "" if ready else "login")

    def logout(self) -> None:
        if self.presence is Presence.LOGGED_OUT:
            return
        if self.agent.work:
            self._defer(Presence.LOGGED_OUT, "logout")
            return
        self._log_out("logout")

    def set_presence(self, presence: Presence, reason: str) -> None:
        """Raises Refused(logged_out)."""
        if self.presence is Presence.LOGGED_OUT:
            raise Refused("logged_out", "the agent is not logged in")
        if presence is Presence.READY:
            self._clear_deferred()
            self._finish_wrap_ups(Cause.WRAP_UP_COMPLETED)
            if self.presence is not Presence.READY:
                self._presence(PresenceCause.SET_READY, "")
        elif self.agent.work and self.presence is Presence.READY:
            self._defer(Presence.NOT_READY, reason)
        else:
            self._presence(PresenceCause.SET_NOT_READY, reason)

    def force(self, presence: Presence, reason: str) -> None:
        """A supervisor's word ends a wrap-up at once; a talk it does not cut.

        Raises Refused(logged_out): a supervisor cannot log an agent in.
        """
        if self.presence is Presence.LOGGED_OUT:
            if presence is Presence.LOGGED_OUT:
                return
            raise Refused("logged_out", "the agent is not logged in")
        self._clear_deferred()
        self._finish_wrap_ups(Cause.FORCED)
        if presence is Presence.READY:
            if self.presence is not Presence.READY:
                self._presence(PresenceCause.SET_READY, "")
        elif self.agent.work:
            self._defer(presence, reason)
        elif presence is Presence.LOGGED_OUT:
            self._log_out(reason)
        else:
            self._presence(PresenceCause.SET_NOT_READY, reason)

    def device(self, device_id: str, *, registered: bool) -> None:
        """Idle and lost: not routable. Back within 30 s: as before, with the place in the idle order."""
        agent = self.agent
        if self.presence is Presence.LOGGED_OUT or agent.device_id not in ("", device_id):
            return
        if not registered:
            if self.presence is not Presence.READY:
                return
            if agent.work:
                if not agent.deferred_presence:
                    self._defer(Presence.NOT_READY, DEVICE_LOST_REASON)
                return
            self._presence(PresenceCause.DEVICE_LOST, DEVICE_LOST_REASON)
            return
        if agent.deferred_presence and agent.deferred_reason == DEVICE_LOST_REASON:
            self._clear_deferred()
        elif self.presence is Presence.NOT_READY and agent.reason == DEVICE_LOST_REASON:
            gone = self.now - agent.presence_since.ToDatetime(UTC)
            if gone <= timedelta(seconds=RESTORE_WITHIN_S):
                self._presence(PresenceCause.DEVICE_BACK, "", keep_idle=True)

    # Work

    def reserve(self, item: WorkItem, capacity: int) -> None:
        """Raises Refused(agent_not_ready | no_capacity). Repeating a rid changes nothing."""
        agent = self.agent
        if any(have.rid == item.rid for have in agent.work):
            return
        if self.presence is not Presence.READY or agent.deferred_presence:
            raise Refused(
                "agent_not_ready",
                f"presence {self.presence.name.lower()} {agent.reason}{agent.deferred_reason}".rstrip(),
            )
        busy = sum(have.channel == item.channel for have in agent.work)
        self._take(item, busy, capacity)

    def begin(self, item: WorkItem, capacity: int) -> None:
        """Work that no queue gave. Not ready is no obstacle, nor is a wrap-up: it holds no line.

        Raises Refused(logged_out | no_capacity). Repeating a rid changes nothing.
        """
        agent = self.agent
        if any(have.rid == item.rid for have in agent.work):
            return
        if Presence.LOGGED_OUT in (self.presence, agent.deferred_presence):
            raise Refused("logged_out", "the agent is not logged in, or leaves after the contact in hand")
        busy = sum(have.channel == item.channel and have.state != Work.WRAP_UP for have in agent.work)
        self._take(item, busy, capacity)

    def _take(self, item: WorkItem, busy: int, capacity: int) -> None:
        if busy >= capacity:
            raise Refused("no_capacity", f"{busy} of {capacity} {item.channel} items in hand")
        added = self.agent.work.add()
        added.CopyFrom(item)
        added.state = _work(Work.RESERVED)
        added.since.FromDatetime(self.now)
        added.created_at.CopyFrom(added.since)
        added.deadline.FromDatetime(self.now + timedelta(seconds=item.ring_timeout_s + RESERVATION_GRACE_S))
        self.timed.add(added.rid)
        self._worked(added, 0, Work.RESERVED, Cause.RESERVED, None, presence=self.presence)

    def work(self, rid: str, cause: Cause, disposition: str = "") -> None:
        """Moves an item. Raises NoSuchItem or NoTransition."""
        self._move(self.item(rid), cause, disposition)

    def owned_by(self, rid: str, edge: str) -> None:
        """Another edge may have taken the call over: it is asked for the dialog from now on."""
        for item in self.agent.work:
            if item.rid == rid and item.edge_instance != edge:
                item.edge_instance = edge
                self.changed = True

    def complete_wrap_up(self, rid: str, disposition: str) -> None:
        """Ends one wrap-up, or the only one. Raises Refused(not_in_wrap_up)."""
        for item in self.agent.work:
            if item.state == Work.WRAP_UP and rid in ("", item.rid):
                self._move(item, Cause.WRAP_UP_COMPLETED, disposition)
                return
        raise Refused("not_in_wrap_up", "the agent has no such contact in wrap-up")

    def extend_wrap_up(self, seconds: int) -> None:
        """Raises Refused(not_in_wrap_up)."""
        extended = False
        for item in self.agent.work:
            if item.state == Work.WRAP_UP:
                item.deadline.FromDatetime(item.deadline.ToDatetime(UTC) + timedelta(seconds=seconds))
                self.timed.add(item.rid)
                extended = self.changed = True
        if not extended:
            raise Refused("not_in_wrap_up", "the agent has no contact in wrap-up")

    def extend_reservation(self, rid: str, seconds: int) -> None:
        """The phone still rings by the edge's word."""
        item = self.item(rid)
        if Work(item.state) in BEFORE_TALK:
            item.deadline.FromDatetime(self.now + timedelta(seconds=seconds))
            self.timed.add(rid)
            self.changed = True

    # Inside

    def _move(self, item: WorkItem, cause: Cause, disposition: str = "") -> None:
        before = Work(item.state)
        step = WORK.get((before, cause))
        if step is None:
            raise NoTransition(before.name.lower(), cause)
        if step.to is before:
            return
        if item.kind:
            # Only an offer of a queue that failed makes not ready: a customer who does not answer, or a
            # colleague's call missed in a break, says nothing of the agent.
            step = replace(step, not_ready="")
        agent = self.agent
        since = item.since.ToDatetime(UTC)
        if before not in BEFORE_TALK:
            agent.handled_us += max(0, round((self.now - since).total_seconds() * 1_000_000))
        if cause is Cause.ANSWERED:
            agent.contacts_handled += 1
        to, idle = step.to, step.idle
        if to is Work.WRAP_UP and not item.wrap_up_s:
            to, idle = Work.DONE, Idle.RESTART
        if to is Work.DONE:
            self._done(item, before, cause, idle, step, disposition)
            return
        item.state = _work(to)
        item.since.FromDatetime(self.now)
        if to is Work.WRAP_UP:
            item.deadline.FromDatetime(self.now + timedelta(seconds=item.wrap_up_s))
            self.timed.add(item.rid)
        elif to not in BEFORE_TALK:
            item.ClearField("deadline")
        self._worked(item, before, to, cause, since, presence=self.presence)

    def _done(
        self, item: WorkItem, before: Work, cause: Cause, idle: Idle, step: Step, disposition: str
    ) -> None:
        agent = self.agent
        gone = type(item)()
        gone.CopyFrom(item)
        del agent.work[next(i for i, have in enumerate(agent.work) if have.rid == gone.rid)]
        if idle is Idle.RESTART:
            agent.idle_since.FromDatetime(self.now)
        after, reason = self.presence, agent.reason
        if step.not_ready and not agent.deferred_presence:
            after, reason = PRESENCE[self.presence, PresenceCause.OFFER_FAILED], step.not_ready
        elif agent.deferred_presence and not agent.work:
            after, reason = Presence(agent.deferred_presence), agent.deferred_reason
        self._worked(
            gone,
            before,
            Work.DONE,
            cause,
            gone.since.ToDatetime(UTC),
            presence=after,
            disposition=disposition,
        )
        if step.not_ready and not agent.deferred_presence:
            self._presence(PresenceCause.OFFER_FAILED, reason)
        elif agent.deferred_presence and not agent.work:
            self._clear_deferred()
            if after is Presence.LOGGED_OUT:
                self._log_out(reason)
            else:
                self._presence(PresenceCause.SET_NOT_READY, reason)

    def _finish_wrap_ups(self, cause: Cause) -> None:
        for rid in [item.rid for item in self.agent.work if item.state == Work.WRAP_UP]:
            self._move(self.item(rid), cause)

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
            to=_work(to),
            cause=cause.value,
            actor=self.actor,
            contact_id=item.contact_id,
            call_id=item.call_id,
            contact_tenant_id=item.tenant_id,
            queue_id=item.queue_id,
            presence=_presence(presence),
            open_items=len(self.agent.work),
            disposition=disposition,
            kind=item.kind,
        )
        setattr(event, "from", before)
        if since is not None:
            event.from_since.FromDatetime(since)
        self.events.append(event)
        self.changed = True

    def _presence(self, cause: PresenceCause, reason: str, *, keep_idle: bool = False) -> None:
        agent, before = self.agent, self.presence
        to = PRESENCE.get((before, cause))
        if to is None:
            raise NoTransition(before.name.lower(), cause)
        if to is before and agent.reason == reason:
            return
        event = AgentPresenceChanged(
            to=_presence(to),
            reason=reason,
            actor=self.actor,
            from_reason=agent.reason,
            device_id=agent.device_id,
            seat_id=agent.seat_id,
        )
        setattr(event, "from", before.value)
        if agent.HasField("presence_since"):
            event.from_since.CopyFrom(agent.presence_since)
        agent.presence = _presence(to)
        agent.reason = reason
        agent.presence_since.FromDatetime(self.now)
        if to is Presence.READY and not keep_idle:
            agent.idle_since.FromDatetime(self.now)
        self.events.append(event)
        self.changed = True

    def _log_out(self, reason: str) -> None:
        self._clear_deferred()
        self._presence(PresenceCause.LOGOUT, reason)
        for field in ("login_id", "seat_id", "device_id", "logged_in_at"):
            self.agent.ClearField(field)
        self.changed = True

    def _place(self, login_id: str, seat_id: str, device_id: str) -> None:
        agent = self.agent
        if (agent.seat_id, agent.device_id) != (seat_id, device_id) or not agent.login_id:
            agent.login_id, agent.seat_id, agent.device_id = login_id, seat_id, device_id
            self.changed = True

    def _defer(self, presence: Presence, reason: str) -> None:
        agent = self.agent
        if (agent.deferred_presence, agent.deferred_reason) != (presence.value, reason):
            agent.deferred_presence = _presence(presence)
            agent.deferred_reason = reason
            self.changed = True

    def _clear_deferred(self) -> None:
        if self.agent.deferred_presence:
            self.agent.ClearField("deferred_presence")
            self.agent.ClearField("deferred_reason")
            self.changed = True


def _work(state: Work) -> wire.WorkState:
    return cast("wire.WorkState", state.value)


def _presence(presence: Presence) -> wire.Presence:
    return cast("wire.Presence", presence.value)


def due_items(agent: AgentState, now: datetime, slack_s: float) -> Iterable[WorkItem]:
    """Items whose deadline has passed by more than `slack_s`."""
    limit = now - timedelta(seconds=slack_s)
    return [
        item for item in agent.work if item.HasField("deadline") and item.deadline.ToDatetime(UTC) <= limit
    ]
