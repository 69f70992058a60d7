"""Structured logs. Every line of a call carries its tenant, call and trace; no line carries a secret."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator, MutableMapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeAlias, cast

import orjson

if "rich" in sys.modules:
    import structlog
else:
    # Its console renderer, which nobody uses here, would take a tenth of a process's start to import rich.
    sys.modules["rich"] = None  # type: ignore[assignment]
    import structlog

    del sys.modules["rich"]

if TYPE_CHECKING:
    from structlog.typing import FilteringBoundLogger, Processor

    from seatbus_kit.settings import ServiceSettings


Event: TypeAlias = "MutableMapping[str, object]"

REDACTED = "[redacted]"

# Digits of a secret collection are logged under `secret_digits`, plain ones under `digits`.
_SECRET_KEYS = frozenset(
    {
        "password", "passwd", "passphrase", "pin", "secret", "secret_digits", "token", "access_token",
        "refresh_token", "api_key", "apikey", "authorization", "proxy_authorization", "cookie", "set_cookie",
        "nats_password", "credentials", "private_key", "data_key", "ha1",
    }
)  # fmt: skip

_LEVELS = {"debug": 10, "info": 20, "warning": 30, "error": 40}


def _is_secret(key: str) -> bool:
    return key.lower().replace("-", "_") in _SECRET_KEYS


def _scrub(value: object) -> object:
    if isinstance(value, dict):
        return {k: REDACTED if _is_secret(str(k)) else _scrub(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_scrub(item) for item in value]
    return value


def redact(_logger: object, _method: str, event: Event) -> Event:
    """Replaces the values of secret keys, nested ones too."""
    for key, value in event.items():
        if _is_secret(key):
            event[key] = REDACTED
        elif isinstance(value, dict | list | tuple):
            event[key] = _scrub(value)
    return event


def _to_json(event: Event, **_: object) -> str:
    return orjson.dumps(event, default=str, option=orjson.OPT_NON_STR_KEYS).decode()


def _traceback() -> Processor:
    # Without local variables: they hold passwords and digits.
    return structlog.processors.ExceptionRenderer(
        structlog.tracebacks.ExceptionDictTransformer(show_locals=False)
    )


class _Stdlib(logging.Handler):
    """Lines of libraries that use the standard logging module join ours."""

    def emit(self, record: logging.LogRecord) -> None:
        fields: dict[str, object] = {}
        if record.exc_info and record.exc_info[1] is not None:
            fields["error"] = repr(record.exc_info[1])
        get_logger(record.name).log(record.levelno, record.getMessage(), **fields)


def configure(settings: ServiceSettings) -> None:
    """Sets up logging of this process: JSON lines, or coloured text for people."""
    level = _LEVELS[settings.log_level]
    renderer: Processor
    if settings.log_format == "json":
        renderer = structlog.processors.JSONRenderer(serializer=_to_json)
    else:
        renderer = structlog.dev.ConsoleRenderer(
            colors=sys.stdout.isatty(), exception_formatter=structlog.dev.plain_traceback
        )
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True, key="time"),
            *([_traceback()] if settings.log_format == "json" else []),
            cast("Processor", redact),
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(sys.stdout),
        cache_logger_on_first_use=True,
    )
    structlog.contextvars.bind_contextvars(service=type(settings).service, instance=settings.instance_id)
    logging.basicConfig(level=max(level, logging.WARNING), handlers=[_Stdlib()], force=True)


def get_logger(name: str) -> FilteringBoundLogger:
    """A logger: `log.info("call answered", leg=leg_id)`; the sentence is stable, the values are fields."""
    return cast("FilteringBoundLogger", structlog.get_logger(source=name))


@contextmanager
def bind(**values: object) -> Iterator[None]:
    """Adds fields (tenant=, call=, trace=) to every line logged inside; nests, and follows tasks."""
    known = {key: value for key, value in values.items() if value is not None}
    with structlog.contextvars.bound_contextvars(**known):
        yield
