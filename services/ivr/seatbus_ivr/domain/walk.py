"""From a node of a flow to the next step: what acts gives one, what only decides leads on at once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from zoneinfo import ZoneInfoNotFoundError

from seatbus.ivr.v1 import types_pb2 as ivr
from seatbus_contracts.hours import is_open

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from seatbus_ivr.domain.graph import Book

# A call that nobody steers any more (a dead line) is ended rather than played to for ever.
MAX_IDLE_STEPS: Final = 100
# Instant nodes between two steps; flows that transfer to one another in a circle end here.
MAX_HOPS: Final = 1000
MAX_ATTRIBUTES: Final = 256

_MENU_TIMEOUT_MS: Final = 5000
_COLLECT_TIMEOUT_MS: Final = 5000
_INTER_DIGIT_MS: Final = 3000
_MIN_TIMEOUT_MS: Final = 100


@dataclass(frozen=True, slots=True)
class Note:
    """Something that went otherwise than the flow's author meant; for the log."""

    node_id: str
    reason: str


@dataclass(frozen=True, slots=True)
class Moved:
    position: ivr.FlowPosition
    notes: tuple[Note, ...] = ()


class Walk:
    """One move. Each way through it ends with exactly one `_act`."""

    def __init__(self, position: ivr.FlowPosition, now: datetime, book: Book) -> None:
        self.position = position
        self._now = now
        self._book = book
        self._notes: list[Note] = []
        self._fresh: dict[str, str] = {}
        self._input = ""
        self._restarted = False

    def moved(self) -> Moved:
        return Moved(self.position, tuple(self._notes))

    def enter_flow(self, flow_id: str) -> None:
        graph = self._book.flow(flow_id)
        if graph is None:
            self._note(f"no flow {flow_id}, the call ends")
            self._finish()
            return
        self.position.flow_id = flow_id
        self.position.flow_version = graph.flow.version
        self._go(graph.flow.start)

    def _node(self, node_id: str) -> ivr.Node | None:
        graph = self._book.flow(self.position.flow_id)
        return graph.nodes.get(node_id) if graph is not None else None

    def _go(self, node_id: str) -> None:
        """Walks on from `node_id` to the next node that acts. Empty: the flow ends."""
        at: str | None = node_id
        for _ in range(MAX_HOPS):
            if not at:
                self._finish()
                return
            node = self._node(at)
            if node is None:
                at = self._lost(at)
                continue
            self.position.node_id = node.id
            self.position.attempts = 0
            at = self._enter(node)
            if at is None:
                return
        self._note(f"{MAX_HOPS} nodes without a step: flows lead into one another for ever, the call ends")
        self._finish()

    def _lost(self, node_id: str) -> str:
        """The flow was edited under the call and the node is gone: the new flow is heard from its start."""
        graph = self._book.flow(self.position.flow_id)
        if graph is None or self._restarted:
            self._note(f"node {node_id} of flow {self.position.flow_id} is gone, the call ends")
            return ""
        self._note(f"node {node_id} of flow {self.position.flow_id} is gone, the flow starts again")
        self._restarted = True
        self.position.flow_version = graph.flow.version
        return graph.flow.start

    def _enter(self, node: ivr.Node) -> str | None:
        """The node to go to at once (empty: the end), or None when this one acts and the walk is over."""
        match node.WhichOneof("kind"):
            case "play":
                self._act(play=ivr.PlayAction(audio=node.play.audio, barge_in=node.play.barge_in))
            case "menu":
                return self._enter_menu(node.menu)
            case "collect":
                self._ask_digits(node.collect)
            case "queue":
                self._enqueue(node.queue)
            case "hours":
                return str(node.hours.on_open if self._is_open(node.hours) else node.hours.on_closed)
            case "hang_up":
                self._finish(node.hang_up.audio)
            case "transfer":
                return self._transfer(node.transfer)
            case "voicemail":
                box = node.voicemail
                message = ivr.VoicemailAction(audio=box.audio, queue_id=box.queue_id, max_s=box.max_s)
                self._act(voicemail=message)
            case "callback":
                wish = node.callback
                number = self._value(wish.number_attribute) if wish.number_attribute else ""
                self._act(callback=ivr.CallbackAction(queue_id=wish.queue_id, number=number))
            case "set_attributes":
                for name, value in node.set_attributes.attributes.items():
                    self._set(name, value)
                return node.set_attributes.next
            case "condition":
                value = self._value(node.condition.attribute)
                return str(node.condition.equals.get(value, node.condition.otherwise))
            case kind:
                return self._skip(node, kind or "none")
        return None

    def _skip(self, node: ivr.Node, kind: str) -> str:
        self._note(f"a {kind} node is not served, its failure edge is taken")
        part = getattr(node, kind, None)
        return getattr(part, "on_failure", "") or getattr(part, "next", "")

    def _enter_menu(self, menu: ivr.MenuNode) -> str | None:
        # Who pressed during the greeting need not press again.
        typed, self._input = self._input, ""
        target = menu.choices.get(typed, "") if typed else ""
        if target:
            return target
        self._ask_menu(menu)
        return None

    def _ask_menu(self, menu: ivr.MenuNode) -> None:
        self._act(
            collect=ivr.CollectAction(
                audio=menu.audio,
                min_digits=1,
                max_digits=1,
                timeout_ms=max(_MIN_TIMEOUT_MS, menu.timeout_ms or _MENU_TIMEOUT_MS),
                inter_digit_ms=_INTER_DIGIT_MS,
            )
        )

    def _ask_digits(self, collect: ivr.CollectNode) -> None:
        self._act(
            collect=ivr.CollectAction(
                audio=collect.audio,
                min_digits=max(1, collect.min_digits),
                max_digits=collect.max_digits,
                terminators=collect.terminators,
                timeout_ms=max(_MIN_TIMEOUT_MS, collect.timeout_ms or _COLLECT_TIMEOUT_MS),
                inter_digit_ms=collect.inter_digit_ms or _INTER_DIGIT_MS,
                secret=collect.secret,
            )
        )

    def _enqueue(self, queue: ivr.QueueNode) -> None:
        preferred = queue.preferred_agent_attribute
        self._act(
            enqueue=ivr.EnqueueAction(
                queue_id=queue.queue_id,
                requirements=queue.requirements,
                priority=queue.priority,
                preferred_agent_id=self._value(preferred) if preferred else "",
                also_queue_ids=queue.also_queue_ids,
            )
        )

    def _transfer(self, transfer: ivr.TransferNode) -> str | None:
        match transfer.WhichOneof("target"):
            case "number":
                self._act(transfer=ivr.TransferAction(number=transfer.number))
            case "agent_id":
                self._act(transfer=ivr.TransferAction(agent_id=transfer.agent_id))
            case _:
                graph = self._book.flow(transfer.flow_id)
                if graph is None:
                    self._note(f"no flow {transfer.flow_id} to transfer to")
                    return transfer.on_failure
                self.position.flow_id = transfer.flow_id
                self.position.flow_version = graph.flow.version
                return graph.flow.start
        return None

    def _is_open(self, hours: ivr.HoursNode) -> bool:
        try:
            if not hours.schedule_id:
                return is_open(hours.time_zone, hours.open, (), self._now)
            schedule = self._book.schedule(hours.schedule_id)
            if schedule is not None:
                return is_open(schedule.time_zone, schedule.open, schedule.closed_dates, self._now)
            self._note(f"no schedule {hours.schedule_id}: taken as open, so that no caller is turned away")
        except (ZoneInfoNotFoundError, ValueError, OSError) as error:
            self._note(f"time zone cannot be read ({error}): taken as open, so that no caller is turned away")
        return True

    # state

    def _value(self, attribute: str) -> str:
        if attribute == "caller":
            return self.position.caller
        if attribute == "dialed":
            return self.position.dialed
        return str(self.position.attributes.get(attribute, ""))

    def _set(self, name: str, value: str, *, secret: bool = False) -> None:
        if name not in self.position.attributes and len(self.position.attributes) >= MAX_ATTRIBUTES:
            self._note(f"more than {MAX_ATTRIBUTES} attributes, {name} is not kept")
            return
        self.position.attributes[name] = value
        # What was collected secretly stays here: it never travels with the call.
        if not secret:
            self._fresh[name] = value

    def _note(self, reason: str) -> None:
        self._notes.append(Note(self.position.node_id, reason))

    def _finish(self, audio: Iterable[ivr.Audio] = ()) -> None:
        self._emit(ivr.Step(hang_up=ivr.HangUpAction(audio=audio)))

    def _act(
        self,
        *,
        play: ivr.PlayAction | None = None,
        collect: ivr.CollectAction | None = None,
        enqueue: ivr.EnqueueAction | None = None,
        transfer: ivr.TransferAction | None = None,
        voicemail: ivr.VoicemailAction | None = None,
        callback: ivr.CallbackAction | None = None,
    ) -> None:
        if self.position.idle_steps >= MAX_IDLE_STEPS:
            self._note(f"{MAX_IDLE_STEPS} steps without input from the caller, the call ends")
            self._finish()
            return
        self.position.idle_steps += 1
        self._emit(
            ivr.Step(
                play=play,
                collect=collect,
                enqueue=enqueue,
                transfer=transfer,
                voicemail=voicemail,
                callback=callback,
            )
        )

    def _emit(self, step: ivr.Step) -> None:
        self.position.step_seq += 1
        step.step_seq = self.position.step_seq
        step.node_id = self.position.node_id
        for name, value in self._fresh.items():
            step.attributes[name] = value
        self.position.step.CopyFrom(step)
