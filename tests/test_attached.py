"""Mails attached to mails: rows of their own behind the row of the mail that carries them."""

from __future__ import annotations

import base64
import json
import quopri
from typing import TYPE_CHECKING, Any

import pytest
from mailauth_fast import StaticResolver, Verifier

from tests.door import archive_rows
from tests.test_cli import MBOX, SAMPLE

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

Json = dict[str, Any]
COUNT = 120
"""Mails of the sample that are forwarded."""


@pytest.fixture(scope="module")
def verifier() -> Verifier:
    return Verifier(StaticResolver(json.loads((SAMPLE / "dns.json").read_text())))


@pytest.fixture(scope="module")
def originals(verifier: Verifier) -> list[tuple[bytes, Json]]:
    """Give mails of the sample that their mbox did not change, and their rows."""
    octets = MBOX.read_bytes()
    found = []
    for row in archive_rows(verifier.verify_archive(MBOX)):
        start = int(row["id"].partition(":")[2])
        if "mbox-quoting" not in row["repairs"]:
            found.append((octets[start : start + row["size"]], row))
    return found[:COUNT]


def forward(parts: list[bytes]) -> bytes:
    body = b"".join(b"--=_b\r\n" + part + b"\r\n" for part in parts)
    header = b"From: f@forwarder.example\r\nMIME-Version: 1.0\r\n"
    kind = b'Content-Type: multipart/mixed; boundary="=_b"\r\n\r\n'
    return header + kind + body + b"--=_b--\r\n"


def part(encoding: bytes, body: bytes) -> bytes:
    header = b"Content-Type: message/rfc822\r\nContent-Transfer-Encoding: "
    return header + encoding + b"\r\n\r\n" + body


def checks(row: Json) -> Json:
    return {name: row[name] for name in ("dkim", "arc", "dmarc", "author", "size", "judged_at")}


def rows_of(verifier: Verifier, path: Path, **options: Any) -> list[Json]:
    return archive_rows(verifier.verify_archive(path, **options))


@pytest.mark.parametrize(
    ("encoding", "encode"),
    [
        (b"8bit", bytes),
        (b"base64", base64.encodebytes),
        (b"quoted-printable", lambda octets: quopri.encodestring(octets, quotetabs=True)),
    ],
)
def test_an_attached_mail_gets_the_verdict_it_has_by_itself(
    tmp_path: Path,
    verifier: Verifier,
    originals: list[tuple[bytes, Json]],
    encoding: bytes,
    encode: Callable[[bytes], bytes],
) -> None:
    parts = [part(encoding, encode(octets)) for octets, _ in originals[:99]]
    path = tmp_path / "digest.eml"
    path.write_bytes(forward([b"\r\nhello", *parts]))
    outer, *attached = rows_of(verifier, path, attached=True)
    assert outer["id"] == "digest.eml"
    assert "attached-limit" not in outer["repairs"]
    assert [row["id"] for row in attached] == [f"digest.eml/{n}" for n in range(2, 101)]
    for (_, original), row in zip(originals, attached, strict=False):
        assert checks(row) == checks(original), original["id"]
    assert sum(row["dkim"] != [] and row["dkim"][0]["result"] == "pass" for row in attached) > 9


def test_without_the_request_attached_mail_is_no_row(
    tmp_path: Path, verifier: Verifier, originals: list[tuple[bytes, Json]]
) -> None:
    path = tmp_path / "one.eml"
    path.write_bytes(forward([part(b"8bit", originals[0][0])]))
    assert len(rows_of(verifier, path)) == 1
    assert len(rows_of(verifier, path, attached=True)) == 2


def test_rows_stand_behind_the_mail_that_carries_them(
    tmp_path: Path, verifier: Verifier, originals: list[tuple[bytes, Json]]
) -> None:
    mail = originals[0][0]
    inner = forward([b"\r\ntext", part(b"8bit", mail)])
    outer = forward([part(b"base64", base64.encodebytes(inner)), part(b"8bit", mail)])
    for name in ("1.eml", "2.eml"):
        (tmp_path / name).write_bytes(outer)
    found = rows_of(verifier, tmp_path, attached=True)
    ids = [row["id"] for row in found]
    assert ids == [f"{n}.eml{rest}" for n in (1, 2) for rest in ("", "/1", "/1.2", "/2")]
    assert checks(found[2]) == checks(found[3]) == checks(originals[0][1])


def test_a_limit_that_is_hit_is_said_in_the_row_of_the_outer_mail(
    tmp_path: Path, verifier: Verifier
) -> None:
    path = tmp_path / "many.eml"
    path.write_bytes(forward([part(b"8bit", b"From: a@example.com\r\n\r\n")] * 101))
    outer, *attached = rows_of(verifier, path, attached=True)
    assert len(attached) == 100
    assert outer["repairs"] == ["attached-limit"]


def test_hostile_structures_give_rows_and_no_fault(tmp_path: Path, verifier: Verifier) -> None:
    whole = forward(
        [part(b"base64", base64.encodebytes(forward([part(b"8bit", b"A: 1\r\n\r\n")])))]
    )
    for length in range(0, len(whole), 7):
        (tmp_path / f"{length:04}.eml").write_bytes(whole[:length] or b"A: 1\r\n")
        cut = whole[:length] + whole[length + 5 :]
        (tmp_path / f"{length:04}.cut.eml").write_bytes(cut)
    found = rows_of(verifier, tmp_path, attached=True)
    files = len(list(tmp_path.iterdir()))
    outer = [row for row in found if "/" not in row["id"]]
    assert len(outer) == files
    assert len(found) > files
    assert all(row["error"] is None for row in found)
