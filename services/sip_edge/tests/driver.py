"""A call in the machine alone, begun in any of the ways in which one begins."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Callable
from typing import TYPE_CHECKING

import orjson

from seatbus.agent.v1 import service_pb2 as agent
from seatbus.call.v1 import types_pb2 as call_types
from seatbus.ivr.v1 import types_pb2 as ivr
from seatbus.tenancy.v1 import types_pb2 as tenancy
from seatbus_sip_edge.domain import callback_inputs as cb
from seatbus_sip_edge.domain import effects as fx
from seatbus_sip_edge.domain import inputs as on
from seatbus_sip_edge.domain.destinations import destination_of
from seatbus_sip_edge.domain.errors import IllegalInput
from seatbus_sip_edge.domain.machine import apply
from seatbus_sip_edge.domain.model import Call, Leg, LegPhase, Role

if TYPE_CHECKING:
    from seatbus_sip_edge.domain.destinations import Destination


class Ids:
    def __init__(self, start: int = 1) -> None:
        self._count = itertools.count(start)

    def __call__(self) -> str:
        return f"00000000-0000-7000-8000-{next(self._count):012d}"


def made_call(**fields: object) -> Call:
    ids = Ids()
    return Call(
        tenant_id="acme",
        call_id=ids(),
        owner="edge-0",
        caller="1",
        dialed="2",
        direction=call_types.DIRECTION_INBOUND,
        caller_leg_id=ids(),
        flow_id="main",
        **fields,  # type: ignore[arg-type]
    )


def to(**target: str) -> Destination:
    return destination_of(call_types.OutboundTarget(**target), queue=tenancy.Queue(record=True))


def _called_for(**target: str) -> on.OriginatedTo:
    return on.OriginatedTo(to(**target), "acme", "anna", "rid-0", 20, {})


def _called_back(**policy: bool) -> cb.CalledBack:
    queue = tenancy.Queue(record=True, callback=tenancy.CallbackPolicy(**policy))
    return cb.CalledBack(
        "agent-leg", "contact", "rid-0", "g", 1, "acme", "anna", "q", 20, 30, queue, {"a": "b"}
    )


def _dialled(rid: str) -> on.AgentDialled:
    return on.AgentDialled("v=0", "udp:1", "x", "agent-leg", "acme", "anna", "d", rid)


# How a call begins: what the call is, and its first input.
OPENINGS: dict[str, tuple[dict[str, object], on.Input]] = {
    "inbound": ({}, on.Arrived("v=0", "udp:1", "x")),
    "late_offer": ({}, on.Arrived("", "udp:1", "x")),
    "late_early": ({}, on.Arrived("", "udp:1", "x", reliable=True)),
    "colleague": ({"direct_agent_id": "carl"}, on.Arrived("v=0", "udp:1", "x")),
    "bound_colleague": (
        {"direct_agent_id": "carl"},
        on.Arrived("v=0", "udp:1", "x", agent_tenant_id="acme", agent_id="zoe", device_id="d", rid="rid-0"),
    ),
    "for_queue": ({}, _called_for(queue_id="q")),
    "for_flow": ({}, _called_for(flow_id="f")),
    "for_agent": ({}, _called_for(agent_id="bert")),
    "called_back": ({"visit": 1}, _called_back()),
    "called_back_by_key": ({"visit": 1}, _called_back(accept_by_key=True)),
    "called_back_first": ({"visit": 1, "customer_first": True}, _called_back(accept_by_key=True)),
    "dialled": ({"record": True}, _dialled("rid-0")),
    "dialled_again": ({}, _dialled("")),
    "emergency": ({"emergency": True}, _dialled("rid-0")),
    "originated": ({}, on.Originated("agent-leg", "acme", "anna", "rid-0", 20, {})),
}


class Alone:
    """One call in the machine, without anything around it; `effects` is all that it wanted."""

    def __init__(self, call: Call, ids: Callable[[], str]) -> None:
        self.call = call
        self.ids = ids
        self.now = 1_000_000
        self.effects: list[fx.Effect] = []

    def feed(self, event: on.Input) -> list[fx.Effect]:
        self.now += 1000
        before = orjson.dumps(self.call)
        try:
            made = apply(self.call, event, self.now, self.ids)
        except IllegalInput:
            assert orjson.dumps(self.call) == before, "a refused input changes nothing"
            return []
        self.effects += made
        return made

    def of(self, kind: type) -> list[fx.Effect]:
        return [effect for effect in self.effects if isinstance(effect, kind)]


class Driver(Alone):
    """Feeds inputs and keeps the books on what came out. `wish`: the queues take call-backs by key, and ask
    for a number or not."""

    def __init__(
        self, supervision: int = 0, whisper: str = "", *, opening: str = "inbound", wish: str = ""
    ) -> None:
        self.whisper, self.wish, self.opening = whisper, wish, opening
        fields, first = OPENINGS[opening]
        super().__init__(made_call(supervision=supervision, **fields), Ids(start=100))
        self.step = 0
        self.rid = 0
        self.answered: Counter[tuple[str, str]] = Counter()
        self.feed(first)

    def reported(self, leg_id: str) -> int:
        """How often agent_state was told that this leg has answered."""
        reports = (effect for effect in self.effects if isinstance(effect, fx.ReportWork))
        return sum(e.leg_id == leg_id and e.event == agent.WORK_EVENT_ANSWERED for e in reports)

    def answers(self, kind: type[fx.BeginWork | fx.ReportWork], leg_id: str) -> bool:
        """Whether agent_state owes an answer about this leg, which it gives now."""
        asked = self.reported(leg_id)
        if kind is fx.BeginWork:
            asked = sum(isinstance(e, fx.BeginWork) and e.leg_id == leg_id for e in self.effects)
        key = (kind.__name__, leg_id)
        if self.answered[key] >= asked:
            return False
        self.answered[key] += 1
        return True

    def offer(self, contact_id: str, agent_id: str = "anna", *, spare: bool = False, sdp: str = "") -> None:
        """`spare`: the agent's leg is by the offer that was made before there was an agent."""
        self.rid += 1
        rid = f"rid-{self.rid}"
        leg_id = (spare and self.call.spare_leg_id) or self.ids()
        self.feed(
            on.AgentOffered(contact_id, rid, "g", 1, "acme", agent_id, "d", "q", leg_id, 5, sdp=sdp, zone="")
        )

    def queue(self) -> tenancy.Queue:
        queue = tenancy.Queue(record=True, whisper_prompt_id=self.whisper)
        if self.wish:
            queue.callback.key, queue.callback.ask_number = "9", self.wish == "number"
        return queue

    def given(self, action: str) -> None:
        self.step += 1
        step = ivr.Step(step_seq=self.step, node_id=f"n{self.step}")
        match action:
            case "play":
                step.play.audio.add(text="x")
            case "collect":
                step.collect.max_digits = 1
            case "enqueue":
                step.enqueue.queue_id = "q"
            case "voicemail":
                step.voicemail.queue_id = "q"
            case "step_to_agent":
                step.transfer.agent_id = "bert"
            case "step_to_number":
                step.transfer.number = "0303"
            case "callback":
                step.callback.queue_id = "q"
            case "hang_up_said":
                step.hang_up.audio.add(text="bye")
            case _:
                step.hang_up.SetInParent()
        self.feed(on.StepGiven(step, self.queue()))

    # ---- who is there -----------------------------------------------------------------------------------
    @property
    def leg(self) -> str:
        return self.call.agent_leg_id or "nobody"

    @property
    def third(self) -> str:
        return self.call.consult_leg_id or "nobody"

    @property
    def third_rid(self) -> str:
        return self.call.consult_leg.rid if self.call.consult_leg else "none"

    @property
    def watcher(self) -> str:
        return next((item.leg_id for item in self.call.supervisors), "nobody")

    @property
    def customer(self) -> str:
        """The leg of the customer, where we have called it."""
        leg = self.call.caller_leg
        called = leg.role != Role.LEG_ROLE_CALLER or self.opening.startswith("for_")
        return leg.leg_id if called else "nobody"

    @property
    def bound(self) -> str:
        """The leg of a customer who is an agent of ours."""
        leg = self.call.caller_leg
        return leg.leg_id if leg.rid else "nobody"

    @property
    def ended(self) -> str:
        return next((item.leg_id for item in self.call.legs.values() if item.rid and not item.live), "nobody")

    def guest(self) -> Leg:
        """The other party of another call of the agent."""
        leg_id = self.ids()
        role = call_types.LEG_ROLE_AGENT
        return Leg(leg_id, role, LegPhase.TALKING, agent_id="zoe", rid=f"rid-{leg_id}")

    def phone(self, agent_id: str, leg_id: str = "") -> Leg:
        """Another phone, which has sent an INVITE with Replaces; a colleague's agent was asked for."""
        old = self.call.legs.get(leg_id) or self.call.agent_leg
        rid = f"rid-{self.ids()}"
        if old is not None and old.agent_id == agent_id:
            rid = old.rid
        made = Leg(self.ids(), call_types.LEG_ROLE_AGENT, agent_id=agent_id, agent_tenant_id="acme", rid=rid)
        made.incoming = True
        return made
