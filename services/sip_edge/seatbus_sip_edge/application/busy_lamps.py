"""Busy lamps: a phone subscribes to an agent of its tenant and is told who rings and who talks (RFC 4235).

What an agent does is read from the bus, so that it is right whichever edge owns the calls. Subscriptions are
in memory alone: after a restart a phone's refresh gets 481, and it subscribes anew.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from google.protobuf.message import DecodeError

from seatbus.agent.v1 import types_pb2 as agent_types
from seatbus_contracts.subjects import record_key
from seatbus_kit.errors import SeatbusError
from seatbus_kit.log import get_logger
from seatbus_kit.watch import Change, Watcher
from seatbus_sip.dialog import Dialog
from seatbus_sip.errors import IllegalTransitionError, SipError
from seatbus_sip.headers import clean_text
from seatbus_sip.subscriptions import (
    DIALOG_INFO,
    SubscriptionEvent,
    SubscriptionPolicy,
    SubscriptionState,
    WatchedDialog,
    dialog_info,
    grant,
    subscription_step,
)
from seatbus_sip.tables import DialogState
from seatbus_sip_edge.application.sip_side import own_contact
from seatbus_sip_edge.domain.destinations import Kind

if TYPE_CHECKING:
    from seatbus_kit.bus import Bus
    from seatbus_sip.flow import Flow
    from seatbus_sip.message import Request, Response
    from seatbus_sip.transactions import ClientTransaction, ServerTransaction
    from seatbus_sip_edge.application.edge import Edge

log = get_logger("sip_edge.lamps")

PACKAGE: Final = "dialog"
_LOAD_S: Final = 3.0
# Of one device: a side car of keys has some dozens.
_MOST: Final = 100
_EARLY: Final = (agent_types.WORK_STATE_RINGING, agent_types.WORK_STATE_DIALING)
_TALKS: Final = (
    agent_types.WORK_STATE_TALKING,
    agent_types.WORK_STATE_HELD,
    agent_types.WORK_STATE_CONSULTING,
    agent_types.WORK_STATE_CONFERENCED,
)
_Key = tuple[str, str]


def dialogs_of(state: agent_types.AgentState) -> list[WatchedDialog]:
    """What the agent has in hand, as a lamp shows it; who called is nobody else's business."""
    found = []
    for item in state.work:
        if item.state in (*_EARLY, *_TALKS):
            shown = "early" if item.state in _EARLY else "confirmed"
            initiator = item.kind == "outbound" or item.state == agent_types.WORK_STATE_DIALING
            found.append(WatchedDialog(item.rid, shown, initiator))
    return found


@dataclass(slots=True, eq=False)
class Lamp:
    """One subscription. `waits`: a NOTIFY is under way; `changed`: there is more to tell after it."""

    dialog: Dialog
    flow: Flow
    username: str
    agent: str
    entity: str
    event: str
    state: SubscriptionState = SubscriptionState.ACTIVE
    expires_at: float = 0.0
    version: int = -1
    waits: bool = False
    changed: bool = False
    shown: tuple[WatchedDialog, ...] = ()
    alarm: asyncio.TimerHandle | None = None

    @property
    def key(self) -> _Key:
        return self.dialog.call_id, self.dialog.local_tag


