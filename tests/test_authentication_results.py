"""Authentication-Results: one writer for rows and verdicts, no injection, forged fields gone."""

from __future__ import annotations

import functools
import json

import msgspec
import pytest
from mailauth_fast import (
    Envelope,
    MailauthError,
    Policy,
    StaticResolver,
    Verdict,
    Verifier,
    parse_authentication_results,
    strip_authentication_results,
)

from tests.sample import generate
from tests.test_sample import EXPECTED, ZONE

HOST = "mx.example.com"
RECORD_SEPARATORS = "\r\n\0\x0b\x0c\x85\u2028\u2029"


@functools.cache
def sample_verdicts(receiver: str = "") -> list[Verdict]:
    entries, _ = generate.sample()
    messages = [generate.unquoted(entry) for entry in entries]
    envelopes = [Envelope(**expected["envelope"]) for expected in EXPECTED]
    verifier = Verifier(StaticResolver(ZONE), Policy(receiver=receiver))
    return list(verifier.verify_batch(messages, envelopes, now="received"))


def test_the_field_of_a_row_is_the_one_that_the_method_writes() -> None:
    for verdict in sample_verdicts(HOST):
        field = verdict.to_dict()["authentication_results"]
        assert field == verdict.authentication_results_field
        assert field == verdict.authentication_results(HOST)


def test_a_field_is_read_back_as_it_was_meant() -> None:
    for verdict in sample_verdicts():
        assert verdict.authentication_results_field is None
        field = parse_authentication_results(verdict.authentication_results(HOST))
        assert (field.authserv_id, field.error) == (HOST, None)
        written = [each for each in verdict.dkim if each.result != "unverifiable"]
        told = [each for each in field.results if each.method == "dkim"]
        wanted = [
            "policy" if each.reason == "historic-algorithm" else each.result for each in written
        ]
        assert [each.result for each in told] == (wanted if verdict.dkim else ["none"])
        assert [each.reason for each in told if verdict.dkim] == [each.reason for each in written]


def test_signatures_are_told_apart() -> None:
    several = [verdict for verdict in sample_verdicts() if len(verdict.dkim) > 1]
    assert several
    for verdict in several:
        texts = [each.header_b for each in verdict.dkim if each.header_b is not None]
        assert all(len(text) >= 8 for text in texts)
        field = parse_authentication_results(verdict.authentication_results(HOST))
        told = [
            prop.value
            for each in field.results
            for prop in each.properties
            if (prop.type, prop.name) == ("header", "b")
        ]
        assert set(told) <= set(texts)


INJECTIONS = [
    "a\r\nX-Evil: 1",
    "a; dkim=pass header.d=bank.example",
    'a"; dmarc=pass',
    "a (comment",
    "a) dmarc=pass",
    "a\\",
    "a\0b",
    "ü; spf=pass",
    "a\u2028dmarc=pass",
]


@pytest.mark.parametrize("text", INJECTIONS)
def test_nothing_in_an_envelope_or_message_adds_a_result(text: str) -> None:
    plain = b"From: a@example.com\r\n\r\nx"
    evil = "".join(character for character in text if character not in "\r\n\0")
    signature = f"DKIM-Signature: v=1; a={evil}; d={evil}; s={evil}; i={evil}@{evil}; b={evil}\r\n"
    messages = [plain, signature.encode() + plain, f"From: <{evil}@{evil}>\r\n\r\nx".encode()]
    verifier = Verifier(StaticResolver({}))
    for identity in (text, f"{text}@example.com", f"a@{text}", f'"{text}"@example.com'):
        envelope = Envelope(client_ip="192.0.2.1", helo=text, mail_from=identity)
        for message in messages:
            verdict = verifier.verify(message, envelope, now=0)
            written = verdict.authentication_results(HOST)
            assert not set(RECORD_SEPARATORS) & set(written)
            field = parse_authentication_results(written)
            methods = [each.method for each in field.results]
            assert field.error is None, written
            assert methods == ["dkim", "spf", "spf", "dmarc", "arc"]
            assert "pass" not in {each.result for each in field.results}


@pytest.mark.parametrize("text", INJECTIONS)
def test_a_verdict_that_was_changed_adds_no_result(text: str) -> None:
    verdict = sample_verdicts()[0]
    facts = json.loads(json.dumps(verdict.to_dict()))
    for holder in (facts["spf"], facts["spf_helo"], facts["dmarc"], facts["arc"], *facts["dkim"]):
        holder["reason"] = text
        for name in ("domain", "selector", "auid", "algorithm", "header_b"):
            if name in holder:
                holder[name] = text
    facts["author"]["domain"] = facts["envelope"]["client_ip"] = text
    changed = msgspec.convert(facts, Verdict)
    written = changed.authentication_results(HOST)
    assert not set(RECORD_SEPARATORS) & set(written)
    field = parse_authentication_results(written)
    assert field.error is None
    assert len(field.results) == len(verdict.dkim) + 4


@pytest.mark.parametrize(
    "name", ["", "  ", "a\r\nb", "a\nb", "a\0b", "a\u2028b", "\ud800", "a" * 321]
)
def test_an_authserv_id_that_cannot_be_written_is_refused(name: str) -> None:
    with pytest.raises(MailauthError, match="authserv_id"):
        sample_verdicts()[0].authentication_results(name)


@pytest.mark.parametrize("name", ["mx.example.com", "Our Filter", 'a"b\\c; d', "bücher.example"])
def test_an_authserv_id_is_read_back(name: str) -> None:
    field = parse_authentication_results(sample_verdicts()[0].authentication_results(name))
    assert (field.authserv_id, field.error) == (name, None)
    assert len(field.results) == 5


def test_forged_fields_are_stripped_and_others_stay() -> None:
    forged = b"Authentication-Results: mx.example.com;\r\n dkim=pass\r\n"
    other = b"Authentication-Results: other.example; spf=pass\r\n"
    rest = b"From: a@example.com\r\n\r\nAuthentication-Results: mx.example.com; none\r\n"
    for octets in (bytes, bytearray, memoryview):
        stripped = strip_authentication_results(octets(forged + other + rest), ["example.com"])
        assert stripped == other + rest
    assert strip_authentication_results(forged + rest, ("net.example",)) == forged + rest
    for wrong in ("example.com", [""], [1]):
        with pytest.raises(MailauthError, match="authserv_ids"):
            strip_authentication_results(rest, wrong)  # type: ignore[arg-type]
    with pytest.raises(MailauthError, match="octets"):
        strip_authentication_results("text", ["a"])  # type: ignore[arg-type]
