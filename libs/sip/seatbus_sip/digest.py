"""Digest authentication both ways (RFC 3261 section 22, RFC 7616, RFC 8760)."""

from __future__ import annotations

import hashlib
import hmac
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from enum import Enum

from seatbus_sip.errors import DigestError, SipParseError
from seatbus_sip.headers import parse_auth, render_auth
from seatbus_sip.ids import IdSource, RandomIds
from seatbus_sip.message import Request, Response
from seatbus_sip.uri import parse_uri

# Strongest first: the order in which challenges are offered and chosen.
_HASHES: dict[str, Callable[[bytes], str]] = {
    "SHA-256": lambda data: hashlib.sha256(data).hexdigest(),
    "MD5": lambda data: hashlib.md5(data, usedforsecurity=False).hexdigest(),
}
ALGORITHMS = tuple(_HASHES)


def _hash(algorithm: str, *parts: str) -> str:
    return _HASHES[algorithm](":".join(parts).encode("utf-8", "surrogateescape"))


def ha1(algorithm: str, username: str, realm: str, password: str) -> str:
    """The stored secret: hash of `username:realm:password`."""
    return _hash(algorithm, username, realm, password)


def digest_response(
    algorithm: str,
    secret: str,
    method: str,
    uri: str,
    nonce: str,
    qop: str = "",
    nc: str = "",
    cnonce: str = "",
) -> str:
    """The response value (RFC 7616 section 3.4.1; without qop that of RFC 2069). `secret` is the HA1."""
    ha2 = _hash(algorithm, method, uri)
    if qop:
        return _hash(algorithm, secret, nonce, nc, cnonce, qop, ha2)
    return _hash(algorithm, secret, nonce, ha2)


class Verdict(Enum):
    """Outcome of a check. STALE: right secret, old or reused nonce: challenge again with stale=true."""

    OK = "ok"
    MISSING = "no credentials for this realm"
    STALE = "nonce expired or used"
    WRONG = "wrong digest"
    UNKNOWN_USER = "unknown user"
    MALFORMED = "credentials cannot be read"


@dataclass(frozen=True, slots=True)
class DigestResult:
    """Verdict, and who claimed to be calling (trust it only if OK)."""

    verdict: Verdict
    username: str = ""
    algorithm: str = ""

    @property
    def ok(self) -> bool:
        """Whether the request is authenticated."""
        return self.verdict is Verdict.OK


