"""Archives as other programs write them give the rows of the mail that they hold."""

from __future__ import annotations

import gzip
import io
import json
import lzma
import mailbox
import subprocess
import sys
import tarfile
import zipfile
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

SAMPLE = Path(__file__).parent / "sample"
MBOX = SAMPLE / "sample.mbox"
ZONE = f"zone:{SAMPLE / 'dns.json'}"
PARTIAL = 3


def rows_of(
    path: str | Path, stdin: bytes = b"", code: int = 0
) -> tuple[list[dict[str, Any]], list[str]]:
    command = [sys.executable, "-m", "mailauth_fast", "verify", str(path)]
    command += ["--dns", ZONE, "--format", "jsonl", "-q"]
    done = subprocess.run(command, input=stdin, capture_output=True, check=False, timeout=120)
    assert done.returncode == code, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()], done.stderr.decode().split("\n")


def without_place(rows: list[dict[str, Any]]) -> list[str]:
    return sorted(
        json.dumps({name: row[name] for name in row if name not in {"id", "repairs"}})
        for row in rows
    )


def tar_of(members: dict[str, bytes], form: int) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=form) as archive:
        for name, octets in members.items():
            member = tarfile.TarInfo(name)
            member.size = len(octets)
            archive.addfile(member, io.BytesIO(octets))
    return buffer.getvalue()


def zip_of(members: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        for name, octets in members.items():
            archive.writestr(name, octets)
    return buffer.getvalue()


def messages_of() -> dict[str, bytes]:
    """The sample's messages as a folder of a Maildir with long names."""
    with closing(mailbox.mbox(MBOX)) as box:
        return {
            f"{'long' * 40}/cur/1732437600.M1P{number}.host:2,S": box.get_bytes(key)
            for number, key in enumerate(box.iterkeys())
        }


@pytest.fixture(scope="module")
def expected() -> list[str]:
    return without_place(rows_of(MBOX)[0])


def test_compressed_and_contained_mboxes_give_the_same_rows(
    tmp_path: Path, expected: list[str]
) -> None:
    mbox = MBOX.read_bytes()
    half = len(mbox) // 2
    several = gzip.compress(mbox[:half]) + gzip.compress(mbox[half:])
    members = {"mail/inbox": mbox, "notes.txt": b"# no mail\n"}
    for name, octets in {
        "a.gz": several,
        "a.xz": lzma.compress(mbox[:half]) + lzma.compress(mbox[half:]),
        "a.ustar": tar_of(members, tarfile.USTAR_FORMAT),
        "a.tgz": gzip.compress(tar_of({"inbox.gz": several}, tarfile.GNU_FORMAT)),
        "a.zip": zip_of({"mail/inbox": mbox, "a.jpg": b"\xff\xd8"}),
        "b.zip": zip_of({"a.zip": zip_of({"inbox.xz": lzma.compress(mbox)})}, zipfile.ZIP_STORED),
    }.items():
        path = tmp_path / name
        path.write_bytes(octets)
        rows, _ = rows_of(path)
        assert without_place(rows) == expected, name
        assert rows[0]["id"].startswith(name)
        streamed, _ = rows_of("-", octets)
        assert without_place(streamed) == expected, name
        assert [row["id"] for row in streamed] == [row["id"].replace(name, "-", 1) for row in rows]


def test_messages_in_a_tar_or_zip_give_the_same_rows(tmp_path: Path, expected: list[str]) -> None:
    members = messages_of()
    archives = {"a.zip": zip_of(members)}
    for form in (tarfile.GNU_FORMAT, tarfile.PAX_FORMAT):
        archives[f"{form}.tar"] = tar_of(members, form)
    for name, octets in archives.items():
        path = tmp_path / name
        path.write_bytes(octets)
        rows, _ = rows_of(path)
        assert len(rows) == len(expected), name
        assert all("/cur/17324376" in row["id"] and ":2," not in row["id"] for row in rows)
        assert len({row["id"] for row in rows}) == len(rows)


def test_a_damaged_archive_keeps_its_rows_and_is_partial(tmp_path: Path) -> None:
    mbox = MBOX.read_bytes()
    path = tmp_path / "cut.mbox.gz"
    octets = gzip.compress(mbox)
    path.write_bytes(octets[: len(octets) * 2 // 3])
    rows, sentences = rows_of(path, code=PARTIAL)
    assert len(rows) > 1
    assert [row["error"] for row in rows[-2:]] == [None, "unreadable"]
    assert "cut.mbox.gz: its gzip data end too early" in sentences[0]
