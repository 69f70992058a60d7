"""`python -m seatbus_agent_state`."""

from seatbus_agent_state.bootstrap import bootstrap
from seatbus_agent_state.settings import Settings
from seatbus_kit.runtime import main

if __name__ == "__main__":
    main(Settings, bootstrap)
