"""Every event of a stream from a place on, in order and exactly once, without acknowledgements.

The client's own ordered consumer is slow to notice a restarted server; this one hears a heartbeat each
second and goes on behind the last event that arrived.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from seatbus_kit.bus import API
from seatbus_kit.errors import InvalidArgument, SeatbusError, Unavailable
from seatbus_kit.events import Delivery, InEvent, read_event
from seatbus_kit.ids import uuid7
from seatbus_kit.log import get_logger

if TYPE_CHECKING:
    from nats.aio.msg import Msg
    from nats.aio.subscription import Subscription

    from seatbus_kit.bus import Bus

log = get_logger("reporting.ordered")

_HEARTBEAT_S: Final = 1.0
_SILENCE_S: Final = 3.0
_RETRY_S: Final = 0.2


class OrderedReader:
    """`deliver` runs on the loop for each event; what it raises is its own to handle."""

    def __init__(
        self, bus: Bus, stream: str, after: int, deliver: Callable[[InEvent], None], policy: dict[str, object]
    ) -> None:
        self._bus = bus
        self._stream = stream
        self._last = after
        self._deliver = deliver
        self._policy = policy  # where to begin when nothing was read before
        self._wake = asyncio.Event()
        self._caught_up = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._sub: Subscription | None = None
        self._name = ""
        self._generation = 0
        self._received = 0
        self._broken = False
        self._heard = 0.0

    async def start(self, timeout: float = 60.0) -> None:
        """Returns when all that was in the stream is delivered. Raises Unavailable after `timeout` s."""
        self._bus.on_reconnect(self._restart)
        self._task = asyncio.create_task(self._run(), name=f"read {self._stream}")
        try:
            async with asyncio.timeout(timeout):
                await self._caught_up.wait()
        except TimeoutError:
            await self.stop()
            raise Unavailable(f"stream {self._stream} could not be read in {timeout} s") from None

    async def stop(self) -> None:
        self._bus.forget(self._restart)
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None
        await self._drop()

    def _restart(self) -> None:
        self._broken = True
        self._wake.set()

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            try:
                await self._subscribe()
                while not self._broken and (left := self._heard + _SILENCE_S - loop.time()) > 0:
                    try:
                        async with asyncio.timeout(left):
                            await self._wake.wait()
                    except TimeoutError:
                        continue
            except SeatbusError as error:
                log.info("reader waits for the bus", stream=self._stream, reason=error.message)
                await asyncio.sleep(_RETRY_S)

    async def _subscribe(self) -> None:
        await self._drop()
        self._generation += 1
        generation = self._generation
        self._wake.clear()
        self._broken, self._received = False, 0
        if not self._bus.connected:
            raise Unavailable("not connected")
        inbox = self._bus.nc.new_inbox()

        async def receive(msg: Msg) -> None:
            if generation == self._generation and not self._broken:
                await self._receive(msg)

        self._sub = await self._bus.nc.subscribe(
            inbox, cb=receive, pending_msgs_limit=1_000_000, pending_bytes_limit=0
        )
        self._name = f"b{uuid7().replace('-', '')}"
        self._heard = asyncio.get_running_loop().time()
        begin: dict[str, object] = (
            {"deliver_policy": "by_start_sequence", "opt_start_seq": self._last + 1}
            if self._last
            else self._policy
        )
        config: dict[str, object] = {
            "name": self._name,
            "deliver_subject": inbox,
            "ack_policy": "none",
            "replay_policy": "instant",
            "idle_heartbeat": int(_HEARTBEAT_S * 1e9),
            "flow_control": True,
            "inactive_threshold": 5_000_000_000,
            "mem_storage": True,
            "num_replicas": 1,
            **begin,
        }
        answer = await self._bus.api(
            f"CONSUMER.CREATE.{self._stream}.{self._name}",
            {"stream_name": self._stream, "config": config},
            timeout=5.0,
        )
        delivered = answer.get("delivered")
        sent = int(delivered.get("consumer_seq", 0)) if isinstance(delivered, dict) else 0
        if int(str(answer.get("num_pending", 0))) == 0 and self._received >= sent:
            self._caught_up.set()

    async def _drop(self) -> None:
        sub, self._sub = self._sub, None
        if sub is None or self._bus.nc.is_closed:
            return
        connected = self._bus.connected
        await sub.unsubscribe()
        if connected:
            # Best effort: an unused consumer ends by itself after five seconds.
            await self._bus.nc.publish(f"{API}CONSUMER.DELETE.{self._stream}.{self._name}")

    async def _receive(self, msg: Msg) -> None:
        self._heard = asyncio.get_running_loop().time()
        headers = msg.headers
        if headers is not None and not msg.data and "Status" in headers:
            await self._control(msg, headers)
            return
        try:
            delivery = Delivery.parse(msg.reply)
        except ValueError:
            return
        if delivery.consumer_seq != self._received + 1:
            self._restart()
            return
        self._received += 1
        self._last = delivery.stream_seq
        try:
            event = read_event(msg.subject, msg.data, headers, delivery)
        except InvalidArgument as error:
            log.error("event skipped, its envelope is broken", subject=msg.subject, reason=str(error))
        else:
            self._deliver(event)
        if delivery.pending == 0:
            self._caught_up.set()

    async def _control(self, msg: Msg, headers: dict[str, str]) -> None:
        if headers["Status"] != "100":
            self._restart()
            return
        answer_to = msg.reply or headers.get("Nats-Consumer-Stalled")
        if answer_to:
            await self._bus.nc.publish(answer_to)
            return
        last = headers.get("Nats-Last-Consumer")
        if last is not None and int(last) != self._received:
            self._restart()
