"""Text to speech by espeak-ng, whose library and voices the package espeakng-loader carries."""

from __future__ import annotations

import asyncio
import ctypes
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

import numpy as np

from seatbus_kit.errors import InvalidArgument, Unavailable
from seatbus_kit.log import get_logger
from seatbus_media.application.ports import Pcm
from seatbus_rtp.resample import resample

log = get_logger("seatbus.media")

_RETRIEVAL: Final = 1
_SYNCHRONOUS: Final = 2
_DONT_EXIT: Final = 0x8000
_UTF8: Final = 1
_RATE: Final = 1
_WORDS_A_MINUTE: Final = 155
_MAX_SECONDS: Final = 300
_VOICES: Final = {
    "zh": "cmn",
    "zh-cn": "cmn",
    "zh-hk": "yue",
    "en-gb": "en-gb",
    "en-us": "en-us",
    "pt-br": "pt-br",
}
_CALLBACK = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.c_void_p)


class EspeakSpeech:
    """The library has one global state, so one thread does all the speaking; calls queue for it."""

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="speech")
        self._library: Any = None
        self._rate = 0
        self._callback: Any = None
        self._heard: list[bytes] = []
        self._samples = 0

    async def speak(self, text: str, language: str) -> Pcm:
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._speak, text, language)

    def close(self) -> None:
        self._thread.shutdown(wait=False, cancel_futures=True)

    def _speak(self, text: str, language: str) -> Pcm:
        library = self._loaded()
        wanted = language.lower()
        voice = _VOICES.get(wanted, wanted)
        if not any(
            library.espeak_SetVoiceByName(name.encode()) == 0 for name in (voice, voice.split("-")[0])
        ):
            raise InvalidArgument(f"no voice speaks {language!r}", field="language", rule="a known language")
        library.espeak_SetParameter(_RATE, _WORDS_A_MINUTE, 0)
        self._heard.clear()
        self._samples = 0
        data = text.encode() + b"\0"
        if library.espeak_Synth(data, len(data), 0, 0, 0, _UTF8, None, None) != 0:
            raise Unavailable("the speech engine refused the text", rule="speech")
        library.espeak_Synchronize()
        pcm = np.frombuffer(b"".join(self._heard), dtype=np.int16)
        self._heard.clear()
        if not len(pcm) or not pcm.any():
            raise InvalidArgument("the text has nothing that can be spoken", field="text", rule="speakable")
        return resample(pcm, self._rate, 8000)

    def _loaded(self) -> Any:
        if self._library is not None:
            return self._library
        try:
            import espeakng_loader

            library = ctypes.CDLL(espeakng_loader.get_library_path())
            data_path = espeakng_loader.get_data_path()
        except (ImportError, OSError, AttributeError) as error:
            log.error("no text to speech", error=repr(error), remedy="install the package espeakng-loader")
            raise Unavailable("no speech engine is installed", rule="speech") from error
        rate = library.espeak_Initialize(_SYNCHRONOUS, 200, str(data_path).encode(), _DONT_EXIT)
        if rate <= 0:
            log.error(
                "no text to speech", data=str(data_path), remedy="reinstall the package espeakng-loader"
            )
            raise Unavailable("the speech engine does not start", rule="speech")
        self._rate = rate
        self._callback = _CALLBACK(self._take)
        library.espeak_SetSynthCallback(self._callback)
        self._library = library
        return library

    def _take(self, samples: Any, count: int, _events: object) -> int:
        """Called by the library with each piece of sound; 1 stops it."""
        if samples and count > 0:
            self._heard.append(ctypes.string_at(samples, 2 * count))
            self._samples += count
        return 1 if self._samples > _MAX_SECONDS * self._rate else 0
