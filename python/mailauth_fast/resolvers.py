"""Who answers DNS questions: a mapping, servers, a DNS store, any object with `async def resolve`.

These objects carry configuration only, so that a `Verifier` can be pickled; the engine's side is
made from them.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from os import PathLike, fspath
from typing import TYPE_CHECKING, NamedTuple, Protocol, Self

from mailauth_fast import _core
from mailauth_fast.dns import Answer, Question, RecordType
from mailauth_fast.errors import MailauthError

if TYPE_CHECKING:
    from concurrent.futures import Future
    from types import TracebackType

TxtValue = str | bytes | Sequence[str | bytes]
Values = str | Sequence[str | TxtValue | Sequence[int | str]]
Zone = Mapping[str, str | Mapping[str, Values]]


class StaticResolver:
    """Answers from a mapping: a test aid, and the resolver behind `--dns zone:FILE.json`.

    Args:
        zone: name -> record type -> list of values, or one of the words `NXDOMAIN`, `NODATA`,
            `SERVFAIL`, `TIMEOUT` for a name or a type. A name that is absent is NXDOMAIN.
        source: what answers say of their origin.

    Raises:
        MailauthError: an entry is not of the documented form; it names the entry.
    """

    def __init__(self, zone: Zone, source: str = "static") -> None:
        """Check the mapping at once."""
        self._zone = {name: _plain(name, types) for name, types in zone.items()}
        self._source = source
        self._native = _core.StaticZone(self._zone, source)

    def __reduce__(self) -> tuple[type[StaticResolver], tuple[Zone, str]]:
        """Pickle the mapping."""
        return (StaticResolver, (self._zone, self._source))

    def native(self) -> _core.StaticZone:
        """Return the engine's side."""
        return self._native


def _plain(name: str, types: str | Mapping[str, Values]) -> str | dict[str, Values]:
    if isinstance(types, str):
        return types
    if not isinstance(types, Mapping):
        raise MailauthError(f"zone entry {name!r}: expected a mapping of record types or a word")
    return dict(types)


class _LiveSettings(NamedTuple):
    nameservers: tuple[str, ...]
    in_flight: int | None
    rate: int | None
    sockets: int | None
    avoided_ports: frozenset[int]


def _live_resolver(settings: _LiveSettings) -> LiveResolver:
    return LiveResolver(
        settings.nameservers,
        in_flight=settings.in_flight,
        rate=settings.rate,
        sockets=settings.sockets,
        avoided_ports=settings.avoided_ports,
    )


class ServerStatistics(NamedTuple):
    """What a DNS server was asked and answered; latencies in seconds, up to 13 % too high.

    `sent`: by UDP, retransmissions (`retried`) included. `received`: replies that matched.
    `mismatched`: wrong id, case, question, or garbage. `trailing`: octets behind a reply.
    `unanswered`: questions that it left without any reply.
    """

    address: str
    sent: int
    retried: int
    sent_over_tcp: int
    received: int
    truncated: int
    mismatched: int
    trailing: int
    unanswered: int
    median_seconds: float
    percentile_90_seconds: float
    percentile_99_seconds: float
    longest_seconds: float


class LiveResolver:
    """Asks DNS servers over UDP and TCP, natively.

    Args:
        nameservers: `ADDRESS`, `ADDRESS:PORT` or `[IPV6]:PORT`; `None` = the system's.
        in_flight: questions in flight at a server at most; `None` = 1,024 on loopback, 256 else.
        rate: questions a second to a server, 0 = any number; `None` = 1,000 off loopback.
        sockets: UDP sockets, and so ports, a server; `None` = 4 on loopback, 256 elsewhere.
        avoided_ports: local ports never to use (1024 to 65535; lower ones are never used).

    Raises:
        ResolverUnavailable: no server is configured, or an address cannot be read.
        MailauthError: a number is out of range.
    """

    def __init__(
        self,
        nameservers: Sequence[str] | None = None,
        *,
        in_flight: int | None = None,
        rate: int | None = None,
        sockets: int | None = None,
        avoided_ports: Iterable[int] = (),
    ) -> None:
        """Check the addresses at once."""
        self._settings = _LiveSettings(
            tuple(nameservers or ()), in_flight, rate, sockets, frozenset(avoided_ports)
        )
        try:
            self._native = _core.LiveResolver(*self._settings)
        except OverflowError as problem:
            raise MailauthError(
                "in_flight, rate and sockets are whole numbers from 0 on, ports end at 65535"
            ) from problem

    def __reduce__(self) -> tuple[Callable[[_LiveSettings], LiveResolver], tuple[_LiveSettings]]:
        """Pickle the settings; sockets are made anew."""
        return (_live_resolver, (self._settings,))

    def statistics(self) -> list[ServerStatistics]:
        """Return what each server was asked and answered so far, in the order given."""
        return [
            ServerStatistics(address, *counts, *latencies)
            for address, counts, latencies in self._native.statistics()
        ]

    def native(self) -> _core.LiveResolver:
        """Return the engine's side."""
        return self._native


