"""The native resolver before real servers: NSD as an authority, Unbound as a recursive server."""

from __future__ import annotations

import os
from contextlib import ExitStack
from typing import TYPE_CHECKING, NamedTuple

import pytest
from dns_daemons import Absent, nsd, unbound
from mailauth_fast import Envelope, LiveResolver, Verifier

from tests.dns_replies import text_data

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from mailauth_fast.verdict import Spf

ALL = '"v=spf1 ip4:192.0.2.1 -all"'
LONG = ["v=spf1 "] + ["ip4:198.51.100.7 "] * 20
RECORDS = [
    f"plain TXT {ALL}",
    f"*.wild TXT {ALL}",
    "alias CNAME plain",
    "chain8 CNAME chain7",
    *(f"chain{link} CNAME chain{link - 1}" for link in range(2, 8)),
    "chain1 CNAME plain",
    "chain9 CNAME chain8",
    "dangling CNAME missing",
    "untyped CNAME address",
    "address A 192.0.2.1",
    "loop CNAME pool",
    "pool CNAME loop",
    f"octets TXT {text_data([b'v=spf1 ip4:192.0.', b'2.1 -all'])}",
    f"tall TXT {text_data('v=spf1 ip4:192.0.2.1 ' + 'ip4:198.51.100.7 ' * 300 + '-all')}",
    f"giant TXT {text_data('v=spf1 ip4:192.0.2.1 ' + 'ip4:198.51.100.7 ' * 3000 + '-all')}",
    "child NS ns.child",
    "ns.child A 127.0.0.1",
]


class Servers(NamedTuple):
    authority: str
    recursive: str


@pytest.fixture(name="servers", scope="module")
def running_servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    with ExitStack() as stack:
        try:
            first = stack.enter_context(nsd(tmp_path_factory.mktemp("nsd"), RECORDS))
            folder: Path = tmp_path_factory.mktemp("unbound")
            second = stack.enter_context(unbound(folder, first.port))
        except Absent as problem:
            if os.environ.get("CI"):
                raise
            pytest.skip(str(problem))
        yield Servers(first.address, second.address)


def spf(server: str, domain: str) -> Spf:
    verifier = Verifier(LiveResolver([server]), workers=1)
    return verifier.check_host("192.0.2.1", "mx.example.net", f"a@{domain}.example")


@pytest.mark.parametrize("server", Servers._fields)
@pytest.mark.parametrize(
    ("domain", "word"),
    [
        ("plain", "pass"),
        ("octets", "pass"),
        ("alias", "pass"),
        ("chain8", "pass"),
        ("anything.wild", "pass"),
        ("tall", "pass"),
        ("giant", "pass"),
        ("missing", "none"),
        ("dangling", "none"),
        ("untyped", "none"),
        ("address", "none"),
        ("chain9", "temperror"),
        ("loop", "temperror"),
    ],
)
def test_each_kind_of_answer(servers: Servers, server: str, domain: str, word: str) -> None:
    assert spf(getattr(servers, server), domain).result == word


def test_a_referral_of_the_authority_is_no_denial(servers: Servers) -> None:
    assert spf(servers.authority, "x.child").result == "temperror"


@pytest.mark.parametrize("server", Servers._fields)
def test_large_answers_share_one_resolver_with_small_ones(servers: Servers, server: str) -> None:
    resolver = LiveResolver([getattr(servers, server)])
    names = [f"n{number}.wild" if number % 10 else "giant" for number in range(500)]
    envelopes = [Envelope("192.0.2.1", "mx.example", f"a@{name}.example") for name in names]
    raw = [b"From: a@example\r\n\r\nx\r\n"] * len(names)
    rows = list(Verifier(resolver, workers=2).verify_batch(raw, envelopes))
    assert {row.spf.result for row in rows if row.spf is not None} == {"pass"}
    assert len(rows) == len(names)
    (figures,) = resolver.statistics()
    assert (figures.truncated, figures.sent_over_tcp) == (1, 1)
    assert figures.mismatched == figures.unanswered == 0
