"""Verdict files read back: the id, words and reasons of every row, from any form with rows.

A form is known by the octets of a file, not by its name; a folder is its parts in their order.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

from mailauth_fast import _core
from mailauth_fast.errors import MailauthError, UnreadableInput

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path
    from typing import BinaryIO

Pair = tuple[str, str]
"""A word and its reason."""

SCHEMA_VERSION = 1
"""The newest schema of verdict rows that is understood."""
LINE_OCTETS = 64 << 20
"""Longest line of JSON: a row of a message with every limit reached stays below 1 MB."""
ARRAY_OCTETS = 1 << 30
"""Largest JSON array whose objects do not stand on lines of their own: it is held as a whole."""
PART_SUFFIXES = frozenset({".jsonl", ".json", ".parquet", ".arrow"})
COLUMNAR = (b"PAR1", b"ARROW1", b"\xff\xff\xff\xff")
"""How Parquet, an Arrow file and an Arrow stream begin."""
HEAD_OCTETS = 64


class Check(msgspec.Struct, frozen=True):
    """What a check said."""

    result: str
    reason: str


class Action(msgspec.Struct, frozen=True):
    """What a receiver does."""

    action: str
    reason: str


class Outcome(msgspec.Struct, frozen=True):
    """Every word and reason of a row; `dkim` from the top of the header."""

    error: str | None
    spf: Pair | None
    spf_helo: Pair | None
    dkim: tuple[Pair, ...]
    arc: Pair | None
    dmarc: Pair | None
    disposition: Pair | None

    def checks(self, name: str) -> tuple[Pair, ...]:
        """Return what the check of this name said, as often as it said something."""
        if name == "dkim":
            return self.dkim
        found: Pair | None = getattr(self, name)
        return () if found is None else (found,)


class VerdictRow(msgspec.Struct, frozen=True):
    """The part of a verdict that a comparison needs."""

    id: str
    error: str | None
    spf: Check | None
    spf_helo: Check | None
    dkim: list[Check]
    arc: Check | None
    dmarc: Check | None
    disposition: Action | None

    def outcome(self) -> Outcome:
        """Return the words and reasons, without the id."""
        action = self.disposition
        return Outcome(
            self.error,
            _pair(self.spf),
            _pair(self.spf_helo),
            tuple((check.result, check.reason) for check in self.dkim),
            _pair(self.arc),
            _pair(self.dmarc),
            None if action is None else (action.action, action.reason),
        )


def _pair(check: Check | None) -> Pair | None:
    return None if check is None else (check.result, check.reason)


ROW = msgspec.json.Decoder(VerdictRow)
ROWS = msgspec.json.Decoder(list[VerdictRow])


@dataclass(frozen=True, slots=True)
class VerdictFiles:
    """A verdict file, or a folder of parts."""

    parts: tuple[Path, ...]
    metadata: dict[str, str]
    """Facts of the run that wrote them, as the first part gives them; empty for JSON."""

    def rows(self) -> Iterator[VerdictRow]:
        """Read every row, in bounded memory.

        Raises:
            UnreadableInput: a part cannot be read, or a line of it is no JSON.
            MailauthError: a part holds no verdicts, or those of a newer version.
        """
        for part in self.parts:
            yield from _rows(part)


def open_verdicts(path: Path) -> VerdictFiles:
    """Look at a verdict file or a folder of parts.

    Raises:
        UnreadableInput: it cannot be read.
        MailauthError: it is no verdict file, or one of a newer version.
    """
    try:
        parts = _parts(path) if path.is_dir() else (path,)
        head = _head(parts[0])
    except OSError as problem:
        raise _unreadable(path, problem) from problem
    return VerdictFiles(parts, _columnar(parts[0]).metadata if _is_columnar(head) else {})


def decode_rows(lines: bytes) -> list[VerdictRow]:
    """Read the engine's own JSON lines."""
    return ROW.decode_lines(lines)


