"""Keys and packet indices of a leg, as the session table holds them."""

from __future__ import annotations

from typing import Any

from seatbus_rtp.srtp import SrtpKeys, SrtpProfile
from seatbus_rtp.srtp_place import SrtpPlace

Record = dict[str, Any]


def keys_record(keys: SrtpKeys) -> Record:
    return {"profile": keys.profile.name, "local": keys.local.hex(), "remote": keys.remote.hex()}


def keys_of(record: Record) -> SrtpKeys:
    """Raises KeyError, ValueError."""
    local, remote = bytes.fromhex(record["local"]), bytes.fromhex(record["remote"])
    return SrtpKeys(SrtpProfile[record["profile"]], local, remote)


def place_record(place: SrtpPlace) -> Record:
    return {
        "source": place.source,
        "sent": place.sent,
        "reports": place.reports,
        "heard": list(place.heard.items()),
    }


def place_of(record: Record) -> SrtpPlace:
    """Raises KeyError, TypeError, ValueError."""
    heard = {int(source): int(index) for source, index in record["heard"]}
    return SrtpPlace(int(record["source"]), int(record["sent"]), int(record["reports"]), heard)
