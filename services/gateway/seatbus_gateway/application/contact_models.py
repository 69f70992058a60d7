"""Bodies of requests about contacts that no call belongs to."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from seatbus_gateway.application.models import Strict
from seatbus_gateway.application.routing_models import ObjectId

# As the contract has them; a call is enqueued by its edge.
Channel = Literal["chat", "email", "task"]
_Rid = Annotated[
    str,
    Field(pattern="^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$", description="`rid` of the offer"),
]
_Key = Annotated[str, Field(min_length=1, max_length=64)]
_Text = Annotated[str, Field(max_length=1024)]


class WantedSkill(Strict):
    name: ObjectId
    level: Annotated[int, Field(ge=1, le=10)] = 1


class NewContact(Strict):
    """What is left out is the queue's own."""

    queue_id: ObjectId
    channel: Channel
    customer: Annotated[
        str,
        Field(max_length=64, description="who it is: for blocked callers, their class, the last agent"),
    ] = ""
    priority: Annotated[int, Field(ge=0, le=9)] = 0
    requirements: Annotated[list[WantedSkill], Field(max_length=32)] = []
    preferred_agent_id: Annotated[str, Field(max_length=63)] = ""
    branch_id: Annotated[str, Field(max_length=63)] = ""
    interaction_id: Annotated[str, Field(max_length=36, description="that of several contacts")] = ""
    attributes: Annotated[dict[_Key, _Text], Field(max_length=64)] = {}
    contact_id: Annotated[
        str,
        Field(
            max_length=36,
            description="a UUIDv7 of yours, of the last day: the same one twice is one contact",
        ),
    ] = ""


class Taken(Strict):
    rid: _Rid


class NotTaken(Strict):
    """Whatever the reason, the agent is not ready afterwards, and the contact goes to somebody else."""

    rid: _Rid
    reason: Literal["rejected", "busy", "no_answer", "unreachable"] = "rejected"


class Over(Strict):
    """The agent's wrap-up begins."""

    rid: _Rid
    agent_id: ObjectId
    agent_tenant_id: Annotated[str, Field(max_length=63, description="of an agent of another tenant")] = ""


class ContactFilter(BaseModel):
    model_config = ConfigDict(extra="forbid")

    queue_id: Annotated[str, Field(max_length=63)] = ""
    channel: Literal["", "voice", "chat", "email", "task"] = ""
