from __future__ import annotations

import base64

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seatbus_sip.errors import SdpError
from seatbus_sip.sdp import PCMU, SessionDescription, build_answer, build_offer, parse_sdp
from seatbus_sip.sdp_security import (
    Crypto,
    IceSide,
    Security,
    Setup,
    StreamSecurity,
    answered_setup,
    chosen_stream,
    read_security,
    require_ice,
    write_cryptos,
    write_ice,
)
from seatbus_testkit.properties import examples

KEY = bytes(range(30))
INLINE = base64.b64encode(KEY).decode()
PRINT = ":".join(["AB"] * 32)
BROWSER = (
    "v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0 1\r\n"
    "m=audio 9 UDP/TLS/RTP/SAVPF 0\r\nc=IN IP4 0.0.0.0\r\na=ice-ufrag:abcd\r\na=ice-pwd:" + "p" * 24 + "\r\n"
    f"a=fingerprint:sha-256 {PRINT}\r\na=setup:actpass\r\na=mid:0\r\na=rtcp-mux\r\na=sendrecv\r\n"
    "m=video 9 UDP/TLS/RTP/SAVPF 96\r\nc=IN IP4 0.0.0.0\r\na=rtpmap:96 VP8/90000\r\na=mid:1\r\n"
)


def said(profile: str, *lines: str, session: tuple[str, ...] = ()) -> StreamSecurity:
    offer = build_offer(("192.0.2.1", 4000), [PCMU], session_id=1, profile=profile)
    offer.lines.extend(session)
    offer.media[0].lines.extend(lines)
    read = parse_sdp(str(offer))
    return read_security(read, read.media[0])


@pytest.mark.parametrize(
    ("profile", "lines", "expected"),
    [
        ("RTP/AVP", (), Security.PLAIN),
        ("RTP/AVPF", (), Security.PLAIN),
        ("RTP/AVP", (f"a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:{INLINE}",), Security.SDES),
        ("RTP/AVP", (f"a=crypto:1 UNHEARD_OF inline:{INLINE}",), Security.PLAIN),
        ("RTP/SAVP", (), Security.SDES),
        ("RTP/SAVPF", (f"a=fingerprint:sha-256 {PRINT}",), Security.DTLS),
        ("UDP/TLS/RTP/SAVP", (), Security.DTLS),
        ("UDP/TLS/RTP/SAVPF", (), Security.DTLS),
        ("TCP/TLS/RTP/SAVPF", (), None),
    ],
)
def test_the_profile_and_what_belongs_to_it_tell_the_protection(
    profile: str, lines: tuple[str, ...], expected: Security | None
) -> None:
    assert said(profile, *lines).security is expected


@pytest.mark.parametrize(
    ("line", "usable"),
    [
        (f"1 AES_CM_128_HMAC_SHA1_80 inline:{INLINE}", True),
        (f"1 AES_CM_128_HMAC_SHA1_32 inline:{INLINE}|2^20", True),
        (f"1 AES_CM_128_HMAC_SHA1_80 inline:{INLINE} WSH=64", True),
        (f"1 AES_CM_128_HMAC_SHA1_80 inline:{INLINE}|2^20|1:4", False),
        (f"1 AES_CM_128_HMAC_SHA1_80 inline:{INLINE};inline:{INLINE}", False),
        (f"1 AES_CM_128_HMAC_SHA1_80 inline:{INLINE} UNENCRYPTED_SRTP", False),
        ("1 AES_CM_128_HMAC_SHA1_80 inline:c2hvcnQ=", False),
        (f"x AES_CM_128_HMAC_SHA1_80 inline:{INLINE}", False),
        (f"1 AEAD_AES_128_GCM inline:{INLINE}", False),
        ("1", False),
    ],
)
def test_only_keys_that_can_be_used_as_they_are_count(line: str, usable: bool) -> None:
    cryptos = said("RTP/SAVP", f"a=crypto:{line}").cryptos
    assert [one.master for one in cryptos] == ([KEY] if usable else [])


def test_written_keys_are_read_again() -> None:
    offer = build_offer(("192.0.2.1", 4000), [PCMU], session_id=1, profile="RTP/SAVP")
    write_cryptos(offer.media[0], [Crypto(7, "AES_CM_128_HMAC_SHA1_80", KEY)])
    read = parse_sdp(str(offer))
    assert read_security(read, read.media[0]).cryptos == (Crypto(7, "AES_CM_128_HMAC_SHA1_80", KEY),)


def test_what_the_session_says_counts_for_a_stream_that_says_nothing() -> None:
    found = said("UDP/TLS/RTP/SAVPF", session=(f"a=fingerprint:SHA-256 {PRINT}", "a=setup:active"))
    assert found.fingerprints == (("sha-256", bytes([0xAB]) * 32),)
    assert found.setup is Setup.ACTIVE


def test_we_begin_the_handshake_unless_the_peer_insists() -> None:
    assert answered_setup(Setup.ACTPASS) is Setup.ACTIVE
    assert answered_setup(Setup.PASSIVE) is Setup.ACTIVE
    assert answered_setup(Setup.ACTIVE) is Setup.PASSIVE


@pytest.mark.parametrize("missing", ["a=ice-ufrag", "a=ice-pwd", "a=fingerprint", "a=rtcp-mux"])
def test_what_a_browser_has_to_say_is_named(missing: str) -> None:
    kept = [line for line in BROWSER.split("\r\n") if not line.startswith(missing)]
    offer = parse_sdp("\r\n".join(kept))
    with pytest.raises(SdpError, match=missing) as caught:
        require_ice(read_security(offer, offer.media[0]))
    assert caught.value.status == 488


def answered(offer: SessionDescription) -> SessionDescription:
    answer, _ = build_answer(
        offer, ("192.0.2.9", 5000), [PCMU], session_id=1, usable=lambda section: section.kind == "audio"
    )
    _, given = chosen_stream(offer, answer)
    side = IceSide(("192.0.2.9", 5000), "uuuu", "q" * 24, ("sha-256", bytes(32)), Setup.ACTIVE)
    write_ice(answer, given, side, read_security(offer, offer.media[0]).mid, offer)
    return parse_sdp(str(answer))


def test_an_answer_to_a_browser_has_what_browsers_need() -> None:
    answer = answered(parse_sdp(BROWSER))
    audio, video = answer.media
    for line in ("a=ice-lite", "a=group:BUNDLE 0"):
        assert line in answer.lines
    for line in ("a=mid:0", "a=rtcp-mux", "a=setup:active", "a=ice-ufrag:uuuu"):
        assert line in audio.lines
    assert "a=candidate:1 1 udp 2130706431 192.0.2.9 5000 typ host" in audio.lines
    assert (video.port, "a=mid:1" in video.lines) == (0, True)
    require_ice(read_security(answer, audio))


ODD = st.text(st.characters(exclude_characters="\r\n\0", exclude_categories=["Cs"]), max_size=80)


@settings(max_examples=examples(200), deadline=None)
@given(st.sampled_from(["crypto", "fingerprint", "setup", "ice-ufrag", "ice-pwd", "mid"]), ODD)
def test_odd_values_are_as_if_they_were_not_there(name: str, value: str) -> None:
    found = said("UDP/TLS/RTP/SAVPF", f"a={name}:{value}")
    assert all(len(crypto.master) == 30 or crypto.suite.startswith("AEAD") for crypto in found.cryptos)
    assert "\r" not in found.mid
    assert " " not in found.ufrag + found.pwd + found.mid
