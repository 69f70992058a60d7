"""What every neighbour of a call is asked with: lane, context, repetition, log."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from seatbus.common.v1 import types_pb2 as common
from seatbus_kit.errors import SeatbusError
from seatbus_kit.log import get_logger
from seatbus_sip_edge.application.lanes import Lane

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from google.protobuf.message import Message

    from seatbus_sip_edge.application.session import Session

log = get_logger("sip_edge.commands")

_ACTOR = common.Actor(kind=common.ACTOR_KIND_SYSTEM, id="sip_edge")
_NEVER = float("inf")
_RPC_S = 2.0
_OWED_AFTER_END_S = 60.0


class Asking:
    """One neighbour of one call."""

    def __init__(self, session: Session, lane: Lane) -> None:
        self._session = session
        self._edge = session.edge
        self._call = session.call
        self.lane = lane

    def _context(self, request_id: str, tenant_id: str = "") -> common.RequestContext:
        return common.RequestContext(
            request_id=request_id, tenant_id=tenant_id or self._call.tenant_id, actor=_ACTOR
        )

    @property
    def _taken_over(self) -> str:
        """Part of a request id: what an adopter says again is no repeat of what the dead owner said."""
        return f":{self._call.epoch}" if self._call.epoch > 1 else ""

    def _owed(self) -> bool:
        """Reports are repeated while the call lives and for 60 s after."""
        over_at = self._session.over_at
        return over_at is None or self._edge.monotonic() < over_at + _OWED_AFTER_END_S

    def _ask(
        self,
        service: str,
        method: str,
        request: Message,
        *,
        timeout: float = _RPC_S,
        deadline: float = _NEVER,
        **options: Any,
    ) -> Coroutine[Any, Any, Any]:
        return self._edge.neighbours.command(
            service,
            method,
            request,
            timeout=timeout,
            deadline=deadline,
            trace=self._session.trace,
            **options,
        )

    async def _report(self, service: str, method: str, request: Message, first_address: str = "") -> None:
        try:
            await self._ask(service, method, request, go_on=self._owed, first_address=first_address)
        except SeatbusError as error:
            self._log(f"{service} does not take a report, given up", error, method=method)

    def _log(self, what: str, error: SeatbusError, **fields: object) -> None:
        log.warning(what, tenant=self._call.tenant_id, call=self._call.call_id, reason=str(error), **fields)