class AsyncResolver(Protocol):
    """Any object that answers questions on an event loop."""

    async def resolve(self, questions: list[Question]) -> list[Answer]:
        """Answer in any order; a missing answer is a timeout, an exception fails the run."""


class Bridge:
    """Runs a Python resolver's coroutines on an event loop of its own, for the engine's threads."""

    def __init__(self, resolver: AsyncResolver) -> None:
        """Start no thread yet: a process may still fork."""
        self._resolver = resolver
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None

    def submit(self, questions: list[tuple[str, RecordType]], delivery: _core.Delivery) -> None:
        """Ask; the answers go to `delivery`, from the loop's thread."""
        asked = [Question(name, record_type) for name, record_type in questions]
        future = asyncio.run_coroutine_threadsafe(
            self._resolver.resolve(asked), self._running_loop()
        )
        future.add_done_callback(lambda done: _deliver(done, delivery))

    def _running_loop(self) -> asyncio.AbstractEventLoop:
        with self._lock:
            if self._loop is None:
                self._loop = asyncio.new_event_loop()
                name = "mailauth-fast-resolver"
                threading.Thread(target=_run, args=(self._loop,), name=name, daemon=True).start()
            return self._loop

    def __del__(self) -> None:
        """Let the loop's thread end with the resolver."""
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._loop.stop)


def _run(loop: asyncio.AbstractEventLoop) -> None:
    try:
        loop.run_forever()
    finally:
        loop.close()


def _deliver(done: Future[list[Answer]], delivery: _core.Delivery) -> None:
    if done.cancelled():
        delivery.failed("the resolver was cancelled")
        return
    problem = done.exception()
    if problem is not None:
        delivery.failed(f"the resolver raised {type(problem).__name__}: {problem}")
        return
    delivery.answers(done.result())


class RecordedResolver:
    """Answers from a DNS store alone; what the store does not know is `unknown`, not absent.

    Args:
        path: a store that was recorded or imported, read whole at once.

    Raises:
        StoreError: the file cannot be read, is no store, or a newer version wrote it.
    """

    def __init__(self, path: str | PathLike[str]) -> None:
        """Read the store."""
        self._path = fspath(path)
        self._native = _core.RecordedResolver(self._path)

    def __reduce__(self) -> tuple[type[RecordedResolver], tuple[str]]:
        """Pickle the path; the store is read anew."""
        return (RecordedResolver, (self._path,))

    @property
    def path(self) -> str:
        """The store's file."""
        return self._path

    @property
    def problems(self) -> list[str]:
        """What is wrong with the store, one sentence each; the rest of it is used."""
        return self._native.problems

    def native(self) -> _core.RecordedResolver:
        """Return the engine's side."""
        return self._native


class RecordingResolver:
    """Asks another resolver and appends every answer to a DNS store.

    Several records of one answer are delivered in the order of the store, so that a replay finds
    what this run found. The store is locked until `close`, or the end of a `with` block.

    Args:
        inner: who answers.
        path: the store; made if it is not there, else appended to, without a torn last frame.

    Raises:
        StoreError: the file cannot be written, is no store, or something else is recording into it;
            during a run also when the disk is full: what was recorded before stays.
    """

    def __init__(self, inner: Resolver, path: str | PathLike[str]) -> None:
        """Open the store."""
        self._inner = inner
        self._path = fspath(path)
        self._native = _core.RecordingResolver(native(inner), self._path)

    def __reduce__(self) -> tuple[type[RecordingResolver], tuple[Resolver, str]]:
        """Pickle resolver and path; the copy opens the store, which must be closed by then."""
        return (RecordingResolver, (self._inner, self._path))

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        problem: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Close the store."""
        self.close()

    @property
    def problems(self) -> list[str]:
        """What was wrong with the store when it was opened, one sentence each."""
        return self._native.problems

    def flush(self) -> None:
        """Write what is waiting as one frame and make it survive a loss of power.

        Raises:
            StoreError: it cannot be written, or could not be before.
        """
        self._native.flush()

    def close(self) -> None:
        """Write and sync what is waiting and let go of the file; a second time does nothing.

        Raises:
            StoreError: it cannot be written, or could not be before and nobody was told.
        """
        self._native.close()

    def native(self) -> _core.RecordingResolver:
        """Return the engine's side."""
        return self._native


Resolver = StaticResolver | LiveResolver | RecordedResolver | RecordingResolver | AsyncResolver
Native = (
    _core.StaticZone
    | _core.LiveResolver
    | _core.RecordedResolver
    | _core.RecordingResolver
    | Bridge
)


def native(resolver: Resolver) -> Native:
    """Return what the engine asks."""
    if isinstance(resolver, StaticResolver | LiveResolver | RecordedResolver | RecordingResolver):
        return resolver.native()
    return Bridge(resolver)
