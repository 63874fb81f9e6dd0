"""Parts on disk: a run's rows unit by unit, so that a run that was stopped goes on where it was.

Rows are kept piece by piece: a piece is a unit of work, or what was done of one before a stop; of a
file OUT it is all units of a second. Its record is written before the piece gets its name; that
rename is the commit. The pieces of a unit become its part in a folder OUT. A file OUT is put
together from the pieces at the end, but a Parquet file of a run that was not stopped is written as
the rows come, and its pieces are there for the case that the run is stopped.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Self, TypeVar

import msgspec

from mailauth_fast import _core
from mailauth_fast.cli.exits import CommandError, Exit
from mailauth_fast.cli.formats import EXTENSIONS, PART_FORM, Format, assemble
from mailauth_fast.cli.options import reason_of
from mailauth_fast.cli.summary import Counts, add
from mailauth_fast.errors import UnreadableInput

if TYPE_CHECKING:
    from pathlib import Path

    from mailauth_fast.cli.formats import Metadata

ALL = (0, 1)
"""The only shard of an undivided run."""
PIECE_SECONDS = 1.0
"""A file OUT has a piece a second at most: each waits for the disk, and a unit may take a tenth of
it."""


class Position(msgspec.Struct, frozen=True):
    """The last message that is done, among the inputs."""

    input: int
    messages: int
    octet: int
    end: int


class Checkpoint(msgspec.Struct, frozen=True):
    """Where a run goes on: the unit, what is done of it, and the next message."""

    unit: int
    unit_messages: int
    unit_octets: int
    messages: int
    position: Position


class FinishedUnit(msgspec.Struct, frozen=True):
    """A unit, or a piece of one, as the engine tells it; `problems` counts those so far."""

    number: int
    source: str
    is_whole: bool
    first_octet: int
    last_octet: int
    messages: int
    next: Checkpoint
    problems: int


class UnitRecord(msgspec.Struct, frozen=True):
    """What is kept of a piece beside its rows."""

    unit: FinishedUnit
    counts: Counts
    problems: list[str]


class Journal(msgspec.Struct, frozen=True):
    """What a run was asked, and what its input files were: a run that goes on must be the same."""

    arguments: dict[str, str]
    sources: dict[str, tuple[int, int]]


class End(msgspec.Struct, frozen=True):
    """The last word of a run: its pieces, and what was wrong with its inputs behind the last."""

    pieces: int
    problems: list[str]
    is_resolver_broken: bool


@dataclass
class Progressed:
    """What earlier runs have done."""

    rows: int = 0
    counts: Counts = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    checkpoint: Checkpoint | None = None
    is_complete: bool = False
    is_unknown: bool = False
    """The output is whole, but nothing is left that tells what it holds."""
    is_resolver_broken: bool = False

    def add(self, record: UnitRecord) -> None:
        """Count a finished piece."""
        self.rows += record.unit.messages
        add(self.counts, record.counts)
        self.problems += record.problems
        self.checkpoint = record.unit.next


@dataclass(frozen=True, slots=True)
class RowForm:
    """What rows are written as."""

    row_format: Format
    is_flat: bool = False
    is_spreadsheet_safe: bool = False


class Parts:
    """The parts of one run, or of one shard of it, below OUT."""

    is_resumable = True
    kept = 0
    """Rows that are final."""

    def __init__(
        self, target: Path, form: RowForm, metadata: Metadata, shard: tuple[int, int] = ALL
    ) -> None:
        """Look at nothing yet."""
        self._target = target
        self._form = form
        self._format = form.row_format
        self._metadata = metadata
        self._shard, self._shards = shard
        self._is_file = target.suffix in EXTENSIONS
        self._work = target.with_name(f".{target.name}.run") if self._is_file else target / ".run"
        self._name = "run" if shard == ALL else f"run-{shard[0]}-of-{shard[1]}"
        self._writer: _core.Writer | None = None
        self._pieces: list[Path] = []
        """All pieces of the run."""
        self._open_pieces: list[Path] = []
        """Those of the unit in progress."""
        self._unit: int | None = None
        self._has_parts = False
        self._whole: _core.Writer | None = None
        """A file OUT that is written as the rows come."""
        self._is_direct = self._is_file and self._format == "parquet"
        self._finished: UnitRecord | None = None
        """Units whose rows are in the piece in progress."""
        self._piece_rows = 0
        """Rows of the piece in progress."""
        self._piece_begun = time.monotonic()
        self._unsynced: list[Path] = []
        """Records that must be on disk before the first piece is."""
        self._problems_told = 0
        self._lock: int | None = None

    def begin(self, journal: Journal, *, resume: bool, overwrite: bool) -> Progressed:
        """Begin a run, or take up the one that is there.

        Raises:
            CommandError: there is an output that must not be touched, or another run.
        """
        path = self._work / f"{self._name}.json"
        if resume and not path.exists() and self._is_file and self._target.exists():
            shutil.rmtree(self._work, ignore_errors=True)
            return Progressed(is_complete=True, is_unknown=True)
        if not resume and not overwrite:
            self._refuse_existing(path)
        try:
            self._work.mkdir(parents=not self._is_file, exist_ok=True)
            self._take_lock()
            if resume and path.exists():
                self._compare(read_record(path, Journal), journal)
                done = self._finished_units()
                self._is_direct &= not self._pieces
                self.kept = done.rows
                return done
            self._clear()
            write_record(path, journal, is_synced=not self._is_file)
            if self._is_file:
                self._unsynced.append(path)
        except OSError as problem:
            sentence = f"{self._target}: cannot be written ({reason_of(problem)})"
            raise CommandError(f"{sentence}; choose another -o", Exit.FATAL) from None
        return Progressed()

    def _refuse_existing(self, journal: Path) -> None:
        if journal.exists() and not self._end_path().exists():
            sentence = (
                f"{self._target}: an unfinished run is there; give --resume to go on with it,"
                " or --overwrite to begin anew"
            )
            raise CommandError(sentence, Exit.USAGE)
        existing = self._target if self._is_file else next(iter(self._own_parts()), None)
        if existing is not None and existing.exists():
            sentence = f"{existing}: exists already; give --overwrite or another -o"
            raise CommandError(sentence, Exit.USAGE)

    def _own_parts(self) -> list[Path]:
        parts = sorted(self._target.glob("part-*.*")) if self._target.is_dir() else []
        return [
            part
            for part in parts
            if not part.stem[5:].isdigit() or int(part.stem[5:]) % self._shards == self._shard
        ]

    def _take_lock(self) -> None:
        self._lock = os.open(self._work / f"{self._name}.lock", os.O_CREAT | os.O_RDWR)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            sentence = f"{self._target}: another run is writing there; wait for it to end"
            raise CommandError(sentence, Exit.USAGE) from None

    def _compare(self, old: Journal, new: Journal) -> None:
        advice = "give the same to --resume, or --overwrite to begin anew"
        for name in sorted({*old.arguments, *new.arguments}):
            before, now = old.arguments.get(name), new.arguments.get(name)
            if before != now:
                sentence = f"{self._target}: {name} was {before or 'not given'} when the run began"
                sentence = f"{sentence}, now it is {now or 'not given'}; {advice}"
                raise CommandError(sentence, Exit.USAGE)
        for path, facts in old.sources.items():
            if new.sources.get(path) != facts:
                sentence = f"{path}: has changed since the run began; give --overwrite to begin"
                raise CommandError(f"{sentence} anew", Exit.USAGE)

    def _finished_units(self) -> Progressed:
        done = Progressed()
        while (record := self._finished_piece()) is not None:
            done.add(record)
            self._add_piece(record.unit)
        for piece in self._work.glob(f"{self._name}-piece-*"):
            # What lies behind a gap was cut otherwise than the rows that will fill it.
            if int(piece.stem.rpartition("-")[2]) >= len(self._pieces):
                piece.unlink()
        if self._end_path().exists():
            end = read_record(self._end_path(), End)
            # Killed while it took its pieces away, a run has fewer: they are made again.
            if end.pieces == len(self._pieces):
                done.problems += end.problems
                done.is_resolver_broken = end.is_resolver_broken
                done.is_complete = True
            else:
                self._end_path().unlink()
        return done

    def _finished_piece(self) -> UnitRecord | None:
        """Return the record of the next piece, if its rows are there or already in a part."""
        piece = self._next_piece()
        if not piece.with_suffix(".json").exists():
            return None
        record = read_record(piece.with_suffix(".json"), UnitRecord)
        if piece.exists() or (not self._is_file and self._part_path(record.unit.number).exists()):
            return record
        return None

    def _next_piece(self) -> Path:
        form = PART_FORM[self._format]
        return self._work / f"{self._name}-piece-{len(self._pieces):06}.{form}"

    def _add_piece(self, unit: FinishedUnit) -> None:
        if unit.number != self._unit:
            self._end_part()
        piece = self._next_piece()
        self._pieces.append(piece)
        self._open_pieces.append(piece)
        self._unit = unit.number
        if unit.is_whole:
            self._end_part()

    def _end_part(self) -> None:
        """Make the pieces of a unit its part; a file OUT has no parts, its pieces wait."""
        pieces, self._open_pieces = self._open_pieces, []
        if self._unit is None or not pieces or self._is_file:
            return
        self._has_parts = True
        part = self._part_path(self._unit)
        if not part.exists():
            if len(pieces) == 1 and pieces[0].suffix == part.suffix != ".csv":
                pieces[0].replace(part)
            else:
                self._assemble(pieces, part)
        for piece in pieces:
            piece.unlink(missing_ok=True)

    def _clear(self) -> None:
        """Remove what an earlier run left; a file OUT stays until the new one is whole."""
        for pattern in (f"{self._name}-piece-*", f"{self._name}.*json"):
            for path in self._work.glob(pattern):
                path.unlink()
        if not self._is_file:
            for part in self._own_parts():
                part.unlink()

    def _part_path(self, number: int) -> Path:
        return self._target / f"part-{number:08}.{self._format}"

    def _end_path(self) -> Path:
        return self._work / f"{self._name}.end.json"

    def write(self, rows: _core.Rows) -> None:
        """Append rows to the piece in progress."""
        if self._writer is None:
            self._writer = self._new_writer(
                self._next_piece(), PART_FORM[self._format], is_meanwhile=self._is_file
            )
        if self._is_direct and self._whole is None:
            self._whole = self._new_writer(self._target, self._format)
        self._writer.write(rows)
        if self._whole is not None:
            self._whole.write(rows)
        self._piece_rows += len(rows)

    def _new_writer(self, path: Path, form: str, *, is_meanwhile: bool = False) -> _core.Writer:
        return _core.Writer(
            path,
            form,
            self._metadata,
            self._form.is_flat,
            self._form.is_spreadsheet_safe,
            is_meanwhile,
        )

    def end_unit(self, unit: FinishedUnit, counts: Counts, problems: list[str]) -> None:
        """Make the rows of a unit, or of a piece of one, final; those of a file OUT soon."""
        before = self._finished
        if before is not None:
            add(counts := dict(counts), before.counts)
            unit = msgspec.structs.replace(
                unit,
                first_octet=before.unit.first_octet,
                messages=before.unit.messages + unit.messages,
            )
        self._finished = UnitRecord(unit, counts, problems[self._problems_told : unit.problems])
        is_soon = time.monotonic() < self._piece_begun + PIECE_SECONDS
        if not (self._is_file and unit.is_whole and is_soon):
            self._commit()

    def keep(self) -> None:
        """Make the rows of all finished units final, if nothing else is in the piece."""
        if self._finished is not None and self._finished.unit.messages == self._piece_rows:
            self._commit()

    def _commit(self) -> None:
        """Make the piece in progress final."""
        if (record := self._finished) is None:
            return
        for path in self._unsynced:
            sync(path)
        self._unsynced.clear()
        write_record(self._next_piece().with_suffix(".json"), record)
        if self._writer is not None:
            self._writer.close()
            self._writer = None
        self.kept += record.unit.messages
        self._problems_told = record.unit.problems
        self._finished, self._piece_rows = None, 0
        self._piece_begun = time.monotonic()
        self._add_piece(record.unit)

    def complete(self, problems: list[str], *, is_resolver_broken: bool) -> None:
        """Put a file OUT together; the run is at its end."""
        if self._whole is not None:
            self._complete_whole(self._whole)
            return
        self._commit()
        if not self._end_path().exists():
            left = problems[self._problems_told :]
            end = End(len(self._pieces), left, is_resolver_broken)
            write_record(self._end_path(), end)
        self._end_part()
        if self._is_file:
            self._assemble(self._pieces, self._target)
        elif not self._has_parts and self._shards == 1:
            self._assemble([], self._part_path(0))

    def _complete_whole(self, whole: _core.Writer) -> None:
        self._whole = None
        try:
            whole.close()
        except BaseException:
            # What made it fail may be mended, and the rows are there.
            self._commit()
            raise
        if self._writer is not None:
            self._writer.discard()
            self._writer = None

    def _assemble(self, parts: list[Path], target: Path) -> None:
        try:
            assemble(self._format, parts, target, self._metadata, is_flat=self._form.is_flat)
        except OSError as problem:
            reason = reason_of(problem)
            sentence = f"{target}: cannot be written ({reason}); make room, then give --resume"
            raise UnreadableInput(sentence) from problem

    def clean(self) -> None:
        """Take away the working folder of a file OUT that is whole."""
        if self._is_file and self._target.exists():
            # Without it the run is no more one to go on with, however far the removal comes.
            (self._work / f"{self._name}.json").unlink(missing_ok=True)
            shutil.rmtree(self._work, ignore_errors=True)

    def __enter__(self) -> Self:
        """Hold the output."""
        return self

    def __exit__(self, *_: object) -> None:
        """Let another run have the output."""
        if self._whole is not None:
            self._whole.discard()
            self._whole = None
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None


def write_record(path: Path, record: msgspec.Struct, *, is_synced: bool = True) -> None:
    """Write a record behind its digest; it is complete under its name or not there at all."""
    octets = msgspec.json.encode(record)
    temporary = path.with_name(f".{path.name}.partial")
    with temporary.open("wb") as file:
        file.write(_digest(octets) + b"\n" + octets + b"\n")
        file.flush()
        if is_synced:
            os.fsync(file.fileno())
    temporary.replace(path)


def sync(path: Path) -> None:
    """Have a file on disk before going on."""
    number = os.open(path, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)


Record = TypeVar("Record", bound=msgspec.Struct)


def read_record(path: Path, kind: type[Record]) -> Record:
    """Read a record back.

    Raises:
        CommandError: it is not what was written.
    """
    digest, _, octets = path.read_bytes().partition(b"\n")
    try:
        if digest == _digest(octets[:-1]):
            return msgspec.json.decode(octets, type=kind)
    except msgspec.MsgspecError:
        pass
    sentence = f"{path}: the record of the run is damaged or of another version"
    raise CommandError(f"{sentence}; give --overwrite to begin anew", Exit.USAGE)


def _digest(octets: bytes) -> bytes:
    return hashlib.sha256(octets).hexdigest().encode()
