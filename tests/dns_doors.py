"""DNS servers behind TLS, HTTPS, QUIC or a TSIG key, for tests, on ports of 127.0.0.1.

`async with serving("dot", folder) as door:` answers TXT questions with `text of NAME`. Each door
has a certificate of its own, which its clients are told to trust.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import ssl
import struct
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address
from typing import TYPE_CHECKING, Literal, cast
from urllib.parse import parse_qs, urlsplit

import dns.message
import dns.rrset
import dns.tsig
import dns.tsigkeyring
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from aioquic.quic.events import QuicEvent

Kind = Literal["dot", "doh", "doq", "tsig"]
KEYS = dns.tsigkeyring.from_text({"key.example.": "c2VjcmV0LW9mLXRoZS10ZXN0cw=="})


@dataclass
class Door:
    """A running server: where it is, whom to trust, and the names it was asked."""

    port: int
    certificate: Path
    asked: list[str] = field(default_factory=list)

    def reply(self, octets: bytes) -> bytes:
        """Answer one question; unsigned when its signature is wrong."""
        try:
            query = dns.message.from_wire(octets, keyring=KEYS)
        except dns.tsig.BadSignature:
            query = dns.message.from_wire(octets, keyring=False)
            query.tsig = None
        response = dns.message.make_response(query, recursion_available=True)
        name = query.question[0].name
        self.asked.append(name.to_text(omit_final_dot=True))
        text = f'"text of {self.asked[-1]}"'
        response.answer.append(dns.rrset.from_text(name, 300, "IN", "TXT", text))
        return response.to_wire()


def certificate(folder: Path) -> tuple[Path, Path]:
    """Write a certificate of 127.0.0.1 and its key; return both files."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "dns test server")])
    now = datetime.now(UTC)
    built = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(IPv4Address("127.0.0.1"))]), critical=False
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    files = folder / "certificate.pem", folder / "key.pem"
    files[0].write_bytes(built.public_bytes(serialization.Encoding.PEM))
    files[1].write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return files


@contextlib.asynccontextmanager
async def serving(kind: Kind, folder: Path) -> AsyncIterator[Door]:
    """Serve until the block ends."""
    trusted, key = certificate(folder)
    door = Door(0, trusted)
    if kind in ("doq", "tsig"):
        async with _over_quic(door, key) if kind == "doq" else _over_udp(door):
            yield door
        return
    converse = _over_http if kind == "doh" else _over_stream

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(
            asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError
        ):
            await converse(door, reader, writer)
        writer.close()

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(trusted, key)
    server = await asyncio.start_server(connected, "127.0.0.1", 0, ssl=context)
    door.port = server.sockets[0].getsockname()[1]
    try:
        yield door
    finally:
        server.close()


async def _over_stream(
    door: Door, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    """Serve RFC 7858: messages behind their length."""
    while True:
        (length,) = struct.unpack("!H", await reader.readexactly(2))
        reply = door.reply(await reader.readexactly(length))
        writer.write(struct.pack("!H", len(reply)) + reply)
        await writer.drain()


async def _over_http(
    door: Door, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    """Serve RFC 8484 over HTTP/1.1: POST, and GET with the message in `dns`."""
    while True:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("ascii")
        method, target, _ = head.split(" ", 2)
        fields = dict(line.lower().split(": ", 1) for line in head.splitlines()[1:] if line)
        if method == "POST":
            query = await reader.readexactly(int(fields["content-length"]))
        else:
            (text,) = parse_qs(urlsplit(target).query)["dns"]
            query = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
        reply = door.reply(query)
        lines = ["HTTP/1.1 200 OK", "Content-Type: application/dns-message"]
        lines += [f"Content-Length: {len(reply)}", "", ""]
        writer.write("\r\n".join(lines).encode() + reply)
        await writer.drain()


class _Datagrams(asyncio.DatagramProtocol):
    def __init__(self, door: Door) -> None:
        self.door = door

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.DatagramTransport", transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self.transport.sendto(self.door.reply(data), addr)


@contextlib.asynccontextmanager
async def _over_udp(door: Door) -> AsyncIterator[None]:
    loop, here = asyncio.get_running_loop(), ("127.0.0.1", 0)
    endpoint, _ = await loop.create_datagram_endpoint(lambda: _Datagrams(door), local_addr=here)
    door.port = endpoint.get_extra_info("sockname")[1]
    try:
        yield
    finally:
        endpoint.close()


@contextlib.asynccontextmanager
async def _over_quic(door: Door, key: Path) -> AsyncIterator[None]:
    """Serve RFC 9250: one question a stream."""
    # Not on every machine that runs these tests.
    from aioquic.asyncio.protocol import QuicConnectionProtocol  # noqa: PLC0415
    from aioquic.asyncio.server import serve  # noqa: PLC0415
    from aioquic.quic.configuration import QuicConfiguration  # noqa: PLC0415
    from aioquic.quic.events import StreamDataReceived  # noqa: PLC0415

    class Conversation(QuicConnectionProtocol):
        def quic_event_received(self, event: QuicEvent) -> None:
            if isinstance(event, StreamDataReceived) and event.data:
                reply = door.reply(event.data[2:])
                framed = struct.pack("!H", len(reply)) + reply
                self._quic.send_stream_data(event.stream_id, framed, end_stream=True)
                self.transmit()

    configuration = QuicConfiguration(is_client=False, alpn_protocols=["doq"])
    configuration.load_cert_chain(door.certificate, key)
    server = await serve("127.0.0.1", 0, configuration=configuration, create_protocol=Conversation)
    transport = cast("asyncio.DatagramTransport", server._transport)  # noqa: SLF001
    door.port = transport.get_extra_info("sockname")[1]
    try:
        yield
    finally:
        server.close()
