"""Values that one object on the whole platform may hold: access numbers, digest accounts, trunk sources."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from seatbus_contracts.sources import SourceError, parse_source
from seatbus_contracts.subjects import SubjectError, claim_key, config_key
from seatbus_kit.errors import InvalidArgument

if TYPE_CHECKING:
    from seatbus.tenancy.v1 import types_pb2 as tenancy


@dataclass(frozen=True, slots=True)
class Claim:
    """`key` in the bucket holds `owner`, the key of the object. `field` is the path below the object."""

    key: str
    owner: str
    field: str
    value: str


def claims(item: tenancy.ConfigObject) -> Iterator[Claim]:
    """What an object claims. Raises InvalidArgument for a value that cannot be claimed."""
    kind = item.WhichOneof("object") or ""
    owner = config_key(item.tenant_id, kind, item.id)
    if kind == "number":
        yield _claim("number", item.number.e164, owner, "number.e164")
    elif kind == "device" and item.device.username:
        yield _claim("username", item.device.username, owner, "device.username")
    elif kind == "trunk":
        for at, text in enumerate(item.trunk.source_addresses):
            field = f"trunk.source_addresses[{at}]"
            try:
                source = parse_source(text)
            except SourceError as error:
                raise InvalidArgument(error.rule, field=field, rule="source_address") from None
            # Letters and digits only, so that the value is one token: 10.0.0.0/8:5060 -> 10_0_0_0-8-5060.
            address = str(source.network.network_address).replace(":", "_")
            port = "" if source.port is None else f"-{source.port}"
            value = f"a{address}-{source.network.prefixlen}{port}"
            yield _claim("trunk", value, owner, field, text)
        if item.trunk.tls_name:
            # A certificate's name means one trunk: name-sbc_carrier_example.
            name = item.trunk.tls_name.lower()
            yield _claim("trunk", f"name-{name}", owner, "trunk.tls_name", name)
        if item.trunk.challenge:
            # It proves itself as phones do, and shares their names.
            yield _claim("username", item.trunk.username, owner, "trunk.username")


def _claim(kind: str, value: str, owner: str, field: str, shown: str = "") -> Claim:
    try:
        return Claim(claim_key(kind, value), owner, field, shown or value)
    except SubjectError as error:
        raise InvalidArgument(error.rule, field=field, rule="token") from None
