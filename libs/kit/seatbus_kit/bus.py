"""The connection to NATS. A write has three outcomes: it returns, is refused, or raises OutcomeUnknown."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, cast

import nats.errors
import orjson

from seatbus_kit.errors import Conflict, NotFound, OutcomeUnknown, Refused, Unavailable
from seatbus_kit.events import InEvent, OutEvent, make_event
from seatbus_kit.log import get_logger
from seatbus_kit.wire import WireClient

if TYPE_CHECKING:
    from collections.abc import Callable

    from nats.aio.subscription import Subscription
    from nats.js.client import JetStreamContext

    from seatbus_kit.burst import OutMessage
    from seatbus_kit.settings import ServiceSettings

__all__ = ["Bus", "InEvent", "OutEvent", "PubAck", "make_event"]

EXPECTED_SUBJECT_SEQ: Final = "Nats-Expected-Last-Subject-Sequence"
API: Final = "$JS.API."

# The server's words for "another revision is there".
_WRONG_LAST_SEQUENCE = frozenset({10070, 10071, 10164})
_DEFAULT_TIMEOUT_S = 2.0
_NO_RESPONDERS = b"NATS/1.0 503"

log = get_logger("seatbus.bus")


@dataclass(frozen=True, slots=True)
class PubAck:
    """What the stream's leader answered: where the message is, and whether it had been there before."""

    stream: str
    seq: int
    duplicate: bool = False


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back on a request; `headers` are raw, empty when there are none."""

    data: bytes
    headers: bytes


def heard(answer: Answer, subject: str) -> Answer:
    """The answer itself. Raises Unavailable for the server's word that nobody listens."""
    if not answer.data and answer.headers.startswith(_NO_RESPONDERS):
        raise Unavailable(f"nobody listens on {subject.partition('.')[0]}: no stream leader")
    return answer


