"""Walks a call through its flow: (position, outcome, time, configuration) -> new position with its step.

Pure and total: every outcome at every position gives a step, whatever became of the flow meanwhile. A way out
that is left empty does what `seatbus_contracts.flows` says.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from seatbus.ivr.v1 import types_pb2 as ivr
from seatbus_ivr.domain.walk import Moved, Walk

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from seatbus.tenancy.v1 import types_pb2 as tenancy
    from seatbus_ivr.domain.graph import Book

_MENU_ATTEMPTS: Final = 3
_COLLECT_ATTEMPTS: Final = 1


@dataclass(frozen=True, slots=True)
class Arrival:
    """A call at the door of a flow."""

    tenant_id: str
    call_id: str
    flow_id: str
    caller: str
    dialed: str
    attributes: Mapping[str, str]


def begin(arrival: Arrival, now: datetime, book: Book) -> Moved:
    """The first step of a call in its flow."""
    position = ivr.FlowPosition(
        tenant_id=arrival.tenant_id,
        call_id=arrival.call_id,
        flow_id=arrival.flow_id,
        caller=arrival.caller,
        dialed=arrival.dialed,
        attributes=dict(arrival.attributes),
    )
    position.started_at.FromDatetime(now)
    walk = _Settling(position, now, book)
    walk.enter_flow(arrival.flow_id)
    return walk.moved()


def advance(position: ivr.FlowPosition, outcome: ivr.Outcome, now: datetime, book: Book) -> Moved:
    """The step after `position.step` had `outcome`. `position` is not changed."""
    copy = ivr.FlowPosition()
    copy.CopyFrom(position)
    if outcome.kind == ivr.OUTCOME_KIND_DIGITS and outcome.digits:
        copy.idle_steps = 0
    walk = _Settling(copy, now, book)
    walk.settle(outcome)
    return walk.moved()


def has_ended(position: ivr.FlowPosition) -> bool:
    """The flow has said its last word: only a hang-up is left."""
    return bool(position.step.WhichOneof("action") == "hang_up")


class _Settling(Walk):
    """How the step went says from which node the walk goes on."""

    def settle(self, outcome: ivr.Outcome) -> None:
        action = self.position.step.WhichOneof("action")
        if outcome.kind == ivr.OUTCOME_KIND_HUNG_UP or has_ended(self.position):
            self._finish()
            return
        node = self._node(self.position.node_id)
        if node is None:
            self._go(self.position.node_id)
        elif action == "play" and node.HasField("play"):
            if outcome.kind == ivr.OUTCOME_KIND_FAILED:
                self._note(f"prompt failed: {outcome.reason}")
            elif outcome.kind == ivr.OUTCOME_KIND_DIGITS:
                self._input = outcome.digits
            self._go(node.play.next)
        elif action == "collect" and node.HasField("menu"):
            self._menu_settled(node.menu, outcome)
        elif action == "collect" and node.HasField("collect"):
            self._collect_settled(node.collect, outcome)
        elif action == "enqueue":
            self._queue_settled(node, outcome)
        elif action == "transfer":
            self._transfer_settled(node, outcome)
        elif action == "voicemail":
            self._voicemail_settled(node, outcome)
        elif action == "callback":
            self._callback_settled(node, outcome)
        else:
            # The flow was edited under the call: the node is of another kind now.
            self._go(node.id)

    def _menu_settled(self, menu: ivr.MenuNode, outcome: ivr.Outcome) -> None:
        target = menu.choices.get(outcome.digits, "") if outcome.kind == ivr.OUTCOME_KIND_DIGITS else ""
        if target:
            self._go(target)
            return
        failed = outcome.kind == ivr.OUTCOME_KIND_FAILED
        if failed:
            self._note(f"menu failed: {outcome.reason}")
        self.position.attempts += 1
        if not failed and self.position.attempts < (menu.attempts or _MENU_ATTEMPTS):
            self._ask_menu(menu)
            return
        invalid = outcome.kind == ivr.OUTCOME_KIND_DIGITS and bool(outcome.digits)
        self._go((menu.on_invalid if invalid else "") or menu.on_timeout)

    def _collect_settled(self, collect: ivr.CollectNode, outcome: ivr.Outcome) -> None:
        digits = outcome.digits
        # An inter-digit timeout after enough digits is an answer.
        heard = outcome.kind in (ivr.OUTCOME_KIND_DIGITS, ivr.OUTCOME_KIND_TIMEOUT)
        if heard and max(1, collect.min_digits) <= len(digits) <= collect.max_digits:
            self._set(collect.attribute, digits, secret=collect.secret)
            self._go(collect.next)
            return
        failed = outcome.kind == ivr.OUTCOME_KIND_FAILED
        if failed:
            self._note(f"collect failed: {outcome.reason}")
        self.position.attempts += 1
        if not failed and self.position.attempts < (collect.attempts or _COLLECT_ATTEMPTS):
            self._ask_digits(collect)
        else:
            self._go(collect.on_failure)

    def _queue_settled(self, node: ivr.Node, outcome: ivr.Outcome) -> None:
        if outcome.kind == ivr.OUTCOME_KIND_DONE:
            self._finish()
            return
        queue_id = self.position.step.enqueue.queue_id
        if outcome.kind != ivr.OUTCOME_KIND_OVERFLOWED:
            self._note(f"queue {queue_id} failed: {outcome.reason}")
        if node.HasField("queue") and node.queue.on_overflow:
            self._go(node.queue.on_overflow)
            return
        queue = self._book.queue(queue_id)
        if queue is not None and queue.HasField("overflow"):
            self._take_route(queue.overflow)
        else:
            self._finish()

    def _transfer_settled(self, node: ivr.Node, outcome: ivr.Outcome) -> None:
        if outcome.kind == ivr.OUTCOME_KIND_DONE:
            self._finish()
            return
        self._note(f"transfer failed: {outcome.reason}")
        if node.HasField("transfer"):
            self._go(node.transfer.on_failure)
        else:
            self._finish()

    def _voicemail_settled(self, node: ivr.Node, outcome: ivr.Outcome) -> None:
        if outcome.kind != ivr.OUTCOME_KIND_DONE:
            self._note(f"no message was left: {outcome.reason}")
        if node.HasField("voicemail"):
            self._go(node.voicemail.next)
        else:
            self._finish()

    def _callback_settled(self, node: ivr.Node, outcome: ivr.Outcome) -> None:
        taken = outcome.kind == ivr.OUTCOME_KIND_DONE
        if not taken:
            self._note(f"the caller is not called back: {outcome.reason}")
        if node.HasField("callback"):
            self._go(node.callback.next if taken else node.callback.on_failure or node.callback.next)
        else:
            self._finish()

    def _take_route(self, route: tenancy.Route) -> None:
        match route.WhichOneof("target"):
            case "queue_id":
                self._act(enqueue=ivr.EnqueueAction(queue_id=route.queue_id))
            case "flow_id":
                self.enter_flow(route.flow_id)
            case "agent_id":
                self._act(transfer=ivr.TransferAction(agent_id=route.agent_id))
            case "number":
                self._act(transfer=ivr.TransferAction(number=route.number))
            case "announcement_prompt_id":
                self._finish([ivr.Audio(prompt_id=route.announcement_prompt_id)])
            case "voicemail":
                queue_id = self.position.step.enqueue.queue_id
                self._act(voicemail=ivr.VoicemailAction(queue_id=queue_id))
            case _:
                self._finish()
