"""`python -m seatbus_media`."""

import gc

if __name__ == "__main__":
    # Nothing that is imported becomes garbage; without collections a restart is a tenth shorter.
    gc.disable()
    from seatbus_kit.runtime import main
    from seatbus_media.bootstrap import bootstrap
    from seatbus_media.settings import MediaSettings

    gc.enable()
    main(MediaSettings, bootstrap)
