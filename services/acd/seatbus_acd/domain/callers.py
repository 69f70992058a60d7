"""Callers with a rule of their own: the green channel, and those who are refused."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

HIGHEST_PRIORITY: Final = 9
_YES = frozenset({"1", "true", "yes"})


@dataclass(frozen=True, slots=True)
class Numbers:
    """Telephone numbers, compared without a leading +; a prefix was written with * at its end."""

    exact: frozenset[str] = frozenset()
    prefixes: tuple[str, ...] = ()

    @classmethod
    def of(cls, written: Iterable[str]) -> Numbers:
        plain = [number.removeprefix("+") for number in written]
        return cls(
            frozenset(number for number in plain if not number.endswith("*")),
            tuple(number[:-1] for number in plain if number.endswith("*")),
        )

    def __contains__(self, caller: str) -> bool:
        number = caller.removeprefix("+")
        return bool(number) and (number in self.exact or number.startswith(self.prefixes))


@dataclass(frozen=True, slots=True)
class CallerRules:
    green: Numbers = Numbers()
    green_attribute: str = ""
    blocked: Numbers = Numbers()

    def priority(self, caller: str, attributes: Mapping[str, str], asked: int) -> int:
        """The class of a contact: the highest for the green channel, else what was asked for."""
        marked = bool(self.green_attribute) and attributes.get(self.green_attribute, "").lower() in _YES
        return HIGHEST_PRIORITY if marked or caller in self.green else asked
