"""Questions and answers as Python values, and any dnspython resolver as a resolver of ours.

Knows dnspython's exceptions and our outcome words. Must not know any protocol, and keeps no cache:
that is the engine's. RFC 2308 §2 (kinds of negative answers), RFC 8020 §2 (whom a denial denies).
"""

from __future__ import annotations

import asyncio
import ipaddress
from dataclasses import dataclass, replace
from itertools import chain
from typing import TYPE_CHECKING, Literal
from weakref import WeakKeyDictionary

import dns.asyncresolver
import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.query
import dns.rcode
import dns.rdataclass
import dns.rdatatype
import dns.resolver

from mailauth_fast.errors import ResolverUnavailable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from dns.rdata import Rdata

RecordType = Literal["A", "AAAA", "CNAME", "MX", "PTR", "TXT"]
"""The record types that can be asked for."""

Outcome = Literal[
    "found",
    "nodata",
    "nxdomain",
    "servfail",
    "refused",
    "formerr",
    "notimp",
    "timeout",
    "truncated",
    "lame",
    "chain-too-long",
    "unusable",
    "unknown",
]
"""What came of a question: the first three are answers, the others faults."""

Data = tuple[tuple[bytes, ...], ...] | tuple[str, ...] | tuple[tuple[int, str], ...]
"""TXT: a tuple of strings for each record; A, AAAA, PTR, CNAME: text; MX: preference and host."""

CHAIN_LIMIT = 8
"""CNAME links followed, as many as the engine follows; dnspython itself allows 16."""

CONCURRENCY = 100
"""Questions in flight on one event loop: each has a socket of its own, and descriptors are few."""

LIFETIME_SECONDS = 10.0
"""Longest time for a question when no resolver is given: recursion may take more than 5 s."""

UDP_PAYLOAD_SIZE = 1232
"""Largest datagram to ask for: what passes everywhere without fragments."""

DNS_PORT = 53

_RCODE_OUTCOMES: dict[str, Outcome] = {
    "SERVFAIL": "servfail",
    "REFUSED": "refused",
    "FORMERR": "formerr",
    "NOTIMP": "notimp",
    "BADVERS": "formerr",
}
_REJECTIONS_OF_FORM = frozenset({"formerr", "notimp"})


@dataclass(frozen=True, slots=True)
class Question:
    """One question, class IN; `name` is lower-case A-labels without final dot."""

    name: str
    type: RecordType


@dataclass(frozen=True, slots=True)
class Answer:
    """What a resolver says to one question.

    `ttl` is in seconds, None for a negative answer without SOA and for faults. `ad` is the AD bit
    of a validating resolver, None when it was not asked for. `first_seen` and `last_seen` are Unix
    seconds, known to DNS stores. `is_alias` tells that `question.name` is a CNAME: with `nxdomain`
    the target is missing, the name itself exists.
    """

    question: Question
    outcome: Outcome
    data: Data = ()
    ttl: int | None = None
    ad: bool | None = None
    source: str = ""
    first_seen: int | None = None
    last_seen: int | None = None
    is_alias: bool = False


