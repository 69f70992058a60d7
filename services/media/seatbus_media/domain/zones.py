"""Network zones: an instance that is in several networks has an address in each."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from typing import Final

LINKS: Final = "internal"
"""The zone of links between instances, where it is configured."""
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")


@dataclass(frozen=True, slots=True)
class Zone:
    """`host` is bound, `advertised` is what descriptions say. The zone without a name is the default."""

    name: str
    host: str
    advertised: str


def parse_zones(text: str) -> dict[str, Zone]:
    """`name=host` or `name=host/advertised`, parted by commas. Raises ValueError naming the part."""
    found: dict[str, Zone] = {}
    for part in filter(None, (part.strip() for part in text.split(","))):
        name, equals, hosts = part.partition("=")
        host, slash, advertised = hosts.partition("/")
        if not equals or not _NAME.fullmatch(name):
            raise ValueError(f"{part!r}: must be name=address or name=address/advertised")
        if name in found:
            raise ValueError(f"{part!r}: the zone is there already")
        for address in (host, advertised) if slash else (host,):
            try:
                ipaddress.ip_address(address)
            except ValueError as error:
                raise ValueError(f"{part!r}: {address!r} is no IP address") from error
        if not slash and ipaddress.ip_address(host).is_unspecified:
            raise ValueError(f"{part!r}: an address that is none needs an advertised one behind it")
        found[name] = Zone(name, host, advertised or host)
    return found
