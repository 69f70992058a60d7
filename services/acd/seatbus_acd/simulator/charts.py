"""Charts of characters."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

_EIGHTHS: Final = " ▏▎▍▌▋▊▉"


def bar(value: float, most: float, width: int) -> str:
    """A bar of at most `width` columns, drawn to an eighth of a column."""
    if most <= 0 or value <= 0:
        return ""
    eighths = round(min(value / most, 1.0) * width * 8)
    return ("█" * (eighths // 8) + _EIGHTHS[eighths % 8]).rstrip()


def bars(rows: Sequence[tuple[str, float, str]], width: int = 40, most: float | None = None) -> list[str]:
    """A line for each row of label, value and text. `most` is the full width; the greatest value if None."""
    top = max((value for _, value, _ in rows), default=0.0) if most is None else most
    label = max((len(row[0]) for row in rows), default=0)
    text = max((len(row[2]) for row in rows), default=0)
    return [
        f"  {name:>{label}}  {note:>{text}}  {bar(value, top, width)}".rstrip() for name, value, note in rows
    ]
