"""Which store a URL names."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit

from seatbus_kit.errors import InvalidArgument
from seatbus_reporting.adapters.chdb_store import ChdbStore
from seatbus_reporting.adapters.clickhouse_store import ClickHouseStore


def make_store(url: str) -> ChdbStore | ClickHouseStore:
    """`chdb:///absolute/path`, `clickhouse://user:password@host:port/database` or `clickhouses://…` (TLS)."""
    parts = urlsplit(url)
    if parts.scheme == "chdb":
        return ChdbStore(Path(parts.path))
    if parts.scheme in ("clickhouse", "clickhouses"):
        return ClickHouseStore(url)
    raise InvalidArgument(f"not a store: {url}", field="STORE_URL", rule="chdb or clickhouse")
