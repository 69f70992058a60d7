"""The one place where `tenancy` is put together."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from seatbus.tenancy.v1.service_pb2_grpc import add_TenancyServiceServicer_to_server
from seatbus_kit.config_view import ConfigView
from seatbus_kit.drain import Drainer
from seatbus_kit.errors import InvalidArgument
from seatbus_kit.ids import uuid7
from seatbus_tenancy.adapters.audio import PromptAudio
from seatbus_tenancy.adapters.ledger import ConfigLedger
from seatbus_tenancy.adapters.seal import Seal
from seatbus_tenancy.application.configuration import Configuration
from seatbus_tenancy.application.prompts import Prompts
from seatbus_tenancy.application.reading import Reading
from seatbus_tenancy.domain.change import Policy
from seatbus_tenancy.entrypoints.grpc_service import TenancyServicer
from seatbus_tenancy.settings import Settings

if TYPE_CHECKING:
    from seatbus.tenancy.v1.types_pb2 import ConfigVersion
    from seatbus_kit.runtime import Runtime

STALE_S: Final = 10.0


class TenancyApp:
    """Nothing durable is held. Events that a killed replica left in a version record are published by all."""

    def __init__(self, view: ConfigView, ledger: ConfigLedger, drainer: Drainer[ConfigVersion]) -> None:
        self._view = view
        self._ledger = ledger
        self._drainer = drainer

    async def start(self) -> None:
        await self._drainer.start()

    async def drain(self) -> None:
        await self._ledger.versions.flush()

    async def stop(self) -> None:
        await self._drainer.stop()
        await self._ledger.versions.close()
        await self._view.stop()

    def not_ready(self) -> str:
        age = self._view.staleness()
        return f"configuration is {age:.0f} s old" if age > STALE_S else ""


def _policy(settings: Settings) -> Policy:
    if settings.config_key is None:
        return Policy(settings.sip_realm, settings.tenant_max_objects)
    try:
        seal = Seal(settings.config_key.get_secret_value())
    except ValueError as error:
        raise InvalidArgument(f"SEATBUS_CONFIG_KEY: {error}") from None
    return Policy(settings.sip_realm, settings.tenant_max_objects, seal.seal)


async def bootstrap(runtime: Runtime) -> TenancyApp:
    """Returns after a full load of the configuration."""
    settings = runtime.settings
    if not isinstance(settings, Settings):
        raise TypeError(f"tenancy needs its own settings, not {type(settings).__name__}")
    policy = _policy(settings)
    view = ConfigView(runtime.bus, clock=runtime.clock)
    ledger = ConfigLedger(runtime.bus, view, settings.instance_id, runtime.clock)
    await view.start()
    configuration = Configuration(ledger, runtime.clock, policy, uuid7, settings.instance_id)
    prompts = Prompts(ledger, configuration, PromptAudio(runtime.bus))
    servicer = TenancyServicer(configuration, Reading(ledger), prompts)
    runtime.rpc.add(add_TenancyServiceServicer_to_server, servicer)
    return TenancyApp(view, ledger, Drainer(ledger.versions, keys="*.version"))
