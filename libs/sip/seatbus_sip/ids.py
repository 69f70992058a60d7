"""Randomness as an input."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Protocol


class IdSource(Protocol):
    """Gives unguessable tokens: branches, tags and Call-IDs are made of them."""

    def token(self) -> str:
        """At least 64 random bits, as token characters of RFC 3261."""


class RandomIds:
    """Tokens from the operating system, fetched in blocks to save system calls."""

    def __init__(self) -> None:
        self._stock: Iterator[str] = iter(())

    def token(self) -> str:
        found = next(self._stock, None)
        if found is None:
            block = os.urandom(2048).hex()
            self._stock = (block[start : start + 16] for start in range(0, len(block), 16))
            found = next(self._stock)
        return found


class CountedIds:
    """Predictable tokens for tests and replays."""

    def __init__(self, prefix: str = "id") -> None:
        self._prefix = prefix
        self._count = 0

    def token(self) -> str:
        self._count += 1
        return f"{self._prefix}{self._count}"
