"""Each case of SIP with SIPp as its peers: both go through as written, and the record is right.

A scenario is a file of `scenarios/`. All cases that are asked for are played at the same time, once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

import pytest

from seatbus_testkit.platform import Platform

from .held import held, until_nothing_is_held
from .peers import SCENARIOS, need
from .sipp_cases import AT_ONCE, AT_THE_SAME_TIME, RINGING, Case, Outcome, play

# All cases are played in the setup of the first one.
pytestmark = [pytest.mark.platform, pytest.mark.peer, pytest.mark.timeout(400)]

BY_CALLER = {"cause": "caller_hung_up", "agent_id": "a1", "offers": 1}
BY_AGENT = {"cause": "agent_hung_up", "agent_id": "a1", "offers": 1}
# Who hangs up at once may do so before the flow has come to the queue.
WAITED = {"cause": ("abandoned_in_queue", "abandoned_in_flow"), "offers": 0, "agent_id": ""}
TIMED_OUT = {"cause": "session_expired", "agent_id": "a1"}


def alone(caller: str, record: Mapping[str, object] | None, **more: object) -> Case:
    """A caller who waits in the queue: nobody answers."""
    return Case(caller, record, **{"number": AT_ONCE, **more})  # type: ignore[arg-type]


def of_agent(agent: str, record: Mapping[str, object] = BY_AGENT) -> Case:
    """What an agent's phone does; the caller is hung up by us."""
    return Case("talk_until_hung_up", record, agent)


CASES = {
    # What takes seconds begins first: nonces and sessions that grow old.
    "phone_dials_with_old_nonce": alone("phone_dials_with_old_nonce", WAITED, by_phone=True),
    "register_with_old_nonce": alone("register_with_old_nonce", None, by_phone=True),
    "lost_ack": alone("lost_ack", {"cause": "no_ack"}),
    "session_expires": Case("session_expires", TIMED_OUT, "agent_answers"),
    "agent_challenges_401": Case("talk", BY_CALLER, "agent_challenges_401"),
    "agent_challenges_407": Case("talk", BY_CALLER, "agent_challenges_407"),
    "agent_is_refreshed": of_agent("agent_is_refreshed"),
    "agent_is_refreshed_by_reinvite": of_agent("agent_is_refreshed_by_reinvite"),
    "agent_glare": of_agent("agent_glare"),
    # Offers and answers.
    "basic_call": alone("basic_call", WAITED),
    "basic_call_over_tcp": alone("basic_call", WAITED, transport="TCP"),
    "ipv6": alone("ipv6", WAITED, host="::1"),
    "late_offer": alone("late_offer", WAITED),
    "hold": alone("hold", WAITED),
    "hold_in_talk": Case("hold_in_talk", BY_CALLER, "agent_answers"),
    "agent_holds": of_agent("agent_holds"),
    "codec_change": Case("codec_change", BY_CALLER, "agent_answers"),
    "agent_changes_codec": of_agent("agent_changes_codec"),
    "agent_reoffers_late": of_agent("agent_reoffers_late"),
    # Before the answer.
    "reliable_early_media": Case("reliable_early_media", {**WAITED, "sip_status": 487}),
    "early_media": Case("early_media", BY_CALLER, "agent_answers"),
    "agent_rings_reliably": Case("talk", BY_CALLER, "agent_rings_reliably"),
    "cancel_before_100": Case("cancel_before_100", {"sip_status": 487, "offers": 0}),
    "cancel_during_ring": Case(
        "cancel_during_ring",
        {"cause": "abandoned_in_queue", "sip_status": 487, "offers": 1},
        "agent_is_cancelled",
        go_at=RINGING,
    ),
    "cancel_crosses_200": alone("cancel_crosses_200", WAITED),
    "200_crosses_cancel": Case(
        "cancel_during_ring",
        {"cause": "abandoned_in_queue", "sip_status": 487, "offers": 1, "agent_id": "", "talk_us": 0},
        "agent_answers_late",
        go_at=RINGING,
    ),
    "agent_forks": Case("talk", BY_CALLER, "agent_forks"),
    # What comes twice, late or never.
    "late_ack": alone("late_ack", WAITED),
    "agent_lets_bye_repeat": Case("talk", BY_CALLER, "agent_lets_bye_repeat"),
    # Ends.
    "bye_from_caller": Case("talk", BY_CALLER, "agent_answers"),
    "bye_from_agent": of_agent("agent_hangs_up"),
    "bye_crosses_bye": Case("talk", BY_CALLER, "agent_bye_crosses_bye"),
    # Who is it?
    "phone_dials": alone("phone_dials", WAITED, by_phone=True),
    "register_with_wrong_password": alone("register_with_wrong_password", None, by_phone=True),
    "register_with_wrong_nonce": alone("register_with_wrong_nonce", None, by_phone=True),
    # Sessions.
    "session_timer": alone("session_timer", WAITED),
    "session_interval_too_small": alone("session_interval_too_small", None),
    "update": Case("update", BY_CALLER, "agent_answers"),
    "agent_updates": of_agent("agent_updates"),
    # Other methods.
    "agent_refers": Case("talk_until_hung_up", {"agent_id": "a2"}, "agent_refers", "agent_hangs_up"),
    "agent_refers_to_nobody": of_agent("agent_refers_to_nobody"),
    "digits_by_info": alone("digits_by_info", WAITED),
    "agent_sends_digits": of_agent("agent_sends_digits"),
    "options": alone("options", WAITED),
    "options_outside": alone("options_outside", None),
    "unknown_method": alone("unknown_method", WAITED),
    "unknown_extension": alone("unknown_extension", None),
    "max_forwards": alone("max_forwards", None),
    "loop": alone("loop", WAITED),
    "stray_bye": alone("stray_bye", None),
}
ELSEWHERE = {"agent_redirects", "agent_register", "caller", "carrier_redirects"}
"""Scenarios that other tests play."""


