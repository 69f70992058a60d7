"""The one table between domain errors and gRPC status codes, read in both directions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import grpc

from seatbus.common.v1.types_pb2 import ErrorDetail
from seatbus_kit.errors import (
    AlreadyExists,
    Conflict,
    DeadlineExceeded,
    InvalidArgument,
    NotFound,
    OutcomeUnknown,
    PermissionDenied,
    Refused,
    ResourceExhausted,
    SeatbusError,
    StaleEpoch,
    Unavailable,
    Unimplemented,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

DETAIL_KEY: Final = "sb-error-bin"

STATUS: Final[dict[type[SeatbusError], grpc.StatusCode]] = {
    InvalidArgument: grpc.StatusCode.INVALID_ARGUMENT,
    NotFound: grpc.StatusCode.NOT_FOUND,
    AlreadyExists: grpc.StatusCode.ALREADY_EXISTS,
    Conflict: grpc.StatusCode.ABORTED,
    StaleEpoch: grpc.StatusCode.FAILED_PRECONDITION,
    Refused: grpc.StatusCode.FAILED_PRECONDITION,
    PermissionDenied: grpc.StatusCode.PERMISSION_DENIED,
    ResourceExhausted: grpc.StatusCode.RESOURCE_EXHAUSTED,
    Unavailable: grpc.StatusCode.UNAVAILABLE,
    OutcomeUnknown: grpc.StatusCode.UNKNOWN,
    DeadlineExceeded: grpc.StatusCode.DEADLINE_EXCEEDED,
    Unimplemented: grpc.StatusCode.UNIMPLEMENTED,
    SeatbusError: grpc.StatusCode.INTERNAL,
}

_BY_CODE: Final[dict[str, type[SeatbusError]]] = {cls.code: cls for cls in STATUS}


def to_status(error: SeatbusError) -> tuple[grpc.StatusCode, bytes]:
    """The status of an error, and its detail for the trailing metadata."""
    for cls in type(error).__mro__:
        if cls in STATUS:
            status = STATUS[cls]
            break
    else:
        status = grpc.StatusCode.INTERNAL
    current = 0
    if isinstance(error, StaleEpoch | Refused):
        current = error.current
    elif isinstance(error, Conflict):
        current = error.revision
    detail = ErrorDetail(
        code=error.code,
        message=error.message,
        field=error.field or "",
        rule=error.rule or "",
        current=current,
        retryable=error.retryable,
    )
    return status, detail.SerializeToString()


def from_status(
    status: grpc.StatusCode, details: str, trailing: Iterable[tuple[str, str | bytes]] | None
) -> SeatbusError:
    """The domain error behind a failed call; where the peer sent no detail, the nearest one."""
    for key, value in trailing or ():
        if key == DETAIL_KEY and isinstance(value, bytes):
            return _from_detail(ErrorDetail.FromString(value))
    if status is grpc.StatusCode.UNAVAILABLE:
        # The connection broke: before the request left, or nobody knows when.
        if "connect to" in details or "name resolution" in details.lower():
            return Unavailable(details)
        return OutcomeUnknown(details)
    if status is grpc.StatusCode.DEADLINE_EXCEEDED:
        return DeadlineExceeded("no answer in time")
    if status is grpc.StatusCode.FAILED_PRECONDITION:
        return Refused("failed_precondition", details)
    if status in {grpc.StatusCode.UNKNOWN, grpc.StatusCode.CANCELLED}:
        return OutcomeUnknown(details)
    for cls, known in STATUS.items():
        if known is status and cls is not SeatbusError:
            return cls(details)
    return SeatbusError(f"{status.name.lower()}: {details}")


def _from_detail(detail: ErrorDetail) -> SeatbusError:
    field, rule = detail.field or None, detail.rule or None
    cls = _BY_CODE.get(detail.code, SeatbusError)
    error: SeatbusError
    if cls is StaleEpoch:
        error = StaleEpoch(detail.message, current=detail.current, field=field, rule=rule)
    elif cls is Conflict:
        error = Conflict(detail.message, revision=detail.current, field=field, rule=rule)
    elif cls is Refused:
        error = Refused(detail.rule or "refused", detail.message, current=detail.current, field=field)
    else:
        error = cls(detail.message, field=field, rule=rule)
    error.retryable = detail.retryable
    return error
