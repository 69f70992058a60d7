"""States, causes and transition tables of an agent.

The tables are the law; a pair that is missing is refused and changes nothing. The numbers are those of
the contract, so that a record needs no conversion.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, IntEnum, StrEnum
from typing import Final


class Presence(IntEnum):
    LOGGED_OUT = 1
    NOT_READY = 2
    READY = 3


class LoginPolicy(IntEnum):
    """What becomes of a login when the agent logs in elsewhere; numbers of the tenant's setting."""

    ASK = 1
    TAKE_OVER = 2
    REFUSE = 3


class Shift(IntEnum):
    """As the agent's schedule had it when it was applied last."""

    UNKNOWN = 0
    ON = 1
    OFF = 2


class ShiftEnd(IntEnum):
    """What the end of a shift does; numbers of the agent's setting."""

    NOT_READY = 1
    LOG_OUT = 2
    # And ready when the next one begins.
    NOT_READY_AND_BACK = 3


# Reason of who is not ready, or logged out, because the shift has ended.
SHIFT_ENDED: Final = "shift_ended"
# Of who is logged out because the configuration has no such active agent any more.
DISABLED: Final = "disabled"


class PresenceCause(StrEnum):
    LOGIN = "login"
    LOGIN_READY = "login_ready"
    LOGOUT = "logout"
    SET_READY = "set_ready"
    SET_NOT_READY = "set_not_ready"
    OFFER_FAILED = "offer_failed"
    DEVICE_LOST = "device_lost"
    DEVICE_BACK = "device_back"


PRESENCE: Final[dict[tuple[Presence, PresenceCause], Presence]] = {
    (Presence.LOGGED_OUT, PresenceCause.LOGIN): Presence.NOT_READY,
    (Presence.LOGGED_OUT, PresenceCause.LOGIN_READY): Presence.READY,
    (Presence.LOGGED_OUT, PresenceCause.LOGOUT): Presence.LOGGED_OUT,
    (Presence.NOT_READY, PresenceCause.LOGIN): Presence.NOT_READY,
    (Presence.NOT_READY, PresenceCause.LOGIN_READY): Presence.READY,
    (Presence.NOT_READY, PresenceCause.LOGOUT): Presence.LOGGED_OUT,
    (Presence.NOT_READY, PresenceCause.SET_READY): Presence.READY,
    (Presence.NOT_READY, PresenceCause.SET_NOT_READY): Presence.NOT_READY,
    (Presence.NOT_READY, PresenceCause.OFFER_FAILED): Presence.NOT_READY,
    (Presence.NOT_READY, PresenceCause.DEVICE_BACK): Presence.READY,
    (Presence.NOT_READY, PresenceCause.DEVICE_LOST): Presence.NOT_READY,
    (Presence.READY, PresenceCause.LOGIN): Presence.NOT_READY,
    (Presence.READY, PresenceCause.LOGIN_READY): Presence.READY,
    (Presence.READY, PresenceCause.LOGOUT): Presence.LOGGED_OUT,
    (Presence.READY, PresenceCause.SET_READY): Presence.READY,
    (Presence.READY, PresenceCause.SET_NOT_READY): Presence.NOT_READY,
    (Presence.READY, PresenceCause.OFFER_FAILED): Presence.NOT_READY,
    (Presence.READY, PresenceCause.DEVICE_LOST): Presence.NOT_READY,
}

# Reason of a presence that came from a lost device; only this one is restored when the device is back.
DEVICE_LOST_REASON: Final = "device_lost"
RESTORE_WITHIN_S: Final = 30


class Work(IntEnum):
    RESERVED = 1
    RINGING = 2
    DIALING = 3
    TALKING = 4
    HELD = 5
    CONSULTING = 6
    CONFERENCED = 7
    WRAP_UP = 8
    DONE = 9


class Cause(StrEnum):
    """What moved a work item. The first group is reported by the edge, the second is ours."""

    RINGING = "ringing"
    DIALING = "dialing"
    ANSWERED = "answered"
    HELD = "held"
    RESUMED = "resumed"
    CONSULT_STARTED = "consult_started"
    CONSULT_ENDED = "consult_ended"
    CONFERENCED = "conferenced"
    ENDED = "ended"
    NO_ANSWER = "no_answer"
    BUSY = "busy"
    REJECTED = "rejected"
    UNREACHABLE = "unreachable"
    CANCELLED = "cancelled"
    DEVICE_LOST = "device_lost"
    ANSWERED_ELSEWHERE = "answered_elsewhere"

    RESERVED = "reserved"
    RELEASED = "released"
    DEADLINE = "deadline"
    DIALOG_LOST = "dialog_lost"
    WRAP_UP_COMPLETED = "wrap_up_completed"
    WRAP_UP_LIMIT = "wrap_up_limit"
    FORCED = "forced"


class Idle(Enum):
    """What the end of an item does to the agent's place in the order of longest idle."""

    KEEP = "keep"
    RESTART = "restart"


