"""Who sent this: digest, with a ban for those who guess, and a second look for what was just configured."""

from __future__ import annotations

import time
from collections import OrderedDict
from typing import TYPE_CHECKING, TypeAlias

from seatbus_kit.log import get_logger
from seatbus_sip.digest import Verdict, ha1
from seatbus_sip.errors import SipParseError
from seatbus_sip.flow import host_port
from seatbus_sip.headers import clean_text, parse_auth
from seatbus_sip_edge.domain.routes import TrunkRef

if TYPE_CHECKING:
    from collections.abc import Callable

    from seatbus_sip.digest import DigestServer
    from seatbus_sip.flow import Flow
    from seatbus_sip.message import Request, Response
    from seatbus_sip.transactions import ServerTransaction
    from seatbus_sip_edge.application.edge import Edge

    Serve: TypeAlias = Callable[[ServerTransaction, Request, Flow], None]

log = get_logger("sip_edge.sip")

_FAILURE_WINDOW_S = 60.0
_SECOND_LOOK_S = 0.3
_REMEMBERED = 20_000


class Identity:
    """Challenges and verifies. `serve` takes a request that is looked at once more."""

    def __init__(self, edge: Edge, digest: DigestServer, serve: Serve) -> None:
        self._edge = edge
        self._digest = digest
        self._serve = serve
        self._second_look: set[ServerTransaction] = set()
        # Of an address, and of each account that is claimed from there.
        self._failures: OrderedDict[tuple[str, str], tuple[float, int]] = OrderedDict()
        edge.guard.is_known = self.is_known

    def _respond(self, tx: ServerTransaction, response: Response) -> None:
        self._edge.stack.layer.respond(tx, response, self._edge.stack.now)

    def _lookup(self, username: str, algorithm: str) -> str | None:
        found = self._edge.config.device_by_username(username)
        if found is None:
            return self._trunk_secret(username, algorithm)
        device = found[2]
        return (device.ha1_sha256 if algorithm == "SHA-256" else device.ha1_md5) or None

    def _trunk_secret(self, username: str, algorithm: str) -> str | None:
        found = self._edge.config.trunk_by_username(username)
        if found is None:
            return None
        tenant, trunk_id, trunk = found
        secret = self._edge.trunks.secret(TrunkRef(tenant, trunk_id), trunk)
        return ha1(algorithm, username, self._digest.realm, secret) if secret else None

    def claimed(self, request: Request) -> str:
        """The account that the credentials of a request name, proved or not; empty without any."""
        for value in request.get_all("Proxy-Authorization"):
            try:
                scheme, parameters = parse_auth(value, "Proxy-Authorization")
            except SipParseError:
                return ""
            if scheme == "digest":
                return clean_text(parameters.get("username", ""))
        return ""

    def proves_trunk(self, tx: ServerTransaction, request: Request, flow: Flow, username: str) -> bool:
        """Whether the request carries this account's proof. Otherwise it has been answered."""
        proved = self.authenticated(tx, request, flow, proxy=True)
        if proved and proved != username:
            self._respond(tx, tx.response(403))
            return False
        return bool(proved)

    def authenticated(self, tx: ServerTransaction, request: Request, flow: Flow, *, proxy: bool) -> str:
        """The username, or empty after the request was answered (or silently dropped)."""
        source = self._edge.proxy.source_of(request, flow)
        if self._has_guessed(source) and not self.is_known(request, flow):
            self._respond(tx, tx.response(403))
            return ""
        result = self._digest.verify(request, self._lookup, time.time(), proxy=proxy)
        if result.ok:
            return result.username
        if result.verdict in (Verdict.WRONG, Verdict.UNKNOWN_USER):
            # The pause is the same for a wrong password: time must not tell which usernames exist.
            if self.looks_again(tx, request, flow):
                return ""
            self._count_failure(source, clean_text(result.username))
            log.warning(
                "digest refused: check username and password of the device",
                username=clean_text(result.username),
                source=host_port(flow.remote),
                verdict=result.verdict.value,
            )
            # One answer for both, so that nobody learns which usernames exist.
            self._respond(tx, tx.response(403))
            return ""
        if result.verdict is Verdict.MALFORMED:
            self._respond(tx, tx.response(400, "Unreadable Credentials"))
            return ""
        challenge = self._digest.challenge(
            request, time.time(), stale=result.verdict is Verdict.STALE, proxy=proxy
        )
        self._respond(tx, challenge)
        return ""

    def looks_again(self, tx: ServerTransaction, request: Request, flow: Flow) -> bool:
        """Before anybody is refused: what was just configured may not have arrived here yet.

        True when the request is looked at once more in a moment. It also slows down who guesses.
        """
        if tx in self._second_look:
            return False
        self._second_look.add(tx)
        self._edge.loop.call_later(_SECOND_LOOK_S, self._look_again, tx, request, flow)
        return True

    def _look_again(self, tx: ServerTransaction, request: Request, flow: Flow) -> None:
        try:
            if not tx.terminated and tx.request is not None:
                self._serve(tx, request, flow)
        finally:
            self._second_look.discard(tx)
        self._edge.stack.pump()

    def is_known(self, request: Request, flow: Flow) -> bool:
        """A trunk at its address, or a phone where it is registered.

        They do not suffer for others behind the same address, nor for who only pretends to be at it.
        """
        web = flow.transport in ("WS", "WSS")
        if not web and self._edge.config.trunk_by_source(*flow.remote) is not None:
            return True
        username, source = clean_text(request.from_.uri.username), self._edge.proxy.source_of(request, flow)
        return self._edge.registrar.is_bound(username, source) and not self._has_guessed(source, username)

    def _has_guessed(self, source: str, username: str = "") -> bool:
        since, count = self._failures.get((source, username), (0.0, 0))
        if self._edge.monotonic() - since > _FAILURE_WINDOW_S:
            return False
        return count >= self._edge.settings.sip_digest_failures

    def _count_failure(self, source: str, username: str) -> None:
        now, most = self._edge.monotonic(), self._edge.settings.sip_digest_failures
        for key in ((source, username), (source, "")):
            since, count = self._failures.get(key, (now, 0))
            if now - since > _FAILURE_WINDOW_S:
                since, count = now, 0
            self._failures[key] = (since, count + 1)
            self._failures.move_to_end(key)
        if count + 1 == most:
            self._edge.guard.ban(source, _FAILURE_WINDOW_S)
        while len(self._failures) > _REMEMBERED:
            self._failures.popitem(last=False)
