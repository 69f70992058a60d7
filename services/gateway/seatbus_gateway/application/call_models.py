"""Bodies of requests that control a live call."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from seatbus_gateway.application.models import Strict

LegId = Annotated[str, Field(pattern=r"^[0-9a-f-]{36}$", description="`leg_id` of one of the call's legs")]
ObjectId = Annotated[str, Field(max_length=63)]


class Switch(Strict):
    """Hold: the other side hears music. Mute: nobody hears the leg."""

    leg_id: LegId
    on: bool


class Target(Strict):
    """Exactly one of them."""

    number: Annotated[str, Field(pattern=r"^([+]?[0-9*#]{2,32})?$")] = ""
    agent_id: ObjectId = ""
    queue_id: ObjectId = ""
    flow_id: ObjectId = ""

    @model_validator(mode="after")
    def _one(self) -> Target:
        if sum(bool(value) for value in (self.number, self.agent_id, self.queue_id, self.flow_id)) != 1:
            raise ValueError("exactly one of number, agent_id, queue_id, flow_id is wanted")
        return self


class ConsultTarget(Strict):
    """An agent, a number, or a queue, of which whoever is free comes."""

    number: Annotated[str, Field(pattern=r"^([+]?[0-9*#]{2,32})?$")] = ""
    agent_id: ObjectId = ""
    queue_id: ObjectId = ""

    @model_validator(mode="after")
    def _one(self) -> ConsultTarget:
        if sum(bool(value) for value in (self.number, self.agent_id, self.queue_id)) != 1:
            raise ValueError("exactly one of number, agent_id, queue_id is wanted")
        return self


class NewCall(Strict):
    """The agent's phone rings first; then it is for exactly one of number, colleague, queue and flow.

    `caller_id` is one that the agent may show, for numbers alone.
    """

    agent_id: Annotated[str, Field(min_length=1, max_length=63)]
    number: Annotated[str, Field(pattern=r"^([+]?[0-9*#]{2,32})?$")] = ""
    to_agent_id: ObjectId = ""
    queue_id: ObjectId = ""
    flow_id: ObjectId = ""
    caller_id: Annotated[str, Field(pattern=r"^([+]?[0-9]{2,20})?$")] = ""
    attributes: Annotated[dict[str, str], Field(max_length=64)] = {}
    mask_number: bool = False
    ring_timeout_s: Annotated[int, Field(ge=0, le=180)] = 0

    @model_validator(mode="after")
    def _one(self) -> NewCall:
        if sum(bool(value) for value in (self.number, self.to_agent_id, self.queue_id, self.flow_id)) != 1:
            raise ValueError("exactly one of number, to_agent_id, queue_id, flow_id is wanted")
        return self


class ConsultEnding(Strict):
    end: Literal["transfer", "conference", "return"]


class Digits(Strict):
    leg_id: LegId
    digits: Annotated[str, Field(pattern=r"^[0-9A-D*#,]{1,64}$")]


class Supervision(Strict):
    supervisor_agent_id: Annotated[str, Field(min_length=1, max_length=63)]
    mode: Literal["monitor", "whisper", "barge", "take_over", "off"]


class RecordingAction(Strict):
    action: Literal["start", "pause", "resume", "stop"]


class PickUp(Strict):
    """A parked call by its slot, or a waiting or ringing one by its id."""

    agent_id: Annotated[str, Field(min_length=1, max_length=63)]
    slot: Annotated[str, Field(max_length=32)] = ""
    call_id: Annotated[str, Field(pattern=r"^([0-9a-f-]{36})?$")] = ""

    @model_validator(mode="after")
    def _one(self) -> PickUp:
        if bool(self.slot) == bool(self.call_id):
            raise ValueError("exactly one of slot and call_id is wanted")
        return self
