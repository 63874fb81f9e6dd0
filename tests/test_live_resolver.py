"""The native resolver through the public door, against a server on loopback that misbehaves."""

from __future__ import annotations

import json
import pickle
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

import pytest
from mailauth_fast import (
    Answer,
    LiveResolver,
    MailauthError,
    Question,
    ResolverUnavailable,
    StaticResolver,
    Verifier,
    _core,
)

from tests.dns_replies import RCODES, WRONG_THEN_RIGHT
from tests.dns_server import FaultServer

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from mailauth_fast.resolvers import Zone

ZONE: Zone = {
    "example.com": {"TXT": ["v=spf1 ip4:192.0.2.0/24 -all"], "A": ["192.0.2.1"]},
    "alias.example": {"CNAME": ["example.com"]},
    "long.example": {"TXT": ["v=spf1 " + "ip4:198.51.100.7 " * 200 + "ip4:192.0.2.1 -all"]},
    "_dmarc.example.com": {"TXT": ["v=DMARC1; p=reject"]},
}
FAULTS = {
    "servfail.example": "servfail",
    "wrong-id.example": "wrong-id",
    "garbage.example": "garbage",
}


@pytest.fixture(name="server")
def running_server() -> Iterator[FaultServer]:
    with FaultServer(ZONE, FAULTS) as server:
        yield server


def live(server: FaultServer) -> Verifier:
    return Verifier(LiveResolver([f"127.0.0.1:{server.port}"]), workers=1)


@pytest.mark.parametrize(
    ("domain", "word"),
    [
        ("example.com", "pass"),
        ("alias.example", "pass"),
        ("long.example", "pass"),
        ("missing.example", "none"),
        ("servfail.example", "temperror"),
    ],
)
def test_spf_by_live_answers(server: FaultServer, domain: str, word: str) -> None:
    found = live(server).check_host("192.0.2.1", "mx.example.net", f"a@{domain}")
    assert found.result == word


def test_a_large_answer_comes_over_tcp(server: FaultServer) -> None:
    live(server).check_host("192.0.2.1", "mx.example.net", "a@long.example")
    assert server.count("long.example", "tcp") == 1


def test_an_answer_is_asked_for_once_in_a_batch(server: FaultServer) -> None:
    raw = b"From: a@example.com\r\n\r\nx\r\n"
    table = live(server).verify_batch([raw] * 500)
    assert {row.dmarc.result for row in table if row.dmarc is not None} == {"unverifiable"}
    assert server.count("_dmarc.example.com") == 1


def test_the_command_line_asks_a_server_by_address(server: FaultServer, tmp_path: Path) -> None:
    path = tmp_path / "one.eml"
    path.write_bytes(b"From: a@example.com\n\nx\n")
    command = [
        sys.executable,
        "-m",
        "mailauth_fast",
        "verify",
        str(path),
        "--format",
        "jsonl",
        "-q",
    ]
    dns = ["--dns", f"127.0.0.1:{server.port}"]
    done = subprocess.run([*command, *dns], capture_output=True, check=True, timeout=60)
    assert json.loads(done.stdout)["dmarc"]["policy"] == "reject"


class Hasty(LiveResolver):
    """The native resolver with all timers at a hundredth: 100 ms a question."""

    def __init__(self, server: FaultServer) -> None:
        """Ask this server."""
        super().__init__([server.address])
        self._hasty = _core.LiveResolver.hastened([server.address], 100)

    def native(self) -> _core.LiveResolver:
        return self._hasty


STEADY = ("twice", "lower", "trailing", "cookie", "noedns", "tc", "tc-slow", "tc-glued")
"""Faults that a patient resolver overcomes, beside those where a right reply follows."""
FATAL = {
    "drop": "temperror",
    "drop-2": "pass",
    "delay-1": "pass",
    "delay-500": "temperror",
    "tc-short": "temperror",
    "tc-close": "temperror",
    "tc-reset": "temperror",
    "tc-foreign": "temperror",
    "noquestion": "temperror",
    "referral": "temperror",
    "loop": "temperror",
    **dict.fromkeys(RCODES, "temperror"),
}


