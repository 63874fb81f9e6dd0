"""`explain`: true first sentences, an advice for every failure, 80 clean columns, JSON beside."""

from __future__ import annotations

import base64
import functools
import hashlib
import json
import unicodedata
from typing import TYPE_CHECKING

import pytest
from mailauth_fast import (
    Answer,
    Envelope,
    Policy,
    Question,
    StaticResolver,
    UnreadableInput,
    Verifier,
    _core,
)
from mailauth_fast.advice import ADVICE, FLAGS, LIMITS, REPAIRS, meaning
from mailauth_fast.cli.explain import page
from mailauth_fast.cli.page import wrapped
from rich.cells import cell_len

from tests.sample import generate
from tests.test_cli import FATAL, FINISHED, USAGE, ZONE, message, one_sentence, run
from tests.test_sample import EXPECTED
from tests.test_sample import ZONE as ANSWERS

if TYPE_CHECKING:
    from pathlib import Path

    from mailauth_fast.explanation import Explanation

PASSING = {
    "arc": {"no-arc-sets", "verified"},
    "dkim": {"verified"},
    "dmarc": {
        "aligned",
        # Of `discover_policy` and `accepts_reports`, never of a check.
        "author-domain-record",
        "authorized",
        "invalid-destination",
        "name-too-long",
        "not-authorized",
        "organizational-domain-record",
        "override-host",
        "public-suffix-domain-record",
        "same-organization",
    },
    "spf": set(),
}
COLUMNS = 80


def number_of(case: str) -> int:
    return next(int(each["index"]) for each in EXPECTED if each["case"] == case)


@functools.cache
def letters() -> list[bytes]:
    entries, _ = generate.sample()
    return [generate.unquoted(entry) for entry in entries]


def explained(case: str, *, with_envelope: bool = True, historic: bool = False) -> Explanation:
    number = number_of(case)
    envelope = Envelope(**EXPECTED[number]["envelope"]) if with_envelope else None
    verifier = Verifier(StaticResolver(ANSWERS, "zone:dns.json"), Policy(historic=historic), 1)
    return verifier.explain(letters()[number], envelope, "received")


def assert_clean(lines: list[str]) -> None:
    for line in lines:
        assert cell_len(line) <= COLUMNS, line
        unclean = [c for c in line if unicodedata.category(c)[0] == "C" or c in "\u2028\u2029"]
        assert unclean == [], ascii(line)


@pytest.mark.parametrize(
    ("case", "with_envelope", "sentence"),
    [
        (
            "signed-example",
            False,
            "example.org answers for this message: proven by DKIM (d=example.org) and DMARC.",
        ),
        (
            "bounce-unsigned",
            True,
            "alpha.example answers for this message: proven by SPF (mail.alpha.example) and DMARC.",
        ),
        (
            "body-changed",
            True,
            "Nobody answers for this message: From says alpha.example, but nothing proves it.",
        ),
        (
            "envelope-only",
            False,
            (
                "It is not proven who answers for this message: From says alpha.example, "
                "and without an envelope SPF cannot tell."
            ),
        ),
        (
            "list-signed-and-sealed",
            True,
            (
                "example.net answers for this message by DKIM; its author is not proven: "
                "From says alpha.example."
            ),
        ),
        (
            "no-policy-lower",
            False,
            (
                "lower.example answers for this message: proven by DKIM (d=lower.example), "
                "without a DMARC policy."
            ),
        ),
        (
            "key-silent",
            True,
            (
                "It is not proven who answers for this message: From says alpha.example, "
                "and DNS cannot tell now."
            ),
        ),
        (
            "from-twice-oversigned",
            True,
            "Nobody answers for this message: it has several From fields, and nothing is proven.",
        ),
    ],
)
def test_the_first_sentence(case: str, *, with_envelope: bool, sentence: str) -> None:
    found = explained(case, with_envelope=with_envelope)
    assert found.headline == sentence
    assert found.is_proven == ("proven by" in sentence)
    assert page(found).lines[0] == wrapped(sentence, COLUMNS)[0]


def test_a_first_sentence_claims_proof_exactly_where_dmarc_passes_or_nothing_contradicts() -> None:
    verifier = Verifier(StaticResolver(ANSWERS))
    for raw, expected in zip(letters(), EXPECTED, strict=True):
        found = verifier.explain(raw, Envelope(**expected["envelope"]), "received")
        word = expected["with_envelope"]["dmarc"]
        assert found.is_proven or word != "pass"
        if word in {"fail", "permerror"}:
            assert not found.is_proven
        if not found.is_proven and found.domain is not None:
            passing = {each.domain for each in found.verdict.dkim if each.result == "pass"}
            spf = found.verdict.spf
            if spf is not None and spf.result == "pass":
                passing.add(spf.domain)
            assert found.domain in passing


