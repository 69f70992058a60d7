"""The one tree of domain errors. It knows no transport; `seatbus_kit.rpc.status` maps it to gRPC."""

from __future__ import annotations

from typing import ClassVar


class SeatbusError(Exception):
    """Base of every error that may cross a service boundary.

    `code` is the stable name callers switch on, `field` and `rule` name what was wrong with the input,
    `retryable` says whether the same request may succeed later without change.
    """

    code: ClassVar[str] = "internal"
    retryable: bool = False

    def __init__(self, message: str = "", *, field: str | None = None, rule: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.field = field
        self.rule = rule

    def __str__(self) -> str:
        where = ", ".join(
            f"{name} {value}" for name, value in (("field", self.field), ("rule", self.rule)) if value
        )
        return f"{self.message or self.code} ({where})" if where else self.message or self.code


class InvalidArgument(SeatbusError):
    """The request breaks a rule of its contract; `field` and `rule` say which."""

    code = "invalid_argument"


class NotFound(SeatbusError):
    code = "not_found"


class AlreadyExists(SeatbusError):
    code = "already_exists"


class Conflict(SeatbusError):
    """A compare-and-set met another revision. `revision` is the current one, 0 where it is not known."""

    code = "conflict"
    retryable = True

    def __init__(
        self, message: str = "", *, revision: int = 0, field: str | None = None, rule: str | None = None
    ) -> None:
        super().__init__(message or "the record has changed meanwhile", field=field, rule=rule)
        self.revision = revision


class StaleEpoch(SeatbusError):
    """The caller acted on an epoch that another owner has passed. Retrying with it can never succeed."""

    code = "stale_epoch"

    def __init__(
        self,
        message: str = "",
        *,
        sent: int = 0,
        current: int = 0,
        field: str | None = None,
        rule: str | None = None,
    ) -> None:
        super().__init__(message or f"epoch {sent} is stale, {current} is current", field=field, rule=rule)
        self.sent = sent
        self.current = current


class Refused(SeatbusError):
    """The state does not allow it. `reason` is a stable word, such as `agent_not_ready`; `current` is the
    revision of the record that says so, 0 where there is none.
    """

    code = "refused"

    def __init__(
        self,
        reason: str,
        message: str = "",
        *,
        current: int = 0,
        field: str | None = None,
        rule: str | None = None,
    ) -> None:
        super().__init__(message or reason, field=field, rule=rule or reason)
        self.reason = reason
        self.current = current


class PermissionDenied(SeatbusError):
    code = "permission_denied"


class ResourceExhausted(SeatbusError):
    """A quota or capacity is used up."""

    code = "resource_exhausted"
    retryable = True


class Unavailable(SeatbusError):
    """It was certainly not done, because somebody needed for it is away."""

    code = "unavailable"
    retryable = True


class OutcomeUnknown(SeatbusError):
    """It may or may not have been done. Repeat with the same request id, or read the leader."""

    code = "outcome_unknown"
    retryable = True


class DeadlineExceeded(SeatbusError):
    """The time was up before an answer came; as with `OutcomeUnknown` it may have been done."""

    code = "deadline_exceeded"
    retryable = True


class Unimplemented(SeatbusError):
    """The contract names the method, this version does not serve it."""

    code = "unimplemented"
