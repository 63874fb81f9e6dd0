"""`DnsCache`: what verifiers share, whom they ask, and which numbers are taken.

Lifetimes, stale answers and prefetching are held by the core's own tests, which have a clock.
"""

from __future__ import annotations

import pickle

import pytest
from mailauth_fast import Answer, DnsCache, LiveResolver, MailauthError, Question, Verifier
from mailauth_fast.dns_cache import OCTETS_MINIMUM, SERVE_STALE_LIMIT, TTL_LIMIT
from mailauth_fast.resolvers import StaticResolver

ZONE = {"example.com": {"TXT": ["v=spf1 ip4:192.0.2.1 -all"]}}


class Counting:
    """Answers every question and remembers them."""

    def __init__(self, ttl: int | None = 300) -> None:
        """Take the TTL of all answers."""
        self.asked: list[Question] = []
        self.ttl = ttl

    async def resolve(self, questions: list[Question]) -> list[Answer]:
        """Answer with an SPF record."""
        self.asked += questions
        record = ((b"v=spf1 ip4:192.0.2.1 -all",),)
        return [Answer(question, "found", record, ttl=self.ttl) for question in questions]


def check(verifier: Verifier) -> None:
    assert verifier.check_host("192.0.2.1", "mx.example.net", "a@example.com").result == "pass"


def test_verifiers_that_have_one_cache_ask_once() -> None:
    cache, resolver = DnsCache(), Counting()
    for _ in range(3):
        check(Verifier(resolver, workers=1, cache=cache))
    assert resolver.asked == [Question("example.com", "TXT")]
    counters = cache.counters()
    assert (counters.misses, counters.entries, counters.parsed_records) == (1, 1, 1)
    assert counters.hits >= 2
    assert 0 < counters.octets < 1_000
    assert counters.parsed_octets > 0
    assert (counters.stale, counters.prefetched, counters.evictions, counters.older) == (0, 0, 0, 0)


def test_verifiers_without_one_have_their_own() -> None:
    resolver = Counting()
    for _ in range(3):
        check(Verifier(resolver, workers=1))
    assert len(resolver.asked) == 3


def test_an_answer_without_ttl_is_good_for_its_run_only() -> None:
    cache, resolver = DnsCache(ttl_floor=60), Counting(ttl=None)
    for _ in range(3):
        check(Verifier(resolver, workers=1, cache=cache))
    assert len(resolver.asked) == 3


def test_the_floor_keeps_what_would_be_gone() -> None:
    cache, resolver = DnsCache(ttl_floor=60), Counting(ttl=0)
    for _ in range(3):
        check(Verifier(resolver, workers=1, cache=cache))
    assert len(resolver.asked) == 1


def test_another_resolver_needs_another_cache() -> None:
    cache = DnsCache()
    check(Verifier(StaticResolver(ZONE), cache=cache))
    check(Verifier(StaticResolver(dict(ZONE)), cache=cache))
    for other in (StaticResolver({}), Counting(), LiveResolver(["127.0.0.1:9"])):
        with pytest.raises(MailauthError, match="another resolver"):
            Verifier(other, cache=cache)


def test_live_resolvers_of_one_configuration_are_one() -> None:
    cache = DnsCache()
    Verifier(LiveResolver(["127.0.0.1:9"]), workers=1, cache=cache)
    Verifier(LiveResolver(["127.0.0.1:9"]), workers=2, cache=cache)
    with pytest.raises(MailauthError, match="another resolver"):
        Verifier(LiveResolver(["127.0.0.1:10"]), cache=cache)


def test_pickled_together_verifiers_share_what_they_shared() -> None:
    cache = DnsCache(OCTETS_MINIMUM, ttl_ceiling=60, serve_stale=3600, prefetch=True)
    pair = [Verifier(StaticResolver(ZONE), workers=1, cache=cache) for _ in range(2)]
    copies, copy = pickle.loads(pickle.dumps((pair, cache)))  # noqa: S301 - our own octets
    for verifier in copies:
        check(verifier)
    counters = copy.counters()
    assert (counters.misses, counters.hits) == (1, 1)
    assert cache.counters().misses == 0


@pytest.mark.parametrize(
    ("name", "least", "most"),
    [
        ("octets", OCTETS_MINIMUM, 1 << 50),
        ("ttl_floor", 0, 86_400),
        ("ttl_ceiling", 0, TTL_LIMIT),
        ("serve_stale", 0, SERVE_STALE_LIMIT),
    ],
)
def test_numbers_at_their_limits(name: str, least: int, most: int) -> None:
    for value in (least, least + 1, most - 1, most):
        DnsCache(**{name: value})  # type: ignore[arg-type]
    wrong: tuple[object, ...] = (least - 1, most + 1, "1", 1.5, True)
    for other in wrong:
        with pytest.raises(MailauthError, match=name):
            DnsCache(**{name: other})  # type: ignore[arg-type]
