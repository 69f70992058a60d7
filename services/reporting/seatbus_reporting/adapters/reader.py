"""Every message of a stream from a place on, in order and once, without acknowledgements; what it holds is
given as a whole, one event or several of one entity, which all have its place.

Events are pulled, all that is there at once and at most every `pace()` seconds: a message that comes alone
costs this process four times as much as one that comes with others. While nothing is there the server holds
the pull and answers it with the first event, so that a quiet stream is heard at once and costs nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

import nats.errors
import orjson

from seatbus_kit.burst import read_events
from seatbus_kit.bus import API
from seatbus_kit.errors import InvalidArgument, SeatbusError, Unavailable
from seatbus_kit.events import Delivery, InEvent, unreadable
from seatbus_kit.ids import uuid7
from seatbus_kit.log import get_logger

if TYPE_CHECKING:
    from nats.aio.msg import Msg
    from nats.aio.subscription import Subscription

    from seatbus_kit.bus import Bus

log = get_logger("reporting.reader")

_HEARTBEAT_S: Final = 1.0
_SILENCE_S: Final = 3.5
_PULL_S: Final = 30.0
_RETRY_S: Final = 0.2
_BATCH: Final = 1000
_CATCH_UP_S: Final = 600.0

ALL: Final[Mapping[str, object]] = MappingProxyType({"deliver_policy": "all"})


@dataclass(frozen=True, slots=True)
class Begin:
    """Behind sequence `after`; without one where `policy` says, but no later than behind `not_after`."""

    after: int | None = None
    policy: Mapping[str, object] = field(default_factory=lambda: ALL)
    not_after: int | None = None


class Reader:
    """`deliver` runs on the loop for each message; what it raises is its own to handle.

    `room` is awaited before each pull: whoever is behind holds the reader back with it.
    """

    def __init__(
        self,
        bus: Bus,
        stream: str,
        deliver: Callable[[Sequence[InEvent]], None],
        room: Callable[[], Awaitable[None]],
        *,
        pace: Callable[[], float],
    ) -> None:
        self._bus = bus
        self._stream = stream
        self._deliver = deliver
        self._room = room
        self._pace = pace
        self._begin = Begin()
        self._last: int | None = None
        self._wake = asyncio.Event()
        self._caught_up = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._sub: Subscription | None = None
        self._name = ""
        self._inbox = ""
        self._generation = 0
        self._pulls = 0
        self._got = 0  # messages of the pull in work
        self._done = False  # the pull in work is answered in full
        self._received = 0
        self._broken = False
        self._heard = 0.0

    async def start(self, begin: Begin, timeout: float = _CATCH_UP_S) -> None:
        """Returns when all that was in the stream is delivered. Raises Unavailable after `timeout` s."""
        self._begin, self._last = begin, begin.after
        self._bus.on_reconnect(self._restart)
        self._task = asyncio.create_task(self._run(), name=f"read {self._stream}")
        try:
            async with asyncio.timeout(timeout):
                await self._caught_up.wait()
        except TimeoutError:
            await self.stop()
            raise Unavailable(f"stream {self._stream} could not be read in {timeout} s") from None

    def rewind(self, begin: Begin) -> None:
        """Reads again from there on."""
        self._begin, self._last = begin, begin.after
        self._restart()

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
        while True:
            try:
                await self._subscribe()
                while not self._broken:
                    await self._pull()
                    await self._answer()
                    if not self._broken and 0 < self._got < _BATCH:
                        await self._pause()
            except (SeatbusError, nats.errors.Error) as error:
                log.info("reader waits for the bus", stream=self._stream, reason=str(error))
                await asyncio.sleep(_RETRY_S)

    async def _pause(self) -> None:
        """Until the next beat: the readers of all streams keep the same ones and are woken together."""
        now, pace = asyncio.get_running_loop().time(), self._pace()
        await asyncio.sleep((now // pace + 1) * pace - now)

    async def _pull(self) -> None:
        await self._room()
        if not self._bus.connected:
            self._restart()
            raise Unavailable("not connected")
        self._pulls += 1
        self._got, self._done = 0, False
        self._heard = asyncio.get_running_loop().time()
        request = {
            "batch": _BATCH,
            "no_wait": True,  # with `expires`: what is there, and else the first that comes
            "expires": int(_PULL_S * 1e9),
            "idle_heartbeat": int(_HEARTBEAT_S * 1e9),
        }
        await self._bus.nc.publish(
            f"{API}CONSUMER.MSG.NEXT.{self._stream}.{self._name}",
            orjson.dumps(request),
            f"{self._inbox}.{self._pulls}",
        )

    async def _answer(self) -> None:
        """Until the pull is answered in full, or nothing was heard for too long."""
        loop = asyncio.get_running_loop()
        while not (self._done or self._broken):
            self._wake.clear()
            try:
                async with asyncio.timeout(self._heard + _SILENCE_S - loop.time()):
                    await self._wake.wait()
            except TimeoutError:
                if loop.time() - self._heard >= _SILENCE_S:
                    self._restart()

    async def _subscribe(self) -> None:
        await self._drop()
        self._generation += 1
        generation = self._generation
        self._broken, self._received = False, 0
        if not self._bus.connected:
            raise Unavailable("not connected")
        self._inbox = self._bus.nc.new_inbox()

        async def receive(msg: Msg) -> None:
            if generation == self._generation and not self._broken:
                self._receive(msg)

        self._sub = await self._bus.nc.subscribe(
            f"{self._inbox}.*", cb=receive, pending_msgs_limit=1_000_000, pending_bytes_limit=0
        )
        begin, limit = self._begin, self._begin.not_after
        if self._last is not None:
            pending, _ = await self._create(_behind(self._last))
        else:
            pending, first = await self._create(begin.policy)
            if limit is not None and first > limit:
                await self._delete()
                pending, _ = await self._create(_behind(limit))
        if pending == 0:
            self._caught_up.set()

    async def _create(self, begin: Mapping[str, object]) -> tuple[int, int]:
        """Makes the server's side; how many events wait, and the sequence before the first of them."""
        self._name = f"b{uuid7().replace('-', '')}"
        config: dict[str, object] = {
            "name": self._name,
            "ack_policy": "none",
            "replay_policy": "instant",
            "inactive_threshold": int(2 * _PULL_S * 1e9),
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
        before = delivered.get("stream_seq", 0) if isinstance(delivered, dict) else 0
        return int(str(answer.get("num_pending", 0))), int(before)

    async def _delete(self) -> None:
        if self._name and self._bus.connected:
            # Best effort: an unused consumer ends by itself.
            await self._bus.nc.publish(f"{API}CONSUMER.DELETE.{self._stream}.{self._name}")
        self._name = ""

    async def _drop(self) -> None:
        sub, self._sub = self._sub, None
        if sub is None or self._bus.nc.is_closed:
            return
        connected = self._bus.connected
        await sub.unsubscribe()
        if connected:
            await self._delete()

    def _receive(self, msg: Msg) -> None:
        self._heard = asyncio.get_running_loop().time()
        headers = msg.headers
        if headers is not None and not msg.data and "Status" in headers:
            self._control(msg, headers["Status"])
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
            events = read_events(msg.subject, msg.data, headers, delivery)
        except InvalidArgument as error:
            # Without a number: nobody folds it, and it ends in the dead letters.
            events = [unreadable(msg.subject, msg.data, headers, delivery, error)]
        self._deliver(events)
        if delivery.pending == 0:
            self._caught_up.set()
        self._got += 1
        if self._got >= _BATCH:
            self._finish()

    def _control(self, msg: Msg, status: str) -> None:
        if msg.subject != f"{self._inbox}.{self._pulls}" or status == "100":
            return
        if status in ("404", "408"):
            self._finish()
        else:
            self._restart()

    def _finish(self) -> None:
        self._done = True
        self._wake.set()


def _behind(last: int) -> dict[str, object]:
    return {"deliver_policy": "by_start_sequence", "opt_start_seq": last + 1}