class DigestServer:
    """Challenges and checks. Any instance with the same secret accepts the others' nonces.

    A nonce is `time.random.mac` and expires after `lifetime` seconds. Nonce counts are remembered here only,
    for the latest `remembered` nonces: replay towards another instance is bounded by the lifetime.
    """

    def __init__(
        self,
        secret: bytes,
        realm: str,
        *,
        lifetime: float = 300.0,
        algorithms: Iterable[str] = ALGORITHMS,
        ids: IdSource | None = None,
        remembered: int = 50_000,
    ) -> None:
        self._secret = secret
        self.realm = realm
        self._lifetime = lifetime
        self._algorithms = tuple(algorithms)
        self._ids = ids or RandomIds()
        self._remembered = remembered
        self._counts: OrderedDict[str, int] = OrderedDict()
        for name in self._algorithms:
            if name not in _HASHES:
                raise DigestError("algorithm", f"{name} is not one of {', '.join(ALGORITHMS)}")

    def _mac(self, stem: str) -> str:
        return hmac.new(self._secret, f"{self.realm}|{stem}".encode(), hashlib.sha256).hexdigest()[:32]

    def nonce(self, now: float) -> str:
        """A fresh nonce. `now` is wall-clock time in seconds, the same on all instances."""
        stem = f"{int(now):x}.{self._ids.token()}"
        return f"{stem}.{self._mac(stem)}"

    def challenges(self, now: float, *, stale: bool = False) -> list[str]:
        """Values of WWW-Authenticate (or Proxy-Authenticate), one per algorithm, strongest first."""
        nonce = self.nonce(now)
        extra = [("stale", "true", False)] if stale else []
        return [
            render_auth(
                "Digest",
                [
                    ("realm", self.realm, True),
                    ("nonce", nonce, True),
                    ("algorithm", algorithm, False),
                    ("qop", "auth", True),
                    *extra,
                ],
            )
            for algorithm in self._algorithms
        ]

    def challenge(
        self, request: Request, now: float, *, stale: bool = False, proxy: bool = False
    ) -> Response:
        """The 401 (or 407) for this request."""
        response = Response.to_request(request, 407 if proxy else 401)
        response.set(
            "Proxy-Authenticate" if proxy else "WWW-Authenticate", *self.challenges(now, stale=stale)
        )
        return response

    def verify(
        self,
        request: Request,
        lookup: Callable[[str, str], str | None],
        now: float,
        *,
        proxy: bool = False,
    ) -> DigestResult:
        """Check a request. `lookup(username, algorithm)` returns the HA1 in hexadecimal, None if unknown."""
        header = "Proxy-Authorization" if proxy else "Authorization"
        for value in request.get_all(header):
            try:
                scheme, params = parse_auth(value, header)
            except SipParseError:
                return DigestResult(Verdict.MALFORMED)
            if scheme == "digest" and params.get("realm") == self.realm:
                return self._check(params, request, lookup, now)
        return DigestResult(Verdict.MISSING)

    def _check(
        self, params: dict[str, str], request: Request, lookup: Callable[[str, str], str | None], now: float
    ) -> DigestResult:
        username, nonce = params.get("username", ""), params.get("nonce", "")
        algorithm, qop = params.get("algorithm", "MD5").upper(), params.get("qop", "")
        nc, cnonce, uri = params.get("nc", ""), params.get("cnonce", ""), params.get("uri", "")
        if not username or algorithm not in self._algorithms or qop not in ("", "auth"):
            return DigestResult(Verdict.MALFORMED, username)
        if qop and (len(nc) != 8 or any(char not in "0123456789abcdefABCDEF" for char in nc) or not cnonce):
            return DigestResult(Verdict.MALFORMED, username)
        if not _same_target(uri, request.uri):
            return DigestResult(Verdict.WRONG, username)
        secret = lookup(username, algorithm)
        # The same work for an unknown user, so that time does not tell who exists.
        expected = digest_response(algorithm, secret or "0" * 32, request.method, uri, nonce, qop, nc, cnonce)
        matches = hmac.compare_digest(
            expected.encode(), params.get("response", "").lower().encode("utf-8", "replace")
        )
        if secret is None:
            return DigestResult(Verdict.UNKNOWN_USER, username)
        if not matches:
            return DigestResult(Verdict.WRONG, username)
        fresh = self._fresh(nonce, now) and self._count(nonce, int(nc, 16) if qop else 1)
        return DigestResult(Verdict.OK if fresh else Verdict.STALE, username, algorithm)

    def _fresh(self, nonce: str, now: float) -> bool:
        stem, _, mac = nonce.rpartition(".")
        if not hmac.compare_digest(self._mac(stem).encode(), mac.encode("utf-8", "replace")):
            return False
        made = int(stem.partition(".")[0], 16)
        # Clocks of instances may differ by a little: a nonce from 30 s ahead is still ours.
        return made - 30 <= now <= made + self._lifetime

    def _count(self, nonce: str, count: int) -> bool:
        if count <= self._counts.get(nonce, 0):
            return False
        self._counts[nonce] = count
        self._counts.move_to_end(nonce)
        if len(self._counts) > self._remembered:
            self._counts.popitem(last=False)
        return True


def _same_target(claimed: str, actual: str) -> bool:
    """Whether the digest's uri means the Request-URI; proxies may change parameters."""
    if claimed == actual:
        return True
    try:
        one, other = parse_uri(claimed), parse_uri(actual)
    except SipParseError:
        return False
    return (one.username, one.host.lower()) == (other.username, other.host.lower())


@dataclass(frozen=True, slots=True)
class Challenge:
    """One usable challenge; `uses` counts the answers given to its nonce."""

    realm: str
    nonce: str
    algorithm: str
    named: bool
    qop: str
    opaque: str | None
    stale: bool
    proxy: bool
    uses: int = 0


