"""Who is reachable where: digest-checked REGISTERs, kept in a bucket and reloaded at start."""

from __future__ import annotations

import asyncio
import hashlib
import itertools
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from google.protobuf.message import DecodeError

from seatbus.call.v1 import types_pb2 as call_types
from seatbus.tenancy.v1 import types_pb2 as tenancy
from seatbus_kit.buckets import Bucket
from seatbus_kit.errors import Conflict, SeatbusError
from seatbus_kit.log import get_logger
from seatbus_kit.watch import Change, Watcher
from seatbus_sip.flow import host_port
from seatbus_sip.headers import clean_text
from seatbus_sip.registrar import Binding, RegisterOutcome, RegistrarPolicy, apply_register, live
from seatbus_sip_edge.application.phones import Phone, address_of, is_translated, path_of, phone_of, stamp_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from seatbus.media.v1 import types_pb2 as media
    from seatbus_kit.bus import Bus
    from seatbus_kit.config_view import ConfigView
    from seatbus_sip.flow import Address, Flow
    from seatbus_sip.message import Request

log = get_logger("sip_edge.registrar")

_PHONES = (tenancy.DEVICE_KIND_SIP, tenancy.DEVICE_KIND_WEBRTC)
_SWEEP_S = 5.0
_KEEP_OPEN_TURNS = 4
_RETRY_S = 0.5
# Of one agent, for one call.
_MOST_PHONES = 10


@dataclass(slots=True)
class _Bound:
    record: call_types.Registration
    binding: Binding
    # Behind a NAT, by UDP: the NAT forgets a way that nothing goes over for half a minute.
    closes: bool


def _binding_id(binding: Binding) -> str:
    return hashlib.blake2s((binding.instance or binding.contact).encode(), digest_size=8).hexdigest()


def _of_record(record: call_types.Registration) -> Binding:
    instance = record.flow_token or None
    return Binding(
        record.contact,
        record.expires_at.ToMicroseconds() / 1e6,
        record.call_id,
        record.cseq,
        record.q,
        instance,
        record.ice,
    )