@dataclass(frozen=True, slots=True)
class Step:
    """Where an item goes. `not_ready` is the reason that an offer which failed, or a phone that was lost,
    leaves the agent with; it comes into force when the item is done.
    """

    to: Work
    idle: Idle = Idle.KEEP
    not_ready: str = ""
    by: PresenceCause = PresenceCause.OFFER_FAILED


_FAILED: Final = {
    Cause.NO_ANSWER: Step(Work.DONE, not_ready="no_answer"),
    Cause.BUSY: Step(Work.DONE, not_ready="device_busy"),
    Cause.REJECTED: Step(Work.DONE, not_ready="rejected"),
    Cause.UNREACHABLE: Step(Work.DONE, not_ready="device_unreachable"),
}
_DEVICE_LOST: Final = Step(Work.WRAP_UP, not_ready=DEVICE_LOST_REASON, by=PresenceCause.DEVICE_LOST)
# A caller who left, a lost race or a dead edge is no fault of the agent: the place in the idle order is kept.
_BEFORE_TALK: Final = {
    **_FAILED,
    Cause.ANSWERED: Step(Work.TALKING),
    Cause.CANCELLED: Step(Work.DONE),
    Cause.ANSWERED_ELSEWHERE: Step(Work.DONE),
    Cause.RELEASED: Step(Work.DONE),
    Cause.DEADLINE: Step(Work.DONE),
    # The bus was away when the agent answered; the end arrives first.
    Cause.ENDED: Step(Work.WRAP_UP),
    Cause.DEVICE_LOST: _DEVICE_LOST,
}
_IN_TALK: Final = {
    Cause.ENDED: Step(Work.WRAP_UP),
    Cause.DIALOG_LOST: Step(Work.WRAP_UP),
    Cause.DEVICE_LOST: _DEVICE_LOST,
}


def _rows(state: Work, steps: dict[Cause, Step]) -> dict[tuple[Work, Cause], Step]:
    return {(state, cause): step for cause, step in steps.items()}


# A step to the same state is a repeated report: it is answered and changes nothing.
WORK: Final[dict[tuple[Work, Cause], Step]] = {
    **_rows(
        Work.RESERVED,
        _BEFORE_TALK | {Cause.RINGING: Step(Work.RINGING), Cause.DIALING: Step(Work.DIALING)},
    ),
    # His phone was called first: he has it in hand while the customer is called.
    **_rows(
        Work.RINGING,
        _BEFORE_TALK | {Cause.RINGING: Step(Work.RINGING), Cause.DIALING: Step(Work.DIALING)},
    ),
    **_rows(
        Work.DIALING,
        _BEFORE_TALK | {Cause.RINGING: Step(Work.RINGING), Cause.DIALING: Step(Work.DIALING)},
    ),
    **_rows(
        Work.TALKING,
        _IN_TALK
        | {
            Cause.ANSWERED: Step(Work.TALKING),
            Cause.RESUMED: Step(Work.TALKING),
            Cause.HELD: Step(Work.HELD),
            Cause.CONSULT_STARTED: Step(Work.CONSULTING),
            Cause.CONFERENCED: Step(Work.CONFERENCED),
        },
    ),
    **_rows(
        Work.HELD,
        _IN_TALK
        | {
            Cause.HELD: Step(Work.HELD),
            Cause.RESUMED: Step(Work.TALKING),
            Cause.CONSULT_STARTED: Step(Work.CONSULTING),
            Cause.CONFERENCED: Step(Work.CONFERENCED),
        },
    ),
    **_rows(
        Work.CONSULTING,
        _IN_TALK
        | {
            Cause.CONSULT_STARTED: Step(Work.CONSULTING),
            Cause.CONSULT_ENDED: Step(Work.TALKING),
            Cause.CONFERENCED: Step(Work.CONFERENCED),
        },
    ),
    **_rows(
        Work.CONFERENCED,
        _IN_TALK
        | {
            Cause.CONFERENCED: Step(Work.CONFERENCED),
            Cause.CONSULT_ENDED: Step(Work.TALKING),
            Cause.HELD: Step(Work.HELD),
        },
    ),
    **_rows(
        Work.WRAP_UP,
        {
            Cause.ENDED: Step(Work.WRAP_UP),
            Cause.DEVICE_LOST: Step(Work.WRAP_UP),
            Cause.WRAP_UP_COMPLETED: Step(Work.DONE, Idle.RESTART),
            Cause.WRAP_UP_LIMIT: Step(Work.DONE, Idle.RESTART),
            Cause.FORCED: Step(Work.DONE, Idle.RESTART),
        },
    ),
}

BEFORE_TALK: Final = frozenset({Work.RESERVED, Work.RINGING, Work.DIALING})
IN_TALK: Final = frozenset({Work.TALKING, Work.HELD, Work.CONSULTING, Work.CONFERENCED})
