"""Real DNS servers on loopback, unprivileged: NSD as an authority, Unbound as a recursive server.

`with nsd(folder, records) as server:` serves one zone until the block ends; likewise `unbound`. A
program that is not installed raises `Absent`. Knows the servers' settings; must not know a test.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import dns.exception
import dns.message
import dns.query

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

ZONE = "example"
PATIENCE = 30
"""Seconds until a server must have answered its first question."""
APEX = """\
$ORIGIN example.
$TTL 300
@ SOA ns.example. hostmaster.example. 1 3600 600 86400 60
@ NS ns.example.
ns A 127.0.0.1
"""
# rrl-ratelimit: authorities drop or truncate what one client asks too often; a bench must not be.
NSD = """\
server:
  ip-address: 127.0.0.1@{port}
  username: ""
  chroot: ""
  zonesdir: "{folder}"
  pidfile: "{folder}/nsd.pid"
  zonelistfile: "{folder}/zone.list"
  xfrdfile: "{folder}/xfrd.state"
  database: ""
  rrl-ratelimit: 0
  server-count: 1
remote-control:
  control-enable: no
zone:
  name: example
  zonefile: example.zone
"""
# The caches and queues of a bulk verifier's Unbound. do-not-query-localhost: else the stub is never
# asked; `iterator` alone: no root anchor, no network; the two zone settings undo its own answers.
UNBOUND = """\
server:
  directory: "{folder}"
  chroot: ""
  username: ""
  pidfile: ""
  use-syslog: no
  logfile: "{folder}/unbound.log"
  interface: 127.0.0.1
  port: {port}
  num-threads: 1
  do-not-query-localhost: no
  module-config: "iterator"
  unblock-lan-zones: yes
  local-zone: "test." nodefault
  so-rcvbuf: 4m
  msg-cache-size: 256m
  rrset-cache-size: 512m
  infra-cache-numhosts: 100000
  outgoing-range: 8192
  num-queries-per-thread: 4096
  jostle-timeout: 500
  outgoing-num-tcp: 100
stub-zone:
  name: example
  stub-addr: 127.0.0.1@{authority}
remote-control:
  control-enable: no
"""


class Absent(Exception):  # noqa: N818 - a state of this machine, no error of ours
    """A program is not installed or does not start; the sentence says which."""


@dataclass(frozen=True, slots=True)
class Daemon:
    """A server that answers: its port of 127.0.0.1 and its process."""

    port: int
    process: subprocess.Popen[bytes]

    @property
    def address(self) -> str:
        """Return the address as resolvers take it."""
        return f"127.0.0.1:{self.port}"


def program(name: str) -> str:
    """Return a program's path; Debian keeps servers where only root looks.

    Raises:
        Absent: it is not installed.
    """
    path = shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")
    if path is None:
        raise Absent(f"{name} is not installed")
    return path


def free_port() -> int:
    """Return a port that was free for UDP and TCP a moment ago."""
    while True:
        with socket.create_server(("127.0.0.1", 0)) as tcp:
            port: int = tcp.getsockname()[1]
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
                try:
                    udp.bind(("127.0.0.1", port))
                except OSError:
                    continue
                return port


@contextmanager
def nsd(folder: Path, records: Iterable[str]) -> Iterator[Daemon]:
    """Serve the zone `example.` with these lines of a zone file beside its SOA and NS.

    Raises:
        Absent: NSD is not installed or does not answer.
    """
    command, port = program("nsd"), free_port()
    zone = folder / "example.zone"
    with zone.open("w", encoding="ascii") as file:
        file.write(APEX)
        file.writelines(f"{record}\n" for record in records)
    config = folder / "nsd.conf"
    config.write_text(NSD.format(folder=folder, port=port))
    with _running([command, "-d", "-c", str(config)], folder, port) as daemon:
        yield daemon


@contextmanager
def unbound(folder: Path, authority: int) -> Iterator[Daemon]:
    """Resolve `example.` by the authority at this port, and nothing else.

    Raises:
        Absent: Unbound is not installed or does not answer.
    """
    command, port = program("unbound"), free_port()
    config = folder / "unbound.conf"
    config.write_text(UNBOUND.format(folder=folder, port=port, authority=authority))
    with _running([command, "-d", "-c", str(config)], folder, port) as daemon:
        yield daemon


@contextmanager
def _running(command: list[str], folder: Path, port: int) -> Iterator[Daemon]:
    log = folder / f"{port}.log"
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=output)
        try:
            _await_answer(process, port, log)
            yield Daemon(port, process)
        finally:
            process.terminate()
            process.wait()


def _await_answer(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    query = dns.message.make_query(f"{ZONE}.", "SOA")
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline and process.poll() is None:
        try:
            if dns.query.udp(query, "127.0.0.1", timeout=0.5, port=port).answer:
                return
        except (dns.exception.DNSException, OSError):
            time.sleep(0.02)
    said = log.read_text(errors="replace").strip().splitlines()
    reason = said[-1] if said else "it says nothing"
    raise Absent(f"{process.args[0]!s} does not serve: {reason}")  # type: ignore[index]
