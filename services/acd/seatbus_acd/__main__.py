"""`python -m seatbus_acd`."""

from seatbus_acd.bootstrap import bootstrap
from seatbus_acd.settings import Settings
from seatbus_kit.runtime import main

if __name__ == "__main__":
    main(Settings, bootstrap)