class BusyLamps:
    def __init__(self, edge: Edge, bus: Bus, policy: SubscriptionPolicy) -> None:
        self._edge = edge
        self._bus = bus
        self._policy = policy
        self._watcher: Watcher | None = None
        self._lamps: dict[_Key, Lamp] = {}
        self._by_agent: dict[str, set[Lamp]] = {}
        self._loading = asyncio.Lock()
        self._tasks: set[asyncio.Task[None]] = set()

    def __len__(self) -> int:
        return len(self._lamps)

    async def stop(self) -> None:
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for lamp in list(self._lamps.values()):
            self._forget(lamp)
        if self._watcher is not None:
            await self._watcher.stop()

    def knows(self, call_id: str, tag: str) -> bool:
        return (call_id, tag) in self._lamps

    # ---- SUBSCRIBE --------------------------------------------------------------------------------------
    def subscribe(self, tx: ServerTransaction, request: Request, flow: Flow, username: str) -> None:
        """A new one, of a device that has proved itself. Raises SipError."""
        task = asyncio.create_task(self._subscribe(tx, request, flow, username))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _subscribe(self, tx: ServerTransaction, request: Request, flow: Flow, username: str) -> None:
        edge = self._edge
        try:
            response = await self._answer(tx, request, flow, username)
        except SipError as error:
            response = tx.response(error.status)
        except SeatbusError as error:
            log.warning("no lamps while agents cannot be watched", reason=str(error))
            response = tx.response(503)
            response.set("Retry-After", "10")
        edge.stack.layer.respond(tx, response, edge.stack.now)
        lamp = self._lamps.get((tx.call_id, tx.local_tag))
        if lamp is not None and response.status == 200:
            self._after(lamp, request)
        edge.stack.pump()

    async def _answer(self, tx: ServerTransaction, request: Request, flow: Flow, username: str) -> Response:
        edge = self._edge
        granted = grant(request, PACKAGE, DIALOG_INFO, self._policy)
        device = edge.config.device_by_username(username)
        user = clean_text(request.target.username)
        to = edge.directory.dialled(device[0], user, edge.dialling.agent_at) if device is not None else None
        response = tx.response(granted.status)
        for name, value in granted.headers:
            response.set(name, value)
        if granted.status != 200:
            return response
        if device is None or to is None or to.kind is not Kind.AGENT:
            return tx.response(404)
        if sum(lamp.username == username for lamp in self._lamps.values()) >= _MOST:
            refused = tx.response(403)
            refused.set("Warning", f'399 seatbus "a device has at most {_MOST} subscriptions"')
            return refused
        dialog = Dialog.uas(request, tx.local_tag, own_contact(edge.stack, flow))
        dialog.state = DialogState.CONFIRMED
        await self._watch()
        entity = f"sip:{user}@{edge.settings.sip_realm}"
        lamp = Lamp(
            dialog, flow, username, record_key(device[0], to.id), entity, request.get("Event") or PACKAGE
        )
        self._lamps[lamp.key] = lamp
        self._by_agent.setdefault(lamp.agent, set()).add(lamp)
        response.set("Contact", dialog.contact)
        return response

    def within(self, tx: ServerTransaction, request: Request) -> bool:
        """A request in a subscription's dialog; False if it is none of these."""
        lamp = self._lamps.get((request.call_id, request.to.tag or ""))
        if lamp is None or lamp.dialog.remote_tag != request.from_.tag:
            return False
        layer, now = self._edge.stack.layer, self._edge.stack.now
        if request.method != "SUBSCRIBE":
            response = tx.response(405)
            response.set("Allow", "SUBSCRIBE")
            layer.respond(tx, response, now)
            return True
        try:
            lamp.dialog.on_request(request)
            granted = grant(request, PACKAGE, DIALOG_INFO, self._policy)
        except SipError as error:
            layer.respond(tx, tx.response(error.status), now)
            return True
        response = tx.response(granted.status)
        for name, value in granted.headers:
            response.set(name, value)
        if granted.status == 200:
            response.set("Contact", lamp.dialog.contact)
        layer.respond(tx, response, now)
        if granted.status == 200:
            lamp.flow = tx.flow
            self._after(lamp, request)
        return True

    def _after(self, lamp: Lamp, request: Request) -> None:
        """RFC 6665 section 4.2.1.2: each SUBSCRIBE is followed by a NOTIFY."""
        seconds = grant(request, PACKAGE, DIALOG_INFO, self._policy).seconds
        self._move(lamp, SubscriptionEvent.REFRESHED if seconds else SubscriptionEvent.LEFT)
        if lamp.alarm is not None:
            lamp.alarm.cancel()
        lamp.expires_at = self._edge.monotonic() + seconds
        if seconds:
            lamp.alarm = self._edge.loop.call_later(seconds, self._expired, lamp)
        self._tell(lamp)

    def _move(self, lamp: Lamp, event: SubscriptionEvent) -> None:
        lamp.state = subscription_step(lamp.state, event)

    def _expired(self, lamp: Lamp) -> None:
        self._move(lamp, SubscriptionEvent.EXPIRED)
        self._tell(lamp)
        self._edge.stack.pump()

    def _forget(self, lamp: Lamp) -> None:
        if lamp.alarm is not None:
            lamp.alarm.cancel()
        self._lamps.pop(lamp.key, None)
        watching = self._by_agent.get(lamp.agent, set())
        watching.discard(lamp)
        if not watching:
            self._by_agent.pop(lamp.agent, None)

    # ---- NOTIFY -----------------------------------------------------------------------------------------
    def _tell(self, lamp: Lamp) -> None:
        """The whole state. One at a time: what changes meanwhile is told after it."""
        over = lamp.state is SubscriptionState.TERMINATED
        if lamp.waits and not over:
            lamp.changed = True
            return
        lamp.waits, lamp.changed = True, False
        lamp.version += 1
        lamp.shown = self._shown(lamp.agent)
        left = max(0, round(lamp.expires_at - self._edge.monotonic()))
        headers = {
            "Event": lamp.event,
            "Subscription-State": "terminated;reason=timeout" if over else f"active;expires={left}",
        }
        body = dialog_info(lamp.entity, lamp.version, lamp.shown)
        request = lamp.dialog.request("NOTIFY", body, DIALOG_INFO, headers)
        if over:
            self._forget(lamp)
        stack = self._edge.stack
        stack.layer.send_request(request, lamp.flow, stack.now)

    def on_response(self, tx: ClientTransaction, response: Response) -> bool:
        """False: it is no NOTIFY of a subscription."""
        if tx.method != "NOTIFY":
            return False
        lamp = self._lamps.get((tx.call_id, response.from_.tag or ""))
        if lamp is not None and response.status >= 200:
            self._told(lamp, response.status)
        return True

    def on_no_response(self, tx: ClientTransaction) -> None:
        tag = tx.request.from_.tag if tx.request is not None else None
        lamp = self._lamps.get((tx.call_id, tag or ""))
        if lamp is not None:
            self._told(lamp, 408)

    def _told(self, lamp: Lamp, status: int) -> None:
        lamp.waits = False
        if status >= 300:
            log.info("a phone wants no lamp any more", username=lamp.username, status=status)
            try:
                self._move(lamp, SubscriptionEvent.REFUSED)
            except IllegalTransitionError:
                log.error("a subscription was refused twice", username=lamp.username)
            self._forget(lamp)
        elif lamp.changed:
            self._tell(lamp)

    # ---- what agents do ---------------------------------------------------------------------------------
    async def _watch(self) -> None:
        """Raises Unavailable while the bus does not say what agents do."""
        async with self._loading:
            if self._watcher is None:
                made = Watcher(self._bus, "agents")
                made.subscribe(self._changed)
                await made.start(_LOAD_S)
                self._watcher = made

    def _shown(self, key: str) -> tuple[WatchedDialog, ...]:
        entry = self._watcher.entries.get(key) if self._watcher is not None else None
        if entry is None:
            return ()
        try:
            return tuple(dialogs_of(agent_types.AgentState.FromString(entry.value)))
        except DecodeError:
            log.error("what an agent does is unreadable", key=key)
            return ()

    def _changed(self, change: Change) -> None:
        watching = self._by_agent.get(change.key)
        if not watching:
            return
        shown = self._shown(change.key)
        for lamp in list(watching):
            if lamp.shown != shown:
                self._tell(lamp)
        self._edge.stack.pump()
