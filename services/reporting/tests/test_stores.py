"""One suite for every store. The driver's adapter meets a real server where one is installed."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime
from pathlib import Path

import pytest

from seatbus_kit.errors import InvalidArgument, Refused, Unavailable
from seatbus_kit.ids import uuid7
from seatbus_reporting.adapters import sql
from seatbus_reporting.adapters.chdb_store import ChdbStore
from seatbus_reporting.adapters.clickhouse_store import ClickHouseStore
from seatbus_reporting.adapters.schema import statements
from seatbus_reporting.adapters.stores import make_store
from seatbus_reporting.domain.tables import CALL_EVENTS, TABLES

AWKWARD = ["it's", "a\\b", "a\tb\nc", "', 1) --", "{tenant:String}", "ü", ""]


def test_every_table_of_the_code_is_in_the_schema_with_its_columns() -> None:
    for table in TABLES:
        (text,) = [s for s in statements() if f"EXISTS {table.name} (" in s]
        columns = [line.split()[0] for line in text.splitlines()[1:] if line.startswith("    ")]
        assert tuple(name for name in columns if name != "INDEX") == table.columns


async def test_a_repeated_insert_changes_nothing_and_text_is_taken_as_it_is(store_dir: Path) -> None:
    store = ChdbStore(store_dir / "store")
    await store.open()
    try:
        tenant, call_id = f"t{uuid7()}", uuid7()
        at = datetime(2030, 1, 7, 9, 0, 0, 123456, tzinfo=UTC)
        rows = [
            (tenant, call_id, i + 1, "CallStarted", at, text, "", text, i + 1)
            for i, text in enumerate(AWKWARD)
        ]
        await store.insert(CALL_EVENTS, rows)
        await store.insert(CALL_EVENTS, rows[2:])
        await store.insert(CALL_EVENTS, rows)
        found = await store.query(sql.CALL_FACTS, {"tenant": tenant, "calls": [call_id]})
        assert [row["payload"] for row in found] == AWKWARD
        assert found[0]["occurred_us"] == int(at.timestamp()) * 1_000_000 + 123456
        for text in AWKWARD:
            assert await store.query(sql.CALL_FACTS, {"tenant": tenant, "calls": [text]}) == []
        with pytest.raises(Refused):
            await store.query("SELECT nothing_like_that", {})
    finally:
        await store.close()


async def test_a_server_that_is_away_is_unavailable_after_its_tries() -> None:
    store = ClickHouseStore("clickhouse://127.0.0.1:1/default")
    with pytest.raises(Unavailable):
        await store.open()
    await store.close()


@pytest.mark.skipif(shutil.which("clickhouse-server") is None, reason="clickhouse-server is not installed")
async def test_the_native_protocol_connects_again_after_a_lost_connection() -> None:
    store = ClickHouseStore("clickhouse://127.0.0.1:9000/default")
    await store.open(schema=False)
    store._connected().disconnect()
    await store.execute("SELECT 1")
    await store.close()


def test_an_unknown_store_is_refused() -> None:
    with pytest.raises(InvalidArgument):
        make_store("sqlite:///x")
