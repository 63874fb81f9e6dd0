"""Cases 66 to 73: ARC chains, and results that others wrote."""

from __future__ import annotations

import base64
import re
from typing import TYPE_CHECKING, Any

import mailauth_fast
import pytest
from mailauth_fast import Envelope, Policy

from tests.door import NOW, batch, document, verdict, words
from tests.hostile.scene import (
    ATTACK_SIGNER,
    ATTACKER,
    LEGITIMATE,
    SIGNER,
    ZONE,
    attacker,
    judged,
    legitimate,
    mail,
)
from tests.keys import rsa_key
from tests.signing import Sealer, Signer, seal

if TYPE_CHECKING:
    from collections.abc import Callable

LIST = Signer(
    domain="list.example", selector="s1", key=rsa_key("list", 1024), headers=("from", "subject")
)
HOP = LIST.having(domain="hop.example")
SEALERS: dict[str, Any] = {each.key_name: {"TXT": [each.key.record()]} for each in (LIST, HOP)}
RECEIVER = Policy(receiver="mx.receiver.example")


def chained(*sealers: Sealer, raw: bytes | None = None) -> bytes:
    """Return a message with one set for each sealer."""
    message = legitimate() if raw is None else raw
    for sealer in sealers:
        message = seal(message, sealer)
    return message


ONE = Sealer(signer=LIST)
TWO = Sealer(signer=HOP)


def arc(raw: bytes, zone: dict[str, Any] | None = None, **options: Any) -> dict[str, Any]:
    """Return the verdict's `arc` object."""
    return dict(judged(raw, {**SEALERS, **(zone or {})}, **options)["arc"])


def without(message: bytes, name: bytes) -> bytes:
    """Return a message without its topmost field of this name."""
    pattern = rb"^" + name + rb":[^\n]*\n(?:[ \t][^\n]*\n)*"
    return re.sub(pattern, b"", message, count=1, flags=re.MULTILINE)


def test_the_stage_passes() -> None:
    assert arc(chained(ONE))["result"] == "pass"
    found = arc(chained(ONE, TWO))
    assert (found["result"], found["instances"], found["oldest_pass"]) == ("pass", 2, 0)
    assert [each["domain"] for each in found["sealers"]] == ["list.example", "hop.example"]


WIDE = "x-wide"
OLDER_SETS = "oldest-pass-limit"


@pytest.mark.parametrize(("octets", "oldest"), [(1 << 20, 0), (3 << 20, None)])
def test_case_069_older_sets_over_a_large_header_are_not_looked_at(
    octets: int, oldest: int | None
) -> None:
    signers = [signer.having(headers=("from", WIDE)) for signer in (LIST, HOP, LIST)]
    wide = f"{WIDE}: ".encode() + b"x" * octets + b"\r\n" + legitimate()
    row = judged(chained(*(Sealer(signer=signer) for signer in signers), raw=wide), SEALERS)
    assert (row["arc"]["result"], row["arc"]["oldest_pass"]) == ("pass", oldest)
    assert (OLDER_SETS in row["limits"]) == (oldest is None)


def with_other_keys(signer: Signer, bits: int) -> dict[str, Any]:
    """Publish a signer's key as the last of five that may all be tried."""
    text = rsa_key("others", bits).record()
    # The first digits after the headers of DER: another modulus of the same size.
    place = text.index("p=") + 80
    others = [text[:place] + digits + text[place + 2 :] for digits in ("AA", "BB", "CC", "DD")]
    return {signer.key_name: {"TXT": [*others, signer.key.record()]}}


@pytest.mark.parametrize(("sets", "oldest"), [(20, 0), (22, None)])
def test_case_069_older_sets_with_many_keys_are_not_looked_at(
    sets: int, oldest: int | None
) -> None:
    # Five keys of 1024 bits for each of the older sets: at most 100 operations.
    raw = chained(*[ONE] * sets)
    row = judged(raw, {**SEALERS, **with_other_keys(LIST, 1024)})
    assert (row["arc"]["result"], row["arc"]["oldest_pass"]) == ("pass", oldest)
    assert (OLDER_SETS in row["limits"]) == (oldest is None)


@pytest.mark.parametrize(("sets", "reason"), [(15, "verified"), (16, "limit-exceeded")])
def test_case_069_seals_with_many_large_keys_are_not_all_tried(sets: int, reason: str) -> None:
    # Four keys of 4096 bits and one of 1024 are worth 65 operations of 1024 bits; 1,000 are spent.
    raw = chained(*[ONE] * sets)
    row = judged(raw, {**SEALERS, **with_other_keys(LIST, 4096)})
    assert (row["arc"]["reason"], row["arc"]["instances"]) == (reason, sets)
    assert ("limit-exceeded" in row["limits"]) == (reason == "limit-exceeded")


