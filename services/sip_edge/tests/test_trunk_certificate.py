"""Trunks over TLS: who calls is known by its certificate, who is called is, and ours is shown to it."""

from __future__ import annotations

import asyncio
import datetime
import ssl
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from seatbus.tenancy.v1 import types_pb2 as tenancy
from seatbus_sip import Response, parse_message
from seatbus_sip.framing import StreamFramer
from seatbus_sip_edge.domain.routes import TrunkRef
from seatbus_sip_edge.settings import Settings
from seatbus_testkit.dns import DnsServer
from seatbus_testkit.platform import free_port_base

from .outside_world import OUTSIDE, company

_SDP = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 9 RTP/AVP 0\r\n"


def authority(folder: Path, *names: str) -> Path:
    """A CA in `ca.pem`, and for each name a client's certificate with its key in `<name>.pem`."""
    ca_key = ec.generate_private_key(ec.SECP256R1())
    ca_name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Test CA")])

    def made(subject: str, key: ec.EllipticCurvePrivateKey, *, ca: bool) -> x509.Certificate:
        now = datetime.datetime.now(datetime.UTC)
        builder = (
            x509.CertificateBuilder()
            .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, subject)]))
            .issuer_name(ca_name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(hours=1))
            .not_valid_after(now + datetime.timedelta(hours=1))
            .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
        )
        if not ca:
            builder = builder.add_extension(
                x509.SubjectAlternativeName([x509.DNSName(subject)]), critical=False
            )
        return builder.sign(ca_key, hashes.SHA256())

    pem = serialization.Encoding.PEM
    ca_file = folder / "ca.pem"
    ca_file.write_bytes(made("Test CA", ca_key, ca=True).public_bytes(pem))
    for name in names:
        key = ec.generate_private_key(ec.SECP256R1())
        plain = serialization.NoEncryption()
        private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, plain)
        (folder / f"{name}.pem").write_bytes(made(name, key, ca=False).public_bytes(pem) + private)
    return ca_file


def test_one_file_of_authorities_serves_both_ways_where_they_name_none(tmp_path: Path) -> None:
    both, own = tmp_path / "both", tmp_path / "own"
    settings = Settings(sip_tls_ca_file=both)
    assert (settings.client_authorities, settings.trunk_authorities) == (both, both)
    settings = Settings(sip_tls_ca_file=both, sip_tls_client_ca_file=own)
    assert (settings.client_authorities, settings.trunk_authorities) == (own, both)


async def status_of_call(port: int, number: str, certificate: Path) -> int:
    """The final status of an INVITE over TLS with this client certificate; 0: the edge hangs up."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.load_cert_chain(certificate)
    reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context)
    lines = (
        f"INVITE sip:{number}@127.0.0.1 SIP/2.0",
        f"Via: SIP/2.0/TLS 127.0.0.1:5061;branch=z9hG4bK{certificate.stem}",
        "Max-Forwards: 70",
        "From: <sip:+4930777@carrier.example>;tag=a",
        f"To: <sip:{number}@127.0.0.1>",
        f"Call-ID: tls-{certificate.stem}",
        "CSeq: 1 INVITE",
        "Contact: <sip:127.0.0.1:5061;transport=tls>",
        "Content-Type: application/sdp",
        f"Content-Length: {len(_SDP)}",
    )
    writer.write(("\r\n".join(lines) + "\r\n\r\n" + _SDP).encode())
    try:
        async with asyncio.timeout(30):
            while True:
                line = (await reader.readline()).decode()
                if not line:
                    return 0
                if line.startswith("SIP/2.0 ") and int(line.split()[1]) >= 200:
                    return int(line.split()[1])
    finally:
        writer.close()


def strangers(folder: Path) -> Path:
    """Another authority's file; it has signed nothing here."""
    there = folder / "strangers"
    there.mkdir()
    return authority(there)


