"""What goes over the platform's bus and how often its processes wake up: counts, which depend less on what
else the machine does than durations.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx


def wake_ups(pids: Mapping[str, int]) -> Counter[str]:
    """How often the threads of each process have gone to sleep (voluntary context switches)."""
    found: Counter[str] = Counter()
    for name, pid in pids.items():
        try:
            for task in Path(f"/proc/{pid}/task").iterdir():
                for line in (task / "status").read_text().splitlines():
                    if line.startswith("voluntary_ctxt_switches"):
                        found[name] += int(line.split()[1])
        except (FileNotFoundError, ProcessLookupError):
            continue
    return found


def traffic(monitor: str) -> Counter[tuple[str, str]]:
    """Messages of each connection, to the bus and from it, and of each stream (each is a synced write)."""
    found: Counter[tuple[str, str]] = Counter()
    with httpx.Client(trust_env=False) as http:
        connections: Any = http.get(f"{monitor}/connz?limit=1024").json()["connections"]
        account: Any = http.get(f"{monitor}/jsz?streams=1&accounts=1").json()["account_details"]
    for each in connections:
        found["in", each["name"]] += each["in_msgs"]
        found["out", each["name"]] += each["out_msgs"]
    for detail in account:
        for stream in detail.get("stream_detail", ()):
            found["stored", stream["name"]] = stream["state"]["last_seq"]
    return found
