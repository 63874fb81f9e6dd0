"""Cases 74 to 76 and 89: messages and archives of odd shapes."""

from __future__ import annotations

import random
import re
from typing import TYPE_CHECKING

import pytest
from mailauth_fast import UnreadableInput

from tests.door import archive_rows, author, batch, rows, verifier
from tests.hostile.scene import LEGITIMATE, SIGNER, ZONE, dkim_word, judged, legitimate, mail
from tests.signing import sign

if TYPE_CHECKING:
    from pathlib import Path

FIELD_LIMIT = 100_000


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"x",
        b"\r\n",
        b"\n" * 100,
        b"\r",
        b"\0",
        b":",
        b":\r\n",
        b"From:",
        b"\xff" * 1000,
        b"\r\n\r\nFrom: a@b.example\r\n\r\n",
    ],
)
def test_case_074_tiny_messages(raw: bytes) -> None:
    row = judged(raw)
    assert row["error"] is None
    assert row["size"] == len(raw)
    assert (row["dkim"], row["arc"]["result"], row["dmarc"]["result"]) == ([], "none", "none")


def test_case_074_every_prefix_of_a_message() -> None:
    raw = legitimate()
    found = batch([raw[:end] for end in range(len(raw) + 1)], ZONE)
    assert [row["size"] for row in found] == list(range(len(raw) + 1))
    passing = [row["size"] for row in found if row["dmarc"]["result"] == "pass"]
    # The last CRLF is restored by canonicalization.
    assert passing == [len(raw) - 2, len(raw) - 1, len(raw)] or passing == [len(raw) - 2, len(raw)]


def test_case_074_header_without_body() -> None:
    raw = sign(b"From: a@legitimate.example\r\nSubject: x\r\n", SIGNER)
    assert dkim_word(raw) == "pass"
    assert dkim_word(raw + b"\r\n") == "pass"


@pytest.mark.parametrize("count", [FIELD_LIMIT - 2, FIELD_LIMIT - 1, FIELD_LIMIT])
def test_case_074_the_limit_of_header_fields(count: int) -> None:
    # The signature and the message's own three fields are among them.
    raw = legitimate()
    more = b"".join(b"A:%d\r\n" % number for number in range(count - 4))
    row = judged(raw.replace(b"From: ", more + b"From: ", 1))
    assert (row["dkim"][0]["result"], row["dmarc"]["result"]) == ("pass", "pass")


def test_case_074_a_million_header_fields() -> None:
    raw = legitimate().replace(b"\r\n\r\n", b"\r\n" + b"A:\r\n" * 1_000_000 + b"\r\n", 1)
    row = judged(raw)
    assert (row["dkim"][0]["result"], row["dkim"][0]["reason"]) == ("permerror", "limit-exceeded")
    assert (row["dmarc"]["result"], row["dmarc"]["reason"]) == ("permerror", "limit-exceeded")


def test_case_074_a_header_of_seventeen_megabytes() -> None:
    raw = b"X: " + b"x" * (17 << 20) + b"\r\n" + legitimate()
    row = judged(raw)
    assert (row["dmarc"]["result"], row["dmarc"]["reason"]) == ("permerror", "limit-exceeded")


def test_case_074_a_body_of_sixteen_megabytes() -> None:
    line = b"x" * 76 + b"\r\n"
    assert dkim_word(legitimate(body=line * (1 << 18))) == "pass"


def test_case_075_twenty_thousand_nested_parts() -> None:
    parts = b"".join(
        b'--%d\r\nContent-Type: multipart/mixed; boundary="%d"\r\n\r\n' % (number, number + 1)
        for number in range(20_000)
    )
    fields = (b'Content-Type: multipart/mixed; boundary="0"',)
    raw = sign(mail(f"admin@{LEGITIMATE}", *fields, body=parts), SIGNER)
    assert dkim_word(raw) == "pass"


@pytest.mark.parametrize(
    "field",
    [
        b"Content-Type: text/plain" + b"".join(b"; n*%d*=x" % n for n in range(100_000)),
        b"Content-Type: text/plain" + b"".join(b'; p%d="x"' % n for n in range(100_000)),
        "Subject-Copy: Grüße 你好".encode(),
        b"X-Ebcdic: " + bytes(range(0x40, 0x100)),
    ],
    ids=["sections", "parameters", "smtputf8", "ebcdic"],
)
def test_case_076_huge_parameters_and_other_alphabets(field: bytes) -> None:
    signer = SIGNER.having(headers=("from", "subject", "content-type", "subject-copy", "x-ebcdic"))
    assert dkim_word(sign(mail(f"admin@{LEGITIMATE}", field), signer)) == "pass"


