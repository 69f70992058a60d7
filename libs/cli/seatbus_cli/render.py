"""Log lines of services, as a person reads them: time, who, level, what, for which tenant and call."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass

_COLOURS = (36, 33, 35, 32, 34, 96, 93, 95, 92, 94)
_LEVELS = {"debug": "2", "info": "0", "warning": "33", "error": "31", "critical": "31;1"}
_SHORT = ("tenant", "call", "agent", "queue", "contact", "rid", "leg")
_HIDDEN = {"event", "level", "time", "service", "instance", "source", "trace", "span"}


@dataclass(frozen=True)
class LogStyle:
    """How lines of one process look."""

    name: str
    colour: int
    coloured: bool
    width: int = 13

    @classmethod
    def of(cls, name: str, index: int, coloured: bool | None = None) -> LogStyle:
        use = sys.stdout.isatty() if coloured is None else coloured
        return cls(name, _COLOURS[index % len(_COLOURS)], use)

    def render(self, line: str) -> str:
        """One line for the terminal. What is not a JSON object is passed on behind the name."""
        name = self._paint(f"{self.name:<{self.width}}", str(self.colour))
        try:
            record = json.loads(line)
        except ValueError:
            return f"{name} {line}"
        if not isinstance(record, dict):
            return f"{name} {line}"
        time = str(record.get("time", ""))[11:23]
        level = str(record.get("level", "info"))
        text = self._paint(str(record.get("event", "")), _LEVELS.get(level, "0"))
        keys = [key for key in _SHORT if key in record]
        keys += [key for key in record if key not in _HIDDEN and key not in keys]
        fields = " ".join(f"{key}={_value(record[key])}" for key in keys)
        mark = "" if level in ("info", "debug") else self._paint(f"{level.upper()} ", _LEVELS.get(level, "0"))
        return f"{self._paint(time, '2')} {name} {mark}{text}  {self._paint(fields, '2')}".rstrip()

    def _paint(self, text: str, code: str) -> str:
        return f"\033[{code}m{text}\033[0m" if self.coloured and text else text


def _value(value: object) -> str:
    if isinstance(value, str):
        return value if value and " " not in value else json.dumps(value, ensure_ascii=False)
    return json.dumps(value, ensure_ascii=False)
