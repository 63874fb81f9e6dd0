"""`dns import`, `export`, `diff`, `merge`, `compact`: stores filled, given away and kept small."""

from __future__ import annotations

import sys
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import msgspec
from cyclopts import Parameter

from mailauth_fast import _core
from mailauth_fast.cli.app import is_dash
from mailauth_fast.cli.exits import CommandError, Exit
from mailauth_fast.cli.options import chosen_time, reason_of
from mailauth_fast.cli.terminal import printable, say
from mailauth_fast.errors import StoreError, UnreadableInput
from mailauth_fast.store_export import ExportForm, exported
from mailauth_fast.store_import import Import, ImportForm
from mailauth_fast.store_rows import Store, StoredRow

if TYPE_CHECKING:
    from collections.abc import Iterator

NAMED_ROWS = 3
"""Bad rows that are named; the others are counted."""
BATCH_ROWS = 4_096
Target = Annotated[
    Path, Parameter(name=["-o", "--output", "--store"], help="the store that is written to")
]
Overwrite = Annotated[bool, Parameter(negative="", help="replace an output that exists")]
Statements = dict[tuple[str, str], set[tuple[str, tuple[str, ...]]]]


def import_rows(
    *files: Annotated[
        Path, Parameter(help="passive DNS, zone files, caches, key archives, tables")
    ],
    output: Target,
    form: Annotated[
        ImportForm | None,
        Parameter(name="--format", help="what the files are; else it is found out"),
    ] = None,
    source: Annotated[str | None, Parameter(help="where the rows say they come from")] = None,
    at: Annotated[
        str | None, Parameter(help="time of what has none: Unix seconds or ISO 8601 with offset")
    ] = None,
    origin: Annotated[str | None, Parameter(help="of a zone file that names none")] = None,
    complete: Annotated[
        bool, Parameter(negative="", help="mailauth's caches: what they lack does not exist")
    ] = False,
) -> int:
    """Add what others publish to a DNS store; rows that cannot be read are named and left out."""
    if not files:
        raise CommandError("nothing to import; name a file", Exit.USAGE)
    moment = _time(at)
    codes = set()
    writer = _core.StoreWriter(output)
    try:
        for problem in writer.problems:
            say(problem)
            codes.add(Exit.PARTIAL)
        for path in files:
            job = Import(path, source, origin, moment, form=form, is_complete=complete)
            try:
                job.read()
                codes.add(_imported(job, writer))
            except UnreadableInput as problem:
                say(str(problem))
                codes.add(Exit.FATAL if len(files) == 1 else Exit.PARTIAL)
    finally:
        writer.close()
    return max(codes, default=Exit.FINISHED)


def _imported(job: Import, writer: _core.StoreWriter) -> Exit:
    """Import one file; what stands before a fault of the whole file is kept."""
    bad: list[str] = []
    added = 0
    found = job.rows()
    while batch := list(islice(found, BATCH_ROWS)):
        rows = [row for row in batch if isinstance(row, StoredRow)]
        bad += [row for row in batch if isinstance(row, str)]
        refused = writer.add([msgspec.json.encode(row) for row in rows])
        bad += [f"{rows[place].name} {rows[place].record_type}: {why}" for place, why in refused]
        added += len(rows) - len(refused)
    print(f"{printable(str(job.path))}: {added:,} rows imported ({job.form})")
    if job.guesses:
        say(f"{job.path}: {job.guesses:,} texts without quotes were taken as one string each")
    if job.is_partial:
        say(f"{job.path}: its end says that it is not whole; what it holds was imported")
    if bad:
        more = "; ..." if len(bad) > NAMED_ROWS else ""
        named = "; ".join(bad[:NAMED_ROWS]) + more
        rows_are = "1 row is" if len(bad) == 1 else f"{len(bad):,} rows are"
        say(f"{job.path}: {rows_are} unreadable and left out ({named}); correct or remove them")
    return Exit.PARTIAL if bad or job.is_partial else Exit.FINISHED


def export_rows(
    store: str,
    name: str | None = None,
    *,
    output: Annotated[
        Path | None, Parameter(name=["-o", "--output"], help="file; else standard output")
    ] = None,
    form: Annotated[
        ExportForm,
        Parameter(
            name="--format",
            help="jsonl, cof, csv: every row; json (as of zone:), mailauth, zone: one time",
        ),
    ] = "jsonl",
    at: Annotated[
        str | None, Parameter(help="only what held at this time: Unix seconds or ISO 8601")
    ] = None,
    overwrite: Overwrite = False,
) -> int:
    """Write the rows of a DNS store, or those of one name, in a form that others read."""
    rows = Store(_named(store), name)
    lines = exported(rows, form, _time(at))
    if output is None:
        for line in lines:
            sys.stdout.write(line)
    else:
        _check_new(output, is_replaced=overwrite)
        _write(output, lines)
    return _told(rows.problems)


