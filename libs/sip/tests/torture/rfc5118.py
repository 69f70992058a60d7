"""The cases of RFC 5118: addresses of IPv6 wherever SIP has addresses."""

# ruff: noqa: E501 - lines as long as the messages need them

from __future__ import annotations

from shaping import Torture, plain, wire


def _register(uri: str, via: str = "SIP/2.0/UDP [2001:db8::9:1];branch=z9hG4bKas3-111") -> bytes:
    return wire(plain(
        "REGISTER", "ipv6", start=f"REGISTER {uri} SIP/2.0", To="sip:user@example.com",
        From="sip:user@example.com;tag=81x2", Via=via,
        Contact='"Caller" <sip:caller@[2001:db8::1]>'))  # fmt: skip


def _options(uri: str) -> bytes:
    return wire(plain("OPTIONS", "abnf", start=f"OPTIONS {uri} SIP/2.0", To=uri))


_SIX = (
    "v=0\no=a 971731711378798081 0 IN IP6 2001:db8::20\ns=-\nc=IN IP6 2001:db8::20\nt=3338481189 3370017201\n"
)
_AUDIO = "m=audio 6000 RTP/AVP 0 2\na=rtpmap:2 G726-32/8000\n"

MESSAGES: tuple[Torture, ...] = (
    Torture("ipv6-good", "4.1", "an address in brackets", 401, _register("sip:[2001:db8::10]")),
    Torture("ipv6-bad", "4.2", "an address without brackets", 400, _register("sip:2001:db8::10")),
    Torture("port-ambiguous", "4.3", "what ends within the brackets is no port", 401,
            _register("sip:[2001:db8::10:5070]")),
    Torture("port-unambiguous", "4.4", "a port behind the brackets", 401, _register("sip:[2001:db8::10]:5070")),
    Torture("via-received-param-with-delim", "4.5", "received in brackets", 401, _register(
        "sip:[2001:db8::10]", "SIP/2.0/UDP [2001:db8::9:1];received=[2001:db8::9:255];branch=z9hG4bKas3-111")),
    Torture("via-received-param-no-delim", "4.5", "received without brackets", 401, _register(
        "sip:[2001:db8::10]", "SIP/2.0/UDP [2001:db8::9:1];received=2001:db8::9:255;branch=z9hG4bKas3")),
    Torture("ipv6-in-sdp", "4.6", "addresses of IPv6 in the description", 200, wire(plain(
        "INVITE", "ipv6-in-sdp", start="INVITE sip:user@[2001:db8::10] SIP/2.0",
        Via="SIP/2.0/UDP [2001:db8::20];branch=z9hG4bKas3-111",
        Contact='"Caller" <sip:caller@[2001:db8::20]>', Content_Type="application/sdp"), _SIX + _AUDIO)),
    Torture("mult-ip-in-header", "4.7", "both families among the Vias", 481, wire(plain(
        "BYE", "mult-ip-in-header", start="BYE sip:user@host.example.net SIP/2.0",
        To="sip:user@example.net;tag=bd76ya", Via="SIP/2.0/UDP [2001:db8::9:1]:6050;branch=z9hG4bKas3-111\n"
        "Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKjhja8781hjuaij65144\n"
        "Via: SIP/2.0/TCP [2001:db8::9:255];branch=z9hG4bK451jj;received=192.0.2.200"))),
    Torture("mult-ip-in-sdp", "4.8", "each stream in a family of its own", 200, wire(plain(
        "INVITE", "mult-ip-in-sdp", start="INVITE sip:user@[2001:db8::10] SIP/2.0",
        Via="SIP/2.0/UDP [2001:db8::9:1];branch=z9hG4bKas3-111", Content_Type="application/sdp"),
        "v=0\no=bob 280744730 28977631 IN IP4 host.example.com\ns=-\nt=0 0\n"
        "m=audio 22334 RTP/AVP 0\nc=IN IP4 192.0.2.1\nm=video 6024 RTP/AVP 107\nc=IN IP6 2001:db8::1\n"
        "a=rtpmap:107 H263-1998/90000\n")),
    Torture("ipv4-mapped-ipv6", "4.9", "addresses of IPv4 written as of IPv6", 200, wire(plain(
        "INVITE", "ipv4-mapped-ipv6", start="INVITE sip:user@example.com SIP/2.0",
        Via="SIP/2.0/UDP [::ffff:192.0.2.10]:19823;branch=z9hG4bKbh19\n"
        "Via: SIP/2.0/UDP [::ffff:192.0.2.2];branch=z9hG4bKas3-111",
        Contact='"T. desk phone" <sip:ted@[::ffff:192.0.2.2]>', Content_Type="application/sdp"),
        _SIX.replace("2001:db8::20", "::ffff:192.0.2.2") + _AUDIO)),
    Torture("ipv6-bug-abnf-3-colons", "4.10", "three colons, as the ABNF of RFC 3261 allows by mistake", 200,
            _options("sip:user@[2001:db8:::192.0.2.1]")),
    Torture("ipv6-correct-abnf-2-colons", "4.10", "the same with two colons", 200,
            _options("sip:user@[2001:db8::192.0.2.1]")),
)  # fmt: skip
