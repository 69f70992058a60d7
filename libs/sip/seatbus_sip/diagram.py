"""Draws the tables as Mermaid state diagrams: `python -m seatbus_sip.diagram > states.md`."""

from __future__ import annotations

from seatbus_sip.subscriptions import SUBSCRIPTION
from seatbus_sip.tables import DIALOG, TABLES, Effect, Machine, State


def _effect(effect: Effect) -> str:
    return (
        effect.value
        if isinstance(effect.value, str)
        else f"{type(effect).__name__.lower()} {effect.value.value}"
    )


def machine_diagram(machine: Machine) -> str:
    """One transaction machine."""
    lines = ["stateDiagram-v2", f"    [*] --> {State.INITIAL.value}"]
    for state, row in TABLES[machine].items():
        for event, (following, effects) in row.items():
            label = event.value + (" / " + ", ".join(map(_effect, effects)) if effects else "")
            lines.append(f"    {state.value} --> {following.value}: {label}")
    return "\n".join([*lines, f"    {State.TERMINATED.value} --> [*]"])


def dialog_diagram() -> str:
    """Life of a dialog."""
    lines = ["stateDiagram-v2"]
    for state, row in DIALOG.items():
        lines.extend(
            f"    {state.value} --> {following.value}: {event.value}" for event, following in row.items()
        )
    return "\n".join(lines)


def subscription_diagram() -> str:
    """Life of a subscription, as its notifier sees it."""
    lines = ["stateDiagram-v2"]
    for state, row in SUBSCRIPTION.items():
        lines.extend(
            f"    {state.value} --> {following.value}: {event.value}" for event, following in row.items()
        )
    return "\n".join(lines)


def document() -> str:
    """All diagrams as one Markdown page."""
    parts = [
        "# State machines of the SIP stack",
        "Drawn from `seatbus_sip.tables` and `subscriptions`: "
        "`python -m seatbus_sip.diagram > docs/sip-states.md`. "
        "An arrow says event, and what is done.",
    ]
    for machine in Machine:
        parts.append(f"## {machine.value}\n\n```mermaid\n{machine_diagram(machine)}\n```")
    parts.append(f"## dialog\n\n```mermaid\n{dialog_diagram()}\n```")
    parts.append(f"## subscription\n\n```mermaid\n{subscription_diagram()}\n```")
    return "\n\n".join(parts) + "\n"


if __name__ == "__main__":
    print(document(), end="")
