"""`python -m seatbus_media`."""

from seatbus_kit.runtime import main
from seatbus_media.bootstrap import bootstrap
from seatbus_media.settings import MediaSettings

if __name__ == "__main__":
    main(MediaSettings, bootstrap)
