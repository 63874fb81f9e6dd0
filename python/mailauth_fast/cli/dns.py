"""`dns show`: what a DNS store holds, for people and for programs."""

from __future__ import annotations

import sys
from typing import Annotated, Literal

import msgspec
from cyclopts import Parameter

from mailauth_fast import _core
from mailauth_fast.cli.app import is_dash
from mailauth_fast.cli.exits import CommandError, Exit
from mailauth_fast.cli.terminal import printable, say
from mailauth_fast.store_rows import StoredRow, day

Form = Literal["text", "jsonl"]
COLUMNS = "{:<40}  {:<5}  {:<10}  {:<10}  {:>6}  {}"
"""Name, type, first and last day seen, TTL, source: a name may reach over its column."""
INDENT = "    "


def show(
    store: str,
    name: str | None = None,
    *,
    record_type: Annotated[
        str | None, Parameter(name="--type", help="rows of this record type alone")
    ] = None,
    form: Annotated[
        Form, Parameter(name="--format", help="text for people, jsonl for programs")
    ] = "text",
) -> int:
    """Show the rows of a DNS store, or those of one name; times are UTC."""
    if is_dash(store):
        raise CommandError("dns show reads a file, not standard input; name one", Exit.USAGE)
    rows = _core.StoreRows(store, name, record_type)
    read = shown = 0
    for count, lines in rows:
        read += count
        if form == "jsonl":
            sys.stdout.write(lines.decode())
            continue
        for line in lines.splitlines():
            if not shown:
                _print(COLUMNS.format("name", "type", "first seen", "last seen", "ttl", "source"))
            _show_row(msgspec.json.decode(line, type=StoredRow))
            shown += 1
    if form == "text":
        _print(f"{shown:,} of {read:,} rows")
    for problem in rows.problems:
        say(problem)
    return Exit.PARTIAL if rows.problems else Exit.FINISHED


def _show_row(row: StoredRow) -> None:
    ttl = "-" if row.ttl is None else f"{row.ttl}"
    facts = ["alias"] if row.is_alias else []
    if row.ad is not None:
        facts.append("authenticated" if row.ad else "not authenticated")
    source = " ".join([row.source or "-", *facts])
    days = (day(row.first_seen), day(row.last_seen))
    _print(COLUMNS.format(row.name, row.record_type, *days, ttl, source))
    for text in row.data or ["no data" if row.rcode == "NOERROR" else row.rcode]:
        _print(INDENT + text)


def _print(line: str) -> None:
    print(printable(line.rstrip()))
