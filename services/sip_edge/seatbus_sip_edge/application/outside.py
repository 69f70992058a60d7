"""Legs to numbers outside: may they leave, by which trunk, with which INVITE, and what follows a failure."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from seatbus.tenancy.v1 import types_pb2 as tenancy
from seatbus_kit import metrics
from seatbus_kit.log import get_logger
from seatbus_sip.building import initial_request, next_attempt
from seatbus_sip.flow import host_port
from seatbus_sip_edge.application.legs.custom_headers import chosen_headers
from seatbus_sip_edge.application.legs.leg import ALLOW, SUPPORTED, SipLeg, text_of
from seatbus_sip_edge.application.redirecting import Redirecting
from seatbus_sip_edge.domain import emergency
from seatbus_sip_edge.domain import inputs as on
from seatbus_sip_edge.domain.caller_id import shown_on
from seatbus_sip_edge.domain.fraud import Rule, refusal
from seatbus_sip_edge.domain.model import Direction, Phase, Role
from seatbus_sip_edge.domain.numbering import Plan, dialled, written_for
from seatbus_sip_edge.domain.routes import Next, TrunkRef, in_order, next_step, route_of
from seatbus_sip_edge.domain.targets import Heard, State

if TYPE_CHECKING:
    from seatbus_sip.flow import Flow
    from seatbus_sip.message import Request, Response
    from seatbus_sip_edge.application.edge import Edge
    from seatbus_sip_edge.application.quotas import Quotas
    from seatbus_sip_edge.application.sip_side import SipSide
    from seatbus_sip_edge.application.toll import TollBook
    from seatbus_sip_edge.application.trunks import Trunks
    from seatbus_sip_edge.domain.model import Call, Leg

log = get_logger("sip_edge.outside")

_SETUP_S: Final = 4
_OPERATOR: Final = "operator"
_NO_BRANCH: Final = tenancy.Branch()

_attempts = metrics.counter(
    "seatbus_outside_attempts_total", "INVITEs sent to trunks, by how they went", ("outcome",)
)
_refused = metrics.counter(
    "seatbus_outside_refused_total", "Calls to the outside that may not leave, by the rule", ("rule",)
)


@dataclass(frozen=True, slots=True)
class Refusal:
    status: int
    rule: str


class Outside:
    """All outside legs of this edge's calls."""

    def __init__(self, edge: Edge, trunks: Trunks, quotas: Quotas, toll: TollBook) -> None:
        self._edge = edge
        self._trunks = trunks
        self._quotas = quotas
        self._toll = toll
        self._roll = random.Random().random
        self.redirecting = Redirecting(edge)

    # ---- numbers ----------------------------------------------------------------------------------------
    def plan(self, tenant: str, branch_id: str) -> Plan:
        branch = self.branch(tenant, branch_id)
        return Plan.of(branch.dial_plan) if branch is not None else Plan()

    def branch(self, tenant: str, branch_id: str) -> tenancy.Branch | None:
        found = self._edge.config.get(tenant, "branch", branch_id) if branch_id else None
        return found.branch if found is not None else None

    def emergency(self, tenant: str, branch_id: str, written: str) -> str:
        """The emergency number that was dialled or named; empty: it was none."""
        branch = self.branch(tenant, branch_id) or _NO_BRANCH
        plan = branch.dial_plan
        return emergency.meant(written, branch.emergency_numbers, plan.country_code, plan.outside_prefix)

    def has_ways(self, tenant: str, branch_id: str, number: str) -> bool:
        """Whether the tenant has trunks for this number at all."""
        return bool(self._refs(tenant, branch_id, number))

    def security(self, call: Call, leg: Leg) -> tenancy.MediaSecurity:
        """The strictest that is asked by any of the trunks that may take the call."""
        return max(
            (trunk.media_security for trunk in self._trunks_for(call, leg)),
            default=tenancy.MEDIA_SECURITY_NONE,
        )

    def zone(self, call: Call, leg: Leg) -> str:
        """The network of the first of these trunks."""
        return next((trunk.media_zone for trunk in self._trunks_for(call, leg)), "")

    def _trunks_for(self, call: Call, leg: Leg) -> list[tenancy.Trunk]:
        number = dialled(leg.number, self.plan(call.tenant_id, call.branch_id))
        tenant, branch = call.tenant_id, call.branch_id
        refs = self._emergency_refs(call) if call.emergency else self._refs(tenant, branch, number)
        return [trunk for ref in refs if (trunk := self._trunks.trunk(ref)) is not None]

    # ---- which way --------------------------------------------------------------------------------------
    def _refs(self, tenant: str, branch_id: str, number: str) -> list[TrunkRef]:
        routes = [
            (route_id, item.outbound_route)
            for route_id, item in self._edge.config.objects(tenant, "outbound_route").items()
        ]
        if routes:
            route = route_of(routes, number, branch_id)
            return in_order(route.trunks, tenant, self._roll) if route is not None else []
        return self._own(tenant, branch_id)

    def _own(self, tenant: str, branch_id: str) -> list[TrunkRef]:
        """Without routes: the tenant's outbound trunks, those of the branch first."""
        found = [
            (item.trunk.branch_id != branch_id, trunk_id)
            for trunk_id, item in self._edge.config.objects(tenant, "trunk").items()
            if item.trunk.outbound and not item.trunk.disabled
        ]
        return [TrunkRef(tenant, trunk_id) for _, trunk_id in sorted(found)]

    def _emergency_refs(self, call: Call) -> list[TrunkRef]:
        """The seat's trunk, the branch's, any of the branch, any of the tenant, the operator's."""
        branch = self.branch(call.tenant_id, call.branch_id)
        wanted = [call.trunk_id, branch.emergency_trunk_id if branch is not None else ""]
        refs = [TrunkRef(call.tenant_id, trunk_id) for trunk_id in wanted if trunk_id]
        refs += self._own(call.tenant_id, call.branch_id) + self._own(_OPERATOR, "")
        return list(dict.fromkeys(refs))

    def choose(self, call: Call, leg: Leg, number: str) -> list[list[object]] | Refusal:
        """Ways to try, in order; or why there is none."""
        if call.emergency:
            refs = self._emergency_refs(call)
        else:
            if call.hops <= 1:
                return Refusal(483, "too_many_hops")
            rule = self._guard(call, leg, number)
            if rule is not None:
                return Refusal(403, rule.value)
            if not self._quotas.outbound_allowed(call):
                return Refusal(503, "tenant_limit")
            refs = self._refs(call.tenant_id, call.branch_id, number)
        ways: list[list[object]] = []
        limited = resting = False
        down: list[list[object]] = []
        for ref in refs:
            trunk = self._trunks.trunk(ref)
            if trunk is None or trunk.disabled:
                continue
            if not call.emergency and not self._quotas.trunk_allowed(ref, trunk):
                limited = True
                continue
            targets = self._trunks.ways(ref, resting=call.emergency)
            resting = resting or (not targets and bool(self._trunks.ways(ref, resting=True)))
            found = [[*ref_fields(ref), *target.way] for target in targets]
            (down if self._trunks.state(ref) is State.DOWN else ways).extend(found)
        ways += down
        if ways:
            return ways
        return Refusal(503, "trunk_limit" if limited else "trunk_rests" if resting else "no_trunk")

    def _guard(self, call: Call, leg: Leg, number: str) -> Rule | None:
        guard = self._quotas.guard(call.tenant_id)
        agent = call.agent_leg
        agent_id = agent.agent_id if agent is not None and agent.leg_id != leg.leg_id else ""
        tenant_spent, agent_spent = self._toll.spent(call.tenant_id, agent_id)
        return refusal(
            number,
            guard,
            tenant=tenant_spent,
            agent=agent_spent,
            hours=self._quotas.hours(call.tenant_id),
        )

    # ---- the INVITE -------------------------------------------------------------------------------------
    def prepare(self, side: SipSide, leg_id: str, sdp: str) -> None:
        """Makes the INVITE for the next way, so that the journal has it first."""
        call = side.session.call
        leg = call.legs[leg_id]
        number = (
            leg.number if call.emergency else dialled(leg.number, self.plan(call.tenant_id, call.branch_id))
        )
        if not leg.ways:
            chosen = self.choose(call, leg, number)
            if isinstance(chosen, Refusal):
                self._refuse(side, leg_id, number, chosen)
                return
            leg.ways = chosen
        tenant, trunk_id, host, port, transport = leg.ways[0]
        ref = TrunkRef(str(tenant), str(trunk_id))
        trunk = self._trunks.trunk(ref)
        if trunk is None:
            # Removed since the ways were chosen.
            trunk = tenancy.Trunk(host=str(host))
        flow = self._trunks.flow((str(host), int(str(port)), str(transport)))
        invite = self._invite(side, leg, number, ref, trunk, flow, sdp)
        invite = side.sizing.prepare(invite, flow, ref)
        leg.trunk_id = ref.trunk_id
        if leg.agent_id:
            leg.language = self._language(leg.agent_tenant_id)
        if not call.trunk_id or call.direction == Direction.DIRECTION_OUTBOUND:
            call.trunk_id = ref.trunk_id
        leg.sip_call_id = invite.call_id
        leg.remote_address = f"{flow.transport.lower()}:{host_port(flow.remote)}"
        side.legs[leg_id] = SipLeg(
            leg_id,
            flow,
            request=invite,
            local_sdp=sdp,
            invite=text_of(invite),
            trunk=ref,
            digest=self._trunks.digest(ref, trunk),
        )
        side.index(leg_id, invite.call_id, invite.from_.tag or "")

    def _refuse(self, side: SipSide, leg_id: str, number: str, why: Refusal) -> None:
        call = side.session.call
        _refused.inc(rule=why.rule)
        tell = log.error if why.rule == "no_trunk" else log.warning
        tell(
            "a call to the outside may not leave",
            tenant=call.tenant_id,
            call=call.call_id,
            number=number,
            rule=why.rule,
            status=why.status,
        )
        side.refusals[leg_id] = why.status

    def _invite(
        self, side: SipSide, leg: Leg, number: str, ref: TrunkRef, trunk: tenancy.Trunk, flow: Flow, sdp: str
    ) -> Request:
        call = side.session.call
        layer = side.stack.layer
        own, _ = side.stack.advertised_for(flow)
        caller, diverted = self._caller(call, leg)
        user = (
            number if call.emergency else written_for(number, trunk.number_format, Plan.of(trunk.dial_plan))
        )
        peer = f"{trunk.host}:{trunk.port}" if trunk.port else trunk.host
        to = f"sip:{trunk.number_prefix}{user}@{peer}"
        shown = shown_on(
            trunk,
            caller,
            own,
            withheld=call.withheld and caller == call.caller,
            diverted_by=diverted,
            target=to,
            before=call.diversions,
            history=call.history,
        )
        parameter = "" if flow.transport == "UDP" else f";transport={flow.transport.lower()}"
        headers = {"Allow": ALLOW, "Supported": SUPPORTED, **shown.headers}
        if trunk.custom_headers:
            found = self._edge.config.get(call.tenant_id, "tenant", call.tenant_id)
            headers |= chosen_headers(call, found.tenant.headers_out if found is not None else {})
        invite = initial_request(
            "INVITE",
            f"{to}{parameter}",
            from_=f"<sip:{shown.from_user}@{shown.from_host}>",
            to=f"<{to}>",
            call_id=f"{layer.ids.token()}@{own}",
            tag=layer.ids.token(),
            contact=side.contact(flow),
            routes=self._trunks.service_route(ref),
            headers=headers,
            body=sdp,
        )
        # RFC 7332: hops are counted through us: numbers that are sent on to each other come to an end.
        invite.set("Max-Forwards", max(1, call.hops - 1))
        side.refreshing.ask(invite)
        return invite

    def _caller(self, call: Call, leg: Leg) -> tuple[str, str]:
        """Whose number the called side sees, and whose call is sent on."""
        by = next((number for number in reversed(leg.redirected_from) if number), "")
        if call.direction == Direction.DIRECTION_OUTBOUND or call.emergency:
            return call.caller, by
        if leg.role == Role.LEG_ROLE_CONSULT or leg.agent_id:
            return call.dialed, by
        return call.caller, by or call.dialed

    # ---- agents outside ---------------------------------------------------------------------------------
    def external(self, leg: Leg) -> bool:
        """Whether the agent is reached by an outside number; the leg has it from now on."""
        for device_id, device in self._edge.config.devices_of(leg.agent_tenant_id, leg.agent_id):
            if device.kind == tenancy.DEVICE_KIND_EXTERNAL and device.number:
                leg.number, leg.device_id = device.number, device_id
                return True
        return False

    def must_accept(self, call: Call, leg_id: str) -> bool:
        """Whether a key has to be pressed before the answer counts."""
        leg = call.legs[leg_id]
        if call.phase is Phase.CALLING_BACK and leg_id == call.caller_leg_id:
            return call.accept_by_key
        return bool(leg.agent_id and leg.number) and call.phase in (
            Phase.OFFERED,
            Phase.REACHING,
            Phase.DIALLING,
            Phase.CALLING_BACK,
        )

    def _language(self, tenant: str) -> str:
        found = self._edge.config.get(tenant, "tenant", tenant)
        return found.tenant.language if found is not None else ""

    # ---- what follows -----------------------------------------------------------------------------------
    def sent(self, side: SipSide, leg: SipLeg) -> None:
        """A peer that says nothing at all is not waited for as long as a transaction may take."""
        trunk = self._trunks.trunk(leg.trunk) if leg.trunk is not None else None
        seconds = (trunk.setup_timeout_s if trunk is not None else 0) or _SETUP_S
        leg.setup = self._edge.loop.call_later(seconds, self._silent, side, leg)

    def _silent(self, side: SipSide, leg: SipLeg) -> None:
        if side.legs.get(leg.leg_id) is leg and leg.sent is not None and not leg.heard:
            # A late answer is acknowledged and ended: the INVITE is forgotten, not cancelled.
            side.outgoing.on_no_response(leg.leg_id, 408)

    def heard(self, leg: SipLeg, response: Response) -> None:
        """Any response to the INVITE."""
        if leg.setup is not None:
            leg.setup.cancel()
            leg.setup = None
        if not leg.heard:
            leg.heard = True
            self._tell(leg, Heard.ANSWERED)
        if response.status == 503 and leg.trunk is not None:
            self._trunks.may_rest(leg.trunk, leg.flow.remote, response)

    def _tell(self, leg: SipLeg, heard: Heard) -> None:
        if leg.trunk is not None:
            self._trunks.heard(leg.trunk, (*leg.flow.remote, leg.flow.transport), heard)

    def proves(self, side: SipSide, leg: SipLeg, response: Response) -> bool:
        """A 401 or 407 to our INVITE: sends it again with credentials, if the trunk has any."""
        asked = leg.asked
        if response.status not in (401, 407) or leg.digest is None or asked is None:
            return False
        if not leg.digest.accept(response, asked):
            log.error(
                "a trunk refuses our password",
                tenant=side.session.call.tenant_id,
                trunk=leg.trunk.trunk_id if leg.trunk is not None else "",
                host=host_port(leg.flow.remote),
            )
            return False
        again = side.sizing.prepare(leg.digest.authorize(next_attempt(asked)), leg.flow, leg.trunk)
        leg.request, leg.invite = again, text_of(again)
        side.session.checkpoint()
        self._edge.journal.then(lambda: side.outgoing.dial(leg.leg_id))
        return True

    def goes_on(self, side: SipSide, leg: SipLeg, status: int, reason: str = "") -> bool:
        """A way has failed: whether the call goes on by the next one."""
        call_leg = side.session.call.legs[leg.leg_id]
        if leg.setup is not None:
            leg.setup.cancel()
            leg.setup = None
        if not leg.heard:
            self._tell(leg, Heard.FAILED)
        trunk = self._trunks.trunk(leg.trunk) if leg.trunk is not None else None
        also = trunk.reroute_statuses if trunk is not None else ()
        step = next_step(status, reason, also)
        if side.session.call.emergency and status < 600 and status not in (486, 487):
            # Somebody needs help: every way is tried, whatever a trunk says.
            step = Next.TARGET
        ways = call_leg.ways[1:]
        if not side.session.call.emergency:
            ways = [way for way in ways if not self._rests(*way)]
        if step is Next.TRUNK and call_leg.ways:
            ways = [way for way in ways if way[:2] != call_leg.ways[0][:2]]
        if step is Next.END or not ways or not call_leg.live:
            _attempts.inc(outcome="failed")
            return False
        _attempts.inc(outcome="rerouted")
        log.warning(
            "a call goes on by another way",
            tenant=side.session.call.tenant_id,
            call=side.session.call.call_id,
            trunk=call_leg.trunk_id,
            status=status,
            next_trunk=ways[0][1],
            next_host=ways[0][2],
        )
        call_leg.ways = ways
        side.session.feed(on.LegRerouted(leg.leg_id, str(ways[0][1]), status, leg.local_sdp))
        return True

    def _rests(self, tenant: object, trunk_id: object, host: object, port: object, _: object) -> bool:
        """Whether it has asked to be left alone since the ways were chosen."""
        return self._trunks.rests(TrunkRef(str(tenant), str(trunk_id)), (str(host), int(str(port))))

    def answered(self) -> None:
        _attempts.inc(outcome="answered")


def ref_fields(ref: TrunkRef) -> list[object]:
    return [ref.tenant, ref.trunk_id]
