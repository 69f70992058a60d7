"""`python -m seatbus_tenancy`."""

from seatbus_kit.runtime import main
from seatbus_tenancy.bootstrap import bootstrap
from seatbus_tenancy.settings import Settings

main(Settings, bootstrap)
