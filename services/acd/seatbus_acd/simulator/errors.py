"""What can be wrong with what a person asked for."""

from __future__ import annotations


class ScenarioError(ValueError):
    """`field` names the option, or the place in the file; `rule` says what must hold."""

    def __init__(self, field: str, rule: str) -> None:
        super().__init__(f"{field}: {rule}")
        self.field = field
        self.rule = rule
