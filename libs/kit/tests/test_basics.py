"""Errors, ids, times, settings and logs."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime, timedelta

import orjson
import pytest
from pydantic import ValidationError

from seatbus_kit.clock import from_rfc3339, to_rfc3339
from seatbus_kit.errors import InvalidArgument
from seatbus_kit.ids import uuid7, uuid7_time
from seatbus_kit.settings import ServiceSettings
from seatbus_testkit.clock import FakeClock


def test_ids_sort_by_time_and_tell_it() -> None:
    ids = [uuid7() for _ in range(100)]
    assert ids == sorted(ids)
    assert abs(uuid7_time(ids[0]) - datetime.now(UTC)) < timedelta(seconds=1)
    with pytest.raises(ValueError, match="not a UUIDv7"):
        uuid7_time("6ba7b810-9dad-11d1-80b4-00c04fd430c8")


def test_times_keep_their_microseconds() -> None:
    moment = datetime(2030, 1, 2, 3, 4, 5, 60, UTC)
    assert to_rfc3339(moment) == "2030-01-02T03:04:05.000060Z"
    assert from_rfc3339(to_rfc3339(moment)) == moment
    with pytest.raises(ValueError, match="without zone"):
        from_rfc3339("2030-01-02T03:04:05")


def test_an_error_names_field_and_rule() -> None:
    error = InvalidArgument("too short", field="name", rule="min_len: 2")
    assert str(error) == "too short (field name, rule min_len: 2)"


def test_settings_come_from_the_environment_and_never_change(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEATBUS_NATS_URL", "nats://a:1, nats://b:2")
    monkeypatch.setenv("SEATBUS_LOG_LEVEL", "WARNING")
    settings = ServiceSettings()
    assert settings.nats_servers == ["nats://a:1", "nats://b:2"]
    assert (settings.instance_id, settings.log_level) == ("service-0", "warning")
    with pytest.raises(ValidationError):
        settings.region = "elsewhere"


def test_the_fake_clock_moves_only_forward() -> None:
    clock = FakeClock()
    before = (clock.now(), clock.monotonic())
    clock.advance(1.5)
    assert (clock.now() - before[0], clock.monotonic() - before[1]) == (timedelta(seconds=1.5), 1.5)
    with pytest.raises(ValueError, match="does not go back"):
        clock.advance(-1)


LOGS = """
import logging
from seatbus_kit import log
from seatbus_kit.settings import ServiceSettings
log.configure(ServiceSettings(instance_id="edge-1"))
with log.bind(tenant="acme", call="c1", trace=None):
    nested = {"Authorization": "p2", "pin": "p3"}
    log.get_logger("sip").info("registered", password="p1", nested=nested, digits="12")
logging.getLogger("lib").warning("from %s", "elsewhere")
try:
    secret_local = "p4"
    raise ValueError("boom")
except ValueError as error:
    log.get_logger("sip").error("failed", exc_info=error)
log.get_logger("sip").debug("not shown")
"""


def test_logs_are_json_lines_with_context_and_without_secrets() -> None:
    done = subprocess.run([sys.executable, "-c", LOGS], capture_output=True, timeout=20, check=True)
    lines = [orjson.loads(line) for line in done.stdout.splitlines()]
    first, second, third = lines
    assert (first["event"], first["tenant"], first["call"], first["instance"]) == (
        "registered",
        "acme",
        "c1",
        "edge-1",
    )
    assert first["digits"] == "12"
    assert second["event"] == "from elsewhere"
    assert "tenant" not in second
    assert third["exception"][0]["exc_value"] == "boom"
    for secret in (b"p1", b"p2", b"p3", b"p4"):
        assert secret not in done.stdout
