"""SQLite out: a table of rows with flat columns, nested values as JSON text, and the run's facts.

The same rows give the same octets under the same SQLite: fixed page size, no journal left behind,
transactions of a fixed row count.
"""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from itertools import islice
from typing import TYPE_CHECKING, TypeAlias

import msgspec

from mailauth_fast import _core
from mailauth_fast.errors import UnreadableInput

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

ROWS_A_TRANSACTION = 10_000
PRAGMAS = ("page_size = 4096", "journal_mode = OFF", "synchronous = OFF", "encoding = 'UTF-8'")
"""The file has another name until it is whole, so a journal would protect nobody."""
TYPES = {"text": "TEXT", "count": "INTEGER", "truth": "INTEGER", "time": "INTEGER", "list": "TEXT"}
Value: TypeAlias = str | int | None
Document: TypeAlias = dict[str, object]


def write_sqlite(
    parts: Sequence[Path], target: Path, metadata: list[tuple[str, str]], *, is_flat: bool
) -> None:
    """Write JSONL parts as a database that is complete under its name or not there at all."""
    temporary = target.with_name(f".{target.name}.partial")
    try:
        temporary.unlink(missing_ok=True)
        with closing(sqlite3.connect(temporary, isolation_level=None)) as database:
            _fill(database, parts, metadata, is_flat=is_flat)
        _commit(temporary, target)
    except (OSError, sqlite3.Error) as problem:
        reason = getattr(problem, "strerror", None) or str(problem)
        sentence = f"{target}: cannot be written ({reason.lower()}); choose another -o or make room"
        raise UnreadableInput(sentence) from None
    finally:
        temporary.unlink(missing_ok=True)


def _fill(
    database: sqlite3.Connection,
    parts: Sequence[Path],
    metadata: list[tuple[str, str]],
    *,
    is_flat: bool,
) -> None:
    for pragma in PRAGMAS:
        database.execute(f"PRAGMA {pragma}")
    table = "signatures" if is_flat else "verdicts"
    columns = _core.flat_columns(is_flat)
    described = ", ".join(f'"{"_".join(path)}" {TYPES[kind]}' for path, kind in columns)
    database.execute(f"CREATE TABLE {table} ({described})")
    database.execute("CREATE TABLE metadata (key TEXT PRIMARY KEY, value TEXT) WITHOUT ROWID")
    database.executemany("INSERT INTO metadata VALUES (?, ?)", metadata)
    marks = ", ".join("?" * len(columns))
    insert = f"INSERT INTO {table} VALUES ({marks})"  # noqa: S608 - our own names, no value
    readers = [_reader(path, kind) for path, kind in columns]
    rows = ([read(document) for read in readers] for document in _documents(parts))
    while batch := list(islice(rows, ROWS_A_TRANSACTION)):
        database.execute("BEGIN")
        database.executemany(insert, batch)
        database.execute("COMMIT")


def _documents(parts: Sequence[Path]) -> Iterator[Document]:
    decoder = msgspec.json.Decoder(dict[str, object])
    for part in parts:
        try:
            with part.open("rb") as lines:
                yield from map(decoder.decode, lines)
        except (OSError, msgspec.DecodeError) as problem:
            sentence = f"{part}: this part of the run cannot be used ({problem}); run again"
            raise UnreadableInput(sentence) from None


def _reader(path: list[str], kind: str) -> Callable[[Document], Value]:
    """Return what takes a column's value out of a row."""

    def value(document: Document) -> Value:
        found: object = document
        for name in path:
            found = found.get(name) if isinstance(found, dict) else None
        if kind == "list":
            return msgspec.json.encode(found if isinstance(found, list) else []).decode()
        return found if isinstance(found, str | int) else None

    return value


def _commit(temporary: Path, target: Path) -> None:
    with temporary.open("rb+") as file:
        os.fsync(file.fileno())
    temporary.replace(target)
    folder = os.open(target.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
