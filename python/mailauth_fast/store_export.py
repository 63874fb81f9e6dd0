"""Rows of a DNS store in the forms that others read: whole histories, or what held at one time.

Knows the forms; must not know where rows come from or go to. Passive DNS: the common output format.
"""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING, Literal

import msgspec

from mailauth_fast.store_rows import txt_strings

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from mailauth_fast.store_rows import StoredRow

ExportForm = Literal["cof", "csv", "json", "jsonl", "mailauth", "zone"]
COLUMNS = ("name", "type", "value", "rcode", "first_seen", "last_seen", "source", "ttl")
ASKED_TYPES = frozenset({"A", "AAAA", "MX", "PTR", "TXT"})
ANSWERS = frozenset({"NOERROR", "NXDOMAIN"})
Mapping = dict[str, dict[str, object]]


def exported(rows: Iterable[StoredRow], form: ExportForm, at: int | None) -> Iterator[str]:
    """Give the lines of an export, each with its end.

    `cof`, `csv` and `jsonl` hold every row (or those that cover `at`), the others what held at
    `at`, or the newest, of each name and type.
    """
    match form:
        case "jsonl":
            yield '{"schema": 1}\n'
            yield from (f"{msgspec.json.encode(row).decode()}\n" for row in _covering(rows, at))
        case "cof":
            for row in _covering(rows, at):
                yield from _cof(row)
        case "csv":
            yield from _csv(_covering(rows, at))
        case "zone":
            yield from _zone(_held(rows, at))
        case "json" | "mailauth":
            mapping = _mapping(_held(rows, at), is_ours=form == "json")
            yield msgspec.json.format(msgspec.json.encode(mapping), indent=1).decode() + "\n"


def _covers(row: StoredRow, at: int) -> bool:
    return (row.first_seen is None or row.first_seen <= at) and (
        row.last_seen is None or at <= row.last_seen
    )


def _covering(rows: Iterable[StoredRow], at: int | None) -> Iterator[StoredRow]:
    return (row for row in rows if at is None or _covers(row, at))


def _held(rows: Iterable[StoredRow], at: int | None) -> list[StoredRow]:
    """Return one row of each name and type, sorted: the newest answer that covers the time."""
    held: dict[tuple[str, str], StoredRow] = {}
    for row in _covering(rows, at):
        place = (row.name, row.record_type)
        known = held.get(place)
        if row.rcode in ANSWERS and (known is None or _age(row) >= _age(known)):
            held[place] = row
    return [held[place] for place in sorted(held)]


def _age(row: StoredRow) -> tuple[int, int]:
    return (
        -1 if row.last_seen is None else row.last_seen,
        -1 if row.first_seen is None else row.first_seen,
    )


def _cof(row: StoredRow) -> Iterator[str]:
    """Passive DNS knows neither denials nor rows without a time."""
    if not row.data or row.first_seen is None or row.last_seen is None:
        return
    value = {
        "rrname": row.name,
        "rrtype": row.record_type,
        "rdata": row.data[0] if row.is_single_record else row.data,
        "time_first": row.first_seen,
        "time_last": row.last_seen,
        "origin": row.source,
    }
    yield msgspec.json.encode(value).decode() + "\n"


def _csv(rows: Iterable[StoredRow]) -> Iterator[str]:
    line = io.StringIO()
    writer = csv.writer(line, lineterminator="\n")
    writer.writerow(COLUMNS)
    for row in rows:
        for text in row.data or [""]:
            times = (row.first_seen, row.last_seen)
            writer.writerow(
                (row.name, row.record_type, text, row.rcode, *times, row.source, row.ttl)
            )
        yield line.getvalue()
        line.seek(0)
        line.truncate()
    yield line.getvalue()


def _zone(rows: list[StoredRow]) -> Iterator[str]:
    aliases = {row.name for row in rows if row.record_type == "CNAME"}
    for row in rows:
        # What an alias leads to stands at the alias's end.
        if row.name in aliases and row.record_type != "CNAME":
            continue
        for text in row.data:
            yield f"{row.name}. {row.ttl or 0} IN {row.record_type} {text}\n"


def _mapping(rows: list[StoredRow], *, is_ours: bool) -> Mapping:
    mapping: Mapping = {}
    for row in rows:
        if row.record_type not in ASKED_TYPES:
            continue
        if row.data:
            values = [_value(row.record_type, text, is_ours=is_ours) for text in row.data]
            mapping.setdefault(row.name, {})[row.record_type] = values
        elif is_ours:
            word = "NXDOMAIN" if row.rcode == "NXDOMAIN" else "NODATA"
            mapping.setdefault(row.name, {})[row.record_type] = word
    return mapping


def _value(record_type: str, text: str, *, is_ours: bool) -> object:
    if record_type == "TXT":
        return [string.decode("utf-8", "replace") for string in txt_strings(text)]
    if record_type == "MX":
        preference, _, host = text.partition(" ")
        exchange = host.rstrip(".")
        if is_ours:
            return [int(preference), exchange]
        return {"exchange": exchange, "priority": int(preference)}
    return text.rstrip(".") if record_type == "PTR" else text