def test_every_reason_that_can_make_a_check_not_pass_has_an_advice() -> None:
    codes: dict[str, set[str]] = {}
    for protocol, code, _, _ in _core.reasons():
        codes.setdefault(protocol, set()).add(code)
    assert set(codes) == {*ADVICE, "disposition", "limits"}
    assert codes["limits"] <= set(LIMITS)
    assert set(LIMITS) <= set().union(*codes.values())
    for protocol, advices in ADVICE.items():
        assert codes[protocol] - PASSING.get(protocol, set()) == set(advices), protocol
        assert all(text.endswith(".") for text in advices.values())


def test_every_page_has_80_clean_columns() -> None:
    verifier = Verifier(StaticResolver(ANSWERS, "zone:dns.json"))
    for raw, expected in zip(letters(), EXPECTED, strict=True):
        envelope = Envelope(**expected["envelope"])
        found = verifier.explain(raw, envelope, "received", octets="body")
        lines = page(found).lines
        assert_clean(lines)
        for title in ("MESSAGE", "ENVELOPE", "CHECKS", "OTHER RULES, SAME ANSWERS"):
            assert title in lines
        assert f"DNS ANSWERS ({found.verdict.dns_questions} used)" in lines
        for check in found.checks:
            is_failure = check.result in {"fail", "permerror", "policy", "temperror"}
            assert check.advice is not None or not is_failure
        assert all(note.sentence for note in (*found.limits, *found.repairs))
        assert all(flag in FLAGS for each in found.verdict.dkim for flag in each.flags)


def test_nothing_of_a_message_reaches_the_terminal_raw() -> None:
    evil = "\x1b[31m\u202ereversed\u2066\x07\u200b" + "漢字" * 60 + "e\u0301" + "x" * 300
    tags = f"v=1; a=rsa-sha256; d=example.com; s={evil}; h=from:{evil}; bh=AA==; b=AA=="
    raw = (
        f'From: "{evil}" <a@example.com>\r\nMessage-ID: <{evil}>\r\n'
        f"DKIM-Signature: {tags}\r\nSubject: {evil}\r\n\r\n{evil}\r\n{evil}"
    )
    zone = {
        "example.com": {"TXT": [f"v=spf1 exp=why.example.com -all {evil}"]},
        "_dmarc.example.com": {"TXT": [f"v=DMARC1; p=reject; fo={evil}"]},
    }
    envelope = Envelope(client_ip="192.0.2.1", helo=evil, mail_from=f"{evil}@example.com")
    verifier = Verifier(StaticResolver(zone, evil))
    found = verifier.explain(raw.encode(), envelope, now=0, octets="body")
    lines = page(found).lines
    assert_clean(lines)
    assert "\\x1b[31m\\u202ereversed" in "".join(lines)


def test_the_verdict_is_that_of_verify_and_says_what_decided() -> None:
    found = explained("key-512")
    number = number_of("key-512")
    verifier = Verifier(StaticResolver(ANSWERS, "zone:dns.json"))
    envelope = Envelope(**EXPECTED[number]["envelope"])
    assert found.verdict == verifier.verify(letters()[number], envelope, "received")
    dkim = next(check for check in found.checks if check.check == "dkim")
    assert (dkim.result, dkim.reason, dkim.section) == ("policy", "key-size", "RFC 8301 §3.2")
    assert dkim.advice is not None
    assert "2048 bits" in dkim.advice


def test_other_rules_are_told_by_their_differences() -> None:
    found = {each.rules: each for each in explained("older-sha1").other_rules}
    assert set(found) == {"rfc9989", "historic", "strict"}
    changed = {each.field: (each.there, each.here) for each in found["historic"].differences}
    assert changed["DKIM 1"] == ("pass (historic-algorithm)", "policy (rsa-sha1)")
    assert changed["DMARC"][0] == "pass (aligned)"
    old = explained("older-sha1", historic=True)
    rules = {each.rules: each for each in old.other_rules}
    assert rules["modern"].differences[0].there == "policy (rsa-sha1)"
    assert "by historic rules" in old.headline
    partly = {each.rules: each for each in explained("partly-covered-and-footed").other_rules}
    assert partly["strict"].differences[0].there == "policy (body-uncovered)"
    assert partly["rfc7489"].differences == []


class Watched:
    """Answers from a mapping and remembers what it was asked."""

    def __init__(self) -> None:
        """Begin without questions."""
        self.asked: list[Question] = []

    async def resolve(self, questions: list[Question]) -> list[Answer]:
        self.asked.extend(questions)
        seen = 1_700_000_000
        return [
            Answer(
                each,
                "found",
                ((b"v=spf1 -all",),),
                60,
                ad=True,
                source="watched",
                first_seen=seen,
                last_seen=seen + 86_400,
            )
            if each.type == "TXT"
            else Answer(each, "nodata", source="watched")
            for each in questions
        ]


