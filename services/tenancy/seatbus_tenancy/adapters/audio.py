"""Audio of prompts in the object store `prompts`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import nats.errors
import nats.js.errors

from seatbus_kit.errors import Unavailable
from seatbus_kit.provision import PROMPTS

if TYPE_CHECKING:
    from seatbus_kit.bus import Bus


class PromptAudio:
    def __init__(self, bus: Bus) -> None:
        self._bus = bus

    async def put(self, name: str, content: bytes) -> None:
        """Raises Unavailable; repeating is harmless."""
        try:
            store = await self._bus.js.object_store(PROMPTS)
            await store.put(name, content)
        except (nats.errors.Error, nats.js.errors.Error, TimeoutError) as error:
            raise Unavailable(f"the audio could not be stored: {error!r}") from error

    async def remove(self, name: str) -> None:
        """Raises Unavailable; nothing there is as good as removed."""
        try:
            store = await self._bus.js.object_store(PROMPTS)
            await store.delete(name)
        except nats.js.errors.NotFoundError:
            return
        except (nats.errors.Error, nats.js.errors.Error, TimeoutError) as error:
            raise Unavailable(f"the audio could not be removed: {error!r}") from error