class DnspythonResolver:
    """Asks through dnspython: for DoH, DoT, DoQ, TSIG and whatever else it can do.

    Args:
        resolver: a `dns.asyncresolver.Resolver`, or a `dns.resolver.Resolver`, of which the
            configuration is taken; it is copied, its cache left out, and EDNS switched on unless it
            was set. None: the system's configuration, read at the first question.
    """

    def __init__(self, resolver: dns.resolver.BaseResolver | None = None) -> None:
        """Copy the configuration; nothing is read or opened yet."""
        self._given = None if resolver is None else _copy_configuration(resolver)
        self._used = self._given
        self._rooms: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Semaphore] = (
            WeakKeyDictionary()
        )

    def __reduce__(self) -> tuple[type[DnspythonResolver], tuple[dns.resolver.BaseResolver | None]]:
        """Pickle the configuration that was given: the system's is read again where it arrives."""
        return type(self), (self._given,)

    async def resolve(self, questions: list[Question]) -> list[Answer]:
        """Answer all questions, in any order, some of them at a time.

        Raises:
            dns.resolver.NoResolverConfiguration: no resolver was given and the system has none.
            ResolverUnavailable: what dnspython needs for DoH or DoQ is not installed.
        """
        if self._used is None:
            self._used = _system_configuration()
        resolver = self._used
        # One room for all calls on this loop: they overlap.
        room = self._rooms.setdefault(asyncio.get_running_loop(), asyncio.Semaphore(CONCURRENCY))
        waiting = iter(questions)

        async def work() -> list[Answer]:
            answers = []
            for question in waiting:
                async with room:
                    answers.append(await _ask_simply(resolver, question))
            return answers

        parts = await asyncio.gather(*(work() for _ in range(min(CONCURRENCY, len(questions)))))
        return list(chain.from_iterable(parts))


def _system_configuration() -> dns.asyncresolver.Resolver:
    resolver = dns.asyncresolver.Resolver()
    resolver.lifetime = LIFETIME_SECONDS
    return _copy_configuration(resolver)


def _copy_configuration(resolver: dns.resolver.BaseResolver) -> dns.asyncresolver.Resolver:
    """Copy what both kinds of dnspython's resolvers are made of."""
    copy = dns.asyncresolver.Resolver(configure=False)
    vars(copy).update(vars(resolver))
    # The engine keeps answers, pinned for a run; a second cache below would only hide their TTLs.
    copy.cache = None
    if copy.edns < 0:
        copy.use_edns(0, 0, UDP_PAYLOAD_SIZE)
    return copy


async def _ask_simply(resolver: dns.asyncresolver.Resolver, question: Question) -> Answer:
    """Ask, and once more without EDNS when the server did not understand the question."""
    answer = await _ask(resolver, question)
    if answer.outcome not in _REJECTIONS_OF_FORM or resolver.edns < 0:
        return answer
    plain = dns.asyncresolver.Resolver(configure=False)
    vars(plain).update(vars(resolver))
    plain.use_edns(None)
    return await _ask(plain, question)


async def _ask(resolver: dns.asyncresolver.Resolver, question: Question) -> Answer:
    try:
        # Built from labels, for a name may hold what a zone file escapes. Never a search list.
        labels = [label.encode("ascii") for label in question.name.split(".")]
        found = await resolver.resolve(
            dns.name.Name([*labels, b""]), question.type, raise_on_no_answer=False, search=False
        )
    except dns.resolver.NXDOMAIN as denial:
        response = next(iter(denial.kwargs["responses"].values()))
        answer = _read(response, question)
    except dns.resolver.LifetimeTimeout as fault:
        return Answer(question, _fault_outcome(fault, "timeout"), source="dnspython")
    # Servers that fail are no statement about the name: whatever they were, it is never NXDOMAIN.
    except (dns.resolver.NoNameservers, dns.resolver.YXDOMAIN) as fault:
        return Answer(question, _fault_outcome(fault, "servfail"), source="dnspython")
    else:
        response = found.response
        source = _source(found.nameserver, found.port)
        answer = replace(_read(response, question), source=source)
    if resolver.flags is not None and resolver.flags & dns.flags.AD:
        # RFC 6840 §5.8: AD says something only to those who asked for it.
        answer = replace(answer, ad=bool(response.flags & dns.flags.AD))
    return answer


def _fault_outcome(fault: dns.exception.DNSException, otherwise: Outcome) -> Outcome:
    """Return the first telling error among those that made dnspython give up.

    Raises:
        ResolverUnavailable: what dnspython needs for this kind of server is not installed.
    """
    # Each: server, whether over TCP, port, exception or RCODE word, response.
    for _, _, _, error, _ in fault.kwargs.get("errors", ()):
        # Not the servers' fault: without this every question of a run would be a time-out.
        if isinstance(error, dns.query.NoDOH):
            raise ResolverUnavailable("DNS over HTTPS needs: pip install 'dnspython[doh]'")
        if isinstance(error, dns.query.NoDOQ):
            raise ResolverUnavailable("DNS over QUIC needs: pip install 'dnspython[doq]'")
        if isinstance(error, dns.message.Truncated):
            return "truncated"
        if isinstance(error, dns.message.ChainTooLong):
            return "chain-too-long"
        if isinstance(error, str) and error in _RCODE_OUTCOMES:
            return _RCODE_OUTCOMES[error]
    return otherwise


