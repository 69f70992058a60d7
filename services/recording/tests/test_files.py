"""Files without a service: placement, names, full disks, torn headers."""

from __future__ import annotations

import errno

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seatbus.recording.v1.service_pb2 import Open
from seatbus_kit.errors import InvalidArgument, Refused, ResourceExhausted
from seatbus_kit.ids import uuid7
from seatbus_recording.adapters.files import FileStore
from seatbus_recording.domain.naming import check_recording, check_tenant, parse_marker
from seatbus_recording.domain.placement import place
from seatbus_rtp.wav import HEADER_SIZE, read_wav


@given(st.integers(0, 500), st.integers(0, 500), st.integers(0, 200))
def test_after_a_placement_everything_before_the_chunks_end_is_there(stored, offset, length):
    where = place(stored, offset, length)
    after = stored + where.gap + length - where.skip if where.skip < length else stored
    assert after >= stored
    assert where.gap == 0 or where.skip == 0
    if length and offset + length > stored:
        assert after == offset + length


@pytest.mark.parametrize("tenant", ["", "..", "a/b", "A", "-a", "a" * 64, "a.b", "a\n"])
def test_a_tenant_that_is_no_id_is_refused_by_name(tenant):
    with pytest.raises(InvalidArgument) as refused:
        check_tenant(tenant)
    assert refused.value.field == "tenant_id"


@pytest.mark.parametrize("recording_id", ["", "..", "../x", "1", "g" * 36])
def test_an_id_that_is_no_uuid_is_refused(recording_id):
    with pytest.raises(InvalidArgument):
        check_recording(recording_id)
    with pytest.raises(InvalidArgument):
        parse_marker(f"acme.{recording_id}")


def test_no_object_name_leaves_the_directory(tmp_path):
    store = FileStore(tmp_path / "files")
    for name in ("../x.wav", "/etc/passwd", "acme/../../x.wav", "acme/x.txt"):
        with pytest.raises(Refused):
            store.path(name)


def opened(tmp_path):
    store = FileStore(tmp_path / "files")
    store.prepare()
    opening = Open(tenant_id="acme", call_id=uuid7())
    opening.started_at.GetCurrentTime()
    return store, opening


class FullDisk:
    """A file on a disk that has room for a few bytes more."""

    def __init__(self, inner, room):
        self._inner = inner
        self._room = room

    def write(self, data):
        if self._room <= 0:
            raise OSError(errno.ENOSPC, "No space left on device")
        part = data[: self._room]
        self._room -= len(part)
        return self._inner.write(part)

    def __getattr__(self, name):
        return getattr(self._inner, name)


def test_a_full_disk_is_an_error_in_words_and_the_file_stays_whole(tmp_path):
    store, opening = opened(tmp_path)
    file = store.create(uuid7(), opening)
    file.append(0, b"\x11" * 100, b"\x22" * 100, "pcmu")
    file._file = FullDisk(file._file, 10)
    with pytest.raises(ResourceExhausted) as full:
        file.append(100, b"\x11" * 100, b"\x22" * 100, "pcmu")
    assert full.value.rule == "disk_full"
    file._file = file._file._inner
    assert file.finish()[0] == HEADER_SIZE + 400
    assert read_wav(file.path)[0].frames == 100


@pytest.mark.parametrize("torn", [0, 20, 44, 45, 47])
def test_a_file_that_was_torn_anywhere_is_taken_up(tmp_path, torn):
    store, opening = opened(tmp_path)
    recording_id = uuid7()
    file = store.create(recording_id, opening)
    file.append(0, b"\x11" * 50, b"\x22" * 50, "pcma")
    file.close()
    with file.path.open("r+b") as raw:
        raw.truncate(torn)
    assert [name for name, _ in store.unfinished()] == [recording_id]
    again = store.create(recording_id, opening)
    assert again.stored == 0
    again.append(0, b"\x11" * 50, b"\x22" * 50, "pcma")
    again.finish()
    assert read_wav(again.path)[0].frames == 50
    store.completed("acme", recording_id)
    assert list(store.unfinished()) == []


def test_a_mono_recording_holds_the_sum_of_both(tmp_path):
    store, opening = opened(tmp_path)
    opening.mono = True
    file = store.create(uuid7(), opening)
    file.append(0, b"\x00" * 10, b"\x00" * 10, "pcmu")
    file.finish()
    info, pcm = read_wav(file.path)
    assert info.channels == 1
    assert set(pcm[:, 0]) == {-32768}
