"""The embedded store: the ClickHouse engine inside this process, on one thread of its own."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Final, Protocol, TypeVar, cast

import orjson

from seatbus_kit.errors import Refused, SeatbusError, Unavailable
from seatbus_reporting.adapters.schema import statements
from seatbus_reporting.application.ports import Params, Record
from seatbus_reporting.domain.tables import Row, Table

T = TypeVar("T")


class _Answer(Protocol):
    def bytes(self) -> bytes: ...


class _Inserter(Protocol):
    def append(self, data: bytes) -> None: ...
    def finish(self) -> object: ...


class _Session(Protocol):
    """The part of chDB's session that is used here."""

    def query(self, sql: str, fmt: str = "CSV", *, params: dict[str, Any] | None = None) -> _Answer: ...
    def send_insert(self, query: str, fmt: str) -> AbstractContextManager[_Inserter]: ...
    def close(self) -> None: ...


# One part a table and insert is small work: the engine's own parallelism only costs.
_SETTINGS: Final = (
    "max_threads = 2",
    "max_insert_threads = 1",
    "input_format_parallel_parsing = 0",
    "log_queries = 0",
    "date_time_input_format = 'best_effort'",
    "output_format_json_quote_64bit_integers = 0",
)
# By default the engine looks at its memory twenty times a second, which is half of what it burns when idle.
_START: Final = "memory_worker_period_ms=1000"
# Memory, disk space, files: the same rows may be taken later.
_TRANSIENT: Final = frozenset({74, 75, 76, 159, 209, 210, 241, 243, 252, 425, 999})
_CODE: Final = re.compile(r"Code: (\d+)")


def _error(error: Exception) -> SeatbusError:
    text = " ".join(str(error).split())[:500]
    found = _CODE.search(text)
    code = int(found.group(1)) if found else 0
    if code in _TRANSIENT:
        return Unavailable(f"store: {text}")
    return Refused("store_refused", f"store: {text}", rule=f"clickhouse.{code}")


def _param(value: str | int | list[str]) -> str | int:
    """A parameter as the engine reads it: text escaped, a list as its literal."""
    if isinstance(value, list):
        return "[" + ",".join("'" + _escaped(item).replace("'", "\\'") + "'" for item in value) + "]"
    return _escaped(value) if isinstance(value, str) else value


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("\t", "\\t").replace("\n", "\\n").replace("\0", "\\0")


class ChdbStore:
    """Implements `Store`. One process at a time may have a directory open."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._threads = ThreadPoolExecutor(1, "chdb")
        self._session: _Session | None = None

    @property
    def exclusive(self) -> bool:
        return True

    async def open(self) -> None:
        """Opens the directory and makes missing tables. Raises Unavailable when another process has it."""
        await self._run(self._open)

    def _open(self) -> None:
        from chdb.session import Session

        self._path.mkdir(parents=True, exist_ok=True)
        session = cast("Callable[[str], _Session]", Session)(f"{self._path}?{_START}")
        for setting in _SETTINGS:
            session.query(f"SET {setting}")
        for statement in statements():
            session.query(statement)
        self._session = session

    async def close(self) -> None:
        await self._run(self._close)
        self._threads.shutdown()

    def _close(self) -> None:
        session, self._session = self._session, None
        if session is not None:
            session.close()

    async def insert(self, table: Table, rows: Sequence[Row]) -> None:
        if rows:
            await self._run(lambda: self._insert(table, rows))

    def _insert(self, table: Table, rows: Sequence[Row]) -> None:
        lines = [orjson.dumps(row, option=orjson.OPT_UTC_Z) for row in rows]
        with self._opened().send_insert(table.insert, "JSONCompactEachRow") as inserter:
            inserter.append(b"\n".join(lines))
            inserter.finish()

    async def query(self, sql: str, params: Params) -> list[Record]:
        return await self._run(lambda: self._query(sql, params))

    def _query(self, sql: str, params: Params) -> list[Record]:
        given: dict[str, Any] = {name: _param(value) for name, value in params.items()}
        answer = self._opened().query(sql, "JSON", params=given)
        data = answer.bytes()
        rows: list[Record] = orjson.loads(data)["data"] if data else []
        return rows

    def _opened(self) -> _Session:
        if self._session is None:
            raise Unavailable("the store is not open")
        return self._session

    async def _run(self, work: Callable[[], T]) -> T:
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, work)
        except SeatbusError:
            raise
        except RuntimeError as error:  # what the engine raises
            raise _error(error) from error
