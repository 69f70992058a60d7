"""Runs a program whose timers may be late: `python -I -S patient.py <nanoseconds> <program> [arguments]`.

The bus is written in Go, whose runtime looks after its threads every 20 µs while one of them waits for the
disk. With every write synced these looks were a fifth of the server's CPU and half of its wake-ups, each of
which takes a core from somebody who works. With timers half a millisecond late they are rare; nobody waits.
"""

from __future__ import annotations

import ctypes
import os
import sys

_PR_SET_TIMERSLACK = 29


def main() -> None:
    slack_ns, *argv = sys.argv[1:]
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_TIMERSLACK, ctypes.c_ulong(int(slack_ns)), 0, 0, 0):
        # It works without, for more CPU.
        print(f"timer slack not set: {os.strerror(ctypes.get_errno())}", file=sys.stderr)
    os.execv(argv[0], argv)


if __name__ == "__main__":
    main()
