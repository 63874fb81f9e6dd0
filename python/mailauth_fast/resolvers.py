"""Who answers DNS questions: a mapping, the live resolver, any object with `async def resolve`.

These objects carry configuration only, so that a `Verifier` can be pickled; the engine's side is
made from them.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Protocol

from mailauth_fast import _core
from mailauth_fast.dns import Answer, Question, RecordType
from mailauth_fast.errors import MailauthError

if TYPE_CHECKING:
    from concurrent.futures import Future

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


class LiveResolver:
    """Asks DNS servers over UDP and TCP, natively.

    Args:
        nameservers: `ADDRESS`, `ADDRESS:PORT` or `[IPV6]:PORT`; `None` = the system's.

    Raises:
        ResolverUnavailable: no server is configured, or an address cannot be read.
    """

    def __init__(self, nameservers: Sequence[str] | None = None) -> None:
        """Check the addresses at once."""
        self._nameservers = list(nameservers or ())
        self._native = _core.LiveResolver(self._nameservers)

    def __reduce__(self) -> tuple[type[LiveResolver], tuple[list[str]]]:
        """Pickle the addresses; sockets are made anew."""
        return (LiveResolver, (self._nameservers,))

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


Resolver = StaticResolver | LiveResolver | AsyncResolver


def native(resolver: Resolver) -> _core.StaticZone | _core.LiveResolver | Bridge:
    """Return what the engine asks."""
    if isinstance(resolver, StaticResolver | LiveResolver):
        return resolver.native()
    return Bridge(resolver)
