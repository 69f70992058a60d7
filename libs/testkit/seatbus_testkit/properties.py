"""How hard property-based tests look.

`make test` tries the same examples each time, so that what passed once passes again. `make properties` looks
further, with new examples each time (SEATBUS_EXAMPLES times as many), and prints how to repeat what it finds.
"""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

EFFORT = int(os.environ.get("SEATBUS_EXAMPLES", "0"))
# The number of examples of a test that does not say its own.
_USUAL = 100


def examples(number: int) -> int:
    """How many examples a test tries that needs `number` of them at least."""
    return number * max(EFFORT, 1)


def load_profile() -> None:
    """Before the test modules are read: their settings take it up."""
    # How long the examples take to draw says how busy the machine is.
    settings.register_profile(
        "steady", derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow]
    )
    settings.register_profile("search", max_examples=examples(_USUAL), print_blob=True, deadline=None)
    settings.load_profile("search" if EFFORT else "steady")
