"""`python -m seatbus_sip_edge`"""

import gc

if __name__ == "__main__":
    # Nothing that is imported becomes garbage; without collections a restart is a tenth shorter.
    gc.disable()
    from seatbus_kit.runtime import main
    from seatbus_sip_edge.bootstrap import bootstrap
    from seatbus_sip_edge.settings import Settings

    gc.enable()
    main(Settings, bootstrap)
