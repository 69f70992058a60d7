"""Numbers, caller ids, routes and the guard: pure rules."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seatbus.call.v1 import types_pb2 as call_types
from seatbus.tenancy.v1 import types_pb2 as tenancy
from seatbus_sip import Request, parse_uri
from seatbus_sip_edge.domain import emergency, fraud
from seatbus_sip_edge.domain.caller_id import CallerIdNotPermitted, chosen, shown_on
from seatbus_sip_edge.domain.fraud import Rule, Spent
from seatbus_sip_edge.domain.hops import leads_back
from seatbus_sip_edge.domain.limits import Rates
from seatbus_sip_edge.domain.numbering import (
    Plan,
    dialled,
    is_e164,
    longest_prefix,
    masked,
    normalise,
    number_in,
    written_for,
)
from seatbus_sip_edge.domain.routes import Next, TrunkRef, cause_of, in_order, next_step, q850_of, route_of

BERLIN = Plan("49", "0", "00", "30")
BOSTON = Plan("1", "1", "011", "617")
OSLO = Plan("47", "", "00", "")


@pytest.mark.parametrize(
    ("plan", "written", "number"),
    [
        (BERLIN, "+44 20 7946-0000", "+442079460000"),
        (BERLIN, "0044 20 7946 0000", "+442079460000"),
        (BERLIN, "089/1234567", "+49891234567"),
        (BERLIN, "5550100", "+49305550100"),
        (BERLIN, "11", "11"),
        (BERLIN, "*21#", "*21#"),
        (BOSTON, "011 49 30 5550100", "+49305550100"),
        (BOSTON, "1 212 555 0100", "+12125550100"),
        (BOSTON, "5550100", "+16175550100"),
        (OSLO, "21 49 01 23", "+4721490123"),
        (OSLO, "1881", "1881"),
        (Plan(), "4930555", "4930555"),
        (Plan(), "004930555010", "+4930555010"),
    ],
)
def test_a_number_is_read_by_the_plan_of_its_place(plan: Plan, written: str, number: str) -> None:
    assert normalise(written, plan) == number


def test_the_digit_for_an_outside_line_comes_off_what_people_dial_only() -> None:
    plan = Plan("49", "0", "00", "30", outside="0")
    assert dialled("0089123456", plan) == "+4989123456"
    assert normalise("089123456", plan) == "+4989123456"


plans = st.sampled_from([BERLIN, BOSTON, OSLO])
subscribers = st.from_regex(r"\A[1-9][0-9]{7,11}\Z")
styles = st.sampled_from(list(tenancy.NumberFormat.values()))


@given(st.text(max_size=50), plans)
def test_a_number_that_was_read_is_not_read_otherwise(written: str, plan: Plan) -> None:
    once = normalise(written, plan)
    if is_e164(once):
        assert normalise(once, plan) == once


@given(subscribers, plans, styles)
def test_what_a_trunk_is_told_it_would_tell_us_back(digits: str, plan: Plan, style: Any) -> None:
    number = f"+{digits}"
    there = written_for(number, style, plan)
    if style in (tenancy.NUMBER_FORMAT_INTERNATIONAL, tenancy.NUMBER_FORMAT_NATIONAL):
        without_area = Plan(plan.country, plan.national, plan.international)
        if plan.national or not digits.startswith(plan.country) or len(digits) - len(plan.country) >= 7:
            assert normalise(there, without_area) == number
    elif style == tenancy.NUMBER_FORMAT_PLAIN:
        assert there == digits
    else:
        assert there == number


def test_a_masked_number_shows_its_end_alone() -> None:
    assert masked("+49305550123") == "*********23"
    assert masked("110") == "***"


# ---- caller ids ----


def test_an_agent_shows_what_is_permitted_and_nothing_else() -> None:
    permitted = ["+49301000", "030 2000000"]
    assert chosen("", permitted, "", BERLIN) == "+49301000"
    assert chosen("0302000000", permitted, "", BERLIN) == "+49302000000"
    assert chosen("", [], "+49303000000", BERLIN) == "+49303000000"
    with pytest.raises(CallerIdNotPermitted):
        chosen("+49309999999", permitted, "", BERLIN)


def _trunk(**fields: Any) -> tenancy.Trunk:
    plan = {"country_code": "49", "national_prefix": "0", "international_prefix": "00"}
    return tenancy.Trunk(name="c", dial_plan=plan, **fields)


def test_a_trunk_hears_the_caller_as_it_wants_to() -> None:
    trunk = _trunk(number_format="NUMBER_FORMAT_NATIONAL", caller_id_header="CALLER_ID_HEADER_ASSERTED")
    shown = shown_on(trunk, "+49305550100", "sbc.example")
    assert (shown.from_user, shown.from_host) == ("0305550100", "sbc.example")
    assert shown.headers == {"P-Asserted-Identity": "<sip:0305550100@sbc.example>"}


def test_who_withholds_his_number_is_asserted_to_the_carrier_only() -> None:
    shown = shown_on(_trunk(caller_id_header="CALLER_ID_HEADER_ASSERTED"), "+49305550100", "h", withheld=True)
    assert (shown.from_user, shown.headers["Privacy"]) == ("anonymous", "id")
    assert "+49305550100" in shown.headers["P-Asserted-Identity"]


def test_a_number_that_a_trunk_may_not_show_is_replaced() -> None:
    trunk = _trunk(caller_ids=["+4930555*"], default_caller_id="+49305550000")
    assert shown_on(trunk, "+49305551234", "h").from_user == "+49305551234"
    assert shown_on(trunk, "+4989123456", "h").from_user == "+49305550000"
    # Who has come without a number goes on with the company's.
    trunk = _trunk(default_caller_id="+49305550000", caller_id_header="CALLER_ID_HEADER_ASSERTED")
    shown = shown_on(trunk, "anonymous", "h")
    assert (shown.from_user, shown.headers) == (
        "+49305550000",
        {"P-Asserted-Identity": "<sip:+49305550000@h>"},
    )


def test_a_forwarded_call_names_whose_number_was_called() -> None:
    shown = shown_on(
        _trunk(diversion_header="DIVERSION_HEADER_DIVERSION"), "+1", "h", diverted_by="+49305550000"
    )
    assert shown.headers["Diversion"].startswith("<sip:+49305550000@h>;reason=")
    trunk = _trunk(diversion_header="DIVERSION_HEADER_HISTORY_INFO")
    info = shown_on(trunk, "+1", "h", diverted_by="+49305550000", target="sip:+4989123@peer")
    told = Request("INVITE", "sip:+4989123@peer")
    told.set("History-Info", info.headers["History-Info"])
    entries = [
        (one.uri.username, one.params["index"], one.uri.params) for one in told.addresses("History-Info")
    ]
    assert entries == [("+49305550000", "1", {}), ("+4989123", "1.1", {"cause": "302"})]


# ---- the guard ----


@pytest.mark.parametrize(
    ("number", "guard", "rule"),
    [
        ("+49305550100", {}, None),
        ("+499001234567", {}, Rule.PREMIUM),
        ("+88216123456", {}, Rule.PREMIUM),
        ("+499001234567", {"premium_allowed": True}, None),
        ("+499001234567", {"allowed_prefixes": ["49900123"]}, None),
        ("11833", {}, Rule.SERVICE_NUMBER),
        ("116117", {"allowed_prefixes": ["116117"]}, None),
        ("*21#", {"premium_allowed": True}, Rule.NOT_A_NUMBER),
        ("+442079460000", {"allowed_prefixes": ["49"]}, Rule.NOT_ALLOWED),
        ("+491371234567", {"allowed_prefixes": ["49"], "denied_prefixes": ["+49137"]}, Rule.DENIED),
        ("+442079460000", {"denied_prefixes": ["44"], "allowed_prefixes": ["4420"]}, None),
    ],
)
def test_destinations_are_judged_by_the_longest_rule(
    number: str, guard: dict[str, Any], rule: Rule | None
) -> None:
    assert fraud.refusal(number, tenancy.TollGuard(**guard)) is rule


def test_hours_minutes_and_money_end_a_day() -> None:
    guard = tenancy.TollGuard(
        minutes_per_day=10, agent_minutes_per_day=5, spend_per_day_micros=100, agent_spend_per_day_micros=50
    )

    def judged(**spent: Any) -> Rule | None:
        return fraud.refusal("+49305550100", guard, **spent)

    assert judged() is None
    assert judged(hours=Rule.HOURS) is Rule.HOURS
    assert judged(tenant=Spent(600)) is Rule.TENANT_MINUTES
    assert judged(agent=Spent(300)) is Rule.AGENT_MINUTES
    assert judged(tenant=Spent(0, 100)) is Rule.TENANT_SPEND
    assert judged(agent=Spent(0, 50)) is Rule.AGENT_SPEND


def test_a_call_costs_each_minute_that_it_began_by_the_longest_prefix() -> None:
    rates = [
        tenancy.CallRate(prefix="", micros_per_minute=100),
        tenancy.CallRate(prefix="49", micros_per_minute=10),
        tenancy.CallRate(prefix="4917", micros_per_minute=50),
    ]
    assert fraud.cost("+491701234567", 61, rates) == 100
    assert fraud.cost("+49305550100", 60, rates) == 10
    assert fraud.cost("+442079460000", 1, rates) == 100
    assert fraud.cost("+442079460000", 0, rates) == 0


# ---- routes ----


def _route(
    name: str, prefixes: list[str], branch: str = "", **more: Any
) -> tuple[str, tenancy.OutboundRoute]:
    trunks = [tenancy.RouteTrunk(trunk_id=name)]
    return name, tenancy.OutboundRoute(name=name, prefixes=prefixes, branch_id=branch, trunks=trunks, **more)


def test_the_longest_prefix_chooses_the_route_then_the_own_branch() -> None:
    routes = [
        _route("all", []),
        _route("home", ["49"]),
        _route("home-berlin", ["49"], "berlin"),
        _route("mobile", ["4917"]),
        _route("off", ["4917123"], disabled=True),
    ]

    def taken(number: str, branch: str) -> str:
        found = route_of(routes, number, branch)
        return found.name if found is not None else ""

    assert taken("+442079460000", "berlin") == "all"
    assert taken("+49305550100", "berlin") == "home-berlin"
    assert taken("+49305550100", "paris") == "home"
    assert taken("+491712345678", "berlin") == "mobile"
    assert route_of(routes[1:], "+442079460000", "") is None


@given(
    st.lists(st.tuples(st.integers(0, 3), st.integers(0, 5)), min_size=1, max_size=8),
    st.lists(st.floats(0, 0.999999), min_size=8, max_size=8),
)
def test_each_trunk_is_tried_once_and_orders_are_kept(
    given_trunks: list[tuple[int, int]], rolls: list[float]
) -> None:
    trunks = [
        tenancy.RouteTrunk(trunk_id=str(at), order=order, weight=weight)
        for at, (order, weight) in enumerate(given_trunks)
    ]
    left = iter(rolls)
    found = in_order(trunks, "acme", lambda: next(left))
    assert sorted(item.trunk_id for item in found) == sorted(item.trunk_id for item in trunks)
    orders = [given_trunks[int(item.trunk_id)][0] for item in found]
    assert orders == sorted(orders)


def test_weights_share_the_calls() -> None:
    trunks = [
        tenancy.RouteTrunk(trunk_id="a", weight=3),
        tenancy.RouteTrunk(trunk_id="b", weight=1, trunk_tenant_id="operator"),
    ]
    first = [in_order(trunks, "acme", lambda at=at: at / 100)[0] for at in range(100)]  # type: ignore[misc]
    assert first.count(TrunkRef("acme", "a")) == 75
    assert first.count(TrunkRef("operator", "b")) == 25


@pytest.mark.parametrize(
    ("status", "reason", "following"),
    [
        (0, "", Next.TARGET),
        (503, "", Next.TARGET),
        (408, "", Next.TARGET),
        (403, "", Next.TRUNK),
        (488, "", Next.TRUNK),
        (486, "", Next.END),
        (404, "", Next.END),
        (603, "", Next.END),
        (503, 'Q.850;cause=17;text="busy"', Next.END),
        (480, "Q.850;cause=34", Next.TRUNK),
        (480, "SIP;cause=200, Q.850 ;cause=16", Next.END),
    ],
)
def test_what_goes_on_to_the_next_trunk_and_what_ends(status: int, reason: str, following: Next) -> None:
    assert next_step(status, reason) is following


def test_a_trunk_may_name_more_that_goes_on() -> None:
    assert next_step(404, also=[404]) is Next.TRUNK
    assert q850_of("nothing of the kind") == 0
    assert cause_of(486) == call_types.HANGUP_CAUSE_BUSY
    assert cause_of(0) == call_types.HANGUP_CAUSE_UNREACHABLE


def test_a_rate_is_shared_by_the_edges_and_refills() -> None:
    rates = Rates()
    taken = [rates.take(("trunk", "a"), 10, 2, 0.0) for _ in range(8)]
    assert taken.count(True) == 5
    assert not rates.take(("trunk", "a"), 10, 2, 0.1)
    assert rates.take(("trunk", "a"), 10, 2, 0.3)
    assert all(rates.take(("trunk", "b"), 0, 2, 0.0) for _ in range(100))


def test_prefixes_are_compared_without_plus() -> None:
    assert longest_prefix("+4930", ["+49", "4930", "5"]) == 4
    assert longest_prefix("4930", ["5"]) == -1


@pytest.mark.parametrize(
    ("address", "number"),
    [
        ("tel:+49-30-(555).100;phone-context=x", "+4930555100"),
        ("sip:+4930555100;npdi;rn=+4930@host;user=phone", "+4930555100"),
        ("sip:anna;office@host", "anna;office"),
        ("sip:*21%23@host", "*21#"),
        ("sip:host", ""),
        ("urn:service:SOS.Police", "urn:service:sos.police"),
    ],
)
def test_an_address_says_a_number(address: str, number: str) -> None:
    assert number_in(parse_uri(address, services=True)) == number


@pytest.mark.parametrize(
    ("written", "numbers", "country", "prefix", "meant"),
    [
        ("112", ["110", "112"], "49", "0", "112"),
        ("0112", ["110", "112"], "49", "0", "112"),
        ("112", ["999"], "44", "", ""),
        ("120", [], "", "", "120"),
        ("urn:service:sos", ["110", "112"], "49", "", "112"),
        ("urn:service:sos.police", ["110", "112"], "49", "", "110"),
        ("urn:service:sos.fire", ["110", "112"], "49", "", "112"),
        ("urn:service:sos.ambulance.air", ["110", "119", "120"], "86", "", "120"),
        ("urn:service:sos", ["110", "119", "120"], "86", "", "110"),
        ("urn:service:sos.fire", [], "86", "", "119"),
        ("urn:service:sos.fire", [], "1", "", "911"),
        ("urn:service:sos.fire", [], "", "", "112"),
        ("urn:service:sosimple", [], "", "", ""),
    ],
)
def test_a_call_for_help_means_a_number(
    written: str, numbers: list[str], country: str, prefix: str, meant: str
) -> None:
    assert emergency.meant(written, numbers, country, prefix) == meant


@pytest.mark.parametrize(
    ("named", "seen", "leads"),
    [
        ("10.0.0.5", "8.8.8.8", False),
        ("10.0.0.5", "10.0.0.9", True),
        ("8.8.4.4", "8.8.8.8", True),
        ("8.8.4.4", "10.0.0.9", True),
        ("fd00::1", "2a00:1450::1", False),
        ("sbc.example", "8.8.8.8", False),
        ("10.0.0.5", "10.0.0.5", True),
    ],
)
def test_a_private_contact_of_a_public_peer_leads_nowhere(named: str, seen: str, leads: bool) -> None:
    assert leads_back(named, seen) is leads
