"""A DNS server for tests, UDP and TCP on one port of 127.0.0.1, that misbehaves as it is told.

`with FaultServer(zone, faults) as server:` serves `StaticResolver`'s kind of mapping from a thread.
`faults` maps names to words of `dns_replies.FAULTS`, some with a number (`drop-2`). A name in
neither mapping whose first label is such a word misbehaves likewise and has the TXT record
`text of NAME`; any other unknown name is NXDOMAIN. What was asked is in `server.asked`.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
import threading
from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING, Literal, Self, cast

import dns.message
import dns.rdatatype

from tests.dns_replies import (
    ELSEWHERE,
    OVER_TCP,
    RCODES,
    Fault,
    Zone,
    asked_name,
    datagrams,
    pieces,
    right_reply,
    truncated,
    wire,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

Transport = Literal["udp", "tcp"]
Client = tuple[str, int]

DRIP_SECONDS = 0.001


@dataclass(frozen=True, slots=True)
class Asked:
    """One question that arrived: `name` in lower case, `spelling` as it came."""

    name: str
    type: str
    transport: Transport
    spelling: str
    has_edns: bool
    client: Client


class FaultServer:
    """Serves between `__enter__` and `__exit__`.

    Args:
        zone: name -> type -> values, or one of `NXDOMAIN`, `NODATA`, `SERVFAIL`, `TIMEOUT`.
        faults: name -> fault.
        has_tcp: False leaves the TCP port closed.
    """

    def __init__(
        self,
        zone: Zone | None = None,
        faults: Mapping[str, str] | None = None,
        *,
        has_tcp: bool = True,
    ) -> None:
        """Bind the ports, so that `address` is known."""
        self.zone = {name.lower().removesuffix("."): types for name, types in (zone or {}).items()}
        self.faults = dict(faults or {})
        self.asked: list[Asked] = []
        self.connections = 0
        self._connections: set[asyncio.Task[None]] = set()
        self._has_tcp = has_tcp
        self._udp, self._tcp = _bind()
        self.port: int = self._udp.getsockname()[1]
        self.address = f"127.0.0.1:{self.port}"
        self._loop = asyncio.new_event_loop()
        self._stop = asyncio.Event()
        self._is_ready = threading.Event()
        self._thread = threading.Thread(target=self._run, name="fault-server", daemon=True)

    def __enter__(self) -> Self:
        """Start serving."""
        self._thread.start()
        self._is_ready.wait()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop, and close all sockets."""
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()

    def count(self, name: str, transport: Transport | None = None) -> int:
        """Count the questions for a name."""
        return sum(
            asked.name == name and transport in (None, asked.transport) for asked in self.asked
        )

    def _run(self) -> None:
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            runner.run(self._serve())

    async def _serve(self) -> None:
        loop = asyncio.get_running_loop()
        endpoint, _ = await loop.create_datagram_endpoint(lambda: _Datagrams(self), sock=self._udp)
        listener = None
        if self._has_tcp:
            listener = await asyncio.start_server(self._connected, sock=self._tcp)
        else:
            self._tcp.close()
        self._is_ready.set()
        await self._stop.wait()
        endpoint.close()
        if listener is not None:
            listener.close()
        await asyncio.sleep(0)  # a connection accepted just now still has to begin
        for connection in self._connections:
            connection.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)
        await asyncio.sleep(0)  # closed transports say goodbye in the loop's next turn

    def receive(
        self, octets: bytes, transport: Transport, client: Client
    ) -> tuple[dns.message.Message, Fault, bytes | None]:
        """Take a question; return it, its fault, and the right reply (None for silence)."""
        query = dns.message.from_wire(octets)
        question = query.question[0]
        self.asked.append(
            Asked(
                asked_name(query),
                dns.rdatatype.to_text(question.rdtype),
                transport,
                question.name.to_text(omit_final_dot=True),
                query.edns >= 0,
                client,
            )
        )
        fault = self._fault(asked_name(query))
        if self._is_over(fault, asked_name(query)):
            fault = Fault()
        right = right_reply(query, fault, self.zone)
        return query, fault, None if right is None else wire(right)

    def _fault(self, name: str) -> Fault:
        if name in self.zone or name in self.faults:
            return Fault.parse(self.faults.get(name, ""))
        return Fault.parse(name.split(".", maxsplit=1)[0])

    def _is_over(self, fault: Fault, name: str) -> bool:
        """Tell whether an RCODE for the first questions has been said often enough."""
        return fault.word in RCODES and self.count(name) > (fault.number or len(self.asked))

    def is_dropped(self, fault: Fault, name: str) -> bool:
        """Tell whether this question by UDP gets no reply."""
        is_counted = fault.number is not None and self.count(name, "udp") > fault.number
        return fault.word == "drop" and not is_counted

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        task = asyncio.current_task()
        if task is not None:
            self._connections.add(task)
            task.add_done_callback(self._connections.discard)
        with contextlib.suppress(
            asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError
        ):
            while await self._converse(reader, writer):
                pass
        writer.close()

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """Answer one question; False when the connection is to end."""
        (length,) = struct.unpack("!H", await reader.readexactly(2))
        octets = await reader.readexactly(length)
        host, port = writer.get_extra_info("peername")[:2]
        query, fault, right = self.receive(octets, "tcp", (host, port))
        for piece in () if right is None else pieces(fault, right, query):
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(DRIP_SECONDS if fault.word == "tc-slow" else 0)
        if fault.word == "tc-reset":
            stream = writer.get_extra_info("socket")
            stream.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        return fault.word not in ("tc-close", "tc-reset")


class _Datagrams(asyncio.DatagramProtocol):
    def __init__(self, server: FaultServer) -> None:
        self.server = server
        self.transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.DatagramTransport", transport)

    def datagram_received(self, data: bytes, addr: Client) -> None:
        assert self.transport is not None
        query, fault, right = self.server.receive(data, "udp", addr)
        if right is None or self.server.is_dropped(fault, asked_name(query)):
            return
        room = query.payload if query.edns >= 0 else 512
        if fault.word in OVER_TCP or len(right) > room:
            self.transport.sendto(truncated(query), addr)
            return
        replies = datagrams(fault, right, query)
        if fault.word in ELSEWHERE:
            *elsewhere, right = replies
            if fault.word == "port":
                _send_from_elsewhere(elsewhere, addr)
            else:
                others = {asked.client for asked in self.server.asked} - {addr}
                for reply, other in product(elsewhere, others):
                    self.transport.sendto(reply, other)
            replies = [right]
        if fault.word == "delay":
            later = asyncio.get_running_loop().call_later
            later((fault.number or 0) / 1000, self.transport.sendto, right, addr)
            return
        for reply in replies:
            self.transport.sendto(reply, addr)


def _send_from_elsewhere(replies: list[bytes], client: Client) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        for reply in replies:
            other.sendto(reply, client)


def _bind() -> tuple[socket.socket, socket.socket]:
    """Bind UDP and TCP to one free port."""
    while True:
        tcp = socket.create_server(("127.0.0.1", 0))
        udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        try:
            udp.bind(tcp.getsockname())
        except OSError:
            tcp.close()
            udp.close()
        else:
            return udp, tcp
