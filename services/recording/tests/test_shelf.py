"""The copy of the catalogue on disk: a dictionary that lists in order and takes no memory."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from seatbus.recording.v1.types_pb2 import Recording
from seatbus_kit.buckets import Entry
from seatbus_kit.errors import Unavailable
from seatbus_kit.ids import uuid7
from seatbus_recording.adapters.shelf import Shelf

TENANTS = ("a", "acme", "acme-2", "b")


def entry(
    tenant: str, recording_id: str, call_id: str = "c", revision: int = 1, deleted: bool = False
) -> Entry:
    record = Recording(tenant_id=tenant, recording_id=recording_id, call_id=call_id)
    return Entry(f"{tenant}.{recording_id}", record.SerializeToString(), revision, deleted)


@pytest.fixture
def shelf(tmp_path: Path) -> Iterator[Shelf]:
    made = Shelf(tmp_path / "instance" / "catalogue.db")
    yield made
    made.close()
    assert list(tmp_path.glob("*/*")) == []


STEPS = st.lists(
    st.tuples(
        st.sampled_from(TENANTS), st.integers(0, 20), st.sampled_from("xy"), st.booleans(), st.booleans()
    ),
    max_size=40,
)


@given(
    STEPS, st.sampled_from(TENANTS), st.sampled_from(["", "x", "y"]), st.integers(0, 20), st.integers(1, 5)
)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_it_holds_and_lists_what_a_dictionary_does(
    shelf: Shelf,
    steps: list[tuple[str, int, str, bool, bool]],
    tenant: str,
    call: str,
    before: int,
    limit: int,
) -> None:
    known: dict[str, Entry] = {}
    for key in list(shelf):
        del shelf[key]
    for revision, (owner, number, call_id, deleted, gone) in enumerate(steps, 1):
        made = entry(owner, f"{number:02}", call_id, revision, deleted)
        if gone and made.key in known:
            del known[made.key], shelf[made.key]
        else:
            known[made.key] = shelf[made.key] = made
    assert dict(shelf) == known
    assert len(shelf) == len(known)
    assert shelf.get("acme.none") is None
    for cursor in ("", f"{before:02}"):
        wanted = [
            record.recording_id
            for key, one in sorted(known.items(), reverse=True)
            if (record := Recording.FromString(one.value)).tenant_id == tenant
            and not one.deleted
            and (not call or record.call_id == call)
            and (not cursor or record.recording_id < cursor)
        ]
        assert [record.recording_id for record in shelf.listed(tenant, call, cursor, limit)] == wanted[:limit]


def test_thousands_of_records_take_no_memory(shelf: Shelf) -> None:
    shelf["acme.odd"] = Entry("acme.odd", b"what cannot be read", 1, deleted=True)
    process = psutil.Process()
    before = process.memory_info().rss
    for revision in range(20_000):
        made = entry("acme", uuid7(), "c" * 600, revision)
        shelf[made.key] = made
    assert len(shelf) == 20_001
    assert process.memory_info().rss - before < 6 << 20


def test_a_full_disk_is_told_to_who_lists_and_to_nobody_else(shelf: Shelf) -> None:
    shelf["acme.1"] = entry("acme", "1")
    shelf._base.execute("PRAGMA max_page_count = 12")
    for number in range(2000):
        made = entry("acme", uuid7(), revision=number)
        shelf[made.key] = made
    with pytest.raises(Unavailable, match="full") as refused:
        shelf.listed("acme", "", "", 10)
    assert refused.value.rule == "catalogue_copy"
    assert shelf.get("acme.none") is None


def test_what_a_killed_process_has_left_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "catalogue.db"
    path.write_bytes(b"no database at all" * 300)
    shelf = Shelf(path)
    shelf["acme.1"] = entry("acme", "1")
    assert list(shelf) == ["acme.1"]
    shelf.close()