class Registrar:
    """Bindings by username. The copy in the bucket is written after the answer; it never delays a 200."""

    def __init__(
        self,
        bus: Bus,
        config: ConfigView,
        instance_id: str,
        policy: RegistrarPolicy,
        connected: Callable[[str, Address], bool],
        edge_lives: Callable[[str], bool] = lambda _: False,
    ) -> None:
        self._connected = connected
        self._edge_lives = edge_lives
        self._config = config
        self._instance = instance_id
        self._policy = policy
        self._bucket = Bucket(bus, "registrations")
        self._watcher = Watcher(bus, "registrations")
        self._users: dict[str, dict[str, _Bound]] = {}
        # Bindings that live as long as a connection, by that connection.
        self._on_flow: dict[tuple[str, str], set[tuple[str, str]]] = {}
        self._unwritten: dict[str, call_types.Registration | None] = {}
        self._revisions: dict[str, int] = {}
        self._writing: set[str] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._sweeper: asyncio.Task[None] | None = None
        # Sends a line end to addresses.
        self.keep_open: Callable[[Iterable[Address]], None] = lambda _: None
        # Hears the account whose binding came, was renewed or went.
        self.on_change: Callable[[str], None] | None = None
        # The same, of all edges, and whether the binding is there.
        self.on_binding: Callable[[str, bool], None] | None = None

    async def start(self) -> None:
        self._watcher.subscribe(self._changed)
        await self._watcher.start()
        self._sweeper = asyncio.create_task(self._sweep())

    async def stop(self) -> None:
        if self._sweeper is not None:
            self._sweeper.cancel()
            await asyncio.gather(self._sweeper, return_exceptions=True)
        if self._tasks:
            await asyncio.wait(list(self._tasks), timeout=1.0)
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._watcher.stop()

    # ---- look-ups ---------------------------------------------------------------------------------------
    def reach(
        self,
        tenant: str,
        agent_id: str,
        *,
        device_id: str = "",
        known: tuple[str, str] = ("", ""),
        binding: str = "",
    ) -> Phone | None:
        """The agent's phone: first device by priority that has a live binding, its best binding.

        `device_id` and `known` (source and contact) or `binding` ask for the phone that is in a call already.
        """
        now = time.time()
        for found_id, device in self._config.devices_of(tenant, agent_id):
            if device.kind not in _PHONES or device_id not in ("", found_id):
                continue
            bound = self._live(device.username, now)
            if bound:
                records = [item.record for item in bound]
                same = [record for record in records if stamp_of(record) == binding]
                by_source = [record for record in records if record.source == known[0]]
                by_contact = [record for record in records if record.contact == known[1]]
                return phone_of(found_id, device, (same or by_source or by_contact or records)[0])
        return None

    def rings(self, tenant: str, agent_id: str) -> list[list[Phone]]:
        """The phones that ring for a call: all of a list at once, one list after the other (by q)."""
        first = self.reach(tenant, agent_id)
        found = self._config.get(tenant, "agent", agent_id)
        if first is None or found is None or found.agent.ring_policy != tenancy.RING_POLICY_ALL:
            return [[first]] if first is not None else []
        now = time.time()
        by_q: dict[float, list[Phone]] = {}
        for device_id, device in self._config.devices_of(tenant, agent_id):
            if device.kind in _PHONES:
                for item in self._live(device.username, now):
                    by_q.setdefault(item.binding.q, []).append(phone_of(device_id, device, item.record))
        best_first = [phone for q in sorted(by_q, reverse=True) for phone in by_q[q]][:_MOST_PHONES]
        return [kept for q in sorted(by_q, reverse=True) if (kept := [p for p in by_q[q] if p in best_first])]

    def kinds(self, tenant: str, agent_id: str) -> list[media.EndpointKind]:
        """How the audio of the agent's phones travels, where several ring: each kind once."""
        found = self._config.get(tenant, "agent", agent_id)
        if found is None or found.agent.ring_policy != tenancy.RING_POLICY_ALL:
            return []
        rung = (phone for stage in self.rings(tenant, agent_id) for phone in stage)
        return list(dict.fromkeys(phone.kind for phone in rung))

    def holds(self, tenant: str, agent_id: str, *, binding: str, source: str = "") -> bool:
        """Whether a phone of the agent is registered as `binding`, or from `source`."""
        now = time.time()
        return any(
            stamp_of(item.record) == binding if binding else item.record.source == source
            for _, device in self._config.devices_of(tenant, agent_id)
            for item in self._live(device.username, now)
        )

    def _live(self, username: str, now: float) -> list[_Bound]:
        """Best q first, own flows before those of other edges, the latest first."""
        found = [
            item
            for item in self._users.get(username, {}).values()
            if item.binding.expires_at > now and self._reachable(item.record)
        ]
        return sorted(
            found,
            key=lambda item: (
                -item.binding.q,
                item.record.edge_instance != self._instance,
                -item.binding.expires_at,
            ),
        )

    def _reachable(self, record: call_types.Registration) -> bool:
        """Whoever registered over a connection is reached over that connection alone, through its edge."""
        if record.transport in ("", "udp"):
            return True
        if record.edge_instance != self._instance:
            return self._edge_lives(record.edge_instance)
        return self._connected(record.transport.upper(), address_of(record.source))

    def flow_lost(self, flow: Flow) -> None:
        """A connection has gone: who registered over it is unreachable until registering again."""
        for username, binding_id in self._on_flow.pop((flow.transport.lower(), host_port(flow.remote)), ()):
            bound = self._users.get(username, {})
            if bound.pop(binding_id, None) is None:
                continue
            if not bound:
                self._users.pop(username, None)
            self._store(f"{username}.{binding_id}", None)
            log.info(
                "phone is unreachable, its connection has gone",
                username=username,
                transport=flow.transport.lower(),
                source=host_port(flow.remote),
            )

    def _forget_flow(self, username: str, binding_id: str, item: _Bound) -> None:
        key = (item.record.transport, item.record.source)
        names = self._on_flow.get(key)
        if names is not None:
            names.discard((username, binding_id))
            if not names:
                del self._on_flow[key]

    def registrations(self, tenant: str) -> list[call_types.Registration]:
        now = time.time()
        return [
            item.record
            for bound in self._users.values()
            for item in bound.values()
            if item.record.tenant_id == tenant and item.binding.expires_at > now
        ]

    def is_bound(self, username: str, host: str) -> bool:
        """Whether the user has a live binding from this address."""
        now = time.time()
        return any(
            item.record.source.rpartition(":")[0].strip("[]") == host for item in self._live(username, now)
        )

    # ---- REGISTER ---------------------------------------------------------------------------------------
    def register(self, username: str, request: Request, flow: Flow) -> RegisterOutcome:
        """Applies an authenticated REGISTER. Raises SipParseError for what cannot be read."""
        device = self._config.device_by_username(username)
        if device is None:
            return RegisterOutcome(403, (), ())
        path = path_of(request)
        now = time.time()
        bound = self._users.setdefault(username, {})
        before = [item.binding for item in bound.values()]
        outcome = apply_register(before, request, now, self._policy)
        if outcome.status != 200:
            return outcome
        kept = {_binding_id(binding) for binding in live(outcome.bindings, now)}
        for binding_id in [name for name in bound if name not in kept]:
            self._forget_flow(username, binding_id, bound.pop(binding_id))
            self._store(f"{username}.{binding_id}", None)
        for binding in outcome.added:
            tenant, device_id, found = device
            record = call_types.Registration(
                username=username,
                tenant_id=tenant,
                agent_id=found.agent_id,
                device_id=device_id,
                contact=binding.contact,
                transport=flow.transport.lower(),
                source=host_port(flow.remote),
                edge_instance=self._instance,
                flow_token=binding.instance or "",
                user_agent=clean_text(request.get("User-Agent") or "")[:200],
                q=binding.q,
                call_id=binding.call_id,
                cseq=binding.cseq,
                ice=binding.ice,
                path=path,
            )
            record.expires_at.FromMicroseconds(int(binding.expires_at * 1e6))
            binding_id = _binding_id(binding)
            if (known := bound.get(binding_id)) is not None:
                self._forget_flow(username, binding_id, known)
            bound[binding_id] = _Bound(record, binding, is_translated(record))
            if flow.reliable:
                key = (record.transport, record.source)
                self._on_flow.setdefault(key, set()).add((username, binding_id))
            self._store(f"{username}.{binding_id}", record)
        if not bound:
            self._users.pop(username, None)
        if path and "path" in request.tokens("Supported"):
            # RFC 3327 section 5.3: the phone sees which way its calls come.
            return replace(outcome, headers=(*outcome.headers, *(("Path", route) for route in path)))
        return outcome

    async def _sweep(self) -> None:
        for turn in itertools.count():
            await asyncio.sleep(_SWEEP_S)
            now = time.time()
            self.keep_open(self._closing(turn))
            for username, bound in list(self._users.items()):
                for binding_id, item in list(bound.items()):
                    if item.binding.expires_at > now:
                        continue
                    del bound[binding_id]
                    self._forget_flow(username, binding_id, item)
                    if item.record.edge_instance == self._instance:
                        self._store(f"{username}.{binding_id}", None)
                if not bound:
                    self._users.pop(username, None)

    def _closing(self, turn: int) -> list[Address]:
        """Phones whose way is to be kept open in this turn: each in one of four."""
        return [
            address_of(item.record.source)
            for bound in self._users.values()
            for binding_id, item in bound.items()
            if item.closes
            and item.record.edge_instance == self._instance
            and int(binding_id[-1], 16) % _KEEP_OPEN_TURNS == turn % _KEEP_OPEN_TURNS
        ]

    # ---- the bucket -------------------------------------------------------------------------------------
    def _changed(self, change: Change) -> None:
        username, _, binding_id = change.key.rpartition(".")
        if change.entry is None:
            bound = self._users.get(username, {})
            found = bound.get(binding_id)
            if found is not None and found.record.edge_instance != self._instance:
                del bound[binding_id]
                self._told(username, registered=False)
            return
        self._revisions[change.key] = change.entry.revision
        try:
            record = call_types.Registration.FromString(change.entry.value)
        except DecodeError:
            log.error("registration is unreadable, skipped", key=change.key)
            return
        bound = self._users.setdefault(username, {})
        known = bound.get(binding_id)
        # Our own memory is ahead of what we wrote.
        if record.edge_instance == self._instance and (known is not None or change.key in self._unwritten):
            return
        if record.edge_instance == self._instance and self._watcher.loaded_at > float("-inf"):
            return
        if record.edge_instance == self._instance and not self._reachable(record):
            # The connection ended with the process that had it.
            self._store(change.key, None)
            return
        bound[binding_id] = _Bound(record, _of_record(record), is_translated(record))
        self._told(username, registered=True)

    def _told(self, username: str, *, registered: bool) -> None:
        if self.on_binding is not None:
            self.on_binding(username, registered)

    def _store(self, key: str, record: call_types.Registration | None) -> None:
        """Writes the latest value of a key, one write at a time; `None` removes it."""
        if self.on_change is not None:
            self.on_change(key.rpartition(".")[0])
        self._told(key.rpartition(".")[0], registered=record is not None)
        self._unwritten[key] = record
        if key in self._writing:
            return
        self._writing.add(key)
        task = asyncio.create_task(self._write(key))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _write(self, key: str) -> None:
        try:
            while key in self._unwritten:
                record = self._unwritten[key]
                try:
                    await self._write_once(key, record)
                except Conflict as error:
                    self._revisions[key] = await self._revision(key, error.revision)
                    continue
                except SeatbusError as error:
                    log.info("registration is written later", key=key, reason=str(error))
                    await asyncio.sleep(_RETRY_S)
                    continue
                if self._unwritten.get(key) is record:
                    del self._unwritten[key]
        finally:
            self._writing.discard(key)

    async def _write_once(self, key: str, record: call_types.Registration | None) -> None:
        revision = self._revisions.get(key, 0)
        if record is not None:
            self._revisions[key] = await self._bucket.put(key, record.SerializeToString(), revision)
            return
        if not revision:
            entry = await self._bucket.get(key)
            if entry is None:
                return
            revision = entry.revision
        await self._bucket.purge(key, revision)
        self._revisions.pop(key, None)

    async def _revision(self, key: str, told: int) -> int:
        try:
            entry = await self._bucket.read(key)
        except SeatbusError:
            await asyncio.sleep(_RETRY_S)
            return told
        return entry.revision if entry is not None else 0
