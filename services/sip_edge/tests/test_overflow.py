"""A caller leaves a queue without an agent: the queue's route, the flow, or the end."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from seatbus.ivr.v1 import types_pb2 as ivr
from seatbus.tenancy.v1 import types_pb2 as tenancy
from seatbus_sip_edge.domain import effects as fx
from seatbus_sip_edge.domain import inputs as on
from seatbus_sip_edge.domain.destinations import destination_of
from seatbus_sip_edge.domain.model import Phase
from seatbus_sip_edge.domain.overflow import MOST_VISITS

from .driver import Driver
from .stories import do

if TYPE_CHECKING:
    from collections.abc import Iterable


def queued() -> Driver:
    driver = Driver()
    driver.feed(on.OfferAccepted("v=0", "PCMU"))
    driver.given("enqueue")
    assert driver.call.phase is Phase.QUEUED
    return driver


def plays(effects: Iterable[object]) -> list[str]:
    commands = (effect for effect in effects if isinstance(effect, fx.Media))
    return [
        c.play.play_id for effect in commands for c in effect.commands if c.WhichOneof("command") == "play"
    ]


TO_BACKUP = destination_of(tenancy.Route(queue_id="backup"), queue=tenancy.Queue(record=True))


def test_the_next_queue_gets_the_place_of_the_visit_that_is_over() -> None:
    driver = queued()
    first = driver.call.contact_id
    made = driver.feed(on.LeftQueue(first, "max_wait", TO_BACKUP, 42, 1_700_000_000_000_000))
    assert driver.call.phase is Phase.QUEUED
    assert driver.call.contact_id not in ("", first)
    [asked] = [effect for effect in made if isinstance(effect, fx.Enqueue)]
    assert (asked.queue_id, asked.first_fifo, asked.first_enqueued_at) == (
        "backup",
        42,
        1_700_000_000_000_000,
    )
    assert driver.call.record, "the configuration is that of the new queue"


def test_without_a_route_the_flow_goes_on() -> None:
    driver = queued()
    made = driver.feed(on.LeftQueue(driver.call.contact_id, "max_wait"))
    assert driver.call.phase is Phase.IN_FLOW
    [told] = [effect for effect in made if isinstance(effect, fx.AdvanceFlow)]
    assert (told.outcome.kind, told.outcome.reason) == (ivr.OUTCOME_KIND_OVERFLOWED, "max_wait")


@pytest.mark.parametrize(
    ("route", "phase"),
    [
        (tenancy.Route(flow_id="night"), Phase.IN_FLOW),
        (tenancy.Route(number="+4930111"), Phase.REACHING),
        (tenancy.Route(announcement_prompt_id="closed"), Phase.IN_FLOW),
        (tenancy.Route(hang_up=True), Phase.ENDING),
    ],
)
def test_a_queue_that_takes_nobody_sends_callers_where_its_route_says(
    route: tenancy.Route, phase: Phase
) -> None:
    driver = queued()
    driver.feed(on.EnqueueRefused(driver.call.contact_id, "queue_full", destination_of(route)))
    assert driver.call.phase is phase


def test_queues_that_overflow_into_each_other_do_not_hand_a_caller_round_for_ever() -> None:
    driver = queued()
    for _ in range(MOST_VISITS + 1):
        if driver.call.phase is not Phase.QUEUED:
            break
        driver.feed(on.EnqueueRefused(driver.call.contact_id, "queue_closed", TO_BACKUP))
    assert driver.call.phase is Phase.IN_FLOW, "the flow has the last word"


def test_after_a_comfort_message_the_music_goes_on() -> None:
    driver = queued()
    audio = (ivr.Audio(prompt_id="patience"),)
    made = driver.feed(on.ComfortDue("another visit", audio))
    assert plays(made) == []
    made = driver.feed(on.ComfortDue(driver.call.contact_id, audio))
    assert plays(made) == ["comfort"]
    made = driver.feed(on.PlayFinished("music", "stopped"))
    assert plays(made) == []
    made = driver.feed(on.PlayFinished("comfort", "completed"))
    assert plays(made) == ["music"]


def test_in_a_mass_outage_the_announcement_is_ahead_of_the_music() -> None:
    driver = queued()
    broken = tenancy.Queue(mass_outage=True, outage_prompt_id="outage")
    to = destination_of(tenancy.Route(queue_id="backup"), queue=broken)
    made = driver.feed(on.LeftQueue(driver.call.contact_id, "moved", to))
    assert plays(made) == ["comfort"]


def test_whom_an_agent_has_taken_leaves_no_queue_any_more() -> None:
    """acd gave the caller up in the moment in which somebody answered."""
    driver = queued()
    for name in ("offer", "made", "answered", "work_ok"):
        do(driver, name)
    assert driver.feed(on.LeftQueue(driver.call.contact_id, "max_wait", TO_BACKUP)) == []
    do(driver, "connected")
    assert driver.call.phase is Phase.BRIDGED
    facts = [type(fact.message).__name__ for fact in driver.of(fx.Record) if isinstance(fact, fx.Record)]
    assert facts.count("CallDequeued") == 1