@pytest.fixture(scope="module")
def outcomes(
    platform: Platform, tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> dict[str, Outcome]:
    """What became of the cases of this run."""
    need("sipp", "sip-tester")
    asked = {
        item.callspec.params["name"]  # type: ignore[attr-defined]
        for item in request.session.items
        if item.path == request.path and hasattr(item, "callspec")
    }
    folder = tmp_path_factory.mktemp("sipp")

    async def together() -> dict[str, Outcome]:
        some = asyncio.Semaphore(AT_THE_SAME_TIME)

        async def one(name: str) -> Outcome:
            async with some:
                return await play(platform, CASES[name], folder / name)

        names = [name for name in CASES if name in asked]
        return dict(zip(names, await asyncio.gather(*(one(name) for name in names)), strict=True))

    return asyncio.run(together())


@pytest.mark.parametrize("name", CASES)
def test_both_peers_see_what_is_written_and_so_does_the_record(
    outcomes: dict[str, Outcome], name: str
) -> None:
    outcome = outcomes[name]
    assert not outcome.error, outcome
    assert not any(outcome.peers.values()), "\n".join(outcome.peers.values())
    assert outcome.live == []
    expected = CASES[name].record
    assert len(outcome.records) == (0 if expected is None else 1)
    for key, value in (expected or {}).items():
        found = outcome.records[0][key]
        assert found in value if isinstance(value, tuple) else found == value, (key, found)


async def test_nothing_is_left_of_them(platform: Platform, outcomes: dict[str, Outcome]) -> None:
    await until_nothing_is_held(platform)
    assert set(held(platform).values()) == {0}


def test_each_scenario_is_played() -> None:
    played = {name for case in CASES.values() for name in (case.caller, case.agent, case.second) if name}
    assert played | ELSEWHERE == {path.stem for path in SCENARIOS.glob("*.xml")}