async def test_a_trunk_is_known_by_the_name_of_its_certificate(
    empty_world: Any, steps: Any, tmp_path: Path
) -> None:
    """Its authority is that of who connects to us, whoever signs for those that we connect to."""
    world = empty_world
    ca_file = authority(tmp_path, "sbc.carrier.example", "other.example")
    port = free_port_base()
    await world.start_edge(
        sip_tls_port=port, sip_tls_client_ca_file=ca_file, sip_tls_trunk_ca_file=strangers(tmp_path)
    )
    await company(world)
    world.script(steps.enqueue())
    await world.put("trunk", "far", tenancy.Trunk(name="far", tls_name="SBC.carrier.example"))
    await world.until(lambda: world.app.edge.config.trunk_by_tls_name("sbc.carrier.example"))
    assert await status_of_call(port, world.number, tmp_path / "other.example.pem") in (0, 403, 407)
    assert await status_of_call(port, world.number, tmp_path / "sbc.carrier.example.pem") == 200
    call = next(iter(world.app.edge.sessions.values())).call
    assert (call.trunk_id, call.caller) == ("far", "+4930777")


class Sbc:
    """A carrier's border over TLS: busy, and nobody is let in who does not show a certificate."""

    def __init__(self, folder: Path, name: str) -> None:
        self.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.tls.load_cert_chain(folder / f"{name}.pem")
        self.tls.load_verify_locations(folder / "ca.pem")
        self.tls.verify_mode = ssl.CERT_REQUIRED
        self.called: list[str] = []
        self.shown: list[str] = []
        self.server: asyncio.Server

    async def open(self) -> int:
        self.server = await asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=self.tls)
        return int(self.server.sockets[0].getsockname()[1])

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        certificate: Any = writer.get_extra_info("peercert")
        self.shown += [value for _, value in certificate["subjectAltName"]]
        framer = StreamFramer()
        while data := await reader.read(4096):
            for message in framer.feed(data, 0.0):
                request: Any = parse_message(message)
                if request.method == "INVITE":
                    self.called.append(request.uri)
                    answer = Response(486, "Busy Here")
                    answer.copy_from(request, "Via", "From", "To", "Call-ID", "CSeq")
                    writer.write(answer.to_bytes())
        writer.close()


async def test_a_trunk_over_tls_must_be_who_it_is_configured_as_and_sees_our_certificate(
    empty_world: Any, tmp_path: Path
) -> None:
    """The impostor has the address and a certificate of the same authority, of another name."""
    world = empty_world
    ca_file = authority(tmp_path, "carrier.example", "other.example", "edge.example")
    impostor, real = Sbc(tmp_path, "other.example"), Sbc(tmp_path, "carrier.example")
    names = await DnsServer.start()
    try:
        names.records = {
            ("_sips._tcp.carrier.example", "SRV"): [
                f"10 0 {await impostor.open()} sbc.farm.example.",
                f"20 0 {await real.open()} sbc.farm.example.",
            ],
            ("sbc.farm.example", "A"): ["127.0.0.1"],
        }
        own = tmp_path / "edge.example.pem"
        await world.start_edge(
            dns_server=names.address,
            sip_tls_client_ca_file=strangers(tmp_path),
            sip_tls_trunk_ca_file=ca_file,
            sip_tls_cert_file=own,
            sip_tls_key_file=own,
        )
        phone = await company(world)
        fields = {"host": "carrier.example", "transport": tenancy.TRANSPORT_TLS, "outbound": True}
        await world.put("trunk", "far", tenancy.Trunk(name="far", no_options=True, **fields))
        await world.until(lambda: world.app.edge.trunks.ways(TrunkRef(world.tenant, "far")))
        call = await phone.dial(OUTSIDE)
        assert await call.wait_status() == 486
    finally:
        names.stop()
        for sbc in (impostor, real):
            sbc.server.close()
    assert real.called == ["sip:+4989123456@carrier.example;transport=tls"]
    assert (real.shown, impostor.called) == (["edge.example"], [])
