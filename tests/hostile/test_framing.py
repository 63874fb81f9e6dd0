"""Cases 32 to 42: where header and body end, and what canonicalization makes of them."""

from __future__ import annotations

import base64
import hashlib
import itertools
import re

import pytest
from mailauth_fast import Policy

from tests.canonicalization import canonical_body, canonical_field, split_message
from tests.door import batch
from tests.hostile.scene import (
    ATTACK_SIGNER,
    BODY,
    LEGITIMATE,
    SIGNER,
    ZONE,
    dkim_word,
    judged,
    legitimate,
    mail,
)
from tests.signing import sign, signature_field

MODES = ["relaxed", "simple"]
PAIRS = [f"{header}/{body}" for header in MODES for body in MODES]


def test_case_032_the_body_begins_at_a_line_that_is_no_field() -> None:
    raw = sign(mail(body=b"no field\r\nX-Header: x\r\n\r\nbody\r\n"), SIGNER)
    row = judged(raw.replace(b"\r\n\r\n", b"\r\n", 1))
    assert row["dkim"][0]["result"] == "pass"
    assert row["repairs"] == ["no-blank-line"]


@pytest.mark.parametrize("line", [b" led by a space\r\n", b"\t\r\n", b" \r\n"])
def test_case_032_a_line_led_by_white_space_continues_the_field(line: bytes) -> None:
    raw = legitimate(SIGNER.having(canonicalization="simple/simple"))
    assert dkim_word(raw.replace(b"\r\n\r\n", b"\r\n" + line + b"\r\n", 1)) == "fail"
    assert dkim_word(legitimate().replace(b"\r\n\r\n", b"\r\n" + line + b"\r\n", 1)) == (
        "fail" if line.strip() else "pass"
    )


def test_case_032_a_line_between_header_and_body_of_a_signed_message() -> None:
    raw = legitimate().replace(b"\r\n\r\n", b"\r\nno colon here\r\n\r\n", 1)
    assert dkim_word(raw) == "fail"


@pytest.mark.parametrize("pair", PAIRS)
def test_case_033_bare_line_feeds_are_line_ends(pair: str) -> None:
    raw = legitimate(SIGNER.having(canonicalization=pair))
    for stored in (raw.replace(b"\r\n", b"\n"), raw.replace(b"\r\n", b"\n", 5)):
        row = judged(stored)
        assert row["dkim"][0]["result"] == "pass"
        assert "lf" in row["repairs"]
    assert judged(raw)["repairs"] == []


@pytest.mark.parametrize("pair", PAIRS)
def test_case_033_bare_carriage_returns_and_nul_are_octets(pair: str) -> None:
    parts = {"subject": b"nul \0 and 8-bit \xff", "body": b"a\rb\r\r\n\0\r\nc \r\r\n"}
    row = judged(sign(mail(**parts), SIGNER.having(canonicalization=pair)))
    assert row["dkim"][0]["result"] == "pass"
    assert "bare-cr" in row["repairs"]


@pytest.mark.parametrize("end", [b"\n.\n", b"\r.\r", b"\n.\r\n", b"\r\n.\r\n", b"\r\n.\n"])
def test_case_034_an_end_of_data_inside_a_message_ends_nothing(end: bytes) -> None:
    inner = b"MAIL FROM:<a@attack.example>\r\nDATA\r\nFrom: a@attack.example\r\n\r\nx\r\n"
    body = b"before" + end + inner
    as_read = re.sub(rb"(?<!\r)\n", b"\r\n", body)
    signature = signature_field(mail(body=as_read), SIGNER)
    (row,) = batch([signature + mail(body=body)], ZONE)
    assert row["dkim"][0]["result"] == "pass"
    assert row["author"]["domain"] == LEGITIMATE


def small_bodies() -> list[bytes]:
    """Return every body of up to six symbols."""
    symbols = [b"\r", b"\n", b" ", b"\t", b"a"]
    return [b"".join(body) for size in range(7) for body in itertools.product(symbols, repeat=size)]


def claimed(body: bytes, mode: str) -> bytes:
    """Return a signature field whose body hash alone is right."""
    digest = hashlib.sha256(canonical_body(re.sub(rb"(?<!\r)\n", b"\r\n", body), mode)).digest()
    tags = f"v=1; a=rsa-sha256; c=relaxed/{mode}; d={LEGITIMATE}; s=s1; h=from; b=eA=="
    return f"DKIM-Signature: {tags}; bh={base64.b64encode(digest).decode()}\r\n".encode()


def test_case_035_every_small_body_has_the_reference_hash() -> None:
    bodies = small_bodies()
    raws = [claimed(body, "relaxed") + claimed(body, "simple") + mail(body=body) for body in bodies]
    found = batch(raws, ZONE)
    wrong = [
        (body, mode)
        for body, row in zip(bodies, found, strict=True)
        for mode, signature in zip(MODES, row["dkim"], strict=True)
        if signature["body_hash"] != "pass"
    ]
    assert wrong == []
    assert len(found) == sum(5**size for size in range(7))