def renumbered(instance: str) -> Callable[[bytes], bytes]:
    """Write another instance into every field of the first set."""
    return lambda raw: re.sub(rb"\bi=1;", b"i=" + instance.encode() + b";", raw)


@pytest.mark.parametrize(
    "change",
    [
        *(
            renumbered(instance)
            for instance in ("0", "51", "001", "+1", "99999999999", "", "-1", "x", "1 1")
        ),
        lambda raw: raw.replace(b"i=1; ", b""),
        lambda raw: without(raw, b"ARC-Seal"),
        lambda raw: without(raw, b"ARC-Message-Signature"),
        lambda raw: without(raw, b"ARC-Authentication-Results"),
        lambda raw: without(without(raw, b"ARC-Seal"), b"ARC-Message-Signature"),
        lambda raw: without(without(raw, b"ARC-Seal"), b"ARC-Authentication-Results"),
        lambda raw: raw[: raw.index(b"ARC-Auth")] + raw,
    ],
)
def test_case_066_broken_sets_fail(change: Callable[[bytes], bytes]) -> None:
    changed = change(chained(ONE))
    assert arc(changed)["result"] == "fail"


def test_case_066_a_leading_zero_fits_the_grammar() -> None:
    override = {"i": "01"}
    raw = seal(legitimate(), Sealer(signer=LIST.having(override=override)))
    assert arc(raw)["result"] in {"pass", "fail"}
    assert arc(raw)["instances"] == 1


def test_case_066_a_gap_fails_and_order_of_fields_does_not_matter() -> None:
    assert arc(chained(ONE, Sealer(signer=HOP, instance=3)))["result"] == "fail"
    fields = re.findall(rb"^ARC-[^\n]*\n(?:[ \t][^\n]*\n)*", chained(ONE), flags=re.MULTILINE)
    assert arc(b"".join(reversed(fields)) + legitimate())["result"] == "pass"


@pytest.mark.parametrize(
    "field",
    [
        b"ARC-Seal: x",
        b"ARC-Seal: i=1; none",
        b"ARC-Seal:",
        b"ARC-Message-Signature: i=1",
        b"ARC-Seal: i=1; i=2; cv=none",
    ],
)
def test_case_067_fields_that_are_no_tag_lists(field: bytes) -> None:
    assert arc(field + b"\r\n" + legitimate())["result"] == "fail"


def test_case_067_a_seal_of_4096_bits() -> None:
    key = rsa_key("seal", 4096)
    large = LIST.having(selector="s4", key=key)
    assert (
        arc(chained(Sealer(signer=large)), {large.key_name: {"TXT": [key.record()]}})["result"]
        == "pass"
    )


@pytest.mark.parametrize(
    "sealers",
    [
        [Sealer(signer=LIST, chain_validation="pass")],
        [ONE, Sealer(signer=HOP, chain_validation="none")],
        [ONE, Sealer(signer=HOP, chain_validation="fail")],
        [ONE, Sealer(signer=HOP, chain_validation="fail"), Sealer(signer=LIST)],
        [ONE, Sealer(signer=HOP, chain_validation="bogus")],
        [Sealer(signer=LIST, seal_tags={"h": "from"})],
    ],
    ids=["first-pass", "second-none", "second-fail", "after-fail", "unknown", "header-tag"],
)
def test_case_068_seals_that_contradict_themselves(sealers: list[Sealer]) -> None:
    assert arc(chained(*sealers))["result"] == "fail"


def test_case_068_a_message_signature_with_a_length() -> None:
    partial = Sealer(signer=LIST.having(body_length=5))
    assert arc(chained(partial) + b"appended\r\n")["result"] == "pass"
    assert arc(chained(ONE) + b"appended\r\n")["result"] == "fail"


@pytest.mark.parametrize(("count", "word"), [(49, "pass"), (50, "pass"), (51, "fail")])
def test_case_069_fifty_sets(count: int, word: str) -> None:
    raw = chained(*([ONE] * count))
    row = judged(raw, SEALERS)
    assert (row["arc"]["result"], row["arc"]["instances"]) == (word, count)
    # One key for all sets, one for the signature, the policy.
    assert row["dns_questions"] <= 4


