"""Prompts in the object store of the bus, where `media` looks for them: `<tenant>/<id>`."""

from __future__ import annotations

import nats.errors
import nats.js.errors

from seatbus_kit.bus import Bus
from seatbus_kit.errors import NotFound, Unavailable
from seatbus_kit.provision import PROMPTS


class PromptStore:
    def __init__(self, bus: Bus) -> None:
        self._bus = bus

    async def put(self, tenant: str, prompt_id: str, audio: bytes) -> None:
        try:
            store = await self._bus.js.object_store(PROMPTS)
            await store.put(f"{tenant}/{prompt_id}", audio)
        except (nats.errors.Error, TimeoutError) as error:
            raise Unavailable(f"the prompt store does not answer: {error!r}", rule="prompts") from error

    async def get(self, tenant: str, prompt_id: str) -> bytes:
        try:
            store = await self._bus.js.object_store(PROMPTS)
            found = await store.get(f"{tenant}/{prompt_id}")
        except (nats.js.errors.ObjectNotFoundError, nats.js.errors.NotFoundError) as error:
            raise NotFound(f"no prompt {prompt_id}", field="id") from error
        except (nats.errors.Error, TimeoutError) as error:
            raise Unavailable(f"the prompt store does not answer: {error!r}", rule="prompts") from error
        return found.data or b""
