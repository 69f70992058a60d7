"""Processes that stand still."""

from __future__ import annotations

import os
import signal


def stand_still(pid: int) -> None:
    """SIGSTOP to a child of this process; returns when it has stopped, or ended. SIGCONT lets it go on."""
    os.kill(pid, signal.SIGSTOP)
    os.waitid(os.P_PID, pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT)
