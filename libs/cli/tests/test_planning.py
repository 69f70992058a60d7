"""`seatbus size` and `seatbus simulate` hand everything on, and the exit code back."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest


def seatbus(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "seatbus_cli.main", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def test_size_answers_with_the_seats_of_the_rule_of_thumb() -> None:
    done = seatbus("size", "--customers", "20000000", "--no-simulation", "--json")
    assert done.returncode == 0
    assert json.loads(done.stdout)["seats"] == pytest.approx(666.666, abs=1e-2)


def test_simulate_prints_its_figures() -> None:
    done = seatbus("simulate", "--calls-per-hour", "20", "--agents", "2", "--hours", "2", "--seed", "3")
    assert done.returncode == 0
    assert "service_level_offered" in done.stdout
    assert (
        done.stdout
        == seatbus(
            "simulate", "--calls-per-hour", "20", "--agents", "2", "--hours", "2", "--seed", "3"
        ).stdout
    )


def test_errors_and_help_are_those_of_the_program() -> None:
    wrong = seatbus("simulate", "--agents", "none")
    assert wrong.returncode == 2
    assert wrong.stderr.startswith("seatbus simulate: --agents: must be a whole number")
    assert "usage: seatbus size" in seatbus("size", "--help").stdout
