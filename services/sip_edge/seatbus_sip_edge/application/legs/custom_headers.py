"""Data that travels in headers: from carriers into attributes, and to agents' phones for the screen pop.

Names come from the configuration and are checked there. Values come from strangers: one short readable line.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from seatbus.call.v1 import types_pb2 as call_types
from seatbus_sip.errors import SipError
from seatbus_sip.headers import clean_text
from seatbus_sip.values import read_privacy
from seatbus_sip_edge.domain import history_info
from seatbus_sip_edge.domain.numbering import masked, number_in

if TYPE_CHECKING:
    from collections.abc import Mapping

    from seatbus_sip.message import Request
    from seatbus_sip_edge.domain.model import Call, Leg

_VALUE: Final = 256
_DATA: Final = 1024
# A desk phone's display has room for little more.
_DISPLAY: Final = 64
_RESERVED: Final = "x-seatbus-"
_ROLES: Final = {
    call_types.LEG_ROLE_AGENT: "agent",
    call_types.LEG_ROLE_CONSULT: "consult",
    call_types.LEG_ROLE_SUPERVISOR: "supervisor",
}


def one_line(text: str) -> str:
    """What may stand in a header: at most 256 characters, none of which ends it or breaks a reader."""
    readable = clean_text(text)
    return "".join(" " if ord(sign) < 32 or ord(sign) == 127 else sign for sign in readable)[:_VALUE].strip()


def attributes_of(request: Request, names: Mapping[str, str]) -> dict[str, str]:
    """Attributes from the headers of an INVITE that the tenant wants; what is absent makes none."""
    found: dict[str, str] = {}
    for header, attribute in names.items():
        value = one_line(request.get(header) or "")
        if value:
            found[attribute] = value
    return found


def diverted_from(request: Request) -> str:
    """The number that has sent a call on to ours: Diversion (RFC 5806), else History-Info (RFC 7044).

    Empty when nobody has, or it cannot be read.
    """
    try:
        if diverted := request.addresses("Diversion"):
            return one_line(number_in(diverted[0].uri))
        history = request.addresses("History-Info")
        return one_line(number_in(history[-2].uri)) if len(history) > 1 else ""
    except SipError:
        return ""


def diversions(request: Request) -> int:
    """How often a call was diverted before it came to us: by Diversion (RFC 5806, `counter`) or History-Info
    (RFC 7044), which may both tell of the same.
    """
    told = history_info.diverted(request.values("History-Info"))
    try:
        entries = request.addresses("Diversion")
    except SipError:
        return told
    counters = [entry.params.get("counter") or "" for entry in entries]
    counted = [int(text) if text.isascii() and text.isdigit() and len(text) < 3 else 1 for text in counters]
    return max(told, sum(counted))


def history_of(request: Request) -> list[str]:
    """The entries of History-Info that go on with a call; none that are to be hidden (RFC 7044 10.1)."""
    hidden = {"history", "header", "session"} & read_privacy(request)
    return [] if hidden else history_info.kept(request.values("History-Info"))


def screen_pop(call: Call, leg: Leg, names: Mapping[str, str]) -> dict[str, str]:
    """What the phone of an agent, a consulted one or a supervisor is told of the call at ringing."""
    headers = {
        "X-Seatbus-Call-Id": call.call_id,
        "X-Seatbus-Leg-Id": leg.leg_id,
        "X-Seatbus-Interaction-Id": call.interaction_id or call.call_id,
        "X-Seatbus-Role": _ROLES.get(leg.role, "agent"),
        "X-Seatbus-Tenant": call.tenant_id,
        "X-Seatbus-Queue": leg.queue_id or "-",
        "X-Seatbus-Caller": one_line(call.caller) or "-",
        "X-Seatbus-Dialed": one_line(masked(call.dialed) if call.mask_number else call.dialed) or "-",
    }
    data = _data(call.attributes)
    if data:
        headers["X-Seatbus-Data"] = data
    if call.referred_by and leg.role == call_types.LEG_ROLE_AGENT:
        headers["Referred-By"] = one_line(call.referred_by)
    return headers | chosen_headers(call, names)


def company_shown(call: Call, leg: Leg, company: str, queue: str) -> str:
    """What the display of a lent agent's phone says beside the number: whose call it is. Else nothing."""
    if leg.agent_tenant_id in ("", call.tenant_id):
        return ""
    name = company or call.tenant_id
    return one_line(f"{name}: {queue}" if queue else name)[:_DISPLAY]


def chosen_headers(call: Call, names: Mapping[str, str]) -> dict[str, str]:
    """Attributes of the call that the tenant has given header names; none of ours is given away."""
    headers: dict[str, str] = {}
    for attribute, header in names.items():
        value = one_line(call.attributes.get(attribute, ""))
        if value and not header.lower().startswith(_RESERVED):
            headers[header] = value
    return headers


def _data(attributes: Mapping[str, str]) -> str:
    """`name=value;...`, percent-encoded; whole pairs as far as they fit."""
    pairs: list[str] = []
    room = _DATA
    for name in sorted(attributes):
        pair = f"{quote(name, safe='')}={quote(attributes[name], safe='')}"
        if len(pair) + 1 > room:
            continue
        pairs.append(pair)
        room -= len(pair) + 1
    return ";".join(pairs)


def auto_answer(host: str) -> dict[str, str]:
    """What phones of the common makers understand as: pick up by yourself."""
    return {
        "Call-Info": f"<sip:{host}>;answer-after=0",
        "Alert-Info": f"<http://{host}>;info=alert-autoanswer;delay=0",
    }
