"""Prompts in the object store of the bus, under `<tenant>/<id>`."""

from __future__ import annotations

import asyncio

import nats.errors
import nats.js.errors

from seatbus_kit.bus import Bus
from seatbus_kit.errors import InvalidArgument, NotFound, Unavailable
from seatbus_kit.provision import PROMPTS
from seatbus_media.application.ports import Pcm
from seatbus_rtp.audio_file import read_audio
from seatbus_rtp.errors import InvalidInputError

_MAX_BYTES = 64 * 1024 * 1024


def decode(data: bytes) -> Pcm:
    """WAV, MP3, FLAC or Ogg Opus of any rate as 8 kHz mono. Raises InvalidArgument with the broken rule."""
    try:
        return read_audio(data)
    except InvalidInputError as error:
        raise InvalidArgument(f"prompt: {error}", field=error.field, rule=error.rule) from error


class StoredPrompts:
    def __init__(self, bus: Bus) -> None:
        self._bus = bus

    async def load(self, tenant: str, prompt_id: str) -> Pcm:
        name = f"{tenant}/{prompt_id}"
        try:
            store = await self._bus.js.object_store(PROMPTS)
            found = await store.get(name)
        except (nats.js.errors.ObjectNotFoundError, nats.js.errors.NotFoundError) as error:
            raise NotFound(f"no prompt {prompt_id} of tenant {tenant}", field="prompt_id") from error
        except (nats.errors.Error, TimeoutError) as error:
            raise Unavailable(f"the prompt store does not answer: {error!r}", rule="prompts") from error
        data = found.data or b""
        if len(data) > _MAX_BYTES:
            raise InvalidArgument(f"prompt {prompt_id} is too large", field="prompt_id", rule="64 MiB")
        return await asyncio.to_thread(decode, data)
