"""What processes get of the machine: their CPU, and how long they were ready and waited for one."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple


class Turns(NamedTuple):
    """Of the main thread, where a service's loop runs, and of the whole process. Seconds."""

    used: float = 0.0
    waited: float = 0.0
    all_used: float = 0.0

    def since(self, before: Turns) -> Turns:
        return Turns(*(new - old for new, old in zip(self, before, strict=True)))


def turns(pids: Mapping[str, int]) -> dict[str, Turns]:
    """From the kernel's run queue (`/proc/<pid>/task/<thread>/schedstat`: nanoseconds on a CPU, ready without
    one); processes that are gone are left out.
    """
    found = {}
    for name, pid in pids.items():
        tasks = Path(f"/proc/{pid}/task")
        try:
            times = {task.name: (task / "schedstat").read_text().split() for task in tasks.iterdir()}
            used, waited, _ = (int(word) / 1e9 for word in times[str(pid)])
        except (FileNotFoundError, ProcessLookupError):
            continue
        found[name] = Turns(used, waited, sum(int(words[0]) for words in times.values()) / 1e9)
    return found
