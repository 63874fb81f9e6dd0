"""What rows are written as: the formats, the parts they are assembled from, the key of pseudonyms.

Columnar formats (`parquet`, `arrow`) hold times as timestamps and objects as structs; text formats
and `sqlite` hold times as Unix seconds. `csv` and `sqlite` have flat columns whose names are joined
by `_` (`spf_result`). In `csv` an empty cell is null or an empty list, `""` an empty text; lists of
texts are joined by `;`, lists of objects (`dkim`) are JSON. In `sqlite` every list is JSON.
`parquet`, `arrow` and `sqlite` carry the facts of the run, the others have no place for them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, Protocol

from mailauth_fast import _core
from mailauth_fast.cli.exits import CommandError, Exit
from mailauth_fast.cli.options import reason_of
from mailauth_fast.cli.sqlite_file import write_sqlite

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

Format = Literal["text", "json", "jsonl", "csv", "parquet", "arrow", "sqlite"]
Metadata = list[tuple[str, str]]
EXTENSIONS: dict[str, Format] = {
    ".json": "json",
    ".jsonl": "jsonl",
    ".csv": "csv",
    ".parquet": "parquet",
    ".arrow": "arrow",
    ".sqlite": "sqlite",
}
PART_FORM: dict[Format, str] = {
    "json": "jsonl",
    "jsonl": "jsonl",
    "csv": "csv",
    "parquet": "parquet",
    "arrow": "parquet",
    "sqlite": "jsonl",
}
"""Form of the parts that a format is assembled from; `text` has no rows."""
STREAMED = frozenset({"json", "jsonl", "csv", "arrow"})
"""Formats that standard output can take; the others need a file that can be entered anywhere."""
KEY_MINIMUM = 16
"""Fewest octets of a key for pseudonyms."""
KEY_MAXIMUM = 65_536
"""Most octets that are read of one: a larger file is no key but a mistake."""


def assemble(
    row_format: Format,
    parts: Sequence[Path],
    target: Path,
    metadata: Metadata,
    *,
    is_flat: bool = False,
) -> None:
    """Write `target` from the parts, in their order; where the rows were cut does not show."""
    if row_format == "sqlite":
        write_sqlite(parts, target, metadata, is_flat=is_flat)
    else:
        _core.assemble(row_format, list(parts), target, metadata, is_flat)


class OctetStream(Protocol):
    """Takes octets."""

    def write(self, octets: bytes, /) -> object:
        """Append octets."""

    def flush(self) -> object:
        """Let them be seen."""


class RowStream:
    """Rows to standard output, in one of the formats that can be streamed."""

    def __init__(
        self,
        row_format: Format,
        stream: OctetStream,
        metadata: Metadata,
        *,
        is_flat: bool = False,
        is_spreadsheet_safe: bool = False,
    ) -> None:
        """Write what goes before the rows."""
        self._format = row_format
        self._stream = stream
        self._is_flat = is_flat
        self._is_spreadsheet_safe = is_spreadsheet_safe
        self._ipc = _core.IpcStream(metadata, is_flat) if row_format == "arrow" else None
        self._has_rows = False
        if row_format == "csv":
            self._stream.write(_core.csv_header(is_flat).encode())

    def write(self, rows: _core.Rows) -> None:
        """Print rows."""
        if self._ipc is not None:
            octets = self._ipc.write(rows)
        elif self._format == "csv":
            octets = rows.csv(self._is_flat, self._is_spreadsheet_safe)
        else:
            octets = rows.jsonl(self._is_flat)
        if self._format == "json" and octets:
            # An array, an object a line: a line end inside a text is always escaped.
            before = b",\n" if self._has_rows else b"[\n"
            octets = before + octets.rstrip(b"\n").replace(b"\n", b",\n")
            self._has_rows = True
        self._stream.write(octets)
        self._stream.flush()

    def close(self) -> None:
        """Print what goes behind the rows; the stream stays open, it is the caller's."""
        if self._ipc is not None:
            self._stream.write(self._ipc.close())
        elif self._format == "json":
            self._stream.write(b"\n]\n" if self._has_rows else b"[]\n")
        self._stream.flush()


def pseudonym_key(path: Path) -> bytes:
    """Read the file that `--pseudonymize` names; all of its octets are the key, also a line end."""
    try:
        with path.open("rb") as file:
            key = file.read(KEY_MAXIMUM + 1)
    except OSError as problem:
        sentence = f"{path}: the key cannot be read ({reason_of(problem)}); check --pseudonymize"
        raise CommandError(sentence, Exit.USAGE) from None
    if not KEY_MINIMUM <= len(key) <= KEY_MAXIMUM:
        sentence = (
            f"{path}: a key has {KEY_MINIMUM} to {KEY_MAXIMUM:,} octets; "
            "make one with: head -c 32 /dev/urandom > KEYFILE"
        )
        raise CommandError(sentence, Exit.USAGE)
    return key
