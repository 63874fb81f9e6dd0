"""What a run asks: each question once, what failed once more, and the table that tells it."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest
from mailauth_fast import (
    Answer,
    LiveResolver,
    Question,
    RecordedResolver,
    RecordingResolver,
    Verifier,
)

from tests.dns_server import FaultServer

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from mailauth_fast.resolvers import Resolver

DOMAINS = 6
POLICY = "v=DMARC1; p=reject"
ZONE: dict[str, Any] = {f"_dmarc.d{number}.example": {"TXT": [POLICY]} for number in range(DOMAINS)}
ONCE = {"_dmarc.d1.example": "servfail-1", "_dmarc.d4.example": "refused-1"}
FINISHED, USAGE = 0, 2
NOW = 1_777_874_400
MESSAGES = [b"From: a@d%d.example\r\n\r\nx\r\n" % (number % DOMAINS) for number in range(60)]
SEPARATOR = b"From a@d.example Mon May  4 06:00:00 2026\r\n"
QUESTIONS = DOMAINS + 1
"""A policy for each domain, and the one above them all."""


class Fickle:
    """Answers by the zone, but fails at some names the first so many times."""

    def __init__(self, failures: dict[str, int]) -> None:
        """Fail so many times at these names."""
        self.failures = failures
        self.asked: Counter[str] = Counter()

    async def resolve(self, questions: list[Question]) -> list[Answer]:
        return [self._answer(question) for question in questions]

    def _answer(self, question: Question) -> Answer:
        self.asked[question.name] += 1
        if self.asked[question.name] <= self.failures.get(question.name, 0):
            return Answer(question, "servfail")
        if question.name in ZONE:
            return Answer(question, "found", ((POLICY.encode(),),), ttl=300)
        return Answer(question, "nxdomain", ttl=300)


@pytest.fixture(name="server")
def running_server() -> Iterator[FaultServer]:
    with FaultServer(ZONE, dict(ONCE)) as server:
        yield server


def words(verifier: Verifier, *, retry_temperror: bool) -> list[str]:
    table = verifier.verify_batch(MESSAGES, now=NOW, retry_temperror=retry_temperror)
    assert [row.id for row in table] == [str(number) for number in range(len(MESSAGES))]
    return [row.dmarc.result for row in table if row.dmarc is not None]


def mbox(folder: Path) -> Path:
    path = folder / "in.mbox"
    path.write_bytes(b"".join(SEPARATOR + raw + b"\r\n" for raw in MESSAGES))
    return path


def verify(*arguments: str | Path) -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-m", "mailauth_fast", "verify", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, check=False, timeout=120)


def test_a_failure_is_final_unless_asked_again() -> None:
    resolver = Fickle(dict.fromkeys(ONCE, 1))
    found = words(Verifier(resolver), retry_temperror=False)
    assert found.count("temperror") == len(MESSAGES) // 3
    assert resolver.asked.total() == QUESTIONS


def test_what_failed_is_asked_again_once_and_judged_again() -> None:
    resolver = Fickle(dict.fromkeys(ONCE, 1))
    assert set(words(Verifier(resolver), retry_temperror=True)) == {"unverifiable"}
    assert {name: resolver.asked[name] for name in ONCE} == dict.fromkeys(ONCE, 2)
    assert resolver.asked.total() == QUESTIONS + len(ONCE)


def test_what_fails_again_stays_a_temperror() -> None:
    resolver = Fickle({"_dmarc.d1.example": 9, "_dmarc.d4.example": 1})
    found = words(Verifier(resolver), retry_temperror=True)
    assert found.count("temperror") == len(MESSAGES) // DOMAINS
    assert resolver.asked["_dmarc.d1.example"] == 2


def test_an_archive_keeps_its_order_and_tells_what_it_asked(tmp_path: Path) -> None:
    verifier = Verifier(Fickle(dict.fromkeys(ONCE, 1)))
    run = verifier.start_archive([mbox(tmp_path)], now=NOW, retry_temperror=True)
    rows = [json.loads(line) for table in run for line in table.jsonl().splitlines()]
    run.close()
    offsets = [int(row["id"].rpartition(":")[2]) for row in rows]
    assert len(rows) == len(MESSAGES)
    assert offsets == sorted(offsets)
    assert {row["dmarc"]["result"] for row in rows} == {"unverifiable"}
    assert run.asked == [("TXT", QUESTIONS, sum(row["dns_questions"] for row in rows))]
    assert run.asked_again == (len(ONCE), len(ONCE), len(MESSAGES) // 3, len(MESSAGES) // 3, 0)


def test_a_run_by_its_own_record_asks_nobody(server: FaultServer, tmp_path: Path) -> None:
    def judged(resolver: Resolver) -> list[str]:
        return words(Verifier(resolver), retry_temperror=True)

    with RecordingResolver(LiveResolver([server.address]), tmp_path / "dns") as recorder:
        first = judged(recorder)
    asked = len(server.asked)
    assert judged(RecordedResolver(tmp_path / "dns")) == first
    assert len(server.asked) == asked


def test_the_command_asks_again_and_shows_the_table(server: FaultServer, tmp_path: Path) -> None:
    out = tmp_path / "out.jsonl"
    source = mbox(tmp_path)
    common = (source, "--dns", server.address, "--now", str(NOW), "-o", out)
    done = verify(*common, "--retry-temperror")
    assert done.returncode == FINISHED
    rows = [json.loads(line) for line in out.read_bytes().splitlines()]
    assert {row["dmarc"]["result"] for row in rows} == {"unverifiable"}
    told = done.stderr.decode()
    assert "hit rate" in told
    questions = sum(row["dns_questions"] for row in rows)
    line = next(line for line in told.splitlines() if line.startswith("TXT")).split()
    assert line == ["TXT", str(QUESTIONS), str(questions), f"{1 - QUESTIONS / questions:.1%}"]
    assert f"{len(server.asked)} datagrams sent" in told
    assert "questions asked again" in told
    assert "messages are without temperror since" in told


def test_a_run_that_goes_on_must_ask_again_as_before(server: FaultServer, tmp_path: Path) -> None:
    server.faults = {}
    out = tmp_path / "out"
    common = (mbox(tmp_path), "--dns", server.address, "--now", str(NOW), "-o", out, "-q")
    assert verify(*common).returncode == FINISHED
    done = verify(*common, "--resume", "--retry-temperror")
    assert done.returncode == USAGE
    assert b"--retry-temperror was not given when the run began" in done.stderr
