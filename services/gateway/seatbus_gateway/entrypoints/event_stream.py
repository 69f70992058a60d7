"""Streams of the services as server-sent events."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Final, TypeVar

import orjson
from google.protobuf.message import Message
from starlette.responses import Response, StreamingResponse

from seatbus_kit.errors import SeatbusError

# A stream ends by then: its client asks again, with a key that is still good.
STREAM_S: Final = 300.0

M = TypeVar("M", bound=Message)


def event_stream(name: str, upstream: AsyncIterator[M], told: Callable[[M], object]) -> Response:
    """Each message as one event `name`; `error` says why the stream ends early."""
    return StreamingResponse(
        _events(name, upstream, told), media_type="text/event-stream", headers={"Cache-Control": "no-store"}
    )


async def _events(name: str, upstream: AsyncIterator[M], told: Callable[[M], object]) -> AsyncIterator[bytes]:
    try:
        async with asyncio.timeout(STREAM_S):
            async for message in upstream:
                yield _event(name, told(message))
    except TimeoutError:
        return
    except SeatbusError as error:
        yield _event("error", {"code": error.code, "message": str(error)})


def _event(name: str, value: object) -> bytes:
    return f"event: {name}\ndata: ".encode() + orjson.dumps(value) + b"\n\n"