def read_challenges(response: Response) -> list[Challenge]:
    """Challenges of a 401 or 407 that can be answered, strongest first."""
    found: list[Challenge] = []
    for header, proxy in (("WWW-Authenticate", False), ("Proxy-Authenticate", True)):
        for value in response.get_all(header):
            scheme, params = parse_auth(value, header)
            algorithm = params.get("algorithm", "MD5").upper()
            options = [
                option.strip().lower() for option in params.get("qop", "").split(",") if option.strip()
            ]
            if (
                scheme == "digest"
                and algorithm in _HASHES
                and "nonce" in params
                and (not options or "auth" in options)
            ):
                found.append(
                    Challenge(
                        params.get("realm", ""),
                        params["nonce"],
                        algorithm,
                        "algorithm" in params,
                        "auth" if options else "",
                        params.get("opaque"),
                        params.get("stale", "").lower() == "true",
                        proxy,
                    )
                )
    return sorted(found, key=lambda challenge: ALGORITHMS.index(challenge.algorithm))


class DigestClient:
    """Answers challenges with one user's password, and keeps using a nonce until it is refused.

    Who has stored hashes alone gives those, by algorithm, with the one realm that they are made for.
    """

    def __init__(
        self,
        username: str,
        password: str,
        ids: IdSource | None = None,
        *,
        realm: str = "",
        hashes: Mapping[str, str] | None = None,
    ) -> None:
        self._username = username
        self._password = password
        self._realm = realm
        self._hashes = hashes
        self._ids = ids or RandomIds()
        self._current: dict[tuple[str, bool], Challenge] = {}

    def accept(self, response: Response, refused: Request) -> bool:
        """Take the challenges of a 401 or 407 to the request `refused`.

        False: give up (nothing usable, or the password was wrong).
        """
        usable: dict[tuple[str, bool], Challenge] = {}
        for challenge in read_challenges(response):
            if self._hashes is not None and (
                challenge.realm != self._realm or not self._hashes.get(challenge.algorithm)
            ):
                continue
            usable.setdefault((challenge.realm, challenge.proxy), challenge)
        accepted = False
        for key, challenge in usable.items():
            before = self._current.get(key)
            # An old nonce that is refused is a renewal; one refused at its first use is a wrong password.
            answered = ("Proxy-Authorization" if challenge.proxy else "Authorization") in refused
            if answered and before is not None and before.uses == 1 and not challenge.stale:
                del self._current[key]
            else:
                self._current[key] = challenge
                accepted = True
        return accepted

    def authorize(self, request: Request, cnonce: str | None = None) -> Request:
        """Set the credentials for every challenge taken so far. Returns the same request."""
        for header, proxy in (("Authorization", False), ("Proxy-Authorization", True)):
            values = [
                self._credentials(key, challenge, request, cnonce)
                for key, challenge in list(self._current.items())
                if challenge.proxy is proxy
            ]
            if values:
                request.set(header, *values)
        return request

    def _credentials(
        self, key: tuple[str, bool], challenge: Challenge, request: Request, cnonce: str | None
    ) -> str:
        used = self._current[key] = replace(challenge, uses=challenge.uses + 1)
        nc, client = f"{used.uses:08x}", cnonce or self._ids.token()
        secret = (
            ha1(used.algorithm, self._username, used.realm, self._password)
            if self._hashes is None
            else self._hashes[used.algorithm]
        )
        value = digest_response(
            used.algorithm, secret, request.method, request.uri, used.nonce, used.qop, nc, client
        )
        params = [
            ("username", self._username, True),
            ("realm", used.realm, True),
            ("nonce", used.nonce, True),
            ("uri", request.uri, True),
            ("response", value, True),
        ]
        if used.named:
            params.append(("algorithm", used.algorithm, False))
        if used.qop:
            params += [("qop", used.qop, False), ("nc", nc, False), ("cnonce", client, True)]
        if used.opaque is not None:
            params.append(("opaque", used.opaque, True))
        return render_auth("Digest", params)
