"""Targets as the configuration knows them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from seatbus_kit.errors import NotFound
from seatbus_sip_edge.domain.destinations import Kind, destination_of

if TYPE_CHECKING:
    from seatbus.call.v1 import types_pb2 as call_types
    from seatbus.ivr.v1 import types_pb2 as ivr
    from seatbus.tenancy.v1 import types_pb2 as tenancy
    from seatbus_kit.config_view import ConfigView
    from seatbus_sip_edge.domain.destinations import Destination

_OBJECTS = {Kind.QUEUE: "queue", Kind.FLOW: "flow", Kind.AGENT: "agent"}


class Directory:
    """Looks up queues, flows and agents in the watched copy of the configuration."""

    def __init__(self, config: ConfigView) -> None:
        self._config = config

    def destination(
        self, tenant: str, target: call_types.OutboundTarget | tenancy.Route | ivr.TransferAction
    ) -> Destination:
        """The target with its configuration, if it has any."""
        bare = destination_of(target)
        found = self._config.get(tenant, _OBJECTS[bare.kind], bare.id) if bare.kind in _OBJECTS else None
        if found is None:
            return bare
        return destination_of(
            target,
            queue=found.queue if bare.kind is Kind.QUEUE else None,
            flow_version=found.flow.version if bare.kind is Kind.FLOW else 0,
        )

    def existing(self, tenant: str, target: call_types.OutboundTarget) -> Destination:
        """As `destination`. Raises NotFound for a queue, flow or agent that the tenant does not have."""
        to = self.destination(tenant, target)
        if to.kind in _OBJECTS and self._config.get(tenant, _OBJECTS[to.kind], to.id) is None:
            raise NotFound(f"no {_OBJECTS[to.kind]} {to.id}", field=f"target.{to.kind.value}")
        return to
