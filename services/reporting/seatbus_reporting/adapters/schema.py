"""The statements of schema.sql, one by one."""

from __future__ import annotations

from pathlib import Path


def statements() -> list[str]:
    """Each may be repeated on a store that has everything already."""
    text = Path(__file__).with_name("schema.sql").read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if not line.startswith("--")]
    return [part.strip() for part in "\n".join(lines).split(";") if part.strip()]
