"""How trunks' secrets are kept: the edge, which uses them, opens them the same way."""

from seatbus_kit.seal import Seal

__all__ = ["Seal"]
