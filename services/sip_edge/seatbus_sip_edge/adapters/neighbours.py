"""Commands to the other services: choosing an instance, repeating what may be repeated, until a deadline."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

from seatbus.acd.v1 import service_pb2_grpc as acd_grpc
from seatbus.agent.v1 import service_pb2_grpc as agent_grpc
from seatbus.call.v1 import service_pb2_grpc as call_grpc
from seatbus.ivr.v1 import service_pb2_grpc as ivr_grpc
from seatbus.media.v1 import service_pb2_grpc as media_grpc
from seatbus.reporting.v1 import service_pb2_grpc as reporting_grpc
from seatbus_kit.errors import (
    Conflict,
    DeadlineExceeded,
    OutcomeUnknown,
    SeatbusError,
    Unavailable,
)
from seatbus_kit.rpc.client import invoke

if TYPE_CHECKING:
    from google.protobuf.message import Message

    from seatbus_kit.clock import Clock
    from seatbus_kit.instances import Instances
    from seatbus_kit.rpc import Channels
    from seatbus_kit.trace import TraceContext

T = TypeVar("T")

_STUBS: dict[str, Callable[[Any], Any]] = {
    "media": media_grpc.MediaStub,
    "ivr": ivr_grpc.IvrServiceStub,
    "acd": acd_grpc.AcdServiceStub,
    "agent_state": agent_grpc.AgentStateServiceStub,
    "reporting": reporting_grpc.ReportingServiceStub,
    "sip_edge": call_grpc.CallControlStub,
}
# These say nothing about the request itself: somebody else, or the same one later, may do it.
AWAY = (Unavailable, OutcomeUnknown, DeadlineExceeded, Conflict)
_FIRST_PAUSE_S = 0.05
_LONGEST_PAUSE_S = 1.0


class Neighbours:
    """Stubs by service and address; channels are shared by the process."""

    def __init__(self, instances: Instances, channels: Channels, clock: Clock) -> None:
        self.instances = instances
        self._channels = channels
        self._clock = clock
        self._made: dict[tuple[str, str], Any] = {}

    def stub(self, service: str, address: str) -> Any:
        key = (service, address)
        made = self._made.get(key)
        if made is None:
            made = self._made[key] = _STUBS[service](self._channels.get(address))
        return made

    def edge_stub(self, address: str) -> Any:
        """Of another edge, which is asked by its address alone."""
        return self.stub("sip_edge", address)

    async def command(
        self,
        service: str,
        method: str,
        request: Message,
        *,
        timeout: float,
        deadline: float,
        trace: TraceContext | None = None,
        first_address: str = "",
        instance: str = "",
        go_on: Callable[[], bool] | None = None,
    ) -> Any:
        """Asks until somebody answers or refuses. The request must be idempotent by its request id.

        `deadline` is on the monotonic clock; `instance` pins one instance; `go_on` false ends the attempts
        before the deadline. Raises what the service raised, or Unavailable when the time is up.
        """
        pause = _FIRST_PAUSE_S
        tried: set[str] = set()
        reason: SeatbusError = Unavailable(f"no instance of {service} is there")
        while True:
            left = deadline - self._clock.monotonic()
            if left <= 0 or (go_on is not None and not go_on()):
                raise Unavailable(f"{service}.{method}: {reason}")
            address = first_address
            first_address = ""
            if not address:
                found = (
                    self.instances.get(instance)
                    if instance
                    else self.instances.pick(service, exclude=tried) or self.instances.pick(service)
                )
                if found is not None:
                    address = found.address
                    tried.add(found.id)
            if address:
                try:
                    return await invoke(
                        getattr(self.stub(service, address), method), request, min(timeout, left), trace
                    )
                except AWAY as error:
                    reason = error
            await asyncio.sleep(min(pause, max(left, 0.0)))
            pause = min(pause * 2, _LONGEST_PAUSE_S)
            if len(tried) > 8:
                tried.clear()
