"""Tables and spools: the same messages give the same verdicts out of every store.

Knows how each store is written; must not know any rule of the protocols.
"""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any

import duckdb
import pytest
from mailauth_fast import Envelope

from tests.door import Row, archive_rows, batch, verifier
from tests.sample import generate

if TYPE_CHECKING:
    from pathlib import Path

ZONE: dict[str, Any] = json.loads((generate.FOLDER / "dns.json").read_bytes())
EXPECTED: list[Row] = json.loads((generate.FOLDER / "expected.json").read_bytes())
RECEIVED_AT = 1_777_874_400
# What a store cannot keep, or names in its own way.
OWN_TO_THE_STORE = ("id", "repairs")


def messages() -> list[tuple[bytes, Row]]:
    """Return each message as on the wire, with its envelope."""
    entries, _ = generate.sample()
    octets = [generate.unquoted(entry).replace(b"\r\n", b"\n") for entry in entries]
    wire = [message.replace(b"\n", b"\r\n") for message in octets if message.endswith(b"\n")]
    assert len(wire) == len(EXPECTED)
    facts: Row = {"rcpt_to": ["user@example.org"], "protocol": "ESMTP", "received_at": RECEIVED_AT}
    envelopes: list[Row] = [{**facts, **expected["envelope"]} for expected in EXPECTED]
    return list(zip(wire, envelopes, strict=True))


def record(kind: bytes, data: bytes) -> bytes:
    """Return a record of a Postfix queue file."""
    length, groups = len(data), b""
    while length > 127:
        groups += bytes([length & 127 | 128])
        length >>= 7
    return kind + groups + bytes([length]) + data


def write_postfix(path: Path, octets: bytes, envelope: Row) -> None:
    """Write a queue file as Postfix does."""
    sizes = f"{len(octets):>15} {100:>15} {1:>15} {0:>15}"
    head = [
        (b"C", sizes),
        (b"T", f"{RECEIVED_AT} 1"),
        (b"S", envelope["mail_from"]),
        (b"A", f"log_client_address={envelope['client_ip']}"),
        (b"A", f"log_helo_name={envelope['helo']}"),
        (b"A", "log_protocol_name=ESMTP"),
        (b"R", "user@example.org"),
        (b"M", ""),
    ]
    records = [record(kind, text.encode()) for kind, text in head]
    records += [record(b"N", line) for line in octets.split(b"\r\n")[:-1]]
    path.write_bytes(b"".join([*records, record(b"X", b""), record(b"E", b"")]))


def write_exim(folder: Path, number: int, octets: bytes, envelope: Row) -> None:
    """Write a pair of spool files as Exim does."""
    name = f"1xVhGj-{number:06}-0B"
    header, _, body = octets.replace(b"\r\n", b"\n").partition(b"\n\n")
    head = (
        f"{name}-H\nexim 1 1\n<{envelope['mail_from']}>\n{RECEIVED_AT} 0\n"
        f"--helo_name {envelope['helo']}\n-host_address [{envelope['client_ip']}]:25\n"
        "-received_protocol esmtp\nXX\n1\nuser@example.org\n\n"
    )
    field = f"{len(header) + 1:03}  ".encode() + header + b"\n"
    (folder / f"{name}-H").write_bytes(head.encode() + field)
    (folder / f"{name}-D").write_bytes(f"{name}-D\n".encode() + body)


def write_jsonl(path: Path) -> None:
    """Write a line a message."""
    lines = [
        json.dumps({"raw": base64.b64encode(octets).decode(), **envelope})
        for octets, envelope in messages()
    ]
    path.write_text("\n".join(lines))


def write_parquet(path: Path) -> None:
    """Write a table as DuckDB does."""
    connection = duckdb.connect()
    connection.execute(
        "create table mail (raw blob, client_ip varchar, helo varchar, mail_from varchar,"
        " rcpt_to varchar[], protocol varchar, received_at timestamp)"
    )
    order = ("client_ip", "helo", "mail_from", "rcpt_to", "protocol", "received_at")
    connection.executemany(
        "insert into mail values (?, ?, ?, ?, ?, ?, make_timestamp(?::bigint * 1000000))",
        [(octets, *(envelope[name] for name in order)) for octets, envelope in messages()],
    )
    connection.execute(f"copy mail to '{path}' (format parquet, row_group_size 100)")


def write(kind: str, folder: Path) -> Path:
    """Write all messages into a store and return its path."""
    path = folder / kind
    if kind == "jsonl":
        write_jsonl(path)
    elif kind == "parquet":
        write_parquet(path)
    else:
        path.mkdir()
        for number, (octets, envelope) in enumerate(messages()):
            if kind == "postfix":
                write_postfix(path / f"{number:06}", octets, envelope)
            else:
                write_exim(path, number, octets, envelope)
    return path


def comparable(row: Row) -> Row:
    """Return what a row must have in common with those of other stores."""
    kept = {name: value for name, value in row.items() if name not in OWN_TO_THE_STORE}
    kept["envelope"] = {**row["envelope"], "sources": None}
    return kept


@pytest.fixture(scope="module")
def expected() -> list[Row]:
    """Return the rows of the messages given by hand."""
    octets = [message for message, _ in messages()]
    envelopes = [Envelope(**envelope) for _, envelope in messages()]
    found = batch(octets, ZONE, envelopes=envelopes, now="received")
    return [comparable(row) for row in found]


@pytest.mark.parametrize("kind", ["jsonl", "parquet", "postfix", "exim"])
def test_every_store_gives_the_same_verdicts(
    kind: str, tmp_path: Path, expected: list[Row]
) -> None:
    path = write(kind, tmp_path)
    found = archive_rows(verifier(ZONE).verify_archive(path, now="received"))
    assert len(found) == len(expected)
    source = "explicit" if kind in {"jsonl", "parquet"} else "spool"
    assert {row["envelope"]["sources"]["client_ip"] for row in found} == {source}
    differing = [
        row["id"] for row, wanted in zip(found, expected, strict=True) if comparable(row) != wanted
    ]
    assert differing == []
