from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sip_wire import request

from seatbus_sip import DigestClient, DigestServer, Request, Response, Verdict, ha1, parse_message
from seatbus_sip.digest import digest_response, read_challenges
from seatbus_sip.errors import DigestError
from seatbus_sip.ids import CountedIds


@pytest.mark.parametrize(
    ("algorithm", "realm", "user", "password", "method", "uri", "nonce", "cnonce", "expected"),
    [
        pytest.param(
            "MD5",
            "testrealm@host.com",
            "Mufasa",
            "Circle Of Life",
            "GET",
            "/dir/index.html",
            "dcd98b7102dd2f0e8b11d0f600bfb0c093",
            "0a4f113b",
            "6629fae49393a05397450978507c4ef1",
            id="RFC 2617",
        ),
        pytest.param(
            "MD5",
            "http-auth@example.org",
            "Mufasa",
            "Circle of Life",
            "GET",
            "/dir/index.html",
            "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v",
            "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ",
            "8ca523f5e9506fed4657c9700eebdbec",
            id="RFC 7616 MD5",
        ),
        pytest.param(
            "SHA-256",
            "http-auth@example.org",
            "Mufasa",
            "Circle of Life",
            "GET",
            "/dir/index.html",
            "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v",
            "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ",
            "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1",
            id="RFC 7616 SHA-256",
        ),
    ],
)
def test_known_values(
    algorithm: str,
    realm: str,
    user: str,
    password: str,
    method: str,
    uri: str,
    nonce: str,
    cnonce: str,
    expected: str,
) -> None:
    secret = ha1(algorithm, user, realm, password)
    assert digest_response(algorithm, secret, method, uri, nonce, "auth", "00000001", cnonce) == expected


def test_the_older_form_without_qop_is_the_one_of_rfc_2069() -> None:
    secret = ha1("MD5", "Mufasa", "testrealm@host.com", "CircleOfLife")
    found = digest_response("MD5", secret, "GET", "/dir/index.html", "dcd98b7102dd2f0e8b11d0f600bfb0c093")
    assert found == "1949323746fe6a43ef61f9606e7febea"


SERVER = {"secret": b"shared", "realm": "seatbus"}


def lookup(user: str, algorithm: str) -> str | None:
    return ha1(algorithm, "100", "seatbus", "pw") if user == "100" else None


def exchange(server: DigestServer, password: str = "pw", user: str = "100", now: float = 1000.0) -> Request:
    client, register = DigestClient(user, password), request("REGISTER")
    assert client.accept(server.challenge(register, now), register)
    return client.authorize(register)


@pytest.mark.parametrize("algorithms", [("MD5",), ("SHA-256", "MD5"), ("SHA-256",)])
def test_a_phone_with_the_right_password_is_let_in_by_any_instance(algorithms: tuple[str, ...]) -> None:
    one, other = DigestServer(**SERVER, algorithms=algorithms), DigestServer(**SERVER, algorithms=algorithms)
    result = other.verify(exchange(one), lookup, 1001.0)
    assert result.ok
    assert (result.username, result.algorithm) == ("100", algorithms[0])


def test_wrong_password_user_or_secret_and_no_credentials_are_told_apart() -> None:
    server = DigestServer(**SERVER)
    assert server.verify(exchange(server, password="no"), lookup, 1001.0).verdict is Verdict.WRONG
    assert server.verify(exchange(server, user="200"), lookup, 1001.0).verdict is Verdict.UNKNOWN_USER
    assert server.verify(request("REGISTER"), lookup, 1001.0).verdict is Verdict.MISSING
    foreign = DigestServer(b"other", "seatbus")
    assert server.verify(exchange(foreign), lookup, 1001.0).verdict is Verdict.STALE


def test_a_nonce_dies_of_age_and_of_reuse() -> None:
    server = DigestServer(**SERVER, lifetime=300)
    register = exchange(server)
    assert server.verify(register, lookup, 1301.0).verdict is Verdict.STALE
    assert server.verify(register, lookup, 1200.0).ok
    assert server.verify(register, lookup, 1200.0).verdict is Verdict.STALE
    assert server.verify(exchange(server, now=2000.0), lookup, 1000.0).verdict is Verdict.STALE


def test_a_client_counts_up_takes_a_stale_nonce_and_gives_up_on_a_wrong_password() -> None:
    server, client, register = (
        DigestServer(**SERVER, lifetime=300),
        DigestClient("100", "pw"),
        request("REGISTER"),
    )
    assert client.accept(server.challenge(register, 1000.0), register)
    for _ in range(3):
        assert server.verify(client.authorize(request("REGISTER")), lookup, 1001.0).ok
    late = client.authorize(request("REGISTER"))
    assert server.verify(late, lookup, 2000.0).verdict is Verdict.STALE
    assert client.accept(server.challenge(late, 2000.0, stale=True), late)
    assert server.verify(client.authorize(request("REGISTER")), lookup, 2001.0).ok
    wrong = DigestClient("100", "no")
    first = request("REGISTER")
    assert wrong.accept(server.challenge(first, 1000.0), first)
    again = wrong.authorize(request("REGISTER"))
    assert not wrong.accept(server.challenge(again, 1001.0), again)