def _source(nameserver: str | None, port: int | None) -> str:
    """Name a server as the native resolver does: the port only where it is unusual."""
    if nameserver is None:
        return "dnspython"
    try:
        address = ipaddress.ip_address(nameserver)
    except ValueError:
        return f"live:{nameserver}"
    if port in (None, DNS_PORT):
        return f"live:{nameserver}"
    return f"live:[{address}]:{port}" if address.version == 6 else f"live:{address}:{port}"  # noqa: PLR2004


def _read(response: dns.message.QueryMessage, question: Question) -> Answer:
    """Read a response with RCODE NOERROR or NXDOMAIN whose CNAME chain dnspython could follow."""
    links = response.resolve_chaining()
    is_alias = bool(links.cnames)
    if len(links.cnames) > CHAIN_LIMIT:
        return Answer(question, "chain-too-long", source="dnspython", is_alias=True)
    if links.answer is not None:
        data = _DATA_READERS[question.type](links.answer)
        outcome: Outcome = "found" if data else "unusable"
        ttl: int | None = links.minimum_ttl
        return Answer(question, outcome, data, ttl if data else None, is_alias=is_alias)
    soas = _authorities(response, dns.rdatatype.SOA)
    # RFC 2308 §5: without an SOA of a zone that holds the name there is no TTL; dnspython sets one.
    ttl = links.minimum_ttl if any(links.canonical_name.is_subdomain(soa) for soa in soas) else None
    if response.rcode() == dns.rcode.NXDOMAIN:
        # RFC 8020 §2: behind a CNAME the target is denied, not the name that was asked for.
        return Answer(question, "nxdomain", ttl=ttl, source="dnspython", is_alias=is_alias)
    # RFC 2308 §2.2: NS without SOA is a referral, unless the server speaks for the zone.
    is_referral = bool(_authorities(response, dns.rdatatype.NS)) and not soas
    if is_referral and not response.flags & dns.flags.AA:
        return Answer(question, "lame", is_alias=is_alias)
    return Answer(question, "nodata", ttl=ttl, is_alias=is_alias)


def _authorities(
    response: dns.message.Message, record_type: dns.rdatatype.RdataType
) -> list[dns.name.Name]:
    """Return the owners of the authority section's record sets of this type."""
    return [
        rrset.name
        for rrset in response.authority
        if rrset.rdtype == record_type and rrset.rdclass == dns.rdataclass.IN
    ]


def _host(name: dns.name.Name) -> str:
    """Return a name as text; what has to be escaped keeps its backslash: the engine refuses it."""
    return name.to_text(omit_final_dot=True).lower()


def _addresses(records: Iterable[Rdata]) -> Data:
    return tuple(str(record.to_text()) for record in records)


def _targets(records: Iterable[Rdata]) -> Data:
    return tuple(_host(record.target) for record in records)  # type: ignore[attr-defined]


def _exchanges(records: Iterable[Rdata]) -> Data:
    return tuple((record.preference, _host(record.exchange)) for record in records)  # type: ignore[attr-defined]


def _texts(records: Iterable[Rdata]) -> Data:
    return tuple(tuple(record.strings) for record in records)  # type: ignore[attr-defined]


_DATA_READERS: dict[RecordType, Callable[[Iterable[Rdata]], Data]] = {
    "A": _addresses,
    "AAAA": _addresses,
    "CNAME": _targets,
    "MX": _exchanges,
    "PTR": _targets,
    "TXT": _texts,
}
