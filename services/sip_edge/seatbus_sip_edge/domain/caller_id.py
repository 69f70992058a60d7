"""Which number a call shows, and how a trunk is told."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from seatbus.tenancy.v1 import types_pb2 as tenancy
from seatbus_sip_edge.domain.history_info import carried_on
from seatbus_sip_edge.domain.numbering import Plan, digits_of, fits, is_e164, normalise, written_for

if TYPE_CHECKING:
    from collections.abc import Sequence

ANONYMOUS = "anonymous"
_UNKNOWN_HOST = "anonymous.invalid"


class CallerIdNotPermitted(Exception):
    """The agent may not show this number."""

    def __init__(self, wanted: str) -> None:
        super().__init__(f"caller id {wanted} is not among those that the agent may show")
        self.wanted = wanted


def chosen(wanted: str, permitted: Sequence[str], branch_number: str, plan: Plan) -> str:
    """The number that the agent shows. Raises CallerIdNotPermitted.

    Without a wish: the first that is permitted, else the branch's own access number, else nothing.
    """
    if not wanted:
        return normalise(permitted[0] if permitted else branch_number, plan)
    number = normalise(wanted, plan)
    own = {digits_of(normalise(item, plan)) for item in (*permitted, branch_number) if item}
    if digits_of(number) not in own:
        raise CallerIdNotPermitted(wanted)
    return number


@dataclass(frozen=True, slots=True)
class Shown:
    """Users of From and of the identity header, as the trunk writes numbers; empty: not said."""

    from_user: str
    from_host: str
    identity: str = ""
    headers: dict[str, str] = field(default_factory=dict)


def shown_on(
    trunk: tenancy.Trunk,
    caller: str,
    host: str,
    *,
    withheld: bool = False,
    diverted_by: str = "",
    target: str = "",
    before: int = 0,
    history: Sequence[str] = (),
) -> Shown:
    """What a trunk is told of the caller (RFC 3323, 3325, 5806, 7044).

    A number that the trunk may not show is replaced by the trunk's default one; `diverted_by` is the access
    number whose call goes on to the outside, to `target` (an address); `before`: how often it went on before,
    `history`: by whom.
    """
    plan = Plan.of(trunk.dial_plan)
    domain = trunk.from_domain or host

    def written(number: str) -> str:
        return written_for(number, trunk.number_format, plan)

    number = normalise(caller, plan) if caller else ""
    if not digits_of(number).isdigit() or (trunk.caller_ids and not fits(number, trunk.caller_ids)):
        # A caller who withholds theirs has none to show.
        number = normalise(trunk.default_caller_id, plan)
    headers: dict[str, str] = {}
    identity = written(number) if number else ""
    if identity and trunk.caller_id_header == tenancy.CALLER_ID_HEADER_ASSERTED:
        headers["P-Asserted-Identity"] = f"<sip:{identity}@{domain}>"
    elif identity and trunk.caller_id_header == tenancy.CALLER_ID_HEADER_PREFERRED:
        headers["P-Preferred-Identity"] = f"<sip:{identity}@{domain}>"
    if withheld:
        headers["Privacy"] = "id"
    if diverted_by:
        by = written(normalise(diverted_by, plan))
        if trunk.diversion_header == tenancy.DIVERSION_HEADER_DIVERSION:
            headers["Diversion"] = f"<sip:{by}@{domain}>;reason=unconditional;counter={before + 1}"
        elif trunk.diversion_header == tenancy.DIVERSION_HEADER_HISTORY_INFO:
            headers["History-Info"] = carried_on(history, before, f"sip:{by}@{domain}", target)
    if withheld or not identity:
        return Shown(ANONYMOUS, _UNKNOWN_HOST, identity, headers)
    return Shown(identity, domain, identity, headers)


def asserted(trunk_user: str, identity: str, plan: Plan) -> str:
    """The number of who calls by a trunk: what the carrier asserts before what the caller says."""
    number = normalise(identity or trunk_user, plan)
    return number if is_e164(number) or not identity else normalise(trunk_user, plan)