class Bus:
    """One connection a process. `nc` and `js` are the client's own objects, for what has no wrapper here.

    Nothing is buffered while disconnected: a buffered write would land after its caller has given up.
    """

    def __init__(self, nc: WireClient) -> None:
        self.nc = nc
        self.js: JetStreamContext = nc.jetstream()
        self._waiting: dict[bytes, asyncio.Future[Answer]] = {}
        self._inbox = ""
        self._counter = 0
        self._closing = False
        self._sub: Subscription | None = None
        self._on_reconnect: list[Callable[[], None]] = []
        self._on_disconnect: list[Callable[[], None]] = []

    @classmethod
    async def connect(cls, settings: ServiceSettings, *, timeout: float = 10.0) -> Bus:
        """A connected bus. Raises Unavailable with the address when no server answers within `timeout` s."""
        nc = WireClient()
        bus = cls(nc)
        last: list[Exception] = []

        async def on_error(error: Exception) -> None:
            last[:] = [error]
            if bus.connected:
                log.info("bus error", error=repr(error))

        password = settings.nats_password
        try:
            async with asyncio.timeout(timeout):
                await nc.connect(
                    servers=settings.nats_servers,
                    name=settings.instance_id,
                    error_cb=on_error,
                    disconnected_cb=bus._disconnected,
                    reconnected_cb=bus._reconnected,
                    connect_timeout=2,
                    reconnect_time_wait=cast("int", 0.1),
                    max_reconnect_attempts=-1,
                    ping_interval=1,
                    max_outstanding_pings=2,
                    pending_size=0,
                    user=settings.nats_user if password else None,
                    password=password.get_secret_value() if password else None,
                    user_credentials=str(settings.nats_creds) if settings.nats_creds else None,
                )
        except (TimeoutError, OSError, nats.errors.Error) as error:
            reason = last[0] if last else error
            raise Unavailable(
                f"no NATS server at {settings.nats_url}: {reason or type(reason).__name__}"
            ) from error
        bus._inbox = nc.new_inbox()
        bus._sub = await nc.subscribe_direct(f"{bus._inbox}.*", bus._answered)
        return bus

    @property
    def connected(self) -> bool:
        return bool(self.nc.is_connected)

    async def close(self) -> None:
        self._closing = True
        if not self.nc.is_closed:
            try:
                await self.nc.close()
            except asyncio.CancelledError:
                # The client cancelled its reconnection and, with it, its own wait for the lost socket's end.
                task = asyncio.current_task()
                if task is None or task.cancelling():
                    raise
        self._fail_waiting("the connection was closed")

    def on_reconnect(self, callback: Callable[[], None]) -> None:
        """Called, on the loop, after the connection is back."""
        self._on_reconnect.append(callback)

    def on_disconnect(self, callback: Callable[[], None]) -> None:
        self._on_disconnect.append(callback)

    def forget(self, callback: Callable[[], None]) -> None:
        """Undoes `on_reconnect` and `on_disconnect`."""
        for callbacks in (self._on_reconnect, self._on_disconnect):
            if callback in callbacks:
                callbacks.remove(callback)

    async def _disconnected(self) -> None:
        if not self._closing:
            log.warning("bus disconnected")
        self._fail_waiting("the connection was lost")
        for callback in tuple(self._on_disconnect):
            callback()

    async def _reconnected(self) -> None:
        log.info("bus reconnected", server=str(self.nc.connected_url.netloc) if self.nc.connected_url else "")
        for callback in tuple(self._on_reconnect):
            callback()

    def _fail_waiting(self, why: str) -> None:
        waiting, self._waiting = self._waiting, {}
        for future in waiting.values():
            if not future.done():
                future.set_exception(OutcomeUnknown(why))

    def _answered(self, subject: bytes, _reply: bytes, data: bytes, headers: bytes) -> None:
        future = self._waiting.pop(subject[len(self._inbox) + 1 :], None)
        if future is not None and not future.done():
            future.set_result(Answer(data, headers))

    def expired(self, token: bytes) -> None:
        """The time for an answer is up."""
        future = self._waiting.pop(token, None)
        if future is not None and not future.done():
            future.set_exception(OutcomeUnknown("no answer in time"))

    async def request(
        self,
        subject: str,
        payload: bytes = b"",
        headers: dict[str, str] | None = None,
        timeout: float = _DEFAULT_TIMEOUT_S,
    ) -> Answer:
        """One question, one answer. Raises Unavailable when it was certainly not sent or nobody listens,
        OutcomeUnknown when it was sent and no answer came.
        """
        token, future = self.ask(subject, payload, headers)
        timer = asyncio.get_running_loop().call_later(timeout, self.expired, token)
        try:
            await self.nc.settle()
            answer = await future
        finally:
            timer.cancel()
            self._waiting.pop(token, None)
        return heard(answer, subject)

    def ask(
        self, subject: str, payload: bytes = b"", headers: dict[str, str] | None = None
    ) -> tuple[bytes, asyncio.Future[Answer]]:
        """Sends a question. Its future fails with OutcomeUnknown when the connection is lost; the time limit
        is the caller's: `expired(token)`. Raises Unavailable or Refused when it was certainly not sent.
        """
        self._counter += 1
        name = str(self._counter)
        try:
            self.nc.send(subject, payload, f"{self._inbox}.{name}", headers)
        except (
            nats.errors.OutboundBufferLimitError,
            nats.errors.ConnectionClosedError,
            nats.errors.ConnectionDrainingError,
        ) as error:
            raise Unavailable("the bus is not connected") from error
        except nats.errors.MaxPayloadError as error:
            raise Refused("payload_too_large", f"{len(payload)} bytes on {subject}") from error
        except (nats.errors.BadSubjectError, nats.errors.BadHeaderError) as error:
            raise Refused("bus_refused", f"not a message on {subject}: {error!r}") from error
        token = name.encode()
        future = self._waiting[token] = asyncio.get_running_loop().create_future()
        return token, future

    async def store(
        self,
        subject: str,
        payload: bytes,
        headers: dict[str, str] | None = None,
        timeout: float = _DEFAULT_TIMEOUT_S,
    ) -> PubAck:
        """Appends one message to the stream that has `subject`.

        Raises Conflict when an expected sequence does not hold, Refused for another refusal, Unavailable
        when it was certainly not stored, OutcomeUnknown when nobody can tell.
        """
        return self.stored(await self.request(subject, payload, headers, timeout))

    @staticmethod
    def stored(msg: Answer) -> PubAck:
        """What the leader said about a write. Raises as `store` does."""
        answer = orjson.loads(msg.data)
        error = answer.get("error")
        if error is None:
            return PubAck(answer["stream"], answer["seq"], answer.get("duplicate", False))
        raise Bus._write_error(error)

    @staticmethod
    def _write_error(error: dict[str, object]) -> Conflict | Refused | OutcomeUnknown:
        number = error.get("err_code")
        text = str(error.get("description", ""))
        if number in _WRONG_LAST_SEQUENCE:
            digits = text.rpartition(" ")[2]
            return Conflict(text, revision=int(digits) if digits.isdigit() else 0)
        code = error.get("code")
        # 409: a message of this id, our own attempt before, is on its way through the replicas.
        if isinstance(code, int) and (code >= 500 or code == 409):
            return OutcomeUnknown(text)
        return Refused("bus_refused", text)

    async def publish(self, message: OutMessage, *, timeout: float = _DEFAULT_TIMEOUT_S) -> PubAck:
        """Publishes a fact or a burst of them; repeating the same is harmless. Raises as `store` does."""
        return await self.store(message.subject, message.payload, message.headers(), timeout)

    async def api(self, call: str, body: object = None, timeout: float = 5.0) -> dict[str, object]:
        """One call of the JetStream API, as `STREAM.INFO.CALL`. Raises NotFound, Refused, Unavailable,
        OutcomeUnknown.
        """
        payload = b"" if body is None else orjson.dumps(body)
        msg = await self.request(API + call, payload, None, timeout)
        answer: dict[str, object] = orjson.loads(msg.data)
        error = answer.get("error")
        if isinstance(error, dict):
            text = str(error.get("description", ""))
            if error.get("code") == 404:
                raise NotFound(text)
            if error.get("code", 500) >= 500:
                raise Unavailable(text)
            raise Refused("bus_refused", text, rule=str(error.get("err_code", "")))
        return answer

    async def stream_incarnation(self, stream: str) -> str:
        """Changes when a stream was deleted and made again: what was stored in the old one is gone."""
        return str((await self.api(f"STREAM.INFO.{stream}"))["created"])
