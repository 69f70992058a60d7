"""Bodies and filters of requests about agents' states."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from seatbus_gateway.application.models import PageQuery, Strict


class AgentAction(Strict):
    """`reason` belongs to not_ready (a reason code) and to complete_wrap_up (a disposition)."""

    action: Literal["login", "logout", "ready", "not_ready", "complete_wrap_up", "extend_wrap_up"]
    reason: Annotated[str, Field(max_length=64)] = ""
    device_id: Annotated[str, Field(max_length=63, description="login: the phone; empty: any")] = ""
    seat_id: Annotated[str, Field(max_length=63, description="login: one agent a seat")] = ""
    take_over: Annotated[bool, Field(description="login: ends one at another seat or phone")] = False
    ready: bool = False
    rid: Annotated[str, Field(max_length=36, description="complete_wrap_up: which; empty: the only one")] = ""
    seconds: Annotated[int, Field(ge=1, le=3600, description="extend_wrap_up: how much longer")] = 60


class ForcedState(Strict):
    presence: Literal["logged_out", "not_ready", "ready"]
    reason: Annotated[str, Field(min_length=1, max_length=64, description="not_ready: a reason code")]


class AgentFilterQuery(BaseModel):
    """Empty fields do not restrict."""

    model_config = ConfigDict(extra="forbid")

    presence: Literal["logged_out", "not_ready", "ready"] | None = None
    work: (
        Literal[
            "reserved",
            "ringing",
            "dialing",
            "talking",
            "held",
            "consulting",
            "conferenced",
            "wrap_up",
            "done",
        ]
        | None
    ) = None
    team_id: Annotated[str, Field(max_length=63)] = ""
    branch_id: Annotated[str, Field(max_length=63)] = ""
    queue_id: Annotated[str, Field(max_length=63, description="has a contact of this queue")] = ""
    seat_id: Annotated[str, Field(max_length=63)] = ""
    overrun: Annotated[bool, Field(description="on a break that has lasted too long")] = False


class AgentPageQuery(AgentFilterQuery, PageQuery):
    pass
