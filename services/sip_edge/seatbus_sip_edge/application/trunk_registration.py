"""Registering with a carrier: challenge, refresh, back-off."""

from __future__ import annotations

import asyncio
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from seatbus_kit import metrics
from seatbus_kit.log import get_logger
from seatbus_sip.building import initial_request
from seatbus_sip.errors import SipError
from seatbus_sip.headers import parse_name_addr
from seatbus_sip.uri import sip_uri
from seatbus_sip_edge.domain.targets import Heard

if TYPE_CHECKING:
    from seatbus.tenancy.v1 import types_pb2 as tenancy
    from seatbus_sip.message import Request, Response
    from seatbus_sip_edge.application.trunks import Trunks
    from seatbus_sip_edge.domain.routes import TrunkRef
    from seatbus_sip_edge.domain.targets import Target

log = get_logger("sip_edge.trunks")

_EXPIRES_S: Final = 600
_REFRESH_AT: Final = 0.8
_FIRST_PAUSE_S: Final = 2.0
_LONGEST_PAUSE_S: Final = 300.0
# Another edge has the trunk, or nothing is resolved yet: looked at again after so long.
_LOOK_S: Final = 1.0
_ATTEMPTS: Final = 4
_MOST_ROUTES: Final = 4
_LONGEST_ROUTE: Final = 256

_registered = metrics.gauge(
    "seatbus_trunk_registered",
    "Whether a trunk that registers is registered by this edge",
    ("tenant", "trunk"),
)


class Standing(StrEnum):
    UNREGISTERED = "unregistered"
    REGISTERED = "registered"
    REFUSED = "refused"
    UNREACHABLE = "unreachable"


class Registration:
    """One trunk's account at its carrier. Cancelling `run` leaves the binding to its expiry."""

    def __init__(self, trunks: Trunks, ref: TrunkRef, trunk: tenancy.Trunk) -> None:
        self._trunks = trunks
        self._ref = ref
        self._trunk = trunk
        self._digest = trunks.digest(ref, trunk)
        self._expires = trunk.register_expires_s or _EXPIRES_S
        self._call_id = trunks.new_id()
        self._tag = trunks.new_id()
        self._cseq = 0
        self.standing = Standing.UNREGISTERED

    async def run(self) -> None:
        pause = _FIRST_PAUSE_S
        while True:
            mine = self._trunks.mine(self._ref)
            targets = self._trunks.ways(self._ref) if mine else []
            if not mine:
                self._trunks.served_by(self._ref, [])
            if not targets:
                await asyncio.sleep(_LOOK_S)
                continue
            granted = await self._anywhere(targets)
            if granted:
                pause = _FIRST_PAUSE_S
                await asyncio.sleep(max(1.0, granted * _REFRESH_AT))
            else:
                await asyncio.sleep(pause)
                pause = min(pause * 2, _LONGEST_PAUSE_S)

    async def _anywhere(self, targets: list[Target]) -> int:
        for target in targets:
            response = await self._once(target)
            if response is None:
                self._trunks.heard(self._ref, target.way, Heard.FAILED)
                self._stands(Standing.UNREACHABLE, 0)
                continue
            self._trunks.heard(self._ref, target.way, Heard.ANSWERED)
            self._trunks.may_rest(self._ref, (target.host, target.port), response)
            if response.status == 200:
                self._trunks.served_by(self._ref, self._service_route(response))
                self._stands(Standing.REGISTERED, 200)
                return self._granted(response)
            self._stands(Standing.REFUSED, response.status)
            if response.status < 500:
                return 0
        return 0

    async def _once(self, target: Target) -> Response | None:
        """The carrier's last word to one registration."""
        for _ in range(_ATTEMPTS):
            request, sent = self._request(target)
            response = await self._trunks.ask(request, self._trunks.flow(target.way))
            if response is None:
                return None
            if (
                response.status in (401, 407)
                and self._digest is not None
                and self._digest.accept(response, sent)
            ):
                continue
            least = response.integer("Min-Expires")
            if response.status == 423 and least is not None and least > self._expires:
                self._expires = least
                continue
            return response
        return response

    def _request(self, target: Target) -> tuple[Request, Request]:
        trunk = self._trunk
        self._cseq += 1
        domain = trunk.from_domain or trunk.host
        account = f"<{sip_uri(trunk.username, domain)}>"
        flow = self._trunks.flow(target.way)
        request = initial_request(
            "REGISTER",
            str(sip_uri(None, domain)),
            from_=account,
            to=account,
            call_id=self._call_id,
            tag=self._tag,
            cseq=self._cseq,
            contact=f"{self._trunks.contact(flow, trunk.username)};expires={self._expires}",
            headers={"Expires": self._expires, "Supported": "path"},
        )
        if self._digest is not None:
            self._digest.authorize(request)
        return request, request.copy()

    def _service_route(self, response: Response) -> list[str]:
        """How the carrier wants its calls to go (RFC 3608); one that cannot be read is no way."""
        routes = response.values("Service-Route")[:_MOST_ROUTES]
        try:
            for route in routes:
                parse_name_addr(route, "Service-Route")
        except SipError as error:
            log.warning("a carrier's Service-Route is left out", trunk=self._ref.trunk_id, reason=str(error))
            return []
        return routes if all(len(route) <= _LONGEST_ROUTE for route in routes) else []

    def _granted(self, response: Response) -> int:
        for contact in response.addresses("Contact"):
            seconds = contact.params.get("expires") or ""
            if contact.uri.username == self._trunk.username and seconds.isdigit():
                return int(seconds)
        return response.integer("Expires") or self._expires

    def _stands(self, standing: Standing, status: int) -> None:
        if standing is not self.standing:
            tell = log.info if standing is Standing.REGISTERED else log.error
            tell(
                "trunk's registration",
                tenant=self._ref.tenant,
                trunk=self._ref.trunk_id,
                standing=standing.value,
                status=status,
                host=self._trunk.host,
            )
        self.standing = standing
        _registered.set(
            1.0 if standing is Standing.REGISTERED else 0.0, tenant=self._ref.tenant, trunk=self._ref.trunk_id
        )