def test_no_question_is_asked_twice_and_each_answer_has_its_age_and_source() -> None:
    watched = Watched()
    envelope = Envelope(client_ip="192.0.2.1", helo="mx.example.net", mail_from="a@example.net")
    raw = b"From: a@news.example.com\r\n\r\nx"
    found = Verifier(watched).explain(raw, envelope, now=1_700_000_000 + 11 * 86_400)
    assert len(watched.asked) == len(set(watched.asked))
    assert len(found.answers) == found.verdict.dns_questions
    assert all(each.source == "watched" for each in found.answers)
    text = " ".join(" ".join(page(found).lines).split())
    assert "from watched, seen 2023-11-14 22:13:20 UTC to 2023-11-15 22:13:20 UTC" in text
    assert "10 days before the time of the message" in text
    assert "validated by DNSSEC" in text


def test_rfc6376_3_7_the_octets_shown_are_those_that_were_signed() -> None:
    number = number_of("signed-example")
    verifier = Verifier(StaticResolver(ANSWERS))
    raw = letters()[number]
    found = verifier.explain(raw, now="received", octets="body")
    [signed] = found.octets
    assert signed.body is not None
    digest = base64.b64encode(hashlib.sha256(signed.body).digest()).decode()
    assert f"bh={digest};" in signed.header.decode()
    assert signed.header.endswith(b"; b=")
    assert verifier.explain(raw, now="received", octets="header").octets[0].body is None
    assert verifier.explain(raw, now="received").octets == []


def test_short_words_have_meanings() -> None:
    assert meaning(LIMITS, "signatures-unlisted:7") == LIMITS["signatures-unlisted"]
    assert meaning(REPAIRS, "unheard-of") is None


def test_the_command_prints_text_without_colour(tmp_path: Path) -> None:
    path = message(tmp_path, text=letters()[number_of("signed-example")])
    done = run("explain", path, "--dns", ZONE, "--octets")
    assert done.returncode == FINISHED
    assert done.stderr == b""
    lines = done.stdout.decode().splitlines()
    assert lines[0].startswith("example.org answers for this message: proven by DKIM")
    assert_clean(lines)
    assert any(line.startswith("SIGNED OCTETS OF DKIM 1") for line in lines)
    again = run("explain", "-", "--dns", ZONE, "--octets", stdin=path.read_bytes())
    assert again.stdout == done.stdout


def test_the_command_prints_json(tmp_path: Path) -> None:
    number = number_of("body-changed")
    path = message(tmp_path, text=letters()[number])
    given = EXPECTED[number]["envelope"]
    options = ["--ip", given["client_ip"], "--helo", given["helo"]]
    options += ["--mail-from", given["mail_from"], "--format", "json", "--octets"]
    done = run("explain", path, "--dns", ZONE, *options)
    found = json.loads(done.stdout)
    assert found["headline"].startswith("Nobody answers for this message")
    assert (found["is_proven"], found["domain"]) == (False, None)
    assert found["verdict"]["dmarc"]["result"] == "fail"
    assert [each["check"] for each in found["checks"]] == [
        "dkim",
        "spf",
        "spf_helo",
        "arc",
        "dmarc",
        "disposition",
    ]
    assert base64.b64decode(found["octets"][0]["header"]).endswith(b"; b=")
    assert {"name", "type", "outcome", "data", "ttl", "source"} <= set(found["answers"][0])


def test_what_cannot_be_explained_is_one_sentence(tmp_path: Path) -> None:
    missing = run("explain", tmp_path / "missing.eml", "--dns", ZONE)
    assert missing.returncode == FATAL
    one_sentence(missing, "missing.eml", "cannot be read")
    wrong = run("explain", message(tmp_path), "--dns", ZONE, "--ip", "nowhere")
    assert wrong.returncode == USAGE
    one_sentence(wrong, "client_ip")


def test_a_message_of_an_archive_is_found_by_its_id(tmp_path: Path) -> None:
    archive = generate.FOLDER / "sample.mbox"
    verifier = Verifier(StaticResolver(ANSWERS, "zone:dns.json"))
    rows = [row for table in verifier.verify_archive(archive) for row in table]
    for number in (0, number_of("from-lines-quoted"), len(rows) - 1):
        row = rows[number]
        found = verifier.explain_stored(archive, row.id)
        assert found is not None
        assert found.verdict == row
    start = rows[3].id.rpartition(":")[2]
    done = run("explain", f"{archive}:{start}", "--dns", ZONE, "--format", "json")
    assert json.loads(done.stdout)["verdict"] == rows[3].to_dict()
    given = run("explain", f"{archive}:{start}", "--dns", ZONE, "--ip", "192.0.2.1")
    assert b"192.0.2.1  [as given]" in given.stdout
    nowhere = run("explain", f"{archive}:{start}9", "--dns", ZONE)
    assert nowhere.returncode == FATAL
    one_sentence(nowhere, "no message begins there")
    empty = tmp_path / "empty.mbox"
    empty.write_bytes(b"")
    with pytest.raises(UnreadableInput, match="empty"):
        verifier.explain_stored(empty, "empty.mbox:0")


def test_an_mbox_of_several_messages_is_no_message() -> None:
    done = run("explain", generate.FOLDER / "sample.mbox", "--dns", ZONE)
    assert done.returncode == USAGE
    one_sentence(done, "sample.mbox: is an mbox of several messages")
