"""Google's own collector of traces, as far as this machine can show it: name, TLS, token, wire.

Whoever answers has the name by a certificate of ours; that Google takes what it takes is not shown here.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
import struct
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.servers.connect_proxy import ConnectProxy
from tests.servers.metadata_server import MetadataServer
from tests.servers.otlp_server import OtlpServer

pytestmark = [pytest.mark.slow, pytest.mark.timeout(90)]

GOOGLE = "telemetry.googleapis.com"
#: One span by the exporter that the setting asks for.
SENDING = """
import sys
from datetime import UTC, datetime
from penstock.adapters.traces.otlp import OtlpExporter
from penstock.messages.span import Context, Span

now = datetime.now(UTC)
named = {"penstock.request_id": "r"}
here = Context("1" * 32, "2" * 16)
span = Span(name="a life", kind="consumer", context=here, parent=None, start=now, end=now, attributes=named)
sys.exit(not OtlpExporter("https://telemetry.googleapis.com/v1/traces", "my-project-1").send([span]))
"""


def certified(folder: Path) -> tuple[ssl.SSLContext, Path]:
    """A server's TLS under Google's name, and whom a client has to trust for it."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, GOOGLE)])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(GOOGLE)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    whole = folder / "server.pem"
    public = folder / "trusted.pem"
    public.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    whole.write_bytes(private + public.read_bytes())
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(whole)
    return context, public


@pytest.mark.parametrize("stale", [False, True])
async def test_a_span_goes_to_google_with_our_identitys_token(tmp_path: Path, stale: bool) -> None:
    """Given the address that Terraform gives for Cloud Trace; stale: a token that is not taken any more."""
    tls, trusted = certified(tmp_path)
    async with MetadataServer() as metadata:
        with OtlpServer(tls=tls) as collector, ConnectProxy(collector.port) as proxy:
            collector.statuses = [401] if stale else []
            env = metadata.environment | {
                "HTTPS_PROXY": proxy.url, "NO_PROXY": "127.0.0.1", "REQUESTS_CA_BUNDLE": str(trusted),
            }  # fmt: skip
            process = await asyncio.create_subprocess_exec(sys.executable, "-c", SENDING, env=env)
            assert await process.wait() == 0
            [span] = collector.spans
            sent = [headers["authorization"] for headers in collector.headers]
    # Google's own library asks others too, and gets no further: the certificate is for one name.
    assert f"{GOOGLE}:443" in proxy.asked
    assert set(metadata.scopes) == {"https://www.googleapis.com/auth/trace.append"}
    assert sent == [f"Bearer {token}" for token in metadata.issued]
    assert len(sent) == (2 if stale else 1)
    assert (span.name, span.resource["gcp.project_id"]) == ("a life", "my-project-1")
    assert span.attributes == {"penstock.request_id": "r"}


def test_who_hangs_up_before_the_hands_are_shaken_holds_up_nobody(tmp_path: Path) -> None:
    """Google's library asks in a thread of its own; when the process ends, that connection is reset."""
    tls, _ = certified(tmp_path)
    with (
        socket.socket() as silent,
        OtlpServer(tls=tls) as collector,
        ConnectProxy(collector.port) as proxy,
    ):
        silent.connect(("127.0.0.1", collector.port))
        with socket.create_connection(("127.0.0.1", int(proxy.url.rpartition(":")[2]))) as client:
            client.sendall(b"CONNECT iam.googleapis.com:443 HTTP/1.1\r\n\r\n")
            assert client.recv(4096).startswith(b"HTTP/1.1 200 ")
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
