from __future__ import annotations

from itertools import product
from pathlib import Path

import pytest

from seatbus_sip.diagram import document
from seatbus_sip.errors import IllegalTransitionError
from seatbus_sip.flow import Flow
from seatbus_sip.subscriptions import SUBSCRIPTION
from seatbus_sip.tables import (
    DIALOG,
    TABLES,
    TIMER_EVENT,
    Again,
    DialogEvent,
    DialogState,
    Event,
    Machine,
    Slow,
    Start,
    State,
    Stop,
    Table,
    Timer,
    dialog_step,
    step,
)
from seatbus_sip.transactions import Timing, Transaction

MACHINES = list(Machine)


def reachable(table: Table) -> dict[State, set[frozenset[Timer]]]:
    """States with the sets of timers that may run in them, following events that can happen there."""
    seen: dict[State, set[frozenset[Timer]]] = {}
    todo = [(State.INITIAL, frozenset[Timer]())]
    while todo:
        state, timers = todo.pop()
        if timers in seen.setdefault(state, set()):
            continue
        seen[state].add(timers)
        for event, (following, effects) in table.get(state, {}).items():
            fired = next((timer for timer, name in TIMER_EVENT.items() if name is event), None)
            if fired is not None and fired not in timers:
                continue
            running = set(timers) - {fired}
            for effect in effects:
                if isinstance(effect, Start | Again | Slow):
                    running.add(effect.value)
                elif isinstance(effect, Stop):
                    running.discard(effect.value)
            todo.append((following, frozenset(running)))
    return seen


@pytest.mark.parametrize("machine", MACHINES, ids=lambda machine: machine.value)
def test_every_entry_of_the_table_can_be_reached(machine: Machine) -> None:
    table = TABLES[machine]
    seen = reachable(table)
    assert set(table) <= set(seen)
    for state, row in table.items():
        for event in row:
            timer = next((timer for timer, name in TIMER_EVENT.items() if name is event), None)
            assert timer is None or any(timer in running for running in seen[state]), (state, event)


@pytest.mark.parametrize("machine", MACHINES, ids=lambda machine: machine.value)
def test_a_running_timer_always_finds_an_entry(machine: Machine) -> None:
    table = TABLES[machine]
    for state, sets in reachable(table).items():
        if state is not State.TERMINATED:
            for timer in frozenset().union(*sets):
                assert TIMER_EVENT[timer] in table[state], (state, timer)


@pytest.mark.parametrize("machine", MACHINES, ids=lambda machine: machine.value)
def test_what_comes_from_the_network_always_finds_an_entry(machine: Machine) -> None:
    network = {
        Machine.INVITE_CLIENT: {Event.R_1XX, Event.R_2XX, Event.R_FINAL},
        Machine.NON_INVITE_CLIENT: {Event.R_1XX, Event.R_FINAL},
        Machine.INVITE_SERVER: {Event.REQUEST, Event.ACK},
        Machine.NON_INVITE_SERVER: {Event.REQUEST},
        Machine.ANSWER: {Event.ACK},
    }[machine]
    for state, row in TABLES[machine].items():
        if state is not State.INITIAL:
            assert network | {Event.TRANSPORT_ERROR} <= set(row), state


class Recorder:
    timing = Timing()

    def __init__(self) -> None:
        self.calls: list[object] = []

    def arm(self, *call: object) -> None:
        self.calls.append(call)

    transmit = perform = ended = arm


@pytest.mark.parametrize("machine", MACHINES, ids=lambda machine: machine.value)
def test_a_missing_entry_raises_and_changes_nothing(machine: Machine) -> None:
    for state, event in product(State, Event):
        if event in TABLES[machine].get(state, {}):
            continue
        transaction, host = Transaction(machine, "k", Flow("UDP", ("a", 1), ("b", 2)), None), Recorder()
        transaction.state = state
        with pytest.raises(IllegalTransitionError) as caught:
            transaction.feed(event, 0.0, host)
        assert (caught.value.state, caught.value.event) == (state.value, event.value)
        assert transaction.state is state
        assert not transaction.deadlines
        assert not host.calls


def test_steps_are_those_of_the_rfc_in_the_cases_people_get_wrong() -> None:
    assert step(Machine.INVITE_CLIENT, State.PROCEEDING, Event.R_2XX)[0] is State.ACCEPTED
    assert step(Machine.INVITE_SERVER, State.PROCEEDING, Event.TU_2XX)[0] is State.ACCEPTED
    assert step(Machine.INVITE_SERVER, State.ACCEPTED, Event.REQUEST) == (State.ACCEPTED, ())
    assert step(Machine.NON_INVITE_CLIENT, State.PROCEEDING, Event.TIMER_E)[1][1] is Slow.E


def test_a_dialog_ends_only_once_and_never_comes_back() -> None:
    for event in DialogEvent:
        if event in DIALOG[DialogState.TERMINATED]:
            assert dialog_step(DialogState.TERMINATED, event) is DialogState.TERMINATED
    with pytest.raises(IllegalTransitionError):
        dialog_step(DialogState.TERMINATED, DialogEvent.SUCCESS)


def test_the_diagram_shows_every_transition() -> None:
    text = document()
    arrows = sum(len(row) for table in TABLES.values() for row in table.values())
    arrows += sum(len(row) for row in (*DIALOG.values(), *SUBSCRIPTION.values())) + 2 * len(Machine)
    assert text.count("-->") == arrows


def test_the_drawn_states_are_those_of_the_tables() -> None:
    drawn = Path(__file__).parents[3] / "docs" / "sip-states.md"
    assert drawn.read_text() == document(), "run: python -m seatbus_sip.diagram > docs/sip-states.md"
