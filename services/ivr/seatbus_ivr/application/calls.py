"""Begin, advance and end calls in their flows. Nothing is held in memory: any replica answers."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final, Protocol

from seatbus.ivr.v1 import types_pb2 as ivr
from seatbus_contracts.flows import FlowError, validate_flow
from seatbus_contracts.subjects import record_key
from seatbus_ivr.domain import interpreter
from seatbus_ivr.domain.graph import find_unsupported
from seatbus_kit.errors import InvalidArgument, NotFound, Refused, Unimplemented
from seatbus_kit.records import Change

if TYPE_CHECKING:
    from collections.abc import Callable

    from seatbus_ivr.domain.graph import Book, Graph, Unsupported
    from seatbus_ivr.domain.interpreter import Arrival
    from seatbus_ivr.domain.walk import Moved, Note
    from seatbus_kit.clock import Clock
    from seatbus_kit.records import Outcome


_TOGETHER_S: Final = 0.1


def pause_s(now: float) -> float:
    """How long an end waits for others. Nobody needs it, and the agent's next call is on its way just then. A
    write that comes alone costs the bus four times as much as one of several.
    """
    return 1.5 * _TOGETHER_S - (now + _TOGETHER_S / 2) % _TOGETHER_S


class Positions(Protocol):
    """The records of calls in flows: one compare-and-set a step."""

    async def mutate(
        self,
        key: str,
        decide: Callable[[ivr.FlowPosition | None], Change[ivr.FlowPosition]],
        *,
        request_id: str,
        timeout: float = 5.0,
        expect_new: bool = False,
    ) -> Outcome[ivr.FlowPosition]: ...


class Journal(Protocol):
    """Where notes of the interpreter go."""

    def __call__(self, tenant: str, call: str, flow: str, notes: tuple[Note, ...]) -> None: ...


class Library(Protocol):
    """What all tenants have configured."""

    def of(self, tenant: str) -> Book: ...

    async def ask_flow(self, tenant: str, flow_id: str) -> Graph | None:
        """Also one that was written a moment ago. Raises Unavailable."""
        ...


class Calls:
    """The use cases of the contract `seatbus.ivr.v1.IvrService`."""

    def __init__(self, positions: Positions, books: Library, clock: Clock, journal: Journal) -> None:
        self._positions = positions
        self._books = books
        self._clock = clock
        self._journal = journal

    async def begin(self, arrival: Arrival) -> ivr.Step:
        """The step the call is at. Raises NotFound (no such flow), Unimplemented naming the node, Refused
        when the call has left its flow already.
        """
        await self._check_flow(arrival)
        book = self._books.of(arrival.tenant_id)
        moved: Moved | None = None

        def decide(position: ivr.FlowPosition | None) -> Change[ivr.FlowPosition]:
            nonlocal moved
            if position is not None:
                return Change(position, write=False)
            moved = interpreter.begin(arrival, self._clock.now(), book)
            return Change(moved.position)

        # By call, not by request: a second Begin finds the first one's step.
        outcome = await self._positions.mutate(
            record_key(arrival.tenant_id, arrival.call_id), decide, request_id="begin", expect_new=True
        )
        self._tell(arrival.tenant_id, arrival.call_id, moved)
        return self._step(outcome)

    async def advance(self, tenant: str, call: str, step_seq: int, happened: ivr.Outcome) -> ivr.Step:
        """The step after `step_seq`. Raises NotFound for a call that is in no flow, Refused for a step
        that is neither the current one nor the one before.
        """
        book = self._books.of(tenant)
        moved: Moved | None = None

        def decide(position: ivr.FlowPosition | None) -> Change[ivr.FlowPosition]:
            nonlocal moved
            if position is None:
                raise NotFound("the call is in no flow: Begin comes first", field="call_id")
            if step_seq == position.step_seq - 1:
                return Change(position, write=False)
            if step_seq != position.step_seq:
                raise Refused(
                    "stale_step" if step_seq < position.step_seq else "future_step",
                    f"step {step_seq} is reported, the call is at {position.step_seq}",
                    field="step_seq",
                )
            moved = interpreter.advance(position, happened, self._clock.now(), book)
            return Change(moved.position)

        outcome = await self._positions.mutate(
            record_key(tenant, call), decide, request_id=f"advance/{step_seq}"
        )
        if outcome.repeated and outcome.record is not None and outcome.record.step_seq != step_seq + 1:
            raise Refused(
                "stale_step",
                f"step {step_seq} is reported, the call is at {outcome.record.step_seq}",
                field="step_seq",
            )
        self._tell(tenant, call, moved)
        return self._step(outcome)

    async def end(self, tenant: str, call: str) -> None:
        """The call left the flow. Harmless when it is in none. Those of one moment are removed together."""
        await asyncio.sleep(pause_s(asyncio.get_running_loop().time()))
        await self._positions.mutate(record_key(tenant, call), lambda _: Change(None), request_id="end")

    @staticmethod
    def validate(flow: ivr.Flow) -> None:
        """Raises InvalidArgument with field and rule, Unimplemented naming the node."""
        try:
            validate_flow(flow)
        except FlowError as error:
            raise InvalidArgument(error.message, field=error.field, rule=error.rule) from None
        unsupported = find_unsupported(flow)
        if unsupported is not None:
            raise _unimplemented(unsupported)

    async def _check_flow(self, arrival: Arrival) -> None:
        graph = await self._books.ask_flow(arrival.tenant_id, arrival.flow_id)
        if graph is None:
            raise NotFound(f"no flow {arrival.flow_id} of tenant {arrival.tenant_id}", field="flow_id")
        if graph.unsupported is not None:
            raise _unimplemented(graph.unsupported)

    def _tell(self, tenant: str, call: str, moved: Moved | None) -> None:
        if moved is not None and moved.notes:
            self._journal(tenant, call, moved.position.flow_id, moved.notes)

    @staticmethod
    def _step(outcome: Outcome[ivr.FlowPosition]) -> ivr.Step:
        if outcome.record is None:
            raise Refused("flow_left", "the call has left its flow", field="call_id")
        return outcome.record.step


def _unimplemented(unsupported: Unsupported) -> Unimplemented:
    return Unimplemented(
        f"node {unsupported.node_id!r} is a {unsupported.kind} node, which is not served yet",
        field=unsupported.field,
        rule="node.supported",
    )
