"""The other services, found in the registry and asked by gRPC."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import TypeVar, cast

from google.protobuf.message import Message

from seatbus.acd.v1 import service_pb2_grpc as acd_grpc
from seatbus.agent.v1 import service_pb2_grpc as agent_grpc
from seatbus.call.v1 import service_pb2_grpc as call_grpc
from seatbus.recording.v1 import service_pb2_grpc as recording_grpc
from seatbus.reporting.v1 import service_pb2_grpc as reporting_grpc
from seatbus.tenancy.v1 import service_pb2_grpc as tenancy_grpc
from seatbus_kit.errors import SeatbusError, Unavailable
from seatbus_kit.instances import Instance, Instances
from seatbus_kit.rpc import Channels, invoke, stream

M = TypeVar("M", bound=Message)

_STUBS: dict[str, Callable[..., object]] = {
    "acd": acd_grpc.AcdServiceStub,
    "agent_state": agent_grpc.AgentStateServiceStub,
    "recording": recording_grpc.RecordingServiceStub,
    "reporting": reporting_grpc.ReportingServiceStub,
    "sip_edge": call_grpc.CallControlStub,
    "tenancy": tenancy_grpc.TenancyServiceStub,
}
SERVICES = (
    "sip_edge", "media", "ivr", "acd", "agent_state", "recording", "reporting", "tenancy", "gateway",
)  # fmt: skip
TIMEOUT_S = 5.0


class Neighbours:
    """`ask` goes to one instance of a service; a second one is tried when the first was not reached."""

    def __init__(self, instances: Instances, channels: Channels) -> None:
        self._instances = instances
        self._channels = channels
        self._stubs: dict[tuple[str, str], object] = {}

    def _stub(self, service: str, address: str) -> object:
        key = (service, address)
        found = self._stubs.get(key)
        if found is None:
            found = self._stubs[key] = _STUBS[service](self._channels.get(address))
        return found

    async def ask(
        self, service: str, method: str, request: Message, kind: type[M], timeout: float = TIMEOUT_S
    ) -> M:
        """The answer. Raises the service's refusal, or Unavailable when no instance is there."""
        tried: list[str] = []
        while True:
            instance = self._instances.pick(service, exclude=tried)
            if instance is None:
                raise Unavailable(f"no instance of {service} answers")
            try:
                return await self.ask_at(instance, method, request, kind, timeout)
            except Unavailable:
                tried.append(instance.id)
                if len(tried) > 1:
                    raise

    async def ask_at(
        self, instance: Instance, method: str, request: Message, kind: type[M], timeout: float = TIMEOUT_S
    ) -> M:
        """The answer of exactly this instance."""
        call = cast(
            "Callable[..., Awaitable[M]]", getattr(self._stub(instance.service, instance.address), method)
        )
        return await invoke(call, request, timeout)

    async def ask_all(
        self, service: str, method: str, request: Message, kind: type[M]
    ) -> tuple[list[tuple[Instance, M]], dict[str, SeatbusError]]:
        """Answers of every instance, and the errors of those that gave none."""
        instances = self._instances.all(service)
        results = await asyncio.gather(
            *(self.ask_at(instance, method, request, kind, 2.0) for instance in instances),
            return_exceptions=True,
        )
        answers: list[tuple[Instance, M]] = []
        errors: dict[str, SeatbusError] = {}
        for instance, result in zip(instances, results, strict=True):
            if isinstance(result, SeatbusError):
                errors[instance.id] = result
            elif isinstance(result, BaseException):
                raise result
            else:
                answers.append((instance, result))
        return answers, errors

    def stream(
        self, service: str, method: str, request: Message, kind: type[M], timeout: float | None
    ) -> AsyncIterator[M]:
        """Messages of a server stream of one instance."""
        instance = self._instances.pick(service)
        if instance is None:
            raise Unavailable(f"no instance of {service} answers")
        call = cast("Callable[..., AsyncIterator[M]]", getattr(self._stub(service, instance.address), method))
        return stream(call, request, timeout)

    def status(self) -> dict[str, list[Instance]]:
        """Every service with its live instances."""
        return {service: self._instances.all(service) for service in SERVICES}
