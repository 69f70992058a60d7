"""The journal: order, torn ends, checkpoints, retention."""

from __future__ import annotations

import asyncio
import fcntl
import os
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from seatbus_sip.dialog import Dialog, Role
from seatbus_sip.tables import DialogState
from seatbus_sip_edge.adapters.journal import Journal, frame, read_segment, recover, segments
from seatbus_sip_edge.domain.model import Call

if TYPE_CHECKING:
    from typing_extensions import Buffer


async def _open(directory: Path, **options: int) -> Journal:
    journal = Journal(directory, **options)
    await journal.start(lambda: [frame(["t", "alive"])])
    return journal


async def test_a_callback_runs_after_its_entry_is_on_disk(tmp_path: Path) -> None:
    journal = await _open(tmp_path)
    order: list[str] = []
    for name in ("a", "b", "c"):
        journal.append(frame(["p", name, 1]))
        journal.then(
            lambda name=name: order.append(
                f"{name} {sum(1 for entry in read_segment(segments(tmp_path)[-1]) if entry[0] == 'p')}"
            )
        )
    await journal.flush()
    assert order == ["a 3", "b 3", "c 3"]
    await journal.stop()


async def test_recovery_reads_from_the_last_complete_checkpoint_to_the_torn_end(tmp_path: Path) -> None:
    journal = await _open(tmp_path)
    journal.append(frame(["p", "old", 1]))
    await journal.stop()
    journal = await _open(tmp_path)
    journal.append(frame(["p", "new", 2]))
    await journal.stop()
    torn = segments(tmp_path)[-1]
    torn.write_bytes(torn.read_bytes() + frame(["p", "torn", 3])[:-2])
    assert list(recover(tmp_path)) == [["t", "alive"], ["c"], ["p", "new", 2]]


async def test_a_segment_without_a_complete_checkpoint_is_read_with_the_one_before(tmp_path: Path) -> None:
    journal = await _open(tmp_path)
    journal.append(frame(["p", "first", 1]))
    await journal.stop()
    (tmp_path / "000000000002.journal").write_bytes(frame(["t", "half"])[:-1])
    assert ["p", "first", 1] in list(recover(tmp_path))


async def test_segments_rotate_and_old_ones_go_when_they_are_too_large(tmp_path: Path) -> None:
    journal = await _open(tmp_path, segment_bytes=2_000, keep_bytes=5_000)
    for number in range(200):
        journal.append(frame(["p", "x" * 50, number]))
        await journal.flush()
    await journal.stop()
    found = segments(tmp_path)
    assert 2 <= len(found) <= 5
    assert next(iter(recover(tmp_path))) == ["t", "alive"]


async def test_commits_gather_while_one_is_under_way(tmp_path: Path) -> None:
    journal = await _open(tmp_path)
    done: list[int] = []
    for number in range(500):
        journal.append(frame(["p", "call", number]))
        journal.then(lambda number=number: done.append(number))
        if number % 50 == 0:
            await asyncio.sleep(0)
    await journal.flush()
    assert done == list(range(500))
    await journal.stop()


async def test_what_was_added_lazily_makes_no_commit_of_its_own_and_rides_with_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written: list[bytes] = []
    real = os.write

    def write(fd: int, data: Buffer) -> int:
        written.append(bytes(data))
        return real(fd, data)

    journal = await _open(tmp_path)
    monkeypatch.setattr("seatbus_sip_edge.adapters.journal.os.write", write)
    committed = asyncio.Event()
    journal.append(frame(["p", "first", 1]))
    journal.then(lambda: journal.append_lazily(frame(["x", "lazy"])))
    journal.then(committed.set)
    await committed.wait()
    assert not journal._writing
    again = asyncio.Event()
    journal.append(frame(["p", "second", 2]))
    journal.then(again.set)
    await again.wait()
    journal.append_lazily(frame(["x", "last"]))
    await journal.stop()
    assert written == [
        frame(["p", "first", 1]),
        frame(["x", "lazy"]) + frame(["p", "second", 2]),
        frame(["x", "last"]),
    ]


async def test_the_loop_writes_to_a_quick_disk_itself_and_does_not_wait_for_a_slow_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    writers: list[bool] = []
    slow_s = [0.0, 60.0, 0.0, 0.0]
    real, journal = os.write, await _open(tmp_path)

    def write(fd: int, data: Buffer) -> int:
        writers.append(threading.current_thread() is threading.main_thread())
        # As if it had taken that long.
        journal._credit -= slow_s[len(writers) - 1]
        return real(fd, data)

    async def commit(number: int) -> None:
        committed = asyncio.Event()
        journal.append(frame(["p", "call", number]))
        journal.then(committed.set)
        await committed.wait()

    monkeypatch.setattr("seatbus_sip_edge.adapters.journal.os.write", write)
    for number in range(3):
        await commit(number)
    # A minute later.
    journal._credited_at -= 600.0
    await commit(3)
    assert writers == [True, True, False, True]
    await journal.stop()
    assert [entry[2] for entry in recover(tmp_path) if entry[0] == "p"] == [0, 1, 2, 3]


async def test_what_an_effect_appends_is_on_disk_after_a_flush(tmp_path: Path) -> None:
    journal = await _open(tmp_path)
    for credit in (0.05, -60.0):
        journal._credit = credit
        journal.append(frame(["p", "cause", 1]))
        journal.then(lambda: journal.append(frame(["p", "effect", 2])))
        await journal.flush()
    assert [entry[1] for entry in recover(tmp_path) if entry[0] == "p"] == ["cause", "effect"] * 2
    await journal.stop()


async def test_a_segment_is_written_through_to_the_disk(tmp_path: Path) -> None:
    journal = await _open(tmp_path)
    assert fcntl.fcntl(journal._fd, fcntl.F_GETFL) & os.O_DSYNC
    await journal.stop()


def test_what_a_peer_wrote_in_no_utf8_is_written_and_read(tmp_path: Path) -> None:
    foreign = b"M\xfcller \xf0\x9f\x98\x80".decode("utf-8", "surrogateescape")
    call = Call(
        tenant_id="acme", call_id="c", owner="edge", caller="1", dialed="2", direction=1, caller_leg_id="l"
    )
    path = tmp_path / "000000000001.journal"
    path.write_bytes(frame(["t", "c", call, {"from": foreign}, []]) + frame(["t", "c", call, {}, []]))
    first, second = read_segment(path)
    assert first[3] == {"from": "M\ufffdller \U0001f600"}
    assert first[2] == second[2]


@pytest.mark.parametrize(
    ("written", "read"),
    [("sip:anna@h", "sip:anna@h"), (b"sip:\xfc@h".decode("utf-8", "surrogateescape"), "sip:\ufffd@h")],
)
def test_a_dialog_is_written_as_it_is_and_comes_back(tmp_path: Path, written: str, read: str) -> None:
    dialog = Dialog(
        role=Role.UAS,
        state=DialogState.CONFIRMED,
        route_set=("<sip:a;lr>", "<sip:b;lr>"),
        call_id="id",
        contact="<sip:edge>",
        local_tag="l",
        local_uri="sip:us@h",
        remote_tag="r",
        remote_target="sip:anna@h",
        remote_uri=written,
        remote_cseq=7,
        remote_offer_pending=True,
    )
    path = tmp_path / "000000000001.journal"
    path.write_bytes(frame(["t", "c", {}, {"leg": {"dialog": dialog}}, []]))
    (found,) = read_segment(path)
    stored = found[3]["leg"]["dialog"]
    assert stored == {**dialog.to_dict(), "remote_uri": read}
    assert Dialog.from_dict(stored).to_dict() == stored
