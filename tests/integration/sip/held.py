"""What the edge still holds in memory, by its own count."""

from __future__ import annotations

import asyncio
import re

from seatbus_testkit.platform import Platform, PlatformError

T1_S = 0.1
"""T1 of this directory's platform: what takes 32 s in production takes 6.4 s here."""


def held(platform: Platform) -> dict[str, int]:
    """Live transactions, dialogs and calls of the edge."""
    text = platform.metrics("sip_edge-0")
    found = re.findall(r'^seatbus_sip_held\{kind="(\w+)"\} ([\d.e+]+)', text, re.MULTILINE)
    return {kind: int(float(count)) for kind, count in found}


async def until_nothing_is_held(platform: Platform, seconds: float = 64 * T1_S + 6) -> None:
    """Raises PlatformError when something is left of calls that have all ended."""
    try:
        await asyncio.to_thread(
            platform.until, lambda: set(held(platform).values()) == {0}, seconds, "an edge that holds nothing"
        )
    except PlatformError as error:
        raise PlatformError(f"{error}; it holds {held(platform)}") from error
