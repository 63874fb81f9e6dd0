"""bench/dns.py: it lets dnspython through, its faults are met, and a change would be seen."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import dns_cold
import dns_faults
import dns_questions
import dns_run
import pytest

from tests.sample import generate

if TYPE_CHECKING:
    from dns_faults import Case

BENCH = Path(__file__).parent.parent / "bench"


@pytest.fixture(name="known", scope="module")
def sample_cases() -> list[Case]:
    return dns_faults.cases(dns_faults.zone())


def test_the_undisturbed_words_are_the_samples_own(known: list[Case]) -> None:
    expected = json.loads((generate.FOLDER / "expected.json").read_bytes())
    wanted = {case["case"] + str(case["dkim"]): case["with_envelope"] for case in expected}
    assert len(known) == len(expected)
    for case in known:
        spf, _, _, dmarc, *dkim = case.words
        words = wanted[case.name + str(dkim)]
        assert (spf, dmarc) == (words["spf"], words["dmarc"])


def test_faults_among_the_answers_change_nothing_but_to_temperror(known: list[Case]) -> None:
    tally = dns_faults.by_outcomes(known, dns_faults.zone(), random.Random(1), 500)
    assert tally.changed == []
    assert set(tally.kinds) == set(dns_faults.OUTCOMES)


def test_faults_on_sockets_change_nothing_but_to_temperror(known: list[Case]) -> None:
    tally = dns_faults.by_sockets(known, dns_faults.zone(), random.Random(1), 25)
    assert tally.changed == []
    assert tally.kinds.total() == 25
    assert tally.slowest < dns_faults.BUDGET_SECONDS


def test_a_change_is_seen_and_a_temperror_is_none(known: list[Case]) -> None:
    case = next(case for case in known if case.words[0] == "pass")
    for word, changes in (("fail", 1), ("none", 1), ("temperror", 0), ("pass", 0)):
        tally = dns_faults.Tally()
        tally.judge(case, (word, *case.words[1:]), 0.0, "servfail")
        assert len(tally.changed) == changes
    (_, changed, _) = dns_faults.told("outcomes", dns_faults.Tally(changed=["one"]))
    assert not changed.ok


def test_a_neighbour_of_the_bench_imports_dnspython() -> None:
    code = "import dns.message; print(dns.message.Message.__name__)"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=BENCH, capture_output=True, check=True, text=True
    )
    assert done.stdout == "Message\n"


def test_a_cold_run_passes_and_needs_each_question_once() -> None:
    run = dns_run.made(24, 6)
    collector = dns_run.Collector(run)
    assert dns_questions.judged(run, collector) == ["pass"] * 24
    assert dns_questions.judged(run, dns_cold.at_hand(run)) == ["pass"] * 24
    # A domain: key, SPF of return path and host, its address, two policies; two names are shared.
    assert len(collector.asked) == len(set(collector.asked)) == 6 * 6 + 2
    assert dns_cold.rounds(run) == 3
