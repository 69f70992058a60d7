"""`python -m seatbus_reporting`: facts into the store, live counters, reports."""

from seatbus_kit.runtime import main
from seatbus_reporting.bootstrap import bootstrap
from seatbus_reporting.settings import Settings

if __name__ == "__main__":
    main(Settings, bootstrap)
