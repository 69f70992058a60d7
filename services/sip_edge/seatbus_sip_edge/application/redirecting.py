"""A called side names another number (3xx): followed where trunk or tenant says so, within every limit."""

from __future__ import annotations

from typing import TYPE_CHECKING

from seatbus.tenancy.v1 import types_pb2 as tenancy
from seatbus_kit import metrics
from seatbus_kit.log import get_logger
from seatbus_sip.errors import SipError
from seatbus_sip_edge.domain import inputs as on
from seatbus_sip_edge.domain.numbering import Plan, brought, dialled, number_in
from seatbus_sip_edge.domain.redirects import STATUSES, Rule, refusal

if TYPE_CHECKING:
    from seatbus_sip.message import Response
    from seatbus_sip.uri import Uri
    from seatbus_sip_edge.application.edge import Edge
    from seatbus_sip_edge.application.legs.leg import SipLeg
    from seatbus_sip_edge.application.sip_side import SipSide
    from seatbus_sip_edge.domain.model import Call, Leg

log = get_logger("sip_edge.outside")

_redirects = metrics.counter(
    "seatbus_redirects_total",
    "Redirections of called sides; rule: what kept them from being followed",
    ("rule",),
)
_CONTACTS = 4


class Redirecting:
    """Decides for the outside legs and agents' phones of this edge's calls."""

    def __init__(self, edge: Edge) -> None:
        self._edge = edge

    def follows(self, side: SipSide, sip: SipLeg, response: Response) -> bool:
        """Whether the leg goes on at another number. A fact says so, and by which rule it does not."""
        session = side.session
        leg = session.call.legs[sip.leg_id]
        if response.status not in STATUSES or not leg.live:
            return False
        number, rule, ways = self._decide(session.call, leg, sip, response)
        _redirects.inc(rule=rule)
        log.info(
            "a called side is redirected",
            tenant=session.call.tenant_id,
            call=session.call.call_id,
            trunk=leg.trunk_id,
            status=response.status,
            number=number,
            refused_by=rule,
        )
        session.feed(on.LegRedirected(leg.leg_id, response.status, number, rule, sip.local_sdp, ways))
        return not rule

    def _decide(
        self, call: Call, leg: Leg, sip: SipLeg, response: Response
    ) -> tuple[str, str, tuple[tuple[object, ...], ...]]:
        """The first number that may be called, with the ways to it; or the first one and why not."""
        policy = self._policy(call, sip)
        first = ("", Rule.NO_NUMBER.value)
        for uri in self._contacts(response):
            number = self._number(call, sip, uri)
            found = self._refusal(policy, call, leg, sip, number)
            if found is None:
                chosen = self._edge.outside.choose(call, leg, number)
                if isinstance(chosen, list):
                    ways = [way for way in chosen if self._same_trunk(policy, sip, way)]
                    if ways:
                        return number, "", tuple(tuple(way) for way in ways)
                    found = "no_trunk"
                else:
                    found = chosen.rule
            if not first[0]:
                first = (number, found)
        return *first, ()

    def _refusal(
        self, policy: tenancy.RedirectPolicy, call: Call, leg: Leg, sip: SipLeg, number: str
    ) -> str | None:
        if call.emergency:
            return Rule.EMERGENCY
        if sip.trunk is None and "RTP/SAVP" in sip.local_sdp:
            # What was offered to an encrypting phone means nothing to a carrier.
            return Rule.ENCRYPTED
        return refusal(policy, leg, number, own=self._edge.config.number(number) is not None)

    @staticmethod
    def _same_trunk(policy: tenancy.RedirectPolicy, sip: SipLeg, way: list[object]) -> bool:
        if not policy.same_trunk or sip.trunk is None:
            return True
        return way[:2] == [sip.trunk.tenant, sip.trunk.trunk_id]

    def _policy(self, call: Call, sip: SipLeg) -> tenancy.RedirectPolicy:
        """A trunk's own goes before its tenant's; a phone's is the tenant's for forwards."""
        found = self._edge.config.get(call.tenant_id, "tenant", call.tenant_id)
        tenant = found.tenant if found is not None else tenancy.Tenant()
        if sip.trunk is None:
            return tenant.phone_forwards
        own = self._edge.config.get(sip.trunk.tenant, "trunk", sip.trunk.trunk_id)
        if own is not None and own.trunk.HasField("redirects"):
            return own.trunk.redirects
        return tenant.redirects

    @staticmethod
    def _contacts(response: Response) -> list[Uri]:
        """Highest q first (RFC 3261 section 8.1.3.4); what cannot be read is nobody's address."""
        try:
            found = response.addresses("Contact")
        except SipError:
            return []

        def q(params: dict[str, str | None]) -> float:
            try:
                return float(params.get("q") or 1.0)
            except ValueError:
                return 0.0

        uris = []
        for contact in sorted(found, key=lambda item: -q(dict(item.params)))[:_CONTACTS]:
            try:
                uris.append(contact.uri)
            except SipError:
                continue
        return uris

    def _number(self, call: Call, sip: SipLeg, uri: Uri) -> str:
        """As the trunk writes numbers, or as the branch's people dial them."""
        user = number_in(uri)
        branch = self._edge.outside.plan(call.tenant_id, call.branch_id)
        if sip.trunk is None:
            return dialled(user, branch)
        found = self._edge.config.get(sip.trunk.tenant, "trunk", sip.trunk.trunk_id)
        trunk = found.trunk if found is not None else tenancy.Trunk()
        plan = Plan.of(trunk.dial_plan)
        user = user.removeprefix(trunk.number_prefix)
        return brought(user, plan) if plan.country else dialled(user, branch)
