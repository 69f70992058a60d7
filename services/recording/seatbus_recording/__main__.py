"""`python -m seatbus_recording`."""

from seatbus_kit.runtime import main
from seatbus_recording.bootstrap import bootstrap
from seatbus_recording.settings import RecordingSettings

if __name__ == "__main__":
    main(RecordingSettings, bootstrap)