def diff_stores(
    a: str,
    b: str,
    *,
    form: Annotated[
        Literal["text", "jsonl"], Parameter(name="--format", help="text for people, jsonl else")
    ] = "text",
) -> int:
    """Compare two DNS stores by what they say of each name and type, whenever they saw it."""
    stores = [Store(_named(a)), Store(_named(b))]
    one, other = (_statements(store) for store in stores)
    counts = {"equal": 0, "only_a": 0, "only_b": 0, "different": 0}
    for place in sorted(one.keys() | other.keys()):
        sides = (one.get(place, set()), other.get(place, set()))
        kind = _kind(*sides)
        counts[kind] += 1
        if kind != "equal":
            _show_difference(place, kind, *sides, form=form)
    if form == "text":
        names = ("equal", "only in A", "only in B", "different")
        facts = zip(names, counts.values(), strict=True)
        print(", ".join(f"{count:,} {words}" for words, count in facts))
    code = _told([problem for store in stores for problem in store.problems])
    if code == Exit.FINISHED and sum(counts.values()) > counts["equal"]:
        return Exit.MATCHED
    return code


def _statements(store: Store) -> Statements:
    said: Statements = {}
    for row in store:
        said.setdefault((row.name, row.record_type), set()).add((row.rcode, tuple(row.data)))
    return said


def _kind(
    one: set[tuple[str, tuple[str, ...]]], other: set[tuple[str, tuple[str, ...]]]
) -> Literal["equal", "only_a", "only_b", "different"]:
    if one == other:
        return "equal"
    if not other:
        return "only_a"
    return "different" if one else "only_b"


def _show_difference(
    place: tuple[str, str],
    kind: str,
    one: set[tuple[str, tuple[str, ...]]],
    other: set[tuple[str, tuple[str, ...]]],
    *,
    form: str,
) -> None:
    sides = {"a": sorted(one - other), "b": sorted(other - one)}
    if form == "jsonl":
        value = {"name": place[0], "type": place[1], "kind": kind, **sides}
        sys.stdout.write(msgspec.json.encode(value).decode() + "\n")
        return
    print(printable(f"{place[0]}  {place[1]}"))
    for mark, said in zip("-+", sides.values(), strict=True):
        for rcode, data in said:
            for text in data or (rcode if rcode != "NOERROR" else "no data",):
                print(printable(f"  {mark} {text}"))


def merge_stores(
    *stores: Annotated[Path, Parameter(help="the stores whose rows are joined")],
    output: Target,
    overwrite: Overwrite = False,
) -> int:
    """Join DNS stores into one; their order makes no difference, and doing it twice neither."""
    if not stores:
        raise CommandError("nothing to merge; name the stores", Exit.USAGE)
    _check_new(output, is_replaced=overwrite)
    return _rewritten(list(stores), output)


def compact_store(
    store: Path,
    *,
    output: Annotated[
        Path | None, Parameter(name=["-o", "--output"], help="another file; else in place")
    ] = None,
    overwrite: Overwrite = False,
) -> int:
    """Write a DNS store anew: what was observed again and again becomes one row."""
    if output is not None:
        _check_new(output, is_replaced=overwrite)
    return _rewritten([store], output or store)


def _rewritten(stores: list[Path], output: Path) -> int:
    read, written, problems = _core.compact(stores, output)
    print(f"{read:,} rows read, {written:,} written")
    return _told(problems)


def _told(problems: list[str]) -> int:
    for problem in problems:
        say(problem)
    return Exit.PARTIAL if problems else Exit.FINISHED


def _named(store: str) -> str:
    if is_dash(store):
        raise CommandError("a DNS store is a file, not standard input; name one", Exit.USAGE)
    return store


def _time(text: str | None) -> int | None:
    if text is None:
        return None
    moment = chosen_time(text)
    if isinstance(moment, str):
        raise CommandError(f"--at {text}: use Unix seconds, or ISO 8601 with an offset", Exit.USAGE)
    return moment


def _check_new(path: Path, *, is_replaced: bool) -> None:
    if path.exists() and not is_replaced:
        raise CommandError(f"{path}: exists; give --overwrite or another name", Exit.USAGE)


def _write(path: Path, lines: Iterator[str]) -> None:
    """Write a file that is whole or not there."""
    part = path.with_name(path.name + ".part")
    try:
        with part.open("w", encoding="utf-8", newline="") as file:
            file.writelines(lines)
        part.replace(path)
    except OSError as problem:
        part.unlink(missing_ok=True)
        raise StoreError(f"{path}: cannot be written ({reason_of(problem)}); make room") from None
