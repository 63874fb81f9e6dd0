"""What several verifiers of one process remember of DNS together.

Carries configuration and the engine's cache; must not know protocols. RFC 2308 (denials), RFC 8767
(stale answers).
"""

from __future__ import annotations

import threading
from typing import NamedTuple

from mailauth_fast import _core
from mailauth_fast.errors import MailauthError
from mailauth_fast.resolvers import (
    LiveResolver,
    Native,
    RecordedResolver,
    Resolver,
    StaticResolver,
    native,
)

OCTETS = 256 << 20
"""Octets of answers and parsed records, unless another number is given."""
OCTETS_MINIMUM = 1 << 20
"""Less would not hold the answers of one batch."""
TTL_CEILING = 86_400
"""Seconds that an answer is kept at most, unless another number is given: Unbound's."""
TTL_LIMIT = 604_800
"""Largest ceiling in seconds (RFC 8767 §4)."""
SERVE_STALE_LIMIT = 259_200
"""Seconds beyond its TTL for which an answer may be used at most: three days (RFC 8767 §5)."""


class CacheCounters(NamedTuple):
    """What a cache did so far, and what it holds.

    `hits`: look-ups that found an answer. `misses`: questions that had to be asked. `joined`:
    questions that somebody else was asking already. `stale`: stale answers that stood in.
    `prefetched`: questions asked again before the end of their answer. `evictions`: entries that
    made room, or were too large to be kept. `entries`, `octets`: answers held, and what they take;
    `older`: versions of them that a running batch still sees. `parsed_records`, `parsed_octets`:
    records ready for use, held beside the answers, and about what they take.
    """

    hits: int
    misses: int
    joined: int
    stale: int
    prefetched: int
    evictions: int
    entries: int
    older: int
    octets: int
    parsed_records: int
    parsed_octets: int


class _CacheSettings(NamedTuple):
    octets: int
    ttl_floor: int
    ttl_ceiling: int
    serve_stale: int
    prefetch: bool


def _dns_cache(settings: _CacheSettings) -> DnsCache:
    return DnsCache(
        settings.octets,
        ttl_floor=settings.ttl_floor,
        ttl_ceiling=settings.ttl_ceiling,
        serve_stale=settings.serve_stale,
        prefetch=settings.prefetch,
    )


class DnsCache:
    """Answers that every `Verifier` shares which is given this object: `Verifier(cache=...)`.

    All of them ask one resolver, the first one's: another gives other answers. Within one batch an
    answer stays what it was, whatever happens to the cache.

    Args:
        octets: of answers and parsed records, about.
        ttl_floor: seconds that an answer with a TTL is kept at least.
        ttl_ceiling: seconds that it is kept at most, up to 604,800; one that denies, 3,600.
        serve_stale: seconds beyond its TTL, up to 259,200, for which an answer is used when asking
            again fails or takes long; `limits` then says `stale`. 0 = never.
        prefetch: ask again for what is used in the last tenth of its TTL; nobody waits for it.

    Raises:
        MailauthError: a number is out of range.
    """

    def __init__(
        self,
        octets: int = OCTETS,
        *,
        ttl_floor: int = 0,
        ttl_ceiling: int = TTL_CEILING,
        serve_stale: int = 0,
        prefetch: bool = False,
    ) -> None:
        """Check the numbers at once."""
        settings = _CacheSettings(octets, ttl_floor, ttl_ceiling, serve_stale, prefetch)
        _check("octets", octets, OCTETS_MINIMUM, 1 << 50)
        _check("ttl_ceiling", ttl_ceiling, 0, TTL_LIMIT)
        _check("ttl_floor", ttl_floor, 0, ttl_ceiling)
        _check("serve_stale", serve_stale, 0, SERVE_STALE_LIMIT)
        self._settings = settings
        self._native = _core.DnsCache(*settings)
        self._lock = threading.Lock()
        self._asked: tuple[Resolver | None, Native] | None = None

    def __reduce__(self) -> tuple[object, tuple[_CacheSettings]]:
        """Pickle the settings; the answers stay where they are."""
        return (_dns_cache, (self._settings,))

    def counters(self) -> CacheCounters:
        """Return what it did so far, and what it holds."""
        return CacheCounters(*self._native.counters())

    def native(self) -> _core.DnsCache:
        """Return the engine's side."""
        return self._native

    def shared(self, resolver: Resolver | None) -> Native:
        """Return what all verifiers of this cache ask; it is the first one's.

        Args:
            resolver: whom the verifier would ask; None = as the system is configured.

        Raises:
            MailauthError: it is another than the first one's.
        """
        with self._lock:
            if self._asked is None:
                self._asked = (resolver, native(_chosen(resolver)))
            first, asked = self._asked
        if not _is_same(first, resolver):
            raise MailauthError(
                "the cache holds the answers of another resolver; give each resolver its own cache"
            )
        return asked


def _check(name: str, value: int, least: int, most: int) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        raise MailauthError(f"{name} is {value!r}; use a whole number from {least} to {most}")


def _chosen(resolver: Resolver | None) -> Resolver:
    return LiveResolver() if resolver is None else resolver


def _is_same(given: Resolver | None, other: Resolver | None) -> bool:
    """Whether both are one object, or of ours and configured alike."""
    if given is other:
        return True
    one, two = _chosen(given), _chosen(other)
    kinds = (LiveResolver, StaticResolver, RecordedResolver)
    return (
        isinstance(one, kinds) and type(one) is type(two) and one.__reduce__() == two.__reduce__()
    )