@pytest.mark.parametrize(
    ("old", "new", "verdict"),
    [
        ("uri=", 'uri="sip:evil@h", x=', Verdict.WRONG),
        ("realm=", "realm=seatbus, realm=", Verdict.MALFORMED),
        ("nc=00000001", "nc=1", Verdict.MALFORMED),
        ("qop=auth", "qop=auth-int", Verdict.MALFORMED),
        ("algorithm=SHA-256", "algorithm=MD4", Verdict.MALFORMED),
        ("response=", 'response="0", z=', Verdict.WRONG),
        ("Digest ", "Basic ", Verdict.MISSING),
    ],
)
def test_tampered_credentials_are_refused(old: str, new: str, verdict: Verdict) -> None:
    server = DigestServer(**SERVER)
    register = exchange(server)
    value = register.require("Authorization")
    assert old in value
    register.set("Authorization", value.replace(old, new))
    assert server.verify(register, lookup, 1001.0).verdict is verdict


def test_a_proxy_challenge_without_qop_or_algorithm_is_answered_in_kind() -> None:
    invite = request()
    response = Response.to_request(invite, 407)
    response.set(
        "Proxy-Authenticate",
        'Digest realm="r, \\"x\\"", nonce="n", opaque="o"',
        'Digest realm="z", qop="auth-int", nonce="n"',
    )
    client = DigestClient("a", "b")
    assert [challenge.realm for challenge in read_challenges(response)] == ['r, "x"']
    assert client.accept(response, invite)
    value = client.authorize(invite).require("Proxy-Authorization")
    assert "qop" not in value
    assert "algorithm" not in value
    assert 'opaque="o"' in value


def test_an_unknown_algorithm_is_a_mistake_of_the_operator() -> None:
    with pytest.raises(DigestError):
        DigestServer(b"s", "r", algorithms=("MD4",))


WORDS = st.text(st.characters(codec="utf-8", exclude_characters="\r\n\0"), min_size=1, max_size=20)


@given(
    username=WORDS,
    password=WORDS,
    algorithms=st.sampled_from([("SHA-256", "MD5"), ("MD5",), ("SHA-256",)]),
    proxy=st.booleans(),
    body=st.binary(max_size=20),
)
def test_whoever_knows_the_password_gets_in_with_any_name_and_nobody_else(
    username: str, password: str, algorithms: tuple[str, ...], proxy: bool, body: bytes
) -> None:
    server = DigestServer(b"shared", "seatbus", algorithms=algorithms, ids=CountedIds())

    def known(user: str, algorithm: str) -> str | None:
        return ha1(algorithm, user, "seatbus", password) if user == username else None

    def attempt(secret: str) -> Verdict:
        asked = request("REGISTER")
        challenge = server.challenge(asked, 1000.0, proxy=proxy)
        client = DigestClient(username, secret, ids=CountedIds())
        refused = parse_message(challenge.to_bytes())
        assert isinstance(refused, Response)
        assert client.accept(refused, asked)
        sent = client.authorize(asked)
        sent.body = body
        arrived = parse_message(sent.to_bytes())
        assert isinstance(arrived, Request)
        return server.verify(arrived, known, 1001.0, proxy=proxy).verdict

    assert attempt(password) is Verdict.OK
    assert attempt(password + "x") is Verdict.WRONG


@given(st.lists(st.integers(1, 12), min_size=1, max_size=30), st.booleans())
def test_each_count_of_a_nonce_is_good_once_and_never_backwards(counts: list[int], sha: bool) -> None:
    algorithm = "SHA-256" if sha else "MD5"
    server = DigestServer(b"shared", "seatbus", ids=CountedIds())
    nonce = server.nonce(1000.0)
    secret = ha1(algorithm, "100", "seatbus", "pw")
    highest = 0
    for count in counts:
        asked = request("REGISTER")
        nc = f"{count:08x}"
        value = digest_response(algorithm, secret, "REGISTER", asked.uri, nonce, "auth", nc, "c")
        asked.set(
            "Authorization",
            f'Digest username="100", realm="seatbus", nonce="{nonce}", uri="{asked.uri}", qop=auth, nc={nc}, '
            f'cnonce="c", algorithm={algorithm}, response="{value}"',
        )
        verdict = server.verify(asked, lambda user, name: ha1(name, user, "seatbus", "pw"), 1001.0).verdict
        assert verdict is (Verdict.OK if count > highest else Verdict.STALE)
        highest = max(highest, count)
