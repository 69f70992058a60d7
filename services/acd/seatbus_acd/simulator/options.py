"""Options of the commands: each refuses what its rule forbids, in words that name the rule."""

from __future__ import annotations

import argparse
import math
import os
import sys
import time
from collections.abc import Callable
from typing import Final, NoReturn

from seatbus_acd.simulator.errors import ScenarioError

_WRONG: Final = 2
_INTERRUPTED: Final = 130
_QUIET_S: Final = 1.0
_AGAIN_S: Final = 0.5


class Parser(argparse.ArgumentParser):
    """Its errors are one line: the option and the rule."""

    def error(self, message: str) -> NoReturn:
        text = message.removeprefix("argument ")
        self.exit(_WRONG, f"{self.prog}: {text} (see {self.prog} --help)\n")

    def wrong(self, error: ScenarioError) -> NoReturn:
        self.exit(_WRONG, f"{self.prog}: {error}\n")


def number(low: float, high: float = math.inf, *, open_low: bool = False) -> Callable[[str], float]:
    """A number from `low` (without it if `open_low`) to `high`."""
    bound = f"above {low:g}" if open_low else f"{low:g} or more"
    rule = bound if high == math.inf else f"{bound} and at most {high:,.15g}"

    def read(text: str) -> float:
        try:
            value = float(text.replace(",", "").replace("_", ""))
        except ValueError:
            raise argparse.ArgumentTypeError(f"must be a number, {rule}, not {text!r}") from None
        if not low <= value <= high or value == math.inf or (open_low and value == low):
            raise argparse.ArgumentTypeError(f"must be {rule}, not {text}")
        return value

    return read


def whole(low: int, high: int) -> Callable[[str], int]:
    def read(text: str) -> int:
        try:
            value = int(text.replace(",", "").replace("_", ""))
        except ValueError:
            value = low - 1
        if not low <= value <= high:
            raise argparse.ArgumentTypeError(f"must be a whole number from {low} to {high:,}, not {text}")
        return value

    return read


def share(
    low: float, high: float, *, open_low: bool = False, open_high: bool = False
) -> Callable[[str], float]:
    """A share: `80%` or `0.8`."""

    def read(text: str) -> float:
        try:
            value = float(text.removesuffix("%")) / (100 if text.endswith("%") else 1)
        except ValueError:
            value = math.nan
        inside = (
            low <= value <= high and not (open_low and value == low) and not (open_high and value == high)
        )
        if not inside:
            first = f"above {low:.0%}" if open_low else f"{low:.0%} or more"
            last = f"below {high:.0%}" if open_high else f"at most {high:.0%}"
            raise argparse.ArgumentTypeError(
                f"must be a share, {first} and {last}, such as 20% or 0.2, not {text}"
            )
        return value

    return read


def run(main: Callable[[], int]) -> NoReturn:
    """Exits with the code of `main`; quietly if interrupted, or if nobody reads its output any more."""
    try:
        code = main()
        sys.stdout.flush()
    except KeyboardInterrupt:
        code = _INTERRUPTED
    except BrokenPipeError:
        # So that the interpreter's own flush at its end has somewhere to write.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = _INTERRUPTED
    sys.exit(code)


class Progress:
    """Tells on stderr how far the runs are, once they have taken more than a second."""

    def __init__(self, what: str) -> None:
        self._what = what
        self._next = time.monotonic() + _QUIET_S
        self._terminal = sys.stderr.isatty()
        self._shown = False

    def __call__(self, replication: int, of: int, how_far: float) -> None:
        if time.monotonic() < self._next:
            return
        self._next = time.monotonic() + (_AGAIN_S if self._terminal else 10 * _AGAIN_S)
        done = (replication - 1 + how_far) / of
        text = f"{self._what}: run {replication} of {of}, {done:.0%}"
        print(
            f"\r{text}\033[K" if self._terminal else text, end="" if self._terminal else "\n", file=sys.stderr
        )
        sys.stderr.flush()
        self._shown = True

    def done(self) -> None:
        if self._shown and self._terminal:
            print("\r\033[K", end="", file=sys.stderr, flush=True)
