"""Bodies of requests about contacts and queues, and of a sizing."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from seatbus_gateway.application.models import PageQuery, Strict

ObjectId = Annotated[str, Field(min_length=1, max_length=63)]
_Share = Annotated[float, Field(gt=0, le=1, strict=False)]


class Requeue(Strict):
    """Back to its place, or in front of its class."""

    front: bool = False


class Move(Strict):
    queue_id: ObjectId


class Prioritise(Strict):
    priority: Annotated[int, Field(ge=0, le=9, description="class; 9 goes first")]


class Pull(Strict):
    agent_id: ObjectId


class NewCallback(Strict):
    """What is left out is the queue's own way to call back."""

    queue_id: ObjectId
    number: Annotated[str, Field(pattern=r"^[+]?[0-9]{2,32}$")]
    priority: Annotated[int, Field(ge=0, le=9)] = 0
    preferred_agent_id: Annotated[str, Field(max_length=63)] = ""
    order: Literal["agent_first", "customer_first"] | None = None
    max_attempts: Annotated[int, Field(ge=0, le=10)] = 0
    retry_s: Annotated[int, Field(ge=0, le=86_400)] = 0
    attributes: Annotated[dict[str, str], Field(max_length=64)] = {}
    contact_id: Annotated[
        str, Field(max_length=36, description="a UUID of yours: the same one twice is one call-back")
    ] = ""


class CallbackQuery(PageQuery):
    queue_id: Annotated[str, Field(max_length=63)] = ""


class QueueMode(Strict):
    mode: Literal["open", "closed", "mass_outage"]
    announcement_prompt_id: Annotated[
        str, Field(max_length=63, description="what callers hear ahead of the queue in a mass outage")
    ] = ""


class Sizing(Strict):
    """Either customers or calls_per_hour. Left out: as `seatbus size` has it."""

    customers: Annotated[float, Field(gt=0, le=1e11, strict=False)] | None = None
    daily_rate: Annotated[_Share | None, Field(description="calls a customer and day; 0.003")] = None
    busy_hour: Annotated[_Share | None, Field(description="of a day's calls in its busiest hour; 0.2")] = None
    calls_per_hour: Annotated[float, Field(gt=0, le=1e8, strict=False)] | None = None
    aht: Annotated[float, Field(gt=0, le=86_400, strict=False)] | None = None
    max_load: _Share | None = None
    service_level: Annotated[float, Field(gt=0, lt=1, strict=False)] | None = None
    within: Annotated[int, Field(ge=0, le=86_400)] | None = None
    formula: Literal["answered", "offered", "early_abandon_positive", "abandon_ignored"] | None = None
    patience: Annotated[float, Field(gt=0, le=1e6, strict=False)] | None = None
    max_abandonment: _Share | None = None
    max_occupancy: _Share | None = None
    shrinkage: Annotated[float, Field(ge=0, lt=1, strict=False)] | None = None
    agents: Annotated[int, Field(ge=1, le=100_000)] | None = None
    seed: Annotated[int, Field(ge=0, lt=2**63)] | None = None
    simulate: Annotated[bool, Field(description="also on the real routing engine; takes seconds")] = False
