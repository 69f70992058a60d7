"""Log lines for the terminal."""

import json

from seatbus_cli.render import LogStyle

STYLE = LogStyle("media-0", 36, coloured=False)


def test_a_structured_line_shows_time_name_text_and_what_it_is_about_first() -> None:
    record = {"time": "2026-03-01T10:20:30.123456Z", "level": "info", "event": "leg ended"}
    line = json.dumps({**record, "zone": "x", "call": "c1", "tenant": "acme"})
    assert STYLE.render(line) == "10:20:30.123 media-0       leg ended  tenant=acme call=c1 zone=x"


def test_a_warning_says_so_without_colours() -> None:
    assert "WARNING the bus is away" in STYLE.render(
        json.dumps({"level": "warning", "event": "the bus is away"})
    )


def test_what_is_not_json_is_passed_on() -> None:
    assert (
        STYLE.render("Traceback (most recent call last):")
        == "media-0       Traceback (most recent call last):"
    )
    assert STYLE.render("[1, 2]") == "media-0       [1, 2]"


def test_a_value_with_spaces_is_quoted() -> None:
    assert 'reason="no free port"' in STYLE.render(json.dumps({"event": "refused", "reason": "no free port"}))
