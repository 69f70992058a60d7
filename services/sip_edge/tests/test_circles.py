"""Numbers that are sent on to each other come to an end: hops, Diversion, History-Info."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest

from seatbus_sip.headers import split_list
from seatbus_sip_edge.domain import history_info

from .outside_world import E164, carrier


async def test_numbers_that_are_sent_on_to_each_other_come_to_an_end(world: Any) -> None:
    """What is forwarded counts its hops (RFC 7332) and diversions (RFC 5806) on, up to a limit."""
    caller = await world.phone()
    await world.configure(caller, flow_id="", fallback={"number": E164})
    out = await carrier(world, diversion_header="DIVERSION_HEADER_DIVERSION")
    headers = {"Max-Forwards": "12", "Diversion": "<sip:+49302@x>;counter=3, <sip:+49303@x>"}
    call = await caller.dial(world.number, headers=headers)
    sent = await out.invite()
    assert sent.require("Max-Forwards") == "11"
    assert sent.require("Diversion").endswith(";counter=5")
    await call.hang_up()
    await world.ended()
    hopped = await caller.dial(world.number, headers={"Max-Forwards": "1"})
    await hopped.wait_ended()
    diverted = await caller.dial(world.number, headers={"Diversion": "<sip:+49302@x>;counter=10"})
    assert await diverted.wait_status() == 482
    # The carrier has heard of none of the two.
    call = await caller.dial(world.number)
    sent = await out.invite()
    assert (sent.require("Max-Forwards"), sent.require("Diversion")[-10:]) == ("69", ";counter=1")
    await call.hang_up()


async def test_a_circle_whose_numbers_say_nothing_but_history_info_comes_to_an_end(world: Any) -> None:
    """RFC 7044: entries are carried on and count to the same limit, those that Diversion has told of too."""
    caller = await world.phone()
    await world.configure(caller, flow_id="", fallback={"number": E164})
    out = await carrier(world, diversion_header="DIVERSION_HEADER_HISTORY_INFO")
    headers = {"Diversion": "<sip:+49302@x>;counter=5"}
    seen = []
    while True:
        call = await caller.dial(world.number, headers=headers)
        if len(seen) == 5:
            break
        sent = await out.invite()
        seen.append([entry.params["index"] for entry in sent.addresses("History-Info")])
        await call.hang_up()
        # The other number sends it back by the same header.
        headers = {"History-Info": ", ".join(sent.values("History-Info"))}
    assert await call.wait_status() == 482
    assert [found[: len(before)] for before, found in pairwise(seen)] == seen[:-1]


@pytest.mark.parametrize(
    ("came", "before", "goes"),
    [
        ("", 0, "<sip:+4930@h>;index=1, T;index=1.1;mp=1"),
        (
            "<sip:+491@x>;index=1, <sip:030@x;cause=486>;index=1.1;mp=1",
            1,
            "<sip:+491@x>;index=1, <sip:030@x;cause=486>;index=1.1;mp=1, "
            "<sip:+4930@h>;index=1.1.1;np=1.1, T;index=1.1.1.1;mp=1.1.1",
        ),
        ("<sip:+4930@x>;index=1.2;rc=1", 0, "<sip:+4930@x>;index=1.2;rc=1, T;index=1.2.1;mp=1.2"),
        # Two diversions that Diversion has told of, and one more than the entries say.
        (
            "",
            2,
            "<sip:unknown@unknown.invalid>;index=1, <sip:unknown@unknown.invalid;cause=404>;index=1.1;mp=1, "
            "<sip:+4930@h>;index=1.1.1;mp=1.1, T;index=1.1.1.1;mp=1.1.1",
        ),
        (
            "<sip:+4930@x>;index=1",
            1,
            "<sip:+4930@x>;index=1, <sip:+4930@h>;index=1.1;mp=1, T;index=1.1.1;mp=1.1",
        ),
    ],
)
def test_history_goes_on_and_counts_each_diversion_once(came: str, before: int, goes: str) -> None:
    made = history_info.carried_on(split_list(came), before, "sip:+4930@h", "sip:+4989@p")
    assert made == goes.replace("T;", "<sip:+4989@p;cause=302>;")
    assert history_info.diverted(split_list(made)) == before + 1
    assert history_info.kept(split_list(made)) == split_list(made)


def test_history_that_cannot_be_read_or_is_too_much_stays_behind() -> None:
    many = [f"<sip:{number}@x>;index=1.{number};mp=1" for number in range(30)]
    bad = ["<sip:a@x>;index=x", "<sip:a@x", f"<sip:{'a' * 300}@x>;index=1", "<sip:\xfc@x>;index=1"]
    assert history_info.kept([*many, *bad]) == many[-20:]
    assert history_info.diverted(["<sip:a@x", *many]) == 30
