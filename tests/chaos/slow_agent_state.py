"""agent_state with a slow store, for the trial of the history checker.

Run as a program in the place of the service: `slow_agent_state.py safe|last_writer_wins`. Each write of the
bucket `agents` comes some hundredths of a second after the decision it carries. `safe` still expects the
revision that was decided on; with `last_writer_wins` nobody looks, as in systems that keep them
in a plain table.
"""

from __future__ import annotations

import asyncio
import random
import sys

from seatbus_agent_state.bootstrap import bootstrap
from seatbus_agent_state.settings import Settings
from seatbus_kit.buckets import Bucket
from seatbus_kit.errors import Conflict
from seatbus_kit.runtime import main

_SLOWEST_S = 0.05
_compare_and_set = Bucket.put


async def _late(self: Bucket, key: str, value: bytes, revision: int) -> int:
    if self.name == "agents":
        await asyncio.sleep(random.uniform(0, _SLOWEST_S))
    return await _compare_and_set(self, key, value, revision)


async def _last_writer_wins(self: Bucket, key: str, value: bytes, revision: int) -> int:
    if self.name != "agents":
        return await _compare_and_set(self, key, value, revision)
    await asyncio.sleep(random.uniform(0, _SLOWEST_S))
    while True:
        entry = await self.read(key)
        try:
            return await _compare_and_set(self, key, value, entry.revision if entry is not None else 0)
        except Conflict:
            continue


if __name__ == "__main__":
    Bucket.put = {"safe": _late, "last_writer_wins": _last_writer_wins}[sys.argv[1]]  # type: ignore[method-assign]
    main(Settings, bootstrap)
