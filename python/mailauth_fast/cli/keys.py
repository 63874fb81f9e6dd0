"""`keys recover`: public keys that are gone from DNS, out of the signatures of an archive."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import msgspec
from cyclopts import Parameter

from mailauth_fast import _core
from mailauth_fast.cli.app import is_dash
from mailauth_fast.cli.exits import CommandError, Exit
from mailauth_fast.cli.keys_text import KeyProgress, print_outcomes
from mailauth_fast.cli.progress import RunProgress
from mailauth_fast.cli.terminal import say
from mailauth_fast.keys.arithmetic import fast_arithmetic
from mailauth_fast.keys.audit import StoredKey
from mailauth_fast.keys.journal import Journal, Task, journal_of, read_journal
from mailauth_fast.keys.pair import Sample
from mailauth_fast.keys.recovery import Recovery
from mailauth_fast.keys.search import LONGEST, Outcome, Search
from mailauth_fast.store_rows import key_row

if TYPE_CHECKING:
    from collections.abc import Callable

    from mailauth_fast.keys.search import RecoveredKey

KeyForm = Literal["text", "jsonl"]


@dataclass(frozen=True, kw_only=True)
class Options:
    """The options of `keys recover`."""

    output: Annotated[
        str | None,
        Parameter(name=["-o", "--output"], help="DNS store to write the keys to; may exist"),
    ] = None
    only: Annotated[
        tuple[str, ...],
        Parameter(
            negative="", help="names of keys (s1._domainkey.example.com) or domains; repeats"
        ),
    ] = ()
    resume: Annotated[
        bool, Parameter(negative="", help="go on where a run with the same arguments stopped")
    ] = False
    jobs: Annotated[
        int | None,
        Parameter(name=["--jobs", "-j"], help="processes of 200 MB each; default: all cores"),
    ] = None
    cpu_minutes: Annotated[
        float | None,
        Parameter(help="begin no pair after so many minutes of one core; --resume goes on"),
    ] = None
    form: Annotated[
        KeyForm, Parameter(name="--format", help="text for people, jsonl for programs")
    ] = "text"
    quiet: Annotated[bool, Parameter(name=["--quiet", "-q"], negative="", help="no progress")] = (
        False
    )


DEFAULTS = Options()


def recover(
    *inputs: Annotated[str, Parameter(help="archives as `verify` takes them")],
    options: Annotated[Options, Parameter(name="*")] = DEFAULTS,
) -> int:
    """Recover RSA keys from signatures: two by one key give it, a third confirms it.

    A key of 2048 bits takes about half a minute of one core for each pair of signatures that is
    tried, one of 1024 bits half of that. Keys that the store holds already are not looked for.
    """
    texts = ["-" if is_dash(text) else text for text in inputs]
    store = _checked(texts, options)
    fast_arithmetic()
    task, done = _task(texts, options, store)
    # Opened first: a store that cannot be written must not cost the reading of an archive.
    known = _known_keys(store)
    keys = _core.StoreWriter(store)
    for problem in keys.problems:
        say(problem)
    archive = _core.SignatureArchive(texts)
    try:
        with RunProgress(archive, is_quiet=options.quiet, deed="read") as progress:
            for messages in archive:
                progress.update(messages)
        searches = _searches(archive, options.only, known, done)
        outcomes, left = _recover(searches, keys, options, (task, done))
    finally:
        archive.close()
        keys.close()
    if options.form == "text":
        print_outcomes(outcomes, archive.messages)
    for problem in archive.problems:
        say(problem)
    if archive.problems and not archive.messages:
        return Exit.FATAL
    return Exit.PARTIAL if archive.problems or left else Exit.FINISHED


def _checked(texts: list[str], options: Options) -> Path:
    if not texts:
        raise CommandError("no archive to read; name a file or folder", Exit.USAGE)
    if options.output is None or is_dash(options.output):
        raise CommandError("no store to write keys to; name one with -o STORE", Exit.USAGE)
    if options.jobs is not None and options.jobs < 1:
        raise CommandError(f"--jobs {options.jobs}: use a number of at least 1", Exit.USAGE)
    if options.cpu_minutes is not None and not options.cpu_minutes > 0:
        raise CommandError("--cpu-minutes: use a number above 0", Exit.USAGE)
    return Path(options.output)


def _task(texts: list[str], options: Options, store: Path) -> tuple[Task, list[Outcome]]:
    """Return what is asked and what of it an earlier run has done."""
    facts = []
    for text in texts:
        path = Path(text)
        # A folder's own size and time say little; a missing input is told by whoever reads it.
        is_told = path.is_file()
        status = path.stat() if is_told else None
        facts.append((text, status.st_size, status.st_mtime_ns) if status else (text, 0, 0))
    task = Task(tuple(facts), options.only)
    journal = journal_of(store)
    if not journal.exists():
        return task, []
    if not options.resume:
        sentence = f"{journal}: an earlier run stopped; go on with --resume, or remove this file"
        raise CommandError(sentence, Exit.USAGE)
    earlier, done = read_journal(journal)
    if earlier != task:
        sentence = "--resume: the earlier run had other inputs or another --only; give the same"
        raise CommandError(sentence, Exit.USAGE)
    return task, done


def _known_keys(store: Path) -> dict[str, list[bytes]]:
    """Return the RSA keys of a store by their names; more bits than are looked for are left out."""
    known: dict[str, list[bytes]] = {}
    if not store.exists():
        return known
    for _, lines in _core.StoreKeys(store):
        for line in lines.splitlines():
            key = msgspec.json.decode(line, type=StoredKey)
            if key.modulus and key.exponent and (key.bits or 0) <= LONGEST * 8:
                numbers = (bytes.fromhex(text) for text in (key.modulus, key.exponent))
                names = known.setdefault(f"{key.selector}._domainkey.{key.domain}", [])
                names.append(_core.rsa_key(*numbers))
    return known


def _searches(
    archive: _core.SignatureArchive,
    only: tuple[str, ...],
    known: dict[str, list[bytes]],
    done: list[Outcome],
) -> list[Search]:
    """Return what is to be looked for, the names with the most signatures first."""
    finished = {(outcome.name, outcome.octets) for outcome in done}
    searches = []
    for name in sorted(archive.names(), key=lambda name: (-name[2], name[0], name[1])):
        if name[:2] not in finished and _is_chosen(name[0], only):
            search = _search(archive, *name)
            for der in known.get(search.name, ()):
                search.leave_out(der)
            searches.append(search)
    return searches


def _recover(
    searches: list[Search],
    keys: _core.StoreWriter,
    options: Options,
    state: tuple[Task, list[Outcome]],
) -> tuple[list[Outcome], int]:
    """Return what came of the names, and how many are left."""
    task, done = state
    show = _row_printer(options.form)
    for outcome in done:
        show(outcome)
    outcomes = list(done)
    progress = KeyProgress(outcomes, len(searches) + len(done), is_quiet=options.quiet)
    jobs = options.jobs or os.cpu_count() or 1
    limit = None if options.cpu_minutes is None else options.cpu_minutes * 60
    run = Recovery(searches, jobs, limit, partial(_add, keys), progress.tick)
    try:
        journal_path = journal_of(Path(options.output or ""))
        with Journal(journal_path, task, done) as journal, progress:
            for search in run.run():
                outcome = search.outcome()
                journal.note(outcome)
                outcomes.append(outcome)
                show(outcome)
            journal.is_kept = bool(run.left)
    except KeyboardInterrupt:
        say(f"{len(outcomes):,} names are done; the same command with --resume goes on")
        raise
    if run.left:
        say(f"names left for want of time: {run.left:,}; the same command with --resume goes on")
    return outcomes, run.left


def _search(archive: _core.SignatureArchive, name: str, octets: int, found: int) -> Search:
    samples = [Sample(*parts) for parts in archive.samples(name, octets)]
    return Search(name, found, samples, partial(archive.agreeing, name, octets))


def _is_chosen(name: str, only: tuple[str, ...]) -> bool:
    wanted = [text.lower().rstrip(".") for text in only]
    return not wanted or any(name == text or name.endswith(f".{text}") for text in wanted)


def _add(keys: _core.StoreWriter, search: Search, key: RecoveredKey) -> None:
    seen = (key.first_seen, key.last_seen)
    row = key_row(search.name, key.record, seen, f"recovered:{key.agreeing}")
    keys.add([msgspec.json.encode(row)])
    # It cost much: no loss of power may take it.
    keys.flush()


def _row_printer(form: KeyForm) -> Callable[[Outcome], None]:
    def show(outcome: Outcome) -> None:
        if form == "jsonl":
            sys.stdout.write(msgspec.json.encode(outcome).decode() + "\n")
            sys.stdout.flush()

    return show
