"""Contacts in an agent's hand: taken, moved by what the edge reports, wrapped up."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final, Protocol

from seatbus.agent.v1.events_pb2 import AgentWorkChanged
from seatbus_agent_state.domain.errors import NoTransition
from seatbus_agent_state.domain.record import RecordTurn, as_work
from seatbus_agent_state.domain.states import (
    BEFORE_TALK,
    PRESENCE,
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
    from seatbus.agent.v1.types_pb2 import AgentState, WorkItem

# The edge owns the ring timer; ours is for the case that the edge died with it.
RESERVATION_GRACE_S: Final = 10
MAX_WRAP_UP_S: Final = 3600
CALLBACK: Final = "callback"


class Dispositions(Protocol):
    """The codes by which the tenants of contacts want to hear how a contact ended."""

    def refusal(self, tenant: str, queue_id: str, code: str) -> str:
        """Why `code` is none of them; empty if it may be given."""
        ...


class AnyDisposition:
    """Where no codes are configured every word is one."""

    def refusal(self, tenant: str, queue_id: str, code: str) -> str:
        return ""


class WorkTurn(RecordTurn):
    """What happens to the items of one agent."""

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

        Raises Refused(logged_out | no_capacity). Repeating a rid changes nothing. A queue gave the agent of a
        call-back: that only asks whether he still is reserved, else Refused(offer_withdrawn).
        """
        agent = self.agent
        if any(have.rid == item.rid for have in agent.work):
            return
        if item.kind == CALLBACK:
            raise Refused("offer_withdrawn", f"the agent is not reserved under {item.rid}")
        if Presence.LOGGED_OUT in (self.presence, agent.deferred_presence):
            raise Refused("logged_out", "the agent is not logged in, or leaves after the contact in hand")
        busy = sum(have.channel == item.channel and have.state != Work.WRAP_UP for have in agent.work)
        self._take(item, busy, capacity)

    def _take(self, item: WorkItem, busy: int, capacity: int) -> None:
        if busy >= capacity:
            raise Refused("no_capacity", f"{busy} of {capacity} {item.channel} items in hand")
        added = self.agent.work.add()
        added.CopyFrom(item)
        added.state = as_work(Work.RESERVED)
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

    # Wrap-up

    def complete_wrap_up(self, rid: str, disposition: str, codes: Dispositions | None = None) -> None:
        """Ends one wrap-up, or the only one.

        Raises Refused(not_in_wrap_up | disposition_required | unknown_disposition).
        """
        for item in self.agent.work:
            if item.state == Work.WRAP_UP and rid in ("", item.rid):
                _check_disposition(item, disposition, codes or AnyDisposition())
                self._move(item, Cause.WRAP_UP_COMPLETED, disposition)
                return
        raise Refused("not_in_wrap_up", "the agent has no such contact in wrap-up")

    def extend_wrap_up(self, seconds: int) -> None:
        """Raises Refused(not_in_wrap_up | wrap_up_limit)."""
        items = [item for item in self.agent.work if item.state == Work.WRAP_UP]
        if not items:
            raise Refused("not_in_wrap_up", "the agent has no contact in wrap-up")
        for item in items:
            deadline = item.deadline.ToDatetime(UTC) + timedelta(seconds=seconds)
            longest = max(item.max_wrap_up_s or MAX_WRAP_UP_S, item.wrap_up_s)
            last = item.since.ToDatetime(UTC) + timedelta(seconds=longest)
            if deadline > last:
                left = int((last - item.deadline.ToDatetime(UTC)).total_seconds())
                raise Refused(
                    "wrap_up_limit",
                    f"wrap-up ends {longest} s after the call, extensions included: {left} s are left",
                )
        for item in items:
            item.deadline.FromDatetime(item.deadline.ToDatetime(UTC) + timedelta(seconds=seconds))
            self.timed.add(item.rid)
            self.changed = True

    def extend_reservation(self, rid: str, seconds: int) -> None:
        """The phone still rings by the edge's word."""
        item = self.item(rid)
        if Work(item.state) in BEFORE_TALK:
            item.deadline.FromDatetime(self.now + timedelta(seconds=seconds))
            self.timed.add(rid)
            self.changed = True

    def _finish_wrap_ups(self, cause: Cause) -> None:
        for rid in [item.rid for item in self.agent.work if item.state == Work.WRAP_UP]:
            self._move(self.item(rid), cause)

    # Inside

    def _move(self, item: WorkItem, cause: Cause, disposition: str = "") -> None:
        before = Work(item.state)
        step = WORK.get((before, cause))
        if step is None:
            raise NoTransition(before.name.lower(), cause)
        if step.to is before:
            return
        if item.kind and step.by is PresenceCause.OFFER_FAILED:
            # Only an offer of a queue that failed makes not ready: a customer who does not answer, or a
            # colleague's call missed in a break, says nothing of the agent.
            step = replace(step, not_ready="")
        if step.by is PresenceCause.DEVICE_LOST and self.presence is not Presence.READY:
            # A break keeps its reason.
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
        item.state = as_work(to)
        item.since.FromDatetime(self.now)
        if to is Work.WRAP_UP:
            if step.not_ready and not agent.deferred_presence:
                self._defer(Presence.NOT_READY, step.not_ready)
            item.deadline.FromDatetime(self.now + timedelta(seconds=item.wrap_up_s))
            self.timed.add(item.rid)
        elif to not in BEFORE_TALK:
            item.ClearField("deadline")
            self.untimed.add(item.rid)
        self._worked(item, before, to, cause, since, presence=self.presence)

    def _done(
        self, item: WorkItem, before: Work, cause: Cause, idle: Idle, step: Step, disposition: str
    ) -> None:
        agent = self.agent
        gone = type(item)()
        gone.CopyFrom(item)
        self.untimed.add(gone.rid)
        del agent.work[next(i for i, have in enumerate(agent.work) if have.rid == gone.rid)]
        if idle is Idle.RESTART:
            agent.idle_since.FromDatetime(self.now)
        after, reason, limit_s = self.presence, agent.reason, 0
        if step.not_ready and not agent.deferred_presence:
            after, reason = PRESENCE[self.presence, step.by], step.not_ready
        elif agent.deferred_presence and not agent.work:
            after, reason = Presence(agent.deferred_presence), agent.deferred_reason
            limit_s = agent.deferred_limit_s
        self._worked(
            gone,
            before,
            Work.DONE,
            cause,
            gone.since.ToDatetime(UTC),
            presence=after,
            disposition=disposition,
        )
        ended = self.events[-1]
        if isinstance(ended, AgentWorkChanged) and before not in BEFORE_TALK:
            ended.disposition_missing = gone.disposition_required and not disposition
        if step.not_ready and not agent.deferred_presence:
            self._presence(step.by, reason)
        elif agent.deferred_presence and not agent.work:
            self._clear_deferred()
            if after is Presence.LOGGED_OUT:
                self._log_out(reason)
            else:
                self._presence(PresenceCause.SET_NOT_READY, reason, limit_s=limit_s)


def _check_disposition(item: WorkItem, disposition: str, codes: Dispositions) -> None:
    if not disposition:
        if item.disposition_required:
            raise Refused(
                "disposition_required", f"queue {item.queue_id} wants a disposition before the wrap-up ends"
            )
        return
    why = codes.refusal(item.tenant_id, item.queue_id, disposition)
    if why:
        raise Refused("unknown_disposition", why)


def due_items(agent: AgentState, now: datetime, slack_s: float) -> Iterable[WorkItem]:
    """Items whose deadline has passed by more than `slack_s`."""
    limit = now - timedelta(seconds=slack_s)
    return [
        item for item in agent.work if item.HasField("deadline") and item.deadline.ToDatetime(UTC) <= limit
    ]
