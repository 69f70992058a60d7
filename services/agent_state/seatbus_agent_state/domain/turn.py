"""One decision about one agent: what the agent, a supervisor and the phone ask for."""

from __future__ import annotations

from datetime import UTC, timedelta
from typing import TYPE_CHECKING, cast

from seatbus.agent.v1.events_pb2 import AgentBreakOverrun
from seatbus_agent_state.domain.states import (
    DEVICE_LOST_REASON,
    RESTORE_WITHIN_S,
    SHIFT_ENDED,
    Cause,
    LoginPolicy,
    Presence,
    PresenceCause,
    Shift,
    ShiftEnd,
    Work,
)
from seatbus_agent_state.domain.work import WorkTurn
from seatbus_kit.errors import Refused

if TYPE_CHECKING:
    from seatbus.agent.v1 import types_pb2 as wire


class Turn(WorkTurn):
    """A request changes the record completely or, when it is refused, not at all."""

    def login(
        self,
        login_id: str,
        seat_id: str,
        device_id: str,
        *,
        take_over: bool,
        ready: bool,
        policy: LoginPolicy = LoginPolicy.ASK,
    ) -> None:
        """Raises Refused(logged_in_elsewhere) when another seat or device holds the login and keeps it."""
        agent = self.agent
        cause = PresenceCause.LOGIN_READY if ready else PresenceCause.LOGIN
        moved = False
        if self.presence is not Presence.LOGGED_OUT:
            moved = (agent.seat_id, agent.device_id) != (seat_id, device_id)
            if moved and not _ends_the_other(policy, take_over):
                todo = "log out there" if policy is LoginPolicy.REFUSE else "log out there or take over"
                raise Refused(
                    "logged_in_elsewhere",
                    f"logged in at seat {agent.seat_id or '-'}, device {agent.device_id or '-'}; {todo}",
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
        self._presence(cause, "" if ready else "login", moved=moved)

    def _place(self, login_id: str, seat_id: str, device_id: str) -> None:
        agent = self.agent
        if (agent.seat_id, agent.device_id) != (seat_id, device_id) or not agent.login_id:
            agent.login_id, agent.seat_id, agent.device_id = login_id, seat_id, device_id
            self.changed = True

    def logout(self) -> None:
        if self.presence is Presence.LOGGED_OUT:
            return
        if self.agent.work:
            self._defer(Presence.LOGGED_OUT, "logout")
            return
        self._log_out("logout")

    def shift(self, *, on: bool, policy: ShiftEnd) -> None:
        """What the agent's schedule says of this moment, told once. Who logs in outside of it may work."""
        agent, before = self.agent, Shift(self.agent.shift)
        now_is = Shift.ON if on else Shift.OFF
        if self.presence is Presence.LOGGED_OUT or before is now_is:
            return
        agent.shift = cast("wire.Shift", now_is.value)
        self.changed = True
        if before is Shift.UNKNOWN:
            return
        if not on and policy is ShiftEnd.LOG_OUT:
            if agent.work:
                self._defer(Presence.LOGGED_OUT, SHIFT_ENDED)
            else:
                self._log_out(SHIFT_ENDED)
        elif not on and self.presence is Presence.READY and not agent.deferred_presence:
            if agent.work:
                self._defer(Presence.NOT_READY, SHIFT_ENDED)
            else:
                self._presence(PresenceCause.SET_NOT_READY, SHIFT_ENDED)
        elif on and agent.deferred_reason == SHIFT_ENDED:
            self._clear_deferred()
        elif on and policy is ShiftEnd.NOT_READY_AND_BACK and agent.reason == SHIFT_ENDED:
            self._presence(PresenceCause.SET_READY, "")

    def unseat(self, login_id: str) -> None:
        """The seat was given to somebody else before this login had it for good."""
        if self.agent.login_id == login_id and self.presence is not Presence.LOGGED_OUT:
            self.force(Presence.LOGGED_OUT, "seat_taken")

    def set_presence(self, presence: Presence, reason: str, limit_s: int = 0) -> None:
        """Raises Refused(logged_out | disposition_required). `limit_s`: how long such a break lasts."""
        if self.presence is Presence.LOGGED_OUT:
            raise Refused("logged_out", "the agent is not logged in")
        if presence is Presence.READY:
            for item in self.agent.work:
                if item.state == Work.WRAP_UP and item.disposition_required:
                    raise Refused(
                        "disposition_required",
                        f"queue {item.queue_id} wants a disposition before the wrap-up ends",
                    )
            self._clear_deferred()
            self._finish_wrap_ups(Cause.WRAP_UP_COMPLETED)
            if self.presence is not Presence.READY:
                self._presence(PresenceCause.SET_READY, "")
        elif self.agent.work and self.presence is Presence.READY:
            self._defer(Presence.NOT_READY, reason, limit_s)
        else:
            self._presence(PresenceCause.SET_NOT_READY, reason, limit_s=limit_s)

    def force(self, presence: Presence, reason: str, limit_s: int = 0) -> None:
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
            self._defer(presence, reason, limit_s)
        elif presence is Presence.LOGGED_OUT:
            self._log_out(reason)
        else:
            self._presence(PresenceCause.SET_NOT_READY, reason, limit_s=limit_s)

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

    def overrun(self) -> None:
        """The limit of a break has passed: told once, nothing else changes."""
        agent = self.agent
        if not agent.HasField("break_until") or agent.break_overrun:
            return
        if agent.break_until.ToDatetime(UTC) > self.now:
            return
        limit = agent.break_until.ToMicroseconds() - agent.presence_since.ToMicroseconds()
        agent.break_overrun = True
        event = AgentBreakOverrun(reason=agent.reason, limit_s=round(limit / 1e6))
        event.since.CopyFrom(agent.presence_since)
        self.events.append(event)
        self.changed = True


def _ends_the_other(policy: LoginPolicy, take_over: bool) -> bool:
    return policy is LoginPolicy.TAKE_OVER or (policy is LoginPolicy.ASK and take_over)