def _parts(folder: Path) -> tuple[Path, ...]:
    files = sorted(path for path in folder.iterdir() if path.suffix in PART_SUFFIXES)
    files = [path for path in files if path.is_file() and not path.name.startswith(".")]
    parts = [path for path in files if path.name.startswith("part-")] or files
    if not parts:
        suffixes = ", ".join(sorted(PART_SUFFIXES))
        raise MailauthError(
            f"{folder}: holds no verdict file ({suffixes}); name a folder that verify -o wrote"
        )
    return tuple(parts)


def _head(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(HEAD_OCTETS)


def _is_columnar(head: bytes) -> bool:
    return head.startswith(COLUMNAR)


def _unreadable(path: Path, problem: OSError) -> UnreadableInput:
    reason = (problem.strerror or str(problem)).lower()
    return UnreadableInput(f"{path}: cannot be read ({reason}); check the name")


def _columnar(path: Path) -> _core.VerdictFile:
    file = _core.VerdictFile(path)
    version = file.metadata.get("schema_version", str(SCHEMA_VERSION))
    if not version.isdecimal() or int(version) > SCHEMA_VERSION:
        raise MailauthError(
            f"{path}: has verdicts of schema version {version}, {SCHEMA_VERSION} is the newest"
            " known here; use a newer mailauth-fast"
        )
    return file


def _rows(path: Path) -> Iterator[VerdictRow]:
    try:
        head = _head(path)
        if _is_columnar(head):
            for lines in _columnar(path):
                yield from ROW.decode_lines(lines)
            return
        start = head.lstrip()
        if start[:1] not in {b"{", b"["} and head:
            raise MailauthError(
                f"{path}: is no verdict file, it begins neither as Parquet, Arrow nor JSON;"
                " name what verify -o wrote"
            )
        with path.open("rb") as file:
            yield from _json_rows(path, file, is_array=start.startswith(b"["))
    except OSError as problem:
        raise _unreadable(path, problem) from problem


def _json_rows(path: Path, file: BinaryIO, *, is_array: bool) -> Iterator[VerdictRow]:
    """Read an object a line; an array's objects may stand on lines of their own, or not."""
    count = 0
    for number, line in enumerate(_lines(path, file), 1):
        text = _array_item(line, is_first=number == 1) if is_array else line.strip()
        if not text:
            continue
        try:
            row = ROW.decode(text)
        except msgspec.ValidationError as problem:
            raise _no_verdict(path, problem, f"line {number}") from None
        except msgspec.DecodeError as problem:
            if is_array and count == 0:
                yield from _whole_array(path)
                return
            raise UnreadableInput(
                f"{path}: line {number} cannot be read ({problem}); write the file again"
            ) from None
        count += 1
        yield row


def _lines(path: Path, file: BinaryIO) -> Iterable[bytes]:
    while line := file.readline(LINE_OCTETS + 1):
        if len(line) > LINE_OCTETS:
            raise UnreadableInput(
                f"{path}: has a line of more than {LINE_OCTETS:,} octets; write the file again"
            )
        yield line


def _array_item(line: bytes, *, is_first: bool) -> bytes:
    text = line.strip()
    if is_first:
        text = text.removeprefix(b"[").lstrip()
    if text.endswith((b"}]", b"} ]")) or text == b"]":
        text = text[:-1].rstrip()
    return text.removesuffix(b",")


def _whole_array(path: Path) -> list[VerdictRow]:
    if path.stat().st_size > ARRAY_OCTETS:
        raise UnreadableInput(
            f"{path}: is a JSON array of more than {ARRAY_OCTETS:,} octets without an object a"
            " line; write it with --format jsonl"
        )
    try:
        return ROWS.decode(path.read_bytes())
    except msgspec.ValidationError as problem:
        raise _no_verdict(path, problem, "the array") from None
    except msgspec.DecodeError as problem:
        raise UnreadableInput(
            f"{path}: the JSON cannot be read ({problem}); write the file again"
        ) from None


def _no_verdict(path: Path, problem: msgspec.ValidationError, place: str) -> MailauthError:
    what = str(problem).replace("Object missing", "an object misses the")
    return MailauthError(f"{path}: is no verdict file, {place}: {what}; name what verify -o wrote")
