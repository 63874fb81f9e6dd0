"""`DnspythonResolver` against a server that misbehaves; the server's own faults by the way."""

from __future__ import annotations

import asyncio
import pickle
from typing import TYPE_CHECKING

import dns.asyncresolver
import dns.nameserver
import dns.resolver
import dns.tsigkeyring
import pytest
from mailauth_fast.dns import Answer, DnspythonResolver, Outcome, Question, RecordType

from tests.dns_replies import FAULTS, Fault, Zone
from tests.dns_server import FaultServer

if TYPE_CHECKING:
    from collections.abc import Iterator

ZONE: Zone = {
    "host.example": {"A": ["192.0.2.1", "192.0.2.2"], "AAAA": ["2001:db8::1"]},
    "mail.example": {"MX": [[10, "mx.example"], [20, "."]], "TXT": "v=spf1 -all"},
    "text.example": {"TXT": [["a\\;b", b"\x00\xff"], "c"]},
    "long.example": {"TXT": ["x" * 300]},
    "1.2.0.192.in-addr.arpa": {"PTR": ["Host.Example"]},
    "alias.example": {"CNAME": "mail.example"},
    "gone.example": "NXDOMAIN",
    "empty.example": "NODATA",
    "broken.example": "SERVFAIL",
    "silent.example": "TIMEOUT",
    "typed.example": {"TXT": "SERVFAIL", "A": "NXDOMAIN"},
}


@pytest.fixture(scope="module")
def server() -> Iterator[FaultServer]:
    with FaultServer(ZONE) as running:
        yield running


def configuration(*servers: FaultServer, lifetime: float = 5) -> dns.asyncresolver.Resolver:
    resolver = dns.asyncresolver.Resolver(configure=False)
    resolver.nameservers = [dns.nameserver.Do53Nameserver("127.0.0.1", s.port) for s in servers]
    resolver.timeout = 0.2
    resolver.lifetime = lifetime
    return resolver


def ask(
    server: FaultServer, name: str, record_type: RecordType = "TXT", lifetime: float = 5
) -> Answer:
    resolver = DnspythonResolver(configuration(server, lifetime=lifetime))
    (answer,) = asyncio.run(resolver.resolve([Question(name, record_type)]))
    assert answer.question == Question(name, record_type)
    return answer


@pytest.mark.parametrize(
    ("name", "record_type", "data"),
    [
        ("host.example", "A", ("192.0.2.1", "192.0.2.2")),
        ("host.example", "AAAA", ("2001:db8::1",)),
        ("mail.example", "MX", ((10, "mx.example"), (20, "."))),
        ("text.example", "TXT", ((b"a\\;b", b"\x00\xff"), (b"c",))),
        ("long.example", "TXT", ((b"x" * 255, b"x" * 45),)),
        ("1.2.0.192.in-addr.arpa", "PTR", ("host.example",)),
        ("alias.example", "CNAME", ("mail.example",)),
    ],
)
def test_data_keep_their_documented_form(
    server: FaultServer, name: str, record_type: RecordType, data: tuple[object, ...]
) -> None:
    answer = ask(server, name, record_type)
    assert answer.outcome == "found"
    assert set(answer.data) == set(data)
    assert answer.ttl == 300
    assert answer.ad is None
    assert answer.source == f"live:127.0.0.1:{server.port}"


@pytest.mark.parametrize(
    ("name", "outcome", "ttl", "is_alias"),
    [
        ("alias.example", "found", 300, True),
        ("gone.example", "nxdomain", 60, False),
        ("absent.example", "nxdomain", 60, False),
        ("empty.example", "nodata", 60, False),
        ("host.example", "nodata", 60, False),
        ("dangling.invalid", "nxdomain", 60, True),
        ("aliasnodata.invalid", "nodata", 60, True),
        ("empty.invalid", "nodata", None, False),
        ("referral.invalid", "lame", None, False),
        ("chain-7.invalid", "found", 300, True),
        ("chain-8.invalid", "found", 300, True),
        ("chain-9.invalid", "chain-too-long", None, True),
        ("loop.invalid", "chain-too-long", None, False),
        ("ttl-0.invalid", "found", 0, False),
        ("ttl-7.invalid", "found", 7, False),
        ("poison.invalid", "found", 300, False),
    ],
)
def test_kinds_of_no_are_kept_apart(
    server: FaultServer, name: str, outcome: Outcome, ttl: int | None, *, is_alias: bool
) -> None:
    answer = ask(server, name)
    assert (answer.outcome, answer.ttl, answer.is_alias) == (outcome, ttl, is_alias)
    if name == "poison.invalid":
        assert answer.data == ((b"text of poison.invalid",),)


@pytest.mark.parametrize(
    ("name", "outcome"),
    [
        ("broken.example", "servfail"),
        ("typed.example", "servfail"),
        ("servfail.invalid", "servfail"),
        ("refused.invalid", "refused"),
        ("formerr.invalid", "formerr"),
        ("notimp.invalid", "notimp"),
        ("drop.invalid", "timeout"),
        ("silent.example", "timeout"),
        ("tc-close.invalid", "truncated"),
        ("tc-reset.invalid", "truncated"),
        ("tc-short.invalid", "truncated"),
    ],
)
def test_faults_keep_their_names_and_are_never_nxdomain(
    server: FaultServer, name: str, outcome: Outcome
) -> None:
    answer = ask(server, name, lifetime=0.4)
    assert (answer.outcome, answer.data, answer.ttl) == (outcome, (), None)