@pytest.mark.parametrize(
    ("fault", "word"),
    [
        *((fault, "pass") for fault in (*STEADY, *WRONG_THEN_RIGHT, "id-5", "garbage-5")),
        *FATAL.items(),
    ],
)
def test_a_fault_changes_nothing_or_is_a_temperror(fault: str, word: str) -> None:
    zone: Zone = {"example.com": {"TXT": ["v=spf1 include:x.example -all"]}}
    zone = {**zone, "x.example": {"TXT": ["v=spf1 ip4:192.0.2.1 -all"]}}
    with FaultServer(zone, {"x.example": fault}) as server:
        verifier = Verifier(Hasty(server), workers=1)
        verifier.check_host("192.0.2.1", "mx.example.net", "a@other.example")
        begun = time.monotonic()
        found = verifier.check_host("192.0.2.1", "mx.example.net", "a@example.com")
        assert found.result in (word, "temperror")
        if server.count("x.example", "udp") == 1:
            # Not so slow a machine that a timer of 20 ms expired.
            assert found.result == word
        assert time.monotonic() - begun < 5


@pytest.mark.parametrize(
    ("name", "word"),
    [
        ("empty", "none"),
        ("dangling", "none"),
        ("aliasnodata", "none"),
        ("chain-8", "none"),
        ("chain-9", "temperror"),
        ("poison", "none"),
        ("big-9000", "none"),
    ],
)
def test_what_a_reply_says_decides(name: str, word: str) -> None:
    with FaultServer() as server:
        verifier = Verifier(LiveResolver([server.address]), workers=1)
        found = verifier.check_host("192.0.2.1", "mx.example.net", f"a@{name}.example")
        assert found.result == word


def test_figures_of_each_server_are_told(server: FaultServer) -> None:
    resolver = LiveResolver([f"127.0.0.1:{server.port}", "127.0.0.1:9"], rate=0)
    verifier = Verifier(resolver, workers=1)
    verifier.check_host("192.0.2.1", "mx.example.net", "a@long.example")
    first, second = resolver.statistics()
    assert first.address == server.address
    assert (first.truncated, first.sent_over_tcp, first.unanswered) == (1, 1, 0)
    assert first.received == first.sent + first.sent_over_tcp
    assert 0 < first.median_seconds <= first.percentile_99_seconds <= first.longest_seconds
    assert second.sent == second.received == 0


def test_questions_leave_by_the_ports_that_are_allowed(server: FaultServer) -> None:
    avoided = [port for port in range(65536) if port % 16 != 7]
    resolver = LiveResolver([server.address], sockets=8, avoided_ports=avoided)
    verifier = Verifier(pickle.loads(pickle.dumps(resolver)), workers=1)  # noqa: S301 - our own
    for number in range(64):
        verifier.check_host("192.0.2.1", "mx.example.net", f"a@n{number}.example")
    ports = {asked.client[1] for asked in server.asked}
    assert len(ports) == 8
    assert {port % 16 for port in ports} == {7}


def test_a_rate_is_kept(server: FaultServer) -> None:
    resolver = LiveResolver([server.address], rate=200)
    names = [f"a@n{number}.example" for number in range(60)]
    begun = time.monotonic()
    verifier = Verifier(resolver, workers=1)
    for name in names:
        verifier.check_host("192.0.2.1", "mx.example.net", name)
    assert time.monotonic() - begun >= (60 - 1) / 200 - 0.05


@pytest.mark.parametrize("options", [{"rate": -1}, {"in_flight": -1}, {"avoided_ports": [65536]}])
def test_numbers_out_of_range_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(MailauthError, match="65535"):
        LiveResolver(["127.0.0.1"], **options)


def test_no_address_is_refused() -> None:
    with pytest.raises(ResolverUnavailable, match="nonsense"):
        LiveResolver(["nonsense"])


class Mapped:
    """Any object with `async def resolve`; answers in reverse order and leaves one out."""

    def __init__(self) -> None:
        """Nothing asked yet."""
        self.asked: list[Question] = []

    async def resolve(self, questions: list[Question]) -> list[Answer]:
        self.asked += questions
        return [
            self.answer(question) for question in reversed(questions) if "lost" not in question.name
        ]

    def answer(self, question: Question) -> Answer:
        if question.name == "_dmarc.example.com":
            return Answer(question, "found", data=((b"v=DMARC1;", b" p=quarantine"),), ttl=60)
        return Answer(question, "nxdomain", ttl=60)


def test_any_object_resolves_and_its_answers_are_remembered() -> None:
    resolver = Mapped()
    verifier = Verifier(resolver, workers=2)
    for _ in range(2):
        assert verifier.discover_policy("example.com").policy == "quarantine"
    assert len(resolver.asked) == len(set(resolver.asked))
    assert verifier.discover_policy("lost.example").result == "temperror"


def test_a_static_answer_equals_a_live_one(server: FaultServer) -> None:
    static = Verifier(StaticResolver(ZONE))
    for domain in ("example.com", "missing.example"):
        assert static.discover_policy(domain) == live(server).discover_policy(domain)
