"""A durable consumer of events: batches in, acknowledged after the handler returned. A message that holds
several facts is taken apart and acknowledged when all of them are handled.

Deliveries repeat (a killed server forgets acknowledgements too) and, after a failure, change their order: a
handler must bear both, `seq` tells. Nothing is pulled while the handler is behind, so a slow one is felt by
the stream, not by this process's memory.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

import nats.errors
import orjson

from seatbus_kit.burst import read_events
from seatbus_kit.bus import API
from seatbus_kit.clock import to_rfc3339
from seatbus_kit.errors import InvalidArgument, OutcomeUnknown, SeatbusError, Unavailable
from seatbus_kit.events import CAUSATION, PRODUCER, SEQ, TIME, TRACEPARENT, TYPE, Delivery, InEvent
from seatbus_kit.log import get_logger

if TYPE_CHECKING:
    from nats.aio.msg import Msg
    from nats.aio.subscription import Subscription

    from seatbus_kit.bus import Bus

log = get_logger("seatbus.consumer")

Handler: TypeAlias = Callable[[list[InEvent]], Awaitable[None]]

# What a killed process had not acknowledged comes back after this. A handler that takes longer is announced
# to the server meanwhile.
ACK_WAIT_S: Final = 5.0
_WORKING_EVERY_S: Final = 2.0
_PULL_S: Final = 10.0
_HEARTBEAT_S: Final = 1.0
_ACK: Final = b"+ACK"
_WORKING: Final = b"+WPI"
_AGAIN: Final = b"-NAK"
_NEVER: Final = b"+TERM"


@dataclass(slots=True)
class _Item:
    msg: Msg
    events: list[InEvent]


class Consumer:
    """Several processes may run the same `durable`; each message goes to one of them.

    When the handler raises a retryable SeatbusError, the batch is tried again until it succeeds (somebody we
    need is away). Any other error is a poisoned event: the batch is retried one by one, the message of one
    that fails alone is redelivered with growing delay, and after `max_deliver` deliveries that event goes to
    `sb_dlq.<stream>.<durable>`, by itself; so the others of a burst are handled once more with each delivery.
    A message that cannot be read goes there at once, as it is.
    """

    def __init__(
        self,
        bus: Bus,
        stream: str,
        durable: str,
        handler: Handler,
        filter_subjects: Sequence[str] = (),
        *,
        batch: int = 500,
        linger: float = 0.05,
        max_deliver: int = 8,
        deliver: Literal["all", "new"] = "all",
    ) -> None:
        self._bus = bus
        self._stream = stream
        self._durable = durable
        self._handler = handler
        self._filters = list(filter_subjects)
        self._batch = batch
        self._linger = linger
        self._max_deliver = max_deliver
        self._deliver = deliver
        self._inbox = ""
        self._pulls = 0
        self._open = False  # a pull is outstanding
        self._left = 0
        self._healthy = True
        self._heard = 0.0
        self._buffer: deque[Msg] = deque()
        self._wake = asyncio.Event()
        self._sub: Subscription | None = None
        self._task: asyncio.Task[None] | None = None
        self._stopping = False

    async def start(self) -> None:
        """Makes the durable if it is missing, and consumes. Raises as `Bus.api` does."""
        await self._ensure()
        self._inbox = self._bus.nc.new_inbox()
        self._sub = await self._bus.nc.subscribe(f"{self._inbox}.*", cb=self._received, pending_bytes_limit=0)
        self._bus.on_reconnect(self._reconnected)
        self._task = asyncio.create_task(self._run(), name=f"consume {self._stream}.{self._durable}")

    async def stop(self, timeout: float = 5.0) -> None:
        """Finishes the batch in work, gives back what was pulled beyond it."""
        self._stopping = True
        self._wake.set()
        self._bus.forget(self._reconnected)
        if self._task is not None:
            await asyncio.wait([self._task], timeout=timeout)
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        if self._sub is not None and not self._bus.nc.is_closed:
            await self._sub.unsubscribe()
        for msg in self._buffer:
            await self._reply(msg, _AGAIN)
        self._buffer.clear()

    async def _ensure(self) -> None:
        config: dict[str, object] = {
            "durable_name": self._durable,
            "name": self._durable,
            "ack_policy": "explicit",
            "ack_wait": int(ACK_WAIT_S * 1e9),
            "deliver_policy": self._deliver,
            "replay_policy": "instant",
            "max_deliver": -1,
            "max_ack_pending": max(1000, 4 * self._batch),
        }
        if len(self._filters) == 1:
            config["filter_subject"] = self._filters[0]
        elif self._filters:
            config["filter_subjects"] = self._filters
        await self._bus.api(
            f"CONSUMER.CREATE.{self._stream}.{self._durable}",
            {"stream_name": self._stream, "config": config},
        )

    def _reconnected(self) -> None:
        self._open = False
        self._wake.set()

    async def _received(self, msg: Msg) -> None:
        self._heard = asyncio.get_running_loop().time()
        headers = msg.headers
        if headers is not None and not msg.data and "Status" in headers:
            status = headers["Status"]
            if status != "100" and msg.subject.rpartition(".")[2] == str(self._pulls):
                self._open = False
                self._healthy = status in {"404", "408"} or "Completed" in headers.get("Description", "")
        else:
            self._buffer.append(msg)
        self._wake.set()

    async def _pull(self) -> None:
        self._pulls += 1
        request = {
            "batch": self._batch,
            "expires": int(_PULL_S * 1e9),
            "idle_heartbeat": int(_HEARTBEAT_S * 1e9),
        }
        self._heard = asyncio.get_running_loop().time()
        try:
            await self._bus.nc.publish(
                f"{API}CONSUMER.MSG.NEXT.{self._stream}.{self._durable}",
                orjson.dumps(request),
                f"{self._inbox}.{self._pulls}",
            )
        except nats.errors.Error as error:
            raise Unavailable(f"cannot pull: {error}") from error
        self._open = True
        self._left = self._batch

    async def _run(self) -> None:
        while not self._stopping:
            try:
                if not self._healthy:
                    # A new leader, or somebody removed the consumer.
                    await asyncio.sleep(0.1)
                    await self._ensure()
                    self._healthy = True
                if not self._open and len(self._buffer) < self._batch:
                    await self._pull()
                items = await self._gather()
                if items:
                    await self._work(items)
            except (Unavailable, OutcomeUnknown) as error:
                log.info("consumer waits for the bus", durable=self._durable, reason=error.message)
                self._open = False
                await asyncio.sleep(0.2)

    async def _wait(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._wake.wait()
        except TimeoutError:
            return

    async def _gather(self) -> list[_Item]:
        """Waits for a first message, then for a full batch or `linger` seconds."""
        loop = asyncio.get_running_loop()
        self._wake.clear()
        if not self._buffer:
            await self._wait(_HEARTBEAT_S)
            if not self._buffer:
                if self._open and loop.time() - self._heard > 3 * _HEARTBEAT_S:
                    self._open = False
                return []
        until = loop.time() + self._linger
        while len(self._buffer) < self._batch and not self._stopping:
            left = until - loop.time()
            if left <= 0:
                break
            self._wake.clear()
            await self._wait(left)
        items: list[_Item] = []
        while self._buffer and len(items) < self._batch:
            msg = self._buffer.popleft()
            self._left -= 1
            try:
                items.append(
                    _Item(msg, read_events(msg.subject, msg.data, msg.headers, Delivery.parse(msg.reply)))
                )
            except (InvalidArgument, ValueError) as error:
                if await self._bury(msg, error):
                    await self._reply(msg, _NEVER)
        if self._left <= 0:
            self._open = False
        return items

    async def _work(self, items: list[_Item]) -> None:
        word = _ACK
        try:
            if not await self._handle(items, [event for item in items for event in item.events]):
                word = _AGAIN
        except Exception as error:  # noqa: BLE001 - any error of a handler means a poisoned message
            log.warning(
                "batch failed, trying one by one", durable=self._durable, size=len(items), error=repr(error)
            )
            for item in items:
                await self._single(item)
            return
        for item in items:
            await self._reply(item.msg, word)

    async def _keep(self, items: list[_Item]) -> None:
        """While a handler works, nobody else is to get its batch, nor what waits behind it."""
        while True:
            await asyncio.sleep(_WORKING_EVERY_S)
            await self._working(items)

    async def _working(self, items: list[_Item]) -> None:
        for msg in (*(item.msg for item in items), *self._buffer):
            await self._reply(msg, _WORKING)

    async def _single(self, item: _Item) -> None:
        """Each event of a message by itself: one that fails keeps none of the others from being handled."""
        failed: list[tuple[InEvent, Exception]] = []
        for event in item.events:
            try:
                if not await self._handle([item], [event]):
                    await self._reply(item.msg, _AGAIN)
                    return
            except Exception as error:  # noqa: BLE001 - as above
                failed.append((event, error))
        if not failed:
            await self._reply(item.msg, _ACK)
        elif item.events[0].deliveries >= self._max_deliver:
            for event, why in failed:
                if not await self._bury(item.msg, why, event if len(item.events) > 1 else None):
                    return
            await self._reply(item.msg, _NEVER)
        else:
            await self._later(item.msg, *failed[0])

    async def _later(self, msg: Msg, event: InEvent, error: Exception) -> None:
        delay = min(0.1 * 2**event.deliveries, 30.0)
        log.warning(
            "event failed",
            durable=self._durable,
            event_id=event.event_id,
            deliveries=event.deliveries,
            retry_in_s=delay,
            error=repr(error),
        )
        await self._reply(msg, b'-NAK {"delay": %d}' % int(delay * 1e9))

    async def _handle(self, items: list[_Item], events: list[InEvent]) -> bool:
        """Calls the handler until it succeeds or fails for good; False when this consumer stops meanwhile."""
        keeper = asyncio.create_task(self._keep(items), name=f"keep {self._stream}.{self._durable}")
        try:
            return await self._try(items, events)
        finally:
            keeper.cancel()

    async def _try(self, items: list[_Item], events: list[InEvent]) -> bool:
        delay = 0.1
        while True:
            try:
                await self._handler(events)
                return True
            except SeatbusError as error:
                if not error.retryable:
                    raise
                if self._stopping:
                    return False
                log.info("handler waits", durable=self._durable, reason=str(error), retry_in_s=delay)
            await self._working(items)
            await asyncio.sleep(delay)
            delay = min(delay * 2, 5.0)

    async def _bury(self, msg: Msg, error: Exception, event: InEvent | None = None) -> bool:
        """Moves a message, or one `event` of it, to the dead letters; whether it is there."""
        try:
            delivery = Delivery.parse(msg.reply)
            letter = f"{self._stream}/{self._durable}/{delivery.stream_seq}"
            if event is None:
                payload = msg.data
                headers = {
                    name: value for name, value in (msg.headers or {}).items() if not name.startswith("Nats-")
                }
            else:
                payload, letter, headers = event.payload, f"{letter}/{event.seq}", _headers_of(event)
            headers["Sb-Subject"] = msg.subject
            headers["Sb-Error"] = " ".join(repr(error).split())[:512]
            headers["Nats-Msg-Id"] = letter
            headers["Sb-Deliveries"] = str(delivery.deliveries)
            await self._bus.store(f"sb_dlq.{self._stream}.{self._durable}", payload, headers)
        except (SeatbusError, ValueError) as failure:
            log.error("dead letter not stored, it will come again", subject=msg.subject, error=repr(failure))
            return False
        log.error("event moved to the dead letters", subject=msg.subject, error=repr(error))
        return True

    async def _reply(self, msg: Msg, word: bytes) -> None:
        try:
            await self._bus.nc.publish(msg.reply, word)
        except nats.errors.Error:
            # Not acknowledged: it will be delivered again.
            log.debug("acknowledgement lost", subject=msg.subject)


def _headers_of(event: InEvent) -> dict[str, str]:
    """Those of a message that holds this event alone."""
    headers = {
        TYPE: event.type_name,
        SEQ: str(event.seq),
        TIME: to_rfc3339(event.occurred_at),
        PRODUCER: event.producer,
        CAUSATION: event.causation,
        TRACEPARENT: event.trace.to_traceparent() if event.trace is not None else "",
    }
    return {name: value for name, value in headers.items() if value}