@pytest.mark.parametrize(
    "body", [b"", b"\r\n", b"\r\n\r\n\r\n", b"x", b"x\r\n", b" \t", b" \r\n\t\r\n", b"x \r\n \r\n"]
)
@pytest.mark.parametrize("pair", [*PAIRS, "relaxed", "simple", None])
def test_case_037_canonicalization_pairs_over_short_bodies(pair: str | None, body: bytes) -> None:
    signer = SIGNER.having(canonicalization=pair or "simple/simple")
    if pair is None:
        signer = signer.having(override={"c": None})
    assert dkim_word(sign(mail(body=body), signer)) == "pass"


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(
    "body",
    [
        b" " * 4_000_000,
        b" \t" * 2_000_000 + b"\r\n",
        b"\r\n" * 1_500_000 + b"x",
        b" \r\n" * 1_000_000,
        b"\r" * 3_000_000,
    ],
    ids=["blanks", "alternating", "empty-lines", "blank-lines", "carriage-returns"],
)
def test_case_038_bodies_that_are_quadratic_elsewhere(body: bytes, mode: str) -> None:
    assert (
        dkim_word(sign(mail(body=body), SIGNER.having(canonicalization=f"relaxed/{mode}")))
        == "pass"
    )


def test_case_039_a_thousand_signatures_of_different_lengths() -> None:
    body = b"a line of text\r\n" * 65_536
    message = mail(body=body)
    signers = [SIGNER.having(body_length=number * 1000) for number in range(10)]
    good = [signature_field(message, signer) for signer in signers]
    forged = b"".join(
        good[0].replace(b" l=0;", b" l=%d;" % length) for length in range(1000, 1_000_000, 1009)
    )
    row = judged(b"".join(good) + forged + message)
    assert [signature["result"] for signature in row["dkim"]] == ["pass"] * 10 + ["policy"] * 90
    lengths = [signature["body_octets_signed"] for signature in row["dkim"][:10]]
    assert lengths == [number * 1000 for number in range(10)]


@pytest.mark.parametrize("pair", PAIRS)
def test_case_040_results_stand_in_the_order_of_the_fields(pair: str) -> None:
    signer = SIGNER.having(canonicalization=pair)
    message = mail()
    broken = signature_field(mail(subject=b"Another"), signer)
    good = signature_field(message, signer)
    row = judged(broken + good + broken + message)
    assert [signature["result"] for signature in row["dkim"]] == ["fail", "pass", "fail"]


def test_case_040_short_and_alike_signature_values() -> None:
    raw = legitimate()
    short = signature_field(raw, ATTACK_SIGNER.having(override={"b": "eHg="}))
    alike = [
        signature_field(raw, ATTACK_SIGNER.having(override={"b": "A" * 168 + f"{number:04d}"}))
        for number in range(1000)
    ]
    row = judged(short + b"".join(alike) + raw, policy=Policy(receiver="receiver.example"))
    assert row["dmarc"]["result"] == "pass"
    assert len(row["dkim"]) == 100


FOLDED_FIELDS = [
    b"X-Folded: a\r\n \r\n\t\r\n b\r\n",
    b"X-Folded:\r\n\tone\r\n\ttwo  \r\n",
    b"X-Folded: trailing \t \r\n",
    b"X-Folded:nospace\r\n",
    b"x-FOLDED \t:  odd name\r\n",
    b"X-Folded:\r\n",
    b"X-Folded: \t\r\n",
    b"X-Folded: " + b"word " * 200_000 + b"\r\n",
    b"X-Folded: " + b" " * 1_000_000 + b"x\r\n",
    b"X-Folded: " + b"x\r\n " * 200_000 + b"x\r\n",
]


@pytest.mark.parametrize("pair", ["relaxed/relaxed", "simple/simple"])
@pytest.mark.parametrize("field", FOLDED_FIELDS, ids=range(len(FOLDED_FIELDS)))
def test_case_041_odd_header_fields(field: bytes, pair: str) -> None:
    signer = SIGNER.having(canonicalization=pair, headers=("from", "x-folded"))
    assert dkim_word(sign(field + mail(), signer)) == "pass"


def test_case_041_one_header_fifty_thousand_times() -> None:
    signer = SIGNER.having(headers=("from", *["x-many"] * 999))
    raw = sign(b"".join(b"X-Many: %d\r\n" % number for number in range(50_000)) + mail(), signer)
    assert dkim_word(raw) == "pass"
    assert dkim_word(raw.replace(b"X-Many: 49999\r\n", b"")) == "fail"


@pytest.mark.parametrize("pair", PAIRS)
def test_case_042_every_flipped_bit_of_what_is_signed(pair: str) -> None:
    header, body = pair.split("/")
    message = mail(body=b"Dear reader,\r\n two  lines \r\n\r\n")
    signature = signature_field(message, SIGNER.having(canonicalization=pair))
    flipped = [
        message[:octet] + bytes([message[octet] ^ (1 << bit)]) + message[octet + 1 :]
        for octet in range(len(message))
        for bit in range(8)
    ]
    found = batch([signature + each for each in flipped], ZONE)
    original = canonical(message, header, body)
    for each, row in zip(flipped, found, strict=True):
        is_same = canonical(each, header, body) == original
        assert (row["dkim"][0]["result"] == "pass") is is_same, each


def canonical(message: bytes, header: str, body: str) -> tuple[list[bytes], bytes]:
    """Return a message's canonical form, read with bare LF as line ends."""
    fields, rest = split_message(re.sub(rb"(?<!\r)\n", b"\r\n", message))
    return [canonical_field(field, header) for field in fields], canonical_body(rest, body)


def test_case_042_flipped_bits_outside_change_nothing() -> None:
    signer = SIGNER.having(body_length=len(BODY))
    raw = sign(mail(f"admin@{LEGITIMATE}", b"X-Unsigned: some text"), signer)
    tail = b"an uncovered line\r\n"
    for octets in (b"some text", tail):
        start = (raw + tail).index(octets)
        for octet in range(start, start + len(octets.rstrip(b"\r\n"))):
            for bit in (0, 2, 4, 7):
                changed = bytearray(raw + tail)
                changed[octet] ^= 1 << bit
                assert dkim_word(bytes(changed)) == "pass"