@pytest.mark.parametrize("mark", [b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff"])
def test_case_076_a_byte_order_mark_begins_no_field(mark: bytes) -> None:
    row = judged(mark + mail())
    assert row["author"]["domain"] is None
    assert "no-blank-line" in row["repairs"]
    assert (
        judged("From: a@legitimate.example\r\n\r\nx".encode("utf-16"))["dmarc"]["result"] == "none"
    )


def test_case_074_random_octets_never_raise() -> None:
    source = random.Random(20_260_504)
    alphabet = (
        b'\r\n\t :;=\0\xffFrom:DKIM-Signature:ARC-Seal: v=1; a=rsa-sha256; d=a.example; b= @<>()"\\'
    )
    raws = [bytes(source.choices(alphabet, k=source.randrange(400))) for _ in range(3000)]
    heads = [b"DKIM-Signature: ", b"From: ", b"ARC-Seal: i=1; ", b"ARC-Message-Signature: ", b""]
    found = batch([source.choice(heads) + raw for raw in raws], ZONE)
    assert {row["error"] for row in found} == {None}
    assert "pass" not in {signature["result"] for row in found for signature in row["dkim"]}
    assert all(author(raw)["domain"] is None or "." in author(raw)["domain"] for raw in raws[:300])


def messages_of(path: Path) -> list[dict[str, object]]:
    """Return the rows of an archive."""
    return archive_rows(verifier(ZONE).verify_archive(path))


def entry(body: bytes, line: bytes = b"From a@b.example Mon May  4 06:00:00 2026\n") -> bytes:
    """Return an mbox entry with a body as it stands."""
    return line + b"From: a@legitimate.example\nSubject: x\n\n" + body


@pytest.mark.parametrize(
    ("stored", "count"),
    [
        (entry(b"one\n\n") + entry(b"two\n"), 2),
        (entry(b"one\n\n") + entry(b"no final newline"), 2),
        (entry(b">From here\n>>From there\n\n") + entry(b"two\n"), 2),
        ((entry(b"one\n\n") + entry(b"two\n")).replace(b"\n", b"\r\n"), 2),
        (entry(b"one\n\n").replace(b"\n", b"\r\n") + entry(b"two\n"), 2),
        (entry(b"Content-Length: 999999\n\n") + entry(b"two\n"), 2),
        (
            b"Content-Length: 5\n".join([entry(b"")[:42], entry(b"one\n\n")[42:]])
            + entry(b"two\n"),
            2,
        ),
        (entry(b"\0" * 4096 + b"\n\n") + entry(b"two\n"), 2),
        (b"".join(entry(b"x\n\n") for _ in range(5000)), 5000),
        (entry(b""), 1),
    ],
    ids=[
        "two",
        "no-end",
        "quoted",
        "crlf",
        "mixed",
        "length-in-body",
        "length",
        "nul",
        "many",
        "empty",
    ],
)
def test_case_089_every_message_of_an_mbox_is_found_once(
    tmp_path: Path, stored: bytes, count: int
) -> None:
    path = tmp_path / "a.mbox"
    path.write_bytes(stored)
    found = messages_of(path)
    assert len(found) == count
    starts = [int(str(row["id"]).rpartition(":")[2]) for row in found]
    assert starts == sorted(set(starts))
    lines = [match.start() for match in re.finditer(rb"^From a@b", stored, flags=re.MULTILINE)]
    ends = [match.end() for match in re.finditer(rb"^From a@b[^\n]*\n", stored, flags=re.MULTILINE)]
    assert starts in (lines, ends)


def test_case_089_a_file_that_does_not_begin_with_from_loses_nothing(tmp_path: Path) -> None:
    path = tmp_path / "a.mbox"
    path.write_bytes(b"junk before\n\n" + entry(b"one\n\n") + entry(b"two\n"))
    tables = verifier(ZONE).verify_archive(path)
    assert len(rows(next(tables))) == 2
    with pytest.raises(UnreadableInput, match=r"octets 0 to 1[23]"):
        next(tables)
