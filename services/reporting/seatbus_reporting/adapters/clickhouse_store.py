"""A ClickHouse server by its native protocol. One connection, used by one thread at a time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Final, TypeVar

from seatbus_kit.errors import Refused, Unavailable
from seatbus_kit.log import get_logger
from seatbus_reporting.adapters.schema import statements
from seatbus_reporting.application.ports import Params, Record
from seatbus_reporting.domain.tables import Row, Table

if TYPE_CHECKING:
    from clickhouse_driver import Client

T = TypeVar("T")
log = get_logger("reporting.clickhouse")

_TRIES: Final = 3
# Errors of the server after which the same statement may succeed: memory, too much work, timeouts, network.
_TRANSIENT: Final = frozenset({159, 202, 209, 210, 241, 243, 252, 319, 425, 999})


class ClickHouseStore:
    """Implements `Store`. A lost connection is opened again; every statement here may be repeated."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._threads = ThreadPoolExecutor(1, "clickhouse")
        self._client: Client | None = None

    @property
    def exclusive(self) -> bool:
        return False

    async def open(self, *, schema: bool = True) -> None:
        """Connects and makes missing tables. Raises Unavailable when the server does not answer."""
        for statement in statements() if schema else ("SELECT 1",):
            await self.execute(statement)

    async def close(self) -> None:
        await asyncio.get_running_loop().run_in_executor(self._threads, self._disconnect)
        self._threads.shutdown()

    async def execute(self, statement: str) -> None:
        await self._run(lambda client: client.execute(statement))

    async def insert(self, table: Table, rows: Sequence[Row]) -> None:
        if rows:
            columns = [list(column) for column in zip(*rows, strict=True)]
            await self._run(lambda client: client.execute(f"{table.insert} VALUES", columns, columnar=True))

    async def query(self, sql: str, params: Params) -> list[Record]:
        values = dict(params)

        def work(client: Client) -> list[Record]:
            rows, columns = client.execute(sql, values, with_column_types=True)
            names = [name for name, _ in columns]
            return [dict(zip(names, row, strict=True)) for row in rows]

        return await self._run(work)

    def _connected(self) -> Client:
        if self._client is None:
            from clickhouse_driver import Client

            self._client = Client.from_url(self._url)
            self._client.connection.connect_timeout = 3
            self._client.connection.context.client_settings["server_side_params"] = True
        return self._client

    def _disconnect(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            client.disconnect()

    async def _run(self, work: Callable[[Client], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, self._attempt, work)

    def _attempt(self, work: Callable[[Client], T]) -> T:
        from clickhouse_driver import errors

        reason = ""
        for attempt in range(_TRIES):
            try:
                return work(self._connected())
            except (errors.NetworkError, errors.SocketTimeoutError, EOFError, OSError) as error:
                reason = repr(error)
                self._disconnect()
                log.info("store connection lost, trying again", attempt=attempt + 1, reason=reason)
            except errors.ServerException as error:
                if error.code not in _TRANSIENT:
                    text = " ".join(str(error.message).split())[:500]
                    raise Refused(
                        "store_refused", f"store: {text}", rule=f"clickhouse.{error.code}"
                    ) from error
                reason = f"code {error.code}"
            except errors.Error as error:
                self._disconnect()
                raise Refused("store_refused", f"store: {error}", rule="clickhouse-driver") from error
        raise Unavailable(f"store does not answer: {reason}")
