"""The configuration of every tenant, as a live copy with the look-ups that calls need.

Objects are shared and must not be changed. A mapping that is returned is live: copy it before an await.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, TypeAlias

from google.protobuf.message import DecodeError

from seatbus.tenancy.v1 import types_pb2 as tenancy
from seatbus_contracts.sources import SourceError, parse_address, parse_source
from seatbus_contracts.subjects import SubjectError, config_key
from seatbus_kit.log import get_logger
from seatbus_kit.watch import Change, Watcher

if TYPE_CHECKING:
    from seatbus_contracts.sources import Source
    from seatbus_kit.bus import Bus
    from seatbus_kit.clock import Clock

log = get_logger("seatbus.config")

_Id: TypeAlias = "tuple[str, str]"  # tenant, object id
_SourceRule: TypeAlias = "tuple[Source, str, str]"  # source, tenant, trunk id
_NOTHING: Mapping[str, tenancy.ConfigObject] = MappingProxyType({})


class ConfigView:
    """A watched copy of the bucket `config`. All look-ups are by hash, but for trunks known by a network."""

    def __init__(self, bus: Bus, *, clock: Clock | None = None) -> None:
        self._watcher = Watcher(bus, "config", clock=clock)
        self._watcher.subscribe(self._changed)
        self._objects: dict[tuple[str, str], dict[str, tenancy.ConfigObject]] = {}
        self._tenants: dict[str, tenancy.ConfigObject] = {}
        self._versions: dict[str, int] = {}
        self._numbers: dict[str, _Id] = {}
        self._usernames: dict[str, _Id] = {}
        self._devices: dict[_Id, dict[str, tenancy.Device]] = defaultdict(dict)
        self._hosts: dict[str, list[_SourceRule]] = defaultdict(list)
        self._networks: list[_SourceRule] = []
        self._tls_names: dict[str, _Id] = {}
        self._trunk_accounts: dict[str, _Id] = {}
        self._on_change: list[Callable[[str, str, str], None]] = []
        self._on_version: list[Callable[[str, int], None]] = []

    async def start(self, timeout: float = 30.0) -> None:
        """Returns after a full load. Raises Unavailable when there was none within `timeout` s."""
        await self._watcher.start(timeout)

    async def stop(self) -> None:
        await self._watcher.stop()

    def staleness(self) -> float:
        """Seconds since the bus confirmed that this copy is complete; infinite before the first load."""
        return self._watcher.staleness()

    def on_change(self, callback: Callable[[str, str, str], None]) -> None:
        """`callback(tenant, kind, id)` after an object was written or removed; ask `get` which.

        Registered before `start`, it also hears the load. The objects of one change arrive one by one.
        """
        self._on_change.append(callback)

    def on_version(self, callback: Callable[[str, int], None]) -> None:
        """`callback(tenant, version)` after the whole of a change has arrived."""
        self._on_version.append(callback)

    def get(self, tenant: str, kind: str, id: str) -> tenancy.ConfigObject | None:
        """`kind` is the name of the oneof field, for example "queue"."""
        return self._objects.get((tenant, kind), _NOTHING).get(id)

    async def ask(self, tenant: str, kind: str, id: str) -> tenancy.ConfigObject | None:
        """As `get`; what is not here may only not have arrived yet: the bus is asked. Raises Unavailable."""
        found = self.get(tenant, kind, id)
        if found is not None:
            return found
        try:
            key = config_key(tenant, kind, id)
        except SubjectError:
            return None
        await self._watcher.refresh(key)
        return self.get(tenant, kind, id)

    def objects(self, tenant: str, kind: str) -> Mapping[str, tenancy.ConfigObject]:
        """All objects of a kind by id, live."""
        return self._objects.get((tenant, kind), _NOTHING)

    def tenants(self) -> Mapping[str, tenancy.ConfigObject]:
        """The tenant objects by tenant id, live."""
        return self._tenants

    def version(self, tenant: str) -> int:
        """The last change of the tenant that has arrived as a whole; 0 when there was none."""
        return self._versions.get(tenant, 0)

    def number(self, e164: str) -> tuple[str, str, tenancy.Number] | None:
        """Who owns an access number (with or without the leading +): tenant, id, number."""
        owner = self._numbers.get(e164.removeprefix("+"))
        found = self.get(owner[0], "number", owner[1]) if owner else None
        return (owner[0], owner[1], found.number) if owner and found else None

    def device_by_username(self, username: str) -> tuple[str, str, tenancy.Device] | None:
        """The device of a digest account: tenant, id, device."""
        owner = self._usernames.get(username)
        found = self.get(owner[0], "device", owner[1]) if owner else None
        return (owner[0], owner[1], found.device) if owner and found else None

    def devices_of(self, tenant: str, agent_id: str) -> list[tuple[str, tenancy.Device]]:
        """Devices of an agent, the lowest `priority` first, equal ones by id."""
        devices = self._devices.get((tenant, agent_id))
        if not devices:
            return []
        return sorted(devices.items(), key=lambda item: (item[1].priority, item[0]))

    def trunk_by_source(self, host: str, port: int) -> tuple[str, str, tenancy.Trunk] | None:
        """The trunk that a packet from `host:port` belongs to: tenant, id, trunk.

        The most specific source wins: an address before a network, a longer prefix before a shorter one, and
        at equal length the one that names the port.
        """
        address = parse_address(host)
        if address is None:
            return None
        for source, tenant, id in self._hosts.get(str(address), ()):
            if source.port is None or source.port == port:
                return self._trunk(tenant, id)
        for source, tenant, id in self._networks:
            if (source.port is None or source.port == port) and address in source.network:
                return self._trunk(tenant, id)
        return None

    def trunk_by_tls_name(self, name: str) -> tuple[str, str, tenancy.Trunk] | None:
        """The trunk whose client certificate has this name: tenant, id, trunk."""
        owner = self._tls_names.get(name.lower())
        return self._trunk(*owner) if owner else None

    def trunk_by_username(self, username: str) -> tuple[str, str, tenancy.Trunk] | None:
        """The trunk that proves itself with this digest account: tenant, id, trunk."""
        owner = self._trunk_accounts.get(username)
        return self._trunk(*owner) if owner else None

    def _trunk(self, tenant: str, id: str) -> tuple[str, str, tenancy.Trunk] | None:
        found = self.get(tenant, "trunk", id)
        return (tenant, id, found.trunk) if found else None

    def _changed(self, change: Change) -> None:
        tenant, _, rest = change.key.partition(".")
        if tenant == "_claim":
            return
        kind, dot, id = rest.partition(".")
        if not dot:
            if kind == "version":
                self._version_changed(tenant, change)
            return
        new: tenancy.ConfigObject | None = None
        if change.entry is not None:
            new = self._parse(change.key, kind, change.entry.value)
            if new is None:
                return
        of_kind = self._objects.setdefault((tenant, kind), {})
        old = of_kind.get(id)
        if old is not None:
            self._unindex(tenant, kind, id, old)
        if new is None:
            of_kind.pop(id, None)
        else:
            of_kind[id] = new
            self._index(tenant, kind, id, new)
        for callback in self._on_change:
            callback(tenant, kind, id)

    def _version_changed(self, tenant: str, change: Change) -> None:
        if change.entry is None:
            self._versions.pop(tenant, None)
            return
        record = tenancy.ConfigVersion()
        try:
            record.ParseFromString(change.entry.value)
        except DecodeError:
            log.error("configuration version is unreadable, the last one is kept", tenant=tenant)
            return
        version = record.meta.seq
        self._versions[tenant] = version
        for callback in self._on_version:
            callback(tenant, version)

    @staticmethod
    def _parse(key: str, kind: str, value: bytes) -> tenancy.ConfigObject | None:
        found = tenancy.ConfigObject()
        try:
            found.ParseFromString(value)
        except DecodeError:
            log.error("configuration object is unreadable, the last one is kept", key=key)
            return None
        if found.WhichOneof("object") != kind:
            log.error("configuration object is not of its key's kind, the last one is kept", key=key)
            return None
        return found

    def _index(self, tenant: str, kind: str, id: str, item: tenancy.ConfigObject) -> None:
        owner = (tenant, id)
        if kind == "number":
            self._numbers[item.number.e164.removeprefix("+")] = owner
        elif kind == "device":
            if item.device.username:
                self._usernames[item.device.username] = owner
            self._devices[tenant, item.device.agent_id][id] = item.device
        elif kind == "trunk":
            self._index_trunk(tenant, id, item.trunk)
        elif kind == "tenant":
            self._tenants[tenant] = item

    def _unindex(self, tenant: str, kind: str, id: str, item: tenancy.ConfigObject) -> None:
        # A value may have moved to another object in the same change: only its present owner gives it up.
        owner = (tenant, id)
        if kind == "number":
            value = item.number.e164.removeprefix("+")
            if self._numbers.get(value) == owner:
                del self._numbers[value]
        elif kind == "device":
            if self._usernames.get(item.device.username) == owner:
                del self._usernames[item.device.username]
            of_agent = self._devices[tenant, item.device.agent_id]
            of_agent.pop(id, None)
            if not of_agent:
                del self._devices[tenant, item.device.agent_id]
        elif kind == "trunk":
            for host, rules in list(self._hosts.items()):
                rules[:] = [rule for rule in rules if rule[1:] != owner]
                if not rules:
                    del self._hosts[host]
            self._networks = [rule for rule in self._networks if rule[1:] != owner]
            if self._tls_names.get(item.trunk.tls_name.lower()) == owner:
                del self._tls_names[item.trunk.tls_name.lower()]
            if self._trunk_accounts.get(item.trunk.username) == owner:
                del self._trunk_accounts[item.trunk.username]
        elif kind == "tenant":
            self._tenants.pop(tenant, None)

    def _index_trunk(self, tenant: str, id: str, trunk: tenancy.Trunk) -> None:
        if trunk.tls_name:
            self._tls_names[trunk.tls_name.lower()] = (tenant, id)
        if trunk.challenge and trunk.username:
            self._trunk_accounts[trunk.username] = (tenant, id)
        for text in trunk.source_addresses:
            try:
                source = parse_source(text)
            except SourceError as error:
                log.error("source address of a trunk is skipped", tenant=tenant, trunk=id, reason=str(error))
                continue
            rules = self._hosts[str(source.network.network_address)] if source.single else self._networks
            rules.append((source, tenant, id))
            rules.sort(key=_most_specific_first)


def _most_specific_first(rule: _SourceRule) -> tuple[int, bool, str, str]:
    source, tenant, id = rule
    length, has_port = source.specificity
    return -length, not has_port, tenant, id
