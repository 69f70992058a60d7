"""Secrets that must be used again (a trunk's) are sealed with AES-256-GCM under the platform's key."""

from __future__ import annotations

import base64
import binascii
import os
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

_PREFIX: Final = "v1:"
_NONCE_BYTES: Final = 12


class Seal:
    """`key` is base64 of 32 bytes. Raises ValueError for anything else."""

    def __init__(self, key: str) -> None:
        try:
            raw = base64.b64decode(key, validate=True)
        except binascii.Error as error:
            raise ValueError("the sealing key is base64 of 32 bytes") from error
        if len(raw) != 32:
            raise ValueError("the sealing key is base64 of 32 bytes")
        self._cipher = AESGCM(raw)

    def seal(self, secret: str, owner: str) -> str:
        """Opens only for the same owner: a sealed secret copied to another object is worthless."""
        nonce = os.urandom(_NONCE_BYTES)
        sealed = nonce + self._cipher.encrypt(nonce, secret.encode(), owner.encode())
        return _PREFIX + base64.b64encode(sealed).decode()

    def open(self, sealed: str, owner: str) -> str:
        """Raises ValueError when it was sealed under another key or for another owner."""
        raw = base64.b64decode(sealed.removeprefix(_PREFIX))
        try:
            return self._cipher.decrypt(raw[:_NONCE_BYTES], raw[_NONCE_BYTES:], owner.encode()).decode()
        except InvalidTag as error:
            raise ValueError(f"the secret of {owner} cannot be opened with this key") from error
