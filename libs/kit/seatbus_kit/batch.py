"""Many facts to their streams at once.

Waiting for each acknowledgement costs both sides a wake-up a fact; facts that are sent together share them,
and the write to the socket too.
Atomic batches of the server would be fewer messages still, but on 2.15.1 one costs about 2 ms, more than the
single writes of the ten to twenty facts that come together here.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

import nats.errors

from seatbus_kit.bus import EXPECTED_SUBJECT_SEQ, PubAck, heard
from seatbus_kit.errors import SeatbusError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from seatbus_kit.burst import OutMessage
    from seatbus_kit.bus import Answer, Bus

# Well below the server's limit of what one client may have on its way.
MOST: Final = 500


async def publish_all(
    bus: Bus, messages: Sequence[OutMessage], *, timeout: float = 2.0
) -> list[SeatbusError | None]:
    """Publishes in the order given, without waiting between; the result has one entry each, None: stored.

    After the first one that cannot be sent nothing follows. A message whose predecessor failed may be stored
    all the same: repeat from the first failure on, message ids absorb what was there. A burst has to be the
    same one for that. Give at most `MOST`.
    """
    results = await store_all(bus, messages, timeout=timeout)
    return [None if isinstance(result, PubAck) else result for result in results]


async def store_all(
    bus: Bus, messages: Sequence[OutMessage], behind: Sequence[int | None] = (), *, timeout: float = 2.0
) -> list[PubAck | SeatbusError]:
    """As `publish_all`, with what the stream said of each. `behind` are the stream sequences of what their
    subjects have last, 0 for nothing: a message whose subject has something else is a Conflict. None asks for
    no such check.
    """
    asked: list[tuple[bytes, asyncio.Future[Answer]]] = []
    unsent: SeatbusError | None = None
    try:
        with bus.nc.gathered():
            for number, message in enumerate(messages):
                headers = message.headers()
                if behind and behind[number] is not None:
                    headers[EXPECTED_SUBJECT_SEQ] = str(behind[number])
                try:
                    asked.append(bus.ask(message.subject, message.payload, headers))
                except SeatbusError as error:
                    unsent = error
                    break
    except nats.errors.OutboundBufferLimitError:
        # The connection broke in between; what of it has left is not known.
        _expire(bus, [token for token, _ in asked])
    timer = asyncio.get_running_loop().call_later(timeout, _expire, bus, [token for token, _ in asked])
    results: list[PubAck | SeatbusError] = []
    try:
        for message, (_, future) in zip(messages, asked, strict=False):
            try:
                results.append(bus.stored(heard(await future, message.subject)))
            except SeatbusError as error:
                results.append(error)
    finally:
        timer.cancel()
        for token, future in asked[len(results) :]:
            # Some are left only when this task is cancelled.
            future.cancel()
            bus.expired(token)
    if unsent is not None:
        results += [unsent] * (len(messages) - len(results))
    return results


def _expire(bus: Bus, tokens: list[bytes]) -> None:
    for token in tokens:
        bus.expired(token)
