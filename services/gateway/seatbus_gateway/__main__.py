"""`python -m seatbus_gateway` serves; `python -m seatbus_gateway openapi` prints the API's document."""

from __future__ import annotations

import sys

if __name__ == "__main__":
    if sys.argv[1:] == ["openapi"]:
        from seatbus_gateway.entrypoints.openapi import text

        sys.stdout.write(text())
    else:
        from seatbus_gateway.bootstrap import bootstrap
        from seatbus_gateway.settings import Settings
        from seatbus_kit.runtime import main

        main(Settings, bootstrap)
