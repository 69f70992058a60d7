"""`python -m seatbus_sip_edge`"""

from seatbus_kit.runtime import main
from seatbus_sip_edge.bootstrap import bootstrap
from seatbus_sip_edge.settings import Settings

if __name__ == "__main__":
    main(Settings, bootstrap)
