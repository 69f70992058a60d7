"""Targets as the configuration knows them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from seatbus.call.v1 import types_pb2 as call_types
from seatbus.ivr.v1 import types_pb2 as ivr
from seatbus_kit.errors import NotFound
from seatbus_sip.headers import clean_text
from seatbus_sip_edge.domain.destinations import Destination, Kind, destination_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from seatbus.tenancy.v1 import types_pb2 as tenancy
    from seatbus_kit.config_view import ConfigView
    from seatbus_sip.flow import Flow
    from seatbus_sip.message import Request


def _number(value: int) -> ivr.Audio:
    return ivr.Audio(say=ivr.SayValue(kind="number", value=str(value)))


_NUMBER = re.compile(r"[+]?[0-9*#]{2,32}")
_OBJECTS = {Kind.QUEUE: "queue", Kind.FLOW: "flow", Kind.AGENT: "agent"}


class Directory:
    """Looks up queues, flows and agents in the watched copy of the configuration."""

    def __init__(self, config: ConfigView) -> None:
        self._config = config

    def agents_tenant(self, tenant: str, agent_id: str, lent_by: str = "") -> str:
        """Whose agent it is: the tenant's, else of `lent_by`, whose agent has its call. Empty: nobody's."""
        for owner in (tenant, lent_by):
            if owner and self._config.get(owner, "agent", agent_id) is not None:
                return owner
        return ""

    def destination(
        self,
        tenant: str,
        target: call_types.OutboundTarget | tenancy.Route | ivr.TransferAction,
        lent_by: str = "",
    ) -> Destination:
        """The target with its configuration, if it has any. `lent_by` as of `agents_tenant`."""
        bare = destination_of(target)
        if bare.is_agent:
            return destination_of(target, agent_tenant_id=self.agents_tenant(tenant, bare.id, lent_by))
        found = self._config.get(tenant, _OBJECTS[bare.kind], bare.id) if bare.kind in _OBJECTS else None
        if found is None:
            return bare
        return destination_of(
            target,
            queue=found.queue if bare.kind is Kind.QUEUE else None,
            flow_version=found.flow.version if bare.kind is Kind.FLOW else 0,
        )

    def queue(self, tenant: str, queue_id: str) -> tenancy.Queue | None:
        found = self._config.get(tenant, "queue", queue_id)
        return found.queue if found is not None else None

    def fallback(self, tenant: str, number_id: str) -> tenancy.Route | None:
        found = self._config.get(tenant, "number", number_id)
        if found is None or not found.number.HasField("fallback"):
            return None
        return found.number.fallback

    def claimed_device(self, request: Request, flow: Flow) -> str:
        """The username that a request outside of any dialog claims, unless it comes from a trunk."""
        if flow.transport not in ("WS", "WSS") and self._config.trunk_by_source(*flow.remote) is not None:
            return ""
        username = clean_text(request.from_.uri.username)
        return username if self._config.device_by_username(username) is not None else ""

    def overflow(self, tenant: str, queue_id: str) -> Destination | None:
        """Where callers go whom a queue does not take or keep; None where it names nothing."""
        found = self._config.get(tenant, "queue", queue_id)
        if found is None or found.queue.overflow.WhichOneof("target") is None:
            return None
        return self.destination(tenant, found.queue.overflow)

    def comfort(
        self, tenant: str, queue_id: str, number: int, position: int, wait_s: int
    ) -> tuple[ivr.Audio, ...]:
        """Comfort message `number` of a queue: its prompt, then place and minutes if it tells them."""
        found = self._config.get(tenant, "queue", queue_id)
        if found is None:
            return ()
        schedule = found.queue.comfort
        audio = []
        if schedule.prompt_ids:
            audio.append(ivr.Audio(prompt_id=schedule.prompt_ids[number % len(schedule.prompt_ids)]))
        if schedule.position and position:
            audio.append(_number(position))
        if schedule.estimated_wait and wait_s:
            audio.append(_number(max(1, round(wait_s / 60))))
        return tuple(audio)

    def dialled(
        self, tenant: str, user: str, agent_at: Callable[[str, str], str], own: str = ""
    ) -> Destination | None:
        """Whom a phone names by a user part: extension, account, access number, queue, or a number.

        `own`: the tenant of the phone, if it is another one; its people are named as ever.
        """
        for owner in dict.fromkeys((own or tenant, tenant)):
            agent_id = agent_at(owner, user)
            device = self._config.device_by_username(user) if user and not agent_id else None
            if device is not None and device[0] == owner:
                agent_id = device[2].agent_id
            if agent_id:
                return Destination(Kind.AGENT, agent_id, owner)
        number = self._config.number(user) if user else None
        if number is not None and number[0] == tenant and number[2].flow_id:
            return self.destination(tenant, call_types.OutboundTarget(flow_id=number[2].flow_id))
        if user and self._config.get(tenant, "queue", user) is not None:
            return self.destination(tenant, call_types.OutboundTarget(queue_id=user))
        return Destination(Kind.NUMBER, user) if _NUMBER.fullmatch(user) else None

    def existing(self, tenant: str, target: call_types.OutboundTarget, lent_by: str = "") -> Destination:
        """As `destination`. Raises NotFound for a queue, flow or agent that is not there."""
        to = self.destination(tenant, target, lent_by)
        owner = to.tenant_id or tenant
        if to.kind in _OBJECTS and self._config.get(owner, _OBJECTS[to.kind], to.id) is None:
            raise NotFound(f"no {_OBJECTS[to.kind]} {to.id}", field=f"target.{to.kind.value}")
        return to