def test_case_069_fifty_dead_name_servers() -> None:
    sealers = [Sealer(signer=LIST.having(domain=f"d{number}.example")) for number in range(50)]
    zone = {sealer.signer.key_name: "TIMEOUT" for sealer in sealers}
    row = judged(chained(*sealers), zone)
    assert row["arc"]["result"] == "temperror"
    assert row["dns_questions"] <= 100 + 4


def test_case_070_a_self_sealed_chain_overrides_nothing_unless_trusted() -> None:
    claim = f"dkim=pass header.d={LEGITIMATE}; dmarc=pass header.from={LEGITIMATE}"
    raw = chained(Sealer(signer=ATTACK_SIGNER, results=claim), raw=mail())
    row = judged(raw, envelope=attacker())
    assert (row["arc"]["result"], row["dmarc"]["result"]) == ("pass", "fail")
    assert row["disposition"]["action"] in {"reject", "quarantine"}
    assert (row["disposition"]["override"] or "local_policy") == "local_policy"
    other = judged(raw, envelope=attacker(), policy=Policy(trusted_sealers=("list.example",)))
    assert other["disposition"]["action"] == row["disposition"]["action"]


def test_case_070_a_trusted_sealer_is_believed() -> None:
    claim = f"dkim=pass header.d={LEGITIMATE}; dmarc=pass header.from={LEGITIMATE}"
    raw = chained(Sealer(signer=LIST, results=claim), raw=mail())
    row = judged(
        raw, SEALERS, envelope=attacker(), policy=Policy(trusted_sealers=("list.example",))
    )
    assert (row["arc"]["result"], row["dmarc"]["result"]) == ("pass", "fail")
    assert row["disposition"]["action"] == "none"
    assert row["disposition"]["override"] == "local_policy"


def test_case_071_a_message_leaves_nothing_to_the_next() -> None:
    messages = [
        chained(ONE, TWO),
        mail(),
        chained(Sealer(signer=LIST, chain_validation="fail")),
        legitimate(),
        b"ARC-Seal: x\r\n" + mail(),
        b"",
        chained(ONE),
    ]
    zone = {**ZONE, **SEALERS}
    alone = [words(verdict(message, zone)) for message in messages]
    pairs = [index for first in range(7) for second in range(7) for index in (first, second)]
    found = batch([messages[index] for index in pairs], zone, workers=1)
    assert [words(row) for row in found] == [alone[index] for index in pairs]


@pytest.mark.parametrize(
    "field",
    [
        b"Authentication-Results: mx.receiver.example; dmarc=pass\r\n" * 3,
        b"Authentication-Results: mx.receiver.example; "
        + b"dkim=pass header.d=legitimate.example; " * 10_000
        + b"\r\n",
        b"Authentication-Results:\r\n",
        b"Received-SPF: pass client-ip=192.0.2.1\r\n",
    ],
    ids=["three", "ten-thousand", "empty", "received-spf"],
)
def test_case_072_results_of_others_are_ignored(field: bytes) -> None:
    plain = judged(mail(), envelope=attacker())
    assert words(judged(field + mail(), envelope=attacker())) == words(plain)


HOSTILE_TEXT = [
    "\r\nX-Evil: y",
    "a;b",
    "a(b",
    "a)b",
    'a"b',
    "a\\b",
    "\x1b[2J",
    "\x80",
    "a\0b",
    "dkim=pass",
]


@pytest.mark.parametrize("text", HOSTILE_TEXT)
def test_case_073_written_results_are_one_field_that_reads_back(text: str) -> None:
    signer = SIGNER.having(override={"d": text, "i": f"{text}@{LEGITIMATE}"})
    envelope = Envelope(client_ip="198.51.100.66", helo=text, mail_from=f"{text}@{ATTACKER}")
    row = judged(legitimate(signer), envelope=envelope, policy=RECEIVER)
    written = (row["authentication_results"] or "").removesuffix("\r\n")
    assert re.search(r"\r(?!\n)|\n(?![ \t])|\0|\x1b", written) is None
    read = getattr(mailauth_fast, "parse_authentication_results", None)
    if read is None or not written:
        return
    value = re.sub(r"(?i)^authentication-results:", "", written)
    found = document(read(value))
    assert (found["error"], found["authserv_id"]) == (None, RECEIVER.receiver)
    words_read = [each["result"] for each in found["results"] if each["method"] == "dkim"]
    assert len(words_read) == len(row["dkim"])
    assert "pass" not in words_read


def test_case_073_base64_values_are_no_injection() -> None:
    raw = legitimate(SIGNER.having(override={"b": base64.b64encode(b"\r\nX: y" * 9).decode()}))
    row = judged(raw, policy=RECEIVER, now=NOW)
    assert "\nX:" not in (row["authentication_results"] or "")
