"""Keys of a leg that are exchanged in its descriptions (RFC 4568).

Laws: a key of ours lives as long as the stream it protects and is never used for a second one: the same
packets under the same key would tell what is in them.
"""

from __future__ import annotations

from typing import Any, Final

from seatbus_rtp.srtp import SrtpKeys, SrtpProfile, profile_named
from seatbus_sip.errors import SdpError
from seatbus_sip.sdp_security import Crypto, StreamSecurity

_OFFERED: Final = (
    SrtpProfile.AES_CM_128_HMAC_SHA1_80,
    SrtpProfile.AES_CM_128_HMAC_SHA1_32,
    SrtpProfile.AEAD_AES_128_GCM,
    SrtpProfile.AEAD_AES_256_GCM,
)
"""What every phone knows goes first: some look at the first line only."""


class SdesKeys:
    """Our side of one leg."""

    def __init__(self) -> None:
        self._own: dict[SrtpProfile, bytes] = {}
        self._offered: tuple[Crypto, ...] = ()

    def offer(self) -> tuple[Crypto, ...]:
        """Lines for an offer, the same again while the leg goes on."""
        self._offered = tuple(
            Crypto(tag, profile.sdes_name, self._master(profile))
            for tag, profile in enumerate(sorted(_OFFERED, key=lambda one: one not in self._own), start=1)
        )
        return self._offered

    def answer(self, said: StreamSecurity) -> tuple[Crypto, SrtpKeys]:
        """Our line and the keys, for the first line of an offer that is served. Raises SdpError (488)."""
        for crypto in said.cryptos:
            profile = profile_named(crypto.suite)
            if profile is not None:
                master = self._master(profile)
                return Crypto(crypto.tag, crypto.suite, master), SrtpKeys(profile, master, crypto.master)
        names = ", ".join(profile.sdes_name for profile in _OFFERED)
        raise SdpError("a=crypto", f"must offer one of {names}, one key, encrypted", 488)

    def accept(self, said: StreamSecurity) -> SrtpKeys:
        """The keys, from the line of an answer. Raises SdpError (488) if it is none of ours."""
        for crypto in said.cryptos:
            profile = profile_named(crypto.suite)
            mine = next((one for one in self._offered if one.tag == crypto.tag), None)
            if profile is not None and mine is not None and mine.suite == crypto.suite:
                return SrtpKeys(profile, mine.master, crypto.master)
        raise SdpError("a=crypto", "is answered with an offered tag and suite", 488)

    def follow(self, said: StreamSecurity) -> None:
        """Goes on with keys of another instance of ours: some phones take no other ones in a call. Streams
        differ by their synchronisation source, so that nothing is sent twice under a key.
        """
        for crypto in said.cryptos:
            profile = profile_named(crypto.suite)
            if profile is not None:
                self._own[profile] = crypto.master

    def keep(self) -> dict[str, Any]:
        """What a successor needs: keys of ours, and those that are offered."""
        return {
            "own": {profile.name: master.hex() for profile, master in self._own.items()},
            "offered": [[one.tag, one.suite, one.master.hex()] for one in self._offered],
        }

    def restore(self, kept: dict[str, Any]) -> None:
        """Raises KeyError, TypeError, ValueError."""
        self._own = {SrtpProfile[name]: bytes.fromhex(master) for name, master in kept["own"].items()}
        self._offered = tuple(
            Crypto(int(tag), str(suite), bytes.fromhex(master)) for tag, suite, master in kept["offered"]
        )

    def used(self, keys: SrtpKeys | None) -> None:
        """These protect the stream from now on; the own keys of other suites are given up."""
        self._own = {} if keys is None else {keys.profile: keys.local}

    def _master(self, profile: SrtpProfile) -> bytes:
        return self._own.setdefault(profile, profile.new_master())
