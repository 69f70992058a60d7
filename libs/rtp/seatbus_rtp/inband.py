"""Keys and fax tones in the sound of a leg, by Goertzel's filter: 8 kHz, any frame length.

Limits of DTMF as in ITU-T Q.24: tones of 40 ms are heard, shorter than 23 ms never; pauses of 40 ms separate
keys; the high tone may be 4 dB above the low one and 8 dB below. Speech hardly ever has nearly all of its
power in one low and one high tone for that long: this is what keeps talk off.
Fax: CNG is 1100 Hz for half a second, CED 2100 Hz for more than two (ITU-T T.30).
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

Pcm = NDArray[np.int16]

_RATE: Final = 8000
_WINDOW: Final = 205
_HOP: Final = 80
_LOW: Final = (697.0, 770.0, 852.0, 941.0)
_HIGH: Final = (1209.0, 1336.0, 1477.0, 1633.0)
_KEYS: Final = ("123A", "456B", "789C", "*0#D")
_FAX: Final = (1100.0, 2100.0)
_FLOOR: Final = 10 ** (-36 / 10)
"""Least power of the weaker tone: -36 dBFS."""
_SHARE: Final = 0.83
"""Of all power, in the two tones."""
_FORWARD: Final = 10 ** (4 / 10)
_REVERSE: Final = 10 ** (8 / 10)
_APART: Final = 10 ** (7 / 10)
"""Of the strongest of a group over the others."""
_ON: Final = 2
_OFF: Final = 2
_FAX_SHARE: Final = 0.8
_CNG_HOPS: Final = 38
_CED_HOPS: Final = 100
_FAX_MISS: Final = 2
"""A hop without the tone takes back as many with it."""


def _filters(frequencies: tuple[float, ...]) -> NDArray[np.complex64]:
    at = np.arange(_WINDOW)
    table: NDArray[np.complex64] = np.exp(-2j * np.pi * np.outer(frequencies, at) / _RATE).astype(
        np.complex64
    )
    return table


_TABLE: Final = _filters((*_LOW, *_HIGH, *_FAX))


def _counted(hops: int, heard: bool) -> int:
    """A lost packet, or the turns of phase in a modem's answer (ITU-T V.8), do not begin a tone anew."""
    return hops + 1 if heard else max(0, hops - _FAX_MISS)


class InbandReceiver:
    """Feed it a leg's sound; it gives each key once, when it has lasted long enough."""

    __slots__ = ("_ced", "_cng", "_faxes", "_key", "_off", "_on", "_past", "_pressed", "keys", "tones")

    def __init__(self, *, keys: bool = True, tones: bool = False) -> None:
        self.keys = keys
        self.tones = tones
        self._past: NDArray[np.float32] = np.zeros(0, np.float32)
        self._key = ""
        self._on = 0
        self._off = 0
        self._pressed = ""
        self._cng = 0
        self._ced = 0
        self._faxes: set[str] = set()

    def feed(self, pcm: Pcm) -> list[str]:
        """What began in these samples: keys, `fax_calling`, `fax_answering` (each fax tone is told once)."""
        sound: NDArray[np.float32] = np.concatenate((self._past, pcm / np.float32(32768)), dtype=np.float32)
        found: list[str] = []
        at = 0
        while at + _WINDOW <= len(sound):
            self._window(sound[at : at + _WINDOW], found)
            at += _HOP
        self._past = sound[at:]
        return found

    def _window(self, window: NDArray[np.float32], found: list[str]) -> None:
        total = float(window @ window) / _WINDOW
        if total < _FLOOR / 2:
            self._heard("", found)
            self._cng, self._ced = _counted(self._cng, False), _counted(self._ced, False)
            return
        # A sine of amplitude a has the power a*a/2, in its filter (a*N/2) squared.
        power = np.abs(_TABLE @ window) ** 2 * (2 / _WINDOW**2)
        if self.keys:
            self._heard(self._key_of(power, total), found)
        if self.tones:
            self._cng = _counted(self._cng, bool(power[8] > _FAX_SHARE * total))
            self._ced = _counted(self._ced, bool(power[9] > _FAX_SHARE * total))
            for count, enough, name in (
                (self._cng, _CNG_HOPS, "fax_calling"),
                (self._ced, _CED_HOPS, "fax_answering"),
            ):
                if count >= enough and name not in self._faxes:
                    self._faxes.add(name)
                    found.append(name)

    @staticmethod
    def _key_of(power: NDArray[np.float64], total: float) -> str:
        low, high = power[:4], power[4:8]
        row, column = int(low.argmax()), int(high.argmax())
        first, second = float(low[row]), float(high[column])
        # Full scale of a sine is a power of one half.
        if min(first, second) < _FLOOR / 2 or first + second < _SHARE * total:
            return ""
        if second > first * _FORWARD or first > second * _REVERSE:
            return ""
        if _APART * np.partition(low, 2)[2] > first or _APART * np.partition(high, 2)[2] > second:
            return ""
        return _KEYS[row][column]

    def _heard(self, key: str, found: list[str]) -> None:
        if key and key == self._key:
            self._on += 1
        else:
            self._key, self._on = key, 1 if key else 0
        if key:
            self._off = 0
            if self._on >= _ON and key != self._pressed:
                self._pressed = key
                found.append(key)
        else:
            self._off += 1
            if self._off >= _OFF:
                self._pressed = ""
