"""What is kept of a secret, and what leaves the service: nothing that could be used."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from seatbus.tenancy.v1 import types_pb2 as tenancy
from seatbus_kit.errors import InvalidArgument

if TYPE_CHECKING:
    from collections.abc import Callable


def ha1(username: str, realm: str, password: str) -> tuple[str, str]:
    """The digest account's secrets, MD5 and SHA-256 (RFC 7616 §3.4.2), in lower-case hexadecimal."""
    text = f"{username}:{realm}:{password}".encode()
    return hashlib.md5(text, usedforsecurity=False).hexdigest(), hashlib.sha256(text).hexdigest()


def absorb(
    item: tenancy.ConfigObject,
    stored: tenancy.ConfigObject | None,
    path: str,
    realm: str,
    seal: Callable[[str, str], str] | None,
) -> None:
    """Replaces the secrets of `item` by what may be stored; one left empty stays as stored.

    `seal(secret, name of its owner)` encrypts. Raises InvalidArgument naming field and rule.
    """
    kind = item.WhichOneof("object")
    before = stored if stored is not None and stored.WhichOneof("object") == kind else None
    if kind == "device":
        _device(item.device, before.device if before is not None else None, path, realm)
    elif kind == "trunk":
        if not item.trunk.secret:
            item.trunk.secret = before.trunk.secret if before is not None else ""
        elif seal is None:
            raise InvalidArgument(
                "a trunk's secret is sealed at rest, and no sealing key is set (SEATBUS_CONFIG_KEY)",
                field=f"{path}.trunk.secret",
                rule="sealing_key",
            )
        else:
            item.trunk.secret = seal(item.trunk.secret, f"{item.tenant_id}.trunk.{item.id}")
    elif kind == "user" and not item.user.password_hash and before is not None:
        item.user.password_hash = before.user.password_hash
    elif kind == "api_key" and not item.api_key.key_hash and before is not None:
        item.api_key.key_hash = before.api_key.key_hash


def _device(device: tenancy.Device, before: tenancy.Device | None, path: str, realm: str) -> None:
    for name in ("ha1_md5", "ha1_sha256"):
        if getattr(device, name):
            raise InvalidArgument(
                "made from the password, never given", field=f"{path}.device.{name}", rule="write_only"
            )
    if device.kind == tenancy.DEVICE_KIND_EXTERNAL:
        if not device.number:
            raise InvalidArgument(
                "an external device is reached by its number", field=f"{path}.device.number", rule="required"
            )
        device.password = ""
        return
    if not device.username:
        raise InvalidArgument(
            "a phone registers with its username", field=f"{path}.device.username", rule="required"
        )
    if device.password:
        device.ha1_md5, device.ha1_sha256 = ha1(device.username, realm, device.password)
        device.password = ""
    elif before is not None and before.username == device.username and before.ha1_md5:
        device.ha1_md5, device.ha1_sha256 = before.ha1_md5, before.ha1_sha256
    else:
        raise InvalidArgument(
            "a new account needs a password", field=f"{path}.device.password", rule="required"
        )


def without_secrets(item: tenancy.ConfigObject) -> tenancy.ConfigObject:
    """A copy that may be shown."""
    shown = tenancy.ConfigObject()
    shown.CopyFrom(item)
    match shown.WhichOneof("object"):
        case "device":
            shown.device.password = shown.device.ha1_md5 = shown.device.ha1_sha256 = ""
        case "trunk":
            shown.trunk.secret = ""
        case "user":
            shown.user.password_hash = ""
        case "api_key":
            shown.api_key.key_hash = ""
    return shown
