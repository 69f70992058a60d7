"""A trunk that is known by the name in its TLS client certificate, wherever it calls from."""

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
from seatbus_testkit.platform import free_port_base

from .outside_world import company

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


async def test_a_trunk_is_known_by_the_name_of_its_certificate(
    empty_world: Any, steps: Any, tmp_path: Path
) -> None:
    world = empty_world
    ca_file = authority(tmp_path, "sbc.carrier.example", "other.example")
    port = free_port_base()
    await world.start_edge(sip_tls_port=port, sip_tls_ca_file=ca_file)
    await company(world)
    world.script(steps.enqueue())
    await world.put("trunk", "far", tenancy.Trunk(name="far", tls_name="SBC.carrier.example"))
    await world.until(lambda: world.app.edge.config.trunk_by_tls_name("sbc.carrier.example"))
    assert await status_of_call(port, world.number, tmp_path / "other.example.pem") in (0, 403, 407)
    assert await status_of_call(port, world.number, tmp_path / "sbc.carrier.example.pem") == 200
    call = next(iter(world.app.edge.sessions.values())).call
    assert (call.trunk_id, call.caller) == ("far", "+4930777")