@pytest.mark.parametrize(
    "name",
    [
        *(
            f"{word}.invalid"
            for word in ("id", "question", "type", "class", "opcode", "qr", "port")
        ),
        *(f"{word}.invalid" for word in ("drop-1", "delay-20", "twice", "noedns", "lower")),
        *(f"{word}.invalid" for word in ("tc", "tc-slow", "badvers-x", "id-3")),
    ],
)
def test_what_a_patient_resolver_overcomes(server: FaultServer, name: str) -> None:
    if name == "badvers-x.invalid":
        assert Fault.parse("badvers-x") == Fault()
        return
    answer = ask(server, name)
    assert (answer.outcome, answer.data) == ("found", ((f"text of {name}".encode(),),))


def test_large_answers_come_over_tcp(server: FaultServer) -> None:
    answer = ask(server, "big-20000.invalid")
    (strings,) = answer.data
    assert isinstance(strings, tuple)
    assert sum(len(string) for string in strings if isinstance(string, bytes)) == 20_000
    assert server.count("big-20000.invalid", "tcp") == 1


def test_without_edns_a_server_is_asked_once_more(server: FaultServer) -> None:
    assert ask(server, "noedns.a.invalid").outcome == "found"
    asked = [asked.has_edns for asked in server.asked if asked.name == "noedns.a.invalid"]
    assert asked == [True, False]


def test_all_servers_failing_is_the_first_ones_word_and_a_good_one_helps(
    server: FaultServer,
) -> None:
    question = [Question("refused.invalid", "TXT")]
    with FaultServer(faults={"refused.invalid": "servfail"}) as other:
        both = DnspythonResolver(configuration(other, server))
        assert [a.outcome for a in asyncio.run(both.resolve(question))] == ["servfail"]
    with FaultServer({"refused.invalid": {"TXT": "here"}}) as good:
        both = DnspythonResolver(configuration(server, good))
        assert [a.data for a in asyncio.run(both.resolve(question))] == [((b"here",),)]


def test_a_closed_port_is_a_fault() -> None:
    with FaultServer() as gone:
        pass
    assert ask(gone, "host.example", lifetime=0.4).outcome == "timeout"


def test_many_questions_are_answered_each_once(server: FaultServer) -> None:
    questions = [Question(f"twice.n{number}.invalid", "TXT") for number in range(250)]
    resolver = DnspythonResolver(configuration(server))
    answers = asyncio.run(resolver.resolve(questions))
    assert sorted(answer.question.name for answer in answers) == sorted(q.name for q in questions)
    assert {answer.outcome for answer in answers} == {"found"}
    assert asyncio.run(resolver.resolve([])) == []


def test_the_cache_stays_ours_and_the_given_resolver_untouched(server: FaultServer) -> None:
    given = configuration(server)
    given.cache = dns.resolver.LRUCache()
    resolver = DnspythonResolver(given)
    for _ in range(2):
        asyncio.run(resolver.resolve([Question("ttl-9.cache.invalid", "TXT")]))
    assert server.count("ttl-9.cache.invalid") == 2
    assert given.edns == -1
    assert given.cache.hits() + given.cache.misses() == 0


def test_a_synchronous_resolvers_configuration_will_do(server: FaultServer) -> None:
    given = dns.resolver.Resolver(configure=False)
    given.nameservers = ["127.0.0.1"]
    given.port = server.port
    given.use_edns(0, 0, 4096)
    (answer,) = asyncio.run(DnspythonResolver(given).resolve([Question("host.example", "A")]))
    assert answer.outcome == "found"


def test_ad_is_reported_when_asked_for(server: FaultServer) -> None:
    given = configuration(server)
    given.flags = dns.flags.RD | dns.flags.AD
    (answer,) = asyncio.run(DnspythonResolver(given).resolve([Question("host.example", "A")]))
    assert answer.ad is False


def test_configurations_survive_pickling(server: FaultServer) -> None:
    given = configuration(server)
    given.cache = dns.resolver.LRUCache()
    given.use_tsig(dns.tsigkeyring.from_text({"key.example.": "c2VjcmV0"}), keyname="key.example.")
    given.keyname = None
    doh = dns.nameserver.DoHNameserver("https://dns.example/dns-query")
    given.nameservers = [*given.nameservers, doh]
    copy = pickle.loads(pickle.dumps(DnspythonResolver(given)))  # noqa: S301 - our own
    (answer,) = asyncio.run(copy.resolve([Question("host.example", "A")]))
    assert answer.outcome == "found"
    assert isinstance(pickle.loads(pickle.dumps(DnspythonResolver())), DnspythonResolver)  # noqa: S301


def test_labels_that_a_zone_file_would_escape_are_asked_for_as_they_are(
    server: FaultServer,
) -> None:
    answer = ask(server, 'a"b;c(.example')
    assert answer.outcome == "nxdomain"
    assert server.asked[-1].name == 'a\\"b\\;c\\(.example'


def test_questions_and_answers_are_values() -> None:
    question = Question("example.com", "TXT")
    assert Answer(question, "nodata") == Answer(Question("example.com", "TXT"), "nodata", (), None)
    assert len({question, Question("example.com", "TXT")}) == 1


@pytest.mark.parametrize("word", FAULTS)
def test_every_fault_is_served_by_its_first_label(word: str) -> None:
    assert Fault.parse(word) == Fault(word)
    assert Fault.parse(f"{word}-12") == Fault(word, 12)
    assert Fault.parse(f"{word}-x") == Fault()
