"""Audio of prompts: checked, stored, and named by the prompt's object in one more change."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Final

from seatbus.tenancy.v1 import types_pb2 as tenancy
from seatbus_kit.errors import InvalidArgument, NotFound, Refused
from seatbus_rtp.errors import WavError
from seatbus_tenancy.application.configuration import Applied, Command
from seatbus_tenancy.domain.change import Request, audio_name

if TYPE_CHECKING:
    from seatbus.common.v1 import types_pb2 as common
    from seatbus_tenancy.application.configuration import Configuration
    from seatbus_tenancy.application.ports import Audio, Ledger

MAX_BYTES: Final = 3 * 1024 * 1024
_TRIES: Final = 5


class Prompts:
    def __init__(self, ledger: Ledger, configuration: Configuration, audio: Audio) -> None:
        self._ledger = ledger
        self._configuration = configuration
        self._audio = audio

    async def put(
        self, tenant: str, prompt_id: str, content: bytes, request_id: str, actor: common.Actor
    ) -> tuple[int, int]:
        """Stores a prompt's audio; returns the new version and the duration in milliseconds.

        Raises NotFound when there is no such prompt, InvalidArgument for anything but 16-bit PCM WAV.
        """
        duration = duration_ms(content)
        name = audio_name(tenant, prompt_id)
        for attempt in range(_TRIES):
            base = await self._ledger.base(tenant)
            stored = self._ledger.snapshot.get(tenant, "prompt", prompt_id)
            if stored is None:
                raise NotFound(f"no prompt {prompt_id}", field="prompt_id", rule="exists")
            if attempt == 0:
                await self._audio.put(name, content)
            item = tenancy.ConfigObject()
            item.CopyFrom(stored)
            item.prompt.object_name = name
            command = Command(Request(tenant, [item], []), request_id, actor, expected_version=base.version)
            try:
                applied = await self._configuration.apply(command)
            except Refused as error:
                if error.reason != "version_mismatch":
                    raise
                continue
            return applied.version, duration
        raise Refused("version_mismatch", "the configuration changes too often, repeat", field="prompt_id")

    async def forget(self, tenant: str, applied: Applied) -> None:
        """Removes the audio of prompts that a change removed."""
        for kind, id in applied.removed:
            if kind == "prompt":
                await self._audio.remove(audio_name(tenant, id))


def duration_ms(content: bytes) -> int:
    """Of a WAV file of 16-bit PCM, 8 to 48 kHz, mono or stereo. Raises InvalidArgument for anything else."""
    from seatbus_rtp.wav import read_info

    if len(content) > MAX_BYTES:
        raise InvalidArgument(f"at most {MAX_BYTES} bytes", field="audio", rule="audio.size")
    try:
        info = read_info(io.BytesIO(content))
    except WavError as error:
        raise InvalidArgument(f"not a usable WAV file: {error}", field="audio", rule="audio.wav") from None
    return round(info.seconds * 1000)
