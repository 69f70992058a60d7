"""The operator's key file."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from seatbus_kit.errors import InvalidArgument


def load_or_create(path: Path) -> str:
    """The key in the file; a missing file is made, readable by its owner alone, with a random key."""
    try:
        key = path.read_text(encoding="ascii").strip()
    except FileNotFoundError:
        path.parent.mkdir(parents=True, exist_ok=True)
        key = secrets.token_urlsafe(32)
        try:
            handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:  # another replica was quicker
            key = path.read_text(encoding="ascii").strip()
        else:
            with os.fdopen(handle, "w", encoding="ascii") as file:
                file.write(key + "\n")
    if len(key) < 16:
        raise InvalidArgument(f"{path} holds no key", field="OPERATOR_KEY_FILE", rule="16 characters or more")
    return key
