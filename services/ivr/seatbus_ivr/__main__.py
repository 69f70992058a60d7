"""`python -m seatbus_ivr`."""

from seatbus_ivr.bootstrap import bootstrap
from seatbus_ivr.settings import Settings
from seatbus_kit.runtime import main

main(Settings, bootstrap)
