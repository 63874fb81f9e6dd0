"""The sample archive: it is what its generator makes, and every message gets its words."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from mailauth_fast import Envelope, Policy

from tests.door import Row, archive_rows, batch, rows, verifier, words
from tests.sample import generate

if TYPE_CHECKING:
    from pathlib import Path

MBOX = generate.FOLDER / "sample.mbox"
ZONE: dict[str, Any] = json.loads((generate.FOLDER / "dns.json").read_bytes())
EXPECTED: list[Row] = json.loads((generate.FOLDER / "expected.json").read_bytes())
OCTET_LIMIT = 2_000_000


@pytest.fixture(scope="module")
def archived() -> list[Row]:
    """Return the rows of the whole archive, judged when each message was received."""
    return archive_rows(verifier(ZONE).verify_archive(MBOX, now="received"))


@pytest.fixture(scope="module")
def enveloped() -> list[Row]:
    """Return the rows of the same messages, each with the envelope it arrived in."""
    entries, _ = generate.sample()
    messages = [generate.unquoted(entry) for entry in entries]
    envelopes = [Envelope(**expected["envelope"]) for expected in EXPECTED]
    return batch(messages, ZONE, envelopes=envelopes, now="received")


def differences(found: list[Row], expected: list[Row]) -> list[tuple[str, Row, Row]]:
    """Return case, found and expected of each row whose words are not the expected ones."""
    pairs = zip(EXPECTED, found, expected, strict=True)
    return [
        (case["case"], {name: row[name] for name in wanted}, wanted)
        for case, row, wanted in pairs
        if any(row[name] != wanted[name] for name in wanted)
    ]


def picked(expected: Row, *names: str) -> Row:
    """Return some of a row's values."""
    return {name: expected[name] for name in names}


def policies(found: list[Row]) -> list[Row]:
    """Return the rule book and the policy in force of each row."""
    return [
        {"rules": row["dmarc"]["rules"], "policy": row["dmarc"]["effective_policy"]}
        for row in found
    ]


def test_the_files_are_what_the_generator_makes() -> None:
    assert generate.differing() == []
    assert sum(path.stat().st_size for path in generate.FOLDER.glob("*.*")) < OCTET_LIMIT


def test_every_message_gets_its_words(archived: list[Row]) -> None:
    names = ("dkim", "arc", "spf", "dmarc")
    wanted = [picked(expected, *names) for expected in EXPECTED]
    assert differences([words(row) for row in archived], wanted) == []


def test_every_message_gets_its_words_with_an_envelope(enveloped: list[Row]) -> None:
    wanted = [picked(each, "dkim", "arc") | each["with_envelope"] for each in EXPECTED]
    assert differences([words(row) for row in enveloped], wanted) == []


def test_a_trusted_trace_gives_the_same_words_as_the_envelope(enveloped: list[Row]) -> None:
    engine = verifier(ZONE, Policy(trust=("by:mx.receiver.example",)))
    recovered = archive_rows(engine.verify_archive(MBOX, now="received"))
    assert [words(row) for row in recovered] == [words(row) for row in enveloped]
    for row, expected in zip(recovered, EXPECTED, strict=True):
        given = expected["envelope"]
        assert picked(row["envelope"], *given) == given
        assert row["envelope"]["sources"]["client_ip"] == "received"
        assert row["envelope"]["sources"]["mail_from"] == "return-path"


def test_every_message_gets_its_policy_and_rule_book(enveloped: list[Row]) -> None:
    asked = [picked(expected, "rules", "policy") for expected in EXPECTED]
    several = [expected["dmarc"] == "permerror" for expected in EXPECTED]
    wanted = [
        picked(each, "rules") if skip else each for each, skip in zip(asked, several, strict=True)
    ]
    assert differences(policies(enveloped), wanted) == []


def test_ids_are_the_octets_where_messages_begin(archived: list[Row]) -> None:
    stored = MBOX.read_bytes()
    for row in archived:
        name, _, octet = row["id"].rpartition(":")
        start = int(octet)
        assert name == "sample.mbox"
        # Whether the `From ` line belongs to a message is the source's choice.
        assert stored[start:].startswith((b"From ", b"Return-Path: "))


def test_the_time_of_judgement_is_that_of_receipt(archived: list[Row]) -> None:
    entries, _ = generate.sample()
    assert len(entries) == len(archived)
    for number, (case, row) in enumerate(zip(generate.ordered_cases(), archived, strict=True)):
        assert row["judged_at"] == generate.letter_of(case, number).time


def test_a_copy_with_crlf_gives_the_same_words(tmp_path: Path, archived: list[Row]) -> None:
    copy = tmp_path / "sample.mbox"
    copy.write_bytes(MBOX.read_bytes().replace(b"\n", b"\r\n"))
    found = archive_rows(verifier(ZONE).verify_archive(copy, now="received"))
    assert [words(row) for row in found] == [words(row) for row in archived]


def test_tables_and_single_verdicts_agree(enveloped: list[Row]) -> None:
    engine = verifier(ZONE)
    entries, _ = generate.sample()
    for number in range(0, len(entries), 23):
        raw = generate.unquoted(entries[number])
        envelope = Envelope(**EXPECTED[number]["envelope"])
        single = engine.verify(raw, envelope=envelope, now="received").to_dict()
        assert {**single, "id": ""} == {**enveloped[number], "id": ""}
    assert len(rows(engine.verify_batch([]))) == 0
