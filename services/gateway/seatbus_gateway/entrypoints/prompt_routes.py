"""Prompts of a tenant: uploaded in any of the usual kinds, checked and made telephone sound once."""

from __future__ import annotations

import asyncio
import io
import re
from typing import Final, Protocol

from starlette.responses import Response

from seatbus_gateway.domain.access import Permission
from seatbus_gateway.entrypoints.route import Ask, Route, json_response
from seatbus_kit.errors import InvalidArgument
from seatbus_rtp.audio_file import MAX_SECONDS, read_audio
from seatbus_rtp.errors import InvalidInputError
from seatbus_rtp.wav import WavWriter

_ID: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
_RATE: Final = 8000
_AT_ONCE: Final = asyncio.Semaphore(2)
"""Files that are decoded side by side: each may take a second of a core."""


class Store(Protocol):
    async def put(self, tenant: str, prompt_id: str, audio: bytes) -> None: ...

    async def get(self, tenant: str, prompt_id: str) -> bytes: ...


def transcoded(data: bytes) -> tuple[bytes, float]:
    """(8 kHz mono WAV, seconds). Raises InvalidInputError."""
    pcm = read_audio(data, _RATE)
    file = io.BytesIO()
    writer = WavWriter(file, 1, _RATE)
    writer.write(pcm)
    writer.finish()
    return file.getvalue(), len(pcm) / _RATE


class PromptRoutes:
    def __init__(self, store: Store) -> None:
        self._store = store

    async def put(self, ask: Ask) -> Response:
        prompt_id = self._id(ask)
        data = await ask.request.body()
        async with _AT_ONCE:
            try:
                audio, seconds = await asyncio.to_thread(transcoded, data)
            except InvalidInputError as error:
                raise InvalidArgument(str(error), field="body", rule=error.rule) from error
        await self._store.put(ask.tenant, prompt_id, audio)
        return json_response({"id": prompt_id, "seconds": round(seconds, 3), "bytes": len(audio)})

    async def get(self, ask: Ask) -> Response:
        return Response(await self._store.get(ask.tenant, self._id(ask)), 200, {}, "audio/wav")

    @staticmethod
    def _id(ask: Ask) -> str:
        found = ask.path["id"]
        if _ID.fullmatch(found) is None:
            raise InvalidArgument("no prompt has such an id", field="id", rule=_ID.pattern)
        return found

    def routes(self) -> list[Route]:
        path = "/tenants/{tenant}/prompts/{id}/audio"
        kept = {
            "type": "object",
            "properties": {
                "id": {"type": "string"},
                "seconds": {"type": "number"},
                "bytes": {"type": "integer"},
            },
            "required": ["id", "seconds", "bytes"],
        }
        return [
            Route(
                "PUT",
                path,
                Permission.CONFIG_WRITE,
                "Upload a prompt",
                self.put,
                "prompts",
                answer=kept,
                description=f"The body is WAV, MP3, FLAC or Ogg Opus, at most {MAX_SECONDS} s and 20 MiB. "
                "Calls hear the new sound within a minute.",
            ),
            Route(
                "GET",
                path,
                Permission.CONFIG_READ,
                "The sound of a prompt",
                self.get,
                "prompts",
                answer={"type": "string", "format": "binary"},
                media_type="audio/wav",
                description="8 kHz mono WAV, as it is played.",
            ),
        ]
