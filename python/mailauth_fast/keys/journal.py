"""The journal of a recovery: a line for what is asked, then one for each name that is done.

It stands beside the store until the run is complete. A torn last line is a name not done.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Self

import msgspec

from mailauth_fast.errors import UnreadableInput
from mailauth_fast.keys.search import Outcome

if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType

SUFFIX = ".recovery.jsonl"


class Task(msgspec.Struct, frozen=True):
    """What a run was asked: inputs with their sizes and times of change, and the names chosen."""

    inputs: tuple[tuple[str, int, int], ...]
    only: tuple[str, ...]


def journal_of(store: Path) -> Path:
    """Return where the journal of a store stands."""
    return store.with_name(store.name + SUFFIX)


def read_journal(path: Path) -> tuple[Task, list[Outcome]]:
    """Return what a run that stopped was asked and what it has done.

    Raises:
        UnreadableInput: the file is no journal.
    """
    try:
        first, *lines = path.read_bytes().split(b"\n")
        task = msgspec.json.decode(first, type=Task)
        # Behind the last line end stands nothing, or a line that was never finished.
        return task, [msgspec.json.decode(line, type=Outcome) for line in lines[:-1]]
    except msgspec.DecodeError as problem:
        raise UnreadableInput(f"{path}: no journal of keys recover ({problem})") from None


class Journal:
    """A journal being written."""

    def __init__(self, path: Path, task: Task, done: list[Outcome]) -> None:
        """Write anew what is known."""
        self._path = path
        self.is_kept = False
        lines = [msgspec.json.encode(task), *(msgspec.json.encode(outcome) for outcome in done)]
        fresh = path.with_name(path.name + ".new")
        fresh.write_bytes(b"".join(line + b"\n" for line in lines))
        fresh.replace(path)
        self._file = path.open("ab")

    def __enter__(self) -> Self:
        """Write lines."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        problem: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close the file; a run that came to its end needs no journal, unless `is_kept`."""
        self._file.close()
        if kind is None and not self.is_kept:
            self._path.unlink()

    def note(self, outcome: Outcome) -> None:
        """Write down that a name is done."""
        self._file.write(msgspec.json.encode(outcome) + b"\n")
        self._file.flush()
        os.fsync(self._file.fileno())
