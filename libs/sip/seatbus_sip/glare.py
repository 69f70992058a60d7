"""Two offers that met (491): who tries again when (RFC 3261 section 14.1). Randomness is an input."""

from __future__ import annotations

from seatbus_sip.dialog import Role


def glare_pause(role: Role, dice: float) -> float:
    """Seconds until the next attempt. `dice` is from 0 to 1; who made the Call-ID waits longer."""
    steps = 210 + dice * 190 if role is Role.UAC else dice * 200
    return round(steps) / 100
