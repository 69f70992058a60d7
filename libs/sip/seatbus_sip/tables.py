"""The laws of transactions and dialogs as data: table[state][event] -> (state, effects).

Sources: RFC 3261 section 17 and 9.1 (CANCEL), RFC 6026 (Accepted), RFC 4320 (a late non-INVITE answer is
useless), RFC 3261 section 13.3.1.4 (retransmission of 2xx by the UAS core) and section 12 (dialogs).
A missing entry is an error of the caller: `step` raises and nothing changes.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum

from seatbus_sip.errors import IllegalTransitionError


class _Fast(Enum):
    # Members are singletons: their identity is a hash that needs no Python code, 150 times a call.
    __hash__ = object.__hash__


class Timer(_Fast):
    """Timers by their RFC letter. TRYING: before the automatic 100. ANSWER, ANSWER_LIMIT: 2xx until ACK."""

    A = "A"
    B = "B"
    D = "D"
    E = "E"
    F = "F"
    G = "G"
    H = "H"
    I = "I"  # noqa: E741
    J = "J"
    K = "K"
    L = "L"
    M = "M"
    TRYING = "TRYING"
    ANSWER = "ANSWER"
    ANSWER_LIMIT = "ANSWER_LIMIT"


class State(_Fast):
    """States of all machines; each table uses some."""

    INITIAL = "initial"
    CALLING = "calling"
    TRYING = "trying"
    PROCEEDING = "proceeding"
    COMPLETED = "completed"
    CONFIRMED = "confirmed"
    ACCEPTED = "accepted"
    WAITING = "waiting"
    TERMINATED = "terminated"


class Event(_Fast):
    """Inputs: from the network, from the transaction user (TU_), from timers and the transport."""

    START = "start"
    R_1XX = "1xx received"
    R_2XX = "2xx received"
    R_FINAL = "final received"
    REQUEST = "request repeated"
    ACK = "ACK received"
    TU_1XX = "send 1xx"
    TU_2XX = "send 2xx"
    TU_FINAL = "send final"
    CANCELLED = "CANCEL sent"
    TRANSPORT_ERROR = "transport error"
    TIMER_A = "timer A"
    TIMER_B = "timer B"
    TIMER_D = "timer D"
    TIMER_E = "timer E"
    TIMER_F = "timer F"
    TIMER_G = "timer G"
    TIMER_H = "timer H"
    TIMER_I = "timer I"
    TIMER_J = "timer J"
    TIMER_K = "timer K"
    TIMER_L = "timer L"
    TIMER_M = "timer M"
    TIMER_TRYING = "timer TRYING"
    TIMER_ANSWER = "timer ANSWER"
    TIMER_ANSWER_LIMIT = "timer ANSWER_LIMIT"


class Do(_Fast):
    """Actions. SEND repeats what the transaction keeps: a client's request, a server's last response."""

    SEND = "send"
    SEND_NEW = "send this response"
    SEND_ACK = "send ACK"
    SEND_TRYING = "send 100"
    DELIVER = "deliver"
    DELIVER_REQUEST = "deliver request"
    DELIVER_ACK = "deliver ACK"
    TIMEOUT = "report timeout"
    FAILED = "report transport error"


class _OfTimer(_Fast):
    def __init__(self, timer: Timer) -> None:
        # `value` is a descriptor in Python, and this is asked 30 times a call.
        self.timer = timer


class Start(_OfTimer):
    """Arm a timer with its first duration."""

    A = Timer.A
    B = Timer.B
    D = Timer.D
    E = Timer.E
    F = Timer.F
    G = Timer.G
    H = Timer.H
    I = Timer.I  # noqa: E741
    J = Timer.J
    K = Timer.K
    L = Timer.L
    M = Timer.M
    TRYING = Timer.TRYING
    ANSWER = Timer.ANSWER
    ANSWER_LIMIT = Timer.ANSWER_LIMIT


class Again(_OfTimer):
    """Arm a retransmission timer with twice its last duration (capped by T2, save A)."""

    A = Timer.A
    E = Timer.E
    G = Timer.G
    ANSWER = Timer.ANSWER


class Slow(_OfTimer):
    """Arm a retransmission timer with T2."""

    E = Timer.E


class Stop(_OfTimer):
    """Disarm a timer."""

    A = Timer.A
    B = Timer.B
    E = Timer.E
    F = Timer.F
    G = Timer.G
    H = Timer.H
    TRYING = Timer.TRYING
    ANSWER = Timer.ANSWER
    ANSWER_LIMIT = Timer.ANSWER_LIMIT


Effect = Do | Start | Again | Slow | Stop
Table = Mapping[State, Mapping[Event, tuple[State, tuple[Effect, ...]]]]
_S, _E = State, Event

INVITE_CLIENT: Table = {
    _S.INITIAL: {_E.START: (_S.CALLING, (Do.SEND, Start.A, Start.B))},
    _S.CALLING: {
        _E.TIMER_A: (_S.CALLING, (Do.SEND, Again.A)),
        _E.TIMER_B: (_S.TERMINATED, (Do.TIMEOUT,)),
        _E.CANCELLED: (_S.CALLING, ()),
        _E.TRANSPORT_ERROR: (_S.TERMINATED, (Do.FAILED,)),
        _E.R_1XX: (_S.PROCEEDING, (Stop.A, Stop.B, Do.DELIVER)),
        _E.R_2XX: (_S.ACCEPTED, (Stop.A, Stop.B, Start.M, Do.DELIVER)),
        _E.R_FINAL: (_S.COMPLETED, (Stop.A, Stop.B, Start.D, Do.SEND_ACK, Do.DELIVER)),
    },
    _S.PROCEEDING: {
        _E.R_1XX: (_S.PROCEEDING, (Do.DELIVER,)),
        _E.R_2XX: (_S.ACCEPTED, (Stop.B, Start.M, Do.DELIVER)),
        _E.R_FINAL: (_S.COMPLETED, (Stop.B, Start.D, Do.SEND_ACK, Do.DELIVER)),
        # A cancelled INVITE that gets no final response ends by itself (RFC 3261 section 9.1).
        _E.CANCELLED: (_S.PROCEEDING, (Start.B,)),
        _E.TIMER_B: (_S.TERMINATED, (Do.TIMEOUT,)),
        _E.TRANSPORT_ERROR: (_S.TERMINATED, (Do.FAILED,)),
    },
    _S.COMPLETED: {
        _E.R_1XX: (_S.COMPLETED, ()),
        # A forking proxy forwards every 2xx, even behind another final: the core has to ACK and BYE it.
        _E.R_2XX: (_S.COMPLETED, (Do.DELIVER,)),
        _E.R_FINAL: (_S.COMPLETED, (Do.SEND_ACK,)),
        _E.CANCELLED: (_S.COMPLETED, ()),
        _E.TIMER_D: (_S.TERMINATED, ()),
        _E.TRANSPORT_ERROR: (_S.TERMINATED, (Do.FAILED,)),
    },
    _S.ACCEPTED: {
        _E.R_1XX: (_S.ACCEPTED, ()),
        _E.R_2XX: (_S.ACCEPTED, (Do.DELIVER,)),
        _E.R_FINAL: (_S.ACCEPTED, ()),
        _E.CANCELLED: (_S.ACCEPTED, ()),
        _E.TIMER_M: (_S.TERMINATED, ()),
        _E.TRANSPORT_ERROR: (_S.ACCEPTED, ()),
    },
}

NON_INVITE_CLIENT: Table = {
    _S.INITIAL: {_E.START: (_S.TRYING, (Do.SEND, Start.E, Start.F))},
    _S.TRYING: {
        _E.TIMER_E: (_S.TRYING, (Do.SEND, Again.E)),
        _E.TIMER_F: (_S.TERMINATED, (Do.TIMEOUT,)),
        _E.TRANSPORT_ERROR: (_S.TERMINATED, (Do.FAILED,)),
        _E.R_1XX: (_S.PROCEEDING, (Do.DELIVER,)),
        _E.R_FINAL: (_S.COMPLETED, (Stop.E, Stop.F, Start.K, Do.DELIVER)),
    },
    _S.PROCEEDING: {
        _E.TIMER_E: (_S.PROCEEDING, (Do.SEND, Slow.E)),
        _E.TIMER_F: (_S.TERMINATED, (Do.TIMEOUT,)),
        _E.TRANSPORT_ERROR: (_S.TERMINATED, (Do.FAILED,)),
        _E.R_1XX: (_S.PROCEEDING, (Do.DELIVER,)),
        _E.R_FINAL: (_S.COMPLETED, (Stop.E, Stop.F, Start.K, Do.DELIVER)),
    },
    _S.COMPLETED: {
        _E.R_1XX: (_S.COMPLETED, ()),
        _E.R_FINAL: (_S.COMPLETED, ()),
        _E.TIMER_K: (_S.TERMINATED, ()),
        _E.TRANSPORT_ERROR: (_S.COMPLETED, ()),
    },
}

INVITE_SERVER: Table = {
    _S.INITIAL: {_E.START: (_S.PROCEEDING, (Start.TRYING, Do.DELIVER_REQUEST))},
    _S.PROCEEDING: {
        _E.REQUEST: (_S.PROCEEDING, (Do.SEND,)),
        _E.TIMER_TRYING: (_S.PROCEEDING, (Do.SEND_TRYING,)),
        _E.TU_1XX: (_S.PROCEEDING, (Stop.TRYING, Do.SEND_NEW)),
        _E.TU_2XX: (_S.ACCEPTED, (Stop.TRYING, Do.SEND_NEW, Start.L)),
        _E.TU_FINAL: (_S.COMPLETED, (Stop.TRYING, Do.SEND_NEW, Start.G, Start.H)),
        # An ACK before any final response is a stray.
        _E.ACK: (_S.PROCEEDING, ()),
        _E.TRANSPORT_ERROR: (_S.TERMINATED, (Do.FAILED,)),
    },
    _S.COMPLETED: {
        _E.REQUEST: (_S.COMPLETED, (Do.SEND,)),
        _E.TIMER_G: (_S.COMPLETED, (Do.SEND, Again.G)),
        _E.TIMER_H: (_S.TERMINATED, (Do.TIMEOUT,)),
        _E.ACK: (_S.CONFIRMED, (Stop.G, Stop.H, Start.I)),
        _E.TRANSPORT_ERROR: (_S.TERMINATED, (Do.FAILED,)),
    },
    _S.CONFIRMED: {
        _E.REQUEST: (_S.CONFIRMED, ()),
        _E.ACK: (_S.CONFIRMED, ()),
        _E.TIMER_I: (_S.TERMINATED, ()),
        _E.TRANSPORT_ERROR: (_S.CONFIRMED, ()),
    },
    _S.ACCEPTED: {
        # The core repeats the 2xx on its own clock; a repeated INVITE changes nothing (RFC 6026).
        _E.REQUEST: (_S.ACCEPTED, ()),
        _E.TU_2XX: (_S.ACCEPTED, (Do.SEND_NEW,)),
        # An old peer puts the INVITE's branch on its ACK for a 2xx.
        _E.ACK: (_S.ACCEPTED, (Do.DELIVER_ACK,)),
        _E.TIMER_L: (_S.TERMINATED, ()),
        _E.TRANSPORT_ERROR: (_S.ACCEPTED, (Do.FAILED,)),
    },
}

NON_INVITE_SERVER: Table = {
    _S.INITIAL: {_E.START: (_S.TRYING, (Start.J, Do.DELIVER_REQUEST))},
    _S.TRYING: {
        _E.REQUEST: (_S.TRYING, ()),
        _E.TU_1XX: (_S.PROCEEDING, (Do.SEND_NEW,)),
        _E.TU_FINAL: (_S.COMPLETED, (Do.SEND_NEW, Start.J)),
        # After 64*T1 the client has given up: an answer would only hurt (RFC 4320).
        _E.TIMER_J: (_S.TERMINATED, (Do.TIMEOUT,)),
        _E.TRANSPORT_ERROR: (_S.TERMINATED, (Do.FAILED,)),
    },
    _S.PROCEEDING: {
        _E.REQUEST: (_S.PROCEEDING, (Do.SEND,)),
        _E.TU_1XX: (_S.PROCEEDING, (Do.SEND_NEW,)),
        _E.TU_FINAL: (_S.COMPLETED, (Do.SEND_NEW, Start.J)),
        _E.TIMER_J: (_S.TERMINATED, (Do.TIMEOUT,)),
        _E.TRANSPORT_ERROR: (_S.TERMINATED, (Do.FAILED,)),
    },
    _S.COMPLETED: {
        _E.REQUEST: (_S.COMPLETED, (Do.SEND,)),
        _E.TIMER_J: (_S.TERMINATED, ()),
        _E.TRANSPORT_ERROR: (_S.TERMINATED, (Do.FAILED,)),
    },
}

# The UAS core's 2xx, repeated until its ACK, whatever the transport.
ANSWER: Table = {
    _S.INITIAL: {_E.START: (_S.WAITING, (Do.SEND, Start.ANSWER, Start.ANSWER_LIMIT))},
    _S.WAITING: {
        _E.TIMER_ANSWER: (_S.WAITING, (Do.SEND, Again.ANSWER)),
        _E.ACK: (_S.CONFIRMED, (Stop.ANSWER, Do.DELIVER_ACK)),
        _E.TIMER_ANSWER_LIMIT: (_S.TERMINATED, (Do.TIMEOUT,)),
        _E.TRANSPORT_ERROR: (_S.WAITING, ()),
    },
    _S.CONFIRMED: {
        # Kept until the limit, so that a repeated ACK is known as one.
        _E.ACK: (_S.CONFIRMED, ()),
        _E.TIMER_ANSWER_LIMIT: (_S.TERMINATED, ()),
        _E.TRANSPORT_ERROR: (_S.CONFIRMED, ()),
    },
}


class Machine(_Fast):
    """The machines with their tables."""

    INVITE_CLIENT = "INVITE client"
    NON_INVITE_CLIENT = "non-INVITE client"
    INVITE_SERVER = "INVITE server"
    NON_INVITE_SERVER = "non-INVITE server"
    ANSWER = "answer until ACK"


TABLES: Mapping[Machine, Table] = {
    Machine.INVITE_CLIENT: INVITE_CLIENT,
    Machine.NON_INVITE_CLIENT: NON_INVITE_CLIENT,
    Machine.INVITE_SERVER: INVITE_SERVER,
    Machine.NON_INVITE_SERVER: NON_INVITE_SERVER,
    Machine.ANSWER: ANSWER,
}

TIMER_EVENT: Mapping[Timer, Event] = {timer: Event[f"TIMER_{timer.name}"] for timer in Timer}


class DialogState(Enum):
    """Life of a dialog."""

    EARLY = "early"
    CONFIRMED = "confirmed"
    TERMINATED = "terminated"


class DialogEvent(Enum):
    """What moves a dialog."""

    PROVISIONAL = "1xx"
    SUCCESS = "2xx"
    FAILURE = "3xx-6xx"
    GONE = "481 or 408"
    BYE = "BYE"


DIALOG: Mapping[DialogState, Mapping[DialogEvent, DialogState]] = {
    DialogState.EARLY: {
        DialogEvent.PROVISIONAL: DialogState.EARLY,
        DialogEvent.SUCCESS: DialogState.CONFIRMED,
        DialogEvent.FAILURE: DialogState.TERMINATED,
        DialogEvent.GONE: DialogState.TERMINATED,
        # A caller may BYE an early dialog (RFC 3261 section 15).
        DialogEvent.BYE: DialogState.TERMINATED,
    },
    DialogState.CONFIRMED: {
        DialogEvent.PROVISIONAL: DialogState.CONFIRMED,
        DialogEvent.SUCCESS: DialogState.CONFIRMED,
        # A refused re-INVITE leaves the dialog as it was.
        DialogEvent.FAILURE: DialogState.CONFIRMED,
        DialogEvent.GONE: DialogState.TERMINATED,
        DialogEvent.BYE: DialogState.TERMINATED,
    },
    DialogState.TERMINATED: {
        DialogEvent.FAILURE: DialogState.TERMINATED,
        DialogEvent.GONE: DialogState.TERMINATED,
        DialogEvent.BYE: DialogState.TERMINATED,
    },
}


def step(machine: Machine, state: State, event: Event) -> tuple[State, tuple[Effect, ...]]:
    """Next state and effects. Raises `IllegalTransitionError` for a missing entry."""
    row = TABLES[machine].get(state)
    entry = None if row is None else row.get(event)
    if entry is None:
        raise IllegalTransitionError(machine.value, state.value, event.value)
    return entry


def dialog_step(state: DialogState, event: DialogEvent) -> DialogState:
    """Next state of a dialog. Raises `IllegalTransitionError` for a missing entry."""
    following = DIALOG[state].get(event)
    if following is None:
        raise IllegalTransitionError("dialog", state.value, event.value)
    return following
